"""Parses a Chat request into the hub's, and renders one.

`parse` takes everything that OpenAI documents and what other Chat servers' clients send beside it.
A member that asks for another kind of answer (several, log probabilities, sound) is refused by
name; a setting that other dialects do not have is a loss.

`render` writes what nearly every Chat server takes, and the rest only where the upstream's quirks
say that it does: strict hosts answer 400 to a member that they do not know (decolua/9router#1442).

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw

from gwproxy.translate.chat.history import parse_messages, render_messages
from gwproxy.translate.chat.settings import (
    parse_wish,
    render_identity,
    render_sampling,
    render_thinking,
)
from gwproxy.translate.chat.tools import (
    WEB_SEARCH_OPTIONS,
    parse_choice,
    parse_format,
    parse_function,
    parse_tools,
    parse_web_search,
    render_choice,
    render_format,
    render_tools,
)
from gwproxy.translate.chat.wire import Body, Named
from gwproxy.translate.hub import Identity, Request, Sampling, Tool, ToolChoice
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed, Unsupported, optional_limit
from gwproxy.translate.wire.shapes import Shape, present, text_only

_body: Final = Shape(Body)

# --- parse -----------------------------------------------------------------------------------


def parse(body: bytes, losses: Losses) -> Request:
    """The hub request in a body. Raises Malformed and Unsupported, which name the field."""
    return _request(_body.read(text_only(body), losses), losses)


def _request(body: Body, losses: Losses) -> Request:
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
        max_tokens=optional_limit(body.max_tokens if limit is None else limit, path),
        stop=tuple(sequence for sequence in stop if sequence),
        sampling=Sampling(
            body.temperature,
            body.top_p,
            optional_limit(body.top_k, "top_k"),
            body.frequency_penalty,
            body.presence_penalty,
            body.seed,
        ),
        thinking=parse_wish(body),
        output_format=parse_format(body.response_format) if body.response_format else None,
        stream=bool(body.stream),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        legacy_functions=body.functions is not None and not present(body.tools),
        identity=Identity(body.safety_identifier or body.user, None, body.prompt_cache_key),
        service_tier=body.service_tier,
        verbosity=body.verbosity,
    )


def _refuse(body: Body) -> None:
    """Raises Unsupported for members that ask for another kind of answer."""
    if body.n is not None and body.n != 1:
        raise Unsupported("n", "only one answer at a time can be translated; send n requests")
    if body.logprobs:
        raise Unsupported("logprobs", "log probabilities cannot be translated")
    if body.top_logprobs:
        raise Unsupported("top_logprobs", "log probabilities cannot be translated")
    if body.modalities is not None and any(kind != "text" for kind in body.modalities):
        raise Unsupported("modalities", "only text answers can be translated")
    for name, value in (("audio", body.audio), ("moderation", body.moderation)):
        if _asks(value):
            raise Unsupported(name, "not available when the request is translated")


def _name_losses(body: Body, losses: Losses) -> None:
    dropped = {
        "store": bool(body.store),
        "metadata": _asks(body.metadata),
        "logit_bias": _asks(body.logit_bias),
        "prediction": _asks(body.prediction),
        "prompt_cache_options": _asks(body.prompt_cache_options),
        "prompt_cache_retention": body.prompt_cache_retention is not None,
        "user": None not in (body.user, body.safety_identifier),
        "functions": body.functions is not None and present(body.tools),
        "stream_options.include_obfuscation": bool(
            body.stream_options and body.stream_options.include_obfuscation
        ),
    }
    for name, was_asked in dropped.items():
        if was_asked:
            losses.drop(name)


def _asks(value: Raw) -> bool:
    """Whether an optional member asks for anything."""
    return present(value) and bytes(value) != b"{}"


def _tools(body: Body, losses: Losses) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The tools and the choice; the `functions` of the first API count as tools."""
    tools = parse_tools(body.tools, losses)
    choice = parse_choice(body.tool_choice, body.parallel_tool_calls)
    if body.functions is not None and not present(body.tools):
        tools = tuple(parse_function(function) for function in body.functions)
        forced = body.function_call
        if isinstance(forced, Named):
            choice = ToolChoice("tool", forced.name)
        elif forced is not None:
            choice = parse_choice(forced, None)
    if present(body.web_search_options):
        tools = (*tools, parse_web_search(body.web_search_options))
    return tools, choice


# --- render ----------------------------------------------------------------------------------


def render(request: Request, quirks: Quirks, losses: Losses) -> bytes:
    """The body for a Chat upstream. Raises Unsupported.

    The same request gives the same bytes, and one with a longer history begins its `messages` with
    the same bytes: providers cache prompts by their beginning.
    """
    body: dict[str, Any] = {
        "model": request.model,
        "messages": _messages(request, quirks, losses),
    }
    body |= _render_tools(request.tool_choice, request.tools)
    if request.max_tokens is not None:
        body[quirks.max_tokens_field or "max_tokens"] = request.max_tokens
    body |= render_sampling(request.sampling)
    body |= render_thinking(request.thinking, quirks)
    if request.output_format is not None:
        body["response_format"] = render_format(request.output_format)
    if request.stop:
        body["stop"] = list(request.stop)
    body |= render_identity(request, quirks)
    if request.stream:
        body["stream"] = True
        if quirks.usage_in_stream:
            body["stream_options"] = {"include_usage": True}
    return jsonio.dumps(body)


def _messages(request: Request, quirks: Quirks, losses: Losses) -> list[dict[str, Any]]:
    messages = render_messages(request.turns, quirks, losses)
    begins = request.client is not None and request.client.begins_answers
    if begins and messages[-1]["role"] == "assistant":
        messages[-1]["partial"] = True
    return messages


def _render_tools(choice: ToolChoice | None, tools: tuple[Tool, ...]) -> dict[str, Any]:
    """The members `tools` and `tool_choice`, neither without tools: OpenAI answers 400 to a choice
    among none."""
    listed, search = render_tools(tools)
    members: dict[str, Any] = {} if search is None else {WEB_SEARCH_OPTIONS: search}
    if listed is None:
        return members
    members["tools"] = listed
    if choice is None:
        return members
    members["tool_choice"] = render_choice(choice, tools)
    if choice.parallel is False:  # True is what every server does unasked
        members["parallel_tool_calls"] = False
    return members
