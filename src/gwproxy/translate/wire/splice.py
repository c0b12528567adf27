"""Edits a JSON body by path on its bytes: what no path leads to stays as it was, byte for byte.

A path is what a refusal or a person writes: `model`, `tools[].strict`,
`messages[2].content[].cache_control.ttl`; `[]` stands for every element. A member that comes twice
is edited in both places, since readers differ in which of them they believe.

A relayed body may be large and an edit is small, so values are stepped over, not built, and only
those levels are entered that a path leads through. Whether the rest is JSON is the upstream's
affair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw, Struct

from gwproxy.translate.wire.jsonio import NotJson

Step: TypeAlias = str | int | None
"""A member's name, an element's number, or None: every element."""

Path: TypeAlias = tuple[Step, ...]

Change: TypeAlias = Callable[[bytes], bytes | None]
"""A value's text → the text that takes its place; None takes the member or element out."""

_STEPS: Final = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(\d*)\]")
_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR: Final = re.compile(rb"[^\s,\]}:\"\[{]++")
_TO_BRACKET: Final = re.compile(
    rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+(?:([{\[])|[}\]])', re.DOTALL
)

_members: Final = msgspec.json.Decoder(dict[str, Raw])
_elements: Final = msgspec.json.Decoder(list[Raw])


class Edit(Struct, frozen=True):
    """One edit: `change` is called for every value that `path` leads to."""

    path: Path
    change: Change


class _Slot(Struct):
    """The place of a member or element: `begin` (of a member, its name), `value` and `end`."""

    step: str | int
    begin: int
    value: int
    end: int


def path_of(text: str) -> Path:
    """The steps of a written path. Raises ValueError for what is no path."""
    steps: list[Step] = []
    end = 0
    for match in _STEPS.finditer(text):
        if match.start() != end or text[0] == ".":
            break
        end = match.end()
        name, number = match[1], match[2]
        steps.append(name if name is not None else int(number) if number else None)
    if end != len(text) or not steps:
        raise ValueError(f"{text!r} is no path such as tools[].strict")
    return tuple(steps)


def text_of(path: Path) -> str:
    """A path in its written form, the reverse of `path_of`."""
    text = ""
    for step in path:
        if isinstance(step, str):
            text += f".{step}" if text else step
        else:
            text += "[]" if step is None else f"[{step}]"
    return text


def omit(path: str) -> Edit:
    """The edit that takes out what `path` leads to."""
    return Edit(path_of(path), lambda _value: None)


def put(path: str, text: bytes) -> Edit:
    """The edit that puts `text`, which is JSON, where `path` leads to."""
    return Edit(path_of(path), lambda _value: text)


def unless_empty(value: bytes) -> bytes | None:
    """The change that takes an object out that an earlier edit has left empty."""
    return value if value.strip(b"{} \r\n\t") else None


def edited(body: bytes, edits: Iterable[Edit]) -> bytes:
    """`body` after all `edits`, one by one; the same object where none of them led anywhere.

    Raises NotJson where a level that a path leads through has no end.
    """
    for edit in edits:
        spans = list(_spans(body, _after_blanks(body, 0), len(body), edit.path, edit.change))
        if spans:
            body = _spliced(body, spans)
    return body


def with_member(body: bytes, name: str, text: bytes) -> bytes:
    """The object `body` whose member `name` is `text`: where it stood, else at the beginning.
    Raises NotJson."""
    if has(body, (name,)):
        return edited(body, [Edit((name,), lambda _value: text)])
    opening = _after(b"{", body, _after_blanks(body, 0))
    comma = b"" if body[opening : opening + 1] == b"}" else b","
    member = msgspec.json.encode(name) + b":" + text + comma
    return body[:opening] + member + body[opening:]


def less(body: bytes, path: str) -> bytes:
    """`body` without what `path` leads to, nor the object that this leaves empty. Raises
    NotJson."""
    rest = edited(body, [omit(path)])
    return body if rest is body else without_shells(rest, path_of(path))


def without_shells(body: bytes, path: Path) -> bytes:
    """`body` without the object that `path` leads into, where it is empty and no element of a list:
    an empty `output_config` is still one. Raises NotJson."""
    if len(path) < 2 or not isinstance(path[-2], str):
        return body
    return edited(body, [Edit(path[:-1], unless_empty)])


def renamed(body: bytes, name: str, new: str) -> bytes:
    """The object `body` whose member `name` is called `new`. Raises NotJson."""
    slots = _slots(body, _after_blanks(body, 0), len(body), name)
    spans = [
        (slot.begin, _match(_STRING, body, slot.begin).end(), msgspec.json.encode(new))
        for slot in slots
        if slot.step == name
    ]
    return _spliced(body, spans) if spans else body


def parts(body: bytes, begin: int = 0, end: int | None = None) -> list[tuple[Step, int, int]]:
    """Name or number, begin and end of each value in the object or array at `begin`; of anything
    else an empty list. Raises NotJson."""
    begin = _after_blanks(body, begin)
    step = "" if body[begin : begin + 1] == b"{" else None
    slots = _slots(body, begin, len(body) if end is None else end, step)
    return [(slot.step, slot.value, slot.end) for slot in slots]


def found(body: bytes, path: Path) -> Iterator[tuple[Path, bytes]]:
    """The steps to, and the text of, every value that `path` leads to. Raises NotJson."""
    return _found(body, _after_blanks(body, 0), len(body), path, ())


