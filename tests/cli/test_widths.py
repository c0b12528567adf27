"""What every command shows on a terminal of any width: no line is wider, and no word is broken.

A word of a narrow terminal is one of a wide terminal too: a piece of one would not be. What is to
be pasted (a command, a path, an address) stays whole, however wide.
"""

from __future__ import annotations

import io
import re
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gwproxy import paths
from gwproxy.cli import app
from gwproxy.proxy.records.ledger import Entry, LedgerFile
from gwproxy.proxy.serving import Options
from support.background import Background

NARROW = (40, 60, 80)
WIDE = 1000

SHOWN: tuple[tuple[str, ...], ...] = (
    (),
    ("config", "path"),
    ("demo",),
    ("doctor",),
    ("explain",),
    ("explain", "drop:top_k"),
    ("import",),
    ("log",),
    ("log", "nope"),
    ("logs",),
    ("models", "demo"),
    ("profile", "add", "new", "--preset", "demo"),
    ("profile", "add", "new", "--preset", "custom", "--openai-url", "http://127.0.0.1:1"),
    ("profile", "forget", "strongwall-at-work"),
    ("profile", "key", "strongwall-at-work", "--env", "A_KEY"),
    ("profile", "list"),
    ("profile", "remove", "strongwall-at-work", "--yes"),
    ("profile", "rename", "strongwall-at-work", "down"),
    ("profile", "set", "strongwall-at-work", "model=other"),
    ("profile", "show", "strongwall-at-work"),
    ("profile", "show", "strongwall-at-work", "--all"),
    ("profile", "use", "strongwall-at-work"),
    ("purge",),
    ("replay",),
    ("service", "logs"),
    ("service", "status"),
    ("setup", "--list"),
    ("setup", "claude-code", "--dry-run"),
    ("setup", "claude-code", "--yes"),
    ("status",),
    ("stop",),
    ("test", "demo", "--free"),
    ("test", "nobody-is-there", "--free"),
    ("translate", "--to", "chat"),
    ("usage",),
    ("usage", "--by", "model"),
    ("ui", "--no-browser"),
)

WRONG: tuple[tuple[str, ...], ...] = (
    ("nonsense",),
    ("models", "nope"),
    ("profile", "add", "new", "--preset", "nope"),
    ("profile", "set", "strongwall-at-work", "stream=sometimes"),
    ("profile", "set", "strongwall-at-work", "nonsense=1"),
    ("profile", "show", "nope"),
    ("purge", "nope"),
    ("replay", "nope"),
    ("run", "--profile", "nope", "--", "claude"),
    ("setup", "nope"),
    ("test", "--client", "codex"),
    ("usage", "--since", "yesterday"),
)

NOT_SHOWN = {
    *("completion", "config edit", "init", "run", "serve", "token"),
    *("service install", "service uninstall"),
}
"""They print a script or one value, ask a person all the time, or need a program that is not here:
their rows and tables are those of the others."""

REQUEST = (
    '{"model": "m", "top_k": 3, "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}'
)

PAINT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PASTED = re.compile(r"(?: *(?:(?:hint|next|then|undo): |→ )| +)(?:\w+=\S+ )?gwproxy |[+-]")
"""A line that is a command, behind whatever announces it, or a line of somebody's file."""

VOLATILE = re.compile(r"[\d%#█▏▎▍▌▋▊▉─⠀-⣿]")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


Show = Callable[[tuple[str, ...], int], str]
Furnish = Callable[[], None]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    """What a command shows on a terminal of a width."""
    monkeypatch.setenv("TERM", "xterm")

    def shown(arguments: tuple[str, ...], width: int) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        screen = Screen()
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(f"sys.{name}", screen)
        monkeypatch.setattr("sys.stdin", io.StringIO(REQUEST))
        app.run(arguments)
        return PAINT.sub("", screen.getvalue()).replace("\r", "\n")

    return shown


