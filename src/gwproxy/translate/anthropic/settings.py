"""How a request is to be answered: thinking, effort, sampling, format. Hub -> wire, a function for
each member.

https://docs.claude.com/en/docs/build-with-claude/extended-thinking
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Raw

from gwproxy.translate.anthropic.schemas import answer_schema
from gwproxy.translate.anthropic.wire import ABSENT, Wire
from gwproxy.translate.hub import Dialect, Request, Sampling, Thinking
from gwproxy.translate.passes.cache_key import digest
from gwproxy.translate.quirks import Quirks

Effort: TypeAlias = Literal["low", "medium", "high", "xhigh", "max"]


class ThinkingConfig(Wire):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted", "updates"] | None = None
    block_binding: Raw = ABSENT


class Format(Wire):
    type: Literal["json_schema"]
    schema: Raw


class OutputConfig(Wire):
    effort: Effort | None = None
    format: Format | None = None
    task_budget: Raw = ABSENT


# --- members -------------------------------------------------------------------------------------


def thinking(wish: Thinking, quirks: Quirks) -> ThinkingConfig | None:
    if wish.mode is None:
        return None
    if wish.mode == "off":
        return ThinkingConfig("disabled")
    shown: Literal["summarized", "omitted"] | None = None
    if quirks.signed_thinking and wish.show is not None:  # others do not know the member
        shown = "omitted" if wish.show == "omitted" else "summarized"
    if wish.mode == "on":
        return ThinkingConfig("adaptive", display=shown)
    return ThinkingConfig("enabled", wish.budget_tokens, shown)


def output_format(request: Request) -> Format | None:
    """An Anthropic client's schema follows this API's rules already and goes as it is."""
    wanted = request.output_format
    if wanted is None or wanted.schema is None:
        return None
    own = request.client is not None and request.client.name == Dialect.ANTHROPIC
    schema = wanted.schema if own else answer_schema(wanted.schema)
    return Format("json_schema", Raw(schema.encode()))


class SamplingMembers(Wire):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


def sampling(wish: Sampling) -> SamplingMembers:
    return SamplingMembers(wish.temperature, wish.top_p, wish.top_k)


def user_id(request: Request, quirks: Quirks) -> str | None:
    user = request.identity.user
    return digest(user) if user is not None and quirks.user_id == "hash" else user
