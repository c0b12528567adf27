"""The content blocks and messages of the Messages API, as Structs.

A body that holds nothing else is decoded into these at once, and what is rendered is made of them.
A block of a type that is not declared here is kept as it came (`NativeBlock`). Members that no
other dialect can say are not declared: where a client sends them they are a loss. Must not know the
hub.

https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from gwproxy.translate.losses import Losses
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed
from gwproxy.translate.wire.shapes import Shape, present

ABSENT: Final = Raw()
_members: Final = msgspec.json.Decoder(dict[str, Raw])
_elements: Final = msgspec.json.Decoder(list[Raw])


# --- content blocks ------------------------------------------------------------------------------


class Wire(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The base of all shapes of this dialect."""


class CacheControl(Wire, tag="ephemeral"):
    ttl: str | None = None


class TextBlock(Wire, tag="text"):
    text: str
    citations: Raw = ABSENT
    cache_control: CacheControl | None = None


class Base64Source(Wire, tag="base64"):
    media_type: str
    data: str


class UrlSource(Wire, tag="url"):
    url: str


class FileSource(Wire, tag="file"):
    file_id: str


class TextSource(Wire, tag="text"):
    media_type: str
    data: str


class ImageBlock(Wire, tag="image"):
    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl | None = None


class ContentSource(Wire, tag="content"):
    content: str | list[TextBlock | ImageBlock]


class DocumentBlock(Wire, tag="document"):
    source: Base64Source | UrlSource | FileSource | TextSource | ContentSource
    title: str | None = None
    context: str | None = None
    citations: Raw = ABSENT
    cache_control: CacheControl | None = None


class SearchResultBlock(Wire, tag="search_result"):
    source: str
    title: str
    content: list[TextBlock]
    citations: Raw = ABSENT
    cache_control: CacheControl | None = None


class ToolReferenceBlock(Wire, tag="tool_reference"):
    tool_name: str
    cache_control: CacheControl | None = None


class ThinkingBlock(Wire, tag="thinking"):
    thinking: str
    signature: str | None = None


class RedactedThinkingBlock(Wire, tag="redacted_thinking"):
    data: str


class ToolUseBlock(Wire, tag="tool_use"):
    id: str
    name: str
    input: Raw
    caller: Raw = ABSENT
    cache_control: CacheControl | None = None


ResultContent: TypeAlias = (
    TextBlock | ImageBlock | DocumentBlock | SearchResultBlock | ToolReferenceBlock
)


class ToolResultBlock(Wire, tag="tool_result"):
    tool_use_id: str
    content: str | list[ResultContent] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class NativeBlock(Struct):
    """A block of a type that is not declared here, as raw JSON. Never on the wire itself."""

    type: str
    native: Raw


KnownBlock: TypeAlias = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ToolReferenceBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
)
AnyBlock: TypeAlias = KnownBlock | NativeBlock
# The blocks that can have a cache mark; thinking blocks cannot.
Markable: TypeAlias = TextBlock | ImageBlock | DocumentBlock | ToolUseBlock | ToolResultBlock

_SHAPES: Final[dict[str, Shape[KnownBlock]]] = {
    str(kind.__struct_config__.tag): Shape(kind)
    for kind in (
        TextBlock,
        ImageBlock,
        DocumentBlock,
        SearchResultBlock,
        ToolReferenceBlock,
        ThinkingBlock,
        RedactedThinkingBlock,
        ToolUseBlock,
        ToolResultBlock,
    )
}


# --- one block at a time, for bodies with unknown members ---------------------------------------


def decode_content(raw: Raw, path: str, losses: Losses) -> str | list[AnyBlock]:
    """A message's content, read block by block. Raises Malformed, which names the block's path."""
    data = bytes(raw)
    if not data.lstrip().startswith(b"["):
        return _content_string(data, path)
    return [
        decode_block(element, f"{path}[{index}]", losses)
        for index, element in enumerate(_elements.decode(data))
    ]


def _content_string(data: bytes, path: str) -> str:
    value = jsonio.loads(data)
    if not isinstance(value, str):
        raise Malformed(path, "expected string or array")
    return value


def decode_block(raw: Raw, path: str, losses: Losses) -> AnyBlock:
    """One block, of an unknown type as a NativeBlock. Raises Malformed."""
    try:
        members = _members.decode(raw)
    except msgspec.ValidationError:
        raise Malformed(path, "expected object") from None
    kind = jsonio.loads(bytes(members.get("type", b"null")))
    if not isinstance(kind, str):
        raise Malformed(f"{path}.type", "Field required")
    shape = _SHAPES.get(kind)
    if shape is None:
        return NativeBlock(kind, raw)
    content = members.pop("content", ABSENT) if kind == "tool_result" else ABSENT
    block = shape.read(raw if content is ABSENT else jsonio.dumps(members), losses, path)
    if isinstance(block, ToolResultBlock) and present(content):
        inner = decode_content(content, f"{path}.content", losses)
        block.content = inner if isinstance(inner, str) else [_in_result(b) for b in inner]
    return block


def _in_result(block: AnyBlock) -> ResultContent:
    if isinstance(block, NativeBlock):  # browser_state and the like: as their JSON text
        return TextBlock(jsonio.raw(block.native))
    if isinstance(block, ThinkingBlock | RedactedThinkingBlock | ToolUseBlock | ToolResultBlock):
        return TextBlock(jsonio.dumps(block).decode())
    return block


# --- messages ----------------------------------------------------------------------------------


class Effort(Wire):
    effort: str | None = None


class Message(Wire):
    """One message; `clear_at` and `output_config` are for system messages."""

    role: Literal["user", "assistant", "system"]
    content: str | list[KnownBlock] | None = None
    clear_at: str | None = None
    output_config: Effort | None = None


class Draft(Struct, rename={"blocks": "content"}):
    """A message to be sent; native blocks are in it as raw JSON."""

    role: Literal["user", "assistant", "system"]
    blocks: list[KnownBlock | Raw]
