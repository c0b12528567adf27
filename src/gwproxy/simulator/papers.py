"""What an answer carries besides its content: ids, the model's name, the time. Values only."""

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

# As long as the vendors' ids, so that a limit on their length is met by tests.
ID_DIGITS = 24


@dataclass(frozen=True, slots=True)
class Papers:
    """`number` counts this provider's answers from 1; `created_s` is Unix time."""

    number: int
    answer_id: str
    model: str
    created_s: int
    call_ids: tuple[str, ...]
    manners: Manners


def make_papers(
    number: int, asked: PlayedQuestion, answer: PlayedAnswer, manners: Manners, created_s: int
) -> Papers:
    return Papers(
        number=number,
        answer_id=identifier(ANSWER_PREFIXES[asked.dialect], number),
        model=manners.answer_model or asked.model,
        created_s=created_s,
        call_ids=tuple(_call_ids(number, asked, answer, manners.call_ids)),
        manners=manners,
    )


def identifier(prefix: str, number: int, part: int = 0) -> str:
    """`prefix`, then the answer's number and the part of it that is named."""
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
