"""The order of turns that an Anthropic upstream accepts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.anthropic import request
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Opaque,
    Reasoning,
    Request,
    Result,
    Seal,
    Text,
    Thinking,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import repair
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS

PLAIN = Quirks(family="kimi", mid_system="wrap")
CLAUDE = Quirks(
    family="claude", signed_thinking=True, tool_extras=True, tool_references=True, documents=True
)


def rendered(
    *turns: Turn, quirks: Quirks = PLAIN, lost: tuple[str, ...] | None = None, **more: Any
) -> Any:
    losses = Losses()
    wanted = Request("m", turns, max_tokens=9000, client=FACTS[Dialect.ANTHROPIC], **more)
    repaired = repair(wanted, FACTS[Dialect.ANTHROPIC], quirks, losses)
    data = request.render(repaired, quirks, losses)
    assert lost is None or tuple(losses) == lost
    return json.loads(data)


def outline(body: Any) -> list[str]:
    """One line a message: its role and what is in it."""
    return [f"{m['role']}: {' '.join(map(_brief, m['content']))}" for m in body["messages"]]


def _brief(block: dict[str, Any]) -> str:
    match block["type"]:
        case "text":
            return json.dumps(block["text"])
        case "tool_use":
            return f"call {block['id']}"
        case "tool_result":
            return f"result {block['tool_use_id']}"
    return str(block["type"])


def user(*blocks: Block | str) -> Turn:
    return Turn("user", tuple(Text(b) if isinstance(b, str) else b for b in blocks))


def assistant(*blocks: Block | str) -> Turn:
    return Turn("assistant", tuple(Text(b) if isinstance(b, str) else b for b in blocks))


def system(*texts: str) -> Turn:
    return Turn("system", tuple(map(Text, texts)))


def call(name: str) -> Call:
    return Call(name, "Bash", "{}")


# --- the prompt and later system turns -----------------------------------------------------------


def test_leading_system_turns_are_the_prompt_block_by_block() -> None:
    body = rendered(system("a", "b"), system("c"), user("x"))

    assert [block["text"] for block in body["system"]] == ["a", "b", "c"]
    assert outline(body) == ['user: "x"']


def test_a_later_system_turn_is_wrapped_and_never_hoisted() -> None:
    body = rendered(user("u1"), assistant("a1"), system("d"), user("u2"))

    assert "system" not in body
    assert outline(body) == [
        'user: "u1"',
        'assistant: "a1"',
        'user: "<system-reminder>\\nd\\n</system-reminder>" "u2"',
    ]


def test_a_system_turn_after_results_follows_them() -> None:
    """Claude Code ends its requests that way."""
    turns = (user("u"), assistant(call("a")), user(Result("a")), system("s"))

    assert outline(rendered(*turns))[-1] == (
        'user: result a "<system-reminder>\\ns\\n</system-reminder>"'
    )


@pytest.mark.parametrize(
    ("turns", "outlined"),
    [
        ((user("u"), system("s")), ['user: "u"', 'system: "s"']),
        (
            (user("u"), system("s"), system("t"), assistant("a"), user("v")),
            ['user: "u"', 'system: "s" "t"', 'assistant: "a"', 'user: "v"'],
        ),
        (
            (user("u"), system("s"), user("v")),
            ['user: "u" "<system-reminder>\\ns\\n</system-reminder>" "v"'],
        ),
        (
            (user("u"), assistant("a"), system("s"), user("v")),
            [
                'user: "u"',
                'assistant: "a"',
                'user: "<system-reminder>\\ns\\n</system-reminder>" "v"',
            ],
        ),
    ],
)
def test_where_the_upstream_knows_system_messages(
    turns: tuple[Turn, ...], outlined: list[str]
) -> None:
    assert outline(rendered(*turns, quirks=CLAUDE)) == outlined


# --- turns of one role ---------------------------------------------------------------------------


def test_neighbours_of_one_role_are_one_message() -> None:
    body = rendered(user("a"), user("b"), assistant("c"), assistant("d"), user("e"))

    assert outline(body) == ['user: "a" "b"', 'assistant: "c" "d"', 'user: "e"']


@pytest.mark.parametrize("turns", [(), (system("s"),), (assistant("a"), user("b"))])
def test_the_first_message_is_a_users(turns: tuple[Turn, ...]) -> None:
    body = rendered(*turns, lost=("synth:messages",))

    assert outline(body)[0] == 'user: "(no content)"'


def test_blank_text_is_left_out() -> None:
    body = rendered(user("", "  \n", "a"), assistant(""), user(""), assistant(" ", "b"), user("c"))

    assert outline(body) == ['user: "a" "(no content)"', 'assistant: "b"', 'user: "c"']


def test_the_beginning_of_an_answer_is_continued() -> None:
    body = rendered(user("u"), assistant("The answer is \n"))

    assert outline(body) == ['user: "u"', 'assistant: "The answer is"']


# --- calls and results ---------------------------------------------------------------------------


def test_results_in_turns_of_their_own_are_one_message() -> None:
    turns = (
        user("u"),
        assistant(call("a"), call("b")),
        user(Result("b")),
        user(Result("a")),
        user("go"),
    )

    assert outline(rendered(*turns))[-1] == 'user: result a result b "go"'


def test_calls_of_two_neighbouring_turns_are_answered_together() -> None:
    turns = (user("u"), assistant(call("a")), assistant(call("b")), user(Result("a"), Result("b")))

    assert outline(rendered(*turns))[1:] == ["assistant: call a call b", "user: result a result b"]


# --- thoughts ------------------------------------------------------------------------------------

OWN = Reasoning("own", Seal("claude", "signature", "S"))
PLAIN_TEXT = Reasoning("plain", Seal("kimi", "text", ""))
UNKNOWN = Reasoning("unknown", foreign_signature="EqQB")
ENCRYPTED = Reasoning("summary", Seal("openai", "encrypted", "E"))
UNSIGNED = Reasoning("unsigned")
REDACTED = Reasoning("", Seal("claude", "redacted", "D"), hidden=True)
FOREIGN_REDACTED = Reasoning("", foreign_signature="R", hidden=True)
THOUGHTS = (OWN, PLAIN_TEXT, UNKNOWN, ENCRYPTED, UNSIGNED, REDACTED, FOREIGN_REDACTED)


def thoughts(quirks: Quirks, *blocks: Block, lost: tuple[str, ...] | None = None) -> list[Any]:
    turns = (user("u"), assistant(*blocks, "a"), user("v"))
    body = rendered(*turns, quirks=quirks, lost=lost)
    return [block for block in body["messages"][1]["content"] if block["type"] != "text"]


def test_real_claude_gets_back_what_it_signed_and_nothing_else() -> None:
    assert thoughts(CLAUDE, *THOUGHTS, lost=("drop:messages.thinking",)) == [
        {"type": "thinking", "thinking": "own", "signature": "S"},
        {"type": "thinking", "thinking": "unknown", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "D"},
        {"type": "redacted_thinking", "data": "R"},
    ]


def test_others_get_the_words_without_anybodys_seal() -> None:
    """farion1231/cc-switch#3377: Kimi wants unsigned thoughts back, and never checks one."""
    assert thoughts(PLAIN, *THOUGHTS, lost=("drop:messages.thinking",)) == [
        {"type": "thinking", "thinking": "own", "signature": ""},
        {"type": "thinking", "thinking": "plain", "signature": ""},
        {"type": "thinking", "thinking": "unknown", "signature": "EqQB"},
        {"type": "thinking", "thinking": "summary", "signature": ""},
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
    ]


