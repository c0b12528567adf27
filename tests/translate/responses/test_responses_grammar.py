"""The strict client itself: it must notice whatever a stream lacks."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.hub import Call, Reasoning, Refusal, Reply, Stop, StopReason, Text, Usage
from gwproxy.translate.responses.writer import Writer
from support import responses_grammar
from support.responses_grammar import StreamError
from support.unfolded import unfold

ANSWER = Reply(
    "resp_1",
    "m",
    (
        Reasoning("First I think."),
        Text("Then I speak,"),
        Refusal("or not."),
        Call("call_1", "run", '{"a":1}'),
        Call("call_2", "patch", "*** Begin Patch", custom=True),
    ),
    Stop(StopReason.TOOL_USE),
    Usage(1, 2, 3, 1, 5, 2),
)


def stream() -> bytes:
    numbers = itertools.count()
    context = ReplyContext(model="m", new_id=lambda prefix: f"{prefix}{next(numbers)}", created=7)
    return Writer(context).write(unfold(ANSWER))


FRAMES = stream().split(b"\n\n")[:-1]


def joined(frames: list[bytes]) -> bytes:
    return b"".join(frame + b"\n\n" for frame in frames)


def renumbered(frames: list[bytes]) -> bytes:
    """`frames` with their numbers made right, so that another rule must see what is wrong."""
    out = []
    for number, frame in enumerate(frames):
        name, _, data = frame.partition(b"\ndata: ")
        if not data:
            out.append(frame)
            continue
        event = {**json.loads(data), "sequence_number": number}
        out.append(name + b"\ndata: " + json.dumps(event).encode())
    return joined(out)


def test_the_stream_itself_is_good() -> None:
    assert responses_grammar.check(joined(FRAMES))["status"] == "completed"
    assert responses_grammar.check(renumbered(FRAMES))["status"] == "completed"


@pytest.mark.parametrize("index", range(len(FRAMES)))
def test_no_frame_can_be_missing(index: int) -> None:
    with pytest.raises(StreamError):
        responses_grammar.check(renumbered(FRAMES[:index] + FRAMES[index + 1 :]))


@pytest.mark.parametrize("index", range(len(FRAMES)))
def test_no_frame_can_come_twice(index: int) -> None:
    with pytest.raises(StreamError):
        responses_grammar.check(renumbered(FRAMES[: index + 1] + FRAMES[index:]))


@pytest.mark.parametrize("index", range(len(FRAMES) - 1))
def test_no_two_frames_can_change_places(index: int) -> None:
    swapped = [*FRAMES[:index], FRAMES[index + 1], FRAMES[index], *FRAMES[index + 2 :]]
    with pytest.raises(StreamError):
        responses_grammar.check(renumbered(swapped))


def test_numbers_have_no_gaps() -> None:
    with pytest.raises(StreamError, match="sequence_number"):
        responses_grammar.check(joined(FRAMES[:5] + FRAMES[6:]))


@pytest.mark.parametrize("key", sorted(responses_grammar.REQUIRED))
def test_the_response_object_lacks_nothing(key: str) -> None:
    terminal: dict[str, Any] = responses_grammar.check(stream())
    with pytest.raises(StreamError, match=key):
        responses_grammar.check_response({k: v for k, v in terminal.items() if k != key})
