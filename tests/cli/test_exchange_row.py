"""An exchange on a terminal: one row when it was answered, its words below when it was not."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from gwproxy.cli.exchange_row import RowFormatter, row
from gwproxy.proxy.log import Record
from gwproxy.translate.hub import Failure, FailureKind, Usage

WIDTHS = (40, 60, 80, 100, 120, 200)

ANSWERED = Record(
    "req_0123456789abcdef01234567",
    client="claude-cli/2.1.330",
    path="/v1/messages",
    profile="kimi",
    client_dialect="anthropic",
    upstream_dialect="chat",
    model_asked="claude-sonnet-4-6",
    model_used="kimi-k2.5",
    status=200,
    usage=Usage(fresh=10, cache_read=12000, output=340),
    first_byte_s=0.51,
    duration_s=1.25,
    losses=("drop:top_k", "drop:metadata", "clamp:max_tokens=1"),
)

REFUSED = replace(ANSWERED, status=529, losses=(), usage=Usage())
REFUSED.fail(
    Failure(
        FailureKind.OVERLOADED,
        "The engine is currently overloaded, please try again later or ask elsewhere for it",
        529,
        upstream_status=503,
    )
)


def shown(record: Record, width: int) -> list[str]:
    return row(record.fields(), "12:00:01", width).split("\n")


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (
            80,
            "12:00:01  200  kimi:kimi-k2.5            1.2 s  in 12k out 340   3 not as sent",
        ),
        (
            100,
            "12:00:01  200  kimi:kimi-k2.5            1.2 s  in 12k out 340   3 not as sent",
        ),
        (
            170,
            "12:00:01  200  claude-cli/2.1.330    kimi:claude-sonnet-4-6 → kimi-k2.5"
            "                1.2 s  in 12k out 340   req_0123456789abcdef01234567  "
            "3 not as sent",
        ),
    ],
)
def test_a_row(width: int, line: str) -> None:
    assert shown(ANSWERED, width) == [line.rstrip()]


def test_losses_are_words_where_there_is_room_for_them() -> None:
    for width in (120, 140):
        (line,) = shown(ANSWERED, width)
        assert line.endswith("3 not as sent")
    (line,) = shown(ANSWERED, 220)
    assert line.endswith("left out: top_k, metadata; max_tokens went as 1")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "record", [ANSWERED, REFUSED, replace(REFUSED, remarks=["a hint of ours"])]
)
def test_no_line_is_wider_and_no_word_broken(record: Record, width: int) -> None:
    lines = shown(record, width)
    assert all(len(line) <= width for line in lines), lines
    words = {word for line in lines for word in line.split()}
    for said in (record.error, record.remark, record.request_id if record.error else ""):
        assert set(said.split()) <= words
    if width >= 80 and not record.error:
        assert "3 not as sent" in lines[0] or "left out: top_k" in lines[0]
        assert len(lines) == 1


def test_what_went_wrong_stands_below() -> None:
    first, *below = shown(REFUSED, 80)
    assert first.startswith("12:00:01  529  kimi:kimi-k2.5")
    assert [line.strip() for line in below] == [
        "the provider said 503",
        "The engine is currently overloaded, please try again later or ask",
        "elsewhere for it",
        REFUSED.request_id,
    ]


def test_what_was_done_stands_beside_or_below() -> None:
    assert shown(replace(ANSWERED, losses=(), remarks=["rebuilt"]), 80)[0].endswith("rebuilt")
    long = "asked again, since the host has no developer messages: a role renamed"
    first, below = shown(replace(ANSWERED, remarks=[long]), 100)
    assert first.endswith("3 not as sent")
    assert below.strip() == long


def test_a_request_that_went_nowhere_shows_its_path() -> None:
    assert "/v1/nothing" in shown(Record("req_1", path="/v1/nothing", status=404), 80)[0]


def test_no_line_can_be_forged_and_no_key_be_seen() -> None:
    key = "gw-secret-key-0123456789"
    evil = replace(
        REFUSED,
        error=f"{key}\n12:00:00 200 forged\x1b[2J",
        profile="a\u2028b",
        client="x\x1b[2J",
        model_asked="m\nm",
        remarks=["r\nr"],
    )
    made = logging.LogRecord("gwproxy", logging.INFO, "f", 1, evil, None, None)
    text = RowFormatter(lambda: [key]).format(made)
    assert key not in text
    assert not {"\x1b", "\u2028"} & set(text)
    assert all(line.startswith(" ") for line in text.split("\n")[1:])


def test_other_words_are_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    words = "to listen at another address, gwproxy serve must be started again"
    made = logging.LogRecord("gwproxy", logging.WARNING, "f", 1, words, None, None)
    lines = RowFormatter(lambda: []).format(made).split("\n")
    assert " ".join(" ".join(lines).split()).endswith(words)
    assert all(len(line) <= 40 for line in lines)
