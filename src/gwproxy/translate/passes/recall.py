"""Keeps the reasoning of answers, and puts it back into requests of clients that lost it.

Hosts want the reasoning of a call back with it, and those that sign it want their signature, too.
Agents lose it (history converted between formats, a resumed session), or send back its text alone:
OpenCode, OpenClaw and the AI SDK do. The reasoning of an answer is kept under each of its calls, or
under its text, and put back where a later request has none of it, or the text alone. The memory is
a mapping that the shell hands in, with limits of its own.

The key of a call is its id, of which some clients keep only letters and digits (openclaw/openclaw),
with its arguments and session: Kimi counts its ids from zero in each conversation
(https://github.com/MoonshotAI/Kimi-K2/blob/main/docs/tool_call_guidance.md). The key of a text is
the text and its place: a history that only grows gets the same reasoning back, turn by turn. Where
a client has cut its history, and it has the same call or the same "OK." twice, the client's copy of
the reasoning's text must show which is which; otherwise nothing is put back, for a signature in the
wrong place is a refusal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import structs

from gwproxy.translate.hub import Call, Reasoning, Request, Seal, Text, Turn
from gwproxy.translate.wire import jsonio

Thoughts: TypeAlias = tuple[Reasoning, ...]


class RecallPlace(NamedTuple):
    """The place of an answer: its conversation, and how many answers were before it."""

    session: str
    answers: int = 0


NOWHERE: Final = RecallPlace("")


_SEPARATORS: Final = re.compile(r"[^a-zA-Z0-9]+")
_NAME: Final = "name"
_AMBIGUOUS: Final[Thoughts] = ()


def key_of(session: str, call_id: str, arguments: str) -> str:
    """The key of the reasoning before a call; all three arguments as the client has them."""
    return f"{_SEPARATORS.sub('', call_id)}:{_digest(session, _canonical(arguments))}"


def _keys_of_words(place: RecallPlace, said: str) -> tuple[str, str]:
    """The two keys of the reasoning of an answer without a call: in its place, and anywhere."""
    anywhere = f"said:{_digest(place.session, _run_together(said).encode('utf-8', 'replace'))}"
    return f"{anywhere}:{place.answers}", anywhere


def _run_together(text: str) -> str:
    """The text without blanks: clients trim it, and join several blocks with blanks of their
    own."""
    return "".join(text.split())


def _digest(session: str, rest: bytes) -> str:
    digest = hashlib.sha256(session.encode("utf-8", "replace"))
    digest.update(b"\0" + rest)
    return digest.hexdigest()[:32]


def _canonical(arguments: str) -> bytes:
    """The arguments in one form, whoever printed the JSON; free-form text as it is."""
    try:
        value: Any = jsonio.loads(arguments or "{}")
        return msgspec.json.encode(value, order="sorted")
    except (jsonio.NotJson, ValueError):
        return arguments.encode("utf-8", "replace")


def session_of(request: Request) -> str:
    """The client's name of the conversation, or else a digest of how it begins: two agents that
    read the same file first must not get each other's reasoning."""
    identity = request.identity
    named = identity.session or identity.cache_key
    if named:
        return named
    opening = next((turn for turn in request.turns if turn.role == "user"), None)
    words = [block.text for block in opening.blocks if isinstance(block, Text)] if opening else []
    return hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()


def place_of(request: Request) -> RecallPlace:
    """The place of the answer to `request`."""
    roles = [turn.role for turn in request.turns]
    return RecallPlace(session_of(request), roles.count("assistant"))


# --- of an answer --------------------------------------------------------------------------------


