"""Blocks that only this dialect has, in words that any model can read.

Searches, code runs and MCP calls that Anthropic's own servers made stand in the history of a
conversation that began there. To an upstream without those tools they are what they say: the
query, the pages found, the output. Elsewhere they travel as they came (`Opaque`).

https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview
"""

from __future__ import annotations

from typing import Any

from gwproxy.translate.hub import Dialect, Opaque
from gwproxy.translate.wire import jsonio


def opaque(block: bytes) -> Opaque:
    """A block of its raw text, which must be a JSON object."""
    native = jsonio.one_line(block)
    value: dict[str, Any] = jsonio.loads(native)
    kind = value.get("type")
    name = kind if isinstance(kind, str) else ""
    return Opaque(Dialect.ANTHROPIC, name, native, _in_words(name, value))


def _in_words(kind: str, value: dict[str, Any]) -> str | None:
    """None for blocks that are orders to the server and say nothing to a model."""
    if kind in ("server_tool_use", "mcp_tool_use"):
        return f"[{value.get('name', 'tool')} {_asked(value.get('input'))}]"
    if kind.endswith("_tool_result"):
        return "\n".join(_lines(value.get("content"))) or "(no output)"
    if kind == "compaction" and isinstance(value.get("content"), str):
        return f"Summary of the earlier conversation: {value['content']}"
    return None


def _asked(given: Any) -> str:
    if isinstance(given, dict) and len(given) == 1:
        (given,) = given.values()
    return jsonio.dumps(given).decode()


def _lines(content: Any) -> list[str]:
    """What a result holds, one line a thing: a page, an output, an error."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [line for item in content for line in _lines(item)]
    if not isinstance(content, dict):
        return []
    if isinstance(content.get("url"), str):
        title = content.get("title")
        url = content["url"]
        return [f"- {title} ({url})" if title else f"- {url}", *_lines(content.get("content"))]
    if isinstance(content.get("error_code"), str):
        return [f"error: {content['error_code']}"]
    source = content.get("source")
    document = (
        source.get("data") if isinstance(source, dict) and source.get("type") == "text" else 0
    )
    found = [document, *(content.get(key) for key in ("text", "stdout", "stderr"))]
    lines = [text for text in found if isinstance(text, str) and text]
    return [*lines, *_lines(content.get("content") or content.get("tool_references"))]
