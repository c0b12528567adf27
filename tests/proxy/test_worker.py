"""Whatever one piece of work raises ends that piece alone, and is told without filling the log."""

from __future__ import annotations

import logging

import pytest

from gwproxy.errors import ConfigError
from gwproxy.profiles.redaction import MASK
from gwproxy.proxy.worker import Worker, words_of


class Watched:
    """A worker under a clock of the test's own."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.worker = Worker("stamps cannot be put", "letters go on", "again", lambda: self.now_s)

    def works(self, error: Exception | None = None) -> None:
        with self.worker.piece_of_work():
            if error is not None:
                raise error


@pytest.fixture
def watched(caplog: pytest.LogCaptureFixture) -> Watched:
    caplog.set_level(logging.INFO, "gwproxy")
    return Watched()


def test_the_next_piece_has_its_turn(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.works(ZeroDivisionError("nobody foresaw it"))
    state = watched.worker.state
    assert (state.trouble, state.failed) == ("ZeroDivisionError: nobody foresaw it", 1)
    watched.works()
    state = watched.worker.state
    assert (state.trouble, state.failed, state.last_failure) == (
        "",
        1,
        "ZeroDivisionError: nobody foresaw it",
    )
    assert caplog.messages == [
        "stamps cannot be put (ZeroDivisionError: nobody foresaw it); letters go on",
        "again",
    ]
    assert not any(record.exc_info for record in caplog.records), "a person reads this log"


def test_what_comes_again_and_again_is_counted_and_told_once_a_minute(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        watched.works(ValueError("odd"))
        watched.works()
    assert watched.worker.state.failed == 100
    assert caplog.text.count("cannot be put") == 1
    watched.now_s = 61.0
    watched.works(ValueError("odd"))
    assert caplog.text.count("cannot be put") == 2


def test_ever_new_words_do_not_fill_the_log(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        watched.worker.lose(ValueError(f"odd {number}"), f"stamp {number}")
    assert watched.worker.state.failed == 100
    assert 1 <= caplog.text.count("cannot be put") <= 10


def test_the_end_of_the_process_is_nobodys_piece_of_work(watched: Watched) -> None:
    with pytest.raises(KeyboardInterrupt), watched.worker.piece_of_work():
        raise KeyboardInterrupt
    assert watched.worker.state.failed == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (ConfigError("cannot write", why="it is\na folder"), "it is a folder"),
        (KeyError("sk-kimi-0123456789"), f"KeyError: '{MASK}'"),
    ],
)
def test_why_in_a_line_without_a_key(error: Exception, words: str) -> None:
    assert words_of(error) == words
