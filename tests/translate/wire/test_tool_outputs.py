"""What a tool showed, moved behind what it gave back: on bytes as in the hub."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.hub import Block, Dialect, Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.media import move_media as in_the_hub
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire.tool_outputs import ToolOutputs, move_media

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEklEQVR4nGM4IScnd0KOAUIBAB3SBBHfPB1bAAAAAElFTkSuQmCC"  # noqa: E501
SOURCE = {"type": "base64", "media_type": "image/png", "data": PNG}
CALLED = [
    {"type": "tool_use", "id": "a", "name": "look", "input": {}},
    {"type": "tool_use", "id": "b", "name": "look", "input": {}},
]
RESULTS = [
    {
        "type": "tool_result",
        "tool_use_id": "a",
        "content": [{"type": "text", "text": "two"}, {"type": "image", "source": SOURCE}] * 2,
    },
    {"type": "tool_result", "tool_use_id": "b", "content": "none"},
    {"type": "text", "text": "see"},
]
MESSAGES = {
    "model": "m",
    "max_tokens": 9,
    "messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": CALLED},
        {"role": "user", "content": RESULTS},
        {"role": "assistant", "content": "seen"},
        {"role": "user", "content": [{"type": "image", "source": SOURCE}]},
    ],
}
URL = f"data:image/png;base64,{PNG}"
CHAT_CALL = {"type": "function", "function": {"name": "look", "arguments": "{}"}}
CHAT_PARTS = [{"type": "text", "text": "two"}, {"type": "image_url", "image_url": {"url": URL}}] * 2
CHAT = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "tool_calls": [{"id": "a", **CHAT_CALL}, {"id": "b", **CHAT_CALL}]},
        {"role": "tool", "tool_call_id": "a", "content": CHAT_PARTS},
        {"role": "tool", "tool_call_id": "b", "content": "none"},
    ],
}
ITEM_PARTS = [{"type": "input_text", "text": "two"}, {"type": "input_image", "image_url": URL}] * 2
RESPONSES = {
    "model": "m",
    "input": [
        {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": ITEM_PARTS},
        {"type": "function_call_output", "call_id": "b", "output": "none"},
        {"role": "user", "content": "see"},
    ],
}
BODIES: dict[Dialect, dict[str, Any]] = {
    Dialect.ANTHROPIC: MESSAGES,
    Dialect.CHAT: CHAT,
    Dialect.RESPONSES: RESPONSES,
}
EVERY = pytest.mark.parametrize("dialect", list(BODIES))


def outputs_of(dialect: Dialect) -> ToolOutputs:
    outputs = CODECS[dialect].outputs
    assert outputs is not None
    return outputs


def said(request: Request) -> list[Block]:
    return [block for turn in request.turns for block in turn.blocks]


@EVERY
def test_the_edit_says_what_the_pass_says(dialect: Dialect) -> None:
    codec = CODECS[dialect]
    body = json.dumps(BODIES[dialect]).encode()
    moved = move_media(body, outputs_of(dialect))
    request = codec.parse_request(body, Losses())
    repaired = in_the_hub(request, codec.facts, Quirks(tool_media=False), Losses())
    assert repaired is not request
    assert said(codec.parse_request(moved, Losses())) == said(repaired)


@EVERY
def test_it_moves_once(dialect: Dialect) -> None:
    moved = move_media(json.dumps(BODIES[dialect]).encode(), outputs_of(dialect))
    assert move_media(moved, outputs_of(dialect)) is moved


@EVERY
def test_a_body_that_shows_nothing_stays_the_same_object(dialect: Dialect) -> None:
    body = json.dumps(BODIES[dialect]).replace("image", "sound").encode()
    assert move_media(body, outputs_of(dialect)) is body


@EVERY
def test_every_other_byte_stays(dialect: Dialect) -> None:
    """Printed over many lines, with numbers that no reader prints again."""
    body = json.dumps({"x": 1, **BODIES[dialect]}, indent=3).replace('"x": 1', '"x" : 1.10')
    moved = move_media(body.encode(), outputs_of(dialect)).decode()
    assert moved.startswith(body[: body.index('"two"')])
    assert moved.endswith(body[body.index('"none"') :].partition("}")[2][-20:])