def keep(
    memory: MutableMapping[str, Thoughts],
    place: RecallPlace,
    calls: Iterable[tuple[str, str]],
    said: str,
    thoughts: Thoughts,
) -> None:
    """Keeps the reasoning of an answer under its `calls` (ids and arguments), or under its text
    `said` if a signature is among it: text alone comes back by itself, or is not missed."""
    keys = [key_of(place.session, call_id, arguments) for call_id, arguments in calls]
    if not keys and any(thought.is_signed for thought in thoughts):
        keys = [*_keys_of_words(place, said)]
    for key in keys:
        known = memory.get(key)
        if known is not None and known != thoughts:
            for one in (known, thoughts):
                by_words = _with_words(key, _words(one))
                kept = memory.get(by_words, one)
                memory[by_words] = one if kept == one else _AMBIGUOUS
        memory[key] = thoughts


def _with_words(key: str, words: str) -> str:
    return f"{key}:{_digest('', words.encode('utf-8', 'replace'))}"


def _words(thoughts: Iterable[Reasoning]) -> str:
    return "".join(_run_together(thought.text) for thought in thoughts)


def keep_name(memory: MutableMapping[str, Thoughts], name: str, usual: str) -> None:
    """Keeps the `name` of the member in which a host sends reasoning, unless it is the `usual`
    one."""
    if name != usual:
        memory[_NAME] = (Reasoning("", Seal("", "text", name)),)
    elif _NAME in memory:
        del memory[_NAME]


# --- into a request ------------------------------------------------------------------------------


def name_in(memory: Mapping[str, Thoughts]) -> str:
    """The name that was kept, or ""."""
    return next((one.seal.data for one in memory.get(_NAME, ()) if one.seal is not None), "")


def is_more_than_name(memory: Mapping[str, Thoughts]) -> bool:
    """Whether any reasoning is kept."""
    return len(memory) > 1 or (bool(memory) and _NAME not in memory)


def recalled(request: Request, memory: Mapping[str, Thoughts]) -> Request:
    """`request` with kept reasoning on assistant turns that have none, or its text alone."""
    if not memory:
        return request  # hashing every call of a long history for nothing costs a millisecond
    session, answers = session_of(request), 0
    keys: list[tuple[str, ...]] = []
    for turn in request.turns:
        keys.append(tuple(dict.fromkeys(_keys(turn, RecallPlace(session, answers)))))
        answers += turn.role == "assistant"
    often: dict[str, int] = {}
    for key in chain.from_iterable(keys):
        often[key] = often.get(key, 0) + 1
    turns = tuple(
        _recalled(turn, of_turn, often, memory) if of_turn else turn
        for turn, of_turn in zip(request.turns, keys, strict=True)
    )
    if all(new is old for new, old in zip(turns, request.turns, strict=True)):
        return request
    return structs.replace(request, turns=turns)


def _keys(turn: Turn, place: RecallPlace) -> Iterator[str]:
    """The keys of the turn's calls, or else of its text; none where the client kept a seal."""
    copies = [block for block in turn.blocks if type(block) is Reasoning]
    if turn.role != "assistant" or any(copy.is_sealed for copy in copies):
        return
    called = False
    for block in turn.blocks:
        if type(block) is Call:
            called = True
            yield key_of(place.session, block.id, block.arguments)
    if not called:
        said = "".join(block.text for block in turn.blocks if type(block) is Text)
        yield from _keys_of_words(place, said)


def _recalled(
    turn: Turn, keys: tuple[str, ...], often: Mapping[str, int], memory: Mapping[str, Thoughts]
) -> Turn:
    copy = _words(block for block in turn.blocks if type(block) is Reasoning)
    for key in keys:
        thoughts = memory.get(key)
        if thoughts and not copy and not _is_wanted(turn, thoughts):
            continue
        if often[key] > 1 or (thoughts and copy not in ("", _words(thoughts))):
            thoughts = memory.get(_with_words(key, copy)) if copy else None
        if thoughts:
            others = tuple(block for block in turn.blocks if type(block) is not Reasoning)
            return structs.replace(turn, blocks=(*thoughts, *others))
    return turn


def _is_wanted(turn: Turn, thoughts: Thoughts) -> bool:
    """Whether an answer that comes back without its reasoning needs it: it has calls, or the
    reasoning is a state without text."""
    return any(type(block) is Call for block in turn.blocks) or any(t.is_state for t in thoughts)
