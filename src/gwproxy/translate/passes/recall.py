"""The reasoning behind tool calls, for clients that lose it: what to remember, and where it goes.

Hosts that think want the reasoning of a call back with it; agents lose it on the way (history
converted between formats, a resumed session, a sanitizer). What an answer thought before it called
a tool is kept under each of its calls, and put back where a later request has the call without.
The memory is handed in as a mapping; how long it lasts and how large it grows is its own affair.

A call is known by its id, of which some clients keep only letters and digits (openclaw/openclaw),
and by its arguments and session besides: Kimi counts its ids from zero in each conversation
(https://github.com/MoonshotAI/Kimi-K2/blob/main/docs/tool_call_guidance.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import structs

from gwproxy.translate.hub import Call, Reasoning, Request, Text, Turn
from gwproxy.translate.wire import jsonio

Thoughts: TypeAlias = tuple[Reasoning, ...]

_SEPARATORS: Final = re.compile(r"[^a-zA-Z0-9]+")


def key_of(session: str, call_id: str, arguments: str) -> str:
    """Under what the thoughts before a call are kept, all three as the client has them."""
    digest = hashlib.sha256(session.encode("utf-8", "replace"))
    digest.update(b"\0" + _canonical(arguments))
    return f"{_SEPARATORS.sub('', call_id)}:{digest.hexdigest()[:32]}"


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


def recalled(request: Request, memory: Mapping[str, Thoughts]) -> Request:
    """`request` with remembered thoughts on assistant turns that have calls and no reasoning."""
    if not memory:
        return request  # hashing every call of a long history for nothing costs a millisecond
    session = session_of(request)
    turns = tuple(_recalled(turn, session, memory) for turn in request.turns)
    if all(new is old for new, old in zip(turns, request.turns, strict=True)):
        return request
    return structs.replace(request, turns=turns)


def _recalled(turn: Turn, session: str, memory: Mapping[str, Thoughts]) -> Turn:
    if turn.role != "assistant" or any(_is_genuine(block) for block in turn.blocks):
        return turn
    for block in turn.blocks:
        if type(block) is Call:
            thoughts = memory.get(key_of(session, block.id, block.arguments))
            if thoughts:
                others = tuple(b for b in turn.blocks if type(b) is not Reasoning)
                return structs.replace(turn, blocks=(*thoughts, *others))
    return turn


def _is_genuine(block: object) -> bool:
    """An empty thinking block is what is left of one that was stripped."""
    return type(block) is Reasoning and bool(
        block.text.strip() or block.seal is not None or block.foreign_signature
    )
