"""The line below a log that lives: what it says at every width, and that it is in nobody's way."""

from __future__ import annotations

import errno
import io
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from gwproxy.cli.exchange_row import plain
from gwproxy.cli.live_view import View, footer
from gwproxy.cli.screen import Screen
from gwproxy.proxy.record import ExchangeOutcome
from gwproxy.proxy.serving import Options
from gwproxy.simulator import DEMO, PlayedRefusal, RunningSimulator
from support.background import Background
from support.exchanges import ANSWERED, seen
from support.golden import FIXTURES, agrees
from support.lines import Lines
from support.questions import message
from support.scripted import ScriptedUpstream, Visit, whole
from support.terminal import PATIENCE_S, Terminal, screen

TODAY = {
    "exchanges": 12,
    "input_tokens": 1_234_567,
    "cached_tokens": 1_150_000,
    "output_tokens": 34_000,
    "cost": [{"unit": "USD", "micro": 1_200_000}],
}
WAITS = seen(replace(ANSWERED, phase="waiting", outcome=ExchangeOutcome()))
STREAMS = seen(
    replace(ANSWERED, client="codex_cli_rs/0.141.0", phase="streaming", outcome=ExchangeOutcome())
)


def test_what_it_says_at_every_width() -> None:
    lines = []
    for running in ([], [(WAITS, 12_000)], [(WAITS, 12_000), (STREAMS, 4_200)]):
        for width in (39, 59, 79, 119):
            line = footer(running, TODAY, width)
            assert len(line) <= width
            lines.append(f"{width:>4}  {line}")
    agrees(FIXTURES / "rows" / "footer.txt", "\n".join(lines) + "\n")


def test_nothing_is_wider_than_it_may_be() -> None:
    many = [(WAITS, 12_000), (STREAMS, 4_200)] * 20
    for width in range(5, 200):
        for running in ([], many):
            for today in ({}, TODAY):
                assert len(footer(running, today, width)) <= width
    assert footer(many, TODAY, 8) == ""


def test_a_name_of_a_tool_steers_no_terminal() -> None:
    evil = WAITS | {"client": "x\x1b[2J\ny"}
    assert not {"\x1b", "\n"} & set(footer([(evil, 1)], TODAY, 120))


# --- the screen ----------------------------------------------------------------------------------


