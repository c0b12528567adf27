"""A Responses request <-> hub request.

Parsing reads what Codex, OpenCode, OpenClaw and the SDKs send, in any legal order of items; what it
cannot carry is a named loss, what would change the kind of answer a `Rejected` that names the
field. State is not kept here, see `state.py`.

https://platform.openai.com/docs/api-reference/responses/create
https://www.openresponses.org/specification
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Raw, Struct

from gwproxy.translate import jsonio
from gwproxy.translate.cache_key import cache_key
from gwproxy.translate.fields import Malformed, Unsupported
from gwproxy.translate.hub import (
    Dialect,
    Identity,
    OutputFormat,
    Request,
    Sampling,
    Text,
    Thinking,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners
from gwproxy.translate.responses import echo, tools
from gwproxy.translate.responses import turns as wire_turns
from gwproxy.translate.shapes import Shape

# Longer identifiers are a 400.
_MAX_IDENTITY_CHARACTERS: Final = 64

# Fields that ask for something which lives on the vendor's servers, or for data that no other
# dialect can give: leaving them out would change what the answer is.
_REFUSED: Final[Mapping[str, str]] = {
    "previous_response_id": "that response was not kept here; send the whole input",
    "background": "answers in the background are not kept here; ask for a stream instead",
    "background_options": "answers in the background are not kept here; ask for a stream instead",
    "conversation": "conversations are not kept here; send the whole input",
    "prompt": "prompt templates are kept by the vendor and cannot be read here",
    "moderation": "this upstream gives no moderation results",
    "top_logprobs": "this upstream gives no log probabilities",
}

# What no other dialect has; the answer repeats the last two, so nonsense in them is a 400.
_LOST: Final = ("client_metadata", "metadata", "max_tool_calls")


class _Reasoning(Struct, forbid_unknown_fields=True):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    mode: str | None = None
    context: str | None = None


class _Format(Struct, forbid_unknown_fields=True):
    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class _Text(Struct, forbid_unknown_fields=True):
    format: _Format | None = None
    verbosity: str | None = None


class _Image(Struct, forbid_unknown_fields=True):
    context_compression: str | None = None


class _CacheOptions(Struct, forbid_unknown_fields=True):
    mode: str | None = None
    ttl: str | None = None
    prewarm: bool | None = None
    comparison_response_id: str | None = None


class _Body(Struct, forbid_unknown_fields=True):
    """The fields that are read here; every other one is a named loss."""

    model: str
    input: Raw = Raw()
    instructions: str | None = None
    stream: bool | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw = Raw()
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    reasoning: _Reasoning | None = None
    text: _Text | None = None
    include: list[str] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    service_tier: str | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: dict[str, str] | None = None
    max_tool_calls: int | None = None
    client_metadata: dict[str, Any] | None = None
    image: _Image | None = None
    prompt_cache_options: _CacheOptions | None = None
    # What is stored the answer itself tells; nothing here pads frames.
    store: bool | None = None
    stream_options: Any = None
    # Refused where they ask for something
    previous_response_id: str | None = None
    background: bool | None = None
    background_options: Any = None
    conversation: Any = None
    prompt: Any = None
    moderation: Any = None
    top_logprobs: int | None = None


_body: Final = Shape(_Body)
_fields: Final = Shape(dict[str, Raw])


# --- parse -------------------------------------------------------------------------------------


def parse(body: bytes, losses: Losses) -> Request:
    """Raises fields.Rejected."""
    wire = _body.read(body, losses)
    _refuse(wire)
    if not tools.present(wire.input):
        raise Malformed("input", "field required")
    request = _request(wire, body, losses)
    if not request.turns:
        raise Malformed("input", "at least one item is required")
    return request


def parse_countable(body: bytes, losses: Losses) -> Request:
    """The body of a request that only counts tokens: anything may be left out of it.

    https://platform.openai.com/docs/api-reference/responses/input-tokens
    """
    fields = {k: raw for k, raw in _fields.read(body, losses).items() if bytes(raw) != b"null"}
    body = jsonio.dumps({"model": "", "input": [], **fields})
    wire = _body.read(body, losses)
    _refuse(wire)
    return _request(wire, body, losses)


def _request(wire: _Body, body: bytes, losses: Losses) -> Request:
    _lose(wire, losses)
    offered = tools.parse(wire.tools or (), "tools", losses)
    turns, found = wire_turns.parse(wire.input, losses)
    offered += (tool for tool in found if tool not in offered)
    if wire.instructions:
        turns.insert(0, Turn("system", (Text(wire.instructions),)))
    return Request(
        model=wire.model,
        turns=tuple(turns),
        tools=tuple(offered),
        tool_choice=tools.parse_choice(wire.tool_choice, wire.parallel_tool_calls, losses),
        max_tokens=wire.max_output_tokens,
        sampling=Sampling(
            temperature=wire.temperature,
            top_p=wire.top_p,
            frequency_penalty=wire.frequency_penalty,
            presence_penalty=wire.presence_penalty,
        ),
        thinking=_parse_thinking(wire.reasoning or _Reasoning(), losses),
        output_format=_parse_format(wire.text.format if wire.text else None),
        stream=wire.stream is True,
        identity=_parse_identity(wire),
        service_tier=wire.service_tier,
        verbosity=wire.text.verbosity if wire.text else None,
        client=Dialect.RESPONSES,
        echo=echo.of(body),
    )


def _refuse(wire: _Body) -> None:
    for name, why in _REFUSED.items():
        if getattr(wire, name):
            raise Unsupported(name, why)
    if "message.output_text.logprobs" in (wire.include or ()):
        raise Unsupported("include", "this upstream gives no log probabilities")
    if wire.prompt_cache_options is not None and wire.prompt_cache_options.prewarm:
        raise Unsupported("prompt_cache_options.prewarm", "this upstream cannot be pre-warmed")
    if wire.image is not None and wire.image.context_compression == "enabled":
        raise Unsupported("image.context_compression", "this upstream cannot compress images")


def _lose(wire: _Body, losses: Losses) -> None:
    for name in _LOST:
        if getattr(wire, name):
            losses.drop(name)
    if wire.prompt_cache_options is not None:
        losses.drop("prompt_cache_options")
    if wire.truncation == "auto":
        losses.drop("truncation")


def _parse_identity(wire: _Body) -> Identity:
    session = (wire.client_metadata or {}).get("session_id")
    return Identity(
        user=wire.user if wire.safety_identifier is None else wire.safety_identifier,
        session=session if isinstance(session, str) else None,
        cache_key=wire.prompt_cache_key,
    )


def _parse_thinking(reasoning: _Reasoning, losses: Losses) -> Thinking:
    """Without `summary` the API shows no thoughts: `show` is never left unsaid here."""
    if reasoning.mode not in (None, "standard"):
        losses.drop("reasoning.mode")
    off = reasoning.effort == "none"
    return Thinking(
        mode=None if reasoning.effort is None else "off" if off else "on",
        effort=None if off else reasoning.effort,
        show="summary" if reasoning.summary or reasoning.generate_summary else "omitted",
        keep_turns=0 if reasoning.context == "current_turn" else None,
    )


def _parse_format(form: _Format | None) -> OutputFormat | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return OutputFormat("json_object")
    if not tools.present(form.schema):
        raise Malformed("text.format.schema", "field required")
    schema = jsonio.raw(form.schema)
    return OutputFormat("json_schema", schema, form.name, form.description, form.strict)


# --- render ------------------------------------------------------------------------------------


def render(request: Request, manners: Manners, losses: Losses) -> bytes:
    """`input` is the last field, so that a longer history has the shorter one's bytes before it.

    Raises fields.Rejected.
    """
    _refuse_prefill(request)
    system, turns = _leading_instructions(request.turns, manners)
    body: dict[str, Any] = {"model": request.model, "stream": request.stream, "store": False}
    body["include"] = ["reasoning.encrypted_content"]
    body.update(_render_limits(request, losses))
    body.update(_render_reasoning(request.thinking))
    body.update(_render_text(request))
    body.update(_render_identity(request, manners, losses))
    body.update(_render_tools(request, manners, losses))
    if system is not None:
        body["instructions"] = system
    body["input"] = wire_turns.render(turns, manners, losses)
    if not manners.cache_marks and _is_marked(request):
        losses.drop("cache_control")
    return jsonio.dumps(body)


def _refuse_prefill(request: Request) -> None:
    """OpenAI clients end with an answer by chance, Anthropic ones so that it is continued."""
    begun = bool(request.turns) and request.turns[-1].role == "assistant"
    if begun and request.client is Dialect.ANTHROPIC:
        raise Unsupported("messages", "this upstream cannot continue an answer that was begun")


def _leading_instructions(
    turns: tuple[Turn, ...], manners: Manners
) -> tuple[str | None, tuple[Turn, ...]]:
    match turns:
        case (Turn(role="system", blocks=(Text(text=text, cache=cache),)), *_) if (
            cache is None or not manners.cache_marks
        ):
            return text, turns[1:]
    return None, turns


def _is_marked(request: Request) -> bool:
    marked = any(getattr(b, "cache", None) is not None for t in request.turns for b in t.blocks)
    return marked or any(tool.cache is not None for tool in request.tools)


def _render_limits(request: Request, losses: Losses) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if request.max_tokens is not None:
        out["max_output_tokens"] = request.max_tokens
    for name in ("temperature", "top_p"):
        if (value := getattr(request.sampling, name)) is not None:
            out[name] = value
    for name in ("top_k", "frequency_penalty", "presence_penalty", "seed"):
        if getattr(request.sampling, name) is not None:
            losses.drop(name)
    if request.stop:
        losses.drop("stop")
    if request.service_tier is not None:
        out["service_tier"] = request.service_tier
    return out


def _render_reasoning(thinking: Thinking) -> dict[str, Any]:
    reasoning: dict[str, str] = {}
    if thinking.effort is not None:
        reasoning["effort"] = thinking.effort
    if thinking.show == "summary":
        reasoning["summary"] = "auto"
    return {"reasoning": reasoning} if reasoning else {}


def _render_text(request: Request) -> dict[str, Any]:
    text: dict[str, Any] = {}
    form = request.output_format
    if form is not None and form.schema is None:
        text["format"] = {"type": "json_object"}
    elif form is not None and form.schema is not None:
        wire: dict[str, Any] = {"type": "json_schema", "name": form.name or "response"}
        if form.description is not None:
            wire["description"] = form.description
        wire["schema"] = Raw(form.schema.encode())
        if form.strict is not None:
            wire["strict"] = form.strict
        text["format"] = wire
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    return {"text": text} if text else {}


def _render_identity(request: Request, manners: Manners, losses: Losses) -> dict[str, Any]:
    identity = request.identity
    out: dict[str, Any] = {}
    if manners.prompt_cache_key:
        out["prompt_cache_key"] = _fit_identity(cache_key(request))
    elif identity.cache_key is not None:
        losses.drop("prompt_cache_key")
    if identity.user is not None:
        if manners.user_id == "drop":
            losses.drop("user")
        elif manners.user_id == "hash":
            out["user"] = _digest(identity.user)
        else:
            out["user"] = _fit_identity(identity.user)
    return out


def _fit_identity(value: str) -> str:
    return value if len(value) <= _MAX_IDENTITY_CHARACTERS else _digest(value)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def _render_tools(request: Request, manners: Manners, losses: Losses) -> dict[str, Any]:
    """Without tools a choice is a 400, so it goes with them."""
    wire = tools.render(request.tools, manners)
    if not wire:
        return {}
    out: dict[str, Any] = {"tools": wire}
    choice = request.tool_choice
    if choice is not None:
        out["tool_choice"] = tools.render_choice(choice, {t.name: t for t in request.tools})
        if choice.parallel is not None and manners.parallel_flag:
            out["parallel_tool_calls"] = choice.parallel
        elif choice.parallel is False:
            losses.drop("parallel_tool_calls")
    return out
