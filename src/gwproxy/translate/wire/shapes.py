"""Reads request bodies into Structs: unknown members are a loss, wrong ones a 400 with their path.

The Structs of a shape are declared with `forbid_unknown_fields=True`: a body that holds only known
members is decoded at once. Only when that fails is the body walked, member by member and on raw
text, so that numbers in schemas and arguments are not re-printed: unknown members are left out and
named as losses, and what is still wrong is named with its path. Must not know any dialect.
"""

from __future__ import annotations

import re
import types
from typing import Any, Final, Generic, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Raw, Struct

from gwproxy.translate.losses import Losses
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed, get_string

T = TypeVar("T")

_members: Final = msgspec.json.Decoder(dict[str, Raw])
_elements: Final = msgspec.json.Decoder(list[Raw])
_COMPLAINT: Final = re.compile(r"(?P<why>.*?)(?: - at `\$(?P<path>.*)`)?\Z", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_INDEX: Final = re.compile(r"\[\d*\]")
_JSON_WORDS: Final = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "Raw": "value",
}
_PYTHON_WORD: Final = re.compile(r"\b(?:str|int|float|bool|Raw)\b")
# A loss is a word in a header; a hostile member name must not fill it.
_LONGEST_NAME: Final = 60


def present(raw: Raw) -> bool:
    """Whether a member that a Struct keeps as raw JSON is there, and not null."""
    return bytes(raw) not in (b"", b"null")


def raw_of(value: Any) -> Raw:
    """A decoded value as raw JSON; the empty `Raw` for null."""
    return Raw() if value is None else Raw(jsonio.dumps(value))


def arguments_of(raw: Raw, path: str) -> str:
    """The arguments of a call in a request, as text: some clients of each dialect print the object,
    others send it as it is. Raises Malformed."""
    if not present(raw):
        return ""
    text = bytes(raw)
    return jsonio.raw(raw) if text.startswith(b"{") else get_string(jsonio.loads(text), path)


def text_only(body: bytes) -> bytes:
    """`body`, if it is UTF-8, as JSON has to be (https://www.rfc-editor.org/rfc/rfc8259#section-8.1).
    Raises Malformed.

    The decoders look at no member that they skip, or keep raw for whoever reads it later.
    """
    try:
        if not body.isascii():
            body.decode()
    except UnicodeDecodeError as error:
        raise Malformed("", f"the body is not valid UTF-8: byte {error.start}") from None
    return body


class Shape(Generic[T]):
    """Reads one kind of body, or of a raw part of a body."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def read(self, data: bytes | Raw, losses: Losses, path: str = "") -> T:
        """The decoded value; `path` is where `data` stands in the body. Raises Malformed."""
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError:
            pass
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            data = _mended(data, path)
        try:
            known = _without_unknown(bytes(data), self._kind, path, losses)
            return self._decoder.decode(known)
        except msgspec.ValidationError as error:
            raise _malformed(str(error), path) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(path, f"not valid JSON: {error}") from None


def _mended(data: bytes | Raw, path: str) -> bytes:
    try:
        return jsonio.dumps(jsonio.loads(bytes(data)))
    except jsonio.NotJson as error:
        raise Malformed(path, f"not valid JSON: {error}") from None


def _malformed(complaint: str, prefix: str) -> Malformed:
    match = _COMPLAINT.match(complaint)
    assert match is not None
    why, path = match["why"], _join(prefix, match["path"] or "")
    missing = _MISSING.match(why)
    if missing is not None:
        return Malformed(_join(path, "." + missing["name"]), "field required")
    words = _PYTHON_WORD.sub(lambda word: _JSON_WORDS[word[0]], why)
    words = words.replace("`", "").replace(" | ", " or ")
    return Malformed(path, words[:1].lower() + words[1:])


def _join(prefix: str, path: str) -> str:
    return prefix + path if prefix else path.removeprefix(".")


def _without_unknown(data: bytes, annotation: Any, path: str, losses: Losses) -> bytes:
    """`data` without the members that no Struct of `annotation` has; each of them is a loss."""
    structs, element = _alternatives(annotation)
    first = data.lstrip()[:1]
    if first == b"{" and structs:
        return _known_members(data, structs, path, losses)
    if first == b"[" and element is not None:
        pieces = (_without_unknown(bytes(e), element, path, losses) for e in _elements.decode(data))
        return b"[" + b",".join(pieces) + b"]"
    return data


def _known_members(data: bytes, structs: list[type[Struct]], path: str, losses: Losses) -> bytes:
    members = _members.decode(data)
    chosen = _by_tag(members, structs)
    if chosen is None:
        return data
    kinds = {field.encode_name: field.type for field in msgspec.structs.fields(chosen)}
    kept = []
    for name, value in members.items():
        place = _join(path, "." + name)
        if name in kinds:
            inner = _without_unknown(bytes(value), kinds[name], place, losses)
        elif name == chosen.__struct_config__.tag_field:
            inner = bytes(value)
        else:
            if present(value):  # null asks for nothing
                losses.drop(_INDEX.sub("", place)[:_LONGEST_NAME])
            continue
        kept.append(jsonio.text(name) + b":" + inner)
    return b"{" + b",".join(kept) + b"}"


def _by_tag(members: dict[str, Raw], structs: list[type[Struct]]) -> type[Struct] | None:
    if len(structs) == 1:
        return structs[0]
    for kind in structs:
        config = kind.__struct_config__
        tag = members.get(config.tag_field or "")
        if tag is not None and bytes(tag) == jsonio.text(str(config.tag)):
            return kind
    return None


def _alternatives(annotation: Any) -> tuple[list[type[Struct]], Any]:
    """The Structs among the alternatives of `annotation`, and its list's element type or None."""
    structs: list[type[Struct]] = []
    element = None
    for option in flatten(annotation):
        if isinstance(option, type) and issubclass(option, Struct):
            structs.append(option)
        elif get_origin(option) is list:
            (element,) = get_args(option)
    return structs, element


def flatten(annotation: Any) -> list[Any]:
    """The alternatives of a union, nested ones included; of another type, itself."""
    if get_origin(annotation) in (Union, types.UnionType):
        return [leaf for option in get_args(annotation) for leaf in flatten(option)]
    return [annotation]
