"""The hub's turns → Chat's messages, as strict servers want them."""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.translate.chat.history import render_messages
from gwproxy.translate.hub import (
    Block,
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
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import repair
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS

OPEN = Quirks(family="kimi")
PNG = Media("image", "base64", "iVBORw0KGgo=", "image/png")
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def system(*texts: str) -> Turn:
    return Turn("system", tuple(Text(text) for text in texts))


def user(*blocks: Block | str) -> Turn:
    return Turn("user", tuple(Text(b) if isinstance(b, str) else b for b in blocks))


def assistant(*blocks: Block | str) -> Turn:
    return Turn("assistant", tuple(Text(b) if isinstance(b, str) else b for b in blocks))


def result(call_id: str, *blocks: Block | str, is_error: bool = False) -> Result:
    return Result(call_id, tuple(Text(b) if isinstance(b, str) else b for b in blocks), is_error)


def rendered(*turns: Turn, quirks: Quirks = OPEN) -> tuple[list[dict[str, Any]], list[str]]:
    losses = Losses()
    repaired = repair(Request("m", turns), FACTS[Dialect.CHAT], quirks, losses)
    return render_messages(repaired.turns, quirks, losses), list(losses)


def messages(*turns: Turn, quirks: Quirks = OPEN) -> list[dict[str, Any]]:
    found, losses = rendered(*turns, quirks=quirks)
    assert losses == []
    return found


def function(call_id: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


A, B = Call("a", "f", "{}"), Call("b", "f", "{}")
CALLED = {"role": "assistant", "content": None, "tool_calls": [function("a"), function("b")]}


def tool(call_id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


# --- system ----------------------------------------------------------------------------------


def test_the_prompt_and_later_instructions_stay_where_they_are() -> None:
    assert messages(system("a", "b"), system("c"), user("hi"), system("later")) == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "system", "content": "c"},
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "later"},
    ]


def test_a_host_that_takes_instructions_only_at_the_head() -> None:
    wrapping = Quirks(mid_system="wrap")
    turns = (system("a"), system("b"), user("hi"), system("later"))
    assert rendered(*turns, quirks=wrapping)[0] == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": "hi"},
        {"role": "user", "content": "<system-reminder>\nlater\n</system-reminder>"},
    ]


def test_the_role_and_the_shape_of_the_prompt() -> None:
    quirks = Quirks(system_role="developer", text_parts="parts")
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert messages(system("a", "b"), system("c"), quirks=quirks) == [
        {"role": "developer", "content": parts},
        {"role": "developer", "content": "c"},
    ]


# --- tool results ----------------------------------------------------------------------------


def test_results_follow_their_calls_in_the_order_of_the_calls() -> None:
    assert messages(assistant(A, B), user(result("a", "1"), result("b", "2"), "go on")) == [
        CALLED,
        tool("a", "1"),
        tool("b", "2"),
        {"role": "user", "content": "go on"},
    ]


@pytest.mark.parametrize(
    ("blocks", "content"),
    [
        ((), ""),
        (("a", "b"), "a\nb"),
        (
            (Media("document", "text", "x", "text/plain", "a.txt"),),
            '<document title="a.txt">\nx\n</document>',
        ),
    ],
)
def test_what_a_result_holds(blocks: tuple[Block | str, ...], content: str) -> None:
    assert rendered(assistant(A), user(result("a", *blocks)))[0][1] == tool("a", content)


def test_an_error_says_so() -> None:
    found = messages(
        assistant(A, B), user(result("a", "no", is_error=True), result("b", is_error=True))
    )
    assert found[1:] == [tool("a", "[tool error] no"), tool("b", "[tool error]")]


def test_pictures_of_results_come_after_the_last_result() -> None:
    failed = result("a", "ok", PNG, is_error=True)
    found = messages(assistant(A, B), user(failed, result("b", PNG, PNG), "look"))
    label = "[media 1 of tool result a"
    assert found[1:3] == [
        tool("a", f"[tool error] ok\n{label}: next user message]"),
        tool(
            "b",
            "[media 1 of tool result b: next user message]\n"
            "[media 2 of tool result b: next user message]",
        ),
    ]
    assert found[3]["content"] == [
        {"type": "text", "text": f"{label}]"},
        PNG_PART,
        {"type": "text", "text": "[media 1 of tool result b]"},
        PNG_PART,
        {"type": "text", "text": "[media 2 of tool result b]"},
        PNG_PART,
        {"type": "text", "text": "look"},
    ]


def test_pictures_stay_in_the_result_where_the_upstream_reads_them_there() -> None:
    found = messages(
        assistant(A, B),
        user(result("a", "ok", PNG), result("b", PNG)),
        quirks=Quirks(tool_media=True),
    )
    assert found[1:] == [
        tool("a", [{"type": "text", "text": "ok"}, PNG_PART]),
        tool("b", [PNG_PART]),
    ]


