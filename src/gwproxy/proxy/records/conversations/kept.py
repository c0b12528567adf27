"""One kept response. A value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """`conversation` is the id of the response that began it, `previous_id` the one before this,
    or "". `maker` is the profile whose upstream answered. `response` is the object as the client
    got it, `given` the raw items of its own request, `output` those of the answer; all are JSON.
    `shared`: that upstream keeps it as well, as far as one knows."""

    id: str
    conversation: str
    previous_id: str
    maker: str
    response: bytes
    given: tuple[bytes, ...]
    output: tuple[bytes, ...]
    shared: bool = False

    @property
    def size_bytes(self) -> int:
        return len(self.response) + sum(map(len, self.given))
