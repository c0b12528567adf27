"""Whole Chat answers, both ways, and against the official SDK's accumulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from gwproxy.translate.chat.reader import Reader
from gwproxy.translate.chat.reply import build
from gwproxy.translate.chat.writer import Writer
from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import Fail, fold
from gwproxy.translate.hub import (
    Call,
    FailureKind,
    Reasoning,
    Refusal,
    Reply,
    Seal,
    Stop,
    StopReason,
    Text,
    Usage,
)
from gwproxy.translate.quirks import Quirks
from support.chat_grammar import collect
from support.generated import replies
from support.reading import checked
from support.unfolded import unfold

KIMI = Quirks(family="kimi")
CONTEXT = ReplyContext(
    model="my-model", new_id=lambda prefix: prefix + "fresh", created=5, include_usage=True
)
SEAL = Seal("kimi", "text", "")


def completion(message: dict[str, Any], finish: str | None = "stop", **members: Any) -> bytes:
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 7,
            "model": "kimi-k2.5",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            **members,
        }
    ).encode()


def reply_of(body: bytes, quirks: Quirks = KIMI) -> Reply:
    reply = fold(checked(Reader(quirks).whole(body), sequential=True))
    assert isinstance(reply, Reply), reply
    return reply


def built(reply: Reply, context: ReplyContext = CONTEXT) -> Any:
    return json.loads(build(reply, context))


# --- a whole body as a stream ----------------------------------------------------------------


def test_an_ordinary_answer() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "ls", "arguments": '{"p": 1.10}'}}
    reply = reply_of(
        completion(
            {
                "role": "assistant",
                "content": "Hello",
                "reasoning_content": "hm",
                "tool_calls": [call],
            },
            "tool_calls",
            usage={"prompt_tokens": 9, "completion_tokens": 4, "cached_tokens": 5},
        )
    )
    assert reply == Reply(
        "chatcmpl-1",
        "kimi-k2.5",
        (Reasoning("hm", SEAL), Text("Hello"), Call("c", "ls", '{"p": 1.10}')),
        Stop(StopReason.TOOL_USE, "tool_calls"),
        Usage(fresh=4, cache_read=5, output=4),
        7,
    )


@pytest.mark.parametrize(
    ("message", "finish", "blocks", "stop"),
    [
        ({"content": "a"}, None, (Text("a"),), Stop(StopReason.END)),
        (
            {"content": [{"type": "text", "text": "a"}]},
            "stop",
            (Text("a"),),
            Stop(StopReason.END, "stop"),
        ),
        (
            {"content": None, "refusal": "No."},
            "stop",
            (Refusal("No."),),
            Stop(StopReason.REFUSAL, "stop"),
        ),
        ({"content": ""}, "stop", (), Stop(StopReason.END, "stop")),
        (
            {
                "content": None,
                "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}],
            },
            "stop",
            (Call("c", "f", '{"a":1}'),),
            Stop(StopReason.TOOL_USE, "stop"),
        ),
        (
            {"content": "", "function_call": {"name": "f", "arguments": "{}"}},
            "function_call",
            (Call("", "f", "{}"),),
            Stop(StopReason.TOOL_USE, "function_call"),
        ),
    ],
)
def test_answers_in_all_shapes(
    message: dict[str, Any], finish: str | None, blocks: tuple[Any, ...], stop: Stop
) -> None:
    reply = reply_of(completion(message, finish))
    assert (reply.blocks, reply.stop) == (blocks, stop)


def test_two_calls_with_one_id_are_two_calls() -> None:
    calls = [
        {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": arguments}}
        for arguments in ('{"a":1}', '{"a":2}')
    ]
    reply = fold(
        Reader(KIMI).whole(completion({"content": None, "tool_calls": calls}, "tool_calls"))
    )
    assert isinstance(reply, Reply)
    assert reply.blocks == (Call("call_0", "f", '{"a":1}'), Call("call_0", "f", '{"a":2}'))


def test_inline_thinking_of_a_whole_answer() -> None:
    body = completion({"content": "<think>hm</think>\n\na"})
    assert reply_of(body, Quirks(family="kimi", inline_think=True)).blocks == (
        Reasoning("hm", SEAL),
        Text("a"),
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FailureKind.UPSTREAM),
        (b"<html><title>502 Bad Gateway</title></html>", FailureKind.UPSTREAM),
        (b"[]", FailureKind.UPSTREAM),
        (b"{}", FailureKind.UPSTREAM),
        (b'{"choices":[]}', FailureKind.UPSTREAM),
        (completion({"content": "a"})[:-9], FailureKind.UPSTREAM),
        (completion({"content": "a"}, "error"), FailureKind.UPSTREAM),
        (b'{"error":{"message":"no","type":"invalid_request_error"}}', FailureKind.INVALID),
        (
            b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}',
            FailureKind.OVERLOADED,
        ),
        (b'{"code":429,"message":"slow down"}', FailureKind.RATE_LIMIT),
    ],
)
def test_what_is_no_answer_is_a_failure(body: bytes, kind: FailureKind) -> None:
    (*_, event) = Reader(KIMI).whole(body)
    assert isinstance(event, Fail)
    assert event.failure.kind is kind


# --- the folded answer as a whole body -------------------------------------------------------


def test_the_whole_body() -> None:
    reply = Reply(
        "msg_1",
        "upstream-model",
        (Reasoning("hm", SEAL), Text("Hello"), Call("c", "ls", "{}")),
        Stop(StopReason.TOOL_USE),
        Usage(fresh=3, output=2),
    )
    assert built(reply) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "my-model",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "refusal": None,
                    "reasoning_content": "hm",
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "function": {"name": "ls", "arguments": "{}"},
                        }
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def test_an_answer_without_words_has_null_content() -> None:
    message = built(Reply("x", "m", (Call("c", "f", "{}"),), Stop(StopReason.END)))["choices"][0]
    assert message["message"]["content"] is None
    assert message["finish_reason"] == "tool_calls"


def test_unknown_usage_is_left_out() -> None:
    assert "usage" not in built(Reply("x", "m", (), Stop(StopReason.END)))


def test_half_known_usage_is_filled_up_by_the_estimate() -> None:
    context = ReplyContext(model="m", new_id=str, input_estimate=40)
    usage = built(Reply("x", "m", (), Stop(StopReason.END), Usage(output=2)), context)["usage"]
    assert usage == {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 42}


# --- streamed = whole ------------------------------------------------------------------------

LEGACY = ReplyContext(model="m", new_id=lambda prefix: prefix + "fresh", legacy_functions=True)
HIDING = ReplyContext(model="m", new_id=lambda prefix: prefix + "fresh", show_reasoning=False)


def unique_calls(reply: Reply) -> bool:
    ids = [block.id for block in reply.blocks if isinstance(block, Call)]
    return len(ids) == len(set(ids))


@given(replies().filter(unique_calls), st.sampled_from([CONTEXT, LEGACY, HIDING]))
def test_a_stream_collects_to_the_whole_answer(reply: Reply, context: ReplyContext) -> None:
    seen = collect(Writer(context).write(unfold(reply)), include_usage=context.include_usage)
    whole = built(reply, context)
    choice = whole["choices"][0]
    assert seen.ended
    assert (seen.id, seen.model, seen.created) == (whole["id"], whole["model"], whole["created"])
    refusal = seen.message.get("refusal")
    collected = {**seen.message, "content": seen.message["content"] or None, "refusal": refusal}
    assert collected == choice["message"]
    assert (seen.finish_reason, seen.stop_reason) == (
        choice["finish_reason"],
        choice.get("stop_reason"),
    )
    assert seen.usage == (whole.get("usage") if context.include_usage else None)


class Sdk:
    """The openai package, in front of a network that answers with `data`."""

    def __init__(self) -> None:
        self.data = b""
        transport = httpx2.MockTransport(self._answer)
        self._client = openai.OpenAI(
            api_key="-",
            base_url="http://gateway/v1",
            http_client=httpx2.Client(transport=transport),
        )

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=self.data)

    def collects(self, data: bytes) -> ChatCompletion:
        self.data = data
        with self._client.chat.completions.stream(
            model="m", messages=[], stream_options={"include_usage": True}
        ) as stream:
            return stream.get_final_completion()

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def sdk() -> Iterator[Sdk]:
    sdk = Sdk()
    yield sdk
    sdk.close()


@settings(deadline=None, max_examples=40)
@given(replies().filter(unique_calls))
def test_the_official_sdk_collects_the_same(sdk: Sdk, reply: Reply) -> None:
    """`chat.completions.stream` of the openai package, for which parts of a call in the wrong
    order are an IndexError, and a repeated role is `assistantassistant`."""
    # The helper raises on `length` and `content_filter` by design, after it has collected all.
    reply = Reply(reply.id, reply.model, reply.blocks, Stop(StopReason.END), reply.usage)
    collected = sdk.collects(Writer(CONTEXT).write(unfold(reply)))
    whole = ChatCompletion.model_validate(built(reply))
    got, wanted = collected.model_dump(), whole.model_dump()
    for one in (got, wanted):
        message = one["choices"][0]["message"]
        message["content"] = message["content"] or None
        message.pop("parsed", None)
        message["tool_calls"] = [
            {
                "id": call["id"],
                "name": call["function"]["name"],
                "text": call["function"]["arguments"],
            }
            for call in message["tool_calls"] or ()
        ]
    assert got["choices"][0]["message"] == wanted["choices"][0]["message"]
    assert got["choices"][0]["finish_reason"] == wanted["choices"][0]["finish_reason"]
    assert (got["id"], got["model"], got["usage"]) == (
        wanted["id"],
        wanted["model"],
        wanted["usage"],
    )


def test_the_official_sdk_sees_a_failed_stream_fail(sdk: Sdk) -> None:
    reply = Reply("x", "m", (Text("a"),), Stop(StopReason.END))
    events = list(unfold(reply))[:3]
    (failed,) = Reader(KIMI).whole(b'{"error":{"message":"cut off by thunder"}}')
    with pytest.raises(openai.APIError, match="cut off by thunder"):
        sdk.collects(Writer(CONTEXT).write([*events, failed]))
