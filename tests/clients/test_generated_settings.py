"""Setup and undo on settings files that nobody has thought of, of every tool, by their seeds.

Some hundreds by default; `SETTINGS_FUZZ=20000 pytest tests/clients/test_generated_settings.py` for
more. The oracles share nothing with what they judge: the pieces that the generator remembers, the
bytes, the standard library's own readers.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from clients.settings_documents import TOOLS, Settings, settings_of
from clients.surroundings import CHAT_ONLY, CLAUDE, COMMAND, KIMI, TOKEN_FILE, gateway
from gwproxy.clients import change, ledger, vscode
from gwproxy.clients.document import ABSENT, MemberPath, Tree, leaves, same
from gwproxy.clients.jsonpairs import PAIRS_JSON
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.known import CLIENTS, Client
from gwproxy.clients.plan import SetupPlan, SetupWish, Target
from gwproxy.clients.tomltext import TOML
from gwproxy.errors import ConfigError

COUNT = int(os.environ.get("SETTINGS_FUZZ", "300")) // len(TOOLS)
"""Of each tool."""

BATCH = 200
"""In one test: none may be taken for one that hangs."""

ENDPOINTS = (
    gateway(),
    gateway(KIMI, pinned=True),
    gateway(file=TOKEN_FILE),
    gateway(command=COMMAND, file=TOKEN_FILE),
    gateway(CHAT_ONLY, pinned=True),
    gateway(CLAUDE),
)

NAMES = {
    "claude-code": "settings.json",
    "openclaw": "openclaw.json",
    "opencode": "opencode.json",
    "codex": "config.toml",
    "vscode": "settings.json",
}


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches the disk when is tested elsewhere."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.mark.parametrize("first", range(0, COUNT, BATCH))
@pytest.mark.parametrize("tool", TOOLS)
def test_whatever_the_file_nothing_of_theirs_is_lost(tool: str, first: int, tmp_path: Path) -> None:
    failures = []
    accepted = 0
    numbers = range(first, min(first + BATCH, COUNT))
    for number in numbers:
        seed = f"{tool}-{number}"
        try:
            accepted += _case(tool, seed, tmp_path / NAMES[tool])
        except Exception as error:  # noqa: BLE001 -- each seed is a case of its own
            failures.append(f"{seed}: {type(error).__name__}: {error}"[:600])
            for real in ledger.claims():
                ledger.forget(real)
    assert not failures, "\n".join([f"{len(failures)} of {len(numbers)}", *failures[:5]])
    assert accepted > len(numbers) // 2  # most of them are files that the tool takes


def _case(tool: str, seed: str, file: Path) -> bool:
    """Set up, again, edit, undo; whether the file was taken."""
    settings, rng = settings_of(tool, seed), Random(f"{seed}-choice")
    before = settings.text.encode(errors="surrogatepass")
    file.write_bytes(before)
    client: Client = vscode if tool == "vscode" else CLIENTS[tool]
    target = _target(client, file)
    endpoint, default = rng.choice(ENDPOINTS), rng.random() < 0.5
    if tool == "vscode" and endpoint.token_command:
        endpoint = ENDPOINTS[0]

    def wished(tree: Tree) -> Sequence[SetupWish]:
        try:
            return client.wishes(endpoint, tree, default=default)
        except ConfigError:  # OpenCode runs no command
            return client.wishes(ENDPOINTS[0], tree, default=default)

    try:
        plan = change.apply_setup(target, wished, "kimi")
    except ConfigError:
        assert file.read_bytes() == before, "refused, and not as it was"
        assert ledger.claims() == {}, "refused, and on record"
        assert settings.pieces is None or not _surely_read(tool, settings), "refused a good file"
        return False
    after = file.read_bytes()
    assert tool != "claude-code" or _strictly_read(before) is not None, (
        "took what the tool does not"
    )
    _judge(target, settings, before, after, plan)
    if tool == "claude-code":
        assert same(_strictly_read(after), target.form.read(after.decode()))

    status = file.stat()
    assert change.apply_setup(target, wished, "kimi").is_empty, "a second setup would write"
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (after, status.st_mtime_ns)

    if rng.random() < 0.3:
        _undo_after_an_edit(target, settings, before, after)
    else:
        change.apply_undo(target)
        assert file.read_bytes() == before, "undone, and not as it was"
    assert ledger.claims() == {}
    return True


def _target(client: Client, file: Path) -> Target:
    reading = getattr(client, "READING", None)
    form = JSON if file.suffix == ".json" else TOML
    form = PAIRS_JSON if client.SCOPES == vscode.SCOPES else form
    return Target(client.NAME, client.SCOPES[0], file, form, reading=reading)


def _judge(
    target: Target, settings: Settings, before: bytes, after: bytes, plan: SetupPlan
) -> None:
    old, new = _values(target, before), _values(target, after)
    differing = {
        path
        for path in old.keys() | new.keys()
        if not same(old.get(path, ABSENT), new.get(path, ABSENT))
    }
    assert differing == {edit.path for edit in plan.edits}, "edits that nobody was told of"
    _pieces_are_there(settings, after)
    if target.reading is not None:
        target.reading.form.read(after.decode())


def _pieces_are_there(settings: Settings, after: bytes) -> None:
    at, text = 0, after.decode()
    for piece in settings.pieces or ():
        found = text.find(piece, at)
        assert found >= 0, f"lost, or out of its place: {piece!r}"
        at = found + len(piece)


def _undo_after_an_edit(target: Target, settings: Settings, before: bytes, after: bytes) -> None:
    edited = target.form.assign(after.decode(), ("addedByUser",), "mine")
    target.file.write_bytes(edited.encode())
    change.apply_undo(target)
    left = target.file.read_bytes()
    theirs = {**_values(target, before), ("addedByUser",): "mine"}
    now = _values(target, left)
    assert theirs.keys() == now.keys(), "an undo that took too much, or too little"
    assert all(same(theirs[path], now[path]) for path in now)
    _pieces_are_there(settings, left)


def _values(target: Target, content: bytes) -> dict[MemberPath, Any]:
    tree = target.form.read(content.decode())
    return {path: value for path, value in leaves((), tree) if value != {}}


def _strictly_read(content: bytes) -> Any:
    """What JSON.parse gives; None for what it does not take. An empty file is as none."""
    text = content.decode().removeprefix("\ufeff")
    if not text.strip(" \t\r\n"):
        return {}

    def refused(word: str) -> None:
        raise ValueError(word)

    try:
        return json.loads(text, parse_constant=refused)
    except (ValueError, RecursionError):
        return None


def _surely_read(tool: str, settings: Settings) -> bool:
    """Whether another reader takes it, and finds our places free for objects."""
    if tool == "codex":
        try:
            tree = tomllib.loads(settings.text.removeprefix("\ufeff"))
        except tomllib.TOMLDecodeError:
            return False
        return isinstance(tree.get("model_providers", {}), dict)
    tree = _strictly_read(settings.text.encode())
    return isinstance(tree, dict) and not any(
        not isinstance(value, dict) for name, value in tree.items() if name in ("env", "provider")
    )


def test_the_generator_makes_what_it_says() -> None:
    """Good files and damaged ones, small and large, with and without what is ours to change."""
    for tool in TOOLS:
        made = [settings_of(tool, f"{tool}-{number}") for number in range(200)]
        assert len({each.text for each in made}) > 150
        damaged = [each for each in made if each.pieces is None]
        assert 10 < len(damaged) < 60
        assert sum(len(each.pieces or ()) for each in made) > 200
