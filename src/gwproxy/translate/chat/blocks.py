"""Chat's content parts from and to hub blocks, for history and answers alike.

Decided here: how several texts become one string, and how reasoning and its seals travel next to
each other. Must not know messages, requests or streams.

https://platform.openai.com/docs/api-reference/chat/create (content parts)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from gwproxy.translate.chat.wire import (
    File,
    FilePart,
    ImagePart,
    Mark,
    Part,
    RefusalPart,
    SoundPart,
    TextPart,
    ThinkingPart,
)
from gwproxy.translate.hub import Block, Cache, Call, Media, Reasoning, Refusal, Seal, Text
from gwproxy.translate.wire import seal
from gwproxy.translate.wire.data_urls import data_url, read_document, split_data_url
from gwproxy.translate.wire.fields import Malformed, Unsupported

# Stands between texts that another block separated, and between two reasoning blocks. Directly
# adjacent texts are one text.
GAP: Final = "\n\n"

# --- parts -> blocks -------------------------------------------------------------------------


def parse_content(content: str | Sequence[Part | ThinkingPart] | None, path: str) -> list[Block]:
    """The hub blocks of a message's `content`, without empty texts. Raises Malformed."""
    if not content:
        return []
    if isinstance(content, str):
        return [Text(content)]
    blocks = []
    for index, part in enumerate(content):
        block = _parse_part(part, f"{path}[{index}]")
        if not isinstance(block, Text) or block.text:
            blocks.append(block)
    return blocks


def _parse_part(part: Part | ThinkingPart, path: str) -> Block:
    match part:
        case TextPart(text=text):
            return Text(text, _cache(part.prompt_cache_breakpoint or part.cache_control))
        case RefusalPart(refusal=refusal):
            return Refusal(refusal)
        case ThinkingPart(thinking=thought):
            if not isinstance(thought, str):
                thought = "".join(piece.text for piece in thought)
            return Reasoning(thought)
        case ImagePart(image_url=image):
            url, detail = (image, None) if isinstance(image, str) else (image.url, image.detail)
            cache = _cache(part.prompt_cache_breakpoint or part.cache_control)
            return _image(url, detail, cache, f"{path}.image_url")
        case SoundPart(input_audio=sound):
            cache = _cache(part.prompt_cache_breakpoint)
            kind = f"audio/{sound.format}"
            return Media("audio", "base64", sound.data, kind, cache=cache)
        case FilePart(file=file):
            cache = _cache(part.prompt_cache_breakpoint or part.cache_control)
            return _document(file, cache, f"{path}.file")


def _cache(mark: Mark | None) -> Cache | None:
    """The hub's cache mark: a `ttl` of hours is "1h", anything shorter the default of five
    minutes."""
    if mark is None:
        return None
    return Cache("1h") if mark.ttl is not None and mark.ttl != "5m" else Cache()


def _image(url: str, detail: str | None, cache: Cache | None, path: str) -> Media:
    if not url.startswith("data:"):
        return Media("image", "url", url, detail=detail, cache=cache)
    declared, data = split_data_url(url, path)
    return Media("image", "base64", data, declared, detail=detail, cache=cache)


def _document(file: File, cache: Cache | None, path: str) -> Media:
    if file.file_id is not None:
        return Media("document", "file", file.file_id, name=file.filename, cache=cache)
    if file.file_data is None:
        raise Malformed(path, "neither file_data nor file_id")
    document = read_document(file.file_data, file.filename, f"{path}.file_data")
    return replace(document, cache=cache)


# --- blocks -> parts -------------------------------------------------------------------------


def text_part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def render_parts(block: Block) -> list[dict[str, Any]]:
    """A block as content parts of a user message; a document's context comes before it. Raises
    Unsupported for a block that no message can have."""
    if type(block) is Text:  # nearly all
        return [text_part(block.text)]
    context = block.context if isinstance(block, Media) else None
    part = _render_part(block)
    return [part] if context is None else [text_part(context), part]


def _render_part(block: Block) -> dict[str, Any]:
    match block:
        case Text(text=text) | Refusal(text=text):
            return text_part(text)
        case Media(kind="image"):
            url = data_url(block) if block.source == "base64" else block.data
            detail = {"detail": block.detail} if block.detail is not None else {}
            return {"type": "image_url", "image_url": {"url": url, **detail}}
        case Media(kind="document"):
            name = block.name or "document.pdf"
            return {"type": "file", "file": {"filename": name, "file_data": data_url(block)}}
        case Media(kind="audio"):
            form = (block.media_type or "").removeprefix("audio/")
            return {"type": "input_audio", "input_audio": {"data": block.data, "format": form}}
    raise Unsupported("messages", f"a {type(block).__name__} cannot stand in a user message")


def render_call(call: Call) -> dict[str, Any]:
    """A member of `tool_calls`."""
    if call.custom:
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


# --- texts -----------------------------------------------------------------------------------


def joined(blocks: Iterable[Block], *kinds: type[Text | Refusal | Reasoning]) -> str:
    """The texts of the blocks of `kinds` as one: adjacent ones directly, others with GAP
    between."""
    text = ""
    gap = False
    for block in blocks:
        if type(block) not in kinds:
            gap = True
        elif block.text:  # type: ignore[union-attr]
            apart = type(block) is Text and block.apart
            text += GAP + block.text if (gap or apart) and text else block.text  # type: ignore[union-attr]
            gap = apart or type(block) is Reasoning
    return text


# --- reasoning and its seals -----------------------------------------------------------------


def carried_seal(reasoning: Seal | None, text: str, *, shown: bool, first: bool) -> str:
    """The envelope that a client carries for one reasoning block, or "".

    The text goes inside where the client does not see it, and for every block but the `first` with
    text, so that `parse_reasoning` can find where in the one visible string each block begins.
    """
    if reasoning is None or (reasoning.kind == "text" and shown and not reasoning.data):
        return ""
    if reasoning.kind == "redacted" or (shown and first):
        return seal.wrap(reasoning)
    return seal.wrap(reasoning, text)


def parse_reasoning(visible: str, carried: str) -> list[Reasoning]:
    """The reasoning blocks of an assistant message, of its visible reasoning and the envelopes that
    it carries. Those are concatenated, as SDKs do with deltas; what is not ours is ignored."""
    if not carried:
        return [Reasoning(visible)] if visible else []
    opened = [
        one
        for piece in carried.split(seal.MARK)[1:]
        if (one := seal.unwrap(seal.MARK + piece)) is not None
    ]
    blocks: list[Reasoning] = []
    rest = visible
    for one in reversed(opened):
        if one.seal.kind == "redacted":
            blocks.append(Reasoning("", one.seal, hidden=True))
        elif one.text is not None:
            if one.text and rest.endswith(one.text):
                rest = rest.removesuffix(one.text).removesuffix(GAP)
            blocks.append(Reasoning(one.text, one.seal))
        else:
            blocks.append(Reasoning(rest, one.seal))
            rest = ""
    if rest:
        blocks.append(Reasoning(rest))
    return blocks[::-1]
