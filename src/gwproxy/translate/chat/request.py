"""Whole Chat requests, both ways.

`parse` takes everything that OpenAI documents and what other Chat servers' clients send beside it.
A member that asks for another kind of answer (several, log probabilities, sound) is refused by
name; one that only tunes what nobody else has a knob for is a named loss.

`render` writes what nearly every Chat server takes, and the rest only where the upstream's manners
say that it does: strict hosts answer 400 to a member that they do not know (decolua/9router#1442).

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate import jsonio
from gwproxy.translate.cache_key import cache_key
from gwproxy.translate.chat.messages import render_messages
from gwproxy.translate.chat.thinking import (
    Knobs,
    Switch,
    TemplateArguments,
    Wish,
    parse_wish,
    render_thinking,
)
from gwproxy.translate.chat.tools import (
    Chosen,
    FunctionDefinition,
    Named,
    ResponseFormat,
    parse_choice,
    parse_format,
    parse_function,
    parse_tools,
    parse_web_search,
    render_choice,
    render_format,
    render_tools,
)
from gwproxy.translate.chat.turns import Message, parse_messages
from gwproxy.translate.fields import Malformed, Unsupported, optional_int
from gwproxy.translate.hub import (
    Dialect,
    Identity,
    Request,
    Sampling,
    Tool,
    ToolChoice,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners
from gwproxy.translate.shapes import Shape

# OpenAI's limit for `user` and `safety_identifier`.
_LONGEST_USER: Final = 64


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _Body(Struct, forbid_unknown_fields=True):
    """A request. What is Raw is read by whether it is there at all."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_completion_tokens: int | float | None = None
    max_tokens: int | float | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: list[Raw] | None = None
    tool_choice: str | Chosen | None = None
    parallel_tool_calls: bool | None = None
    functions: list[FunctionDefinition] | None = None
    function_call: str | Named | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    thinking: Switch | None = None
    reasoning: Knobs | None = None
    enable_thinking: bool | None = None
    include_reasoning: bool | None = None
    chat_template_kwargs: TemplateArguments | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    web_search_options: Raw = Raw()
    modalities: list[str] | None = None
    audio: Raw = Raw()
    moderation: Raw = Raw()
    store: bool | None = None
    metadata: Raw = Raw()
    logit_bias: Raw = Raw()
    prediction: Raw = Raw()
    prompt_cache_options: Raw = Raw()
    prompt_cache_retention: str | None = None


_body: Final = Shape(_Body)

# --- parse -----------------------------------------------------------------------------------


def parse(body: bytes, losses: Losses) -> Request:
    """Raises Malformed and Unsupported, each naming the member by its JSON path."""
    try:
        return _request(_body.read(body, losses), losses)
    except UnicodeDecodeError:
        raise Malformed("", "the body is not valid UTF-8") from None


def _request(body: _Body, losses: Losses) -> Request:
    if not body.messages:
        raise Malformed("messages", "expected at least one message")
    _refuse(body)
    _name_losses(body, losses)
    tools, choice = _tools(body, losses)
    limit = body.max_completion_tokens
    path = "max_completion_tokens" if limit is not None else "max_tokens"
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    return Request(
        body.model,
        parse_messages(body.messages, losses),
        tools=tools,
        tool_choice=choice,
        max_tokens=optional_int(body.max_tokens if limit is None else limit, path),
        stop=tuple(sequence for sequence in stop if sequence),
        sampling=Sampling(
            body.temperature,
            body.top_p,
            optional_int(body.top_k, "top_k"),
            body.frequency_penalty,
            body.presence_penalty,
            body.seed,
        ),
        thinking=parse_wish(
            Wish(
                body.reasoning_effort,
                body.thinking,
                body.reasoning,
                body.enable_thinking,
                body.include_reasoning,
                body.chat_template_kwargs,
            )
        ),
        output_format=parse_format(body.response_format) if body.response_format else None,
        stream=bool(body.stream),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        legacy_functions=body.functions is not None and body.tools is None,
        identity=Identity(body.safety_identifier or body.user, None, body.prompt_cache_key),
        service_tier=body.service_tier,
        verbosity=body.verbosity,
        client=Dialect.CHAT,
    )


def _refuse(body: _Body) -> None:
    """Members whose loss would give another kind of answer than was asked for."""
    if body.n is not None and body.n != 1:
        raise Unsupported("n", "only one answer at a time can be translated; send n requests")
    if body.logprobs:
        raise Unsupported("logprobs", "log probabilities cannot be translated")
    if body.top_logprobs:
        raise Unsupported("top_logprobs", "log probabilities cannot be translated")
    if body.modalities is not None and any(kind != "text" for kind in body.modalities):
        raise Unsupported("modalities", "only text answers can be translated")
    for name, value in (("audio", body.audio), ("moderation", body.moderation)):
        if _present(value):
            raise Unsupported(name, "not available when the request is translated")


