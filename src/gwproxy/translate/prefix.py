"""Where the prompt of a request differs first from that of the request before it: a provider's
prompt cache holds the prefix that both have in common.

Two bodies of one dialect are compared as a cache reads them (`DialectFacts.prompt`), not as their
members happen to be written: tools, instructions, turns. The marks of the cache, which move from
turn to turn, are no part of it, nor are tools that are loaded later, nor is whether a text stands
alone or in a list of one block.
Equal bytes are never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from gwproxy.translate.dialect_facts import ATTRIBUTION, DialectFacts
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.jsonio import NotJson
from gwproxy.translate.wire.splice import Path, parts, text_of

_NOTICE: Final = ATTRIBUTION.encode()
_NOTICE_WITHIN: Final = 120
"""The bytes of a block in which the notice is looked for: further behind it is in a prompt."""

_MARKS: Final = frozenset({"cache_control", "prompt_cache_breakpoint"})
_OF_THE_SERVER: Final = frozenset({"id", "status"})
"""Members of an item, not of a block or call in it, that the model does not see."""

_TEXTS: Final = ("text", "input_text", "output_text")
_INSTRUCTING: Final = ("system", "developer")
_RESULT: Final = "tool_result"
_TOOLS: Final = ("functions", "tools")

# https://docs.claude.com/en/docs/agents-and-tools/tool-use/tool-search-tool
_DEFERRED: Final = re.compile(rb'"defer_loading"\s*:\s*true')

_DEEPEST: Final = 5
"""The most steps of a path that are shown: `messages[3].content[1].input`. What follows are names
in the arguments of a call, and so part of the prompt, which is private."""

Span = tuple[int, int]


class _Head(Struct):
    role: Any = None


_head: Final = jsonio.decoder(_Head)


class Parting(Struct, frozen=True):
    """The first difference of two prompts: the `path` in the newer body, the index of its first
    differing `byte`, and `kept`, the share of the older prompt before it (0 to 1). It may be in the
    `notice` of a tool to its own provider, in one of the turns (`in_turns`), or in a setting."""

    path: str
    byte: int
    kept: float
    notice: bool = False
    in_turns: bool = False


class Compared(Struct, frozen=True):
    """The comparison of two prompts. `parting` is their first difference, None where the newer one
    begins with the whole older one. `continues`: it is the same conversation, and no shorter.
    `added` blocks are new; with `asks_anew` a person's question is among them."""

    parting: Parting | None
    continues: bool
    added: int
    asks_anew: bool


def compared(old: bytes, new: bytes, facts: DialectFacts, *, past_notice: bool = False) -> Compared:
    """The prompt of `new` compared with that of `old`, a former body of the same dialect; with
    `past_notice` without the tool's notice to its provider. Raises NotJson."""
    try:
        before, after = _Prompt(old, facts, past_notice), _Prompt(new, facts, past_notice)
        turns = facts.prompt[-1]
        return Compared(
            _parting(before, after, facts),
            _continues(before, after, turns),
            *_added(before, after, turns),
        )
    except RecursionError:
        raise NotJson("nested too deeply") from None


def common(a: bytes, b: bytes) -> int:
    """The length of the common prefix of `a` and `b`, by bisection."""
    same, most = 0, min(len(a), len(b))
    if a[:most] == b[:most]:
        return most
    while most - same > 1:
        middle = (same + most) // 2
        if a[same:middle] == b[same:middle]:
            same = middle
        else:
            most = middle
    return same


