"""Items that only this dialect has, in words that any model can read.

Searches, code runs and MCP calls that the vendor's own servers made stand in the history of a
conversation that began there. To an upstream without those tools they are what they say: the
query, the code, the output. Elsewhere they travel as they came (`Opaque`).

https://platform.openai.com/docs/guides/tools
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from gwproxy.translate.hub import Dialect, Opaque
from gwproxy.translate.wire import jsonio


def opaque(kind: str, raw: Raw) -> Opaque:
    """An item of its raw text, which must be a JSON object."""
    native = jsonio.one_line(raw)
    return Opaque(Dialect.RESPONSES, kind, native, _in_words(kind, jsonio.loads(native)))


def _in_words(kind: str, item: dict[str, Any]) -> str | None:
    """None for items that say nothing to a model, or that nobody else can read."""
    match kind:
        case "web_search_call":
            return f"[web_search {_asked(item.get('action'), ('query', 'queries', 'url'))}]"
        case "file_search_call":
            head = f"[file_search {_asked(item, ('queries',))}]"
            return "\n".join((head, *_lines(item.get("results"))))
        case "code_interpreter_call":
            head = f"[code_interpreter {_asked(item, ('code',))}]"
            return "\n".join((head, *_lines(item.get("outputs"))))
        case "mcp_call":
            head = f"[{item.get('name', 'tool')} {_asked(item, ('arguments',))}]"
            return "\n".join((head, *_lines(item.get("output") or item.get("error"))))
    return None


def _asked(holder: Any, names: tuple[str, ...]) -> str:
    said = [holder[n] for n in names if holder.get(n)] if isinstance(holder, dict) else []
    return jsonio.dumps(said[0] if said else None).decode()


def _lines(content: Any) -> list[str]:
    """What a tool gave back, one line a thing."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [line for item in content for line in _lines(item)]
    held = content if isinstance(content, dict) else {}
    found = [held.get(name) for name in ("filename", "text", "logs", "url", "message")]
    return [text for text in found if isinstance(text, str) and text]
