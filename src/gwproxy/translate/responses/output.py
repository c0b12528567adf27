"""The response object and its items, as a client gets them.

Written here for whole bodies and for streams alike, so that the two cannot differ: an item has one
id in its events and in the final object (vllm-project/vllm#56285).

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
    """Renders the response object of one answer; what stays the same in it is printed once."""

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
    """A part with text. `text` is a JSON string, quotes included; so are all the texts below."""
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
    """A reasoning item; `text` is None where the client is not to see any."""
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
    """The item of a tool call. `arguments` are a JSON string; a call of a `typed` tool, whose
    `call` must hold its arguments, gets the item type that the client waits for, if they are an
    object."""
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
    """Whether a call is of a tool with an item type of its own."""
    return call.name in typed and not call.custom and call.namespace is None


def call_prefix(call: Call, typed: frozenset[str]) -> str:
    """How the id of a call's item begins."""
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
    """The `encrypted_content` in which a client carries reasoning back to us, None for none.

    The text goes inside where nothing else keeps it (plain reasoning), or where its maker checks it
    byte for byte (a signature) or wants it in another member. `family` is the maker of a block
    without a seal.
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