class Tty(io.StringIO):
    """A terminal that can be stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.is_writing, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.is_writing.set()
        self.goes_on.wait(PATIENCE_S)
        self.writes.append(text)
        return super().write(text)


@contextmanager
def a_screen(tty: Tty) -> Iterator[Screen]:
    shown = Screen(tty)
    try:
        yield shown
    finally:
        tty.goes_on.set()
        shown.close()


def lines_of(tty: Tty, shown: Screen) -> list[str]:
    shown.settle(PATIENCE_S)
    return screen(tty.getvalue())


def test_what_is_written_goes_above_the_footer_in_one_write() -> None:
    tty = Tty()
    with a_screen(tty) as shown:
        shown.show("1 running")
        shown.write("a lon")
        assert lines_of(tty, shown) == ["1 running"]
        before = len(tty.writes)
        shown.write("g line\nand another\nbeg")
        assert lines_of(tty, shown) == ["a long line", "and another", "1 running"]
        assert len(tty.writes) == before + 1
        shown.show("1 running, longer")
        shown.settle(PATIENCE_S)
        shown.show("short")
        assert lines_of(tty, shown)[-1] == "short"
        before = len(tty.writes)
        shown.show("short")
        shown.settle(PATIENCE_S)
        assert len(tty.writes) == before, "the same line is not drawn again"
    assert screen(tty.getvalue()) == ["a long line", "and another", "beg"]


def test_no_line_of_any_thread_is_lost_or_torn() -> None:
    tty = Tty()
    with a_screen(tty) as shown:

        def write(name: str) -> None:
            for number in range(50):
                shown.write(f"{name} {number}\n")
                shown.show(f"footer of {name}")

        threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = screen(tty.getvalue())
    assert sorted(lines[:-1]) == sorted(f"{n} {i}" for n in "abc" for i in range(50))


def test_a_terminal_that_is_stopped_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwproxy.cli.screen._MOST_WAITING", 3)
    tty = Tty()
    with a_screen(tty) as shown:
        tty.goes_on.clear()
        shown.write("first\n")
        assert tty.is_writing.wait(PATIENCE_S)
        for number in range(5):
            shown.write(f"line {number}\n")
            shown.show(f"{number} running")
        tty.goes_on.set()
        assert lines_of(tty, shown) == [
            "first",
            "(2 lines before this one are lost)",
            *("line 2", "line 3", "line 4", "4 running"),
        ]


def test_what_a_full_disk_did_not_take_is_counted_when_there_is_room_again() -> None:
    class Disk(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(text)

    disk = Disk()
    log = Screen(disk)
    log.write("first\nsecond\n")
    log.settle(PATIENCE_S)
    disk.full = False
    log.write("third\n")
    assert log.close()
    assert disk.getvalue() == "(2 lines before this one are lost)\nthird\n"


def test_a_terminal_that_has_gone_is_told_to_who_writes() -> None:
    tty = Tty()
    tty.close()
    shown = Screen(tty)
    shown.write("a line\n")
    shown.settle(PATIENCE_S)
    with pytest.raises(ValueError):
        shown.write("another\n")
    shown.show("a footer")
    shown.close()


def test_both_streams_are_the_screen_for_as_long_as_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, err = io.StringIO(), Tty()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    with pytest.raises(ZeroDivisionError), Screen.over(err) as shown:
        shown.show("1 running")
        sys.stdout.write("data\n")
        sys.stderr.write("talk\n")
        assert sys.stderr is cast(Any, shown)
        raise ZeroDivisionError
    assert (sys.stdout, sys.stderr) == (out, err)
    assert out.getvalue() == "data\n"
    assert screen(err.getvalue()) == ["talk", ""]


async def test_while_nothing_runs_no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    tty = Tty()
    now_s = 100.0
    monkeypatch.setenv("COLUMNS", "80")
    with a_screen(tty) as shown:
        view = View(shown, plain, clock=lambda: now_s)
        view.told("state", {"today": TODAY})
        assert lines_of(tty, shown)[-1].startswith("nothing runs | today 12")
        assert not view._busy.is_set()
        view.told("exchange", WAITS | {"duration_ms": 2000})
        now_s += 3
        view.draw()
        assert "claude-cli waits 5.0 s" in lines_of(tty, shown)[-1]
        assert view._busy.is_set()
        view.told("exchange", seen(ANSWERED))
        assert not view._busy.is_set()
        view.told("exchange", WAITS)
        view.told("dropped", {})
        assert lines_of(tty, shown)[-1].startswith("nothing runs")
        view.forget()
        assert lines_of(tty, shown)[-1] == ""


# --- the real command on a real terminal ---------------------------------------------------------

Open = Callable[..., Terminal]


@pytest.fixture
def terminal() -> Iterator[Open]:
    opened: list[Terminal] = []

    def start(*arguments: str, **named: Any) -> Terminal:
        opened.append(Terminal(*arguments, **named))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


class Held:
    """A provider that answers each request when it is told to."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._upstream = ScriptedUpstream(self._script)
        background.do(self._upstream.start())
        self._came = 0

    @property
    def openai_url(self) -> str:
        return f"{self._upstream.url}/v1"

    @staticmethod
    async def _script(visit: Visit) -> None:
        await visit.go_on.wait()
        await whole(visit)

    def arrival(self) -> Visit:
        """The next request, once it has come."""
        self._came += 1
        return self._background.do(self._upstream.visit(self._came))

    def answer(self, visit: Visit) -> None:
        async def go_on() -> None:
            visit.go_on.set()

        self._background.do(go_on())

    def close(self) -> None:
        self._background.do(self._upstream.close())


def configured(home: Path, port: int, openai_url: str) -> None:
    (home / "config.toml").write_text(
        f'[serve]\nport = {port}\n[profiles.up]\nopenai_url = "{openai_url}"\n'
        'model = "demo-1"\nkey = "none"\n'
    )


@pytest.fixture
def held(background: Background, gwproxy_home: Path, port: int) -> Iterator[Held]:
    held = Held(background)
    configured(gwproxy_home, port, held.openai_url)
    yield held
    held.close()


@pytest.fixture
def provider(background: Background, gwproxy_home: Path, port: int) -> RunningSimulator:
    provider = background.provider(DEMO)
    configured(gwproxy_home, port, provider.openai_url)
    return provider


def asked(port: int, **body: Any) -> threading.Thread:
    """Somebody who waits for an answer."""
    thread = threading.Thread(target=lambda: message(f"http://127.0.0.1:{port}", **body))
    thread.start()
    return thread


@pytest.mark.parametrize("columns", [40, 80])
def test_serve_is_the_live_view(terminal: Open, held: Held, port: int, columns: int) -> None:
    shown = terminal("serve", columns=columns)
    shown.wait_for("nothing runs")
    asking = asked(port)
    visit = held.arrival()
    shown.wait_for("1 running")
    assert shown.lines[-1].startswith("1 running")
    shown.wait_for("claude-cli waits" if columns == 80 else "(1 waits)")
    held.answer(visit)
    asking.join()
    shown.wait_for(" 200 ")
    assert shown.text.count("TIME     CODE PROFILE:MODEL") == 1
    shown.wait_for("nothing runs | today 1, 11 in, 3 out")
    assert all(len(line) <= columns for line in shown.lines[8:]), shown.lines
    shown.type("\x03")
    assert shown.end() == 0
    assert "stopping" in shown.text
    assert "nothing runs" not in shown.text
    assert shown.lines[-1] == ""