def test_an_upstreams_own_signature_returns_to_it() -> None:
    quirks = Quirks(family="kimi")
    block = Reasoning("t", Seal("kimi", "signature", "K"))

    assert thoughts(quirks, block) == [{"type": "thinking", "thinking": "t", "signature": "K"}]
    assert thoughts(quirks, Reasoning("", Seal("kimi", "signature", "K"))) == [
        {"type": "thinking", "thinking": "", "signature": "K"}
    ]


def test_an_upstream_that_wants_no_thoughts_gets_none() -> None:
    quirks = Quirks(reasoning_in="none")

    assert thoughts(quirks, PLAIN_TEXT, lost=("drop:messages.thinking",)) == []


def test_thoughts_of_turns_with_calls_only() -> None:
    quirks = Quirks(reasoning_in="tool_turns")
    turns = (
        user("u"),
        assistant(UNSIGNED, call("a")),
        user(Result("a")),
        assistant(UNSIGNED, "b"),
        user("v"),
    )
    body = rendered(*turns, quirks=quirks, lost=("drop:messages.thinking",))

    assert outline(body)[1] == "assistant: thinking call a"
    assert outline(body)[3] == 'assistant: "b"'


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(None, ["1", "2", "2b", "3"]), (2, ["1", "2", "2b", "3"]), (1, ["2", "2b", "3"]), (0, ["3"])],
)
def test_how_many_turns_keep_their_thoughts(keep: int | None, kept: list[str]) -> None:
    turns = (
        user("u"),
        assistant(Reasoning("1"), "x"),
        user("v"),
        assistant(Reasoning("2"), call("a")),
        user(Result("a"), "reminder"),
        assistant(Reasoning("2b"), "x"),
        user("w"),
        assistant(Reasoning("3"), call("b")),
        user(Result("b")),
    )
    body = rendered(*turns, thinking=Thinking(keep_turns=keep))

    found = [b for m in body["messages"] for b in m["content"] if b["type"] == "thinking"]
    assert [block["thinking"] for block in found] == kept


