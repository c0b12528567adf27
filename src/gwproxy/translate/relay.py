"""The same dialect on both sides: bytes as they came, except the model's name.

A body is never parsed and printed again: Anthropic binds thinking signatures to bytes, and fields
that we do not know must live (router-for-me/CLIProxyAPI#2172). The name is spliced into the text.
The dialect's `Tap` reads usage, failures and the end of a stream as it passes, so that the log is
true and a cut stream is not taken for a whole one.
"""

from __future__ import annotations

import re
from typing import Final

from gwproxy.translate.wire import jsonio

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_MODEL_FIRST: Final = re.compile(rb'\s*\{\s*"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_MODEL_ANYWHERE: Final = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
# A terminator at the end of what has come; SDKs stop reading there.
_DONE: Final = re.compile(rb"(?:\A|(?<=[\r\n]))data: ?\[DONE\][ \r\n]*\Z")


def replace_model(body: bytes, model: str) -> bytes:
    """`body` with its top-level `model` set to `model`, every other byte kept.

    Raises jsonio.NotJson when there is no such member to replace.
    """
    spans = _model_spans(body)
    if not spans:
        raise jsonio.NotJson("model: field required")
    pieces: list[bytes] = []
    kept = 0
    for start, end in spans:
        pieces += (body[kept:start], jsonio.text(model))
        kept = end
    return b"".join((*pieces, body[kept:]))


def _model_spans(body: bytes) -> list[tuple[int, int]]:
    """Where the names stand: a member that comes twice is read as its last by most, not by all."""
    first = _MODEL_FIRST.match(body)
    if first is not None and body.find(b'"model"', first.end()) < 0:
        return [first.span(1)]
    spans: list[tuple[int, int]] = []
    depth = 0
    for token in _TOKEN.finditer(body):
        piece = token[0]
        if piece in (b"{", b"["):
            depth += 1
        elif piece in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and piece == b'"model"':
            value = _MODEL_ANYWHERE.match(body, token.start())
            if value is not None:
                spans.append(value.span(1))
    return spans


class ModelSplicer:
    """Renames the model in a relayed stream: learns the upstream's name from its first event.

    In every dialect the name stands as a JSON member; inside texts and arguments its quotes are
    escaped, so a plain search cannot hit those.
    """

    __slots__ = ("_asked", "_pattern", "_replacement")

    def __init__(self, asked: str) -> None:
        self._asked = jsonio.text(asked)
        self._pattern: bytes | None = None
        self._replacement = b""

    def splice(self, events: bytes) -> bytes:
        if self._pattern is None:
            found = _MODEL_ANYWHERE.search(events)
            if found is None:
                return events
            self._pattern = found[0]
            prefix = found[0][: found.start(1) - found.start()]
            self._replacement = prefix + self._asked
        return events.replace(self._pattern, self._replacement)


def without_done(events: bytes) -> bytes:
    """`events` less the `[DONE]` at their end, for an answer that has not finished."""
    return _DONE.sub(b"", events)