class _Prompt:
    """The places of a body's members, and of their elements: tools, blocks, turns."""

    def __init__(self, body: bytes, facts: DialectFacts, past_notice: bool) -> None:
        self.body = body
        self._past_notice = past_notice
        self._turns = facts.prompt[-1:]
        self._members = {str(name): (begin, end) for name, begin, end in parts(body)}
        self.bytes = sum(end - begin for begin, end in map(self.span, facts.prompt)) or 1

    def span(self, name: str) -> Span:
        """The span of the member's value; an empty one at the end of the body where it is not
        there, or null."""
        begin, end = self._members.get(name, (0, 0))
        there = end > begin and self.body[begin:end] != b"null"
        return (begin, end) if there else (len(self.body), len(self.body))

    def text(self, span: Span) -> bytes:
        return self.body[span[0] : span[1]]

    def pieces(self, name: str) -> list[Span]:
        """The spans of the elements of a list; of anything else its own, as the only one."""
        begin, end = self.span(name)
        if begin == end:
            return []
        if self.body[begin : begin + 1] != b"[":
            return [(begin, end)]
        found = [(b, e) for _, b, e in parts(self.body, begin, end)]
        if name not in self._turns and b'"defer_loading"' in self.body[begin:end]:
            found = [span for span in found if not _DEFERRED.search(self.body, *span)]
        if self._past_notice:
            return [span for span in found if not self.is_notice(span)]
        return found

    def number(self, name: str, piece: Span) -> int:
        """The index of `piece` in the list, with those counted that `pieces` leaves out."""
        begin, end = self.span(name)
        return sum(b < piece[0] for _, b, _ in parts(self.body, begin, end))

    def is_notice(self, span: Span) -> bool:
        """Whether the block at `span` is a tool's notice to its own provider."""
        return self.body.find(_NOTICE, span[0], min(span[1], span[0] + _NOTICE_WITHIN)) >= 0


def _parting(before: _Prompt, after: _Prompt, facts: DialectFacts) -> Parting | None:
    *leading, turns = facts.prompt
    kept = 0
    for name in (*leading, *facts.steers, turns):
        was, now = before.span(name), after.span(name)
        if before.text(was) == after.text(now):
            kept += was[1] - was[0] if name in facts.prompt else 0
            continue
        if name in facts.steers:
            if _read_by_model(_value(before.text(was))) != _read_by_model(_value(after.text(now))):
                byte = now[0] + common(before.text(was), after.text(now))
                return Parting(name, byte, kept / before.bytes)
            continue
        found = _in_member(before, after, name, kept, may_grow=name == turns)
        if found is not None:
            return found
        kept += was[1] - was[0]
    return None


def _in_member(
    before: _Prompt, after: _Prompt, name: str, kept: int, *, may_grow: bool
) -> Parting | None:
    """The first difference in a member; with `may_grow`, further elements at its end are none."""
    was, now = before.pieces(name), after.pieces(name)
    begin = before.span(name)[0]
    opening, end = after.span(name)
    end -= opening < end  # where the list is closed
    for number, old in enumerate(was):
        is_last = may_grow and number == len(was) - 1
        new = now[number] if number < len(now) else (end, end)
        if new[0] < new[1] and _same(before.text(old), after.text(new), may_grow=is_last):
            continue
        share = (kept + old[0] - begin) / before.bytes
        notice = before.is_notice(old) or after.is_notice(new)
        path, byte = _exactly(before, old, after, new)
        is_list = after.body[slice(*after.span(name))][:1] == b"["
        steps = (name, after.number(name, new), *path) if is_list else (name, *path)
        return Parting(text_of(steps[:_DEEPEST]), byte, share, notice, in_turns=may_grow)
    if len(now) > len(was) and not may_grow:
        more = now[len(was)]
        share = (kept + before.span(name)[1] - begin) / before.bytes
        notice = after.is_notice(more)
        where = text_of((name, after.number(name, more)))
        return Parting(where, more[0], share, notice, in_turns=False)
    return None


def _exactly(before: _Prompt, old: Span, after: _Prompt, new: Span) -> tuple[Path, int]:
    """The steps within an element to its first difference, as far as they lead, and the byte."""
    if new[0] == new[1]:
        return (), new[0]
    way = _path_to(
        _read_by_model(_value(before.text(old))), _read_by_model(_value(after.text(new)))
    )
    taken: list[str | int | None] = []
    for step in way:
        there = _step(after.body, new, step)
        if there is None:
            break
        taken.append(step)
        new = there
        old = _step(before.body, old, step) or (old[1], old[1])
    return tuple(taken), new[0] + common(before.text(old), after.text(new))


