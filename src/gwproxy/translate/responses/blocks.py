"""Content parts of messages and tool outputs from and to hub blocks.

The same for history and answers. Must not know items or turns.

https://platform.openai.com/docs/api-reference/responses/object
https://www.openresponses.org/specification
"""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from gwproxy.translate.hub import Block, Cache, Media, Refusal, Result, Text, ToolReference
from gwproxy.translate.losses import Losses
from gwproxy.translate.responses.wire import (
    Content,
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    Mark,
    OutputText,
    Part,
    RefusalPart,
    SealedText,
)
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.data_urls import data_url, read_document, split_data_url
from gwproxy.translate.wire.fields import Malformed, Unsupported

# This dialect has no flag for a failed tool: the text says it.
TOOL_ERROR: Final = "[tool error] "
# The vendor's ciphertext is a Fernet token: version 0x80 and a time, in base64
# (https://github.com/fernet/spec). With other models Codex puts plain text in its place
# (openai/codex#33551).
_CIPHERTEXT: Final = re.compile(r"gAAAA[\w-]{40,}={0,2}")
_UNREADABLE: Final = "[encrypted for another model: it cannot be read here]"


# --- content parts -----------------------------------------------------------------------------


def parse_content(content: Content, path: str, losses: Losses) -> tuple[Block, ...]:
    """The hub blocks of a message's content or a tool's output. Raises Malformed."""
    if not content:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_parse_part(part, f"{path}[{i}]", losses) for i, part in enumerate(content))


def _parse_part(part: Part, path: str, losses: Losses) -> Block:
    match part:
        case InputText():
            return Text(part.text, _cache(part.prompt_cache_breakpoint))
        case OutputText():
            if part.annotations:
                losses.drop("citations")
            return Text(part.text)
        case RefusalPart():
            return Refusal(part.refusal)
        case InputImage():
            return _parse_image(part, path)
        case InputFile():
            return _parse_file(part, path)
        case InputAudio(input_audio=sound):
            return Media("audio", "base64", sound.data, f"audio/{sound.format}")
        case SealedText(encrypted_content=sealed):
            return Text(in_clear(sealed))


def in_clear(sealed: str) -> str:
    """The text of an `encrypted_content` between agents, or that it cannot be read here."""
    return _UNREADABLE if is_ciphertext(sealed) else sealed


def is_ciphertext(sealed: str) -> bool:
    """Whether an `encrypted_content` looks like OpenAI's own ciphertext."""
    return _CIPHERTEXT.fullmatch(sealed) is not None


def _cache(mark: Mark | None) -> Cache | None:
    if mark is None:
        return None
    return Cache("1h" if mark.ttl in ("12h", "30m") else None)


def _parse_image(part: InputImage, path: str) -> Media:
    cache = _cache(part.prompt_cache_breakpoint)
    url = part.image_url
    if url is None:
        if part.file_id is None:
            raise Malformed(path, "expected image_url or file_id")
        return Media("image", "file", part.file_id, detail=part.detail, cache=cache)
    if not url.startswith("data:"):
        return Media("image", "url", url, detail=part.detail, cache=cache)
    media_type, data = split_data_url(url, f"{path}.image_url")
    return Media("image", "base64", data, media_type, detail=part.detail, cache=cache)


def _parse_file(part: InputFile, path: str) -> Media:
    name, detail = part.filename, part.detail
    cache = _cache(part.prompt_cache_breakpoint)
    if part.file_id is not None:
        return Media("document", "file", part.file_id, None, name, detail=detail, cache=cache)
    if part.file_url is not None:
        return Media("document", "url", part.file_url, None, name, detail=detail, cache=cache)
    if part.file_data is None:
        raise Malformed(path, "expected file_data, file_url or file_id")
    document = read_document(part.file_data, name, f"{path}.file_data")
    return replace(document, detail=detail, cache=cache)


# --- blocks -> parts ---------------------------------------------------------------------------


def render_part(block: Block, field: str) -> dict[str, Any]:
    """A block of a user's or developer's message, or of a tool's output, as a content part.

    Raises Unsupported for a block that no message can have: a model would make up what is left out.
    """
    match block:
        case Text(text=text, cache=cache):
            return {"type": "input_text", "text": text, **_mark(cache)}
        case Refusal(text=text):
            return {"type": "input_text", "text": text}
        case Media():
            return {**_render_media(block, field), **_mark(block.cache)}
        case ToolReference(name=name):
            reference = {"type": "tool_reference", "tool_name": name}
            return {"type": "input_text", "text": jsonio.dumps(reference).decode()}
    raise Unsupported(field, f"a {type(block).__name__} cannot stand in a message")


def _mark(cache: Cache | None) -> dict[str, Any]:
    if cache is None:
        return {}
    mark = {"mode": "explicit", "ttl": "12h"} if cache.ttl == "1h" else {"mode": "explicit"}
    return {"prompt_cache_breakpoint": mark}


def _render_media(media: Media, field: str) -> dict[str, Any]:
    if media.kind == "image":
        # `detail` is required by the published types although the API fills it in.
        image = {"type": "input_image", "detail": media.detail or "auto"}
        if media.source == "file":
            return {**image, "file_id": media.data}
        url = data_url(media) if media.source == "base64" else media.data
        return {**image, "image_url": url}
    if media.kind == "audio":
        raise Unsupported(field, "audio cannot stand in a message")
    part: dict[str, Any] = {"type": "input_file"}
    if media.detail is not None:
        part["detail"] = media.detail
    if media.source == "base64":
        name = media.name or "document.pdf"
        return {**part, "filename": name, "file_data": data_url(media)}
    return {**part, "file_url" if media.source == "url" else "file_id": media.data}


def render_output(result: Result, field: str) -> str | list[dict[str, Any]]:
    """The `output` of a tool result: a string where it is one text, else content parts."""
    blocks = list(result.blocks)
    if result.is_error:
        first = blocks[0] if blocks and isinstance(blocks[0], Text) else Text("")
        marked = replace(first, text=TOOL_ERROR + first.text)
        blocks = [marked, *(blocks[1:] if blocks and isinstance(blocks[0], Text) else blocks)]
    parts = [render_part(block, field) for block in blocks]
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return str(parts[0]["text"])
    return parts
