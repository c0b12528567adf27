"""`gwproxy status`: does it run, what does it talk to, where are the keys, what went wrong lately.

The gateway itself is asked, on its port and with the token; where none runs, the ledger says what
its last answers were.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import typer

from gwproxy.cli.drawing import Table
from gwproxy.cli.figures import counted, failed_with
from gwproxy.cli.options import CsvFlag, JsonFlag, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.sheet import Sheet
from gwproxy.cli.slowness import SLOW_MS, why_slow
from gwproxy.translate.loss_words import gist

if TYPE_CHECKING:
    from gwproxy.profiles.profile import Profile
    from gwproxy.profiles.store import Config

_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86_400

_INDENT = 4

# What nobody but the server can say.
_TOLD: Final = (
    "version",
    "pid",
    "started",
    "uptime_s",
    "answered",
    "failed",
    "ledger",
    "thoughts",
    "workers",
    "captures",
    "config_trouble",
    "moved",
)


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(
    context: typer.Context,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """What runs, and what it talks to."""
    from gwproxy.cli.running import config_or_none

    output = output_of(context)
    config = config_or_none()
    data = asyncio.run(_ask(config))
    output.result(data, lambda: _print(output, data), sheet=Sheet(data["profiles"], ("name",)))


async def _ask(config: Config) -> dict[str, Any]:
    """What runs, as --json shows it: asked of the gateway, else read on this machine."""
    from gwproxy.cli.holdings import holdings
    from gwproxy.cli.running import find_gateway
    from gwproxy.profiles.local_token import local_token
    from gwproxy.proxy import holder

    url, health = await find_gateway(config)
    running = health.get("name") == "gwproxy"
    told: dict[str, Any] = {}
    if running:
        told = await holder.ask(url, "/v1/status", local_token().reveal())
    else:
        told = await asyncio.to_thread(_left)
    held_by = "" if running or not health else "another program answers there"
    seen = {one["name"]: one for one in told.get("profiles", [])}
    answered = told.get("last_answered", {})
    profiles = []
    for name, profile in config.profiles.items():
        live = {"last_answered": answered.get(name), **seen.pop(name, {})}
        profiles.append(await _profile_data(profile, live, running=running))
    profiles += [{**one, "dialects": [], "hosts": [], "key_trouble": None} for one in seen.values()]
    return {
        "running": running,
        "url": url,
        "held_by": held_by or None,
        "default": told.get("default", config.default) or None,
        "profiles": profiles,
        **{name: told.get(name) for name in _TOLD},
        "in_flight": told.get("in_flight", []),
        "last_errors": told.get("last_errors", []),
        "cache_alarms": told.get("cache_alarms", []),
        "kept": [one.data() for one in holdings()],
    }


async def _profile_data(profile: Profile, live: dict[str, Any], *, running: bool) -> dict[str, Any]:
    """A profile of config.toml, with what the gateway says of it (`live`)."""
    from gwproxy.cli.profile_report import key_data
    from gwproxy.profiles import credentials
    from gwproxy.profiles.key_hosts import hosts_of

    key = live.get("key")
    if key is None:
        # Of a server's keys only what it has not asked its keyring for yet.
        look = credentials.describe_in_keyring if running else credentials.describe_source
        key = key_data(await asyncio.to_thread(look, profile))
    return {
        "cooling_s": None,
        "waiting": 0,
        "in_flight": 0,
        **live,
        "name": profile.name,
        "model": profile.model,
        "dialects": list(profile.dialects),
        "hosts": list(hosts_of(profile)),
        "key": {"source": key["source"], "masked": key["masked"]},
        "key_trouble": key.get("trouble"),
    }


def _left() -> dict[str, Any]:
    """What the ledger knows of the gateway that ran last."""
    from gwproxy import paths
    from gwproxy.proxy.queries.status import told_by_file
    from gwproxy.proxy.records.storage import StorageTrouble

    try:
        return told_by_file(paths.usage_db())
    except StorageTrouble:
        return {}  # `doctor` says what is wrong with it


def _print(output: Output, data: dict[str, Any]) -> None:
    if data["running"]:
        output.line(
            f"gwproxy {data['version']} runs at {data['url']} "
            f"(process {data['pid']}, for {span(data['uptime_s'])})"
        )
        output.line(
            f"{data['answered']} answered, {data['failed']} failed, "
            f"{len(data['in_flight'])} running"
        )
    else:
        output.line(f"gwproxy does not run at {data['url']}")
        if data["held_by"]:
            output.talk(data["held_by"])
        elif data["profiles"]:
            output.next("gwproxy serve")
    rows = tuple(_profile_row(one, data["default"]) for one in data["profiles"])
    if rows:
        output.line("")
    no_profile = "there is no profile yet\nnext: gwproxy profile add kimi --preset kimi-code"
    head = ("PROFILE", "MODEL", "HOST", "KEY", "NOW")
    output.table(Table(head, rows, no_profile, spare=("HOST",)))
    _print_lists(output, data)
    broken = data["config_trouble"]
    if broken:
        words = ": ".join(part for part in (broken["what"], broken["why"]) if part)
        output.warn(f"{words}; the last good configuration stays in force")
    if data["moved"]:
        output.warn(f"to listen at {data['moved']}, gwproxy serve must be started again")
    if data["captures"]:
        output.talk("whole exchanges are captured: gwproxy replay lists them")
    for words, _ in worries(data):
        output.warn(words)


def _print_lists(output: Output, data: dict[str, Any]) -> None:
    for title, lines in (
        ("running", [_running_line(one) for one in data["in_flight"]]),
        ("last answers", [*_answer_lines(data["profiles"])]),
        ("last errors", [_error_line(one) for one in data["last_errors"]]),
        ("prompt caches that broke", [_alarm_line(one) for one in data["cache_alarms"]]),
        ("kept on this machine", _kept_lines(data)),
    ):
        if lines:
            output.line(f"\n{title}")
            for line in lines:
                output.item(f"  {line}", _INDENT)
    if data["last_errors"]:
        output.next("gwproxy log last --errors")


def worries(told: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """What the gateway's workers cannot do, or could not: each in a sentence, and whether it is
    so now. `told` is the gateway's answer; one of an older version says nothing."""
    for one in told.get("workers") or ():
        if one["trouble"]:
            lost = f"; {one['failed']} are lost" if one["failed"] else ""
            yield f"{one['cannot']} ({one['trouble']}){lost}", True
        elif one["failed"]:
            words = f"{one['cannot']}: {one['failed']} since the start, the last for"
            yield f"{words} {one['last_failure']}", False
    ledger = told.get("ledger") or {}
    if ledger.get("trouble") and ledger["waiting"]:
        yield f"{ledger['waiting']} exchanges wait to be recorded in {ledger['path']}", True


