"""What an exchange costs, counted in tokens that follow from text lengths alone.

The same conversation costs the same in every dialect, streamed or not, today and tomorrow, so a
gateway's accounts can be compared with its provider's to the token. Prompt caching is played by
remembering the prefixes of earlier prompts. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gwproxy.simulator.conversation import (
    Called,
    Entry,
    PlayedAnswer,
    PlayedQuestion,
    PlayedResult,
    PlayedSaying,
    PlayedThought,
    PlayedTool,
)
from gwproxy.simulator.wire import compact, to_bytes

# The vendors' own rule of thumb for English text.
BYTES_PER_TOKEN = 4

# Role markers and the like; keeps an empty prompt from being free.
TOKENS_PER_SEGMENT = 3

Caching: TypeAlias = Literal["none", "prefix", "marked"]


@dataclass(frozen=True, slots=True)
class PlayedFigures:
    """Disjoint input counts (`fresh` + `cached` + `written` is the whole prompt), and output.

    `reasoning` is the part of `output` that was thinking.
    """

    fresh: int
    cached: int
    written: int
    output: int
    reasoning: int

    @property
    def prompt(self) -> int:
        return self.fresh + self.cached + self.written


def tokens(text: str) -> int:
    return -(-len(to_bytes(text)) // BYTES_PER_TOKEN)


def segments(asked: PlayedQuestion) -> list[str]:
    """The prompt as the text the model would see: all tools as one segment, then each entry.
    Deferred tools are no part of what is cached (Anthropic's page on tool search)."""
    shown = (tool for tool in asked.tools if not tool.deferred)
    return ["".join(map(_tool_text, shown)), *map(_entry_text, asked.entries)]


def prompt_tokens(asked: PlayedQuestion) -> int:
    return sum(_segment_tokens(segments(asked)))


def answer_tokens(answer: PlayedAnswer) -> int:
    calls = sum(tokens(call.name) + tokens(call.arguments) for call in answer.calls)
    return tokens(answer.thinking) + tokens(answer.text) + calls


class PromptCache:
    """The prompt prefixes that this provider has seen."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def figures(
        self, asked: PlayedQuestion, answer: PlayedAnswer, caching: Caching
    ) -> PlayedFigures:
        """The bill for `answer`; remembers the prompt for the next request.

        `prefix` caches whatever it has seen, as Moonshot and OpenAI do; `marked` only up to the
        last `cache_control` of the client, as Anthropic does.
        """
        texts = segments(asked)
        costs = _segment_tokens(texts)
        prefixes = list(_prefixes(texts))
        kept = {"none": 0, "prefix": len(prefixes), "marked": asked.marked}[caching]
        known = self._longest_known(prefixes)
        self._seen.update(prefixes[:kept])
        # The very last token is always computed: a prompt is never cached as a whole.
        cached = min(sum(costs[: min(known, kept)]), sum(costs) - 1)
        written = max(0, sum(costs[:kept]) - cached) if caching == "marked" else 0
        written = min(written, sum(costs) - cached - 1)
        return PlayedFigures(
            fresh=sum(costs) - cached - written,
            cached=cached,
            written=written,
            output=max(1, answer_tokens(answer)),
            reasoning=tokens(answer.thinking),
        )

    def _longest_known(self, prefixes: Sequence[bytes]) -> int:
        known = [length for length, prefix in enumerate(prefixes, 1) if prefix in self._seen]
        return known[-1] if known else 0


def _segment_tokens(texts: Iterable[str]) -> list[int]:
    return [TOKENS_PER_SEGMENT + tokens(text) for text in texts]


def _prefixes(texts: Iterable[str]) -> Iterable[bytes]:
    running = hashlib.sha256()
    for text in texts:
        running.update(to_bytes(text) + b"\0")
        yield running.digest()


def _tool_text(tool: PlayedTool) -> str:
    return f"{tool.namespace or ''}{tool.name}{tool.description}{compact(tool.schema)}"


def _entry_text(entry: Entry) -> str:
    match entry:
        case PlayedSaying(role=role, text=text):
            return f"{role}:{text}"
        case PlayedThought(text=text):
            return f"thinking:{text}"
        case Called(call_id=call_id, name=name, arguments=arguments):
            return f"{call_id}:{name}:{arguments}"
        case PlayedResult(call_id=call_id, text=text):
            return f"{call_id}:{text}"
