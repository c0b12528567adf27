"""`gwproxy purge`, and the table that it goes through: whatever is kept of a person's work has a
bound, an age and an owner, is shown, and can be taken away."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields

from gwproxy import paths
from gwproxy.cli import purge
from gwproxy.cli.holdings import NAMES, holdings
from gwproxy.clients import ledger as copies
from gwproxy.profiles import learned
from gwproxy.profiles.learned import Lesson
from gwproxy.proxy.records.conversations import Kept
from gwproxy.proxy.records.conversations.database import ConversationsFile as Responses
from gwproxy.proxy.records.ledger import Entry
from gwproxy.proxy.records.ledger import LedgerFile as Usage
from gwproxy.proxy.serving import Options
from support.background import Background
from support.cli import TESTS, InProcess, gwproxy_on_terminal

pytestmark = pytest.mark.usefixtures("port")

SECRET = "the words of a person"
DAY_S = 86_400

OURS = {"config.toml", "token", "setup.json", "server.json"}
"""What keeps gwproxy itself running."""


def _capture(age_s: float) -> None:
    file = paths.captures_dir() / f"req_{age_s:.0f}.json"
    paths.write_private_file(file, SECRET.encode())
    _age(file, age_s)


def _kept(name: str) -> Kept:
    given = b'{"type":"message","role":"user","content":"%b"}' % SECRET.encode()
    return Kept(name, name, "", "p", b'{"id":"%b","output":[]}' % name.encode(), (given,), ())


def _response(age_s: float) -> None:
    with closing(Responses.open(paths.responses_db(), _no_damage)) as database:
        assert database.keep(_kept(f"resp_{age_s:.0f}"), int(time.time() - age_s))


def _exchange(age_s: float) -> None:
    numbers = dict.fromkeys(("status", "duration_ms", "losses", "fresh", "output"), 1)
    values: dict[str, Any] = dict.fromkeys(Entry.__struct_fields__, "") | numbers
    values |= {one.name: None for one in fields(Entry) if one.type == int | None}
    values["request_id"] = f"req_{age_s:.0f}"
    values["started_ms"] = int((time.time() - age_s) * 1000)
    with closing(Usage.open(paths.usage_db())) as database:
        database.insert([Entry(**values)])


def _lesson(age_s: float) -> None:
    day = datetime.fromtimestamp(time.time() - age_s).date().isoformat()
    learned.add([Lesson("kimi", f"m{age_s:.0f}", "sampling", "drop", day, "refused")])


def _copy(age_s: float) -> None:
    """A copy in the ring of a file that setup has no hold on any more, with its first state."""
    copies.back_up(Path(f"/home/me/{age_s:.0f}.json"), SECRET.encode())
    for file in paths.backups_dir().glob(f"{age_s:.0f}.json-*/*"):
        _age(file, age_s)


def _log(age_s: float) -> None:
    file = paths.run_logs_dir() / f"{age_s:.0f}.log"
    paths.write_private_file(file, SECRET.encode())
    _age(file, age_s)


def _damaged(age_s: float) -> None:
    file = paths.usage_db().with_name(f"usage.db.corrupt-{age_s:.0f}")
    paths.write_private_file(file, SECRET.encode())
    _age(file, age_s)


def _said(age_s: float) -> None:
    """Once, ten days ago: the file is one."""
    if age_s:
        paths.write_private_file(paths.service_log(), SECRET.encode())
        _age(paths.service_log(), age_s)


def _age(file: Path, age_s: float) -> None:
    os.utime(file, (time.time() - age_s,) * 2)


def _no_damage(trouble: Exception, aside: Path) -> None:
    raise AssertionError(trouble)


MAKERS: dict[str, Callable[[float], None]] = {
    "captures": _capture,
    "responses": _response,
    "usage": _exchange,
    "lessons": _lesson,
    "backups": _copy,
    "damaged": _damaged,
    "log": _said,
    "runs": _log,
}


@pytest.fixture
def filled(gwproxy_home: Path) -> None:
    """One of everything from now, and one from ten days ago."""
    for make in MAKERS.values():
        make(0)
        make(10 * DAY_S)


def counts() -> dict[str, int]:
    """What is kept, where anything is."""
    rows = [one.data() for one in holdings()]
    assert not [row for row in rows if row["trouble"]]
    return {row["name"]: row["count"] for row in rows if row["count"]}


ALL = {
    "captures": 2,
    "responses": 2,
    "usage": 2,
    "lessons": 2,
    "backups": 4,
    "damaged": 2,
    "log": 1,
    "runs": 2,
}
OLD = {name: max(1, count // 2) for name, count in ALL.items()}


def test_the_table_is_whole_and_the_same_everywhere() -> None:
    table = holdings()
    assert tuple(one.name for one in table if one.where) == NAMES == tuple(MAKERS)
    assert "|".join(NAMES) == purge._WHAT
    for one in table:
        assert one.what and one.most and one.age and one.pruned, one.name
    readme = (TESTS.parent / "README.md").read_text(encoding="utf-8")
    for one in table:
        assert f"| {one.name} | {one.what} | {one.most}; {one.age} |" in readme


def test_nothing_of_a_persons_work_is_left_out_of_it(filled: None, gwproxy_home: Path) -> None:
    """Every file is somebody's: a new one has to be put into the table, or be ours."""
    places = [one.where for one in holdings() if one.where and one.where != paths.state_dir()]
    for file in gwproxy_home.rglob("*"):
        owned = any(file.is_relative_to(place) for place in places)
        companion = any(file.name.startswith(f"{place.name}") for place in places)
        ours = file.name in OURS or file.suffix == ".lock"
        assert owned or companion or ours, file


