"""The hub's turns → Chat's messages, as strict servers want them."""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.translate.chat.messages import (
    render_messages,
    system_turn_appended,
    without_old_reasoning,
)
from gwproxy.translate.fields import Unsupported
from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Media,
    Opaque,
    Reasoning,
    Refusal,
    Result,
    Seal,
    Text,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners

OPEN = Manners(family="kimi")
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


def rendered(*turns: Turn, manners: Manners = OPEN) -> tuple[list[dict[str, Any]], list[str]]:
    losses = Losses()
    return render_messages(turns, manners, losses), list(losses)


def messages(*turns: Turn, manners: Manners = OPEN) -> list[dict[str, Any]]:
    found, losses = rendered(*turns, manners=manners)
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
    wrapping = Manners(mid_system="wrap")
    turns = (system("a"), system("b"), user("hi"), system("later"))
    assert messages(*turns, manners=wrapping) == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": "hi"},
        {"role": "user", "content": "<system-reminder>\nlater\n</system-reminder>"},
    ]


def test_the_role_and_the_shape_of_the_prompt() -> None:
    manners = Manners(system_role="developer", text_parts="parts")
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert messages(system("a", "b"), system("c"), manners=manners) == [
        {"role": "developer", "content": parts},
        {"role": "developer", "content": "c"},
    ]


def test_empty_instructions_are_no_message() -> None:
    turns = (system(""), user("hi"), system(""))
    assert messages(*turns) == [{"role": "user", "content": "hi"}]
    assert messages(*turns, manners=Manners(mid_system="wrap")) == messages(*turns)


def test_one_more_instruction_goes_behind_the_prompt() -> None:
    turns = system_turn_appended((system("a"), user("hi"), system("b")), "json")
    assert turns == (system("a"), system("json"), user("hi"), system("b"))


# --- tool results ----------------------------------------------------------------------------


def test_results_follow_their_calls_in_the_order_of_the_calls() -> None:
    assert messages(assistant(A, B), user(result("b", "2"), result("a", "1"), "go on")) == [
        CALLED,
        tool("a", "1"),
        tool("b", "2"),
        {"role": "user", "content": "go on"},
    ]


def test_results_come_before_what_was_said_before_them() -> None:
    turns = (assistant(A, B), user("t", result("a", "1"), PNG, result("b", "2")))
    found, losses = rendered(*turns)
    assert found == [
        CALLED,
        tool("a", "1"),
        tool("b", "2"),
        {"role": "user", "content": [{"type": "text", "text": "t"}, PNG_PART]},
    ]
    assert losses == ["reorder:messages.tool_result"]


def test_a_reminder_between_call_and_result_waits() -> None:
    found, _ = rendered(assistant(A), system("hurry"), user(result("a", "1")), system("12 left"))
    assert [message["role"] for message in found] == ["assistant", "tool", "system", "system"]


def test_a_missing_result_is_made_up() -> None:
    found, losses = rendered(assistant(A, B), user(result("a", "1"), "stop"))
    assert found[1:] == [
        tool("a", "1"),
        tool("b", "[no result recorded]"),
        {"role": "user", "content": "stop"},
    ]
    assert losses == ["synth:messages.tool_result"]


def test_of_two_results_for_one_call_the_last_counts() -> None:
    found, losses = rendered(assistant(A), user(result("a", "1"), result("a", "2")))
    assert found[1:] == [tool("a", "2")]
    assert losses == ["drop:messages.tool_result"]
    found, _ = rendered(assistant(A), user(result("a", PNG)), user(result("a", "2"), "hi"))
    assert found[1:] == [tool("a", "2"), {"role": "user", "content": "hi"}]


def test_a_result_without_a_call_becomes_the_users_words() -> None:
    found, losses = rendered(user(result("x", "lost"), "hi"), assistant(A), user(result("a", "1")))
    assert found[0] == {"role": "user", "content": "[result of unknown call x] lost\n\nhi"}
    assert losses == ["rename:messages.tool_result"]


def test_a_result_that_comes_after_the_next_answer_has_lost_its_call() -> None:
    """A shorter history has already told the upstream that there was none."""
    found, losses = rendered(assistant(A), user("no"), assistant("ok"), user(result("a", "late")))
    assert [message["content"] for message in found] == [
        None,
        "[no result recorded]",
        "no",
        "ok",
        "[result of unknown call a] late",
    ]
    assert len(losses) == 2


def test_an_answer_in_two_turns_is_one_message() -> None:
    found = messages(assistant(A), assistant("and", B), user(result("a", "1"), result("b", "2")))
    assert [message["role"] for message in found] == ["assistant", "tool", "tool"]
    assert messages(assistant("a"), assistant("b")) == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]


@pytest.mark.parametrize(
    ("blocks", "content"),
    [
        ((), ""),
        (("a", "b"), "a\nb"),
        ((ToolReference("WebFetch"),), "[found the tool WebFetch: it can be called now]"),
        ((Opaque(Dialect.ANTHROPIC, "browser_state", '{"tabs":[]}'),), '{"tabs":[]}'),
        ((Opaque(Dialect.ANTHROPIC, "search_result", "{}", "in words"),), "in words"),
        (
            (Media("document", "text", "x", "text/plain", "a.txt"),),
            '<document title="a.txt">\nx\n</document>',
        ),
    ],
)
def test_what_a_result_holds(blocks: tuple[Block | str, ...], content: str) -> None:
    assert messages(assistant(A), user(result("a", *blocks)))[1] == tool("a", content)


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
        manners=Manners(tool_media=True),
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


def test_an_empty_answer_is_no_message() -> None:
    found, losses = rendered(user("a"), assistant(), assistant(" \n"), user("b"))
    assert [message["content"] for message in found] == ["a", "b"]
    assert losses == ["drop:messages.empty_assistant"]


