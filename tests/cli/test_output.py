"""stdout is data, stderr is talk, and an error is three lines or one envelope."""

from __future__ import annotations

import io
import json
import sys

import pytest

from gwproxy.cli.drawing import Table
from gwproxy.cli.output import Output
from gwproxy.errors import ConfigError, UsageError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


TABLE = Table(("NAME", "MODEL"), (("kimi", "kimi-k2.5"), ("a-longer-name", "m[1m]")))


def test_data_and_talk_go_apart(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.line("data")
    output.talk("talk")
    output.warn("careful")
    assert capsys.readouterr() == ("data\n", "talk\nwarning: careful\n")


def test_quiet_silences_talk_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(quiet=True)
    output.line("data")
    output.talk("talk")
    output.warn("careful")
    output.fail(ConfigError("broken"))
    assert capsys.readouterr() == ("data\n", "warning: careful\nerror: broken\n")


def test_an_error_has_three_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Output().fail(ConfigError("it broke", why="line 3", hint="mend it"))
    assert capsys.readouterr() == ("", "error: it broke\nwhy: line 3\nhint: mend it\n")


def test_a_hint_with_several_ways_out_is_indented(capsys: pytest.CaptureFixture[str]) -> None:
    Output().fail(ConfigError("it broke", hint="either:\n  this\n  that"))
    assert capsys.readouterr().err == "error: it broke\nhint: either:\n    this\n    that\n"


def test_with_json_everything_is_one_envelope(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(command="profile list", json_mode=True)
    output.result({"names": ["é"]}, lambda: pytest.fail("not for people"))
    stdout, stderr = capsys.readouterr()
    assert json.loads(stdout) == {
        "version": 1,
        "command": "profile list",
        "status": "ok",
        "data": {"names": ["é"]},
        "error": None,
    }
    assert stderr == ""


def test_an_error_is_an_envelope_too(capsys: pytest.CaptureFixture[str]) -> None:
    Output(command="profile show", json_mode=True).fail(ConfigError("it broke", hint="mend it"))
    stdout, stderr = capsys.readouterr()
    assert json.loads(stdout) == {
        "version": 1,
        "command": "profile show",
        "status": "error",
        "data": None,
        "error": {"what": "it broke", "why": "", "hint": "mend it", "exit_code": 3},
    }
    assert stderr == ""


def test_a_table_is_aligned_text_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(TABLE)
    assert capsys.readouterr().out == (
        "NAME           MODEL\nkimi           kimi-k2.5\na-longer-name  m[1m]\n"
    )


def test_an_empty_table_is_a_remark_and_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(Table(("NAME",), (), empty="nothing yet"))
    assert capsys.readouterr() == ("", "nothing yet\n")


def test_words_of_others_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output, evil = Output(), "a\x1b]0;owned\x07b\x9b2Jc\rd"
    output.talk(evil)
    output.warn(evil)
    output.fail(ConfigError(evil, why=evil, hint=f"{evil}\nsecond"))
    output.item(evil, 2)
    output.finding("failed", evil, [evil])
    output.table(Table(("NAME",), ((f"{evil}\n",),)))
    output.line(evil)
    output.pairs([("name", evil)])
    output.diff(f"+{evil}")
    stdout, stderr = capsys.readouterr()
    assert not {"\x1b", "\x07", "\x9b", "\r"} & set(stdout + stderr)
    assert (stdout.count("owned"), stderr.count("owned")) == (7, 5)
    assert "\n  second\n" in stderr


def test_a_finding_has_each_way_out_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output().finding("failed", "no key", ["set one:", "  this", "  that"])
    assert capsys.readouterr().out == (
        "failed  no key\n        → set one:\n        → this\n        → that\n"
    )


def on_terminal(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> tuple[str, str]:
    stdout, stderr = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", stderr)
    # rich looks at the environment of the process by itself
    monkeypatch.setenv("TERM", environ.get("TERM", "xterm"))
    if "NO_COLOR" in environ:
        monkeypatch.setenv("NO_COLOR", environ["NO_COLOR"])
    output = Output(environ=environ)
    output.table(TABLE)
    output.fail(ConfigError("broken", why="x"))
    return stdout.getvalue(), stderr.getvalue()


def test_on_a_terminal_tables_are_drawn_and_errors_coloured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stdout, stderr = on_terminal(monkeypatch, {"TERM": "xterm-256color"})
    assert "─" in stdout
    assert "m[1m]" in stdout  # text, not markup
    assert stderr.startswith("\x1b[1;31merror:\x1b[0m broken\n")


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    stdout, stderr = on_terminal(monkeypatch, {"TERM": "xterm", **environ})
    assert "\x1b" not in stdout + stderr
    assert stderr == "error: broken\nwhy: x\n"


@pytest.mark.parametrize("ask", ["ask", "ask_secret", "confirm"])
def test_without_a_terminal_a_question_is_a_usage_error_with_its_flag(ask: str) -> None:
    output = Output(command="profile add")
    with pytest.raises(UsageError) as caught:
        getattr(output, ask)("Which", flag="--preset")
    assert caught.value.what == "this needs --preset"
    assert "gwproxy profile add --help" in caught.value.hint


def test_with_json_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("answer\n"))
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert Output().can_ask()
    assert not Output(json_mode=True).can_ask()


def test_answers_are_trimmed_defaulted_and_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked(text: str, **how: object) -> str:
        monkeypatch.setattr(sys, "stdin", Terminal(text))
        monkeypatch.setattr(sys, "stderr", Terminal())
        return Output().ask("Which", flag="--which", **how)  # type: ignore[arg-type]

    assert asked("  kimi \n") == "kimi"
    assert asked("\n\nkimi\n") == "kimi"
    assert asked("\n", default="demo") == "demo"
    assert asked("\n", optional=True) == ""
    with pytest.raises(EOFError):
        asked("")


@pytest.mark.parametrize(
    ("answer", "yes"), [("y", True), ("Yes", True), ("", False), ("n", False), ("yep", False)]
)
def test_only_a_clear_yes_is_a_yes(monkeypatch: pytest.MonkeyPatch, answer: str, yes: bool) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert Output().confirm("Really?", flag="--yes") is yes


DIFF = "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same"


def test_a_difference_is_plain_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(environ={"TERM": "xterm"})
    output.diff(DIFF)
    output.talk_diff(DIFF)
    assert capsys.readouterr() == (f"{DIFF}\n", f"{DIFF}\n")


def test_a_difference_is_coloured_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, talk = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", talk)
    output = Output(environ={"TERM": "xterm"})
    output.diff(DIFF)
    output.talk_diff(DIFF)
    assert terminal.getvalue() == talk.getvalue()
    assert terminal.getvalue().splitlines() == [
        "--- a",
        "+++ b",
        "\x1b[36m@@ -1 +1 @@\x1b[0m",
        "\x1b[31m-old\x1b[0m",
        "\x1b[32m+new\x1b[0m",
        " same",
    ]


def test_a_difference_has_no_colour_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    Output(environ={"TERM": "xterm", "NO_COLOR": "1"}).diff(DIFF)
    assert terminal.getvalue() == f"{DIFF}\n"


def test_quiet_silences_the_difference_before_a_question(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output(quiet=True).talk_diff(DIFF)
    assert capsys.readouterr() == ("", "")


def test_what_stands_behind_a_label_goes_on_below_its_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    output = Output(environ={"NO_COLOR": "1"})
    output.talk("profile    kimi: kimi-k2.5, anthropic, goes to api.kimi.com")
    output.talk("a-label-of-half-a-line  has its words below it, from the left on")
    assert screen.getvalue().splitlines() == [
        "profile    kimi: kimi-k2.5, anthropic,",
        "           goes to api.kimi.com",
        "a-label-of-half-a-line  has its words",
        "below it, from the left on",
    ]
