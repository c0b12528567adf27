"""How much a model is to think, both ways: the one wish for which every Chat server has a name.

OpenAI says `reasoning_effort`, Moonshot, DeepSeek and Zhipu a `thinking` object, OpenRouter
`reasoning`, Qwen `enable_thinking`, vLLM an argument of the chat template. All are read; towards an
upstream exactly one is written (Moonshot: "cannot specify both 'thinking' and 'reasoning_effort'",
HKUDS/nanobot#3939).

https://platform.openai.com/docs/guides/reasoning,
https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model, https://openrouter.ai/docs
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, structs

from gwproxy.translate.fields import Malformed
from gwproxy.translate.hub import Request, Thinking, Tool
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners
from gwproxy.translate.thinking import nearest_effort

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# What budget of thinking tokens is how much effort, at most.
_EFFORT_OF_BUDGET: Final = ((4096, "low"), (16_384, "medium"), (65_535, "high"))


class Switch(Struct):
    """`thinking`."""

    type: str
    budget_tokens: int | None = None
    effort: str | None = None


class Knobs(Struct):
    """`reasoning`, as OpenRouter has it."""

    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None


class TemplateArguments(Struct):
    """`chat_template_kwargs`, as far as they are about thinking."""

    enable_thinking: bool | None = None
    thinking: bool | None = None


class Wish(Struct):
    """The members of a request body that speak of thinking."""

    reasoning_effort: str | None = None
    thinking: Switch | None = None
    reasoning: Knobs | None = None
    enable_thinking: bool | None = None
    include_reasoning: bool | None = None
    chat_template_kwargs: TemplateArguments | None = None


# --- parse -----------------------------------------------------------------------------------


def parse_wish(wish: Wish) -> Thinking:
    """Raises Malformed for an effort that does not exist."""
    knobs = wish.reasoning or Knobs()
    switch = wish.thinking
    effort = wish.reasoning_effort or knobs.effort or (switch.effort if switch else None)
    if effort is not None and effort not in EFFORTS:
        known = ", ".join(EFFORTS)
        raise Malformed("reasoning_effort", f"unknown effort '{effort}': expected one of {known}")
    budget = switch.budget_tokens if switch is not None else None
    budget = budget if budget is not None else knobs.max_tokens
    hidden = knobs.exclude or wish.include_reasoning is False
    thinking = Thinking(show="omitted" if hidden else None)
    wanted = _wanted(wish, knobs)
    if wanted is False or effort == "none":
        return structs.replace(thinking, mode="off")
    if budget is not None:
        return structs.replace(thinking, mode="budget", budget_tokens=budget, effort=effort)
    if wanted or effort is not None:
        return structs.replace(thinking, mode="on", effort=effort)
    return thinking


def _wanted(wish: Wish, knobs: Knobs) -> bool | None:
    """Thinking switched on or off in so many words."""
    if wish.thinking is not None:
        return wish.thinking.type != "disabled"
    template = wish.chat_template_kwargs or TemplateArguments()
    said = (knobs.enabled, wish.enable_thinking, template.enable_thinking, template.thinking)
    return next((word for word in said if word is not None), None)


# --- render ----------------------------------------------------------------------------------


def render_thinking(thinking: Thinking, manners: Manners, losses: Losses) -> dict[str, Any]:
    """The one member that says it, or none."""
    if thinking.mode is None and thinking.effort is None:
        return {}
    if thinking.mode == "off" or thinking.effort == "none":
        return _render_off(manners, losses)
    if manners.thinking_switch == "thinking":
        if thinking.effort is not None:
            losses.drop("reasoning_effort")
        if thinking.budget_tokens is not None:
            losses.drop("thinking.budget_tokens")
        return {"thinking": {"type": "enabled"}}
    effort = thinking.effort or _effort_of(thinking.budget_tokens)
    if effort is None:
        return {}
    accepted = nearest_effort(effort, manners)
    if accepted is None:
        losses.drop("reasoning_effort")
        return {}
    if accepted != effort:
        losses.clamp("reasoning_effort", accepted)
    return {"reasoning_effort": accepted}


def _render_off(manners: Manners, losses: Losses) -> dict[str, Any]:
    if not manners.thinking_always:
        if manners.thinking_switch == "thinking":
            return {"thinking": {"type": "disabled"}}
        if manners.thinking_switch == "effort" and manners.efforts:
            if "none" in manners.efforts:
                return {"reasoning_effort": "none"}
            least = min(manners.efforts, key=_rank)
            losses.clamp("reasoning_effort", least)
            return {"reasoning_effort": least}
    losses.drop("thinking")
    return {}


def can_switch_off(manners: Manners) -> bool:
    if manners.thinking_always:
        return False
    return manners.thinking_switch == "thinking" or (
        manners.thinking_switch == "effort" and "none" in manners.efforts
    )


def _effort_of(budget: int | None) -> str | None:
    if budget is None:
        return None
    return next((effort for most, effort in _EFFORT_OF_BUDGET if budget <= most), "xhigh")


def _rank(effort: str) -> int:
    return EFFORTS.index(effort) if effort in EFFORTS else len(EFFORTS)


# --- thinking against a forced tool ----------------------------------------------------------


class Forced(Struct, frozen=True):
    """A request whose forced tool and thinking have been reconciled. `plea` is what stands in for
    the force where an upstream takes none."""

    request: Request
    tools: tuple[Tool, ...]
    plea: str | None = None


def reconciled(
    request: Request, tools: tuple[Tool, ...], manners: Manners, losses: Losses
) -> Forced:
    """The explicit choice of a tool wins over thinking, which most requests carry by habit.

    "tool_choice 'required' is incompatible with thinking enabled" (can1357/oh-my-pi#1077); a model
    that always thinks gets the forced tool alone, and is asked for it in words.
    """
    choice = request.tool_choice
    thinking = request.thinking
    off = thinking.mode == "off" and can_switch_off(manners)
    forcing = choice is not None and choice.mode in ("any", "tool") and bool(tools)
    if choice is None or not forcing or manners.forced_tools == "allow" or off:
        return Forced(request, tools)
    if manners.forced_tools == "no_thinking" and can_switch_off(manners):
        losses.drop("thinking")
        return Forced(structs.replace(request, thinking=Thinking(mode="off")), tools)
    losses.clamp("tool_choice", "auto")
    plea = "Answer with a tool call."
    if choice.mode == "tool":
        tools = tuple(tool for tool in tools if tool.name == choice.name)
        plea = f"Answer by calling the tool `{choice.name}`."
    softened = structs.replace(choice, mode="auto", name=None)
    return Forced(structs.replace(request, tool_choice=softened), tools, plea)
