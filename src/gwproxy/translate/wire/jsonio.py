"""The one JSON policy.

msgspec does the work. What it refuses and the world sends all the same goes through the standard
library: lone surrogates, which appear when a client cuts tool output in the middle of an emoji
(anthropics/claude-code#56064). They become U+FFFD on the way out, since upstreams answer 400 to
them. Numbers in tool arguments and schemas are never re-printed: those travel as raw text.

Must not know any dialect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")


def _as_text(value: object) -> str:
    """The text of a subclass of str, such as a `Dialect`, which msgspec would refuse."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


_encoder: Final = msgspec.json.Encoder(enc_hook=_as_text)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")

# Python's own guard against quadratic int parsing trips at 4300 digits; JSON from a hostile
# client must become a 400, not a crash.
_STDLIB_ERRORS: Final = (ValueError, RecursionError)


class NotJson(ValueError):
    """The bytes are not JSON, or not of the wanted shape. `str()` is fit for a client to read."""


def decoder(kind: type[T]) -> Callable[[bytes | str], T]:
    """A decoder for `kind` (msgspec Struct, dict, Any …) that raises `NotJson`."""
    fast = msgspec.json.Decoder(kind)

    def decode(data: bytes | str) -> T:
        try:
            return fast.decode(data)
        except msgspec.ValidationError as error:
            raise NotJson(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _slow(data, kind, str(error))

    return decode


def _slow(data: bytes | str, kind: type[T], complaint: str) -> T:
    try:
        value = json.loads(data)
    except _STDLIB_ERRORS:
        raise NotJson(complaint or "not valid JSON") from None
    try:
        return msgspec.json.decode(_ascii(value), type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None


def _ascii(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return mend(text).encode()


loads: Final[Callable[[bytes | str], Any]] = decoder(Any)


def is_json(data: bytes | str) -> bool:
    """Whether `data` is JSON."""
    try:
        loads(data)
    except NotJson:
        return False
    return True


def is_object(data: bytes | str) -> bool:
    """Whether `data` is a JSON object."""
    try:
        return isinstance(loads(data), dict)
    except NotJson:
        return False


def loads_torn(data: bytes) -> Any:
    """The value, as of `loads`, but lone surrogates stay: a model's emoji may come in halves, one
    in each of two stream events, and `mend` can join them only if both are still there. Raises
    NotJson."""
    try:
        return json.loads(data)
    except _STDLIB_ERRORS as error:
        raise NotJson(str(error)) from None


def dumps(value: object) -> bytes:
    """`value` as JSON: compact UTF-8, keys in the order given, the same bytes for the same
    value."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _ascii(msgspec.to_builtins(value, enc_hook=_as_text))


def text(value: str) -> bytes:
    """`value` as a JSON string, quotes included."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(mend(value))


def mend(value: str) -> str:
    """`value` with surrogate halves joined to pairs; those that stay alone become U+FFFD."""
    if _LONE_SURROGATE.search(value) is None:
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def join_halves(text: str) -> tuple[str, str]:
    """`text` with surrogate halves joined to pairs, and the first half that it ends with, or ""."""
    if text.isascii():
        return text, ""
    half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
    return mend(text[:-1] if half else text), half


def raw(value: msgspec.Raw | bytes | str) -> str:
    """Raw JSON as text, for `Call.arguments` and `Tool.schema`, with no broken characters in it."""
    data = value.encode() if isinstance(value, str) else bytes(value)
    found = data.decode("utf-8", "replace")
    if "\ufffd" in found:
        data = found.encode()
    if _ESCAPED_SURROGATE.search(data) is not None:
        try:
            msgspec.json.decode(data)
        except msgspec.DecodeError:
            return _ascii(json.loads(data)).decode()
    return found


def one_line(value: msgspec.Raw | bytes | str) -> str:
    """Raw JSON as text without line breaks, for what may become an event's data: several hosts
    print their answers over many lines. Breaks are only between its tokens."""
    found = raw(value)
    if "\n" not in found and "\r" not in found:
        return found
    return msgspec.json.format(found, indent=-1)
