"""A local estimate of input tokens, for `count_tokens` and the first stream event.

It needs no tokenizer files. Kimi's, OpenAI's and Anthropic's tokenizers all have about four ASCII
characters a token in prose and code, and about one CJK character; the rest is learned: the shell
keeps the ratio between the upstream's own figures and ours (`calibrated`).
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import Final

from gwproxy.translate.hub import (
    Block,
    Call,
    Media,
    Opaque,
    Reasoning,
    Refusal,
    Request,
    Result,
    Text,
    Tool,
    ToolReference,
)
from gwproxy.translate.remembered import remembered

_ASCII_PER_TOKEN: Final = 3.7
# Of a raw request body, JSON included, which is not parsed.
BYTES_PER_TOKEN: Final = 4.2
# How many characters of a long text are read to see how much of it is not ASCII.
_SAMPLE: Final = 1024
_TURN_TOKENS: Final = 4
_TOOL_TOKENS: Final = 8
_PIXELS_PER_TOKEN: Final = 750  # Anthropic's vision guide
_UNKNOWN_IMAGE_TOKENS: Final = 1600  # what the same guide gives for the largest useful image
_DOCUMENT_BYTES_PER_TOKEN: Final = 12
# Ratios outside this range are no tokenizer's, but a cache bug or another unit.
_CALIBRATION_RANGE: Final = (0.4, 2.5)
_CALIBRATION_WEIGHT: Final = 0.2


def of_text(text: str) -> float:
    """The tokens of `text`, estimated; not rounded, so that many small texts add up."""
    size = len(text)
    if text.isascii():
        return size / _ASCII_PER_TOKEN
    sample = text if size <= _SAMPLE else text[:: size // _SAMPLE + 1]
    # Bytes beyond the first of a character: two for most scripts that need a token for each.
    wide = (len(sample.encode("utf-8", "replace")) - len(sample)) / 2 * (size / len(sample))
    return max(size - wide, 0) / _ASCII_PER_TOKEN + wide


def estimate(request: Request) -> int:
    """The input tokens of the whole request, estimated: turns, tools, schemas, images."""
    total = 3.0 + _TURN_TOKENS * len(request.turns)
    texts: list[str] = []
    for turn in request.turns:
        total += _of_blocks(turn.blocks, texts)
    total += of_text("".join(texts))
    if request.tools:
        total += _of_tools(request.tools)
    if request.output_format is not None and request.output_format.schema is not None:
        total += of_text(request.output_format.schema)
    return max(1, round(total))


@remembered
def _of_tools(tools: tuple[Tool, ...]) -> float:
    total = 0.0
    for tool in tools:
        total += _TOOL_TOKENS + of_text(tool.name) + of_text(tool.description or "")
        total += of_text(tool.native or tool.schema)
    return total


def of_block(block: Block) -> float:
    """The tokens of one block, estimated and not rounded."""
    texts: list[str] = []
    return _of_blocks((block,), texts) + of_text("".join(texts))


def _of_blocks(blocks: Sequence[Block], texts: list[str]) -> float:
    """Tokens of all that is not put into `texts`, for which one count does: a session has thousands
    of short ones."""
    total = 0.0
    for block in blocks:
        if type(block) is Text:
            text = block.text
        elif type(block) is Call:
            texts.append(block.name)
            text = block.arguments
            total += _TURN_TOKENS
        elif type(block) is Result:
            total += _TURN_TOKENS + _of_blocks(block.blocks, texts)
            continue
        else:
            match block:
                case Refusal(text=text) | Reasoning(text=text):
                    pass
                case ToolReference(name=text) | Opaque(native=text):
                    pass
                case Media():
                    total += _of_media(block)
                    continue
        if len(text) <= _SAMPLE:
            texts.append(text)
        else:
            total += of_text(text)
    return total


def _of_media(media: Media) -> float:
    if media.source == "text":
        return of_text(media.data)
    if media.source != "base64":
        return _UNKNOWN_IMAGE_TOKENS
    if media.kind == "image":
        size = image_size(media.data)
        if size is None:
            return _UNKNOWN_IMAGE_TOKENS
        return min(size[0] * size[1] / _PIXELS_PER_TOKEN + 1, _UNKNOWN_IMAGE_TOKENS)
    return len(media.data) * 0.75 / _DOCUMENT_BYTES_PER_TOKEN


def image_size(data: str) -> tuple[int, int] | None:
    """The width and height in pixels of a PNG, GIF or JPEG in base64; None where its head does not
    show them."""
    try:
        head = base64.b64decode(data[:32_768][: len(data[:32_768]) // 4 * 4])
    except (binascii.Error, ValueError):
        return None
    if head.startswith(b"\x89PNG") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return int(width), int(height)
    if head.startswith(b"GIF8") and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return int(width), int(height)
    return _jpeg_size(head) if head.startswith(b"\xff\xd8") else None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 < len(head) and head[position] == 0xFF:
        marker = head[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[position + 5 : position + 9])
            return int(width), int(height)
        position += 2 + int(struct.unpack(">H", head[position + 2 : position + 4])[0])
    return None


def calibrated(factor: float, estimated: int, actual: int) -> float:
    """The next factor for estimates, after an upstream counted `actual` tokens."""
    if estimated <= 0 or actual <= 0:
        return factor
    low, high = _CALIBRATION_RANGE
    ratio = actual / estimated
    if not low <= ratio <= high:
        return factor
    return factor + (ratio - factor) * _CALIBRATION_WEIGHT
