"""One exchange explained in words: where the time went, what was changed on the way and why, what
was lost, what it cost. Pure: what a profile and its lessons say of it is handed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gwproxy.cli.exchange_row import Exchange
from gwproxy.cli.figures import money, share, short_span
from gwproxy.cli.profile_report import quirk_text
from gwproxy.cli.slowness import SLOW_MS, parts_of, why_slow
from gwproxy.plain import one_line
from gwproxy.profiles.learned import Lesson, names
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import DEFAULT, QUIRKS, quirk_origin, quirk_values
from gwproxy.translate.loss_words import in_words, quirks_behind, reason

_NAME: Final = 22
_FIGURE: Final = 8
_LEAST_BAR: Final = 10
_MOST_BAR: Final = 40


@dataclass(frozen=True, slots=True)
class Section:
    """Some lines under a title; each goes on below itself from its own `indent` on."""

    title: str
    lines: tuple[str, ...]
    indent: int = 4


@dataclass(frozen=True, slots=True)
class Sources:
    """The profile that an exchange went to, as it is now, and the lessons of its host."""

    profile: Profile | None
    lessons: Sequence[Lesson] = ()

    def why(self, loss: str, exchange: Exchange) -> list[str]:
        """The reasons of a loss: lessons, quirks with their origin; else the usual one."""
        about = loss.partition(":")[2]
        name = about.removeprefix("omit=").partition("=")[0]
        behind = quirks_behind(loss)
        found = [
            _taught(lesson)
            for lesson in self.lessons
            if lesson.model == exchange["model_used"]
            and (lesson.quirk in behind or name in map(_path, names(lesson)))
        ]
        if self.profile is not None:
            found += _origins(self.profile, exchange["model_used"], name, behind)
        said = reason(loss)
        if found or not said:
            return found
        return [said]


def _taught(lesson: Lesson) -> str:
    return (
        f"learned on {lesson.day} from a refusal of {lesson.model}: {lesson.why} "
        f"(gwproxy profile forget {lesson.profile} '{names(lesson)[0]}')"
    )


def _origins(profile: Profile, model: str, name: str, behind: Sequence[str]) -> Iterator[str]:
    values = quirk_values(profile, model)
    omitted = values["omit"]
    if isinstance(omitted, tuple) and name in map(_path, omitted):
        yield f"quirk omit={name}, as {quirk_origin(profile, 'omit')} says"
    for quirk in behind:
        if quirk not in QUIRKS or values[quirk] == QUIRKS[quirk].default:
            continue
        about = QUIRKS[quirk].about
        origin = quirk_origin(profile, quirk)
        said = "" if origin == DEFAULT else f", as {origin} says"
        name = f"setting {about.setting}" if about.setting else f"quirk {quirk}"
        yield f"{name}={quirk_text(values[quirk])}{said}: {about.meaning} [{about.source}]"


def _path(pattern: str) -> str:
    """What a pattern leaves out, without what comes instead."""
    return pattern.partition("=")[0]


# --- the story -----------------------------------------------------------------------------------


def story(
    exchange: Exchange, sources: Sources, width: int | None, *, block: str = "█"
) -> list[Section]:
    """The sections that explain an exchange, `width` wide; bars are made of `block`."""
    sections = [
        Section("", tuple(_head(exchange)), _NAME),
        Section("what went wrong", tuple(_trouble(exchange))),
        Section("the prompt cache", tuple(_alarm(exchange))),
        Section("where the time went", tuple(_times(exchange, width, block)), _NAME + 2),
        Section("", tuple(_about_times(exchange))),
        Section("what was changed on the way", tuple(_changes(exchange, sources))),
        Section("what was lost", tuple(_losses(exchange, sources))),
        Section("tokens and cost", tuple(_tokens(exchange)), _NAME + 2),
    ]
    return [section for section in sections if section.lines]


def _head(exchange: Exchange) -> Iterator[str]:
    def line(name: str, text: str) -> str:
        return one_line(f"{name:<{_NAME}}{text}")

    yield line("exchange", exchange["request_id"])
    yield line("how it ended", _end(exchange))
    yield line("tool", exchange["client"] or "not named")
    if exchange["session"]:
        yield line("session", exchange["session"])
    if exchange["profile"]:
        host = f" at {exchange['host']}" if exchange["host"] else ""
        yield line("went to", f"{exchange['profile']}{host}")
    asked, used = exchange["model_asked"], exchange["model_used"]
    if asked or used:
        yield line("model", f"{asked or '-'}, which went as {used}" if asked != used else used)
    if exchange["upstream_request_id"]:
        yield line("the provider's id", exchange["upstream_request_id"])


def _end(exchange: Exchange) -> str:
    how = "as a stream" if exchange["stream"] else "as a whole"
    match exchange["state"]:
        case "running":
            return f"it runs: {PHASES.get(exchange['phase'], '')}"
        case "gone":
            return "the tool went away before the answer was whole"
        case "failed":
            begun = "" if exchange["status"] >= 400 else " when the answer had begun"
            return f"it failed{begun} ({exchange['status']})"
    return f"answered ({exchange['status']}), {how}"


PHASES: Final = {
    "own": "gwproxy prepares it",
    "queued": "it waits for a place",
    "waiting": "the provider has not begun to answer",
    "streaming": "the answer comes",
}
"""How far one has come that runs."""


def _trouble(exchange: Exchange) -> Iterator[str]:
    if exchange["error"]:
        yield f"  {one_line(exchange['error'])}"
    if exchange["upstream_status"] not in (None, exchange["status"]):
        yield f"  the provider said {exchange['upstream_status']}, " + (
            f"the tool was told {exchange['status']}, so that it shows the words"
        )


def _alarm(exchange: Exchange) -> Iterator[str]:
    alarm = exchange.get("cache_alarm")
    if not alarm:
        return
    yield f"  {one_line(alarm['words'])}"
    if before := alarm.get("before"):
        yield f"  the turn before is told by gwproxy log {before}"


def _times(exchange: Exchange, width: int | None, block: str) -> Iterator[str]:
    total = exchange["duration_ms"]
    yield f"  {'in all':<{_NAME - 2}}{short_span(total):>{_FIGURE}}"
    parts = list(parts_of(exchange))
    room = max(_LEAST_BAR, min(_MOST_BAR, (width or 80) - _NAME - _FIGURE - 4))
    at = 0
    for name, spent in parts:
        start, length = _placed(at, spent, total, room)
        bar = " " * start + block * length
        yield f"  {name:<{_NAME - 2}}{short_span(spent):>{_FIGURE}}  {bar}".rstrip()
        at += spent


def _about_times(exchange: Exchange) -> Iterator[str]:
    if exchange["own_ms"] is None and exchange["state"] != "running":
        yield "  it was never sent to the provider"
    if (slow := why_slow(exchange)) and exchange["duration_ms"] >= SLOW_MS:
        yield f"  {slow}"


def _placed(at: int, spent: int, total: int, room: int) -> tuple[int, int]:
    """Where a bar begins and how long it is; one that is there at all is seen."""
    whole = max(total, at + spent, 1)
    start = min(round(at / whole * room), room - 1)
    return start, max(1, min(round(spent / whole * room), room - start)) if spent else 0


def _changes(exchange: Exchange, sources: Sources) -> Iterator[str]:
    client, upstream = exchange["client_dialect"], exchange["upstream_dialect"]
    if upstream and client != upstream:
        yield f"  translated: the tool speaks {client}, the provider {upstream}"
    for change in exchange["changes"]:
        if change == "rebuilt":
            yield f"  rebuilt: both sides speak {client}, and yet not the same{_rebuilt(sources)}"
        else:
            yield f"  {one_line(change)}"


def _rebuilt(sources: Sources) -> str:
    if sources.profile is None:
        return ""
    origin = quirk_origin(sources.profile, "rebuild")
    if origin != DEFAULT:
        return f" (quirk rebuild, as {origin} says)"
    return " (a lesson asks for it)" if any(one.relayed for one in sources.lessons) else ""


def _losses(exchange: Exchange, sources: Sources) -> Iterator[str]:
    told = set()
    for loss in exchange["losses"]:
        yield f"  {one_line(in_words(loss))}  ({one_line(loss)})"
        for why in sources.why(loss, exchange):
            if why not in told:
                yield f"    {one_line(why)}"
            told.add(why)


def _tokens(exchange: Exchange) -> Iterator[str]:
    def line(name: str, figure: str, more: str = "") -> str:
        return f"  {name:<{_NAME - 2}}{figure:>{_FIGURE}}  {more}".rstrip()

    inputs, out = exchange["input_tokens"], exchange["output_tokens"]
    if inputs is None and out is None:
        return
    said = [f"{share(exchange['cached_tokens'], inputs) or 'none'} of it from the cache"]
    if exchange["cache_write_tokens"]:
        said.append(f"{exchange['cache_write_tokens']:,} written to it")
    yield line("read", f"{inputs or 0:,}", ", ".join(said))
    thought = exchange["reasoning_tokens"]
    yield line("written", f"{out or 0:,}", f"{thought:,} of them thoughts" if thought else "")
    cost = money(exchange["cost_micro"], exchange["cost_unit"] or "")
    yield line("cost", cost or "not known")


def data(exchange: Exchange, sources: Sources, *, captured: bool) -> dict[str, Any]:
    """What --json says of an exchange: its row, why each loss, and whether it is captured."""
    return {
        "exchange": dict(exchange),
        "why": {loss: sources.why(loss, exchange) for loss in exchange["losses"]},
        "captured": captured,
    }
