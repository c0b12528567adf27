"""Taking secrets out of text that a person or a log will see.

Pure. Whoever knows the secret in play passes it, and it is found in every form that JSON has for
it; the shapes of the keys that the presets name are taken out as well, for a text that comes from
somewhere else. This is the second wall: the first is not to put a secret into a text at all.

    masker = Masker(key)
    masker.feed(chunk), …, masker.feed(chunk, last=True)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Final

MASK: Final = "[masked]"

# The key itself has no backslash: in JSON that belongs to the quote behind it.
_VALUE: Final = r"[^\s\"'\\,;]{6,}"
# What may stand between a name and its key: in a header line, an assignment, JSON, JSON in JSON.
_BETWEEN: Final = r"\\*[\"']?[:=] ?\\*[\"']?"


def _any_case(word: str) -> str:
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in word)


# One after the other, each beginning with a letter or two that can be searched for: as one pattern
# they take ten times as long, and whole exchanges go through here.
_KEYS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # sk-… (OpenAI, Moonshot, kimi-k25), sk-kimi-…, sk-ant-…, cc_user_… (Claude gateways)
        r"()sk-(?<!\wsk-)[A-Za-z0-9_\-]{6,}",
        r"()cc_user_(?<!\wcc_user_)[A-Za-z0-9_\-]{6,}",
        # an Authorization header, and the vendors' own
        rf"({_any_case('bearer')} +){_VALUE}",
        rf"({_any_case('x-api-key')}{_BETWEEN}){_VALUE}",
        rf"({_any_case('anthropic-auth-token')}{_BETWEEN}){_VALUE}",
        # variables, as a shell exports them
        rf"(_API_KEY=(?<=[A-Z]_API_KEY=)\\*[\"']?){_VALUE}",
        rf"(_AUTH_TOKEN=(?<=[A-Z]_AUTH_TOKEN=)\\*[\"']?){_VALUE}",
    )
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with every one of `secrets`, and whatever looks like a key, replaced by MASK."""
    for secret in secrets:
        if secret:
            text = _forms(secret).masked_text(text)
    for shape in _KEYS:
        if shape.search(text) is not None:  # as nearly never: to look alone costs half
            text = shape.sub(rf"\1{MASK}", text)
    return text


# --- one known secret, in all its forms ----------------------------------------------------------

_MOST_BACKSLASHES: Final = 7
"""Before one escaped letter: JSON in JSON in JSON."""

_ESCAPES: Final = b"\\u0123456789abcdefABCDEF"

_SHORT_ESCAPES: Final = b'"\\/'
"""What JSON also escapes by a backslash alone."""


class _Forms:
    """A secret as it stands in bytes: each of its letters plain or escaped (`-`, `\\u002d`)."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._plain = secret.encode(errors="surrogatepass")
        self._alphabet = self._plain + _ESCAPES
        self._last_bytes = frozenset(self._alphabet)
        self._longest = len(self._plain) * (_MOST_BACKSLASHES + len("u0000"))

    @cached_property
    def _escape(self) -> re.Pattern[bytes]:
        """Matches an escaped letter of the secret: a text without any has the secret plain or not
        at all. Escapes of other letters are in nearly every text of some hosts."""
        codes = b"|".join({_code(number) for number in self._plain})
        short = b"".join({b"|" + re.escape(b"%c" % n) for n in self._plain if n in _SHORT_ESCAPES})
        return re.compile(b"\\\\(?:u00(?:%b)%b)" % (codes, short))

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        """Matches the whole secret, which sets its group, or the beginning of it at the very end:
        there, all the letters that are still to come match nothing."""
        *letters, last = (_letter(number) for number in self._plain)
        opened = [b"(?:%b|%b|\\Z)" % letter for letter in letters] + [b"(?:(%b)|%b|\\Z)" % last]
        # Not nothing alone: at least its first letter, or an escape of that, is there.
        return re.compile(b"(?!\\Z)" + b"".join(opened))

    def masked(self, data: bytes) -> tuple[bytes, bytes]:
        """`data` without the secret, and apart from it the end that could begin the secret."""
        # The one byte first: to look for several takes as long as the pattern, which says more.
        escaped = b"\\" in data and self._escape.search(data) is not None
        if not escaped and self._plain not in data:
            begun = self._begun_at(data)
            return data[:begun], data[begun:]
        parts: list[bytes] = []
        done = 0
        for match in self._pattern.finditer(data):
            parts.append(data[done : match.start()])
            if match[1] is None:
                return b"".join(parts), match[0]
            parts.append(MASK.encode())
            done = match.end()
        parts.append(data[done:])
        return b"".join(parts), b""

    def _begun_at(self, data: bytes) -> int:
        """Where an end of `data` begins that could begin the secret; its length for none."""
        if not data or data[-1] not in self._last_bytes:
            return len(data)  # as nearly always: events, lines and bodies end otherwise
        end = data[-self._longest :]
        letters = len(end) - len(end.rstrip(self._alphabet))
        match = self._pattern.search(data, len(data) - letters)
        return len(data) if match is None else match.start()

    def masked_text(self, text: str) -> str:
        """`text` without the secret."""
        if self._secret not in text and "\\" not in text:
            return text
        data, end = self.masked(text.encode(errors="surrogatepass"))
        return (data + end).decode(errors="surrogatepass")

    def mostly(self, end: bytes) -> bool:
        """Whether `end`, which begins the secret, gives most of it away."""
        return 2 * len(end) > len(self._plain)


def _letter(number: int) -> tuple[bytes, bytes]:
    """Patterns of one byte of a secret: of its forms, and of an escape that ends too early."""
    plain = re.escape(b"%c" % number)
    if number == ord("\\"):
        plain = b"\\\\{1,%d}" % (_MOST_BACKSLASHES + 1)
    elif number in _SHORT_ESCAPES:
        plain = b"\\\\{0,%d}%b" % (_MOST_BACKSLASHES, plain)
    slashes = b"\\\\{1,%d}" % _MOST_BACKSLASHES
    whole = b"%b|%bu00%b" % (plain, slashes, _code(number))
    return whole, b"%b(?:u(?:0(?:0%x?)?)?)?\\Z" % (slashes, number >> 4)


def _code(number: int) -> bytes:
    """A pattern of its two hexadecimal digits, in either case."""
    return b"(?i:%02x)" % number


@lru_cache(maxsize=64)  # the pattern takes longer to build than an answer to read
def _forms(secret: str) -> _Forms:
    return _Forms(secret)


class Masker:
    """A body without `secret`, however it comes in pieces; nothing is masked for "".

    What could begin the secret is held until more has come. Held is as little as can be, so
    nothing of an event that is whole.
    """

    __slots__ = ("_forms", "_held")

    def __init__(self, secret: str) -> None:
        self._forms = _forms(secret) if secret else None
        self._held = b""

    @property
    def holds(self) -> bool:
        """Whether there is something that `feed` has not given back yet."""
        return bool(self._held)

    def feed(self, chunk: bytes, *, last: bool = False) -> bytes:
        """What can be shown by now; with `last` that is all. A body that ends in most of the
        secret does not show that either."""
        if self._forms is None:
            return chunk
        shown, held = self._forms.masked(self._held + chunk)
        if last:
            shown += MASK.encode() if self._forms.mostly(held) else held
            held = b""
        self._held = held
        return shown

    def text(self, text: str) -> str:
        """`text`, which is whole, without the secret."""
        return text if self._forms is None else self._forms.masked_text(text)