def _profile_row(one: dict[str, Any], default: str | None) -> tuple[str, ...]:
    key = one["key"] or {"source": "", "masked": None}
    text = one["key_trouble"] or "  ".join(filter(None, (key["masked"], key["source"])))
    now = []
    if one["in_flight"]:
        now.append(f"{one['in_flight']} running")
    if one["waiting"]:
        now.append(f"{one['waiting']} waiting")
    if one["cooling_s"]:
        now.append(f"cools down, {span(one['cooling_s'])} more")
    mark = " *" if one["name"] == default else ""
    return f"{one['name']}{mark}", one["model"], " ".join(one["hosts"]), text, ", ".join(now)


def _running_line(one: dict[str, Any]) -> str:
    how = "stream" if one["stream"] else "whole"
    return f"{one['client'] or '-'}  {one['profile']}:{one['model']}  {how}, {span(one['for_s'])}"


def _answer_lines(profiles: list[dict[str, Any]]) -> Iterator[str]:
    """Of each profile its last answer, the latest last."""
    answered = [one for one in profiles if one["last_answered"]]
    for one in sorted(answered, key=lambda one: one["last_answered"]["at"]):
        last = one["last_answered"]
        took = f"in {last['duration_s']:.1f} s"
        if last["first_byte_s"] is not None:
            took += f", the first byte after {last['first_byte_s']:.1f} s"
        took += _slowness(last)
        way = f"{one['name']}:{last['model']}"
        lost = gist(tuple(last["losses"]), codes=True)
        parts = (_moment(last["at"]), way, took, lost, last["request_id"])
        yield "  ".join(filter(None, parts))


def _error_line(one: dict[str, Any]) -> str:
    way = f"{one['profile']}:{one['model']}"
    words = f"{one['error']}{_slowness(one)}"
    return (
        f"{_moment(one['at'])}  {failed_with(one['status'])}  {way}  {words}  {one['request_id']}"
    )


def _slowness(one: dict[str, Any]) -> str:
    """What took so long, where something did; a gateway of an older version does not say."""
    if one.get("duration_ms", 0) < SLOW_MS:
        return ""
    why = why_slow(one)
    return f"; {why}" if why else ""


def _alarm_line(one: dict[str, Any]) -> str:
    now = {True: "; it is read again since", False: "; it is not read again yet"}
    words = f"{one['words']}{now.get(one['over'], '')}"
    if one["turns"] > 1:
        words += f", {one['lost_tokens']:,} tokens in {one['turns']} turns"
    parts = (_moment(one["since"]), one["client"], one["profile"], words)
    return "  ".join(filter(None, parts))


def _moment(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s))


def _kept_lines(data: dict[str, Any]) -> list[str]:
    """What is kept of a person's work; where there is none, not even that it could be."""
    lines = []
    for one in data["kept"]:
        if one["name"] == "thoughts" and data["thoughts"]:
            one = {**one, "count": data["thoughts"]}
        if one["count"] or one["trouble"]:
            how = one["trouble"] or stock_words(one)
            lines.append(f"{one['name']}: {how}; at most {one['most']}, {one['age']}")
    if lines:
        lines.append("gwproxy purge takes it away")
    return lines


def stock_words(one: dict[str, Any]) -> str:
    """`12, 3.4 MB, the oldest 5 days old`: how much there is of a holding."""
    from gwproxy.cli.holdings import size

    parts = [str(one["count"])]
    if one["size_bytes"]:
        parts.append(size(one["size_bytes"]))
    if one["oldest"] is not None:
        # Of some no more than the day is known.
        days = int(max(0.0, time.time() - one["oldest"]) // _DAY_S)
        parts.append(f"the oldest {counted(days, 'day')} old" if days else "of today")
    return ", ".join(parts)


def span(seconds: float) -> str:
    """`42 s`, `7 min`, `3 h 20 min`, `2 d 4 h`."""
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h"
