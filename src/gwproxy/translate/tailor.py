"""Edits of a relayed request's tools for their host, and the check for what no edit can do, so that
the request has to be rebuilt.

A schema that was wrapped in an object, a name that was changed and a stop sequence that is looked
for here change the answer too, which can then not be relayed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Tool
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.names import fit_name
from gwproxy.translate.passes.sampling import takes_stops
from gwproxy.translate.passes.tools import fit_answer_schema, fit_schema
from gwproxy.translate.quirks import Quirks, known_to_refuse
from gwproxy.translate.settle import SettledSettings
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.splice import Edit, Path, edited, found, has, path_of, with_member

_TOOLS: Final = ("tools", None)
_DOCUMENTS: Final = frozenset({"document", "file", "input_file"})
_RUN_HERE: Final = frozenset({"function", "custom", "namespace"})
_EXTRAS: Final = ("defer_loading", "strict", "input_examples")
_STOPS: Final = (("stop",), ("stop", None), ("stop_sequences", None))


def tailored(body: bytes, settings: SettledSettings, quirks: Quirks, losses: Losses) -> bytes:
    """`body` with the schemas that its host takes, and tool references as text where it takes none;
    the same object where nothing is to be changed. Raises NotJson."""
    if known_to_refuse(quirks.tool_references) and b'"tool_reference"' in body:
        named = body if settings.name_references is None else settings.name_references(body)
        if named is not body:
            losses.emulate("tool_reference")
        body = named
    if quirks.schema == "open":
        return body

    def answer(schema: bytes) -> bytes:
        return fit_answer_schema(jsonio.raw(schema), quirks, losses).encode()

    def tool(text: bytes) -> bytes:
        return _fitted(text, settings, quirks, losses)

    return edited(body, [Edit(_TOOLS, tool), Edit(path_of(settings.tool.answer), answer)])


def has_to_be_rebuilt(
    body: bytes,
    settings: SettledSettings,
    facts: DialectFacts,
    quirks: Quirks,
    *,
    flattens: bool,
) -> bool:
    """Whether no edit makes `body` one that its host is known to take. A dialect that `flattens`
    handles hosted tools by itself. Raises NotJson."""
    if _limits_stops(quirks) and b'"stop' in body:
        stops = tuple(s for path in _STOPS for _, value in found(body, path) if (s := _text(value)))
        if stops and not takes_stops(stops, facts, quirks):
            return True
    if known_to_refuse(quirks.documents) and _has_document(body, settings):
        return True
    hosted = known_to_refuse(quirks.hosted_tools) and not flattens
    extras = (
        _EXTRAS if known_to_refuse(quirks.tool_extras) and facts.strict == "tool_extras" else ()
    )
    fitted = quirks.tool_names != "open" or quirks.schema != "open" or bool(quirks.max_tools)
    if not (hosted or extras or fitted):
        return False  # no search for the tools behind megabytes of messages
    tools = [text for _, text in found(body, _TOOLS)]
    if hosted and any(map(_is_hosted, tools)):
        return True
    if any(has(text, (name,)) for text in tools for name in extras):
        return True
    if not fitted:
        return False
    if quirks.max_tools and len(tools) > quirks.max_tools:
        return True
    names = [name for text in tools for name in _texts(text, settings.tool.name)]
    if quirks.tool_names == "letter_first" and any(
        name != fit_name(name, facts.name_length, letter_first=True) for name in names
    ):
        return True
    offered = (_read(text, settings) for text in tools)
    return any(one is not None and fit_schema(one, quirks, Losses())[1] for one in offered)


def _has_document(body: bytes, settings: SettledSettings) -> bool:
    if not any(f'"{kind}"'.encode() in body for kind in _DOCUMENTS):
        return False
    places = (("content",), ("content", None, "content"), ("output",))
    return any(
        _text(value) in _DOCUMENTS
        for place in places
        for _, value in found(body, (settings.turns, None, *place, None, "type"))
    )


def _is_hosted(tool: bytes) -> bool:
    return any(_text(value) not in _RUN_HERE for _, value in found(tool, ("type",)))


def _limits_stops(quirks: Quirks) -> bool:
    return not quirks.stop_sequences or bool(quirks.max_stops or quirks.max_stop_bytes)


def _fitted(text: bytes, settings: SettledSettings, quirks: Quirks, losses: Losses) -> bytes:
    offered = _read(text, settings)
    if offered is None:
        return text
    fitted, _ = fit_schema(offered, quirks, losses)
    if fitted.schema != offered.schema:
        text = edited(text, [Edit(path_of(settings.tool.schema), lambda _: fitted.schema.encode())])
    if fitted.description != offered.description and fitted.description is not None:
        *above, name = path_of(settings.tool.description)
        words = jsonio.text(fitted.description)
        text = _with(text, tuple(above), str(name), words)
    return text


def _with(text: bytes, above: Path, name: str, value: bytes) -> bytes:
    if not above:
        return with_member(text, name, value)
    return edited(text, [Edit(above, lambda inner: with_member(inner, name, value))])


def _read(text: bytes, settings: SettledSettings) -> Tool | None:
    """The function tool in `text` by its name, description and schema; None where it has none."""
    for name in _texts(text, settings.tool.name):
        for _, schema in found(text, path_of(settings.tool.schema)):
            if schema[:1] == b"{":
                words = next(_texts(text, settings.tool.description), None)
                return Tool(name, description=words, schema=jsonio.raw(schema))
    return None


def _texts(body: bytes, path: str) -> Iterator[str]:
    return filter(None, (_text(value) for _, value in found(body, path_of(path))))


def _text(value: bytes) -> str:
    if value[:1] != b'"':
        return ""
    return str(jsonio.loads(value))
