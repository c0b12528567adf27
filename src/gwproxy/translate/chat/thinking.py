"""How much a model is to think, both ways: the one wish for which every Chat server has a name.

OpenAI says `reasoning_effort`, Moonshot, DeepSeek and Zhipu a `thinking` object, OpenRouter
`reasoning`, Qwen `enable_thinking`, vLLM an argument of the chat template. All are read; towards an
upstream exactly one is written (Moonshot: "cannot specify both 'thinking' and 'reasoning_effort'",
HKUDS/nanobot#3939).

https://platform.openai.com/docs/guides/reasoning,
https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model, https://openrouter.ai/docs
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

from gwproxy.translate.fields import Malformed
from gwproxy.translate.hub import EFFORTS, Thinking
from gwproxy.translate.manners import Manners


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


def render_thinking(thinking: Thinking, manners: Manners) -> dict[str, Any]:
    """The one member that says it, or none."""
    if manners.thinking_switch == "thinking":
        if thinking.mode is None:
            return {}
        return {"thinking": {"type": "disabled" if thinking.mode == "off" else "enabled"}}
    return {} if thinking.effort is None else {"reasoning_effort": thinking.effort}
