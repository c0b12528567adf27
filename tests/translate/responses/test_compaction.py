"""An order to compact a conversation, through the whole core: what the model is asked, and the one
item that the client gets for its history."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.hub import Dialect, Failure
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from gwproxy.translate.responses import compaction
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.fields import Malformed, Unsupported
from support import responses_grammar
from support.bridges import bridge_of
from support.scripted import chat_answer, chat_chunk, frames

R = Dialect.RESPONSES
TRIGGER = {"type": "compaction_trigger"}
USER = {"type": "message", "role": "user", "content": "fix the bug"}
CALL = {"type": "function_call", "call_id": "c1", "name": "run", "arguments": '{"cmd":"ls"}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "a.py"}
HISTORY = [{"role": "developer", "content": "You are."}, USER, CALL, OUTPUT]
TOOL = {"type": "function", "name": "run", "parameters": {"type": "object"}, "strict": False}
ORDER: dict[str, Any] = {
    "model": "m",
    "input": [*HISTORY, TRIGGER],
    "tools": [TOOL],
    "tool_choice": {"type": "function", "name": "run"},
    "text": {"format": {"type": "json_object"}},
}
CIPHERTEXT = "gAAAAAB" + "x_-9" * 20


def asked(
    body: dict[str, Any], upstream: Dialect = Dialect.CHAT, *, stream: bool = False, **quirks: Any
) -> tuple[Bridge, dict[str, Any]]:
    bridge = bridge_of(R, upstream, Quirks(**quirks), stream=stream, model="m")
    return bridge, json.loads(bridge.request(jsonio.dumps(body)))


def ours(summary: str) -> dict[str, Any]:
    return {"type": "compaction", "id": "cmp_1", "encrypted_content": seal.wrap_summary(summary)}


@pytest.mark.parametrize("upstream", list(DIALECTS))
def test_the_model_is_asked_for_a_summary_of_everything_and_for_nothing_else(
    upstream: Dialect,
) -> None:
    bridge, sent = asked(ORDER, upstream, compaction=False)
    assert not {"tools", "tool_choice", "response_format", "text"} & sent.keys()
    text = json.dumps(sent)
    for words in ("You are.", "fix the bug", "run", "ls", "a.py", "Answer with the summary alone"):
        assert words in text
    assert not any(kind in text for kind in ("tool_call", "tool_use", "function_call", "trigger"))
    assert "emu:compaction" in bridge.tally.losses
    assert not bridge.relays


def test_an_upstream_that_may_know_the_order_gets_it_as_it_came() -> None:
    bridge, sent = asked(ORDER, R)
    assert (sent, bridge.relays) == (ORDER, True)


@pytest.mark.parametrize("words", ["SUMMARY: äö\n", "x" * 5000])
def test_the_answer_is_one_item_whose_words_any_upstream_reads_again(words: str) -> None:
    bridge, _ = asked(ORDER)
    answer = json.loads(bridge.reply(chat_answer(f" {words}")))  # type: ignore[arg-type]
    (item,) = answer["output"]
    assert (item["type"], answer["status"]) == ("compaction", "completed")
    assert item["id"].startswith("cmp_")
    assert words.strip() not in json.dumps(answer)
    assert answer["usage"]["total_tokens"] == 14
    for upstream in DIALECTS:  # also one of this very dialect, whose bytes else stay as they are
        _, sent = asked({"model": "m", "input": [USER, item, USER]}, upstream)
        assert words.strip() in json.dumps(sent, ensure_ascii=False).replace("\\n", "\n")
        assert "compaction" not in json.dumps(sent)


def chat_stream(*chunks: dict[str, Any]) -> bytes:
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    return frames(*chunks, {**chat_chunk({}), "choices": [], "usage": usage}) + b"data: [DONE]\n\n"


def test_streamed_it_is_added_and_done_and_nothing_else_is() -> None:
    bridge, _ = asked(ORDER, stream=True)
    thought = chat_chunk({"reasoning_content": "hm"})
    stream = bridge.stream()
    out = stream.feed(
        chat_stream(
            thought, chat_chunk({"content": "SUM"}), chat_chunk({"content": "MARY"}, "stop")
        )
    )
    told = responses_grammar.check(out + stream.finish())
    (item,) = told["output"]
    assert seal.unwrap_summary(item["encrypted_content"]) == "SUMMARY"
    kinds = [line[7:] for line in out.decode().splitlines() if line.startswith("event: ")]
    assert kinds == [
        *("response.created", "response.in_progress"),
        *("response.output_item.added", "response.output_item.done", "response.completed"),
    ]


def answer_of(text: str, finish: str, **more: Any) -> bytes:
    body = json.loads(chat_answer(text))
    body["choices"][0]["finish_reason"] = finish
    body["choices"][0]["message"] |= more
    return jsonio.dumps(body)


CALLED = [{"id": "c", "type": "function", "function": {"name": "run", "arguments": "{}"}}]


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (answer_of("", "stop"), 502, "not a word"),
        (answer_of(" \n", "stop", reasoning_content="hm"), 502, "not a word"),
        (answer_of("", "tool_calls", tool_calls=CALLED), 502, "not a word"),
        (answer_of("half a summ", "length"), 400, "cut short"),
        (answer_of("I can't.", "content_filter"), 400, "declined"),
        (answer_of("", "stop", refusal="I won't."), 400, r"declined .*I won't\."),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_summary_is_an_error_and_never_an_item(
    answer: bytes, status: int, words: str, stream: bool
) -> None:
    """The client throws its history away for the item."""
    bridge, _ = asked(ORDER, stream=stream)
    if stream:
        streaming = bridge.stream()
        told = streaming.whole(answer)
        failure = streaming.failure
        assert b"output_item" not in told
        assert b"response.failed" in told
    else:
        failure = bridge.reply(answer)  # type: ignore[assignment]
    assert isinstance(failure, Failure)
    assert failure.status == status
    assert re.search(words, failure.message)
    assert "stays as it is" in failure.message


@pytest.mark.parametrize(
    ("sealed", "where"), [(CIPHERTEXT, "OpenAI's servers"), ("opaque", "elsewhere")]
)
@pytest.mark.parametrize("kind", sorted(compaction.KINDS))
def test_a_history_that_nobody_here_can_open_is_refused(sealed: str, where: str, kind: str) -> None:
    """A model without it would be another one's (farion1231/cc-switch#4725)."""
    foreign = {"type": kind, "id": "cmp_1", "encrypted_content": sealed}
    body = {"model": "m", "input": [USER, foreign, {"role": "assistant", "content": "a"}, USER]}
    for upstream in (Dialect.CHAT, Dialect.ANTHROPIC):
        with pytest.raises(Unsupported, match=f"{where}.*`{kind}`.*begin a new conversation"):
            asked(body, upstream)
    _, sent = asked(body, R)
    assert sent == body
    _, rebuilt = asked(body, R, rebuild=True)
    assert rebuilt["input"][1] == foreign