def test_a_picture_of_a_lost_result_is_not_lost() -> None:
    found, _ = rendered(user(result("x", PNG)))
    assert found[0]["content"][-1] == PNG_PART


# --- assistant -------------------------------------------------------------------------------


def test_texts_around_calls() -> None:
    (message, *_) = messages(assistant("a", "b", A, "c"), user(result("a", "1")))
    assert message["content"] == "ab\n\nc"


def test_a_refusal_is_said_in_words() -> None:
    found, losses = rendered(assistant(Refusal("No.")))
    assert found == [{"role": "assistant", "content": "No."}]
    assert losses == ["rename:messages.refusal"]


def test_native_blocks_of_other_dialects() -> None:
    search = Opaque(Dialect.ANTHROPIC, "server_tool_use", "{}", '[web_search "q"]')
    mute = Opaque(Dialect.ANTHROPIC, "fallback", "{}")
    found, losses = rendered(assistant(search, "a", mute))
    assert found == [{"role": "assistant", "content": '[web_search "q"]\n\na'}]
    assert losses == ["emu:messages.server_tool_use", "drop:messages.fallback"]


def test_free_form_calls_are_free_form() -> None:
    call = Call("a", "patch", "*** B", custom=True)
    (message, _) = messages(assistant(call), user(result("a", "1")))
    assert message["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "patch", "input": "*** B"}}
    ]


# --- reasoning -------------------------------------------------------------------------------

THOUGHT = Reasoning("hm", Seal("kimi", "text", ""))


def test_reasoning_goes_back_on_its_own_turn() -> None:
    turns = (assistant(THOUGHT, A), user(result("a", "1")), assistant(THOUGHT, "done"))
    found = messages(*turns)
    assert found[0] == {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": [function("a")],
    }
    assert found[2]["reasoning_content"] == "hm"
    found, _ = rendered(
        *turns, quirks=Quirks(reasoning_in="tool_turns", reasoning_field="reasoning")
    )
    assert found[0]["reasoning"] == "hm"
    assert "reasoning" not in found[2]
    found, _ = rendered(*turns, quirks=Quirks(reasoning_in="none"))
    assert not any("reasoning_content" in message for message in found)


@pytest.mark.parametrize(
    ("reasoning", "sent"),
    [
        (Reasoning("hm"), "hm"),
        (Reasoning("hm", Seal("other", "text", "")), "hm"),
        (Reasoning("hm", Seal("claude", "signature", "SECRET")), "hm"),
        (Reasoning("hm", foreign_signature="SECRET"), "hm"),
        (Reasoning("", Seal("openai", "encrypted", "SECRET", "rs_1")), None),
        (Reasoning("", Seal("claude", "redacted", "SECRET"), hidden=True), None),
    ],
)
def test_another_familys_seal_never_goes_out(reasoning: Reasoning, sent: str | None) -> None:
    (message,), losses = rendered(assistant(reasoning, "a"))
    assert message.get("reasoning_content") == sent
    assert "SECRET" not in str(message)
    assert losses == ([] if sent else ["drop:messages.thinking"])


def test_several_thoughts_are_one_text() -> None:
    (message,) = messages(assistant(THOUGHT, "a", Reasoning("ho")))
    assert message["reasoning_content"] == "hm\n\nho"


# --- user ------------------------------------------------------------------------------------


def test_texts_of_the_user() -> None:
    assert messages(user("a", "b")) == [{"role": "user", "content": "a\n\nb"}]
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    quirks = Quirks(text_parts="parts")
    assert messages(user("a", "b"), quirks=quirks) == [{"role": "user", "content": parts}]
    assert messages(user("a"), quirks=quirks) == [{"role": "user", "content": "a"}]


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (PNG, PNG_PART),
        (
            Media("image", "url", "https://e.org/a", detail="low"),
            {"type": "image_url", "image_url": {"url": "https://e.org/a", "detail": "low"}},
        ),
        (
            Media("audio", "base64", "AAAA", "audio/mp3"),
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        ),
        (
            Media("document", "base64", "JVBE", "application/pdf", "a.pdf"),
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
            },
        ),
    ],
)
def test_media(media: Media, part: dict[str, Any]) -> None:
    quirks = Quirks(documents=True)
    text = {"type": "text", "text": "see"}
    assert messages(user("see", media), quirks=quirks)[0]["content"] == [text, part]


def test_a_documents_context_stands_before_it() -> None:
    document = Media("document", "base64", "JVBE", "application/pdf", "a.pdf", "about it")
    (message,) = messages(user(document), quirks=Quirks(documents=True))
    assert message["content"][0] == {"type": "text", "text": "about it"}
    assert message["content"][1]["type"] == "file"


def test_moonshots_own_file_links_are_no_urls() -> None:
    (message,) = messages(
        user(Media("image", "url", "ms://file-1")), quirks=Quirks(image_urls=False)
    )
    assert message["content"][0]["image_url"]["url"] == "ms://file-1"
