"""The response object and the items in it, as a client gets them.

Printed here for whole bodies and for the stream alike, so that the two cannot drift apart: an item
has one identity in its events and in the object that ends them (vllm-project/vllm#56285).

https://platform.openai.com/docs/api-reference/responses/object
https://www.openresponses.org/specification
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Raw

from gwproxy.translate.codec import ReplyContext, message_id
from gwproxy.translate.hub import Call, Reasoning, Seal, Usage
from gwproxy.translate.responses import echo
from gwproxy.translate.responses.ending import usage_object
from gwproxy.translate.responses.tools import TYPED
from gwproxy.translate.wire import jsonio, seal

# The published type wants both families of tools, the one that was not used with zeros.
_SEARCHES: Final = (
    b',"tool_usage":{"web_search":{"num_requests":%d},"image_gen":{"input_tokens":0,'
    b'"input_tokens_details":{"image_tokens":0,"text_tokens":0},"output_tokens":0,'
    b'"total_tokens":0}}'
)


# --- the response object -----------------------------------------------------------------------


class Response:
    """The response object of one answer; what stays the same in it is printed once."""

    __slots__ = ("_created", "_estimate", "_head", "_tail", "id")

    def __init__(self, context: ReplyContext, upstream_id: str, created: int | None) -> None:
        self.id = message_id("resp_", upstream_id, context)
        self._estimate = context.input_estimate
        self._created = b"%d" % (context.created if created is None else created)
        self._head = b'{"id":%b,"object":"response","created_at":%b' % (
            jsonio.text(self.id),
            self._created,
        )
        self._tail = b',"model":%b,%b}' % (jsonio.text(context.model), echo.members(context))

    def render(
        self,
        status: str,
        output: Iterable[bytes] = (),
        usage: Usage | None = None,
        *,
        incomplete: str | None = None,
        error: bytes = b"null",
    ) -> bytes:
        why = b"null" if incomplete is None else b'{"reason":"%b"}' % incomplete.encode()
        return b"".join(
            (
                self._head,
                b',"completed_at":',
                self._created if status == "completed" else b"null",
                b',"status":"%b","error":%b' % (status.encode(), error),
                b',"incomplete_details":%b,"output":[' % why,
                b",".join(output),
                b'],"usage":',
                jsonio.dumps(usage and usage_object(usage, self._estimate)),
                b"" if usage is None or usage.searches is None else _SEARCHES % usage.searches,
                self._tail,
            )
        )


# --- the items of an answer, as the client gets them -------------------------------------------


def output_text(text: bytes) -> dict[str, Any]:
    """`text` is a JSON string, quotes included; so are all the texts below."""
    return {"type": "output_text", "text": Raw(text), "annotations": [], "logprobs": []}


def refusal_part(text: bytes) -> dict[str, Any]:
    return {"type": "refusal", "refusal": Raw(text)}


def summary_part(text: bytes) -> dict[str, Any]:
    return {"type": "summary_text", "text": Raw(text)}


def message_item(item_id: str, status: str, parts: list[dict[str, Any]]) -> bytes:
    return jsonio.dumps(
        {
            "id": item_id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": parts,
        }
    )


def reasoning_item(item_id: str, status: str, text: bytes | None, sealed: str | None) -> bytes:
    """`text` is None when the client is not to see any."""
    return jsonio.dumps(
        {
            "id": item_id,
            "type": "reasoning",
            "status": status,
            "summary": [] if text is None else [summary_part(text)],
            "encrypted_content": sealed,
        }
    )


def call_item(
    item_id: str, status: str, call: Call, arguments: bytes, typed: frozenset[str] = frozenset()
) -> bytes:
    """`arguments` are the call's, which `call` itself need not hold, except for the tools that are
    `typed`: their calls go in the item type that the client waits for, if they are objects."""
    if is_typed(call, typed):
        payload = _payload(call)
        if payload is not None:
            return _typed_item(item_id, status, call, payload)
    kind, member = ("custom_tool_call", "input") if call.custom else ("function_call", "arguments")
    item: dict[str, Any] = {
        "id": item_id,
        "type": kind,
        "status": status,
        "call_id": call.id,
        "name": call.name,
    }
    if call.namespace is not None:
        # Codex answers "unsupported call" to a namespaced function that comes back without it.
        item["namespace"] = call.namespace
    return jsonio.dumps({**item, member: Raw(arguments)})


def is_typed(call: Call, typed: frozenset[str]) -> bool:
    return call.name in typed and not call.custom and call.namespace is None


def call_prefix(call: Call, typed: frozenset[str]) -> str:
    if call.custom:
        return "ctc_"
    return TYPED[call.name].id_prefix if is_typed(call, typed) else "fc_"


def _payload(call: Call) -> dict[str, Any] | None:
    try:
        payload = jsonio.loads(call.arguments)
    except jsonio.NotJson:
        return None
    return payload if isinstance(payload, dict) else None


def _typed_item(item_id: str, status: str, call: Call, payload: dict[str, Any]) -> bytes:
    typed = TYPED[call.name]
    item: dict[str, Any] = {"id": item_id, "type": typed.call, "status": status}
    item["call_id"] = call.id
    if typed.name == "tool_search":
        item["execution"] = "client"
    item[typed.payload] = {**dict(typed.defaults), **payload, **dict(typed.fixed)}
    return jsonio.dumps(item)


def sealed_for_client(reasoning: Reasoning, family: str) -> str | None:
    """The `encrypted_content` in which a client carries reasoning back to us.

    The text goes inside where only the client's copy keeps it (plain thoughts) or where its maker
    checks it byte for byte (a signature), or wants it in another place. `family` is whose it is
    when the block does not say.
    """
    made = reasoning.seal
    if made is None and reasoning.foreign_signature:
        made = Seal(family, "signature", reasoning.foreign_signature)
    if made is None:
        made = Seal(family, "text", "")
    inside = reasoning.text if made.kind in ("text", "signature", "members") else None
    if made.kind == "text" and not inside:
        return None
    return seal.wrap(made, inside)
