"""The pictures in the README say what the commands say today."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from gwproxy.proxy.records.ledger import Entry, LedgerFile
from support.cli import InProcess
from support.pictures import is_fresh, picture
from support.raw import free_port
from support.zones import zone


def both_streams(*arguments: str, terminal: io.StringIO, patch: pytest.MonkeyPatch) -> str:
    """What a terminal shows of a command: stdout and stderr as they come."""
    from gwproxy.cli.app import run

    patch.setattr("sys.stdout", terminal)
    patch.setattr("sys.stderr", terminal)
    assert run(arguments) == 0
    return terminal.getvalue()


def test_the_demo(command: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    said = both_streams("demo", terminal=io.StringIO(), patch=monkeypatch)
    is_fresh("demo.svg", picture("gwproxy demo", said))


class Terminal(io.StringIO):
    """Takes colours."""

    def isatty(self) -> bool:
        return True


# Of one morning; an exchange of each kind.
EXCHANGES: Final[tuple[dict[str, Any], ...]] = (
    {"fresh": 18_412, "output": 612, "cost_micro": 12_577, "duration_ms": 9_120},
    {
        "fresh": 1_204,
        "cache_read": 18_412,
        "output": 1_930,
        "cost_micro": 8_309,
        "duration_ms": 21_400,
        "losses": 1,
        "lost": "drop:top_k",
    },
    {"profile": "wall", "model_asked": "kimi-k2.5", "fresh": 9_011, "output": 88},
    {"model_asked": "kimi-k2.5", "status": 429, "error": "too many requests, try again in 20 s"},
    {"model_asked": "kimi-k2.5", "fresh": 7_450, "output": 401, "cost_micro": 5_472},
)
FIRST_MS: Final = 1_793_610_900_000


@pytest.fixture
def morning(gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A ledger with those in it, and a clock that says where they happened."""
    usual: dict[str, Any] = {
        **dict.fromkeys(Entry.__struct_fields__, ""),
        **{"profile": "kimi", "model_asked": "claude-sonnet-5", "model_used": "kimi-k2.5"},
        **{"streamed": True, "status": 200, "duration_ms": 6_300, "cost_unit": "USD"},
        **dict.fromkeys(("cache_read", "cache_write", "reasoning", "losses"), 0),
        **dict.fromkeys(("fresh", "output", "cache_write_1h", "cost_micro", "upstream_status")),
        **dict.fromkeys(("first_byte_ms", "queued_ms", "sent_ms", "heard_ms")),
    }
    gwproxy_home.mkdir(mode=0o700)
    (gwproxy_home / "config.toml").write_text(f"[serve]\nport = {free_port()}\n")
    entries = []
    for number, told in enumerate(EXCHANGES):
        own = {"request_id": f"req_{number}f3a9c1", "started_ms": FIRST_MS + number * 47_000}
        entries.append(Entry(**usual | own | told))
    with closing(LedgerFile.open(gwproxy_home / "usage.db")) as database:
        database.insert(entries)
    with zone("UTC"):
        yield


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="sets the zone of POSIX")
def test_the_log(morning: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "104")
    said = both_streams("log", terminal=Terminal(), patch=monkeypatch)
    is_fresh("log.svg", picture("gwproxy log", said))
