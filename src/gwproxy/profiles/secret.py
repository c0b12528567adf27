"""Secret: a key or token that does not show itself.

Only `reveal` gives the text, and only the code that puts it into a header, a keyring or a
person's terminal calls it. Everything that prints, logs or formats a Secret gets its mask.
"""

from __future__ import annotations

import codecs
import hmac
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

_SHOWN: Final = 4
"""As much as `gh auth status` and the providers' own consoles show, to tell two keys apart."""

_LONG_ENOUGH: Final = 16
"""Four characters of a shorter secret would be too large a part of it."""


_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def text_of(raw: bytes) -> str:
    """Bytes in which a secret came, as text: UTF-8, or UTF-16 as PowerShell writes it, without a
    byte order mark. What is neither has U+FFFD in it."""
    marked = next((each for each in _MARKS if raw.startswith(each[0])), None)
    if marked is None and raw[1:2] == b"\0":
        marked = (b"", "utf-16-le")  # a pipe of PowerShell leaves the mark out
    mark, encoding = marked or (b"", "utf-8")
    return raw[len(mark) :].decode(encoding, "replace")


class Secret:
    """A secret text. Compared in constant time; neither hashable nor picklable."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    @property
    def masked(self) -> str:
        """`…` and the last four characters, or `…` alone for a short secret."""
        return "…" + (self._value[-_SHOWN:] if len(self._value) >= _LONG_ENOUGH else "")

    def __repr__(self) -> str:
        return f"Secret({self.masked})"

    def __str__(self) -> str:
        return self.masked

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    # A hash would be a fingerprint of the secret, and looks secrets up in variable time.
    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied into another process")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a key comes from; `detail` is the variable, the program, the path or the backend."""

    kind: Literal["environment", "command", "file", "keyring", "none"]
    detail: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "environment":
                return f"environment variable {self.detail}"
            case "command":
                return f"command {self.detail}"
            case "file":
                return f"file {self.detail}"
            case "keyring":
                return "keyring"
            case "none":
                return "no key needed"
