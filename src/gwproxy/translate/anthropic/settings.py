"""Thinking, effort, sampling and format of a request: rendered, and edited in relayed bodies.

https://docs.claude.com/en/docs/build-with-claude/extended-thinking
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Raw, Struct

from gwproxy.translate.anthropic.schemas import answer_schema
from gwproxy.translate.anthropic.sealed import asks_for_thoughts
from gwproxy.translate.anthropic.wire import ABSENT, Wire
from gwproxy.translate.hub import (
    Dialect,
    OutputFormat,
    Request,
    Sampling,
    Thinking,
    ToolChoice,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.cache_key import digest
from gwproxy.translate.passes.tools import found_words
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.settle import SettledSettings, ToolPaths
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.shapes import Shape
from gwproxy.translate.wire.splice import (
    Edit,
    edited,
    found,
    has,
    less,
    omit,
    path_of,
    put,
    unless_empty,
    with_member,
)


class ThinkingConfig(Wire):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted", "updates"] | None = None
    block_binding: Raw = ABSENT


class Format(Wire):
    type: Literal["json_schema"]
    schema: Raw


class OutputConfig(Wire):
    effort: str | None = None
    format: Format | None = None
    task_budget: Raw = ABSENT


# --- members -------------------------------------------------------------------------------------


def thinking(wish: Thinking, quirks: Quirks) -> ThinkingConfig | None:
    """The `thinking` member, None where the client did not ask."""
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


def with_thinking(body: bytes, wish: Thinking, quirks: Quirks) -> bytes:
    """`body` with this thinking and effort; other members of `thinking` and `output_config`
    stay."""
    config = thinking(wish, quirks)
    if wish.effort is None:
        for place in ("", "messages[]."):
            body = less(body, f"{place}output_config.effort")
    elif has(body, ("output_config",)):
        effort = jsonio.text(wish.effort)
        body = edited(
            body, [Edit(("output_config",), lambda said: with_member(said, "effort", effort))]
        )
    else:
        body = with_member(body, "output_config", jsonio.dumps({"effort": wish.effort}))
    if config is None:
        return edited(body, [omit("thinking")])
    if config.type != "enabled" or not has(body, ("thinking",)):
        return with_member(body, "thinking", jsonio.dumps(config))
    budget = jsonio.dumps(config.budget_tokens)

    def enabled(value: bytes) -> bytes:
        return with_member(edited(value, [put("type", b'"enabled"')]), "budget_tokens", budget)

    return edited(body, [Edit(("thinking",), enabled)])


def with_choice(body: bytes, choice: ToolChoice) -> bytes:
    """`body` with the `tool_choice` of this mode and without a tool's name."""
    word = jsonio.text(choice.mode)
    return edited(body, [put("tool_choice.type", word), omit("tool_choice.name")])


class _Part(Struct):
    type: str = ""
    tool_name: str = ""


_part: Final = jsonio.decoder(_Part)


def name_references(body: bytes) -> bytes:
    """`body` with the tool_reference blocks of each result as one text at its end."""
    return edited(body, [Edit(("messages", None, "content", None, "content"), _in_words)])


def _in_words(parts: bytes) -> bytes:
    names: list[str] = []

    def part(text: bytes) -> bytes | None:
        try:
            read = _part(text)
        except jsonio.NotJson:
            return text
        if read.type != "tool_reference":
            return text
        names.append(read.tool_name)
        return None

    rest = edited(parts, [Edit((None,), part)])
    if not names:
        return parts
    comma = b"" if rest[1:-1].strip() == b"" else b","
    said = jsonio.dumps({"type": "text", "text": found_words(names)})
    return rest[:-1].rstrip() + comma + said + b"]"


SETTINGS: Final = SettledSettings(
    "messages",
    ("max_tokens", "thinking", "output_config", "tool_choice"),
    ("output_config.effort", "messages[].output_config.effort"),
    ToolPaths("name", "input_schema", "description", "output_config.format.schema"),
    with_thinking,
    with_choice,
    asks_for_thoughts,
    name_references=name_references,
)
"""How these members are spelled, for edits of relayed bodies."""


def output_format(request: Request) -> Format | None:
    """The `output_config.format` member, None without a schema. An Anthropic client's schema
    follows this API's rules already and stays as it is."""
    wanted = request.output_format
    if wanted is None or wanted.schema is None:
        return None
    own = request.client is not None and request.client.name == Dialect.ANTHROPIC
    schema = wanted.schema if own else answer_schema(wanted.schema)
    return Format("json_schema", Raw(schema.encode()))


_FORMATS: Final = ("output_config.format", "output_format")
_format: Final = Shape(Format)


def take_format(body: bytes) -> tuple[bytes, OutputFormat | None]:
    """A relayed `body` without its output format, and that format or None. Raises jsonio.NotJson
    and Malformed."""
    said = [text for path in _FORMATS for _, text in found(body, path_of(path)) if text != b"null"]
    if not said:
        return body, None
    schema = jsonio.raw(_format.read(Raw(said[0]), Losses(), "format").schema)
    rest = edited(body, [*map(omit, _FORMATS), Edit(("output_config",), unless_empty)])
    return rest, OutputFormat("json_schema", schema, strict=True)


def instruct(body: bytes, words: str) -> bytes:
    """A relayed `body` with `words` at the end of its system prompt. Raises jsonio.NotJson."""
    system = next((text for _, text in found(body, ("system",))), b"null")
    if system[:1] == b'"':
        return edited(body, [put("system", jsonio.text(f"{jsonio.loads(system)}\n\n{words}"))])
    block = jsonio.dumps({"type": "text", "text": words})
    count = sum(1 for _ in found(system, (None,)))
    if not count:
        return with_member(body, "system", b"[" + block + b"]")
    return edited(body, [Edit(("system", count - 1), lambda text: text + b"," + block)])


class SamplingMembers(Wire):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


def sampling(wish: Sampling) -> SamplingMembers:
    return SamplingMembers(wish.temperature, wish.top_p, wish.top_k)


def user_id(request: Request, quirks: Quirks) -> str | None:
    user = request.identity.user
    return digest(user) if user is not None and quirks.user_id == "hash" else user
