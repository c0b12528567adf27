"""The same dialect on both sides: bytes as they came, except the model's name.

A body is never parsed and printed again: Anthropic binds thinking signatures to bytes, and fields
that we do not know must live (router-for-me/CLIProxyAPI#2172). The name is spliced into the text.
A tap reads usage, failures and the end of a stream from a copy, so that the log is true and a cut
stream is not taken for a whole one.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gwproxy.translate import jsonio, sse
from gwproxy.translate.hub import Dialect, Usage

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_MODEL_FIRST: Final = re.compile(rb'\s*\{\s*"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_MODEL_ANYWHERE: Final = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
# What may become such a member when the next read comes; no name is as long as this allows.
_MODEL_BEGUN: Final = re.compile(
    rb'"(?:m(?:o(?:d(?:e(?:l(?:"\s{0,9}(?::\s{0,9}(?:"(?:[^"\\]|\\.){0,500}\\?)?)?)?)?)?)?)?)?\Z'
)

# Enough for the first event with its usage, and for the last two; longer ones (a Responses
# terminal object) are found by the larger tail.
_HEAD_BYTES: Final = 4096
_TAIL_BYTES: Final = {
    Dialect.ANTHROPIC: 4096,
    Dialect.CHAT: 4096,
    Dialect.RESPONSES: 1024 * 1024,
}
# What an upstream says last: its terminator, its reason to stop (some forget the terminator), or
# its error. Quotes inside texts are escaped, so these cannot match there.
_LAST_WORDS: Final = {
    Dialect.ANTHROPIC: re.compile(rb'"message_stop"|"stop_reason"\s*:\s*"\w|"type"\s*:\s*"error"'),
    Dialect.CHAT: re.compile(
        rb'(?:\A|[\r\n])data: ?\[DONE\]|"finish_reason"\s*:\s*"\w|"error"\s*:\s*[{"]'
    ),
    Dialect.RESPONSES: re.compile(
        rb'"response\.(?:completed|incomplete|failed)"|"type"\s*:\s*"error"'
    ),
}
# The event after which nothing comes; a Chat stream's usage still follows its reason to stop.
_TERMINATORS: Final = {
    Dialect.ANTHROPIC: re.compile(rb'"message_stop"'),
    Dialect.CHAT: re.compile(rb"\A\s*data: ?\[DONE\]"),
    Dialect.RESPONSES: re.compile(
        rb'\A\s*data: ?\[DONE\]|"response\.(?:completed|incomplete|failed)"'
    ),
}
# Without this near the end it is not worth looking: every read is asked. A Responses answer ends
# with an event of any size.
_TERMINATOR_WORDS: Final = {
    Dialect.ANTHROPIC: b"message_stop",
    Dialect.CHAT: b"[DONE]",
    Dialect.RESPONSES: b"",
}
_TERMINATOR_BYTES: Final = 512
_TROUBLES: Final = {
    Dialect.ANTHROPIC: re.compile(rb'"type"\s*:\s*"error"'),
    Dialect.CHAT: re.compile(rb'"error"\s*:\s*[{"]'),
    Dialect.RESPONSES: re.compile(rb'"type"\s*:\s*"(?:error|response\.failed)"'),
}


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

    __slots__ = ("_asked", "_held", "_pattern", "_replacement")

    def __init__(self, asked: str) -> None:
        self._asked = jsonio.text(asked)
        self._pattern: bytes | None = None
        self._replacement = b""
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        data = self._held + chunk if self._held else chunk
        self._held = b""
        if self._pattern is None:
            found = _MODEL_ANYWHERE.search(data)
            if found is None:
                return self._hold(data, _MODEL_BEGUN.search(data))
            self._pattern = found[0]
            prefix = found[0][: found.start(1) - found.start()]
            self._replacement = prefix + self._asked
        if self._pattern == self._replacement:
            return data
        keep = _overlap(data, self._pattern)
        if keep:
            data, self._held = data[:-keep], data[-keep:]
        return data.replace(self._pattern, self._replacement)

    def _hold(self, data: bytes, begun: re.Match[bytes] | None) -> bytes:
        if begun is None:
            return data
        self._held = begun[0]
        return data[: begun.start()]

    def finish(self) -> bytes:
        held, self._held = self._held, b""
        return held


def _overlap(data: bytes, pattern: bytes) -> int:
    """Length of the longest end of `data` that begins `pattern`, and is not of a whole one."""
    if data.endswith((b"\n", pattern)):
        return 0
    for size in range(min(len(pattern) - 1, len(data)), 0, -1):
        if pattern.startswith(data[-size:]):
            return size
    return 0


class Tap:
    """Reads a relayed stream from a copy: where events end, whether it is complete."""

    __slots__ = ("_dialect", "_head", "_limit", "_tail", "_words")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._head = b""
        self._tail = b""
        self._limit = _TAIL_BYTES[dialect]
        self._words = _LAST_WORDS[dialect]

    def feed(self, chunk: bytes) -> None:
        if len(self._head) < _HEAD_BYTES:
            self._head += chunk[:_HEAD_BYTES]
        self._tail = (
            chunk[-self._limit :]
            if len(chunk) >= self._limit
            else (self._tail + chunk)[-self._limit :]
        )

    @property
    def at_boundary(self) -> bool:
        """Whether a frame of ours may be put in here without tearing one of the upstream's."""
        return not self._tail or self._tail.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))

    @property
    def complete(self) -> bool:
        """Whether the upstream said that it was done, or that it failed."""
        return self._words.search(self._tail) is not None

    @property
    def terminated(self) -> bool:
        """Whether the latest event, which came whole, is the one after which nothing comes."""
        if _TERMINATOR_WORDS[self._dialect] not in self._tail[-_TERMINATOR_BYTES:]:
            return False
        return self.at_boundary and bool(_TERMINATORS[self._dialect].search(self._last_event()))

    def _last_event(self) -> bytes:
        line_end = b"\r\n" if self._tail.endswith(b"\r\n") else b"\n"
        tail = self._tail.rstrip()
        return tail[max(tail.rfind(line_end * 2), 0) :]

    def trouble(self) -> bytes:
        """The event by which the upstream said that it failed, or nothing."""
        event = self._last_event()
        return event + b"\n\n" if _TROUBLES[self._dialect].search(event) else b""

    def frames(self) -> list[Any]:
        """The JSON of the first event, and of those near either end that speak of usage."""
        values: list[Any] = []
        head = b"" if self._tail.startswith(self._head) else self._head
        for data in (head, self._tail):
            decoder = sse.Decoder()
            for _name, payload in decoder.feed(data) + decoder.finish():
                if values and b'"usage"' not in payload:
                    continue
                try:
                    values.append(jsonio.loads(payload))
                except jsonio.NotJson:
                    continue  # the head and the tail begin or end in the middle of an event
        return values


