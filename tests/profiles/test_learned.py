"""What upstreams taught: kept beside config.toml, shown with its day, and forgotten on request."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gwproxy import paths
from gwproxy.profiles import learned
from gwproxy.profiles.learned import Lesson
from gwproxy.profiles.record import make_profile
from support.cli import InProcess

LESSON = Lesson("kimi", "k2", "sampling", "drop", "2026-11-22", "sampling is fixed")
OTHER = Lesson("other", "m", "efforts", ("low", "max"), "2026-11-21", "other efforts are taken")


def test_lessons_are_read_as_they_were_kept(gwproxy_home: Path) -> None:
    learned.add([LESSON, OTHER])
    assert learned.load() == (LESSON, OTHER)
    assert (gwproxy_home / "learned.json").stat().st_mode & 0o077 == 0


def test_a_newer_lesson_replaces_an_older_one(gwproxy_home: Path) -> None:
    learned.add([LESSON])
    learned.add([replace(LESSON, value="pass", day="2026-12-01")])
    assert [(one.value, one.day) for one in learned.load()] == [("pass", "2026-12-01")]


def test_those_that_were_taught_last_stay_where_there_are_too_many(
    gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned, "MOST_KEPT", 2)
    old, tried = (replace(LESSON, model=name, day="2026-01-01") for name in ("old", "tried"))
    learned.add([old, replace(tried, tried="2026-05-05"), replace(OTHER, day="2026-04-04")])
    assert [one.model for one in learned.load()] == ["tried", OTHER.model]


def test_models_learn_apart(gwproxy_home: Path) -> None:
    learned.add([LESSON, replace(LESSON, model="k3", value="pass")])
    assert len(learned.load()) == 2


def test_only_one_profile_is_forgotten(gwproxy_home: Path) -> None:
    learned.add([LESSON, OTHER])
    assert learned.forget("kimi") == 1
    assert learned.forget("kimi") == 0
    assert learned.load() == (OTHER,)


OMITS = tuple(
    replace(LESSON, quirk="omit", value=(pattern,))
    for pattern in ("context_management", "tools[].strict")
)


def test_each_member_left_out_is_a_lesson_that_is_forgotten_alone(
    command: InProcess, gwproxy_home: Path
) -> None:
    add = ("profile", "add", "kimi", "--preset", "kimi-code", "--key-env", "KIMI_KEY")
    assert command(*add).code == 0
    learned.add([LESSON, *OMITS])
    learned.add(OMITS)
    assert learned.load() == (LESSON, *OMITS)
    assert "1 lesson is" in command("profile", "forget", "kimi", "tools[].strict").stderr
    assert learned.load() == (LESSON, OMITS[0])
    assert "nothing was learned" in command("profile", "forget", "kimi", "tools[].strict").stderr
    assert "1 lesson is" in command("profile", "forget", "kimi", "sampling").stderr
    assert learned.load() == (OMITS[0],)


@pytest.mark.parametrize(("quirk", "value"), [("rebuild", True), ("cache_marks", False)])
def test_what_once_changed_too_much_is_not_carried_over(
    gwproxy_home: Path, quirk: str, value: bool
) -> None:
    learned.add([LESSON, replace(LESSON, quirk=quirk, value=value)])
    assert learned.load() == (LESSON,)
    assert learned.count_too_wide() == 1


def test_lessons_follow_a_new_name(gwproxy_home: Path) -> None:
    learned.add([LESSON, OTHER])
    learned.rename("kimi", "moon")
    assert {one.profile for one in learned.load()} == {"moon", "other"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"lessons": 7}',
        b'{"lessons": [null, {"profile": "kimi"}, 3]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_damaged_file_teaches_nothing(gwproxy_home: Path, content: bytes) -> None:
    paths.write_private_file(paths.learned_file(), content)
    assert learned.load() == ()
    learned.add([LESSON])
    assert learned.load() == (LESSON,)


@pytest.mark.parametrize(
    ("name", "value"), [("quirk", "no_such_quirk"), ("value", "sideways"), ("day", 7)]
)
def test_a_lesson_that_cannot_be_is_left_out(gwproxy_home: Path, name: str, value: object) -> None:
    learned.add([LESSON, OTHER])
    content = json.loads(paths.learned_file().read_bytes())
    content["lessons"][0][name] = value
    paths.write_private_file(paths.learned_file(), json.dumps(content).encode())
    assert learned.load() == (OTHER,)


def test_no_file_and_no_folder_is_nothing_learned() -> None:
    assert learned.load() == ()


def test_what_a_person_set_comes_before_what_was_learned() -> None:
    record = {"preset": "custom", "openai_url": "http://127.0.0.1:9/v1", "model": "k2"}
    assert learned.in_force([LESSON, OTHER], make_profile("kimi", record)) == (LESSON,)
    settled = make_profile("kimi", {**record, "quirks": {"sampling": "pass"}})
    assert learned.in_force([LESSON, OTHER], settled) == ()


def test_a_person_sees_lessons_and_has_them_forgotten(
    command: InProcess, gwproxy_home: Path
) -> None:
    add = ("profile", "add", "kimi", "--preset", "kimi-code", "--key-env", "KIMI_KEY")
    assert command(*add).code == 0
    learned.add([LESSON, replace(LESSON, quirk="reasoning_placeholder", value=" ")])
    shown = command("profile", "show", "kimi")
    assert "learned 2026-11-22 for k2: sampling is fixed" in shown.stdout
    assert "' '" in shown.stdout
    data = json.loads(command("profile", "show", "kimi", "--json").stdout)
    assert [one["quirk"] for one in data["data"]["learned"]] == [
        "sampling",
        "reasoning_placeholder",
    ]
    assert command("profile", "rename", "kimi", "moon").code == 0
    assert "2 lessons are forgotten" in command("profile", "forget", "moon").stderr
    assert "nothing was learned about moon" in command("profile", "forget", "moon").stderr
    assert json.loads(command("profile", "show", "moon", "--json").stdout)["data"]["learned"] == []


def test_a_removed_profile_leaves_no_lesson_to_the_next_of_its_name(
    command: InProcess, gwproxy_home: Path
) -> None:
    add = ("profile", "add", "kimi", "--preset", "kimi-code", "--key-env", "KIMI_KEY")
    assert command(*add).code == 0
    learned.add([LESSON])
    assert command("profile", "remove", "kimi", "--yes").code == 0
    assert learned.load() == ()
