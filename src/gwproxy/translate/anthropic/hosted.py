"""Blocks that only this dialect has, and the text that stands for them elsewhere.

Searches, code runs and MCP calls of Anthropic's own servers are in the history of a conversation
that began there. An upstream without those tools gets them as text: the query, the pages found, the
output. Elsewhere they travel as they came (`Opaque`).

https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

from msgspec import structs

from gwproxy.translate.hub import Dialect, Opaque, Page, Search
from gwproxy.translate.wire import jsonio


def opaque(block: bytes, asked: MutableMapping[str, Search]) -> Opaque:
    """The hub's block for a block's raw JSON, which must be an object. `asked` holds the searches
    begun earlier in the same message, by id; a search is added to it."""
    native = jsonio.one_line(block)
    value: dict[str, Any] = jsonio.loads(native)
    kind = value.get("type")
    name = kind if isinstance(kind, str) else ""
    words, search = _in_words(name, value), _search(name, value, asked)
    sealed = name == "compaction" and words is None and bool(value.get("encrypted_content"))
    needed = _COMPACTED if sealed else None
    return Opaque(Dialect.ANTHROPIC, name, native, words, search=search, needed=needed)


def _search(kind: str, value: dict[str, Any], asked: MutableMapping[str, Search]) -> Search | None:
    """The web search in a block, as other dialects can say it too, also a page read that another
    dialect reported as a search; None for others. A page that Anthropic's own tool fetched has its
    text."""
    if kind == "server_tool_use":
        tool, given, name = str(value.get("name")), value.get("input"), value.get("id")
        if tool not in _MEMBERS or not isinstance(given, dict) or not isinstance(name, str):
            return None
        words = given.get(_MEMBERS[tool])
        fetches = tool == "web_fetch"
        if not isinstance(words, str) or (fetches and not name.startswith(_ID + _FOREIGN)):
            return None
        asked[name] = Search(item_id(name), words, fetches)
        return asked[name]
    begun = asked.get(str(value.get("tool_use_id"))) if kind in _RESULTS else None
    if begun is None:
        return None
    content = value.get("content")
    if isinstance(content, dict) and isinstance(content.get("error_code"), str):
        return structs.replace(begun, done=True, error=content["error_code"])
    found = content if isinstance(content, list) and not begun.opens else ()
    pages = tuple(page for one in found if (page := _page(one)) is not None)
    return structs.replace(begun, done=True, pages=pages)


def _page(value: Any) -> Page | None:
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        return None
    title = value.get("title")
    return Page(value["url"], title if isinstance(title, str) and title else None)


def item_id(tool_use_id: str) -> str:
    """A search's id in the hub: its own part with the prefix of Responses."""
    own = tool_use_id.removeprefix(_ID)
    return own if own.startswith(_FOREIGN) else _FOREIGN + own


def written(search: Search) -> tuple[dict[str, Any], dict[str, Any]]:
    """The server_tool_use block and the result block of a whole search of another dialect.

    `encrypted_content` is there because the types demand it; no other upstream has any.
    """
    legal = "".join(c for c in search.id if c.isascii() and (c.isalnum() or c == "_"))
    name = _ID + legal
    tool = "web_fetch" if search.opens else "web_search"
    given = {_MEMBERS[tool]: search.asked}
    begun = {"type": "server_tool_use", "id": name, "name": tool, "input": given}
    result = {"type": f"{tool}_tool_result", "tool_use_id": name}
    if search.error is not None:
        content: Any = {"type": f"{tool}_tool_result_error", "error_code": search.error}
    elif search.opens:
        source = {"type": "text", "media_type": "text/plain", "data": ""}
        document = {"type": "document", "source": source}
        content = {"type": "web_fetch_result", "url": search.asked, "content": document}
        content["retrieved_at"] = None
    else:
        content = [_result(page) for page in search.pages]
    return begun, {**result, "content": content}


def _result(page: Page) -> dict[str, Any]:
    found = {"type": "web_search_result", "url": page.url, "title": page.title or page.url}
    return {**found, "encrypted_content": "", "page_age": None}


# The input member of each server tool that is read.
_MEMBERS: Final = {"web_search": "query", "web_fetch": "url"}
_RESULTS: Final = ("web_search_tool_result", "web_fetch_tool_result")
_ID: Final = "srvtoolu_"
_FOREIGN: Final = "ws_"
_COMPACTED: Final = (
    "this conversation was compacted elsewhere, and its `compaction` block can be opened there "
    "alone; go on with that provider, or begin a new conversation here"
)


def _in_words(kind: str, value: dict[str, Any]) -> str | None:
    """The text that stands for a block at other upstreams; None for orders to the server."""
    if kind in ("server_tool_use", "mcp_tool_use"):
        return f"[{value.get('name', 'tool')} {_asked(value.get('input'))}]"
    if kind.endswith("_tool_result"):
        return "\n".join(_lines(value.get("content"))) or "(no output)"
    if kind == "compaction":
        summary = "\n".join(_lines(value.get("content")))
        return f"Summary of the earlier conversation: {summary}" if summary else None
    return None


def _asked(given: Any) -> str:
    if isinstance(given, dict) and len(given) == 1:
        (given,) = given.values()
    return jsonio.dumps(given).decode()


def _lines(content: Any) -> list[str]:
    """The lines of a tool result: one for each page, output or error."""
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