def test_an_answer_of_thoughts_alone_is_no_message() -> None:
    found, losses = rendered(assistant(Reasoning("hm")), user("b"))
    assert len(found) == 1
    assert losses == ["drop:messages.empty_assistant"]


def test_a_refusal_is_said_in_words() -> None:
    found, losses = rendered(assistant(Refusal("No.")))
    assert found == [{"role": "assistant", "content": "No."}]
    assert losses == ["rename:messages.refusal"]


def test_native_blocks_of_other_dialects() -> None:
    search = Opaque(Dialect.ANTHROPIC, "server_tool_use", "{}", '[web_search "q"]')
    mute = Opaque(Dialect.ANTHROPIC, "fallback", "{}")
    found, losses = rendered(assistant(search, "a", mute))
    assert found == [{"role": "assistant", "content": '[web_search "q"]\n\na'}]
    assert losses == ["drop:messages.server_tool_use", "drop:messages.fallback"]


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ("", "{}"),
        ("null", "{}"),
        ('{"a": 1.10}', '{"a": 1.10}'),
        ('{"a":1', "{}"),
        ('{"a":1,"b":"c', '{"a":1}'),
        ('{"a":1}{"b":2}', '{"a":1}'),
        ("[1]", '{"value":[1]}'),
    ],
)
def test_arguments_are_an_object(arguments: str, sent: str) -> None:
    (message, _) = messages(assistant(Call("a", "f", arguments)), user(result("a", "1")))
    assert message["tool_calls"] == [function("a", arguments=sent)]


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
    found = messages(
        *turns, manners=Manners(reasoning_in="tool_turns", reasoning_field="reasoning")
    )
    assert found[0]["reasoning"] == "hm"
    assert "reasoning" not in found[2]
    found = messages(*turns, manners=Manners(reasoning_in="none"))
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
    (message,) = messages(assistant(reasoning, "a"))
    assert message.get("reasoning_content") == sent
    assert "SECRET" not in str(message)


def test_several_thoughts_are_one_text() -> None:
    (message,) = messages(assistant(THOUGHT, "a", Reasoning("ho")))
    assert message["reasoning_content"] == "hm\n\nho"


def test_lost_reasoning_gets_a_placeholder_only_where_one_is_demanded() -> None:
    turns = (assistant(A), user(result("a", "1")), assistant("done"))
    assert not any("reasoning_content" in message for message in messages(*turns))
    found, losses = rendered(*turns, manners=Manners(reasoning_placeholder=" "))
    assert found[0]["reasoning_content"] == " "
    assert "reasoning_content" not in found[2]
    assert losses == ["synth:reasoning_content"]


def test_old_reasoning_is_that_from_before_the_last_words_of_the_user() -> None:
    turns = (
        user("1"),
        assistant(THOUGHT, A),
        user(result("a", "r")),
        assistant(THOUGHT, "a1"),
        user("2"),
        assistant(THOUGHT, B),
        user(result("b", "r")),
    )

    def thoughtful(keep: int) -> list[int]:
        kept = without_old_reasoning(turns, keep)
        return [n for n, turn in enumerate(kept) if THOUGHT in turn.blocks]

    assert thoughtful(0) == [5]
    assert thoughtful(1) == [1, 3, 5]
    assert thoughtful(9) == [1, 3, 5]


# --- user ------------------------------------------------------------------------------------


def test_texts_of_the_user() -> None:
    assert messages(user("a", "b")) == [{"role": "user", "content": "a\n\nb"}]
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    manners = Manners(text_parts="parts")
    assert messages(user("a", "b"), manners=manners) == [{"role": "user", "content": parts}]
    assert messages(user("a"), manners=manners) == [{"role": "user", "content": "a"}]
    assert messages(user(" ", "a", "\n")) == [{"role": "user", "content": "a"}]


@pytest.mark.parametrize("turn", [user(), user(""), user(" \n")])
def test_a_user_who_said_nothing_says_so(turn: Turn) -> None:
    found, losses = rendered(turn)
    assert found == [{"role": "user", "content": "(no content)"}]
    assert losses == ["synth:messages.content"]


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
    manners = Manners(documents=True)
    text = {"type": "text", "text": "see"}
    assert messages(user("see", media), manners=manners)[0]["content"] == [text, part]


@pytest.mark.parametrize(
    ("block", "manners", "words"),
    [
        (PNG, Manners(vision=False), "image input is not supported"),
        (Media("image", "url", "https://e.org/a"), Manners(image_urls=False), "not its URL"),
        (Media("image", "file", "file-1"), OPEN, "images only as data"),
        (Media("document", "base64", "JVBE", "application/pdf"), OPEN, "documents are not"),
        (Media("document", "file", "file-1"), Manners(documents=True), "documents are not"),
        (Opaque(Dialect.ANTHROPIC, "container_upload", "{}"), OPEN, "`container_upload`"),
    ],
)
def test_what_the_upstream_cannot_read_is_refused(
    block: Block, manners: Manners, words: str
) -> None:
    """Left out, it would make the model invent what it shows."""
    with pytest.raises(Unsupported, match=words):
        rendered(user("see", block), manners=manners)


def test_moonshots_own_file_links_are_no_urls() -> None:
    (message,) = messages(
        user(Media("image", "url", "ms://file-1")), manners=Manners(image_urls=False)
    )
    assert message["content"][0]["image_url"]["url"] == "ms://file-1"


def test_native_blocks_in_words() -> None:
    found, losses = rendered(user(Opaque(Dialect.ANTHROPIC, "search_result", "{}", "words")))
    assert found == [{"role": "user", "content": "words"}]
    assert losses == ["rename:messages.search_result"]