def test_nothing_is_taken_away_without_a_yes(command: InProcess, filled: None) -> None:
    ran = command("purge")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.stdout.splitlines()[1:]] == list(NAMES)
    assert "nothing was taken away; gwproxy purge --yes does it" in ran.stderr
    assert command("purge", "--json").envelope["data"]["done"] is False
    assert counts() == ALL


def test_a_person_is_asked(filled: None, gwproxy_home: Path) -> None:
    shown = gwproxy_on_terminal("purge", answers=["n"])
    assert "take all this away? [y/N]" in shown.stderr
    assert counts() == ALL
    gwproxy_on_terminal("purge", answers=["y"])
    assert counts() == {}


def test_all_of_it(command: InProcess, filled: None, gwproxy_home: Path) -> None:
    data = command("purge", "--yes", "--json").envelope["data"]
    assert data["done"] is True
    assert {one["name"]: one["taken_away"] for one in data["holdings"]} == ALL
    assert counts() == {}
    left = b"".join(file.read_bytes() for file in gwproxy_home.rglob("*") if file.is_file())
    assert SECRET.encode() not in left
    again = command("purge", "--yes")
    assert (again.code, again.stdout) == (0, "")
    assert "nothing is kept" in again.stderr


@pytest.mark.parametrize("name", NAMES)
def test_what_is_old_and_of_one_kind(command: InProcess, filled: None, name: str) -> None:
    ran = command("purge", name, "--older-than", "9d", "--yes")
    assert ran.stdout.splitlines()[-1] == f"took away {name}: {OLD[name]}"
    left = ALL[name] - OLD[name]
    assert counts() == {kind: many for kind, many in (ALL | {name: left}).items() if many}
    assert "that is older than 2w" in command("purge", name, "--older-than", "2w", "--yes").stderr


def test_while_a_gateway_uses_the_files(
    command: InProcess, background: Background, port: int, gwproxy_home: Path
) -> None:
    usage, responses = paths.usage_db(), paths.responses_db()
    gateway = background.gateway(Options(port=port, ledger=usage, responses=responses))
    services = gateway.gateway._services
    # Its own connections are open, as after a day of work.
    row: dict[str, Any] = dict.fromkeys(Entry.__struct_fields__, 0)
    for name in ("a", "b"):
        services.ledger.add(Entry(**row | {"request_id": name}))
        assert background.do(services.conversations.keep(_kept(name)))
        while services.ledger.state.waiting:
            background.do(asyncio.sleep(0.01))
        if name == "a":
            assert command("purge", "--yes").code == 0
    assert counts() == {"usage": 1, "responses": 1}
    assert background.do(services.conversations.knows("b"))
    assert not background.do(services.conversations.knows("a"))
    assert all(worker.state.failed == 0 for worker in services.workers)


def test_what_an_undo_needs_stays(command: InProcess, tmp_path: Path) -> None:
    home = tmp_path / "person"
    settings = home / ".claude" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"model": "mine"}')
    added = ("profile", "add", "up", "--openai-url", "http://127.0.0.1:1/v1", "--model", "m")
    assert command(*added, "--no-key").code == 0
    assert command("setup", "claude-code", "--home", str(home), "--yes").code == 0
    assert command("purge", "--yes").code == 0
    assert command("setup", "claude-code", "--home", str(home), "--undo", "--yes").code == 0
    assert settings.read_text() == '{"model": "mine"}'


def test_one_that_cannot_be_read_holds_up_no_other(
    command: InProcess, filled: None, gwproxy_home: Path
) -> None:
    paths.usage_db().write_bytes(b"rubbish" * 1000)
    ran = command("purge", "--yes")
    assert ran.code == 1
    assert f"warning: usage in {paths.usage_db()}: " in ran.stderr
    assert "took away responses: 2" in ran.stdout
    shown = command("status")
    assert (shown.code, "usage: file is not a database; at most" in shown.stdout) == (0, True)


@pytest.mark.parametrize("arguments", [("pictures",), ("--older-than", "soon")])
def test_what_cannot_be_meant(command: InProcess, arguments: tuple[str, ...]) -> None:
    ran = command("purge", *arguments, "--yes")
    assert (ran.code, ran.stdout) == (2, "")


def test_status_shows_it(command: InProcess, filled: None) -> None:
    ran = command("status")
    assert "kept on this machine\n" in ran.stdout
    for name, count in ALL.items():
        (line,) = (one for one in ran.stdout.splitlines() if one.startswith(f"  {name}: {count}, "))
        assert ", the oldest 10 days old; at most " in line
    assert "gwproxy purge takes it away" in ran.stdout
    data = command("status", "--json").envelope["data"]["kept"]
    assert [one["name"] for one in data] == [*NAMES, "thoughts", "images", "turns"]
