"""A history that is to be summarised: in words, and as long as the window has room for."""

from __future__ import annotations

import pytest

from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Failure,
    FailureKind,
    Media,
    Opaque,
    Reasoning,
    Request,
    Result,
    Text,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import tokens
from gwproxy.translate.passes.compaction import fewer_tokens, most_tokens, summarising
from gwproxy.translate.quirks import Quirks

SYSTEM = Turn("system", (Text("You are."),))
LAST = Turn("user", (Text("the last word"),))
IMAGE = Media("image", "base64", "aGk=", "image/png")


def step(number: int, size: int = 4000) -> list[Turn]:
    """A turn of the user's, and a call with its output."""
    call = Call(f"c{number}", "run", f'{{"cmd":"{number}","pad":"{"y" * 400}"}}')
    return [
        Turn("user", (Text(f"wish {number}"),)),
        Turn("assistant", (Reasoning("hm"), call)),
        Turn("user", (Result(call.id, (Text(f"output {number} " + "x" * size),)),)),
    ]


def summarised(turns: list[Turn], most: float = 1e9) -> tuple[Request, str, list[str]]:
    losses = Losses()
    out = summarising(Request("m", tuple(turns)), most, losses)
    return out, "\n".join(b.text for t in out.turns for b in t.blocks if type(b) is Text), [*losses]


def test_all_that_was_said_is_there_in_words() -> None:
    blocks: tuple[Block, ...] = (
        Text("plain"),
        IMAGE,
        ToolReference("found"),
        Opaque(Dialect.RESPONSES, "x", "{}", "in words"),
    )
    mute = Opaque(Dialect.RESPONSES, "mute", '{"a":1}')
    turns = [SYSTEM, *step(1), Turn("user", (Result("?", blocks), mute, IMAGE)), LAST]
    out, text, losses = summarised(turns)
    for words in ("You are.", "wish 1", '[called run]\n{"cmd":"1"', "[run gave back]\noutput 1"):
        assert words in text
    assert "[a tool gave back]\nplain\n[image]\nfound\nin words" in text
    assert "hm" not in text
    assert [type(block) for turn in out.turns for block in turn.blocks if block is IMAGE] == [Media]
    assert out.turns[-1].role == "user"
    assert losses == ["emu:compaction", "drop:messages.mute"]
    assert out.estimate == tokens.estimate(out)


def test_what_does_not_fit_goes_the_oldest_outputs_first() -> None:
    turns = [SYSTEM, *step(1), *step(2), *step(3), LAST]
    whole, _, _ = summarised(turns)
    assert whole.estimate is not None
    out, text, losses = summarised(turns, whole.estimate - 1500)
    assert "output 1" not in text
    assert "output 2" not in text
    assert "output 3" in text
    assert losses[1:] == ["drop:messages.oldest_outputs"]
    assert (out.estimate or 0) < whole.estimate
    out, text, losses = summarised(turns, 250)
    assert losses[1:] == ["drop:messages.oldest_outputs", "drop:messages.oldest_calls"]
    assert '"cmd":"1"' not in text
    assert "wish 1" in text
    out, text, losses = summarised(turns, 60)
    assert losses[3:] == ["drop:messages.oldest_turns"]
    assert "wish 1" not in text
    assert "beginning of the conversation is left out" in text
    for words in ("You are.", "the last word"):
        assert words in text


@pytest.mark.parametrize("most", [0, 10, 100, 700, 2000, 3000, 5000])
def test_the_more_there_is_room_for_the_more_stays(most: int) -> None:
    turns = [SYSTEM, *step(1), *step(2), *step(3), LAST]
    less, more = (summarised(turns, room)[0].estimate or 0 for room in (most, most + 500))
    assert less <= more
    order = summarised([LAST])[0].estimate or 0
    assert less <= most + order + 60 or most < 100


def test_a_full_window_has_room_for_the_summary() -> None:
    assert most_tokens(Quirks(context_window=200_000)) < 200_000 - 8_000
    assert 0 < most_tokens(Quirks(context_window=4_000)) < 3_000


@pytest.mark.parametrize(
    ("needed", "limit", "about"),
    [
        (None, None, 7_000),  # no figures
        (12_000, 10_000, 5_681),  # a fifth too much as they count, and no room for an answer
        (10_001, 10_000, 6_817),
        (9_000, 10_000, 7_000),  # figures that contradict the refusal
        (200_000, 10_000, 340),
        (210_000, 200_000, 8_303),
    ],
)
def test_after_a_refusal_less_is_sent_by_its_figures_where_it_has_some(
    needed: int | None, limit: int | None, about: int
) -> None:
    kind = FailureKind.CONTEXT
    full = Failure(kind, "full", 400, context_tokens=needed, context_limit=limit)
    assert fewer_tokens(10_000, full) == about