@pytest.mark.parametrize("envelope", ["gwc1:", "gwc1:zAAAA", "gwc1:!", "gwc1:e30"])
@pytest.mark.parametrize("upstream", list(DIALECTS))
def test_a_damaged_envelope_is_refused_and_named(envelope: str, upstream: Dialect) -> None:
    broken = {"type": "compaction", "encrypted_content": envelope}
    with pytest.raises(Malformed, match="damaged"):
        asked({"model": "m", "input": [USER, broken]}, upstream)


# --- the route of its own ------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["fix the bug", [*HISTORY], None])
def test_the_body_of_the_route_is_the_same_order(given: Any) -> None:
    body = {"model": "m", "instructions": "x", "input": given, "stream": True}
    order = compaction.as_request(jsonio.dumps(body))
    assert compaction.is_ordered(order)
    sent = json.loads(order)
    said = [{"type": "message", "role": "user", "content": "fix the bug"}]
    expected = given if isinstance(given, list) else said if given else []
    assert sent == {
        **{"model": "m", "instructions": "x", "store": False},
        "input": [*expected, TRIGGER],
    }


def test_its_answer_keeps_what_the_user_said_before_the_item() -> None:
    answer = {"id": "resp_1", "created_at": 5, "output": [ours("S")], "usage": {"total_tokens": 3}}
    order = {"model": "m", "input": [*HISTORY, {"role": "assistant", "content": "a"}]}
    told = json.loads(compaction.as_compacted(jsonio.dumps(answer), jsonio.dumps(order)))
    assert told == {
        "id": "resp_1",
        "object": "response.compaction",
        "created_at": 5,
        "output": [*HISTORY[:2], ours("S")],
        "usage": {"total_tokens": 3},
    }
