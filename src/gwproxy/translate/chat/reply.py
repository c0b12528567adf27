"""A whole Chat answer for a client, built of the hub's reply.

https://platform.openai.com/docs/api-reference/chat/object
"""

from __future__ import annotations

from typing import Any

from gwproxy.translate.chat.blocks import carried_seal, joined, render_call
from gwproxy.translate.chat.ending import finish_word, usage_object
from gwproxy.translate.codec import ReplyContext, message_id
from gwproxy.translate.hub import Call, Reasoning, Refusal, Reply, Text
from gwproxy.translate.wire import jsonio


def build(reply: Reply, context: ReplyContext) -> bytes:
    """The body of a `chat.completion`, equal to what SDKs collect from the same answer's stream."""
    message = _message(reply, context)
    word = finish_word(
        reply.stop,
        calls="tool_calls" in message or "function_call" in message,
        refused=any(isinstance(block, Refusal) and block.text for block in reply.blocks),
        legacy=context.legacy_functions,
    )
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": word,
    }
    if reply.stop.sequence is not None:
        choice["stop_reason"] = reply.stop.sequence
    body: dict[str, Any] = {
        "id": message_id("chatcmpl-", reply.id, context),
        "object": "chat.completion",
        "created": reply.created if reply.created is not None else context.created,
        "model": context.model,
        "choices": [choice],
    }
    usage = usage_object(reply.usage, context.input_estimate)
    if usage is not None:
        body["usage"] = usage
    return jsonio.dumps(body)


def _message(reply: Reply, context: ReplyContext) -> dict[str, Any]:
    refusal = "".join(block.text for block in reply.blocks if isinstance(block, Refusal))
    message: dict[str, Any] = {
        "role": "assistant",
        "content": joined(reply.blocks, Text) or None,
        "refusal": refusal or reply.stop.explanation,
    }
    reasoning = joined(reply.blocks, Reasoning) if context.show_reasoning else ""
    if reasoning:
        message["reasoning_content"] = reasoning
    if carried := _seals(reply, context):
        message["reasoning_seal"] = carried
    calls = [render_call(b) for b in reply.blocks if isinstance(b, Call)]
    if calls and context.legacy_functions and "function" in calls[0]:
        message["function_call"] = calls[0]["function"]
    elif calls:
        message["tool_calls"] = calls
    return message


def _seals(reply: Reply, context: ReplyContext) -> str:
    carried = ""
    first = True
    for block in reply.blocks:
        if isinstance(block, Reasoning):
            carried += carried_seal(
                block.seal,
                block.text,
                shown=context.show_reasoning,
                first=first and bool(block.text),
            )
            first = first and not block.text
    return carried
