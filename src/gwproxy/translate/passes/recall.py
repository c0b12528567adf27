"""The reasoning that clients lose: what to remember of an answer, and where it goes.

Hosts that think want the reasoning of a call back with it, and those that sign it want their
signature, too. Agents lose it on the way (history converted between formats, a resumed session), or
send back its bare words: OpenCode, OpenClaw and the AI SDK do. What an answer thought is kept under
each of its calls, or under what it said, and put back where a later request has none of it, or the
words alone. The memory is handed in as a mapping; how long it lasts and how large it grows is its
own affair.

A call is known by its id, of which some clients keep only letters and digits (openclaw/openclaw),
and by its arguments and session besides: Kimi counts its ids from zero in each conversation
(https://github.com/MoonshotAI/Kimi-K2/blob/main/docs/tool_call_guidance.md). Words are known by the
place at which they were said: a history that only grows gets the same thoughts back, turn by turn,
whatever is said later. Where a client has cut its history, and it has the same call or the same
"OK." twice, the words thought must tell which is which; where they do not, nothing is put back, for
a signature in the wrong place is a refusal.
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
    """Where in which conversation an answer stands: behind so many of the model's answers."""

    session: str
    answers: int = 0


NOWHERE: Final = RecallPlace("")


_SEPARATORS: Final = re.compile(r"[^a-zA-Z0-9]+")
_NAME: Final = "name"
_AMBIGUOUS: Final[Thoughts] = ()


def key_of(session: str, call_id: str, arguments: str) -> str:
    """Under what the thoughts before a call are kept, all three as the client has them."""
    return f"{_SEPARATORS.sub('', call_id)}:{_digest(session, _canonical(arguments))}"


def _keys_of_words(place: RecallPlace, said: str) -> tuple[str, str]:
    """Under what the thoughts of an answer without a call are kept: where it was said, anywhere."""
    anywhere = f"said:{_digest(place.session, _run_together(said).encode('utf-8', 'replace'))}"
    return f"{anywhere}:{place.answers}", anywhere


def _run_together(text: str) -> str:
    """Clients trim words, and join those of several blocks with blanks of their own."""
    return "".join(text.split())


def _digest(session: str, rest: bytes) -> str:
    digest = hashlib.sha256(session.encode("utf-8", "replace"))
    digest.update(b"\0" + rest)
    return digest.hexdigest()[:32]


def _canonical(arguments: str) -> bytes:
    """The same for arguments that a client has printed anew; free text stays what it is."""
    try:
        value: Any = jsonio.loads(arguments or "{}")
        return msgspec.json.encode(value, order="sorted")
    except (jsonio.NotJson, ValueError):
        return arguments.encode("utf-8", "replace")


def session_of(request: Request) -> str:
    """What the client calls the conversation, or else how it begins: two agents that look at the
    same file first must not get each other's thoughts."""
    identity = request.identity
    named = identity.session or identity.cache_key
    if named:
        return named
    opening = next((turn for turn in request.turns if turn.role == "user"), None)
    words = [block.text for block in opening.blocks if isinstance(block, Text)] if opening else []
    return hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()


def place_of(request: Request) -> RecallPlace:
    """Where the answer to `request` stands."""
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
    """Remembers the `thoughts` of an answer that made `calls` (ids and arguments) or `said` this.
    Without a call only a seal is worth it: the words come back by themselves, or are not missed."""
    keys = [key_of(place.session, call_id, arguments) for call_id, arguments in calls]
    if not keys and any(thought.is_signed for thought in thoughts):
        keys = [*_keys_of_words(place, said)]
    for key in keys:
        known = memory.get(key)
        if known is not None and known != thoughts:
            for one in (known, thoughts):
                by_words = _with_words(key, _words(one))
                told = memory.get(by_words, one)
                memory[by_words] = one if told == one else _AMBIGUOUS
        memory[key] = thoughts


def _with_words(key: str, words: str) -> str:
    return f"{key}:{_digest('', words.encode('utf-8', 'replace'))}"


def _words(thoughts: Iterable[Reasoning]) -> str:
    return "".join(_run_together(thought.text) for thought in thoughts)


def keep_name(memory: MutableMapping[str, Thoughts], name: str, usual: str) -> None:
    """Remembers under which `name` a host says its thoughts, where that is not the `usual` one."""
    if name != usual:
        memory[_NAME] = (Reasoning("", Seal("", "text", name)),)
    elif _NAME in memory:
        del memory[_NAME]


# --- into a request ------------------------------------------------------------------------------


def name_in(memory: Mapping[str, Thoughts]) -> str:
    """The name that was kept, or nothing."""
    return next((one.seal.data for one in memory.get(_NAME, ()) if one.seal is not None), "")


def is_more_than_name(memory: Mapping[str, Thoughts]) -> bool:
    """Whether any thoughts are remembered."""
    return len(memory) > 1 or (bool(memory) and _NAME not in memory)


def recalled(request: Request, memory: Mapping[str, Thoughts]) -> Request:
    """`request` with remembered thoughts on assistant turns that have none, or bare copies."""
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
    """Of the turn's calls, or else of its words; none where the client kept what is sealed."""
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
    """Whether an answer that comes back without its thoughts must have them: with its calls, or
    where they are no more than the state of its words."""
    return any(type(block) is Call for block in turn.blocks) or any(t.is_state for t in thoughts)
