"""What a Responses request expects a server to remember, for the shell that does the remembering.

The dialect itself keeps nothing: `stateful` says what is asked, `items` what there is to keep, and
`resolve` turns a request that leans on earlier ones into one that stands alone.

https://platform.openai.com/docs/guides/conversation-state
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate import jsonio
from gwproxy.translate.losses import Losses
from gwproxy.translate.shapes import Shape

_STATE_FIELDS: Final = frozenset({"previous_response_id", "store", "input"})


class State(Struct, frozen=True):
    """`store` is True when unsaid, as the API has it. `references` are the ids of items that the
    request names instead of sending them."""

    store: bool = True
    previous_response_id: str | None = None
    references: tuple[str, ...] = ()


class _Wishes(Struct):
    store: bool | None = None
    previous_response_id: str | None = None


class _Input(Struct):
    input: Raw = Raw(b"[]")


class _Reference(Struct):
    type: str | None = None
    id: str | None = None


_wishes: Final = Shape(_Wishes)
_input: Final = Shape(_Input)
_members: Final = Shape(dict[str, Raw])
_list: Final = Shape(list[Raw])
_named: Final = Shape(_Reference)


def stateful(body: bytes) -> State:
    """Raises fields.Malformed."""
    wishes = _wishes.read(body, Losses())
    references: tuple[str, ...] = ()
    if b"item_reference" in body:
        references = tuple(name for raw in items(body) if (name := _reference(raw)))
    return State(wishes.store is not False, wishes.previous_response_id, references)


def items(body: bytes) -> list[bytes]:
    """The request's input as raw items; a string is one user message. Raises as `stateful`."""
    given = _input.read(body, Losses()).input
    if bytes(given).startswith(b'"'):
        return [b'{"type":"message","role":"user","content":%b}' % bytes(given)]
    return [bytes(raw) for raw in _list.read(given, Losses(), "input")]


def resolve(
    body: bytes, earlier: Sequence[bytes], referenced: Mapping[str, bytes] | None = None
) -> bytes:
    """The same request for a server that remembers nothing: `earlier` items before its own, the
    `referenced` items in place of their references, no `previous_response_id`, `store` false.

    A reference that is not in `referenced` stays, and `request.parse` refuses it. The earlier
    request's `instructions` are not carried over, as the API has it. Raises as `stateful`.
    """
    known = referenced or {}
    own = [known.get(_reference(raw), raw) for raw in items(body)]
    fields = _members.read(body, Losses())
    kept: dict[str, Any] = {name: raw for name, raw in fields.items() if name not in _STATE_FIELDS}
    whole = b"[" + b",".join([*earlier, *own]) + b"]"
    return jsonio.dumps({**kept, "store": False, "input": Raw(whole)})


def _reference(raw: bytes) -> str:
    """The id that an `item_reference` names; empty for any other item."""
    named = _named.read(raw, Losses(), "input")
    return named.id or "" if named.type == "item_reference" else ""
