"""What an answer carries besides its content: ids, the model's name, the time it was made."""

from __future__ import annotations

from dataclasses import dataclass

from gwproxy.simulator.conversation import Called, DialectName, PlayedAnswer, PlayedQuestion
from gwproxy.simulator.manners import CallIds, Manners

ANSWER_PREFIXES: dict[DialectName, str] = {
    "anthropic": "msg_",
    "chat": "chatcmpl-",
    "responses": "resp_",
}
CALL_PREFIXES: dict[DialectName, str] = {
    "anthropic": "toolu_",
    "chat": "call_",
    "responses": "call_",
}

# 2026-01-01, in Unix time: fixed, so that recorded answers stay equal from run to run.
CREATED_S = 1_767_225_600

# As long as the vendors' ids, so that a limit on their length is met by tests.
ID_DIGITS = 24


@dataclass(frozen=True, slots=True)
class AnswerIdentity:
    """The ids of one answer and its model's name; `number` counts the provider's answers from 1."""

    number: int
    answer_id: str
    model: str
    call_ids: tuple[str, ...]
    manners: Manners


def make_identity(
    number: int, asked: PlayedQuestion, answer: PlayedAnswer, manners: Manners
) -> AnswerIdentity:
    return AnswerIdentity(
        number=number,
        answer_id=identifier(ANSWER_PREFIXES[asked.dialect], number),
        model=manners.answer_model or asked.model,
        call_ids=tuple(_call_ids(number, asked, answer, manners.call_ids)),
        manners=manners,
    )


def identifier(prefix: str, number: int, part: int = 0) -> str:
    """An id: `prefix`, the answer's number, and the number of the part of it that is named."""
    return f"{prefix}{number:0{ID_DIGITS - 3}d}{part:03d}"


def _call_ids(
    number: int, asked: PlayedQuestion, answer: PlayedAnswer, style: CallIds
) -> list[str]:
    if style == "kimi":
        # MoonshotAI/Kimi-K2 tool guide: functions.NAME:IDX, IDX counting over the conversation.
        made = sum(isinstance(entry, Called) for entry in asked.entries)
        return [f"functions.{call.name}:{made + i}" for i, call in enumerate(answer.calls)]
    prefix = CALL_PREFIXES[asked.dialect]
    return [identifier(prefix, number, part) for part in range(len(answer.calls))]