def _step(body: bytes, span: Span, step: str | int | None) -> Span | None:
    return next(((b, e) for name, b, e in parts(body, *span) if name == step), None)


def _continues(before: _Prompt, after: _Prompt, turns: str) -> bool:
    """Whether at least half of the older turns stand where they stood, instructions aside. A
    request that offers no tools any more asks for a summary (Codex 0.169, at /compact): that is
    False."""
    was, now = before.pieces(turns), after.pieces(turns)
    if not was or len(now) < len(was) or (_offers(before) and not _offers(after)):
        return False
    said = alike = 0
    for number, (old, new) in enumerate(zip(was, now, strict=False)):
        one, other = before.text(old), after.text(new)
        if _role(one) not in _INSTRUCTING:
            said += 1
            alike += _same(one, other, may_grow=number == len(was) - 1)
    return 2 * alike >= said > 0


def _offers(prompt: _Prompt) -> bool:
    """Whether the request has tools."""
    return any(prompt.pieces(name) for name in _TOOLS)


def _added(before: _Prompt, after: _Prompt, turns: str) -> tuple[int, bool]:
    """The number of new blocks, and whether a person's question is one of them."""
    was, now = before.pieces(turns), after.pieces(turns)
    added, asks_anew = 0, False
    for number in range(max(0, len(was) - 1), len(now)):
        turn = _read_by_model(_value(after.text(now[number])))
        blocks = list(_blocks(turn))
        if number < len(was):
            blocks = blocks[len(list(_blocks(_read_by_model(_value(before.text(was[number])))))) :]
        added += len(blocks)
        kinds = [block.get("type") for block in blocks if isinstance(block, dict)]
        is_persons = isinstance(turn, dict) and turn.get("role") == "user"
        asks_anew = asks_anew or (is_persons and any(kind != _RESULT for kind in kinds))
    return added, asks_anew


def _blocks(turn: Any) -> Iterator[Any]:
    content = turn.get("content") if isinstance(turn, dict) else None
    yield from content if isinstance(content, list) else [turn]


# --- values --------------------------------------------------------------------------------------


def _value(text: bytes) -> Any:
    return jsonio.loads(text) if text else None


def _role(text: bytes) -> object:
    return _head(text).role if text.startswith(b"{") else None


def _same(old: bytes, new: bytes, *, may_grow: bool) -> bool:
    """Whether the model reads the same in both; with `may_grow`, whether it only got longer."""
    if old == new:
        return True
    was, now = _read_by_model(_value(old)), _read_by_model(_value(new))
    if was == now:
        return True
    if not (may_grow and isinstance(was, dict) and isinstance(now, dict)):
        return False
    blocks, more = was.get("content"), now.get("content")
    if not (isinstance(blocks, list) and isinstance(more, list)):
        return False
    return {**was, "content": None} == {**now, "content": None} and more[: len(blocks)] == blocks


def _read_by_model(value: Any, *, inner: bool = False) -> Any:
    """`value` with only what the model reads of it."""
    if isinstance(value, list):
        return [_read_by_model(one, inner=True) for one in value]
    if isinstance(value, str) and not inner:
        return {"type": "text", "text": value}
    if not isinstance(value, dict):
        return value
    left_out = _MARKS if inner else _MARKS | _OF_THE_SERVER
    bare = {
        name: _read_by_model(one, inner=True) for name, one in value.items() if name not in left_out
    }
    if isinstance(bare.get("content"), str):
        bare["content"] = [{"type": "text", "text": bare["content"]}]
    if bare.get("type") in _TEXTS:
        bare["type"] = "text"
    return bare


def _path_to(old: Any, new: Any) -> Path:
    """The path to the first value that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in new.items():
            if name not in old:
                return (name,)
            if old[name] != value:
                return (name, *_path_to(old[name], value))
    elif isinstance(old, list) and isinstance(new, list):
        for number, (one, other) in enumerate(zip(old, new, strict=False)):
            if one != other:
                return (number, *_path_to(one, other))
        if len(new) > len(old):
            return (len(old),)
    return ()