def has(body: bytes, path: Path) -> bool:
    """Whether `path` leads anywhere. Raises NotJson."""
    return next(found(body, path), None) is not None


def _found(
    body: bytes, begin: int, end: int, path: Path, taken: Path
) -> Iterator[tuple[Path, bytes]]:
    if not path:
        yield taken, body[begin:end]
        return
    for slot in _slots(body, begin, end, path[0]):
        if path[0] is None or slot.step == path[0]:
            yield from _found(body, slot.value, slot.end, path[1:], (*taken, slot.step))


def _spans(
    body: bytes, begin: int, end: int, path: Path, change: Change
) -> Iterator[tuple[int, int, bytes]]:
    """The replacements that an edit makes: from, to, new text."""
    slots = _slots(body, begin, end, path[0])
    wanted = [slot for slot in slots if path[0] is None or slot.step == path[0]]
    if len(path) > 1:
        for slot in wanted:
            yield from _spans(body, slot.value, slot.end, path[1:], change)
        return
    gone: list[_Slot] = []
    for slot in wanted:
        value = body[slot.value : slot.end]
        new = change(value)
        if new is None:
            gone.append(slot)
        elif new != value:
            yield slot.value, slot.end, new
    yield from _cuts(slots, gone)


def _cuts(slots: list[_Slot], gone: list[_Slot]) -> Iterator[tuple[int, int, bytes]]:
    """The cuts that take `gone` out, each with the comma that parts it from a neighbour."""
    leaving = {slot.begin for slot in gone}
    last_kept = max((n for n, slot in enumerate(slots) if slot.begin not in leaving), default=-1)
    for slot, following in pairwise(slots[: last_kept + 1]):
        if slot.begin in leaving:
            yield slot.begin, following.begin, b""
    if gone and last_kept < len(slots) - 1:
        begin = slots[last_kept].end if last_kept >= 0 else slots[0].begin
        yield begin, slots[-1].end, b""


def _spliced(body: bytes, spans: list[tuple[int, int, bytes]]) -> bytes:
    pieces: list[bytes] = []
    kept = 0
    for begin, end, new in sorted(spans):
        pieces += (body[kept:begin], new)
        kept = end
    return b"".join((*pieces, body[kept:]))


# --- the text of a value ---------------------------------------------------------------------


def _slots(body: bytes, begin: int, end: int, step: Step) -> list[_Slot]:
    """The members of the object at `begin`, or the elements of the array, whichever `step` asks
    for; an empty list where the other stands. `end` is where its text ends, or the whole body."""
    in_object = isinstance(step, str)
    if body[begin : begin + 1] != (b"{" if in_object else b"["):
        return []
    lengths = _lengths(memoryview(body)[begin:end], in_object=in_object)
    if lengths is not None:
        try:
            return list(_walked(body, begin, in_object, lengths))
        except NotJson:
            pass  # a member that comes twice: the decoder has kept one of them
    return list(_walked(body, begin, in_object, None))


def _lengths(text: memoryview, *, in_object: bool) -> list[int] | None:
    """The length of each value's text, by msgspec, which steps over values at a gigabyte a second;
    None where it cannot read them."""
    try:
        values = _members.decode(text).values() if in_object else _elements.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return [memoryview(value).nbytes for value in values]


def _walked(body: bytes, begin: int, in_object: bool, lengths: list[int] | None) -> Iterator[_Slot]:
    closing = b"}" if in_object else b"]"
    at = _after_blanks(body, begin + 1)
    number = 0
    while body[at : at + 1] != closing:
        start, name = at, b""
        if in_object:
            member = _match(_STRING, body, at)
            name = member[0]
            at = _after(b":", body, _after_blanks(body, member.end()))
        if lengths is None:
            end = _end_of(body, at)
        elif number < len(lengths):
            end = at + lengths[number]
        else:
            raise NotJson("a member comes twice")
        yield _Slot(_name(name) if in_object else number, start, at, end)
        number += 1
        at = _after_blanks(body, end)
        if body[at : at + 1] != closing:
            at = _after(b",", body, at)
    if lengths is not None and number != len(lengths):
        raise NotJson("a member comes twice")


def _end_of(body: bytes, at: int) -> int:
    first = body[at : at + 1]
    if first == b'"':
        return _match(_STRING, body, at).end()
    if first not in (b"{", b"["):
        return _match(_SCALAR, body, at).end()
    depth = 0
    while True:
        bracket = _match(_TO_BRACKET, body, at)
        depth += 1 if bracket[1] else -1
        at = bracket.end()
        if not depth:
            return at


def _name(text: bytes) -> str:
    try:
        return text[1:-1].decode() if b"\\" not in text else msgspec.json.decode(text, type=str)
    except (UnicodeDecodeError, msgspec.DecodeError):
        raise NotJson("a member's name is not a JSON string") from None


def _match(pattern: re.Pattern[bytes], body: bytes, at: int) -> re.Match[bytes]:
    match = pattern.match(body, at)
    if match is None:
        raise NotJson(f"not valid JSON at byte {at}")
    return match


def _after_blanks(body: bytes, at: int) -> int:
    return _match(_BLANKS, body, at).end()


def _after(mark: bytes, body: bytes, at: int) -> int:
    if body[at : at + 1] != mark:
        raise NotJson(f"not valid JSON at byte {at}: {mark.decode()!r} is missing")
    return _after_blanks(body, at + 1)
