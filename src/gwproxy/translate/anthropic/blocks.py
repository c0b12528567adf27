"""Messages content blocks from and to hub blocks, for history and answers alike.

`read_*` turns wire into hub, `write_*` hub into wire. Which blocks an upstream may get is decided
here; in what order, in `history`.

https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from gwproxy.translate.anthropic import hosted
from gwproxy.translate.anthropic.wire import (
    ABSENT,
    AnyBlock,
    Base64Source,
    CacheControl,
    ContentSource,
    DocumentBlock,
    FileSource,
    ImageBlock,
    KnownBlock,
    NativeBlock,
    RedactedThinkingBlock,
    ResultContent,
    SearchResultBlock,
    TextBlock,
    TextSource,
    ThinkingBlock,
    ToolReferenceBlock,
    ToolResultBlock,
    ToolUseBlock,
    UrlSource,
)
from gwproxy.translate.hub import (
    Block,
    Cache,
    Call,
    Media,
    Opaque,
    Reasoning,
    Refusal,
    Result,
    Seal,
    Search,
    Text,
    ToolReference,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.fields import Malformed, Unsupported
from gwproxy.translate.wire.shapes import arguments_of, present

# --- wire -> hub -------------------------------------------------------------------------------


def read_content(content: str | list[AnyBlock] | None, losses: Losses) -> tuple[Block, ...]:
    """A message's content as hub blocks; a string is one text block."""
    if content is None or isinstance(content, str):
        return (Text(content),) if content else ()
    blocks: list[Block] = []
    asked: dict[str, Search] = {}
    for block in content:
        if type(block) is TextBlock:
            blocks.append(_read_text(block, losses))
        elif type(block) is DocumentBlock:
            blocks.extend(_read_document(block, losses))
        elif type(block) is NativeBlock:
            blocks.append(hosted.opaque(bytes(block.native), asked))
        else:
            blocks.append(_read_block(block, losses))
    return tuple(blocks)


def _read_block(block: AnyBlock, losses: Losses) -> Block:
    match block:
        case ToolUseBlock(id=identity, name=name):
            printed = bytes(block.input).startswith(b'"')  # a string, as in the other dialects
            text = arguments_of(block.input, "input") if printed else jsonio.raw(block.input)
            return Call(identity, name, text, cache=cache(block.cache_control))
        case ToolResultBlock():
            return _read_result(block, losses)
        case ThinkingBlock(thinking=text, signature=signature):
            return _read_thinking(text, signature)
        case RedactedThinkingBlock(data=data):
            opened = seal.unwrap(data)
            if opened is not None:
                return Reasoning(opened.text or "", opened.seal, hidden=True)
            return Reasoning("", foreign_signature=data, hidden=True)
        case ImageBlock():
            return _read_image(block)
        case ToolReferenceBlock(tool_name=name):
            return ToolReference(name)
        case SearchResultBlock():
            return _read_search_result(block, losses)
    raise Malformed("messages", f"{type(block).__name__} cannot stand alone")


def _read_text(block: TextBlock, losses: Losses) -> Text:
    said = block.citations
    if said is not ABSENT and present(said) and bytes(said) != b"[]":
        losses.drop("citations")
    mark = block.cache_control
    return Text(block.text) if mark is None else Text(block.text, cache(mark))


def cache(mark: CacheControl | None) -> Cache | None:
    if mark is None:
        return None
    return Cache("1h" if mark.ttl == "1h" else None)


def _read_thinking(text: str, signature: str | None) -> Reasoning:
    """A thinking block as hub reasoning: an envelope of ours is opened, and gives back text that
    the client was not to see; another signature stays as it is. Claude Code returns blocks with an
    empty signature, and with none."""
    opened = seal.unwrap(signature) if signature else None
    if opened is None:
        return Reasoning(text, foreign_signature=signature or None)
    return Reasoning(text or opened.text or "", opened.seal)


def _read_result(block: ToolResultBlock, losses: Losses) -> Result:
    content = block.content
    mark = cache(block.cache_control)
    if not isinstance(content, list):
        inner: tuple[Block, ...] = (Text(content),) if content else ()
    else:
        inner = read_content(content, losses)  # type: ignore[arg-type]
        marks = [b.cache_control for b in content if b.cache_control is not None]
        if marks:  # they are moved to the result, where other dialects have one
            inner = tuple(map(_unmarked, inner))
            mark = mark or cache(marks[0])
    return Result(block.tool_use_id, inner, bool(block.is_error), cache=mark)


def _unmarked(block: Block) -> Block:
    if isinstance(block, Text | Media) and block.cache is not None:
        return msgspec.structs.replace(block, cache=None)
    return block


def _read_image(block: ImageBlock) -> Media:
    mark = cache(block.cache_control)
    match block.source:
        case Base64Source(media_type=kind, data=data):
            return Media("image", "base64", data, kind, cache=mark)
        case UrlSource(url=url):
            return Media("image", "url", url, cache=mark)
        case FileSource(file_id=file):
            return Media("image", "file", file, cache=mark)


def _read_document(block: DocumentBlock, losses: Losses) -> list[Block]:
    if present(block.citations) and b"true" in bytes(block.citations):
        losses.drop("citations")
    title, context, mark = block.title, block.context, cache(block.cache_control)
    match block.source:
        case Base64Source(media_type=kind, data=data):
            return [Media("document", "base64", data, kind, title, context, cache=mark)]
        case UrlSource(url=url):
            return [Media("document", "url", url, None, title, context, cache=mark)]
        case FileSource(file_id=file):
            return [Media("document", "file", file, None, title, context, cache=mark)]
        case TextSource(data=text, media_type=kind):
            return [Media("document", "text", text, kind, title, context, cache=mark)]
        case ContentSource(content=content):
            losses.emulate("document.content")
            parts = [TextBlock(content)] if isinstance(content, str) else content
            text = "\n\n".join(part.text for part in parts if isinstance(part, TextBlock))
            images = [_read_image(part) for part in parts if isinstance(part, ImageBlock)]
            whole = Media("document", "text", text, "text/plain", title, context, cache=mark)
            return [whole, *images]


