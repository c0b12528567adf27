"""Passes for images and documents, as the upstream can take them.

What a user sends and the model cannot take is refused by name: a model would make up what is left
out. What is in tool results or was answered already is replaced by a line that says so: the history
is sent again with each request, and a refusal would end the session for good (a model was changed,
an address has expired).

Images by URL are fetched by the shell, which asks `pending_urls` and hands the bytes to
`with_media`; nothing here opens a connection.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct, structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Block, Media, Request, Result, Text, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks, known_to_refuse
from gwproxy.translate.wire.fields import Unsupported
from gwproxy.translate.wire.tool_outputs import label, place

# What all three vendors document: https://docs.claude.com/en/docs/build-with-claude/vision,
# https://platform.openai.com/docs/guides/images-vision,
# https://platform.kimi.ai/docs/guide/use-kimi-vision-model
IMAGE_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
_PDF: Final = "application/pdf"
_HEAD_CHARACTERS: Final = 32
_LONGEST_ADDRESS: Final = 200
_USER_INFO: Final = re.compile("//[^/]*@")
_SIGNATURES: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"%PDF", _PDF),
)


def fit_media(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Replaces or refuses images and documents that the upstream does not take. Raises
    Unsupported."""

    def fitted(media: Media, is_new: bool) -> Block:
        media = _with_true_type(media)
        if media.kind == "document" and media.source == "text":
            return media if quirks.allow(facts.text_documents) else _as_text(media, losses)
        why, quirk = _refusal(media, request.model, facts, quirks)
        if not (why or is_new or quirks.old_media):
            why = "the upstream refused it"
        if not why:
            return media
        if is_new:
            raise Unsupported("messages", why, quirk)
        losses.drop(f"messages.{media.kind}")
        return Text(_note(media, why))

    return replaced(_with_answers_told(request, losses), fitted)


def _with_answers_told(request: Request, losses: Losses) -> Request:
    """The request with a line for what an answer showed: in no dialect an answer that is sent back
    has more than words."""

    def told(block: Block) -> Block:
        if type(block) is not Media:
            return block
        losses.drop(f"messages.{block.kind}")
        return Text(_note(block, "it was part of an answer"))

    if not any(t.role == "assistant" and Media in map(type, t.blocks) for t in request.turns):
        return request
    turns = (
        structs.replace(turn, blocks=tuple(map(told, turn.blocks)))
        if turn.role == "assistant"
        else turn
        for turn in request.turns
    )
    return structs.replace(request, turns=tuple(turns))


def _refusal(media: Media, model: str, facts: DialectFacts, quirks: Quirks) -> tuple[str, str]:
    """Why the upstream cannot take it, and the setting that would send it; "" for each it can.

    "could not process image" and "does not support PDF input" are what Claude Code acts upon: it
    takes the block out and asks again, and tells the model how to read the file instead
    (2.1.330).
    """
    match media.kind:
        case "image":
            return _image_refusal(media, model, facts, quirks)
        case "document":
            return _document_refusal(media, model, facts, quirks)
    return ("" if facts.sound else f"audio input not supported by {model}"), ""


def _image_refusal(
    image: Media, model: str, facts: DialectFacts, quirks: Quirks
) -> tuple[str, str]:
    if not quirks.vision:
        why = "it is known not to take images (could not process image)"
        return f"image input not supported by {model}: {why}", "vision=true"
    if image.source == "url" and not (quirks.image_urls or image.data.startswith("ms://")):
        why = f"images by URL are not supported by {model}; send the image itself"
        return why, "image_urls=true"
    if image.source == "base64" and image.media_type not in IMAGE_TYPES:
        known = ", ".join(IMAGE_TYPES)
        return f"images of type {image.media_type} are not supported; use one of {known}", ""
    if image.source == "file" and not quirks.allow(facts.file_ids):
        why = f"images by file id are not supported by {model}; send the image itself"
        return why, "" if facts.file_ids == "never" else f"{facts.file_ids}=true"
    return "", ""


def _document_refusal(
    document: Media, model: str, facts: DialectFacts, quirks: Quirks
) -> tuple[str, str]:
    if known_to_refuse(quirks.documents):
        why = "it is known not to take documents (does not support PDF input); send the text"
        return f"document input not supported by {model}: {why}", "documents=true"
    if document.source != "base64" and not facts.addressed_documents:
        why = f"documents by URL or file id are not supported by {model}; send the document itself"
        return why, ""
    kind = document.media_type or _PDF
    if facts.pdf_only and document.source == "base64" and kind != _PDF:
        return f"documents of type {kind} are not supported by {model}; send a PDF", ""
    return "", ""


def _as_text(media: Media, losses: Losses) -> Text:
    losses.emulate("messages.document")
    title = f' title="{media.name}"' if media.name else ""
    context = f"{media.context}\n" if media.context else ""
    return Text(f"<document{title}>\n{context}{media.data}\n</document>", media.cache)


def _note(media: Media, why: str) -> str:
    named = f" {media.name}" if media.name else ""
    return f"[{media.kind}{named} left out: {why}]"


