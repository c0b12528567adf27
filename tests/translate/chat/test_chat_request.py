"""Chat requests as clients send them → the hub."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.chat.request import parse
from gwproxy.translate.hub import (
    Block,
    Cache,
    Call,
    Dialect,
    Identity,
    Media,
    OutputFormat,
    Reasoning,
    Refusal,
    Request,
    Result,
    Sampling,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.wire import seal
from gwproxy.translate.wire.fields import Malformed, Rejected, Unsupported

USER: dict[str, Any] = {"role": "user", "content": "hi"}
PNG = "iVBORw0KGgoAAAANSUhEUg=="
PDF = "JVBERi0xLjQK"
FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION}


def body(*messages: dict[str, Any], **members: Any) -> bytes:
    return json.dumps({"model": "m", "messages": list(messages) or [USER], **members}).encode()


def parsed(*messages: dict[str, Any], **members: Any) -> tuple[Request, list[str]]:
    losses = Losses()
    return parse(body(*messages, **members), losses), list(losses)


def request_of(*messages: dict[str, Any], **members: Any) -> Request:
    request, losses = parsed(*messages, **members)
    assert losses == []
    return request


def blocks_of(message: dict[str, Any]) -> tuple[Block, ...]:
    (turn,) = request_of(message).turns
    return turn.blocks


def complaint(*messages: dict[str, Any], **members: Any) -> str:
    with pytest.raises(Rejected) as caught:
        parse(body(*messages, **members), Losses())
    return str(caught.value)


# --- turns -----------------------------------------------------------------------------------


def test_every_message_is_a_turn_where_it_stands() -> None:
    request = request_of(
        {"role": "system", "content": "s"},
        USER,
        {"role": "assistant", "content": "a"},
        {"role": "developer", "content": "d"},
        {"role": "user", "content": "u"},
        {"role": "user", "content": "v"},
    )
    assert [(turn.role, turn.blocks) for turn in request.turns] == [
        ("system", (Text("s"),)),
        ("user", (Text("hi"),)),
        ("assistant", (Text("a"),)),
        ("system", (Text("d"),)),
        ("user", (Text("u"),)),
        ("user", (Text("v"),)),
    ]


def test_a_tool_loop() -> None:
    request = request_of(
        USER,
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"x": 1.10}'},
                },
                {"id": "b", "type": "custom", "custom": {"name": "patch", "input": "*** B"}},
            ],
        },
        {"role": "tool", "tool_call_id": "b", "content": "done"},
        {"role": "tool", "tool_call_id": "a", "content": ""},
        {"role": "user", "content": "go on"},
    )
    assert request.turns[1:] == (
        Turn(
            "assistant",
            (
                Reasoning("hm"),
                Call("a", "f", '{"x": 1.10}'),
                Call("b", "patch", "*** B", custom=True),
            ),
        ),
        Turn("user", (Result("b", (Text("done"),), custom=True), Result("a"))),
        Turn("user", (Text("go on"),)),
    )


def test_tool_messages_at_the_end_are_a_turn_too() -> None:
    request = request_of(USER, {"role": "tool", "tool_call_id": "a", "content": "r"})
    assert request.turns[-1] == Turn("user", (Result("a", (Text("r"),)),))


def test_what_the_sdk_echoes_is_read_without_a_loss() -> None:
    """`message.model_dump()` of the openai package, sent back as it is."""
    echo = {
        "role": "assistant",
        "content": "a",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": [
            {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
        ],
        "reasoning_content": "hm",
    }
    assert blocks_of(echo) == (Reasoning("hm"), Text("a"), Call("c", "f", ""))


def test_a_refusal_in_history() -> None:
    assert blocks_of({"role": "assistant", "content": None, "refusal": "No."}) == (Refusal("No."),)
    parts = [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "No."}]
    assert blocks_of({"role": "assistant", "content": parts}) == (Text("a"), Refusal("No."))


def test_reasoning_has_two_names() -> None:
    assert blocks_of({"role": "assistant", "content": "a", "reasoning": "hm"}) == (
        Reasoning("hm"),
        Text("a"),
    )


def test_functions_of_the_first_api() -> None:
    request, losses = parsed(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "2"},
        functions=[FUNCTION],
        function_call={"name": "f"},
    )
    assert request.legacy_functions
    assert [tool.name for tool in request.tools] == ["f"]
    assert request.tool_choice == ToolChoice("tool", "f")
    calls = [b for turn in request.turns for b in turn.blocks if isinstance(b, Call)]
    results = [b for turn in request.turns for b in turn.blocks if isinstance(b, Result)]
    assert [call.id for call in calls] == [result.call_id for result in results]
    assert len({call.id for call in calls}) == 2
    assert [result.blocks for result in results] == [(Text("1"),), (Text("2"),)]
    assert losses == []


@pytest.mark.parametrize(("word", "mode"), [("auto", "auto"), ("none", "none")])
def test_function_call_in_a_word(word: str, mode: str) -> None:
    choice = request_of(functions=[FUNCTION], function_call=word).tool_choice
    assert choice is not None and choice.mode == mode


def test_names_of_speakers_are_a_loss() -> None:
    request, losses = parsed({**USER, "name": "ann"})
    assert request.turns == (Turn("user", (Text("hi"),)),)
    assert losses == ["drop:messages.name"]


def test_empty_content_is_no_block() -> None:
    assert blocks_of({"role": "user", "content": ""}) == ()
    assert blocks_of({"role": "user", "content": None}) == ()
    assert blocks_of({"role": "user", "content": [{"type": "text", "text": ""}]}) == ()


# --- parts -----------------------------------------------------------------------------------


def user_part(part: dict[str, Any]) -> Block:
    (block,) = blocks_of({"role": "user", "content": [part]})
    return block


@pytest.mark.parametrize(
    ("url", "media"),
    [
        (f"data:image/png;base64,{PNG}", Media("image", "base64", PNG, "image/png")),
        # The bytes are right, the label is not.
        ("data:image/jpg;base64,AAAA", Media("image", "base64", "AAAA", "image/jpeg")),
        ("data:;base64,AAAA", Media("image", "base64", "AAAA")),
        ("https://example.org/a.png", Media("image", "url", "https://example.org/a.png")),
        ("ms://file-1", Media("image", "url", "ms://file-1")),
    ],
)
def test_images(url: str, media: Media) -> None:
    assert user_part({"type": "image_url", "image_url": {"url": url}}) == media
    assert user_part({"type": "image_url", "image_url": url}) == media


def test_image_detail() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://e.org/a", "detail": "low"}}
    assert user_part(part) == Media("image", "url", "https://e.org/a", detail="low")


@pytest.mark.parametrize(
    ("file", "media"),
    [
        (
            {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"},
            Media("document", "base64", PDF, "application/pdf", "a.pdf"),
        ),
        ({"file_data": PDF}, Media("document", "base64", PDF, "application/pdf")),
        (
            {"file_data": "YSxiCg==", "filename": "a.csv"},
            Media("document", "text", "a,b\n", "text/plain", "a.csv"),
        ),
        ({"file_data": "/w==", "filename": "a"}, Media("document", "base64", "/w==", None, "a")),
        (
            {"file_data": "data:text/csv;base64,YSxiCg==", "filename": "a.csv"},
            Media("document", "text", "a,b\n", "text/plain", "a.csv"),
        ),
        ({"file_id": "file-1"}, Media("document", "file", "file-1")),
    ],
)
def test_files(file: dict[str, str], media: Media) -> None:
    assert user_part({"type": "file", "file": file}) == media


def test_sound() -> None:
    part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    assert user_part(part) == Media("audio", "base64", "AAAA", "audio/wav")


@pytest.mark.parametrize(
    ("mark", "cache"),
    [
        ({"prompt_cache_breakpoint": {"mode": "explicit"}}, Cache()),
        ({"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}, Cache("1h")),
        ({"cache_control": {"type": "ephemeral"}}, Cache()),
        ({"cache_control": {"type": "ephemeral", "ttl": "5m"}}, Cache()),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, Cache("1h")),
    ],
)
def test_cache_marks(mark: dict[str, Any], cache: Cache) -> None:
    assert user_part({"type": "text", "text": "a", **mark}) == Text("a", cache)


# --- reasoning and its seal ------------------------------------------------------------------

SIGNED = Seal("claude", "signature", "Eq…")
REDACTED = Seal("claude", "redacted", "D")


def reasoning_of(visible: str | None, carried: str) -> list[Block]:
    message = {
        "role": "assistant",
        "content": "a",
        "reasoning_content": visible,
        "reasoning_seal": carried,
    }
    return [block for block in blocks_of(message) if isinstance(block, Reasoning)]


def test_the_seal_comes_back_to_its_text() -> None:
    assert reasoning_of("hm", seal.wrap(SIGNED)) == [Reasoning("hm", SIGNED)]


def test_a_text_that_the_client_did_not_see_comes_out_of_the_seal() -> None:
    hidden = Seal("kimi", "text", "")
    assert reasoning_of(None, seal.wrap(hidden, "hm")) == [Reasoning("hm", hidden)]


def test_several_seals_find_their_texts() -> None:
    other = Seal("claude", "signature", "Ex…")
    carried = seal.wrap(SIGNED) + seal.wrap(REDACTED) + seal.wrap(other, "there")
    assert reasoning_of("hm\n\nthere", carried) == [
        Reasoning("hm", SIGNED),
        Reasoning("", REDACTED, hidden=True),
        Reasoning("there", other),
    ]


@pytest.mark.parametrize("carried", ["", "nonsense", "gw1.", "gw1.AAAA", "gw1.%%%"])
def test_a_broken_seal_is_none(carried: str) -> None:
    assert reasoning_of("hm", carried) == [Reasoning("hm")]


# --- tools -----------------------------------------------------------------------------------


def test_tools_keep_the_text_of_their_schemas() -> None:
    raw = (
        b'{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function",'
        b'"function":{"name":"f","description":"d","strict":true,'
        b'"parameters":{"type":"object","maximum":1.10,"z":12345678901234567890123}}}]}'
    )
    (tool,) = parse(raw, Losses()).tools
    assert tool == Tool(
        "f",
        description="d",
        schema='{"type":"object","maximum":1.10,"z":12345678901234567890123}',
        strict=True,
    )


def test_a_tool_without_parameters_takes_none() -> None:
    for function in ({"name": "f"}, {"name": "f", "parameters": None}):
        request = request_of(tools=[{"type": "function", "function": function}])
        assert request.tools == (Tool("f", schema='{"type":"object","properties":{}}'),)


def test_free_form_tools() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}}
    custom = {"name": "patch", "description": "d", "format": grammar}
    request = request_of(
        tools=[
            {"type": "custom", "custom": custom},
            {"type": "custom", "custom": {"name": "free"}},
        ]
    )
    assert request.tools == (
        Tool("patch", "custom", "d", grammar=("lark", "start: X")),
        Tool("free", "custom"),
    )


def test_tools_that_the_provider_runs_stay_as_they_are() -> None:
    native = {"type": "builtin_function", "function": {"name": "$web_search"}}
    request = request_of(tools=[native], web_search_options={})
    search, options = request.tools
    assert (search.name, search.kind, search.native_dialect) == (
        "$web_search",
        "hosted",
        Dialect.CHAT,
    )
    assert json.loads(search.native or "") == native
    assert (options.name, options.native) == ("web_search_options", "{}")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", "f")),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice("tool", "f")),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [TOOL]},
            },
            ToolChoice("any", None, ("f",)),
        ),
    ],
)
def test_tool_choice(choice: Any, expected: ToolChoice) -> None:
    assert request_of(tools=[TOOL], tool_choice=choice).tool_choice == expected


def test_parallel_calls_alone_are_a_choice() -> None:
    request = request_of(tools=[TOOL], parallel_tool_calls=False)
    assert request.tool_choice == ToolChoice("auto", parallel=False)
    assert request_of(tools=[TOOL]).tool_choice is None


# --- the rest --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, Thinking()),
        ({"reasoning_effort": "high"}, Thinking("on", "high")),
        ({"reasoning_effort": "none"}, Thinking("off")),
        ({"thinking": {"type": "enabled"}}, Thinking("on")),
        ({"thinking": {"type": "disabled"}}, Thinking("off")),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            Thinking("budget", budget_tokens=2000),
        ),
        ({"enable_thinking": False}, Thinking("off")),
        ({"chat_template_kwargs": {"enable_thinking": True}}, Thinking("on")),
        ({"chat_template_kwargs": {"thinking": False}}, Thinking("off")),
        ({"reasoning": {"effort": "low"}}, Thinking("on", "low")),
        ({"reasoning_effort": "default"}, Thinking()),
        ({"reasoning_effort": "auto"}, Thinking()),
        ({"reasoning_effort": "ultra"}, Thinking("on", "ultra")),
        ({"reasoning": {"max_tokens": 5000}}, Thinking("budget", budget_tokens=5000)),
        ({"reasoning": {"enabled": True, "exclude": True}}, Thinking("on", show="omitted")),
        ({"include_reasoning": False}, Thinking(show="omitted")),
    ],
)
def test_thinking_under_all_its_names(members: dict[str, Any], expected: Thinking) -> None:
    assert request_of(**members).thinking == expected


def test_limits_and_sampling() -> None:
    request = request_of(
        max_tokens=5,
        max_completion_tokens=7.0,
        temperature=1,
        top_p=0.5,
        top_k=3,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        seed=4,
        stop=["a", ""],
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        service_tier="flex",
        verbosity="low",
        prompt_cache_key="k",
        user="ann",
        n=1,
        logprobs=False,
        store=False,
        modalities=["text"],
    )
    assert request.max_tokens == 7
    assert request.sampling == Sampling(1.0, 0.5, 3, 0.1, 0.2, 4)
    assert request.stop == ("a",)
    assert request.stream and request.include_usage
    assert (request.service_tier, request.verbosity) == ("flex", "low")
    assert request.identity == Identity("ann", None, "k")
    assert request_of(stop="END").stop == ("END",)
    assert request_of(max_tokens=5).max_tokens == 5


def test_a_negative_limit_is_none() -> None:
    request = request_of(max_tokens=-1, top_k=-1)
    assert (request.max_tokens, request.sampling.top_k) == (None, None)


def test_response_formats() -> None:
    schema = {"type": "object"}
    wanted = {"name": "n", "description": "d", "schema": schema, "strict": True}
    request = request_of(response_format={"type": "json_schema", "json_schema": wanted})
    assert request.output_format == OutputFormat(
        "json_schema", '{"type": "object"}', "n", "d", True
    )
    request = request_of(response_format={"type": "json_object"})
    assert request.output_format == OutputFormat("json_object")
    assert request_of(response_format={"type": "text"}).output_format is None


@pytest.mark.parametrize(
    ("members", "loss"),
    [
        ({"store": True}, "drop:store"),
        ({"metadata": {"a": "b"}}, "drop:metadata"),
        ({"logit_bias": {"1": 2}}, "drop:logit_bias"),
        ({"prediction": {"type": "content", "content": ""}}, "drop:prediction"),
        ({"prompt_cache_retention": "24h"}, "drop:prompt_cache_retention"),
        ({"user": "a", "safety_identifier": "b"}, "drop:user"),
        ({"min_p": 0.1}, "drop:min_p"),
        ({"no_such_member": {}}, "drop:no_such_member"),
    ],
)
def test_what_is_left_out_is_named(members: dict[str, Any], loss: str) -> None:
    assert parsed(**members)[1] == [loss]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"moderation": {"model": "x"}}, "moderation"),
    ],
)
def test_another_kind_of_answer_is_refused_by_name(members: dict[str, Any], field: str) -> None:
    with pytest.raises(Unsupported) as caught:
        parsed(**members)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("messages", "members", "words"),
    [
        ([USER, {"role": "user", "content": 3}], {}, "messages[1].content: expected string"),
        ([USER, {"role": "user"}], {}, "messages[1].content: field required"),
        ([{"role": "robot", "content": ""}], {}, "messages[0].role: invalid value 'robot'"),
        ([{"role": "tool", "content": ""}], {}, "messages[0].tool_call_id: field required"),
        (
            [{"role": "user", "content": [{"type": "video_url", "video_url": {}}]}],
            {},
            "messages[0].content[0].type: invalid value 'video_url'",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}],
            {},
            "messages[0].content[0].image_url: expected a base64 data URL",
        ),
        (
            [{"role": "user", "content": [{"type": "file", "file": {}}]}],
            {},
            "messages[0].content[0].file: neither",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"id": "a"}]}],
            {},
            "messages[0].tool_calls[0].function: field required",
        ),
        (
            [{"role": "assistant", "audio": {"id": "a"}}],
            {},
            "messages[0].audio: audio answers",
        ),
        ([], {"messages": []}, "messages: expected at least one"),
        ([], {"tools": [TOOL, {"type": "function"}]}, "tools[1].function: field required"),
        ([], {"tools": [{"type": "function", "function": {"name": 3}}]}, "tools[0].function.name"),
        ([], {"tool_choice": "sometimes"}, "tool_choice: unknown choice"),
        ([], {"tool_choice": {"type": "function"}}, "tool_choice.function.name: field required"),
        ([], {"response_format": {"type": "xml"}}, "response_format.type: unknown format"),
        ([], {"response_format": {"type": "json_schema"}}, "response_format.json_schema: field"),
        ([], {"max_tokens": "many"}, "max_tokens: expected integer"),
        ([], {"max_tokens": 1.5}, "max_tokens: expected integer"),
        ([], {"model": None}, "model: expected string, got null"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    messages: list[dict[str, Any]], members: dict[str, Any], words: str
) -> None:
    assert complaint(*messages, **members).startswith(words)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"model":"m"}',
        b"\xff",
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function",'
        b'"function":{"name":"f","parameters":{"a":"\xff"}}}]}',
        b"[" * 100_000,
    ],
)
def test_hostile_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data, Losses())


def test_text_cut_in_the_middle_of_a_character_is_mended() -> None:
    """Tool output that a client cut off in an emoji (anthropics/claude-code#56064)."""
    raw = b'{"model":"m","messages":[{"role":"user","content":"a\\ud83d"}]}'
    assert parse(raw, Losses()).turns == (Turn("user", (Text("a\ufffd"),)),)


def test_the_members_of_a_message_may_come_in_any_order() -> None:
    raw = (
        b'{"messages":[{"content":[{"image_url":{"url":"https://e.org/a"},"type":"image_url"}],'
        b'"role":"user"}],"model":"m"}'
    )
    assert parse(raw, Losses()).turns[0].blocks == (Media("image", "url", "https://e.org/a"),)
