"""Tool calls in a model's text, which its server should have parsed out, made into calls.

    <|tool_calls_section_begin|><|tool_call_begin|>functions.ls:0<|tool_call_argument_begin|>{}
    <|tool_call_end|><|tool_calls_section_end|>

Kimi's own markup, seen in text and in reasoning (NousResearch/hermes-agent#24534,
vllm-project/vllm#31207). Only a whole call of a tool that was offered, with arguments that parse,
becomes a call; everything else stays text, for the answer may be about markup. The calls come last.
A server that sends a call of its own has parsed them out; then nothing is searched any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from msgspec import structs

from gwproxy.translate.events import Close, Delta, Event, Finish, Open
from gwproxy.translate.hub import StopReason
from gwproxy.translate.wire import jsonio

_CALL_BEGIN: Final = "<|tool_call_begin|>"
_CALL_END: Final = "<|tool_call_end|>"
# What begins a region of markup, and what ends it; some servers leave the section's marks out.
_REGIONS: Final = {
    "<|tool_calls_section_begin|>": "<|tool_calls_section_end|>",
    "<|tool_call_section_begin|>": "<|tool_call_section_end|>",
    _CALL_BEGIN: _CALL_END,
}
_BEGIN: Final = re.compile("|".join(map(re.escape, _REGIONS)))
_LONGEST_MARK: Final = max(map(len, (*_REGIONS, *_REGIONS.values())))
_MARKS_IN_PART: Final = frozenset(mark[:size] for mark in _REGIONS for size in range(1, len(mark)))
_CALL: Final = re.compile(
    r"\s*<\|tool_call_begin\|>\s*([^<>]+?)\s*<\|tool_call_argument_begin\|>(.*?)<\|tool_call_end\|>\s*",
    re.DOTALL,
)
_ID: Final = re.compile(r"(?:functions\.)?(.+?)(?::\d+)?\Z")
# Arguments are files at the most; what is longer is given back as the text it is.
_LONGEST_REGION: Final = 4 * 1024 * 1024


class LeakedCalls:
    """Gives sequential events with calls in the text, of the tools called `names`, as tool
    calls."""

    __slots__ = (
        "_begun",
        "_blank",
        "_calls",
        "_held",
        "_index",
        "_names",
        "_next",
        "_off",
        "_open",
        "_region",
        "_size",
    )

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._off = not names
        self._next = 0
        self._index = 0
        self._open: Open | None = None  # the block of text that is searched
        self._begun = False  # whether its Open went out
        self._blank = ""  # white space before the first word
        self._held = ""  # what may become a mark, or the end of the region
        self._region: list[str] | None = None
        self._size = 0
        self._calls: list[tuple[str, str, str]] = []

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            kind = type(event)
            if kind is Delta:
                if self._open is None:
                    out.append(Delta(self._index, event.text))  # type: ignore[union-attr]
                else:
                    self._search(event.text, out)  # type: ignore[union-attr]
            elif kind is Open:
                self._on_open(event, out)  # type: ignore[arg-type]
            elif kind is Close:
                self._on_close(event, out)  # type: ignore[arg-type]
            elif kind is Finish and self._calls:
                self._give_calls(out)
                out.append(_called(event))  # type: ignore[arg-type]
            else:
                out.append(event)
        return out

    def _on_open(self, event: Open, out: list[Event]) -> None:
        if event.kind == "call":
            self._off = True
            self._calls.clear()
        self._open = None
        if self._off or event.kind not in ("text", "reasoning"):
            self._give_open(event, out)
            return
        self._open = event
        self._begun = False
        self._blank = self._held = ""
        if event.kind == "reasoning":
            self._begin(out)

    def _give_open(self, event: Open, out: list[Event]) -> None:
        self._index = self._next
        self._next += 1
        out.append(structs.replace(event, index=self._index))

    def _begin(self, out: list[Event]) -> None:
        assert self._open is not None
        self._begun = True
        self._give_open(self._open, out)

    def _say(self, text: str, out: list[Event]) -> None:
        if not self._begun:
            self._blank += text
            if not self._blank.strip():
                return
            text, self._blank = self._blank, ""
            self._begin(out)
        if text:
            out.append(Delta(self._index, text))

    def _search(self, text: str, out: list[Event]) -> None:
        while text:
            if self._region is not None:
                text = self._read_region(text, out)
                continue
            text = self._held + text
            self._held = ""
            mark = _BEGIN.search(text)
            if mark is None:
                kept = _mark_in_part(text)
                self._held = text[len(text) - kept :]
                self._say(text[: len(text) - kept], out)
                return
            self._say(text[: mark.start()], out)
            self._region, self._size = [mark[0]], 0
            text = text[mark.end() :]

    def _read_region(self, text: str, out: list[Event]) -> str:
        """Takes `text` up to the end of the region; the rest of it is returned."""
        assert self._region is not None
        end = _REGIONS[self._region[0]]
        before = len(self._held)
        found = (self._held + text).find(end)
        if found >= 0:
            cut = found + len(end) - before
            self._region.append(text[:cut])
            self._end_region(out)
            return text[cut:]
        self._region.append(text)
        self._held = (self._held + text)[-_LONGEST_MARK:]
        self._size += len(text)
        if self._size > _LONGEST_REGION:
            self._off = True
            self._end_region(out)
        return ""

    def _end_region(self, out: list[Event]) -> None:
        assert self._region is not None
        whole = "".join(self._region)
        self._region, self._held = None, ""
        calls = None if self._off else self._calls_in(whole)
        if calls is None:
            self._say(whole, out)
        else:
            self._calls += calls

    def _calls_in(self, region: str) -> list[tuple[str, str, str]] | None:
        """Id, name and arguments of each call; None where the region has anything but calls."""
        begin = _BEGIN.match(region)
        assert begin is not None
        if begin[0] != _CALL_BEGIN:
            region = region[begin.end() :].removesuffix(_REGIONS[begin[0]])
        calls = []
        position = 0
        while position < len(region):
            match = _CALL.match(region, position)
            name = _name(match[1]) if match is not None else ""
            if match is None or name not in self._names:
                return None
            arguments = match[2].strip() or "{}"
            if not jsonio.is_object(arguments):
                return None
            calls.append((match[1], name, arguments))
            position = match.end()
        return calls or None

    def _on_close(self, event: Close, out: list[Event]) -> None:
        if self._open is None:
            out.append(structs.replace(event, index=self._index))
            return
        if self._region is not None:
            self._end_region(out)
        elif self._held:
            held, self._held = self._held, ""
            self._say(held, out)
        if not self._begun and not self._calls:
            self._begin(out)
            if self._blank:
                out.append(Delta(self._index, self._blank))
        if self._begun:
            out.append(structs.replace(event, index=self._index))
        self._open = None

    def _give_calls(self, out: list[Event]) -> None:
        for call_id, name, arguments in self._calls:
            self._give_open(Open(0, "call", call_id, name), out)
            out += [Delta(self._index, arguments), Close(self._index)]
        self._calls.clear()


def _mark_in_part(text: str) -> int:
    """The number of characters at the end of `text` that may begin a mark."""
    start = text.rfind("<")
    return len(text) - start if start >= 0 and text[start:] in _MARKS_IN_PART else 0


def _name(call_id: str) -> str:
    match = _ID.match(call_id)
    return match[1] if match is not None else ""


def _called(event: Finish) -> Finish:
    """The event with the stop reason of a tool call: the server saw none and said "stop"."""
    if event.stop.reason is not StopReason.END:
        return event
    return Finish(structs.replace(event.stop, reason=StopReason.TOOL_USE))
