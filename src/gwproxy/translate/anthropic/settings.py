"""How a request is to be answered: thinking, effort, limits, sampling, format. Hub -> wire.

`agreed` first settles what contradicts itself or the upstream, in the hub's own values; the others
then write one member each.

https://docs.claude.com/en/docs/build-with-claude/extended-thinking
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec
from msgspec import Raw, structs

from gwproxy.translate.anthropic.schemas import EMPTY_SCHEMA, answer_schema
from gwproxy.translate.anthropic.wire import ABSENT, Wire
from gwproxy.translate.hub import (
    Dialect,
    OutputFormat,
    Request,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners

MIN_BUDGET_TOKENS: Final = 1024  # less is a 400
EFFORTS: Final = ("minimal", "low", "medium", "high", "xhigh", "max")
# What an effort is worth where only a budget can be asked for.
_BUDGETS: Final = {
    "minimal": 1024,
    "low": 4096,
    "medium": 12_288,
    "high": 24_576,
    "xhigh": 49_152,
    "max": 63_999,
}
_DEFAULT_EFFORT: Final = "high"  # the API's own, where thinking is adaptive
# The tool by which an upstream without structured outputs gives its answer.
ANSWER_TOOL: Final = "respond_json"
_ONE_OBJECT: Final = "Answer with one JSON object only."
_TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}


class ThinkingConfig(Wire):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted", "updates"] | None = None
    block_binding: Raw = ABSENT


class Format(Wire):
    type: Literal["json_schema"]
    schema: Raw


class OutputConfig(Wire):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None
    task_budget: Raw = ABSENT


# --- agreement -----------------------------------------------------------------------------------


def agreed(request: Request, manners: Manners, losses: Losses) -> Request:
    """The request with its wishes reconciled, so that what follows need not look sideways."""
    request = _formatted(_thoughtful(request, losses), manners, losses)
    return _forced(request, manners, losses)


def _thoughtful(request: Request, losses: Losses) -> Request:
    """OpenAI clients say with an effort alone whether to think."""
    thinking = request.thinking
    if thinking.effort == "none":
        thinking = structs.replace(thinking, mode="off", effort=None)
    elif thinking.effort is not None and thinking.effort not in EFFORTS:
        losses.drop("reasoning_effort")
        thinking = structs.replace(thinking, effort=None)
    elif thinking.mode is None and thinking.effort and request.client is not Dialect.ANTHROPIC:
        thinking = structs.replace(thinking, mode="on")
    return structs.replace(request, thinking=thinking)


def _formatted(request: Request, manners: Manners, losses: Losses) -> Request:
    """A wanted JSON format by other means, where the upstream has no member for it."""
    wanted = request.output_format
    if wanted is None:
        return request
    if wanted.kind == "json_object" or wanted.schema is None:
        losses.emulate("output_config.format")
        return _instructed(structs.replace(request, output_format=None), _ONE_OBJECT)
    if manners.json_schema == "native":
        return request
    losses.emulate("output_config.format")
    request = structs.replace(request, output_format=None)
    if manners.json_schema == "tool":
        return _answering_by_tool(request, wanted)
    return _instructed(
        request,
        "Answer with one JSON object and nothing else. It must match this JSON Schema:\n"
        + msgspec.json.format(wanted.schema, indent=-1),
    )


def _answering_by_tool(request: Request, wanted: OutputFormat) -> Request:
    tool = Tool(
        ANSWER_TOOL,
        description=wanted.description or "Gives the final answer.",
        schema=wanted.schema or EMPTY_SCHEMA,
    )
    forced = ToolChoice("any") if request.tools else ToolChoice("tool", ANSWER_TOOL)
    return structs.replace(request, tools=(*request.tools, tool), tool_choice=forced)


def _instructed(request: Request, words: str) -> Request:
    """One more line at the end of the prompt."""
    turns = request.turns
    count = next((i for i, turn in enumerate(turns) if turn.role != "system"), len(turns))
    line = Turn("system", (Text(words),))
    return structs.replace(request, turns=(*turns[:count], line, *turns[count:]))


def _forced(request: Request, manners: Manners, losses: Losses) -> Request:
    """A forced tool and thinking exclude each other at most upstreams; the client's explicit
    choice of a tool wins (can1357/oh-my-pi#341, deepseek-ai/DeepSeek-V3#1376)."""
    choice = request.tool_choice
    if choice is None or choice.mode not in ("any", "tool") or not request.tools:
        return request
    mode = request.thinking.mode
    if manners.signed_thinking and mode in (None, "off"):
        return request  # real Claude thinks only when asked; others may think unasked
    refused = manners.signed_thinking and not manners.adaptive_thinking
    if manners.forced_tools == "allow" and not refused:
        return request
    if manners.forced_tools != "auto" and not manners.thinking_always:
        if mode in ("on", "budget"):
            losses.drop("thinking")
        return structs.replace(request, thinking=Thinking("off", show=request.thinking.show))
    losses.emulate("tool_choice")
    names = f"the tool `{choice.name}`" if choice.mode == "tool" else "one of the tools"
    tools = tuple(t for t in request.tools if choice.name in (None, t.name)) or request.tools
    auto = structs.replace(choice, mode="auto", name=None)
    request = structs.replace(request, tools=tools, tool_choice=auto)
    return _instructed(request, f"Answer by calling {names}.")


# --- members -------------------------------------------------------------------------------------


def max_tokens(request: Request, manners: Manners, losses: Losses) -> int:
    """The limit of the answer, which this dialect demands; reasoning counts inside, and would eat
    up a small one. A limit of one is a probe for a sign of life, and is meant so."""
    wanted = manners.max_output if request.max_tokens is None else request.max_tokens
    thinks = request.thinking.mode != "off" or manners.thinking_always
    least = manners.min_output if thinks and wanted > 1 else 1
    possible = min(max(wanted, least), manners.max_output)
    if possible != wanted:
        losses.clamp("max_tokens", possible)
    return possible


def thinking(wish: Thinking, limit: int, manners: Manners, losses: Losses) -> ThinkingConfig | None:
    """`limit` is the answer's `max_tokens`, of which a budget is a part."""
    if wish.mode is None:
        return None
    if manners.thinking_switch == "none" or (wish.mode == "off" and manners.thinking_always):
        losses.drop("thinking")
        return None
    if wish.mode == "off":
        return ThinkingConfig("disabled")
    shown: Literal["summarized", "omitted"] | None = None
    if manners.signed_thinking and wish.show is not None:  # others do not know the member
        shown = "omitted" if wish.show == "omitted" else "summarized"
    if wish.mode == "on" and manners.adaptive_thinking:
        return ThinkingConfig("adaptive", display=shown)
    budget = _budget(wish, limit, losses)
    if budget is None:
        losses.drop("thinking")
        return None
    return ThinkingConfig("enabled", budget, shown)


def _budget(wish: Thinking, limit: int, losses: Losses) -> int | None:
    if wish.mode == "budget" and wish.budget_tokens is not None:
        budget = max(MIN_BUDGET_TOKENS, min(wish.budget_tokens, limit - 1))
        if budget != wish.budget_tokens:
            losses.clamp("thinking.budget_tokens", budget)
    else:
        # Room for an answer, where the client did not weigh the two itself.
        budget = min(_BUDGETS[wish.effort or _DEFAULT_EFFORT], limit - MIN_BUDGET_TOKENS)
    return budget if MIN_BUDGET_TOKENS <= budget < limit else None


def effort(
    wish: Thinking, manners: Manners, losses: Losses
) -> Literal["low", "medium", "high", "xhigh", "max"] | None:
    """The nearest effort that the upstream knows and that is not higher. Where it knows none, a
    budget has taken its place, or it is lost."""
    if wish.effort is None:
        return None
    known = [e for e in EFFORTS[1:] if e in manners.efforts] if manners.adaptive_thinking else []
    if not known:
        if wish.mode != "on":
            losses.drop("output_config.effort")
        return None
    rank = EFFORTS.index(wish.effort)
    nearest = next((e for e in reversed(known) if EFFORTS.index(e) <= rank), known[0])
    if nearest != wish.effort:
        losses.clamp("output_config.effort", nearest)
    return nearest


def output_format(request: Request) -> Format | None:
    """An Anthropic client's schema follows this API's rules already and goes as it is."""
    wanted = request.output_format
    if wanted is None or wanted.schema is None:
        return None
    own = request.client is Dialect.ANTHROPIC
    schema = wanted.schema if own else answer_schema(wanted.schema)
    return Format("json_schema", Raw(schema.encode()))


class SamplingMembers(Wire):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


def sampling(request: Request, thinks: bool, manners: Manners, losses: Losses) -> SamplingMembers:
    """Clamped and never rescaled: 0.7 must stay 0.7. Thinking fixes all three."""
    wish = request.sampling
    for name in ("frequency_penalty", "presence_penalty", "seed"):
        if getattr(wish, name) is not None:
            losses.drop(name)
    members = SamplingMembers(wish.temperature, wish.top_p, wish.top_k)
    if thinks or manners.sampling == "drop":
        for name in ("temperature", "top_p", "top_k"):
            if getattr(wish, name) is not None:
                losses.drop(name)
        return SamplingMembers()
    if members.temperature is not None and members.temperature > 1:
        members.temperature = 1.0
        losses.clamp("temperature", 1)
    if manners.signed_thinking and members.temperature is not None and members.top_p is not None:
        members.top_p = None  # "`temperature` and `top_p` cannot both be specified"
        losses.drop("top_p")
    return members


def stop_sequences(request: Request, manners: Manners, losses: Losses) -> list[str] | None:
    """Entries of whitespace only are a 400."""
    if request.stop and not manners.stop_sequences:
        losses.drop("stop_sequences")
        return None
    kept = [sequence for sequence in request.stop if sequence.strip()]
    if len(kept) < len(request.stop):
        losses.drop("stop_sequences")
    return kept or None


def user_id(request: Request, manners: Manners, losses: Losses) -> str | None:
    """Claude Code's is a JSON text with its session, which many hosts refuse by a pattern
    (anthropics/claude-code#56643)."""
    if request.identity.cache_key is not None:
        losses.drop("prompt_cache_key")
    user = request.identity.user
    if user is None:
        return None
    if manners.user_id == "hash":
        return hashlib.sha256(user.encode("utf-8", "replace")).hexdigest()
    if manners.user_id == "drop":
        losses.drop("metadata.user_id")
        return None
    return user


def service_tier(request: Request, manners: Manners, losses: Losses) -> str | None:
    """Only the API itself has tiers; the faster ones of others are `auto` here."""
    wanted = request.service_tier
    if wanted is None:
        return None
    if not manners.tool_extras:
        losses.drop("service_tier")
        return None
    if wanted not in _TIERS:
        losses.clamp("service_tier", "auto")
    return _TIERS.get(wanted, "auto")
