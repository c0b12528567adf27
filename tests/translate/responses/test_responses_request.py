"""Responses requests: every field is carried, named as a loss, or refused by its name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from gwproxy.translate.hub import (
    Cache,
    Dialect,
    Identity,
    OutputFormat,
    Request,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import repair
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from gwproxy.translate.responses import request
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Rejected, Unsupported
from support.sending import sent

USER = Turn("user", (Text("hi"),))
PLAIN = Quirks(family="up")


def parsed(**fields: Any) -> tuple[Request, list[str]]:
    losses = Losses()
    body = {"model": "m", "input": "hi", **fields}
    return request.parse(jsonio.dumps(body), losses), list(losses)


def rendered(asked_for: Request, quirks: Quirks = PLAIN) -> tuple[dict[str, Any], list[str]]:
    losses = Losses()
    return json.loads(sent(asked_for, Dialect.RESPONSES, quirks, losses)), list(losses)


def test_a_negative_limit_is_none() -> None:
    assert parsed(max_output_tokens=-1)[0].max_tokens is None


def body_of(*turns: Turn, quirks: Quirks = PLAIN, **fields: Any) -> dict[str, Any]:
    return rendered(Request("m", turns or (USER,), **fields), quirks)[0]


# --- parse -------------------------------------------------------------------------------------


def test_the_least_request() -> None:
    asked_for, losses = parsed()
    assert asked_for.turns == (USER,)
    assert asked_for.thinking == Thinking(show="omitted")
    assert losses == []


def test_instructions_come_first() -> None:
    asked_for, _ = parsed(instructions="Be terse.")
    assert asked_for.turns == (Turn("system", (Text("Be terse."),)), USER)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"moderation": {"model": "x"}}, "moderation"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"prompt_cache_options": {"prewarm": True}}, "prompt_cache_options.prewarm"),
        ({"image": {"context_compression": "enabled"}}, "image.context_compression"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
    ],
)
def test_what_would_change_the_answer_is_refused(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(Unsupported) as caught:
        parsed(**fields)
    assert caught.value.field == named


@pytest.mark.parametrize(
    "fields",
    [
        {"background": False},
        {"conversation": None},
        {"top_logprobs": 0},
        {"include": ["reasoning.encrypted_content"]},
        {"stream_options": {"include_obfuscation": False}},
        {"store": True},
        {"truncation": "disabled"},
        {"metadata": None, "access_programs": None, "something_new": None},
        {"metadata": {}},
        {"image": {"context_compression": "auto"}},
    ],
)
def test_what_changes_nothing_is_no_loss(fields: dict[str, Any]) -> None:
    assert parsed(**fields)[1] == []


@pytest.mark.parametrize(
    ("fields", "loss"),
    [
        ({"client_metadata": {"turn_id": "x"}}, "drop:client_metadata"),
        ({"metadata": {"a": "b"}}, "drop:metadata"),
        ({"max_tool_calls": 3}, "drop:max_tool_calls"),
        ({"truncation": "auto"}, "drop:truncation"),
        ({"reasoning": {"mode": "pro"}}, "drop:reasoning.mode"),
        ({"prompt_cache_options": {"mode": "explicit"}}, "drop:prompt_cache_options"),
        ({"something_new": 1}, "drop:something_new"),
        ({"text": {"something": 1}}, "drop:text.something"),
        (
            {"input": [{"type": "compaction_trigger"}, {"role": "user", "content": "x"}]},
            "drop:messages.compaction_trigger",
        ),
        (
            {"input": [{"type": "context_compaction"}, {"role": "user", "content": "x"}]},
            "drop:messages.context_compaction",
        ),
    ],
)
def test_what_tunes_is_a_named_loss(fields: dict[str, Any], loss: str) -> None:
    assert parsed(**fields)[1] == [loss]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "model: field required"),
        (b'{"model":"m"}', "input: field required"),
        (b'{"model":1,"input":"x"}', "model: expected string, got integer"),
        (b'{"model":"m","input":null}', "input: field required"),
        (b'{"model":"m","input":[]}', "input: at least one item is required"),
        (b'{"model":"m","prompt":{"id":"pmpt_1"}}', "prompt: prompt templates are kept"),
        (b'{"model":"m","input":[{"content":"x"}]}', "input[0].type: field required"),
        (b'{"model":"m","input":5}', "input: expected array, got integer"),
        (b'{"model":"m","input":["x"]}', "input[0]: expected object, got string"),
        (
            b'{"model":"m","input":[{"role":"user","content":[{"type":"sound"}]}]}',
            "input[0].content[0].type: invalid value 'sound'",
        ),
        (
            b'{"model":"m","input":[{"role":"robot","content":"x"}]}',
            "input[0].role: expected user, assistant, system or developer",
        ),
        (
            b'{"model":"m","input":[{"type":"function_call","name":"f","arguments":"{}"}]}',
            "input[0].call_id: field required",
        ),
        (b'{"model":"m","input":"x","max_output_tokens":"9"}', "max_output_tokens: "),
        (b'{"model":"m","input":"x","metadata":{"a":1}}', "metadata"),
        (b'{"model":"m","input":"x","max_tool_calls":"3"}', "max_tool_calls: "),
        (b'{"model":"m","input":"x","truncation":"often"}', "truncation: "),
        (b'{"model":"m","input":"x","text":{"format":{"type":"xml"}}}', "text.format.type: "),
        (
            b'{"model":"m","input":"x","text":{"format":{"type":"json_schema"}}}',
            "text.format.schema: field required",
        ),
        (b'{"model":"m","input":"x","tools":[{"type":"function"}]}', "tools[0].name: "),
        (b'{"model":"m","input":"x","tool_choice":"maybe"}', "tool_choice: "),
        (b"[1]", "expected object"),
        (b"nonsense", "not valid JSON"),
    ],
)
def test_what_is_wrong_is_placed(body: bytes, words: str) -> None:
    with pytest.raises(Rejected) as caught:
        request.parse(body, Losses())
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("body", [b"{}", b'{"model":null,"input":null}', b'{"input":[]}'])
def test_of_what_is_counted_anything_may_be_missing(body: bytes) -> None:
    assert request.parse_countable(body, Losses()).turns == ()


@pytest.mark.parametrize(
    ("reasoning", "thinking"),
    [
        ({"effort": "high"}, Thinking("on", "high", show="omitted")),
        ({"effort": "none", "summary": None}, Thinking("off", show="omitted")),
        ({"summary": "auto"}, Thinking(show="summary")),
        ({"generate_summary": "concise"}, Thinking(show="summary")),
        ({"context": "current_turn"}, Thinking(show="omitted", keep_turns=0)),
        ({"context": "all_turns"}, Thinking(show="omitted")),
    ],
)
def test_reasoning(reasoning: dict[str, Any], thinking: Thinking) -> None:
    assert parsed(reasoning=reasoning)[0].thinking == thinking


@pytest.mark.parametrize("hosted", [True, False])
def test_what_only_openai_can_read_goes_to_hosts_that_run_its_tools(hosted: bool) -> None:
    asked_for, _ = parsed(
        input=[
            {"role": "user", "content": "hi"},
            {"type": "computer_call", "id": "c", "call_id": "c"},
            {"type": "web_search_call", "id": "w", "action": {"type": "search", "query": "q"}},
            {"role": "user", "content": "bye"},
        ]
    )
    quirks, found = replace(PLAIN, hosted_tools=hosted), Losses()
    repaired = repair(asked_for, FACTS[Dialect.RESPONSES], quirks, found)
    body, losses = rendered(repaired, quirks)
    losses = [*found, *losses]
    kinds = [item["type"] for item in body["input"]]
    if hosted:
        assert kinds == ["message", "computer_call", "web_search_call", "message"]
        assert losses == []
    else:
        assert kinds == ["message", "message", "message"]
        assert "[web_search" in json.dumps(body["input"][1])
        assert losses == ["drop:messages.computer_call", "emu:messages.web_search_call"]


def test_formats_asked_for() -> None:
    assert parsed(text={"format": {"type": "text"}})[0].output_format is None
    plain = parsed(text={"format": {"type": "json_object"}})[0]
    assert plain.output_format == OutputFormat("json_object")


def test_a_schema_keeps_its_text() -> None:
    body = (
        b'{"model":"m","input":"x","text":{"format":{"type":"json_schema","name":"n",'
        b'"schema":{ "multipleOf": 1.10, "maximum": 12345678901234567890 },"strict":true}}}'
    )
    schema = '{ "multipleOf": 1.10, "maximum": 12345678901234567890 }'
    asked_for = request.parse(body, Losses())
    assert asked_for.output_format == OutputFormat("json_schema", schema, "n", None, True)
    assert schema.encode() in request.render(asked_for, PLAIN, Losses())


def test_who_asks() -> None:
    asked_for, _ = parsed(
        user="u",
        safety_identifier="s",
        prompt_cache_key="thread",
        client_metadata={"session_id": "session"},
    )
    assert asked_for.identity == Identity("s", "session", "thread")


def test_torn_emoji_in_a_tool_output_are_mended() -> None:
    """anthropics/claude-code#56064"""
    body = (
        b'{"model":"m","input":[{"type":"function_call_output","call_id":"c",'
        b'"output":"cut \\ud83d\\u0000"}]}'
    )
    (turn,) = request.parse(body, Losses()).turns
    assert turn.blocks[0].blocks == (Text("cut \ufffd\x00"),)  # type: ignore[union-attr]


