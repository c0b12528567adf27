"""The SSE decoder against every framing that upstreams were seen to use."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.wire import sse
from support.golden import FIXTURES
from support.mutated import TOKENS, mutated

RECORDED = [path.read_bytes() for path in sorted(FIXTURES.glob("*/**/*.sse"))]


def decode(*chunks: bytes) -> list[sse.Frame]:
    decoder = sse.Decoder()
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return frames + decoder.finish()


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_line_ends(newline: bytes) -> None:
    stream = newline.join([b"event: a", b"data: 1", b"", b"data: 2", b"", b""])
    assert decode(stream) == [(b"a", b"1"), (b"", b"2")]


def test_line_separators_of_unicode_are_data() -> None:
    text = '{"t":"a\u2028b\u0085c"}'.encode()
    assert decode(b"data: " + text + b"\n\n") == [(b"", text)]


def test_data_without_space_and_several_data_lines() -> None:
    assert decode(b"data:{\ndata: }\n\n") == [(b"", b"{\n}")]


def test_comments_ids_and_empty_blocks_carry_nothing() -> None:
    assert decode(b": OPENROUTER PROCESSING\n\n\n\nid: 3\nretry: 1\n\ndata: x\n\n") == [(b"", b"x")]


def test_byte_order_mark_is_skipped_even_in_pieces() -> None:
    assert decode(b"\xef", b"\xbb", b"\xbfdata: 1\n\n") == [(b"", b"1")]


def test_first_bytes_that_only_begin_like_a_mark_are_kept() -> None:
    assert decode(b"\xef", b"x: 1\n\ndata: 2\n\n") == [(b"", b"2")]


def test_last_event_without_its_blank_line() -> None:
    assert decode(b"data: 1\n\ndata: [DONE]") == [(b"", b"1"), (b"", b"[DONE]")]


def test_an_event_beyond_the_limit_is_refused() -> None:
    decoder = sse.Decoder()
    with pytest.raises(sse.TooLong):
        for _ in range(sse.MAX_EVENT_BYTES // 2**20 + 2):
            decoder.feed(b"x" * 2**20)


FRAMES = st.lists(
    st.tuples(
        st.sampled_from([b"", b"ping", b"content_block_delta"]),
        st.text(alphabet="ab\u2028é😀{}:, ", min_size=1).map(lambda s: ("<" + s).encode()),
    ),
    max_size=6,
)


@given(
    frames=FRAMES,
    newline=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    mark=st.booleans(),
)
def test_any_chunking_gives_the_same_frames(
    frames: list[sse.Frame], newline: bytes, cuts: list[int], mark: bool
) -> None:
    stream = b"".join(sse.encode(name.decode(), data) for name, data in frames)
    stream = (b"\xef\xbb\xbf" if mark else b"") + stream.replace(b"\n", newline)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert decode(*chunks) == frames
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == frames


@given(
    mutated(RECORDED) | st.lists(st.sampled_from(TOKENS) | st.binary(max_size=3)).map(b"".join),
    st.lists(st.integers(0, 4000), max_size=12),
)
def test_any_bytes_in_any_chunking_give_the_same_frames(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    decoder, passed, frames = sse.Decoder(), b"", []
    for a, b in itertools.pairwise(edges):
        frames += decoder.feed(stream[a:b])
        passed += decoder.whole
    frames += decoder.finish()
    assert frames == decode(stream)
    assert passed + decoder.whole == stream
