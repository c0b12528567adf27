"""The order to compact a conversation, and the item that replaces the conversation afterwards.

A client ends its input with `compaction_trigger`, or posts to `/responses/compact`, and accepts
only one `compaction` item as the answer: it throws its history away for it. The vendor's item holds
ciphertext. Ours holds a summary in an envelope (`wire/seal.py`), which any upstream may read when
it comes back.

https://platform.openai.com/docs/guides/conversation-state, openai/codex#22809
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate.codec import Summaries
from gwproxy.translate.hub import Dialect, Opaque, Text, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.responses.blocks import is_ciphertext
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape, present

TRIGGER: Final = "compaction_trigger"
# The second is an alias of Codex's for the first, the third its older form.
KINDS: Final = frozenset({"compaction", "compaction_summary", "context_compaction"})

# Quotes inside texts are escaped.
_GIVEN: Final = re.compile(rb'"type"\s*:\s*"compaction(?:_summary)?"')
_ORDER: Final = b'{"type":"compaction_trigger"}'
# Codex keeps the user's messages itself and wants them unchanged; an SDK sends them on.
_KEPT_ROLES: Final = frozenset({"user", "developer", "system"})
# Members of a request for an answer that are no part of the order.
_ANSWERED: Final = frozenset({"input", "stream", "stream_options", "background", "store"})
_THEIRS: Final = "this conversation was compacted on OpenAI's servers"


class _Order(Struct):
    input: Raw = Raw()


class _Head(Struct):
    type: str | None = None
    role: str | None = None
    encrypted_content: str | None = None


class _Answer(Struct):
    id: str = ""
    created_at: Any = 0
    output: list[Raw] | None = None
    usage: Raw = Raw(b"null")


_order: Final = Shape(_Order)
_head: Final = Shape(_Head)
_list: Final = Shape(list[Raw])
_members: Final = Shape(dict[str, Raw])
_answer: Final = Shape(_Answer)


# --- the order -----------------------------------------------------------------------------------


def is_ordered(body: bytes) -> bool:
    """Whether a request's input ends with the order. Raises fields.Malformed."""
    return TRIGGER.encode() in body and ends_input(_order.read(body, Losses()).input)


def ends_input(given: Raw) -> bool:
    """Whether an `input` ends with the order. Raises fields.Malformed."""
    text = bytes(given)
    if not text.startswith(b"[") or TRIGGER.encode() not in text:
        return False
    last = _list.read(given, Losses(), "input")[-1]
    return TRIGGER.encode() in bytes(last) and _head.read(last, Losses(), "input").type == TRIGGER


def as_request(body: bytes) -> bytes:
    """The body of `/responses/compact` as a request for an answer. Raises fields.Malformed."""
    members = _members.read(body, Losses())
    items = [bytes(raw) for raw in _items(members.get("input", Raw()))]
    kept: dict[str, Any] = {k: raw for k, raw in members.items() if k not in _ANSWERED}
    whole = Raw(b"[%b]" % b",".join([*items, _ORDER]))
    return jsonio.dumps({**kept, "store": False, "input": whole})


def as_compacted(answer: bytes, order: bytes) -> bytes:
    """The body that `/responses/compact` answers: the messages in `order`, the request for it, and
    the compaction item of `answer`. Raises fields.Malformed.

    https://platform.openai.com/docs/api-reference/responses/compact
    """
    response = _answer.read(answer, Losses())
    given = _items(_order.read(order, Losses()).input)
    kept = [raw for number, raw in enumerate(given) if _is_kept(raw, number)]
    return jsonio.dumps(
        {
            "id": response.id,
            "object": "response.compaction",
            "created_at": response.created_at,
            "output": [*kept, *(response.output or ())],
            "usage": response.usage,
        }
    )


def _items(given: Raw) -> list[Raw]:
    if bytes(given).startswith(b'"'):
        return [Raw(b'{"type":"message","role":"user","content":%b}' % bytes(given))]
    return _list.read(given, Losses(), "input") if present(given) else []


def _is_kept(raw: Raw, number: int) -> bool:
    head = _head.read(raw, Losses(), f"input[{number}]")
    return head.type in (None, "message") and head.role in _KEPT_ROLES


# --- the item ------------------------------------------------------------------------------------


def item(summary: str, new_id: Callable[[str], str]) -> Opaque:
    """The compaction item with `summary` in our envelope."""
    sealed = seal.wrap_summary(summary)
    native = {"id": new_id("cmp_"), "type": "compaction", "encrypted_content": sealed}
    return Opaque(Dialect.RESPONSES, "compaction", jsonio.dumps(native).decode())


def is_in(answer: bytes) -> bool:
    """Whether a compaction item, anybody's, is in an answer or in events of one."""
    return _GIVEN.search(answer) is not None


SUMMARIES: Final = Summaries(is_ordered, item, is_in)


def turn_of(kind: str, raw: Raw, path: str) -> Turn | None:
    """The turn for a compaction item in a request: the summary as text where it is ours, else an
    opaque block for its maker; None where it is empty. Raises fields.Malformed."""
    carried = _head.read(raw, Losses(), path).encrypted_content
    if not carried:
        return None
    summary = opened(carried, path)
    if summary is not None:
        return Turn("user", (Text(summary),))
    where = _THEIRS if is_ciphertext(carried) else "this conversation was compacted elsewhere"
    why = (
        f"{where}, and its `{kind}` item can be opened there alone; go on with that provider, or "
        "begin a new conversation here"
    )
    native = jsonio.one_line(raw)
    return Turn("user", (Opaque(Dialect.RESPONSES, kind, native, taken="compaction", needed=why),))


def opened(carried: str, path: str = "input") -> str | None:
    """The summary in our envelope, as text for a model; None for another's. Raises fields.Malformed
    where the envelope is broken."""
    if not carried.startswith(seal.SUMMARY_MARK):
        return None
    summary = seal.unwrap_summary(carried)
    if summary is None:
        raise Malformed(f"{path}.encrypted_content", "this compaction item is damaged")
    return f"Summary of the earlier conversation: {summary}"
