"""The losses of a translation: what it left out or changed, as codes for log and header.

One collector per exchange. Request-side losses are all known before the first byte goes out, so
they fit the `x-gwproxy-loss` header of streams too.

One thing has one name, whatever the dialects on both sides call it: the Chat request's where that
has a member for it (`max_tokens`, `stop`, `reasoning_effort`, `user`, `parallel_tool_calls`,
`response_format`, `verbosity`), and `messages.X` for what stands in a history. Other members have
the path that the client wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from gwproxy.translate.wire.splice import Path, text_of

# A header longer than this is cut: proxies and SDKs refuse heads beyond 8 KiB in all.
MAX_HEADER_BYTES: Final = 1000


class Edited(Struct, frozen=True):
    """One edit of a body, for people to read: the JSON text `now` that stands at `path`, None where
    it was taken out. `why` is the reason: `omit=tools[].strict`."""

    path: str
    now: str | None
    why: str

    @classmethod
    def of(cls, path: Path, now: bytes | None, why: str) -> Edited:
        return cls(text_of(path), None if now is None else now.decode("utf-8", "replace"), why)


class Losses:
    """The losses of one request, in order, without repetitions. Codes: drop, clamp, raise, emu,
    synth, reorder, rename, heal; `translate.loss_words` has a sentence for each."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[str, None] = {}

    def drop(self, field: str) -> None:
        """Note that `field` was left out; the kind of the answer does not change by it."""
        self._entries[f"drop:{field}"] = None

    def clamp(self, field: str, value: object) -> None:
        """Note that `field` was sent as `value`, the nearest that the upstream takes."""
        self._entries[f"clamp:{field}={value}"] = None

    def lift(self, field: str, value: object) -> None:
        """Note that `field` was raised to `value`."""
        self._entries[f"raise:{field}={value}"] = None

    def emulate(self, field: str) -> None:
        """Note that the gateway does the work of `field` itself."""
        self._entries[f"emu:{field}"] = None

    def synthesize(self, field: str) -> None:
        """Note that a missing `field` was made up, because the upstream demands one."""
        self._entries[f"synth:{field}"] = None

    def reorder(self, field: str) -> None:
        """Note that `field` was put in the order that the upstream demands."""
        self._entries[f"reorder:{field}"] = None

    def rename(self, field: str) -> None:
        """Note that `field` was sent under another name."""
        self._entries[f"rename:{field}"] = None

    def heal(self, change: str) -> None:
        """Note that the request was sent again after a refusal, with this change of quirks."""
        self._entries[f"heal:{change}"] = None

    def also(self, codes: Iterable[str]) -> None:
        """Codes that were named elsewhere."""
        self._entries.update(dict.fromkeys(codes))

    def back_to(self, count: int) -> None:
        """Keep the first `count` entries only: the later losses did not happen."""
        self._entries = dict.fromkeys(list(self._entries)[:count])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry: str) -> bool:
        return entry in self._entries

    def header(self) -> str:
        """The `x-gwproxy-loss` value: comma-separated, printable ASCII, bounded."""
        parts: list[str] = []
        size = 0
        for entry in self._entries:
            clean = "".join(c if " " <= c <= "~" and c != "," else "?" for c in entry)
            size += len(clean) + 2
            if size > MAX_HEADER_BYTES:
                parts.append("more")
                break
            parts.append(clean)
        return ", ".join(parts)