def test_a_placeholder_where_the_upstream_refuses_calls_without_a_thought() -> None:
    quirks = Quirks(reasoning_placeholder=" ")
    turns = (user("u"), assistant("a", call("x")), user(Result("x")), assistant("b"), user("v"))
    body = rendered(*turns, quirks=quirks, lost=("synth:messages.thinking",))

    assert body["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": " ",
        "signature": "",
    }
    assert outline(body)[3] == 'assistant: "b"'
    without = rendered(*turns, quirks=quirks, thinking=Thinking("off"))
    assert outline(without)[1] == 'assistant: "a" call x'


LOOP = (user("u"), assistant(PLAIN_TEXT, call("a")), user(Result("a")))


def test_manual_thinking_is_off_for_a_loop_whose_thought_cannot_be_sent() -> None:
    """The API's 400: expected `thinking`, but found `tool_use`."""
    manual = Thinking("budget", budget_tokens=2048)
    lost = ("drop:messages.thinking", "drop:thinking")
    body = rendered(*LOOP, quirks=CLAUDE, thinking=manual, lost=lost)

    assert body["thinking"] == {"type": "disabled"}
    assert outline(body)[1] == "assistant: call a"
    own = (user("u"), assistant(OWN, call("a")), user(Result("a")))
    assert rendered(*own, quirks=CLAUDE, thinking=manual)["thinking"]["type"] == "enabled"
    after_it = (*LOOP, assistant("done"), user("next"))
    asked = rendered(*after_it, quirks=CLAUDE, thinking=manual, lost=("drop:messages.thinking",))
    assert asked["thinking"]["type"] == "enabled"


# --- native blocks -------------------------------------------------------------------------------


def test_native_blocks_go_home_or_are_said_in_words() -> None:
    native = '{"type":"web_search_tool_result","content":[]}'
    block = Opaque(Dialect.ANTHROPIC, "web_search_tool_result", native, "(no output)")
    silent = Opaque(Dialect.ANTHROPIC, "container_upload", '{"type":"container_upload"}')
    turns = (user("u"), assistant(block, silent, "a"), user("v"))

    at_home = rendered(*turns, quirks=CLAUDE)
    assert at_home["messages"][1]["content"][0] == json.loads(native)
    elsewhere = rendered(
        *turns, lost=("emu:messages.web_search_tool_result", "drop:messages.container_upload")
    )
    assert outline(elsewhere)[1] == 'assistant: "(no output)" "a"'