# --- render ------------------------------------------------------------------------------------


def test_the_least_rendered_request() -> None:
    assert body_of() == {
        "model": "m",
        "stream": False,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hi"}],
            }
        ],
    }


def test_a_plain_prompt_is_instructions_and_later_ones_stay_where_they_are() -> None:
    system = Turn("system", (Text("a"),))
    body = body_of(system, USER, Turn("system", (Text("b"),)), USER)
    assert body["instructions"] == "a"
    assert [item["role"] for item in body["input"]] == ["user", "developer", "user"]


def test_a_prompt_in_pieces_or_with_a_mark_is_a_message() -> None:
    pieces = body_of(Turn("system", (Text("a"), Text("b"))), USER)
    assert "instructions" not in pieces
    assert [part["text"] for part in pieces["input"][0]["content"]] == ["a", "b"]
    marked = Turn("system", (Text("a", Cache("1h")),))
    body = body_of(marked, USER, quirks=replace(PLAIN, cache_marks=True))
    assert body["input"][0]["content"] == [
        {
            "type": "input_text",
            "text": "a",
            "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"},
        }
    ]


def test_marks_that_the_upstream_does_not_take_are_one_loss() -> None:
    marked = Turn("system", (Text("a", Cache()),))
    asked_for = Request("m", (marked, Turn("user", (Text("b", Cache()),))))
    body, losses = rendered(asked_for, Quirks(cache_marks=False))
    assert body["instructions"] == "a"
    assert losses == ["drop:cache_control"]


