"""What a sieve passes over, against reading every event."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gwproxy.translate.wire import sieve, sse

MADE = b'data: {"id":"i","text":"%b","x":null}\n\n'
DULL = b'event: d\ndata: {"type":"d"'
LONG = b"a" * 1100  # a read of many bytes is judged in another way
TEXTS = st.lists(
    st.sampled_from(
        [
            *(b"a", b"\\", b'"', b'\\"', b"\0", b"\n", b"\n\n", b"\n\ndata: 1\n\n", LONG),
            *(b'"more":1', b'","more":1,"y":"', b'","x":null}\n\n', b'data: {"id":"i","text":"'),
        ]
    ),
    max_size=4,
).map(b"".join)


def is_dull(data: bytes) -> bool:
    return not says_more(data) and is_json(data)


def is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def says_more(data: bytes) -> bool:
    if not is_json(data):
        return False
    value = json.loads(data)
    return not isinstance(value, dict) or value.get("more") is not None


def frames(events: bytes, matter: Callable[[sse.Frame], bool]) -> list[sse.Frame]:
    return [frame for frame in sse.Decoder().feed(events) if matter(frame)]


@given(reads=st.lists(st.lists(TEXTS, min_size=1, max_size=12), max_size=4))
@example(reads=[[b'"","more":1,"y":"', b'","more":1,"y":"']])
@example(reads=[[b"a"], [LONG, b"a\n\ndata: 1\n\nb"]])
@example(reads=[[b"a"], [LONG, b'","more":1,"y":"']])
@example(reads=[[b"a"], [b"a\\", b'","more":1,"y":"']])
@example(reads=[[b"a\n\ndata: 1\n\nb", b"a\n\ndata: 1\n\nb"]])
@settings(max_examples=400)
def test_repeats_of_an_event_are_passed_over_and_nothing_else(reads: list[list[bytes]]) -> None:
    sift = sieve.Repeats(re.compile(b'"text":"'), is_dull)
    for texts in reads:
        events = b"".join(MADE % text for text in texts)
        matters = frames(events, lambda frame: says_more(frame[1]))
        assert frames(sift(events), lambda frame: says_more(frame[1])) == matters


def test_an_event_that_says_more_is_no_model_of_others() -> None:
    sift = sieve.Repeats(re.compile(b'"text":"'), is_dull)
    more = MADE.replace(b"null", b'null,"more":1') % b"a"
    for _ in range(2):
        assert sift(more) == more


def is_other(frame: sse.Frame) -> bool:
    return not frame[1].startswith(b'{"type":"d"')


@given(
    made=st.lists(
        st.sampled_from(
            [
                DULL + b"}\n\n",
                DULL + LONG + b"\n\n",
                b"event: e\ndata: 1\n\n",
                b"data: 2\n\n",
                DULL + b"\ndata: 3\n\n",
                DULL + b"}\nevent: d\n\n",
                b"\n",
            ]
        ),
        max_size=20,
    )
)
def test_what_begins_as_told_is_passed_over_and_nothing_else(made: list[bytes]) -> None:
    events = b"".join(made) + b"\n\n"
    kept = sieve.Beginnings((b"other", DULL))(events) or b"\n\n"
    assert frames(kept, is_other) == frames(events, is_other)