def _name_losses(body: _Body, losses: Losses) -> None:
    dropped = {
        "store": bool(body.store),
        "metadata": _present(body.metadata),
        "logit_bias": _present(body.logit_bias),
        "prediction": _present(body.prediction),
        "prompt_cache_options": _present(body.prompt_cache_options),
        "prompt_cache_retention": body.prompt_cache_retention is not None,
        "user": None not in (body.user, body.safety_identifier),
    }
    for name, present in dropped.items():
        if present:
            losses.drop(name)


def _present(value: Raw) -> bool:
    return bytes(value) not in (b"", b"null", b"{}")


def _tools(body: _Body, losses: Losses) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The tools and the choice; the `functions` of the first API count as tools."""
    tools = parse_tools(body.tools or [], losses)
    choice = parse_choice(body.tool_choice, body.parallel_tool_calls)
    if body.functions is not None and body.tools is None:
        tools = tuple(parse_function(function) for function in body.functions)
        forced = body.function_call
        if isinstance(forced, Named):
            choice = ToolChoice("tool", forced.name)
        elif forced is not None:
            choice = parse_choice(forced, None)
    if _present(body.web_search_options) or bytes(body.web_search_options) == b"{}":
        tools = (*tools, parse_web_search(body.web_search_options))
    return tools, choice


# --- render ----------------------------------------------------------------------------------


def render(request: Request, manners: Manners, losses: Losses) -> bytes:
    """The body for an upstream. Raises Unsupported for what it cannot be asked.

    The same request gives the same bytes, and one with a longer history begins its `messages` with
    the same bytes: providers cache prompts by their beginning.
    """
    body: dict[str, Any] = {
        "model": request.model,
        "messages": _messages(request, manners, losses),
    }
    body |= _render_tools(request.tool_choice, request.tools, manners, losses)
    if request.max_tokens is not None:
        body[manners.max_tokens_field] = request.max_tokens
    body |= _render_sampling(request.sampling, losses)
    body |= render_thinking(request.thinking, manners)
    if request.output_format is not None:
        body["response_format"] = render_format(request.output_format)
    if request.stop:
        body["stop"] = list(request.stop)
    body |= _render_identity(request, manners, losses)
    if request.verbosity is not None:
        losses.drop("verbosity")
    if request.stream:
        body["stream"] = True
        if manners.usage_in_stream:
            body["stream_options"] = {"include_usage": True}
    return jsonio.dumps(body)


def _messages(request: Request, manners: Manners, losses: Losses) -> list[dict[str, Any]]:
    turns = request.turns
    if any(getattr(block, "cache", None) is not None for turn in turns for block in turn.blocks):
        losses.drop("cache_control")  # Chat servers cache by themselves
    messages = render_messages(turns, manners, losses)
    if request.client in (None, Dialect.ANTHROPIC):
        _mark_prefill(messages, manners)
    return messages


def _mark_prefill(messages: list[dict[str, Any]], manners: Manners) -> None:
    """An Anthropic client's last assistant turn is the beginning of the answer."""
    last = messages[-1] if messages else {}
    if last.get("role") != "assistant":
        return
    if manners.prefill == "none":
        raise Unsupported("messages", "this upstream cannot continue an answer that was begun")
    last["partial"] = True


def _render_tools(
    choice: ToolChoice | None, tools: tuple[Tool, ...], manners: Manners, losses: Losses
) -> dict[str, Any]:
    """Nothing at all without tools: a choice among none is a 400 at OpenAI."""
    listed, members = render_tools(tools, manners, losses)
    if not listed:
        return members
    members["tools"] = listed
    if choice is None:
        return members
    members["tool_choice"] = render_choice(choice, tools)
    if choice.parallel is False:  # True is what every server does unasked
        if manners.parallel_flag:
            members["parallel_tool_calls"] = False
        else:
            losses.drop("parallel_tool_calls")
    return members


def _render_sampling(sampling: Sampling, losses: Losses) -> dict[str, Any]:
    if sampling.top_k is not None:
        losses.drop("top_k")
    wanted = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "seed": sampling.seed,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _render_identity(request: Request, manners: Manners, losses: Losses) -> dict[str, Any]:
    identity = request.identity
    members: dict[str, Any] = {}
    if identity.user is not None:
        if manners.user_id == "drop":
            losses.drop("user")
        elif manners.user_id == "hash" or len(identity.user) > _LONGEST_USER:
            members["user"] = _digest(identity.user)
        else:
            members["user"] = identity.user
    if manners.prompt_cache_key:
        members["prompt_cache_key"] = cache_key(request)
    elif identity.cache_key is not None:
        losses.drop("prompt_cache_key")
    return members


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