def test_what_went_wrong_stands_above_the_line(
    terminal: Open, provider: RunningSimulator, port: int
) -> None:
    shown = terminal("serve", columns=80)
    shown.wait_for("nothing runs")
    provider.will(PlayedRefusal(400, "that was not a request at all"))
    assert message(f"http://127.0.0.1:{port}")[0] == 400
    shown.wait_for("not a request at all")
    shown.wait_for("nothing runs | today 1")
    assert shown.lines[-1].startswith("nothing runs")
    shown.type("\x03")
    assert shown.end() == 0


def test_a_person_who_stops_the_terminal_stops_no_answer(
    terminal: Open, provider: RunningSimulator, port: int
) -> None:
    shown = terminal("serve", columns=80)
    shown.wait_for("nothing runs")
    shown.type("\x13")
    for _ in range(3):
        assert message(f"http://127.0.0.1:{port}")[0] == 200
    shown.type("\x11")
    shown.wait_for("today 3")
    assert shown.text.count(" 200 ") == 3
    shown.type("\x03")
    assert shown.end() == 0


def test_serve_takes_on_a_new_width(terminal: Open, provider: RunningSimulator) -> None:
    shown = terminal("serve", columns=80)
    shown.wait_for("nothing runs | today 0, 0 in, 0 out")
    shown.resize(30)
    shown.wait_until_gone("today 0, 0 in, 0 out")
    shown.wait_for("nothing runs")
    shown.type("\x03")
    assert shown.end() == 0


def test_a_second_ctrl_c_ends_at_once(terminal: Open, held: Held, port: int) -> None:
    shown = terminal("serve", columns=80)
    shown.wait_for("nothing runs")
    asking = asked(port)
    held.arrival()
    shown.wait_for("1 running")
    shown.type("\x03")
    shown.wait_for("stopping")
    shown.wait_until_gone("1 running")
    shown.type("\x03")
    assert shown.end() == 130
    asking.join()


@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        (("--quiet",), {}),
        (("--json-logs",), {}),
        ((), {"TERM": "dumb"}),
    ],
)
def test_no_view_where_none_is_wanted(
    terminal: Open,
    provider: RunningSimulator,
    port: int,
    flags: tuple[str, ...],
    environ: dict[str, str],
) -> None:
    shown = terminal("serve", *flags, columns=80, environ=environ)
    shown.wait_for(f"http://127.0.0.1:{port}")
    message(f"http://127.0.0.1:{port}")
    assert shown.end(signal.SIGINT) == 0
    assert "nothing runs" not in shown.text
    assert "CODE" not in shown.text
    assert "\x1b[K" not in shown.written


def test_no_colour_where_none_is_wanted(terminal: Open, provider: RunningSimulator) -> None:
    shown = terminal("serve", columns=80, environ={"NO_COLOR": "1"})
    shown.wait_for("nothing runs")
    assert shown.end(signal.SIGINT) == 0
    assert "m" not in {part[-1] for part in shown.written.split("\x1b[")[1:] for part in [part[:3]]}


def test_the_log_follows_with_the_same_line_below(
    terminal: Open, background: Background, held: Held, port: int
) -> None:
    shown = terminal("log", "-f", columns=80)
    shown.wait_for("the gateway does not run; waiting for one")
    background.gateway(Options(port=port))
    shown.wait_for("nothing runs | today 0")
    asking = asked(port)
    visit = held.arrival()
    shown.wait_for("1 running: ")
    held.answer(visit)
    asking.join()
    shown.wait_for(" 200 ")
    shown.wait_for("nothing runs")
    background.stop()
    shown.wait_for("waiting for one", times=2)
    assert "nothing runs" not in shown.text
    shown.type("\x03")
    assert shown.end() == 130


def test_a_pipe_beside_a_terminal_gets_plain_rows(
    terminal: Open, background: Background, provider: RunningSimulator, port: int
) -> None:
    background.gateway(Options(port=port))
    message(f"http://127.0.0.1:{port}")
    shown = terminal("log", "-f", columns=80, stdout=subprocess.PIPE)
    assert shown.process.stdout is not None
    with io.TextIOWrapper(cast(Any, shown.process.stdout), encoding="utf-8") as pipe:
        row = Lines(pipe).wait_for(" 200 ")
        assert "\x1b" not in row
        assert "req_" in row
        assert shown.end(signal.SIGINT) == 130
    assert "\x1b[K" not in shown.written
