"""Parses a Responses request into the hub's, and renders one.

Parsing reads what Codex, OpenCode, OpenClaw and the SDKs send, in any legal order of items. An
unsupported member is a loss, or is refused by name where the answer would be of another kind
without it. State is not kept here, see `kept/state.py`.

https://platform.openai.com/docs/api-reference/responses/create
https://www.openresponses.org/specification
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Raw, structs

from gwproxy.translate.hub import (
    Dialect,
    Request,
    Sampling,
    Text,
    Tool,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.responses import compaction, echo, tools
from gwproxy.translate.responses import history as wire_turns
from gwproxy.translate.responses.settings import (
    parse_format,
    parse_identity,
    parse_thinking,
    render_identity,
    render_limits,
    render_reasoning,
    render_text,
)
from gwproxy.translate.responses.wire import Body, _Reasoning
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed, Unsupported, optional_limit
from gwproxy.translate.wire.shapes import Shape, present, text_only

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

# The pages that a search has found, which other dialects' clients get.
_SOURCES: Final = "web_search_call.action.sources"
# Members that no other dialect has. The answer repeats metadata, so a wrong type in it is a 400.
_LOST: Final = ("client_metadata", "metadata")

# It is always included; everything else that can be is of hosted tools.
_SEALED_THOUGHTS: Final = "reasoning.encrypted_content"

_body: Final = Shape(Body)
_fields: Final = Shape(dict[str, Raw])


# --- parse -------------------------------------------------------------------------------------


def parse(body: bytes, losses: Losses) -> Request:
    """The hub request in a body. Raises fields.Rejected."""
    wire = _body.read(text_only(body), losses)
    _refuse(wire)
    if not present(wire.input):
        raise Malformed("input", "field required")
    request = _request(wire, body, losses)
    if not request.turns:
        raise Malformed("input", "at least one item is required")
    return request


def parse_countable(body: bytes, losses: Losses) -> Request:
    """The hub request in a body of `input_tokens`, which may leave out anything. Raises
    fields.Rejected.

    https://platform.openai.com/docs/api-reference/responses/input-tokens
    """
    fields = {k: raw for k, raw in _fields.read(body, losses).items() if present(raw)}
    body = jsonio.dumps({"model": "", "input": [], **fields})
    wire = _body.read(text_only(body), losses)
    _refuse(wire)
    return _request(wire, body, losses)


def _request(wire: Body, body: bytes, losses: Losses) -> Request:
    _lose(wire, losses)
    offered = list(tools.parse_tools(wire.tools, losses))
    turns, found = wire_turns.parse(wire.input, losses)
    offered += (tool for tool in found if tool not in offered)
    if wire.max_tool_calls is not None:
        offered = _limited(offered, wire.max_tool_calls, losses)
    if wire.instructions:
        turns.insert(0, Turn("system", (Text(wire.instructions),)))
    return Request(
        model=wire.model,
        turns=tuple(turns),
        tools=tuple(offered),
        tool_choice=tools.parse_choice(wire.tool_choice, wire.parallel_tool_calls, losses),
        max_tokens=optional_limit(wire.max_output_tokens, "max_output_tokens"),
        sampling=Sampling(
            temperature=wire.temperature,
            top_p=wire.top_p,
            frequency_penalty=wire.frequency_penalty,
            presence_penalty=wire.presence_penalty,
        ),
        thinking=parse_thinking(wire.reasoning or _Reasoning(), losses),
        output_format=parse_format(wire.text.format if wire.text else None),
        stream=wire.stream is True,
        identity=parse_identity(wire),
        service_tier=wire.service_tier,
        verbosity=wire.text.verbosity if wire.text else None,
        summarises=compaction.ends_input(wire.input),
        echo=echo.of(body),
    )


def _limited(offered: list[Tool], most: int, losses: Losses) -> list[Tool]:
    """The tools with `max_tool_calls` as the limit of the web search, the hosted tool that other
    dialects have too."""
    if all(tool.search is None for tool in offered):
        losses.drop("max_tool_calls")
    return [
        tool
        if tool.search is None
        else structs.replace(tool, search=structs.replace(tool.search, max_uses=most))
        for tool in offered
    ]


def _refuse(wire: Body) -> None:
    for name, why in _REFUSED.items():
        if getattr(wire, name):
            raise Unsupported(name, why)
    if "message.output_text.logprobs" in (wire.include or ()):
        raise Unsupported("include", "this upstream gives no log probabilities")
    if wire.prompt_cache_options is not None and wire.prompt_cache_options.prewarm:
        raise Unsupported("prompt_cache_options.prewarm", "this upstream cannot be pre-warmed")
    if wire.image is not None and wire.image.context_compression == "enabled":
        raise Unsupported("image.context_compression", "this upstream cannot compress images")


def _lose(wire: Body, losses: Losses) -> None:
    for name in _LOST:
        if getattr(wire, name):
            losses.drop(name)
    if wire.prompt_cache_options is not None:
        losses.drop("prompt_cache_options")
    if wire.truncation == "auto":
        losses.drop("truncation")
    if None not in (wire.user, wire.safety_identifier):
        losses.drop("user")
    if any(wanted != _SEALED_THOUGHTS for wanted in wire.include or ()):
        losses.drop("include")
    if isinstance(wire.stream_options, dict) and wire.stream_options.get("include_obfuscation"):
        losses.drop("stream_options.include_obfuscation")


# --- render ------------------------------------------------------------------------------------


def render(request: Request, quirks: Quirks, losses: Losses) -> bytes:
    """The body for a Responses upstream. Raises fields.Rejected.

    `input` is the last member, so that a longer history begins with the shorter one's bytes.
    """
    system, turns = _leading_instructions(request.turns)
    body: dict[str, Any] = {"model": request.model, "stream": request.stream, "store": False}
    searching = [tool for tool in request.tools if tool.search is not None]
    foreign = any(tool.native_dialect != Dialect.RESPONSES for tool in searching)
    body["include"] = [_SEALED_THOUGHTS, *([_SOURCES] if foreign else ())]
    for tool in searching:
        if tool.search is not None and tool.search.max_uses is not None:
            body["max_tool_calls"] = tool.search.max_uses
    body.update(render_limits(request))
    body.update(render_reasoning(request.thinking))
    body.update(render_text(request))
    body.update(render_identity(request, quirks))
    body.update(_render_tools(request))
    if system is not None:
        body["instructions"] = system
    body["input"] = wire_turns.render(turns, quirks, losses)
    return jsonio.dumps(body)


def _leading_instructions(turns: tuple[Turn, ...]) -> tuple[str | None, tuple[Turn, ...]]:
    match turns:
        case (Turn(role="system", blocks=(Text(text=text, cache=None),)), *_):
            return text, turns[1:]
    return None, turns


def _render_tools(request: Request) -> dict[str, Any]:
    """The members `tools` and `tool_choice`, neither without tools: a choice among none is a
    400."""
    wire = tools.rendered(request.tools)
    if wire is None:
        return {}
    out: dict[str, Any] = {"tools": wire}
    choice = request.tool_choice
    if choice is not None:
        out["tool_choice"] = tools.render_choice(choice, {t.name: t for t in request.tools})
        if choice.parallel is not None:
            out["parallel_tool_calls"] = choice.parallel
    return out