@pytest.fixture
def furnish(port: int, gwproxy_home: Path) -> Furnish:
    """Makes the home as it was before any command."""

    def anew() -> None:
        profiles = "".join(
            f'[profiles.{name}]\npreset = "{preset}"\n{more}'
            for name, preset, more in (
                ("strongwall-at-work", "strongwall", 'key = "none"\n'),
                ("two", "custom", _TWO_HOSTS),
                ("nobody-is-there", "custom", _NOBODY),
            )
        )
        (gwproxy_home / "config.toml").write_text(
            f'default = "two"\n[serve]\nport = {port}\n{profiles}', encoding="utf-8"
        )
        shutil.rmtree(Path.home() / ".claude", ignore_errors=True)
        log = paths.service_log()
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log.write_text("it runs\n")
        paths.usage_db().unlink(missing_ok=True)
        with closing(LedgerFile.open(paths.usage_db())) as database:
            database.insert([_entry(number) for number in range(3)])

    return anew


_TWO_HOSTS = (
    'anthropic_url = "https://messages.example"\nopenai_url = "https://chat.example/v1"\n'
    'model = "an-uncommonly-long-name/of-a-model-2.5"\nkey_env = "A_KEY"\n'
)


_NOBODY = 'openai_url = "http://127.0.0.1:1/v1"\nmodel = "m"\nkey = "none"\n'


def _entry(number: int, **more: Any) -> Entry:
    values: dict[str, Any] = {
        "request_id": f"req_{number}",
        "upstream_request_id": "",
        "started_ms": round(time.time() * 1000) - number,
        "profile": ("two", "strongwall-at-work", "gone")[number],
        "client": "claude-cli/2.1.330",
        "client_dialect": "anthropic",
        "upstream_dialect": "chat",
        "model_asked": "claude-sonnet-4-6",
        "model_used": ("an-uncommonly-long-name/of-a-model-2.5", "kimi-k2.5", "m-2")[number],
        "streamed": True,
        "status": 200,
        "error_kind": "",
        "first_byte_ms": 10,
        "duration_ms": 200,
        "fresh": 1234,
        "cache_read": 1000,
        "cache_write": None,
        "cache_write_1h": None,
        "output": 99,
        "reasoning": None,
        "cost_micro": 1234,
        "cost_unit": "USD",
        "losses": 0,
    }
    return Entry(**(values | more))


def test_the_state_of_a_gateway_keeps_within_any_terminal(
    show: Show, furnish: Furnish, background: Background, port: int
) -> None:
    furnish()
    words = "The engine is currently overloaded, please try again later or somewhere else"
    failed = {"error": words, "error_kind": "overloaded", "status": 529, "upstream_status": 503}
    lost = "drop:top_k\nclamp:max_tokens=8192\ndrop:an.uncommonly.long.member.of.a.request"
    with closing(LedgerFile.open(paths.usage_db())) as database:
        database.insert(
            [
                _entry(0, request_id="req_failed0123456789abcdef01234", **failed),
                _entry(1, request_id="req_lost0123456789abcdef0123456", lost=lost, losses=3),
            ]
        )
    background.gateway(Options(port=port, ledger=paths.usage_db()))
    assert "currently overloaded" in show(("status",), WIDE)
    _check(show, ("status",))


def _words(shown: str) -> set[str]:
    return {word.strip("():,;.") for word in shown.split() if not VOLATILE.search(word)}


@pytest.mark.parametrize("arguments", [*SHOWN, *WRONG], ids=" ".join)
def test_no_line_is_wider_and_no_word_is_broken(
    show: Show, furnish: Furnish, arguments: tuple[str, ...]
) -> None:
    def shown_anew(arguments: tuple[str, ...], width: int) -> str:
        furnish()
        return show(arguments, width)

    _check(shown_anew, arguments)


def test_every_command_is_walked() -> None:
    """A new one is put into SHOWN."""
    walked = {arguments[:count] for arguments in SHOWN for count in (1, 2)}
    for entry in app.available_commands():
        children = getattr(app.load_command(entry), "commands", {"": None})
        for child in children:
            name = f"{entry.name} {child}".strip()
            assert (tuple(name.split()) in walked) is (name not in NOT_SHOWN), name


def _check(show: Show, arguments: tuple[str, ...]) -> None:
    wide = _words(show(arguments, WIDE))
    for width in NARROW:
        shown = show(arguments, width)
        for line in shown.split("\n"):
            is_one_word = len(line.split()) == 1
            assert len(line.rstrip()) <= width or PASTED.match(line) or is_one_word, (width, line)
        broken = _words(shown) - wide
        assert not broken, (width, broken, shown)
