"""Thinking, sampling and identity of a Chat request: parsed, rendered, and edited in relayed
bodies.

Every Chat server has its own member for thinking. OpenAI says `reasoning_effort`, Moonshot,
DeepSeek and Zhipu a `thinking` object, OpenRouter `reasoning`, Qwen `enable_thinking`, vLLM an
argument of the chat template. All are read; towards an upstream exactly one is written (Moonshot:
"cannot specify both 'thinking' and 'reasoning_effort'", HKUDS/nanobot#3939).

https://platform.openai.com/docs/guides/reasoning,
https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model, https://openrouter.ai/docs
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw, Struct, structs

from gwproxy.translate.chat.wire import Knobs, TemplateArguments, Wish
from gwproxy.translate.hub import Request, Sampling, Thinking, ToolChoice
from gwproxy.translate.passes.cache_key import cache_key, digest
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.settle import SettledSettings, ToolPaths
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.splice import Edit, edited, omit, put, with_member

# --- parse -----------------------------------------------------------------------------------


def parse_wish(wish: Wish) -> Thinking:
    """The hub's thinking. An effort that is left to the host (Groq's `default`) is none, and one
    that nobody knows is beyond all others."""
    knobs = wish.reasoning or Knobs()
    switch = wish.thinking
    effort = wish.reasoning_effort or knobs.effort or (switch.effort if switch else None)
    effort = None if effort in ("auto", "default") else effort
    budget = switch.budget_tokens if switch is not None else None
    budget = budget if budget is not None else knobs.max_tokens
    hidden = knobs.exclude or wish.include_reasoning is False
    thinking = Thinking(show="omitted" if hidden else None)
    wanted = _wanted(wish, knobs)
    if wanted is False or effort == "none":
        said = effort if effort != "none" else None
        return structs.replace(thinking, mode="off", effort=said)
    if budget is not None:
        return structs.replace(thinking, mode="budget", budget_tokens=budget, effort=effort)
    if wanted or effort is not None:
        return structs.replace(thinking, mode="on", effort=effort)
    return thinking


def _wanted(wish: Wish, knobs: Knobs) -> bool | None:
    """Whether thinking is switched on or off, None where no member says so."""
    if wish.thinking is not None:
        return wish.thinking.type != "disabled"
    template = wish.chat_template_kwargs or TemplateArguments()
    said = (knobs.enabled, wish.enable_thinking, template.enable_thinking, template.thinking)
    return next((word for word in said if word is not None), None)


# --- render ----------------------------------------------------------------------------------


def render_thinking(thinking: Thinking, quirks: Quirks) -> dict[str, Any]:
    """The one member for thinking that this upstream takes, or none."""
    if quirks.thinking_switch == "thinking":
        if thinking.mode is None:
            return {}
        return {"thinking": {"type": "disabled" if thinking.mode == "off" else "enabled"}}
    return {} if thinking.effort is None else {"reasoning_effort": thinking.effort}


_SAID_BY: Final = (
    "thinking",
    "reasoning_effort",
    "enable_thinking",
    "reasoning",
    "chat_template_kwargs.enable_thinking",
    "chat_template_kwargs.thinking",
)


def with_thinking(body: bytes, thinking: Thinking, quirks: Quirks) -> bytes:
    """`body` with that one member for thinking, and without the others."""
    members = render_thinking(thinking, quirks)
    body = edited(body, [omit(path) for path in _SAID_BY if path not in members])
    for name, value in members.items():
        body = with_member(body, name, jsonio.dumps(value))
    return body


class _Spoken(Struct):
    role: str = ""
    tool_calls: list[Raw] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


_spoken: Final = jsonio.decoder(_Spoken)


def fill_in(body: bytes, quirks: Quirks) -> bytes:
    """`body` with the placeholder for reasoning in every message with calls that has none."""
    placeholder = quirks.reasoning_placeholder
    word = jsonio.text(placeholder)

    def message(text: bytes) -> bytes:
        try:
            read = _spoken(text)
        except jsonio.NotJson:
            return text
        reasoning = read.reasoning_content or read.reasoning or ""
        is_there = bool(reasoning.strip()) or reasoning == placeholder
        if read.role != "assistant" or not read.tool_calls or is_there:
            return text
        return with_member(text, quirks.reasoning_field, word)

    return edited(body, [Edit(("messages", None), message)])


def with_choice(body: bytes, choice: ToolChoice) -> bytes:
    """`body` with the `tool_choice` of this mode and without a tool's name."""
    return edited(body, [put("tool_choice", b'"required"' if choice.mode == "any" else b'"auto"')])


SETTINGS: Final = SettledSettings(
    "messages",
    (
        "reasoning_effort",
        "thinking",
        "reasoning",
        "enable_thinking",
        "chat_template_kwargs",
        "tool_choice",
    ),
    ("reasoning_effort", "reasoning.effort", "thinking.effort"),
    ToolPaths(
        "function.name",
        "function.parameters",
        "function.description",
        "response_format.json_schema.schema",
    ),
    with_thinking,
    with_choice,
    fill_in=fill_in,
)
"""How these members are spelled, for edits of relayed bodies."""


# OpenAI's limit for `user` and `safety_identifier`.
_LONGEST_USER: Final = 64


def render_sampling(sampling: Sampling) -> dict[str, Any]:
    wanted = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "seed": sampling.seed,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def render_identity(request: Request, quirks: Quirks) -> dict[str, Any]:
    identity = request.identity
    members: dict[str, Any] = {}
    if identity.user is not None:
        hashed = quirks.user_id == "hash" or len(identity.user) > _LONGEST_USER
        members["user"] = digest(identity.user) if hashed else identity.user
    if quirks.prompt_cache_key:
        members["prompt_cache_key"] = cache_key(request)
    return members
