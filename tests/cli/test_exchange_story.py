"""One exchange explained in words, byte for byte, and each word of it for its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gwproxy.cli.drawing import hanging
from gwproxy.cli.exchange_story import Sources, data, story
from gwproxy.cli.slowness import why_slow
from gwproxy.profiles.learned import Lesson
from gwproxy.profiles.record import make_profile
from gwproxy.proxy.record import ExchangeOutcome
from gwproxy.translate.hub import Usage
from support.exchanges import ANSWERED, CUT, REFUSED, seen, tally
from support.golden import FIXTURES, agrees

KIMI = make_profile("kimi", {"preset": "kimi-code"})
LESSONS = (
    Lesson("kimi", "kimi-k2.5", "omit", ("metadata",), "2026-11-20", "it does not know metadata"),
    Lesson("kimi", "other", "omit", ("top_k",), "2026-11-20", "it does not know top_k"),
)
SOURCES = Sources(KIMI, LESSONS)

SLOW = replace(
    ANSWERED,
    streamed=True,
    upstream_dialect="anthropic",
    session="5f0c",
    queued_s=4.0,
    sent_s=4.012,
    heard_s=62.0,
    first_byte_s=62.0,
    duration_s=70.5,
    tally=tally(
        Usage(fresh=310, cache_read=12000, cache_write=500, output=340, reasoning=120),
        ("drop:top_k", "drop:metadata", "clamp:temperature=1", "heal:omit=metadata"),
    ),
    upstream_request_id="chatcmpl-77",
    remarks=["rebuilt", "asked again, since it does not know metadata: omit=metadata"],
)


def told(exchange: dict[str, Any], width: int, sources: Sources = SOURCES) -> str:
    lines = []
    for section in story(exchange, sources, width):
        lines += ["", section.title] if section.title else []
        lines += [hanging(line, section.indent, width) for line in section.lines]
    return "\n".join(lines) + "\n"


def test_what_broke_off_had_begun() -> None:
    ended = "how it ended          it failed when the answer had begun (200)\n"
    assert ended in told(seen(replace(ANSWERED, outcome=CUT)), 80)


ALARM = {
    "was": 0.93,
    "is": 0.02,
    "input_tokens": 12810,
    "parts_at_byte": 1234,
    "changed_by": "the tool",
    "before": "req_before",
    "words": "2% of 12,810 input tokens came from the prompt cache, which held 93% of the turn "
    "before: the tool changed messages[3].content[0].text, from byte 1,234 on; 11,600 tokens are "
    "paid anew (see gwproxy log req_0123456789abcdef01234567)",
}


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    ("name", "exchange"),
    [("slow", seen(SLOW, cache_alarm=ALARM)), ("refused", seen(REFUSED))],
)
def test_a_story(name: str, exchange: dict[str, Any], width: int) -> None:
    text = told(exchange, width)
    agrees(FIXTURES / "stories" / f"{name}-{width}.txt", text)
    assert all(len(line) <= width for line in text.split("\n")), text


def test_figures_stand_under_one_another() -> None:
    times = next(one for one in story(seen(SLOW), SOURCES, 80) if "time" in one.title).lines
    ends = [len(line[: 2 + 22 + 8].rstrip(" █")) for line in times]
    assert len(set(ends)) == 1, times


def test_a_loss_has_its_source() -> None:
    def why(loss: str, sources: Sources = SOURCES) -> list[str]:
        return sources.why(loss, seen(SLOW))

    (lesson,) = why("drop:metadata")
    assert lesson == (
        "learned on 2026-11-20 from a refusal of kimi-k2.5: it does not know metadata "
        "(gwproxy profile forget kimi 'metadata')"
    )
    # What another model taught has no part in it.
    assert why("drop:top_k") == ["only the Messages format has it"]
    assert why("drop:nobody_knows") == []
    by_hand = make_profile(
        "kimi", {"preset": "kimi-code", "quirks": {"omit": ["top_k"], "vision": False}}
    )
    assert why("drop:top_k", Sources(by_hand)) == ["quirk omit=top_k, as config.toml says"]
    picture, *_ = why("drop:messages.image", Sources(by_hand))
    assert picture.startswith("quirk vision=false, as config.toml says: takes images [https://")
    # The profile may be gone by now.
    assert why("drop:top_k", Sources(None)) == ["only the Messages format has it"]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({}, "most of it, 58.0 s, waiting for api.moonshot.ai to begin"),
        (
            {"queued_s": 50.0, "sent_s": 50.1, "heard_s": 51.0},
            "most of it, 50.0 s, waiting for a place, as others of that profile ran",
        ),
        (
            {
                **{"queued_s": 0.0, "sent_s": 0.1, "heard_s": 1.0},
                "tally": tally(Usage(fresh=1, output=695)),
            },
            "most of it, 69.5 s, while it came (10 tokens a second)",
        ),
        (
            {"queued_s": 0.0, "sent_s": 60.0, "heard_s": 61.0},
            "most of it, 60.0 s, gwproxy's own work",
        ),
        ({"sent_s": None, "heard_s": None}, ""),
    ],
)
def test_what_took_so_long(times: dict[str, Any], words: str) -> None:
    assert why_slow(seen(replace(SLOW, **times))) == words


def test_what_was_never_sent_and_what_still_runs() -> None:
    refused = replace(REFUSED, sent_s=None, heard_s=None, first_byte_s=None)
    assert "it was never sent to the provider" in told(seen(refused), 80)
    running = replace(SLOW, phase="waiting", heard_s=None, outcome=ExchangeOutcome())
    text = told(seen(running), 80)
    assert "it runs: the provider has not begun to answer" in text
    assert "never sent" not in text


def test_no_word_of_others_steers_the_terminal() -> None:
    evil = "x\x1b[2J\ny\u2028z"
    record = replace(
        SLOW,
        client=evil,
        session=evil,
        profile=evil,
        host=evil,
        model_asked=evil,
        model_used=evil,
        upstream_request_id=evil,
        tally=tally(losses=[f"drop:{evil}"]),
        remarks=[evil],
        outcome=ExchangeOutcome(400, evil, "invalid_request"),
    )
    sections = story(seen(record, cache_alarm=ALARM | {"words": evil}), Sources(None), 80)
    text = "".join(line for section in sections for line in section.lines)
    assert not {"\x1b", "\n", "\u2028"} & set(text)


def test_the_same_for_a_program() -> None:
    exchange = seen(SLOW)
    assert data(exchange, SOURCES, captured=True) == {
        "exchange": exchange,
        "why": {loss: SOURCES.why(loss, exchange) for loss in SLOW.losses},
        "captured": True,
    }


def test_a_profile_of_the_demo_has_no_quirks_to_tell() -> None:
    demo = make_profile("demo", {"preset": "demo"})
    assert Sources(demo).why("drop:seed", seen(SLOW)) == [
        "the provider's format has no such setting"
    ]
