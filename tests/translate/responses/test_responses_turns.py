"""Conversations: items of all kinds into turns, and turns into items that an upstream accepts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gwproxy.translate.hub import (
    Block,
    Cache,
    Call,
    Dialect,
    Media,
    Opaque,
    Reasoning,
    Refusal,
    Request,
    Result,
    Seal,
    Text,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import repair
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS, FACTS
from gwproxy.translate.responses import request
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.fields import Malformed, Unsupported
from support.bridges import bridge_of

PLAIN = Quirks(family="up", documents=True)
CALL = {"type": "function_call", "call_id": "c1", "name": "run", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "done"}


def turns_of(*items: dict[str, Any]) -> tuple[Turn, ...]:
    body = jsonio.dumps({"model": "m", "input": list(items)})
    return request.parse(body, Losses()).turns


def block_of(part: dict[str, Any]) -> Block:
    (turn,) = turns_of({"role": "user", "content": [part]})
    (block,) = turn.blocks
    return block


def items_of(
    *turns: Turn, quirks: Quirks = PLAIN, losses: Losses | None = None
) -> list[dict[str, Any]]:
    given = Losses() if losses is None else losses
    repaired = repair(Request("m", turns), FACTS[Dialect.RESPONSES], quirks, given)
    body = json.loads(request.render(repaired, quirks, given))
    found: list[dict[str, Any]] = body["input"]
    return found


def said(*blocks: Block) -> Turn:
    return Turn("assistant", blocks)


def told(*blocks: Block) -> Turn:
    return Turn("user", blocks)


# --- items -> turns ----------------------------------------------------------------------------


def test_what_the_model_said_in_one_go_is_one_turn() -> None:
    turns = turns_of(
        {"role": "user", "content": "a"},
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
        CALL,
        {**CALL, "call_id": "c2"},
        OUTPUT,
        {**OUTPUT, "call_id": "c2"},
        {"role": "user", "content": "c"},
        {"role": "user", "content": "d"},
    )
    assert [(turn.role, len(turn.blocks)) for turn in turns] == [
        ("user", 1),
        ("assistant", 4),
        ("user", 2),
        ("user", 1),
        ("user", 1),
    ]


def test_calls_one_after_the_other_are_separate_turns() -> None:
    roles = [turn.role for turn in turns_of(CALL, OUTPUT, {**CALL, "call_id": "c2"})]
    assert roles == ["assistant", "user", "assistant"]


def test_developer_messages_stay_where_they_are() -> None:
    turns = turns_of(CALL, {"role": "developer", "content": "now"}, OUTPUT)
    assert [turn.role for turn in turns] == ["assistant", "system", "user"]


@pytest.mark.parametrize("content", ["Hello", [{"type": "input_text", "text": "Hello"}]])
@pytest.mark.parametrize("kind", [{}, {"type": "message"}])
def test_messages_in_every_form(content: Any, kind: dict[str, str]) -> None:
    assert turns_of({**kind, "role": "user", "content": content}) == (told(Text("Hello")),)


def test_an_output_message_of_an_earlier_answer() -> None:
    message = {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [
            {"type": "output_text", "text": "Well.", "annotations": [], "logprobs": []},
            {"type": "refusal", "refusal": "No."},
        ],
    }
    assert turns_of(message) == (said(Text("Well."), Refusal("No.")),)


def test_calls_keep_their_arguments_byte_for_byte() -> None:
    arguments = '{"n": 1.10, "big": 12345678901234567890, "é": "\\u0000"}'
    (turn,) = turns_of({**CALL, "arguments": arguments, "namespace": "ns", "id": "fc_1"})
    assert turn.blocks == (Call("c1", "run", arguments, namespace="ns"),)
    assert items_of(turn)[0]["arguments"] == arguments


def test_free_form_calls_and_their_outputs() -> None:
    turns = turns_of(
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
    )
    assert turns == (
        said(Call("c1", "apply_patch", "*** Begin", custom=True)),
        told(Result("c1", (Text("ok"),), custom=True)),
    )


def test_an_output_in_parts() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_image", "file_id": "f"}]
    (turn,) = turns_of({**OUTPUT, "output": parts})
    assert turn.blocks == (Result("c1", (Text("a"), Media("image", "file", "f"))),)


@pytest.mark.parametrize(
    ("item", "block"),
    [
        (
            {"type": "local_shell_call", "id": "lsh", "call_id": "c1", "status": "completed"}
            | {"action": {"type": "exec", "command": ["ls"], "env": {}}},
            Call("c1", "local_shell", '{"command":["ls"],"env":{}}'),
        ),
        (
            {"type": "shell_call", "call_id": "c1", "action": {"commands": ["pwd"]}},
            Call("c1", "shell", '{"commands":["pwd"]}'),
        ),
        (
            {"type": "apply_patch_call", "call_id": "c1", "status": "completed"}
            | {"operation": {"type": "delete_file", "path": "x"}},
            Call("c1", "apply_patch", '{"type":"delete_file","path":"x"}'),
        ),
        (
            {"type": "tool_search_call", "call_id": "c1", "execution": "client"}
            | {"arguments": {"query": "q"}},
            Call("c1", "tool_search", '{"query":"q"}'),
        ),
        (
            {"type": "local_shell_call_output", "id": "c1", "output": "a.txt"},
            Result("c1", (Text("a.txt"),)),
        ),
        (
            {"type": "shell_call_output", "call_id": "c1", "output": [{"stdout": "x"}]},
            Result("c1", (Text('[{"stdout":"x"}]'),)),
        ),
        (
            {"type": "apply_patch_call_output", "call_id": "c1", "status": "failed"},
            Result("c1", is_error=True),
        ),
    ],
)
def test_typed_tools_are_functions(item: dict[str, Any], block: Block) -> None:
    (turn,) = turns_of(item)
    assert turn.blocks == (block,)


def test_tools_that_items_bring_are_offered() -> None:
    tool = {"type": "function", "name": "late"}
    items = [
        {"type": "additional_tools", "role": "developer", "tools": [tool]},
        {"type": "tool_search_call", "call_id": "c1", "arguments": {}},
        {"type": "tool_search_output", "call_id": "c1", "tools": [tool, {**tool, "name": "found"}]},
    ]
    body = jsonio.dumps({"model": "m", "input": items, "tools": [tool]})
    asked_for = request.parse(body, Losses())
    assert [tool.name for tool in asked_for.tools] == ["late", "found"]
    assert [turn.role for turn in asked_for.turns] == ["assistant", "user"]


@pytest.mark.parametrize(
    ("kind", "role", "words"),
    [
        ("web_search_call", "assistant", '[web_search "q"]'),
        ("computer_call", "assistant", None),
        ("computer_call_output", "user", None),
        ("mcp_approval_response", "user", None),
        ("something_new", "assistant", None),
    ],
)
def test_items_of_this_dialect_alone_travel_as_they_came(
    kind: str, role: str, words: str | None
) -> None:
    item = {"type": kind, "id": "x", "action": {"query": "q"}}
    native = jsonio.dumps(item).decode()
    (turn,) = turns_of(item)
    (block,) = turn.blocks
    assert isinstance(block, Opaque)
    assert (turn.role, block.type, block.native, block.text) == (role, kind, native, words)
    assert items_of(turn) == [item]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (
            {"type": "code_interpreter_call", "code": "1+1", "outputs": [{"logs": "2"}]},
            '[code_interpreter "1+1"]\n2',
        ),
        (
            {
                "type": "file_search_call",
                "queries": ["a"],
                "results": [{"filename": "f.md", "text": "found"}],
            },
            '[file_search ["a"]]\nf.md\nfound',
        ),
        (
            {"type": "mcp_call", "name": "get", "arguments": "{}", "output": "out"},
            '[get "{}"]\nout',
        ),
        ({"type": "program", "code": "1+1", "call_id": "c"}, '[program "1+1"]'),
        ({"type": "program_output", "call_id": "c", "result": "2"}, "2"),
    ],
)
def test_hosted_history_in_words(item: dict[str, Any], words: str) -> None:
    (turn,) = turns_of(item)
    (block,) = turn.blocks
    assert isinstance(block, Opaque)
    assert block.text == words


def test_an_upstream_without_hosted_tools_gets_their_items_in_words_or_not_at_all() -> None:
    losses = Losses()
    items = items_of(
        *turns_of(
            {"role": "user", "content": "a"},
            {"type": "web_search_call", "action": {"query": "q"}},
            {"type": "computer_call", "call_id": "c"},
            {"type": "computer_call_output", "call_id": "c"},
            {"role": "user", "content": "b"},
        ),
        quirks=Quirks(hosted_tools=False),
        losses=losses,
    )
    assert shape(items) == ["user", "assistant", "user"]
    assert items[1]["content"] == [{"type": "output_text", "text": '[web_search "q"]'}]
    assert list(losses) == [
        "emu:messages.web_search_call",
        "drop:messages.computer_call",
        "drop:messages.computer_call_output",
    ]


TASK = {"type": "input_text", "text": "Message Type: NEW_TASK\nSender: /main\nPayload:\n"}


@pytest.mark.parametrize(
    ("item", "role", "words"),
    [
        # With a model that cannot encrypt, Codex leaves the task in clear (openai/codex#33551).
        (
            {
                "type": "agent_message",
                "author": "/main",
                "recipient": "/main/a",
                "content": [TASK, {"type": "encrypted_content", "encrypted_content": "List."}],
            },
            "user",
            "Message Type: NEW_TASK\nSender: /main\nPayload:\nList.",
        ),
        (
            {"type": "agent_message", "author": "/main/x", "content": [{"text": "Done."}]},
            "user",
            "[message of the agent /main/x]\nDone.",
        ),
        ({"type": "memory", "content": [{"type": "input_text", "text": "a"}]}, "user", "a"),
        ({"type": "agent_reasoning", "text": "a"}, "assistant", "a"),
        ({"type": "digest", "summary": ["a", {"text": "b"}]}, "user", "a\nb"),
        ({"type": "not_known_yet", "message": {"content": "a"}}, "user", "a"),
        ({"type": "not_known_yet", "role": "developer", "text": "a"}, "system", "a"),
        ({"type": "not_known_yet", "role": "assistant", "text": "a"}, "assistant", "a"),
        ({"type": "not_known_call", "text": "a"}, "assistant", "a"),
        ({"type": "not_known_yet", "text": " ", "content": [5, {}]}, "assistant", None),
    ],
)
def test_items_that_carry_words_are_said_by_whoever_said_them(
    item: dict[str, Any], role: str, words: str | None
) -> None:
    native = jsonio.dumps(item).decode()
    (turn,) = turns_of(item)
    taken = None if item["type"] == "not_known_call" else "agent_items"
    block = Opaque(Dialect.RESPONSES, str(item["type"]), native, words, taken)  # type: ignore[arg-type]
    assert turn == Turn(role, (block,))  # type: ignore[arg-type]


@pytest.mark.parametrize("upstream", list(DIALECTS))
def test_words_of_agents_reach_every_model(upstream: Dialect) -> None:
    """Also between a call and its output, where hosts take nothing (openai/codex#33551); and what
    has none is named."""
    first, last = ({"type": "agent_message", "content": [{"text": w}]} for w in ("FIRST", "LAST"))
    mute = {"type": "not_known_yet", "wordless": 1}
    items = [{"role": "user", "content": "go"}, CALL, first, OUTPUT, last, mute]
    quirks = Quirks(rebuild=True, agent_items=False)
    bridge = bridge_of(Dialect.RESPONSES, upstream, quirks, stream=False)
    sent = bridge.request(jsonio.dumps({"model": "m", "input": items}))
    assert sent.index(b"done") < sent.index(b"FIRST") < sent.index(b"LAST")
    assert b"wordless" not in sent
    losses = set(bridge.tally.losses)
    assert {"emu:messages.agent_message", "drop:messages.not_known_yet"} <= losses


CIPHERTEXT = "gAAAAAB" + "x_-9" * 20 + "=="


@pytest.mark.parametrize(("sealed", "words"), [("part-B", "part-B"), (CIPHERTEXT, "cannot be")])
def test_a_sealed_part_says_what_stands_in_it_or_that_nobody_can_read_it(
    sealed: str, words: str
) -> None:
    part = {"type": "encrypted_content", "encrypted_content": sealed}
    (turn,) = turns_of({"type": "agent_message", "content": [part]})
    for block in (block_of(part), *turn.blocks):
        assert isinstance(block, Text | Opaque)
        assert words in str(block.text)
        assert CIPHERTEXT not in str(block.text)


def test_a_hosted_result_of_an_odd_shape_says_nothing() -> None:
    (turn,) = turns_of({"type": "mcp_call", "name": "get", "arguments": "{}", "output": 5})
    (block,) = turn.blocks
    assert isinstance(block, Opaque)
    assert block.text == '[get "{}"]'


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"type": "function_call", "call_id": "c"}, r"input\[0\]\.name: field required"),
        ({**CALL, "arguments": 5}, r"input\[0\]\.arguments: expected string, got number"),
        ({"type": "shell_call", "call_id": "c"}, r"input\[0\]\.action: expected object"),
        ({"type": "tool_search_call", "call_id": "c"}, r"input\[0\]\.arguments: expected object"),
    ],
)
def test_calls_that_lack_something(item: dict[str, Any], words: str) -> None:
    with pytest.raises(Malformed, match=words):
        turns_of(item)


def test_a_typed_call_whose_payload_is_text_keeps_it() -> None:
    (turn,) = turns_of({"type": "shell_call", "call_id": "c", "action": "ls"})
    assert turn.blocks == (Call("c", "shell", "ls"),)


# --- thoughts ----------------------------------------------------------------------------------


def thought(**fields: Any) -> Block:
    (turn,) = turns_of({"type": "reasoning", "id": "rs_1", "summary": [], **fields})
    return turn.blocks[0]


def test_our_own_seal_is_opened() -> None:
    sealed = Seal("kimi", "text", "")
    carried = seal.wrap(sealed, "the whole text")
    shown = [{"type": "summary_text", "text": "shown"}]
    assert thought(encrypted_content=carried, summary=shown) == Reasoning("the whole text", sealed)


def test_a_seal_without_text_goes_with_the_summary() -> None:
    sealed = Seal("up", "encrypted", "gAAA", "rs_up")
    shown = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    expected = Reasoning("a\n\nb", sealed)
    assert thought(encrypted_content=seal.wrap(sealed), summary=shown) == expected


def test_redacted_thoughts_stay_hidden() -> None:
    sealed = Seal("claude", "redacted", "ERED")
    assert thought(encrypted_content=seal.wrap(sealed)) == Reasoning("", sealed, hidden=True)


def test_ciphertext_of_nobody_we_know_is_sent_nowhere() -> None:
    foreign = thought(encrypted_content="gAAA", content=None)
    assert foreign == Reasoning("", Seal("", "encrypted", "gAAA", "rs_1"))
    losses = Losses()
    assert len(items_of(said(foreign, Text("x")), losses=losses)) == 1
    assert list(losses) == ["drop:messages.thinking"]


def test_thoughts_in_full_come_before_their_summary() -> None:
    full = [{"type": "reasoning_text", "text": "full"}]
    assert thought(content=full, summary=[{"type": "summary_text", "text": "s"}]) == Reasoning(
        "full"
    )


OWN = Reasoning("s", Seal("up", "encrypted", "gAAA", "rs_up"))


def test_own_thoughts_come_back_as_they_were_sealed() -> None:
    assert items_of(said(OWN, Text("x")))[0] == {
        "type": "reasoning",
        "id": "rs_up",
        "summary": [{"type": "summary_text", "text": "s"}],
        "encrypted_content": "gAAA",
    }
    plain = Reasoning("hm", Seal("up", "text", "", "rs_up"))
    assert items_of(said(plain, Text("x")))[0] == {
        "type": "reasoning",
        "id": "rs_up",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }


@pytest.mark.parametrize(
    "foreign",
    [
        Reasoning("s", Seal("other", "encrypted", "gAAA", "rs_1")),
        Reasoning("s", Seal("up", "signature", "EqQB")),
        Reasoning("s", Seal("up", "text", "")),
        Reasoning("s", foreign_signature="EqQB"),
        Reasoning("s"),
    ],
)
def test_foreign_thoughts_are_neither_sent_nor_said(foreign: Reasoning) -> None:
    """BerriAI/litellm#24985 said them aloud."""
    assert items_of(said(foreign, Text("x"))) == items_of(said(Text("x")))


def test_thoughts_that_led_to_nothing_are_left_out() -> None:
    losses = Losses()
    items = items_of(said(OWN, Text("x"), OWN), losses=losses)
    assert [item["type"] for item in items] == ["reasoning", "message"]
    assert list(losses) == ["drop:messages.thinking"]


@pytest.mark.parametrize(
    ("wanted", "with_call", "without"), [("all", 1, 1), ("tool_turns", 1, 0), ("none", 0, 0)]
)
def test_upstreams_that_want_fewer_thoughts(wanted: Any, with_call: int, without: int) -> None:
    quirks = replace(PLAIN, reasoning_in=wanted)

    def count(turn: Turn) -> int:
        return [item["type"] for item in items_of(turn, quirks=quirks)].count("reasoning")

    assert count(said(OWN, Call("c", "run", "{}"))) == with_call
    assert count(said(OWN, Text("x"))) == without


# --- turns -> items ----------------------------------------------------------------------------


def shape(items: list[dict[str, Any]]) -> list[str]:
    return [item.get("call_id") or item["role"] for item in items]


def test_outputs_follow_their_calls_at_once() -> None:
    calls = said(Call("a", "run", "{}"), Call("b", "run", "{}"))
    losses = Losses()
    late = told(Text("first"), Result("b"), Result("a"))
    assert shape(items_of(calls, late, losses=losses)) == ["a", "b", "a", "b", "user"]
    assert list(losses) == ["reorder:messages.tool_result"]


def test_an_instruction_between_call_and_output_comes_after_both() -> None:
    """lidge-jun/opencodex#4726"""
    turns = (said(Call("a", "run", "{}")), Turn("system", (Text("now"),)), told(Result("a")))
    assert shape(items_of(*turns)) == ["a", "a", "developer"]


def test_a_free_form_calls_output_is_one_whoever_recorded_it() -> None:
    items = items_of(said(Call("a", "p", "x", custom=True)), told(Result("a", (Text("ok"),))))
    assert [item["type"] for item in items] == ["custom_tool_call", "custom_tool_call_output"]


@pytest.mark.parametrize(
    ("result", "output"),
    [
        (Result("a"), ""),
        (Result("a", (Text("x"),)), "x"),
        (Result("a", (Text("x"),), is_error=True), "[tool error] x"),
        (Result("a", (), is_error=True), "[tool error] "),
        (
            Result("a", (ToolReference("Grep"),)),
            "Found, and ready to be called: Grep.",
        ),
        (Result("a", (Opaque(Dialect.ANTHROPIC, "x", "{}", "in words"),)), "in words"),
        (
            Result("a", (Text("x"), Media("image", "base64", "AAAA", "image/png")), is_error=True),
            [
                {"type": "input_text", "text": "[tool error] x"},
                {
                    "type": "input_image",
                    "detail": "auto",
                    "image_url": "data:image/png;base64,AAAA",
                },
            ],
        ),
        (
            Result("a", (Media("image", "file", "f"),), is_error=True),
            [
                {"type": "input_text", "text": "[tool error] "},
                {"type": "input_image", "detail": "auto", "file_id": "f"},
            ],
        ),
    ],
)
def test_outputs(result: Result, output: Any) -> None:
    assert items_of(said(Call("a", "run", "{}")), told(result))[1]["output"] == output


def test_ids_of_items_are_left_out() -> None:
    """A foreign prefix is a 400."""
    turns = turns_of({"role": "user", "content": "x", "id": "msg_1"}, {**CALL, "id": "fc_1"})
    assert all("id" not in item for item in items_of(*turns))


def test_a_call_that_was_cut_is_an_object_in_history() -> None:
    cut = said(Call("a", "write", '{"path":"x","content":"ab'))
    assert items_of(cut)[0]["arguments"] == '{"path":"x"}'


def test_an_empty_turn_of_the_user_stays_one() -> None:
    assert shape(items_of(told())) == ["user"]


def test_a_refusal_in_a_users_turn_is_text() -> None:
    assert items_of(told(Refusal("no")))[0]["content"] == [{"type": "input_text", "text": "no"}]


@pytest.mark.parametrize("turn", [told(Reasoning("hm")), said(Result("a"))])
def test_blocks_in_the_wrong_place_are_refused(turn: Turn) -> None:
    with pytest.raises(Unsupported, match="cannot stand"):
        items_of(turn)


def test_foreign_blocks() -> None:
    worded = Opaque(Dialect.ANTHROPIC, "server_tool_use", "{}", '[web_search "q"]')
    silent = Opaque(Dialect.ANTHROPIC, "fallback", "{}")
    losses = Losses()
    items = items_of(said(worded, silent, Text("x")), told(worded), losses=losses)
    assert items[0]["content"][0]["text"] == '[web_search "q"]'
    assert shape(items) == ["assistant", "assistant", "user"]
    assert list(losses) == ["emu:messages.server_tool_use", "drop:messages.fallback"]
    with pytest.raises(Unsupported, match="fallback"):
        items_of(told(silent))


# --- content -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
            Media("image", "base64", "AAAA", "image/png", detail="high"),
        ),
        (
            {"type": "input_image", "image_url": "https://x.test/a.png"},
            Media("image", "url", "https://x.test/a.png"),
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "JVBERi0xLg=="},
            Media("document", "base64", "JVBERi0xLg==", "application/pdf", "a.pdf"),
        ),
        (
            {"type": "input_file", "file_data": "data:text/plain;charset=utf-8;base64,aGk="},
            Media("document", "text", "hi", "text/plain"),
        ),
        (
            {"type": "input_file", "file_url": "https://x.test/a.pdf"},
            Media("document", "url", "https://x.test/a.pdf"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            Media("audio", "base64", "AAAA", "audio/wav"),
        ),
        (
            {"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}},
            Text("x", Cache()),
        ),
    ],
)
def test_content_parts(part: dict[str, Any], block: Block) -> None:
    assert block_of(part) == block


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "input_image"}, "expected image_url or file_id"),
        ({"type": "input_image", "image_url": "data:image/png,raw"}, "expected a base64 data URL"),
        ({"type": "input_file", "filename": "x"}, "expected file_data, file_url or file_id"),
        (
            {"type": "input_file", "file_data": "data:text/plain;base64,/w=="},
            "expected base64 of UTF-8 text",
        ),
    ],
)
def test_content_that_cannot_be_read(part: dict[str, Any], words: str) -> None:
    with pytest.raises(Malformed, match=words):
        block_of(part)


@pytest.mark.parametrize(
    ("block", "quirks"),
    [
        (Media("image", "base64", "AAAA", "image/png"), {"vision": False}),
        (Media("image", "url", "https://x.test/a.png"), {"image_urls": False}),
        (Media("document", "base64", "AAAA", "application/pdf"), {"documents": False}),
        (Media("audio", "base64", "AAAA", "audio/wav"), {}),
    ],
)
def test_what_the_upstream_cannot_read_is_refused(block: Block, quirks: dict[str, Any]) -> None:
    """Left out in silence, the model would make it up."""
    with pytest.raises(Unsupported):
        items_of(told(block), quirks=replace(PLAIN, **quirks))


def test_the_detail_of_a_document_is_kept() -> None:
    document = Media("document", "file", "f", detail="high")
    assert items_of(told(document))[0]["content"] == [
        {"type": "input_file", "detail": "high", "file_id": "f"}
    ]


def test_a_documents_context_stands_before_it() -> None:
    document = Media("document", "url", "https://x.test/a.pdf", context="about it")
    assert items_of(told(document))[0]["content"] == [
        {"type": "input_text", "text": "about it"},
        {"type": "input_file", "file_url": "https://x.test/a.pdf"},
    ]
