"""Items that only this dialect has, and the text that stands for them elsewhere.

Searches, code runs and MCP calls of the vendor's own servers are in the history of a conversation
that began there; messages, memories and reasoning of Codex's agents are items of their own, too. An
upstream that does not know them gets them as text: the query, the code, the output, the task.
Elsewhere they travel as they came (`Opaque`).

https://platform.openai.com/docs/guides/tools
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from msgspec import Raw

from gwproxy.translate.dialect_facts import Condition
from gwproxy.translate.hub import Dialect, Opaque, Page, Search, Turn
from gwproxy.translate.responses.blocks import in_clear
from gwproxy.translate.wire import jsonio

_Role: TypeAlias = Literal["system", "user", "assistant"]

_ROLES: Final[Mapping[str, _Role]] = MappingProxyType(
    {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
)
# How the types of hosted tools' items end: calls, outputs, lists of tools, approvals.
_OF_TOOLS: Final = ("_call", "_output", "_list_tools", "_request", "_response", "program")
# The members of an item of any kind that hold text; the others are ids, states and files.
_SAYING: Final = ("text", "content", "summary", "message")


def turn_of(kind: str, raw: Raw) -> Turn:
    """The turn for an item of the input that only this dialect has."""
    block = opaque(kind, raw)
    return Turn(_role_of(kind, jsonio.loads(block.native), says=block.text is not None), (block,))


def _role_of(kind: str, item: dict[str, Any], *, says: bool) -> _Role:
    """The role of an item's turn: its own `role`, else "user" for outputs and messages to the
    model, "assistant" for the rest."""
    said = _ROLES.get(str(item.get("role")))
    if said is not None:
        return said
    if kind.endswith(("_output", "_response")):
        return "user"
    return "user" if says and not is_hosted(kind) and "reasoning" not in kind else "assistant"


def opaque(kind: str, raw: Raw) -> Opaque:
    """The hub's block for an item's raw JSON, which must be an object."""
    native = jsonio.one_line(raw)
    item = jsonio.loads(native)
    words = _in_words(kind, item)
    taken: Condition | None = None if is_hosted(kind) else "agent_items"
    return Opaque(Dialect.RESPONSES, kind, native, words, taken, _search(kind, item))


def is_hosted(kind: str) -> bool:
    """Whether items of this type are of the vendor's tools; the others are of newer clients."""
    return kind.endswith(_OF_TOOLS)


def _search(kind: str, item: dict[str, Any]) -> Search | None:
    """The web search in an item, as other dialects can say it too; None for other items."""
    action = item.get("action") if kind == "web_search_call" else None
    if not isinstance(action, dict):
        return None
    opens = action.get("type") in ("open_page", "find_in_page")
    words = action.get("url") if opens else action.get("query") or action.get("queries")
    if isinstance(words, list):
        words = "; ".join(word for word in words if isinstance(word, str))
    given, sources = item.get("id"), action.get("sources")
    pages = (
        Page(source["url"])
        for source in (sources if isinstance(sources, list) else ())
        if isinstance(source, dict) and isinstance(source.get("url"), str)
    )
    return Search(
        given if isinstance(given, str) and given else "ws_0",
        words if isinstance(words, str) else "",
        opens,
        done=True,
        pages=tuple(pages),
        error="unavailable" if item.get("status") == "failed" else None,
    )


def written(search: Search, status: str = "") -> dict[str, Any]:
    """The web_search_call item of a search of another dialect; `status` is for one not done yet."""
    if search.opens:
        action: dict[str, Any] = {"type": "open_page", "url": search.asked}
    else:
        action = {"type": "search", "query": search.asked, "queries": [search.asked]}
        if search.pages:
            action["sources"] = [{"type": "url", "url": page.url} for page in search.pages]
    done = "completed" if search.error is None else "failed"
    item = {"type": "web_search_call", "id": search.id, "status": status or done}
    return {**item, "action": action}


def _in_words(kind: str, item: dict[str, Any]) -> str | None:
    """The text that stands for an item at other upstreams; None where it has none."""
    match kind:
        case "web_search_call":
            action = item.get("action")
            head = f"[web_search {_asked(action, ('query', 'queries', 'url'))}]"
            found = action.get("sources") if isinstance(action, dict) else None
            return "\n".join((head, *(f"- {line}" for line in _lines(found))))
        case "file_search_call":
            head = f"[file_search {_asked(item, ('queries',))}]"
            return "\n".join((head, *_lines(item.get("results"))))
        case "code_interpreter_call":
            head = f"[code_interpreter {_asked(item, ('code',))}]"
            return "\n".join((head, *_lines(item.get("outputs"))))
        case "mcp_call":
            head = f"[{item.get('name', 'tool')} {_asked(item, ('arguments',))}]"
            return "\n".join((head, *_lines(item.get("output") or item.get("error"))))
        case "program":
            return f"[program {_asked(item, ('code',))}]"
        case "program_output":
            return "\n".join(_lines(item.get("result"))) or None
        case "agent_message":
            return _told(item)
    return "\n".join(_said(item)) or None


def _told(item: dict[str, Any]) -> str | None:
    """The text of an agent's message, with its author unless the text names it, as Codex's does."""
    said = "\n".join(_said(item))
    author = item.get("author")
    if said and isinstance(author, str) and author not in said:
        return f"[message of the agent {author}]\n{said}"
    return said or None


def _said(held: Any) -> list[str]:
    """The texts in an item or a part."""
    if isinstance(held, str):
        return [held.rstrip("\n")] if held.strip() else []
    if isinstance(held, list):
        return [text for one in held for text in _said(one)]
    if not isinstance(held, dict):
        return []
    if held.get("type") == "encrypted_content":
        return _said(in_clear(str(held.get("encrypted_content") or "")))
    return [text for name in _SAYING for text in _said(held.get(name))]


def _asked(holder: Any, names: tuple[str, ...]) -> str:
    said = [holder[n] for n in names if holder.get(n)] if isinstance(holder, dict) else []
    return jsonio.dumps(said[0] if said else None).decode()


def _lines(content: Any) -> list[str]:
    """The lines of a tool's output: one for each file, text or log."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [line for item in content for line in _lines(item)]
    held = content if isinstance(content, dict) else {}
    found = [held.get(name) for name in ("filename", "text", "logs", "url", "message")]
    return [text for text in found if isinstance(text, str) and text]
