"""What a Responses request expects a server to remember, for the shell that keeps conversations.

Nothing is kept here: `stateful` reads what is asked, `items` gives what there is to keep, and
`resolve` turns a request that refers to earlier ones into one that stands alone. What there is to
keep of an answer is in `record.py`.

https://platform.openai.com/docs/guides/conversation-state
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate.losses import Losses
from gwproxy.translate.responses.compaction import is_in
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.shapes import Shape, present

_STATE_FIELDS: Final = frozenset({"previous_response_id", "input"})
_SEALED_REASONING: Final = "reasoning.encrypted_content"


class State(Struct, frozen=True):
    """What a request asks of a server's memory. `store` is True by default, as the API has it.
    `references` are the ids of items that the request names instead of sending them. `remote`: it
    asks for what only the vendor's servers can do, such as an answer in the background."""

    store: bool = True
    previous_response_id: str | None = None
    references: tuple[str, ...] = ()
    remote: bool = False


class _Wishes(Struct):
    store: bool | None = None
    previous_response_id: str | None = None
    background: bool | None = None
    conversation: Any = None


class _Input(Struct):
    input: Raw = Raw(b"[]")


class _Reference(Struct):
    type: str | None = None
    role: Any = None
    id: str | None = None


class _Thoughts(Struct):
    type: str | None = None
    content: Any = None
    encrypted_content: Any = None


_wishes: Final = Shape(_Wishes)
_input: Final = Shape(_Input)
_members: Final = Shape(dict[str, Raw])
_list: Final = Shape(list[Raw])
_named: Final = Shape(_Reference)
_thoughts: Final = Shape(_Thoughts)
_texts: Final = Shape(list[str])


def stateful(body: bytes) -> State:
    """What the request in `body` asks of a server's memory. Raises fields.Malformed."""
    wishes = _wishes.read(body, Losses())
    references: tuple[str, ...] = ()
    if b'"id"' in body:
        references = tuple(name for raw in items(body) if (name := _reference(raw)))
    return State(
        store=wishes.store is not False,
        previous_response_id=wishes.previous_response_id or None,
        references=references,
        remote=bool(wishes.background or wishes.conversation),
    )


def items(body: bytes, referenced: Mapping[str, bytes] | None = None) -> list[bytes]:
    """The request's input as raw items, a string as one user message. References are replaced by
    the items in `referenced`, by id; an empty one is left out. Raises fields.Malformed."""
    given = _input.read(body, Losses()).input
    if bytes(given).startswith(b'"'):
        return [b'{"type":"message","role":"user","content":%b}' % bytes(given)]
    if not present(given):  # some clients send null for what they leave out
        return []
    found = [bytes(raw) for raw in _list.read(given, Losses(), "input")]
    if not referenced:
        return found
    own = (referenced.get(_reference(raw), raw) for raw in found)
    return [raw for raw in own if raw]


def resolve(
    body: bytes, whole: Sequence[bytes], *, sealed: bool = False, stateless: bool = True
) -> bytes:
    """The request in `body` for a server that does not know the earlier ones: with the `whole`
    input and no `previous_response_id`; for a `stateless` one with `store` false.

    The earlier request's `instructions` are not carried over, as the API has it. `sealed` asks for
    encrypted reasoning, which a later request can send back. Raises fields.Malformed.
    """
    fields = _members.read(body, Losses())
    kept: dict[str, Any] = {name: raw for name, raw in fields.items() if name not in _STATE_FIELDS}
    if sealed:
        kept["include"] = _including(kept.get("include"))
    if stateless:
        kept["store"] = False
    return jsonio.dumps({**kept, "input": Raw(b"[" + b",".join(whole) + b"]")})


def _including(asked: Raw | None) -> list[str]:
    wanted = [] if asked is None or not present(asked) else _texts.read(asked, Losses())
    return wanted if _SEALED_REASONING in wanted else [*wanted, _SEALED_REASONING]


def _reference(raw: bytes) -> str:
    """The id that an `item_reference` names, which need not have a type; "" for other items."""
    named = _named.read(raw, Losses(), "input")
    kind = named.type or ("message" if named.role is not None else "item_reference")
    return named.id or "" if kind == "item_reference" else ""


def compacts(output: Sequence[bytes]) -> bool:
    """Whether an earlier answer has a compaction item, which replaces all that was before it.

    https://platform.openai.com/docs/guides/conversation-state
    """
    return any(map(is_in, output))


def carried(output: Sequence[bytes], *, same_maker: bool) -> Iterator[bytes]:
    """The items of an earlier answer that can be sent in a request.

    Reasoning that nobody could read again is left out: without ciphertext its maker does not know
    it ("Items are not persisted when `store` is set to false"), and others cannot read ciphertext.
    """
    for raw in output:
        if b'"reasoning"' in raw:
            item = _thoughts.read(raw, Losses(), "output")
            if item.type == "reasoning" and not _is_readable(item, same_maker):
                continue
        yield raw


def _is_readable(item: _Thoughts, same_maker: bool) -> bool:
    if not item.encrypted_content:
        return bool(item.content)
    return same_maker or str(item.encrypted_content).startswith(seal.MARK)


# --- the input as the API lists it -------------------------------------------------------------

_PREFIXES: Final[Mapping[str, str]] = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
}
_OTHERS: Final = "item_"
_ID_CHARACTERS: Final = 32
# Items that have a `status` in a list, which a request may leave out (the SDK's ResponseItem).
_WITH_STATUS: Final = frozenset(
    {
        "message",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "shell_call",
        "shell_call_output",
    }
)


class _Listed(Struct):
    id: str | None = None
    type: str | None = None
    role: str | None = None
    content: Raw = Raw()


_listed: Final = Shape(_Listed)


def item_ids(given: Sequence[bytes], response_id: str) -> list[str]:
    """The id of each input item of a response; one that the client did not give is made of its
    place, so that it is always the same."""
    return [_item_id(_read_listed(raw), f"{response_id}/{n}") for n, raw in enumerate(given)]


def listed(given: Sequence[bytes], response_id: str) -> list[bytes]:
    """The input items of a response as `input_items` lists them: each with its id and status, and a
    message's text as a part."""
    found = []
    for item_id, raw in zip(item_ids(given, response_id), given, strict=True):
        item = _read_listed(raw)
        fields: dict[str, Any] = {"id": item_id, "type": item.type or "message"}
        fields |= {k: v for k, v in _members.read(raw, Losses()).items() if k not in fields}
        if fields["type"] in _WITH_STATUS:
            fields.setdefault("status", "completed")
        if fields["type"] == "message" and bytes(item.content).startswith(b'"'):
            fields["content"] = [_part(item)]
        found.append(jsonio.dumps(fields))
    return found


def _part(item: _Listed) -> dict[str, Any]:
    if item.role == "assistant":
        return {"type": "output_text", "text": item.content, "annotations": []}
    return {"type": "input_text", "text": item.content}


def _read_listed(raw: bytes) -> _Listed:
    return _listed.read(raw, Losses(), "input")


def _item_id(item: _Listed, place: str) -> str:
    if item.id:
        return item.id
    digest = hashlib.sha256(place.encode()).hexdigest()
    return _PREFIXES.get(item.type or "message", _OTHERS) + digest[:_ID_CHARACTERS]
