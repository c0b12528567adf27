"""The members of a request that its answer repeats.

Clients built on the published types read every one of these keys from the response object, whether
they sent it or not.

https://platform.openai.com/docs/api-reference/responses/object
https://www.openresponses.org/specification
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.losses import Losses
from gwproxy.translate.responses.tools import TYPED
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.shapes import Shape, present

# Every key is always there; these are the API's own values for what the client did not send.
_ECHOED: Final[Mapping[str, bytes]] = {
    "access_programs": b"null",
    "background": b"false",
    "conversation": b"null",
    "frequency_penalty": b"0",
    "image": b"null",
    "instructions": b"null",
    "max_output_tokens": b"null",
    "max_tool_calls": b"null",
    "metadata": b"{}",
    "moderation": b"null",
    "parallel_tool_calls": b"true",
    "presence_penalty": b"0",
    "previous_response_id": b"null",
    "prompt": b"null",
    "prompt_cache_key": b"null",
    "prompt_cache_options": b"null",
    "prompt_cache_retention": b"null",
    "reasoning": b'{"effort":null,"summary":null}',
    "safety_identifier": b"null",
    "service_tier": b'"default"',
    "store": b"false",
    "temperature": b"1",
    "text": b'{"format":{"type":"text"}}',
    "tool_choice": b'"auto"',
    "tools": b"[]",
    "top_logprobs": b"0",
    "top_p": b"1",
    "truncation": b'"disabled"',
    "user": b"null",
}
# The shell knows their true values, not the request, and sets them in `kept/record.py`.
_STATE: Final = frozenset({"store", "previous_response_id"})
# Members inside of these that the published types require, and a request may leave out.
_NESTED: Final[Mapping[str, Mapping[str, Any]]] = {
    "reasoning": {"effort": None, "summary": None},
    "text": {"format": {"type": "text"}},
}
_FUNCTION: Final[Mapping[str, Any]] = {
    "type": "function",
    "name": "",
    "description": None,
    "parameters": None,
    "strict": None,
}

_members: Final = Shape(dict[str, Raw])
_list: Final = Shape(list[Raw])


def of(body: bytes) -> str:
    """The members of a request that its answer repeats, as one JSON object. Raises Malformed."""
    fields = _members.read(body, Losses())
    kept: dict[str, Any] = {}
    for name, raw in fields.items():
        if name not in _ECHOED or name in _STATE or not present(raw):
            continue
        if name in _NESTED:
            kept[name] = {**_NESTED[name], **_members.read(raw, Losses(), name)}
        elif name == "tools":
            kept[name] = [_echo_tool(tool) for tool in _list.read(raw, Losses(), name)]
        else:
            kept[name] = raw
    return jsonio.one_line(jsonio.dumps(kept))


def _echo_tool(raw: Raw) -> Any:
    tool = _members.read(raw, Losses(), "tools")
    return {**_FUNCTION, **tool} if bytes(tool.get("type", b"")) == b'"function"' else raw


class _EchoedTool(Struct):
    type: str = ""


class _EchoedTools(Struct):
    tools: list[_EchoedTool] | None = None


_echoed_tools: Final = Shape(_EchoedTools)


def typed_tools(context: ReplyContext) -> frozenset[str]:
    """The names of client-run tools that the client declared in a type of their own."""
    if context.echo is None:
        return frozenset()
    declared = _echoed_tools.read(context.echo.encode(), Losses()).tools
    return frozenset(tool.type for tool in declared or ()) & TYPED.keys()


def members(context: ReplyContext) -> bytes:
    """The members of the response object that repeat the request, comma-separated."""
    said = {} if context.echo is None else _members.read(context.echo.encode(), Losses())
    return b",".join(b'"%b":%b' % (k.encode(), bytes(said.get(k, v))) for k, v in _ECHOED.items())
