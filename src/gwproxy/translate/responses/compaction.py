"""The order to compact a conversation, and the item that stands in its place afterwards.

A client ends its input with `compaction_trigger`, or posts to `/responses/compact`, and takes
nothing but one `compaction` item for an answer: it throws its history away for it. The vendor's
bears ciphertext. Ours bears a summary in an envelope (`wire/seal.py`), which any upstream may read
when it comes back.

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
# Codex keeps the user's words itself and wants them as they were; an SDK sends them on.
_KEPT_ROLES: Final = frozenset({"user", "developer", "system"})
# What only a request for an answer has, so that it cannot be part of the order.
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
    """The same of the input alone."""
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
    """What `/responses/compact` gives: the messages of the user in `order`, which asked for it, and
    the compaction item of the `answer` to it. Raises fields.Malformed.

    https://platform.openai.com/docs/api-reference/responses/compact
    """
    told = _answer.read(answer, Losses())
    given = _items(_order.read(order, Losses()).input)
    kept = [raw for number, raw in enumerate(given) if _is_kept(raw, number)]
    return jsonio.dumps(
        {
            "id": told.id,
            "object": "response.compaction",
            "created_at": told.created_at,
            "output": [*kept, *(told.output or ())],
            "usage": told.usage,
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
    """The item that bears `summary` for the client."""
    sealed = seal.wrap_summary(summary)
    native = {"id": new_id("cmp_"), "type": "compaction", "encrypted_content": sealed}
    return Opaque(Dialect.RESPONSES, "compaction", jsonio.dumps(native).decode())


def is_in(answer: bytes) -> bool:
    """Whether such an item, whoever made it, is in an answer or in events of one."""
    return _GIVEN.search(answer) is not None


SUMMARIES: Final = Summaries(is_ordered, item, is_in)


def turn_of(kind: str, raw: Raw, path: str) -> Turn | None:
    """The item in a request: the summary in words where it is ours; else what only its maker can
    open. Nothing of one that bears nothing. Raises fields.Malformed."""
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
    """What an envelope of ours says, in words for a model; None for what is another's. Raises
    fields.Malformed for one that is broken."""
    if not carried.startswith(seal.SUMMARY_MARK):
        return None
    summary = seal.unwrap_summary(carried)
    if summary is None:
        raise Malformed(f"{path}.encrypted_content", "this compaction item is damaged")
    return f"Summary of the earlier conversation: {summary}"
