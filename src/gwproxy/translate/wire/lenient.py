"""Reads what upstreams send into Structs: each member as far as it can be understood, the others
are left out. Requests are read strictly instead (`shapes`).

Hosts write text as a list of parts, numbers as text, a list of one without its brackets, arguments
as an object instead of text, and emoji in halves. Must not know any dialect.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec
from msgspec import Raw, Struct

from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import count_of
from gwproxy.translate.wire.shapes import flatten, raw_of

S = TypeVar("S", bound=Struct)

_PRINTED: Final = "arguments"


def read(data: bytes, kind: type[S]) -> S:
    """A JSON object as a `kind`; halves of characters stay, for the next event may bring the other
    half. Raises jsonio.NotJson."""
    found = lenient(jsonio.loads_torn(data), kind)
    if found is None:
        raise jsonio.NotJson("expected an object")
    return found


def lenient(value: Any, kind: type[S]) -> S | None:
    """A decoded object as a `kind`, None where it is no object. Members that are missing, null or
    of a type that cannot be read have their default."""
    if not isinstance(value, dict):
        return None
    members = {}
    for name, options in _members(kind):
        member = value.get(name)
        if name == _PRINTED and isinstance(member, dict | list):
            member = jsonio.dumps(member).decode()
        if member is not None and (read := _fitting(member, options)) is not None:
            members[name] = read
    return kind(**members)


@functools.cache
def _members(kind: type[Struct]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """The members of a Struct, with the types that each may have."""
    return tuple((field.name, tuple(flatten(field.type))) for field in msgspec.structs.fields(kind))


def _fitting(value: Any, options: Iterable[Any]) -> Any:
    if isinstance(value, str) and str in options:
        return value
    return next((read for option in options if (read := _as(value, option)) is not None), None)


def _as(value: Any, option: Any) -> Any:
    if option is Any:
        return value
    if option is Raw:
        return raw_of(value)
    if option is str:
        return text_of(value)
    if option is int:
        return count_of(value)
    if get_origin(option) is list:
        listed = value if isinstance(value, list) else [value]
        read = (_fitting(element, flatten(get_args(option)[0])) for element in listed)
        return [element for element in read if element is not None]
    if issubclass(option, Struct):
        return lenient(value, option)
    return None


def text_of(value: Any) -> str | None:
    """`value` as text: a list of content parts as their texts, joined, a number as it is printed;
    None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = (part.get("text") if isinstance(part, dict) else part for part in value)
        return "".join(text for text in texts if isinstance(text, str))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None
