"""What upstreams taught the gateway by refusing: quirks beside config.toml, each with its day.

A lesson is a quirk that an upstream's own error asked for and that helped. Lessons stand in a
small file of their own in the state folder: config.toml is what a person wrote, and nobody's file
should change while a server runs. What a person sets by hand always wins. A file that cannot be
read teaches nothing; the next refusal teaches it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from gwproxy import paths
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import QUIRKS, BadQuirk, typed
from gwproxy.translate.quirks import QuirkValue

_LOCK: Final = "learned"
MOST_KEPT: Final = 1000
"""A client can name any number of models; those that were taught last stay."""

_MOST_BYTES: Final = 1024 * 1024
"""A lesson has a hundred bytes; a larger file is not ours."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """`quirk` has `value` for `model` of `profile`; of what is left out (`omit`) a lesson has one
    pattern, so that each can be forgotten alone. `day` is ISO 8601; `why` names the refusal in
    our words, never in the upstream's, which may quote anything. `relayed`: a relayed request
    taught it, so that the next one, too, has to be rebuilt to follow it. It was `tried` anew on
    that day, the last of so many `trials`, and refused again."""

    profile: str
    model: str
    quirk: str
    value: QuirkValue
    day: str
    why: str
    relayed: bool = False
    tried: str = ""
    trials: int = 0


def load() -> tuple[Lesson, ...]:
    """Every lesson that can be read and still counts."""
    lessons = (_lesson(value) for value in _listed())
    return tuple(lesson for lesson in lessons if lesson is not None)


def _listed() -> list[Any]:
    try:
        with paths.open_regular(paths.learned_file()) as file:
            values = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return []
    listed = values.get("lessons") if isinstance(values, dict) else None
    return listed if isinstance(listed, list) else []


def _is_too_wide(value: dict[str, Any]) -> bool:
    """What was once learned of one refused member: to rebuild all, to send no marks."""
    return (value.get("quirk"), value.get("value")) in (("rebuild", True), ("cache_marks", False))


def count_too_wide() -> int:
    """How many lessons of older versions are not carried over."""
    return sum(isinstance(one, dict) and _is_too_wide(one) for one in _listed())


def _lesson(value: Any) -> Lesson | None:
    try:
        words = {name: value[name] for name in ("profile", "model", "quirk", "day", "why")}
        if not all(isinstance(word, str) for word in words.values()) or _is_too_wide(value):
            return None
        known = typed(QUIRKS[words["quirk"]], value["value"])
        tried, trials = value.get("tried", ""), value.get("trials", 0)
        if not isinstance(tried, str) or not isinstance(trials, int):
            return None
        relayed = value.get("relayed") is True
        return Lesson(**words, value=known, relayed=relayed, tried=tried, trials=trials)
    except (TypeError, KeyError, BadQuirk):
        return None


def add(lessons: Iterable[Lesson]) -> None:
    """Keep `lessons`; a newer one replaces what was known of the same quirk. Raises ConfigError."""
    new = {place(lesson): lesson for lesson in lessons}
    with paths.exclusive_lock(_LOCK):
        _write([*(one for one in load() if place(one) not in new), *new.values()])


def place(lesson: Lesson) -> tuple[str, str, str, QuirkValue]:
    """What `lesson` is about: there is one lesson of each."""
    own = lesson.value if lesson.quirk == "omit" else ""
    return lesson.profile, lesson.model, lesson.quirk, own


def forget(profile: str, name: str = "") -> int:
    """Drop what was learned of `profile`, or of that the lessons called `name`; how many lessons
    that were. Raises ConfigError."""
    return _drop(lambda one: one.profile == profile and (not name or name in names(one)))


def taught_before(day: str) -> tuple[Lesson, ...]:
    """The lessons that were last taught before `day` (ISO 8601)."""
    return tuple(lesson for lesson in load() if _last_day(lesson) < day)


def purge(day: str) -> int:
    """Forget what was last taught before `day`; how many lessons that were. Raises ConfigError."""
    return _drop(lambda one: _last_day(one) < day)


def _last_day(lesson: Lesson) -> str:
    return max(lesson.day, lesson.tried)


def drop(lesson: Lesson) -> None:
    """Forget `lesson` alone. Raises ConfigError."""
    _drop(lambda one: place(one) == place(lesson))


def _drop(is_meant: Callable[[Lesson], bool]) -> int:
    """Forget the lessons that are meant; how many there were. Nothing is written for none."""
    if not any(map(is_meant, load())):
        return 0
    with paths.exclusive_lock(_LOCK):
        known = load()
        kept = [lesson for lesson in known if not is_meant(lesson)]
        _write(kept)
    return len(known) - len(kept)


def names(lesson: Lesson) -> tuple[str, ...]:
    """What a person calls `lesson`: `sampling`, or what it leaves out."""
    return (
        lesson.value
        if isinstance(lesson.value, tuple) and lesson.quirk == "omit"
        else (lesson.quirk,)
    )


def rename(profile: str, new_name: str) -> None:
    """Let the lessons of `profile` follow it to its new name. Raises ConfigError."""
    if not any(lesson.profile == profile for lesson in load()):
        return
    with paths.exclusive_lock(_LOCK):
        known = [lesson for lesson in load() if lesson.profile != new_name]
        _write([replace(one, profile=new_name) if one.profile == profile else one for one in known])


def _write(lessons: list[Lesson]) -> None:
    if len(lessons) > MOST_KEPT:
        newest = sorted(lessons, key=_last_day, reverse=True)[:MOST_KEPT]
        lessons = [lesson for lesson in lessons if lesson in newest]
    # Also an empty list is written: a running server notices a change, and no missing file.
    text = json.dumps({"lessons": [asdict(lesson) for lesson in lessons]}, indent=1)
    paths.write_private_file(paths.learned_file(), text.encode() + b"\n")


def in_force(lessons: Iterable[Lesson], profile: Profile) -> tuple[Lesson, ...]:
    """The lessons that `profile` follows: not those on quirks that a person has set."""
    return tuple(
        lesson
        for lesson in lessons
        if lesson.profile == profile.name and not is_set_by_hand(profile, lesson.quirk)
    )


def informed(profile: Profile) -> Profile:
    """`profile` with what its upstream has taught about its model, as if it were the preset's."""
    lessons = [one for one in in_force(load(), profile) if one.model == profile.model]
    taught = {one.quirk: one.value for one in lessons if one.quirk != "omit"}
    if any(one.relayed for one in lessons):
        taught.setdefault("rebuild", True)
    return replace(profile, quirks={**profile.quirks, **taught})


def is_set_by_hand(profile: Profile, quirk: str) -> bool:
    """Whether config.toml says what `quirk` is. Of what is left out it says a part."""
    return quirk != "omit" and f"quirks.{quirk}" in profile.overridden
