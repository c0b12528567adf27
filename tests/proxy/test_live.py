"""Values that follow a file, and survive its bad moments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gwproxy.errors import ConfigError, GwproxyError
from gwproxy.proxy.live import Live


class Followed:
    """A file with a number in it, and what was reported about it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reports: list[str] = []
        self.welcomed: list[tuple[int | None, int]] = []
        self.reads = 0
        self._edits = 0
        self.write("1")
        self.live = Live(path, self._load, self._report, self._welcome)

    def write(self, text: str) -> None:
        self.path.write_text(text)
        self._edits += 1
        # The stamp must differ however fast the test is, or coarse the clock of the disk.
        os.utime(self.path, ns=(self._edits, self._edits))

    def _load(self) -> int:
        self.reads += 1
        text = self.path.read_text()
        if text == "deep":
            raise RecursionError("too deep")
        if not text.isdigit():
            raise ConfigError(f"{text} is no number")
        return int(text)

    def _welcome(self, before: int | None, now: int) -> None:
        self.welcomed.append((before, now))

    def _report(self, error: GwproxyError) -> None:
        self.reports.append(error.what)


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(tmp_path / "value")


def test_of_many_who_ask_within_a_moment_one_looks(tmp_path: Path) -> None:
    now_s = 5.0
    path = tmp_path / "value"
    path.write_text("1")
    live = Live(path, path.read_text, lambda error: None, look_s=0.02, clock=lambda: now_s)
    assert live.get() == "1"
    path.write_text("22")
    assert live.get() == "1"
    now_s += 0.021
    assert live.get() == "22"
    path.write_text("333")
    live.written()
    assert live.get() == "333", "our own change is seen at once"
    path.write_text("4444")
    assert live.look() == "4444"


def test_an_edit_is_in_force_at_once(followed: Followed) -> None:
    assert followed.live.get() == 1
    followed.write("2")
    assert followed.live.get() == 2
    followed.live.get()
    assert followed.welcomed == [(1, 2)]


def test_an_untouched_file_is_not_read_again(followed: Followed) -> None:
    followed.live.get()
    followed.live.get()
    assert followed.reads == 1


def test_a_broken_edit_is_reported_once_and_the_last_good_value_stays(followed: Followed) -> None:
    followed.write("oops")
    assert [followed.live.get() for _ in range(3)] == [1, 1, 1]
    assert followed.reports == ["oops is no number"]
    assert str(followed.live.trouble) == "oops is no number"
    followed.write("3")
    assert followed.live.get() == 3
    assert followed.welcomed == [(None, 3)], "what was reported is put right"
    assert str(followed.live.trouble) == "None"


def test_an_edit_that_nobody_foresaw_is_a_broken_one(followed: Followed) -> None:
    followed.write("deep")
    assert [followed.live.get() for _ in range(3)] == [1, 1, 1]
    assert followed.reports == [f"{followed.path} cannot be used"]
    assert followed.live.trouble is not None
    assert followed.live.trouble.why == "RecursionError: too deep"
    followed.write("5")
    assert followed.live.get() == 5


def test_a_file_that_is_gone_for_a_moment_changes_nothing(followed: Followed) -> None:
    followed.path.unlink()
    assert followed.live.get() == 1
    assert followed.reports == []
    followed.write("4")
    assert followed.live.get() == 4


def test_a_file_that_is_empty_for_a_moment_changes_nothing(followed: Followed) -> None:
    """Editors truncate before they write."""
    followed.write("")
    assert (followed.live.get(), followed.live.look()) == (1, 1)
    followed.write("3")
    assert followed.live.look() == 3
    assert (followed.reports, followed.live.trouble) == ([], None)


def test_a_file_that_stays_empty_is_told_of_once(followed: Followed) -> None:
    followed.write("")
    for _ in range(3):
        assert followed.live.look() == 1
    assert followed.reports == [f"{followed.path} is empty"]
    assert followed.live.trouble is not None
    followed.write("4")
    assert followed.live.get() == 4
    assert followed.live.trouble is None


def test_the_first_value_must_be_good(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_text("bad")

    def load() -> int:
        raise ConfigError("bad")

    with pytest.raises(ConfigError):
        Live(path, load, lambda error: None)