def test_limits() -> None:
    body, losses = rendered(
        Request(
            "m",
            (USER,),
            max_tokens=8,
            stop=("END",),
            sampling=Sampling(0.5, 0.9, 40, 0.1, 0.2, 7),
            service_tier="standard_only",
        )
    )
    assert body["max_output_tokens"] == 16
    assert (body["temperature"], body["top_p"]) == (0.5, 0.9)
    assert body["service_tier"] == "default"
    assert losses == [
        "raise:max_tokens=16",
        "drop:top_k",
        "drop:frequency_penalty",
        "drop:presence_penalty",
        "drop:seed",
        "drop:stop",
    ]


@pytest.mark.parametrize(
    ("thinking", "efforts", "effort", "loss"),
    [
        (Thinking("on", "high"), ("low", "high"), "high", []),
        (Thinking("on", "max"), ("low", "high"), "high", ["clamp:reasoning_effort=high"]),
        (Thinking("on", "minimal"), ("low", "high"), "low", ["clamp:reasoning_effort=low"]),
        (Thinking("budget", budget_tokens=4000), ("low", "high"), "low", []),
        (Thinking("budget", budget_tokens=16_384), ("low", "medium"), "medium", []),
        (Thinking("budget", budget_tokens=31_999), ("low", "medium", "high"), "high", []),
        (Thinking("budget", budget_tokens=100_000), ("high", "xhigh"), "xhigh", []),
        (Thinking("on"), ("low",), None, []),
        (Thinking("off"), ("none", "low"), "none", []),
        (Thinking("off"), ("minimal", "low"), "minimal", ["clamp:reasoning_effort=minimal"]),
        (Thinking("on", "high"), (), None, ["drop:reasoning_effort"]),
        (Thinking(), ("low",), None, []),
    ],
)
def test_effort(
    thinking: Thinking, efforts: tuple[str, ...], effort: str | None, loss: list[str]
) -> None:
    body, losses = rendered(
        Request("m", (USER,), thinking=thinking), replace(PLAIN, efforts=efforts)
    )
    assert body.get("reasoning", {}).get("effort") == effort
    assert losses == loss