def model_of(value: Any) -> str:
    """The model that a decoded answer or stream event names, or nothing."""
    if not isinstance(value, dict):
        return ""
    holder = value.get("message") or value.get("response") or value
    model = holder.get("model") if isinstance(holder, dict) else None
    return model if isinstance(model, str) else ""


def usage_of(dialect: Dialect, value: Any) -> Usage | None:
    """The usage figures of a decoded answer or stream event, wherever the dialect keeps them."""
    if not isinstance(value, dict):
        return None
    holder = value.get("message") or value.get("response") or value
    usage = value.get("usage") or (holder.get("usage") if isinstance(holder, dict) else None)
    choices = value.get("choices")
    if usage is None and isinstance(choices, list) and choices and isinstance(choices[0], dict):
        usage = choices[0].get("usage")  # Moonshot's place for it
    if not isinstance(usage, dict):
        return None
    return _anthropic_usage(usage) if dialect is Dialect.ANTHROPIC else _openai_usage(usage)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _anthropic_usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        fresh=_count(usage.get("input_tokens")),
        cache_read=_count(usage.get("cache_read_input_tokens")),
        cache_write=_count(usage.get("cache_creation_input_tokens")),
        output=_count(usage.get("output_tokens")),
    )


def _openai_usage(usage: dict[str, Any]) -> Usage:
    total = _count(usage.get("prompt_tokens", usage.get("input_tokens")))
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    cached = cached if cached is not None else _count(usage.get("cached_tokens"))
    fresh = total
    if total is not None and cached is not None and cached <= total:
        fresh = total - cached
    return Usage(
        fresh=fresh,
        cache_read=cached,
        output=_count(usage.get("completion_tokens", usage.get("output_tokens"))),
    )