def _with_true_type(media: Media) -> Media:
    """The image with the type that its data has: clients guess by file name, and Anthropic answers
    400 to a wrong one."""
    if media.kind != "image" or media.source != "base64":
        return media
    actual = sniffed(media.data) or media.media_type
    return media if actual == media.media_type else structs.replace(media, media_type=actual)


def sniffed(data: str) -> str | None:
    """The MIME type by the first bytes of base64 data; None for others than images and PDF."""
    try:
        head = base64.b64decode(data[:_HEAD_CHARACTERS])
    except (binascii.Error, ValueError):
        return None
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), None)


def pending_urls(request: Request, quirks: Quirks) -> tuple[str, ...]:
    """The URLs of images that must be fetched for this upstream, each once, in order."""
    if quirks.image_urls or not quirks.vision:
        return ()
    urls = (
        media.data
        for media in _media(request)
        if media.kind == "image" and media.source == "url" and media.data.startswith("http")
    )
    return tuple(dict.fromkeys(urls))


class Fetched(Struct, frozen=True):
    """An image fetched from its URL: its data in base64, or `why` it could not be fetched."""

    media_type: str = ""
    data: str = ""
    why: str = ""


def with_media(request: Request, fetched: Mapping[str, Fetched], losses: Losses) -> Request:
    """The request with fetched images in place of their URLs. Raises Unsupported."""

    def filled(media: Media, is_new: bool) -> Block:
        image = fetched.get(media.data) if media.kind == "image" and media.source == "url" else None
        if image is None:
            return media
        if not image.why:
            losses.emulate("messages.image")
            kind, data = image.media_type, image.data
            return structs.replace(media, source="base64", media_type=kind, data=data)
        why = f"the image at {_shortened(media.data)} cannot be fetched: {image.why}"
        if is_new:
            raise Unsupported("messages", f"{why}; send the image itself")
        losses.drop("messages.image")
        return Text(_note(media, why))

    return replaced(request, filled)


def _shortened(address: str) -> str:
    """A URL without its query, name and password, which may be secret."""
    return _USER_INFO.sub("//", address.partition("?")[0])[:_LONGEST_ADDRESS]


def _media(request: Request) -> Iterator[Media]:
    for turn in request.turns:
        for block in turn.blocks:
            if type(block) is Media:
                yield block
            elif type(block) is Result:
                yield from (inner for inner in block.blocks if type(inner) is Media)


def replaced(request: Request, change: Callable[[Media, bool], Block]) -> Request:
    """The request with `change(media, is_new)` for each Media; the same request where that changes
    nothing. New is what a user sent and the model has not answered yet; what is in a turn with tool
    results counts as the tool's (a PDF that an older Claude Code has read,
    Alishahryar1/free-claude-code#357)."""
    if next(_media(request), None) is None:
        return request
    new = first_new(request)
    turns = []
    for number, turn in enumerate(request.turns):
        shown = number >= new and not any(type(block) is Result for block in turn.blocks)
        blocks = _replaced(turn.blocks, change, shown)
        turns.append(turn if blocks is turn.blocks else structs.replace(turn, blocks=blocks))
    if all(new is old for new, old in zip(turns, request.turns, strict=True)):
        return request
    return structs.replace(request, turns=tuple(turns))


def move_media(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Moves images out of tool results, behind the results of their turn, where a host takes text
    alone in them."""
    inside = facts.tool_media if quirks.tool_media is None else quirks.tool_media
    if inside or not any(map(_shows, request.turns)):
        return request
    turns = (_beside(turn) if _shows(turn) else turn for turn in request.turns)
    return structs.replace(request, turns=tuple(turns))


def _shows(turn: Turn) -> bool:
    return any(
        type(inner) is Media
        for block in turn.blocks
        if type(block) is Result
        for inner in block.blocks
    )


def _beside(turn: Turn) -> Turn:
    results: list[Block] = []
    shown: list[Block] = []
    for result in turn.blocks:
        if type(result) is not Result:
            continue
        words: list[Block] = []
        number = 0
        for block in result.blocks:
            if type(block) is Media:
                number += 1
                shown += (Text(label(number, result.call_id)), block)
                words.append(Text(place(number, result.call_id)))
            else:
                words.append(block)
        results.append(structs.replace(result, blocks=tuple(words)))
    rest = [block for block in turn.blocks if type(block) is not Result]
    return structs.replace(turn, blocks=(*results, *shown, *rest))


def first_new(request: Request) -> int:
    """The index of the first turn that the model has not answered; a last assistant turn, which the
    client has begun, is no answer."""
    answers = (n for n, turn in enumerate(request.turns[:-1], 1) if turn.role == "assistant")
    return max(answers, default=0)


def _replaced(
    blocks: tuple[Block, ...], change: Callable[[Media, bool], Block], is_new: bool
) -> tuple[Block, ...]:
    out: list[Block] = []
    for block in blocks:
        if type(block) is Media:
            block = change(block, is_new)
        elif type(block) is Result:
            inner = _replaced(block.blocks, change, False)
            block = block if inner is block.blocks else structs.replace(block, blocks=inner)
        out.append(block)
    same = all(new is old for new, old in zip(out, blocks, strict=True))
    return blocks if same else tuple(out)