def test_thoughts_are_asked_for_where_the_client_wants_to_read_them() -> None:
    assert body_of(thinking=Thinking(show="summary"))["reasoning"] == {"summary": "auto"}
    assert "reasoning" not in body_of(thinking=Thinking(show="omitted"))


RUN = Tool("run")


@pytest.mark.parametrize(
    ("forced_tools", "efforts", "choice", "effort", "loss"),
    [
        ("allow", ("none", "high"), "required", "high", []),
        ("no_thinking", ("none", "high"), "required", "none", ["drop:thinking"]),
        ("no_thinking", ("high",), "auto", "high", ["emu:tool_choice"]),
        ("auto", ("none", "high"), "auto", "high", ["emu:tool_choice"]),
    ],
)
def test_a_forced_tool_against_thinking(
    forced_tools: Any, efforts: tuple[str, ...], choice: str, effort: str, loss: list[str]
) -> None:
    asked_for = Request(
        "m",
        (USER,),
        tools=(RUN,),
        tool_choice=ToolChoice("any"),
        thinking=Thinking("on", "high"),
    )
    quirks = replace(PLAIN, forced_tools=forced_tools, efforts=efforts)
    body, losses = rendered(asked_for, quirks)
    assert (body["tool_choice"], body["reasoning"]["effort"]) == (choice, effort)
    assert losses == loss


@pytest.mark.parametrize(
    ("user_id", "sent", "loss"),
    [
        ("keep", "me", []),
        ("hash", "2744ccd10c7533bd736ad890f9dd5cab2adb27b07d500b9493f29cdc420cb2e0", []),
        ("drop", None, ["drop:user"]),
    ],
)
def test_user(user_id: Any, sent: str | None, loss: list[str]) -> None:
    asked_for = Request("m", (USER,), identity=Identity("me"))
    body, losses = rendered(asked_for, replace(PLAIN, user_id=user_id))
    assert body.get("user") == sent
    assert losses == loss


def test_a_long_user_is_hashed() -> None:
    body, _ = rendered(
        Request("m", (USER,), identity=Identity("x" * 65)), replace(PLAIN, user_id="keep")
    )
    assert len(body["user"]) == 64


def test_cache_keys_go_where_they_are_understood() -> None:
    keyed = Request("m", (USER,), identity=Identity(session="s", cache_key="k"))
    body, losses = rendered(keyed, replace(PLAIN, prompt_cache_key=True))
    assert (body["prompt_cache_key"], losses) == ("k", [])
    body, losses = rendered(keyed)
    assert ("prompt_cache_key" in body, losses) == (False, ["drop:prompt_cache_key"])


def test_a_conversation_without_a_name_has_a_cache_key_as_well() -> None:
    quirks = replace(PLAIN, prompt_cache_key=True)

    def key(*turns: Turn, session: str | None = None) -> Any:
        request = Request("m", (USER, *turns), identity=Identity(session=session))
        return rendered(request, quirks)[0]["prompt_cache_key"]

    more = (Turn("assistant", (Text("hello"),)), Turn("user", (Text("go on"),)))
    assert key() == key(*more) != key(session="s") == key(*more, session="s")


def test_formats() -> None:
    assert body_of(output_format=OutputFormat("json_object"))["text"] == {
        "format": {"type": "json_object"}
    }
    form = OutputFormat("json_schema", "{}", None, "d", True)
    assert body_of(output_format=form, verbosity="low")["text"] == {
        "format": {
            "type": "json_schema",
            "name": "response",
            "description": "d",
            "schema": {},
            "strict": True,
        },
        "verbosity": "low",
    }


def test_an_answer_that_was_begun_cannot_be_continued() -> None:
    begun = Request("m", (USER, Turn("assistant", (Text("{"),))), client=FACTS[Dialect.ANTHROPIC])
    with pytest.raises(Unsupported, match="begun"):
        rendered(begun)
    assert (
        rendered(structs.replace(begun, client=FACTS[Dialect.CHAT]))[0]["input"][-1]["role"]
        == "assistant"
    )
