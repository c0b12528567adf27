"""What a simulated provider answers: pure, deterministic, and blind to dialects.

A request is seen as a `PlayedQuestion` (model, tools, and the history as one flat list of entries),
an answer is a `PlayedAnswer` (thinking, text, tool calls). A conversation is any function from the
one to the other, and keeps no state: which step comes next is read off the history, so that
concurrent clients, repeated requests and restarts cannot confuse it. Nothing here may know how an
entry looked on the wire.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from gwproxy.simulator.wire import Json, compact

DialectName: TypeAlias = Literal["anthropic", "chat", "responses"]
StopReason: TypeAlias = Literal["end", "calls", "length", "stop_sequence"]


@dataclass(frozen=True, slots=True)
class PlayedSaying:
    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class PlayedThought:
    """Reasoning of an earlier turn that the client sent back."""

    text: str


@dataclass(frozen=True, slots=True)
class Called:
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class PlayedResult:
    call_id: str
    text: str
    failed: bool = False


Entry: TypeAlias = PlayedSaying | PlayedThought | Called | PlayedResult


@dataclass(frozen=True, slots=True)
class PlayedTool:
    """A tool that the client offers. A freeform one takes text instead of JSON; one that is
    `deferred` is shown to the model when it was searched for."""

    name: str
    schema: Json
    description: str = ""
    freeform: bool = False
    namespace: str | None = None
    deferred: bool = False


@dataclass(frozen=True, slots=True)
class PlayedToolChoice:
    kind: Literal["auto", "none", "any", "tool"] = "auto"
    name: str = ""


@dataclass(frozen=True, slots=True)
class PlayedQuestion:
    """One request, whichever dialect it came in.

    `wants_thinking` is None where the client did not say; `hides_thinking` asks for sealed
    reasoning without its text, `seals_thinking` for the seal beside it. `counts_streamed` asks
    for usage in a stream. `marked` counts the leading segments (the tools as one, then each
    entry) that the client asked to be cached.
    """

    dialect: DialectName
    model: str
    entries: tuple[Entry, ...]
    tools: tuple[PlayedTool, ...] = ()
    streams: bool = False
    wants_thinking: bool | None = None
    hides_thinking: bool = False
    seals_thinking: bool = True
    counts_streamed: bool = True
    tool_choice: PlayedToolChoice = PlayedToolChoice()
    limit_tokens: int | None = None
    stop_sequences: tuple[str, ...] = ()
    answer_schema: Json | None = None
    marked: int = 0


@dataclass(frozen=True, slots=True)
class PlayedCall:
    """A tool call of the simulated model: JSON text, or plain text for a freeform tool."""

    name: str
    arguments: str
    freeform: bool = False
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class PlayedAnswer:
    """What the simulated model says. `stop` is inferred from the calls unless it is given."""

    text: str = ""
    thinking: str = ""
    calls: tuple[PlayedCall, ...] = ()
    stop: StopReason | None = None
    stop_sequence: str | None = None

    @property
    def stop_reason(self) -> StopReason:
        return self.stop or ("calls" if self.calls else "end")


Conversation: TypeAlias = Callable[[PlayedQuestion], PlayedAnswer]


def call(name: str, /, **arguments: object) -> PlayedCall:
    """A call of the function `name` with JSON arguments."""
    return PlayedCall(name, compact(arguments))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A conversation written down in a Python test: one answer for each assistant turn.

    The step is the number of assistant turns in the history; past the end the last one repeats.
    """

    answers: tuple[PlayedAnswer, ...]

    def __call__(self, asked: PlayedQuestion) -> PlayedAnswer:
        step = assistant_turns(asked.entries)
        return self.answers[min(step, len(self.answers) - 1)]


def scenario(*answers: PlayedAnswer | str) -> Scenario:
    """A scenario; a bare string is an answer of text only."""
    return Scenario(tuple(PlayedAnswer(a) if isinstance(a, str) else a for a in answers))


def by_assistant(entry: Entry) -> bool:
    match entry:
        case PlayedSaying(role=role):
            return role == "assistant"
        case PlayedThought() | Called():
            return True
        case PlayedResult():
            return False


def assistant_turns(entries: tuple[Entry, ...]) -> int:
    """The number of assistant turns: runs of the model's entries, however they were cut up."""
    return sum(1 for own, _ in itertools.groupby(entries, by_assistant) if own)


def fresh_results(entries: tuple[Entry, ...]) -> tuple[PlayedResult, ...]:
    """Tool results that came in since the model last spoke.

    Text after the results (OpenClaw's context turn, Claude Code's system turns) does not hide
    them.
    """
    since = itertools.takewhile(lambda entry: not by_assistant(entry), reversed(entries))
    return tuple(entry for entry in since if isinstance(entry, PlayedResult))[::-1]


def last_question(entries: tuple[Entry, ...]) -> str:
    """The newest text of the user."""
    return next(
        (e.text for e in reversed(entries) if isinstance(e, PlayedSaying) and e.role == "user"),
        "",
    )


def fitted(
    answer: PlayedAnswer, asked: PlayedQuestion, measure: Callable[[str], int]
) -> PlayedAnswer:
    """`answer` as the client's limits leave it: cut at a stop sequence and at the token limit.

    As at Moonshot, thinking eats the budget first, so a small limit can leave no text at all
    (https://platform.kimi.ai/docs/api/chat, `max_tokens`).
    """
    answer = _stopped(answer, asked.stop_sequences)
    if asked.limit_tokens is None:
        return answer
    left = asked.limit_tokens
    parts = [answer.thinking, answer.text, "".join(c.name + c.arguments for c in answer.calls)]
    kept: list[str] = []
    for part in parts:
        if measure(part) > left:
            kept.append(_shortened(part, left, measure))
            break
        kept.append(part)
        left -= measure(part)
    else:
        return answer
    # A cut call is left out: a whole answer has no way to show half of one.
    thinking, text = (*kept[:2], "", "")[:2]
    return replace(answer, thinking=thinking, text=text, calls=(), stop="length")


def _stopped(answer: PlayedAnswer, stop_sequences: tuple[str, ...]) -> PlayedAnswer:
    found = [(answer.text.find(s), s) for s in stop_sequences if s and s in answer.text]
    if not found:
        return answer
    position, sequence = min(found)
    text = answer.text[:position]
    return replace(answer, text=text, calls=(), stop="stop_sequence", stop_sequence=sequence)


def _shortened(text: str, limit_tokens: int, measure: Callable[[str], int]) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= limit_tokens else (low, middle - 1)
    return text[:low]