def _read_search_result(block: SearchResultBlock, losses: Losses) -> Text:
    losses.emulate("search_result")
    text = "\n".join(part.text for part in block.content)
    head = f'<search_result source="{block.source}" title="{block.title}">'
    return Text(f"{head}\n{text}\n</search_result>", cache(block.cache_control))


# --- hub -> wire -------------------------------------------------------------------------------


def write_block(block: Block, quirks: Quirks, losses: Losses) -> KnownBlock | Raw | None:
    """A hub block as this upstream takes it, or None where it must not be sent there.

    Every cache mark is kept; how many an upstream takes is decided in `passes/marks.py`. Raises
    Unsupported for what must not be left out in silence.
    """
    match block:
        case Text(text=text):
            return TextBlock(text, cache_control=write_mark(block.cache))
        case Call():
            return _write_call(block)
        case Result():
            return _write_result(block, quirks, losses)
        case Reasoning():
            written = write_reasoning(block, quirks)
            if written is None:
                losses.drop("messages.thinking")
            return written
        case Media():
            return _write_media(block)
        case ToolReference(name=name):
            if quirks.tool_references:
                return ToolReferenceBlock(name)
            return TextBlock(f"Tool loaded: {name}")
        case Refusal(text=text):
            return TextBlock(text)
        case Opaque(native=native):
            return Raw(native.encode())


def write_mark(mark: Cache | None) -> CacheControl | None:
    # Without `ttl` a mark lasts five minutes anyway, and not every host knows the member.
    return None if mark is None else CacheControl("1h" if mark.ttl == "1h" else None)


def _write_call(call: Call) -> ToolUseBlock:
    return ToolUseBlock(
        call.id,
        call.name,
        Raw(call.arguments.encode()),
        cache_control=write_mark(call.cache),
    )


def _write_result(result: Result, quirks: Quirks, losses: Losses) -> ToolResultBlock:
    """A tool_result block. `content` is always there: Kimi Code answers 400 where it is left
    out."""
    content: str | list[ResultContent]
    match result.blocks:
        case (Text(text=text),):
            content = text
        case _:
            written = (write_block(block, quirks, losses) for block in result.blocks)
            content = [block for block in written if isinstance(block, ResultContent)]
    return ToolResultBlock(
        result.call_id,
        content or "",
        True if result.is_error else None,
        cache_control=write_mark(result.cache),
    )


def write_reasoning(
    block: Reasoning, quirks: Quirks
) -> ThinkingBlock | RedactedThinkingBlock | None:
    """A thinking block for this upstream, or None where it cannot use it. Real Claude checks
    signatures, so there it must be its own or one that we did not make; others take plain text and
    never look (farion1231/cc-switch#3377). Another family's sealed reasoning is not sent."""
    own = block.seal if block.seal is not None and block.seal.family == quirks.family else None
    if block.hidden:
        if own is not None and own.kind == "redacted":
            return RedactedThinkingBlock(own.data)
        if block.foreign_signature is not None and quirks.signed_thinking:
            return RedactedThinkingBlock(block.foreign_signature)
        return None
    signature = own.data if own is not None and own.kind == "signature" else ""
    signature = signature or block.foreign_signature or ""
    said = block.text.strip() or block.text == quirks.reasoning_placeholder != ""
    if signature or (said and not quirks.signed_thinking):
        return ThinkingBlock(block.text, signature)
    return None


def _write_media(media: Media) -> ImageBlock | DocumentBlock:
    mark = write_mark(media.cache)
    if media.kind == "image":
        match media.source:
            case "base64":
                image = Base64Source(media.media_type or "image/png", media.data)
                return ImageBlock(image, mark)
            case "url":
                return ImageBlock(UrlSource(media.data), mark)
            case "file":
                return ImageBlock(FileSource(media.data), mark)
    if media.kind == "document":
        return DocumentBlock(_document_source(media), media.name, media.context, cache_control=mark)
    raise Unsupported("messages", f"{media.kind} cannot stand in a message")


def _document_source(document: Media) -> Base64Source | UrlSource | FileSource | TextSource:
    match document.source:
        case "text":
            return TextSource(document.media_type or "text/plain", document.data)
        case "url":
            return UrlSource(document.data)
        case "file":
            return FileSource(document.data)
        case "base64":
            return Base64Source(document.media_type or "application/pdf", document.data)


# --- sealed reasoning, as a client carries it ----------------------------------------------------


def carried_signature(
    text: str, sealed: Seal | None, foreign: str | None, family: str, *, hide_text: bool
) -> str:
    """The `signature` that a client gets: never empty, as OpenCode and OpenClaw drop thinking
    blocks with an empty one. `hide_text` puts the text inside, for a client that is not to see
    it."""
    if sealed is None and foreign is not None:
        return foreign
    kept = text if hide_text and text else None
    return seal.wrap(sealed if sealed is not None else Seal(family, "text", ""), kept)


def carried_redaction(sealed: Seal | None, foreign: str | None, family: str) -> str:
    """The `data` of the redacted_thinking block that a client gets."""
    if sealed is None and foreign is not None:
        return foreign
    return seal.wrap(sealed if sealed is not None else Seal(family, "redacted", ""))
