"""Limits, thinking, format and identity of a Responses request: parsed, rendered, and edited in
relayed bodies.

https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw

from gwproxy.translate.hub import Identity, OutputFormat, Request, Thinking, ToolChoice
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.cache_key import cache_key, digest
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.responses.wire import Body, Format, _Reasoning
from gwproxy.translate.settle import SettledSettings, ToolPaths
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape, present
from gwproxy.translate.wire.splice import (
    Edit,
    edited,
    found,
    has,
    less,
    omit,
    put,
    unless_empty,
    with_member,
)

# A longer identifier is a 400.
_MAX_IDENTITY_CHARACTERS: Final = 64


def parse_identity(wire: Body) -> Identity:
    session = (wire.client_metadata or {}).get("session_id")
    return Identity(
        user=wire.user if wire.safety_identifier is None else wire.safety_identifier,
        session=session if isinstance(session, str) else None,
        cache_key=wire.prompt_cache_key,
    )


def parse_thinking(reasoning: _Reasoning, losses: Losses) -> Thinking:
    """The hub's thinking; without `summary` the API shows no reasoning, so `show` is always set."""
    if reasoning.mode not in (None, "standard"):
        losses.drop("reasoning.mode")
    off = reasoning.effort == "none"
    return Thinking(
        mode=None if reasoning.effort is None else "off" if off else "on",
        effort=None if off else reasoning.effort,
        show="summary" if reasoning.summary or reasoning.generate_summary else "omitted",
        keep_turns=0 if reasoning.context == "current_turn" else None,
    )


def parse_format(form: Format | None) -> OutputFormat | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return OutputFormat("json_object")
    if not present(form.schema):
        raise Malformed("text.format.schema", "field required")
    schema = jsonio.raw(form.schema)
    return OutputFormat("json_schema", schema, form.name, form.description, form.strict)


_format: Final = Shape(Format)


def take_format(body: bytes) -> tuple[bytes, OutputFormat | None]:
    """A relayed `body` without its text format, and that format or None. Raises jsonio.NotJson and
    Malformed."""
    said = [text for _, text in found(body, ("text", "format")) if text != b"null"]
    wanted = parse_format(_format.read(Raw(said[0]), Losses(), "format")) if said else None
    if wanted is None:
        return body, None
    return edited(body, [omit("text.format"), Edit(("text",), unless_empty)]), wanted


def instruct(body: bytes, words: str) -> bytes:
    """A relayed `body` with `words` at the end of its instructions. Raises jsonio.NotJson."""
    said = [text for _, text in found(body, ("instructions",)) if text[:1] == b'"']
    before = f"{jsonio.loads(said[0])}\n\n" if said else ""
    return with_member(body, "instructions", jsonio.text(before + words))


def render_limits(request: Request) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if request.max_tokens is not None:
        out["max_output_tokens"] = request.max_tokens
    for name in ("temperature", "top_p"):
        if (value := getattr(request.sampling, name)) is not None:
            out[name] = value
    if request.service_tier is not None:
        out["service_tier"] = request.service_tier
    return out


def render_reasoning(thinking: Thinking) -> dict[str, Any]:
    reasoning: dict[str, str] = {}
    if thinking.effort is not None:
        reasoning["effort"] = thinking.effort
    if thinking.show == "summary":
        reasoning["summary"] = "auto"
    return {"reasoning": reasoning} if reasoning else {}


def with_thinking(body: bytes, thinking: Thinking, quirks: Quirks) -> bytes:
    """`body` with this effort; other members of `reasoning` stay."""
    if thinking.effort is None:
        return less(body, "reasoning.effort")
    effort = jsonio.text(thinking.effort)
    if not has(body, ("reasoning",)):
        return with_member(body, "reasoning", b'{"effort":' + effort + b"}")
    return edited(body, [Edit(("reasoning",), lambda value: with_member(value, "effort", effort))])


def with_choice(body: bytes, choice: ToolChoice) -> bytes:
    """`body` with the `tool_choice` of this mode and without a tool's name."""
    return edited(body, [put("tool_choice", b'"required"' if choice.mode == "any" else b'"auto"')])


SETTINGS: Final = SettledSettings(
    "input",
    ("reasoning", "tool_choice"),
    ("reasoning.effort",),
    ToolPaths("name", "parameters", "description", "text.format.schema"),
    with_thinking,
    with_choice,
)
"""How these members are spelled, for edits of relayed bodies."""


def render_text(request: Request) -> dict[str, Any]:
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


def render_identity(request: Request, quirks: Quirks) -> dict[str, Any]:
    identity = request.identity
    out: dict[str, Any] = {}
    if quirks.prompt_cache_key:
        out["prompt_cache_key"] = _fit_identity(cache_key(request))
    if identity.user is not None:
        hashed = quirks.user_id == "hash"
        out["user"] = digest(identity.user) if hashed else _fit_identity(identity.user)
    return out


def _fit_identity(value: str) -> str:
    return value if len(value) <= _MAX_IDENTITY_CHARACTERS else digest(value)
