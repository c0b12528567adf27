"""`gwproxy run`: one child, one gateway, its terminal, its signals, its exit code."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from gwproxy.simulator import DEMO, PlayedRefusal
from support.background import Background
from support.cli import InProcess, Ran, environment, gwproxy, gwproxy_on_terminal

posix = pytest.mark.skipif(os.name != "posix", reason="signals and terminals of POSIX")

# What a child sees of the run, as one line of JSON.
REPORT = """\
import json, os, sys, urllib.request
arguments = sys.argv[1:]
files = {word: open(word).read() for word in [*arguments, *os.environ.values()]
         if word.startswith("/") and "/run/" in word and os.path.isfile(word)}
modes = {word: os.stat(word).st_mode & 0o777 for word in files}
base = os.environ.get("ANTHROPIC_BASE_URL") or os.environ.get("GW_BASE", "")
answer = None
if base:
    body = {"model": "any", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    request = urllib.request.Request(base + "/v1/messages", json.dumps(body).encode(), {
        "content-type": "application/json", "anthropic-version": "2023-06-01",
        "authorization": "Bearer " + (os.environ.get("ANTHROPIC_AUTH_TOKEN")
                                      or os.environ["ANTHROPIC_API_KEY"])})
    answer = json.load(urllib.request.urlopen(request))["type"]
print(json.dumps({"arguments": arguments, "environ": dict(os.environ), "files": files,
                  "modes": modes, "answer": answer}))
"""


@pytest.fixture
def child(tmp_path: Path) -> Path:
    script = tmp_path / "child.py"
    script.write_text(REPORT)
    return script


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs, before all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    program = folder / "claude"
    program.write_text(f"#!{sys.executable}\n{REPORT}")
    program.chmod(0o755)
    return folder


def demo(*command: str, **environ: str) -> Ran:
    return gwproxy("run", "--profile", "demo", "--", *command, environ=environ)


def report(ran: Ran) -> dict[str, Any]:
    assert ran.code == 0, ran
    return dict(json.loads(ran.stdout))


def test_a_program_gets_a_gateway_of_its_own(gwproxy_home: Path, child: Path) -> None:
    ran = demo(
        sys.executable,
        str(child),
        "--flag",
        "a b",
        GWPROXY_KEY_KIMI="sk-kimi-x",
        GWPROXY_TOKEN="t" * 20,
    )
    said = report(ran)
    assert said["answer"] == "message"
    assert said["arguments"] == ["--flag", "a b"]
    environ = said["environ"]
    assert environ["OPENAI_BASE_URL"] == environ["ANTHROPIC_BASE_URL"] + "/v1"
    assert environ["OPENAI_API_KEY"] == environ["ANTHROPIC_API_KEY"] != "t" * 20
    assert "127.0.0.1" in environ["NO_PROXY"].split(",")
    # No key of any provider, and no token of another gateway.
    assert not {"GWPROXY_KEY_KIMI", "GWPROXY_TOKEN"} & environ.keys()
    assert ran.stderr.startswith("demo at http://127.0.0.1:")
    # It ends with the child, and leaves its log and a line about what passed through.
    (log,) = (gwproxy_home / "run-logs").iterdir()
    assert "anthropic → demo" in log.read_text()
    assert ran.stderr.splitlines()[-1].startswith("gwproxy: 1 exchange, ")
    assert ran.stderr.endswith(f" (log: {log})\n")
    assert list((gwproxy_home / "run").iterdir()) == []
    assert not (gwproxy_home / "token").exists()
    with pytest.raises(URLError, match="refused"):
        urlopen(environ["ANTHROPIC_BASE_URL"] + "/healthz", timeout=5)


def test_the_variable_that_a_profile_names_for_its_key_is_kept_from_the_program(
    gwproxy_home: Path, child: Path
) -> None:
    flags = ("--preset", "kimi-code", "--key-env", "MY_KIMI_KEY")
    assert gwproxy("profile", "add", "kimi", *flags).code == 0
    environ = report(demo(sys.executable, str(child), MY_KIMI_KEY="sk-kimi-x", MINE="1"))["environ"]
    assert "MY_KIMI_KEY" not in environ
    assert environ["MINE"] == "1"


def test_the_exit_code_is_passed_through(gwproxy_home: Path) -> None:
    assert demo(sys.executable, "-c", "raise SystemExit(7)").code == 7


@posix
def test_a_death_by_signal_is_told_as_a_shell_tells_it(gwproxy_home: Path) -> None:
    ran = demo(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    assert ran.code == 128 + signal.SIGKILL


def test_flags_behind_the_program_are_the_programs(gwproxy_home: Path, child: Path) -> None:
    ran = gwproxy("run", "--profile", "demo", sys.executable, str(child), "-p", "hi", "--help")
    assert report(ran)["arguments"] == ["-p", "hi", "--help"]


def test_a_program_that_is_not_there_is_a_usage_error(
    command: InProcess, gwproxy_home: Path
) -> None:
    ran = command("run", "--profile", "demo", "--", "no-such-program")
    assert ran.code == 2
    assert ran.stderr.startswith("error: there is no program 'no-such-program'\n")


@posix
@pytest.mark.parametrize("content", [b"#!/no/such/interpreter\n", b"\0\1"])
def test_a_program_that_does_not_start_is_a_usage_error(
    gwproxy_home: Path, tmp_path: Path, content: bytes
) -> None:
    program = tmp_path / "broken"
    program.write_bytes(content)
    program.chmod(0o755)
    ran = demo(str(program))
    assert ran.code == 2
    assert f"error: {program} does not start\n" in ran.stderr
    assert list((gwproxy_home / "run").iterdir()) == []


def test_without_a_profile_nothing_is_started(command: InProcess, gwproxy_home: Path) -> None:
    ran = command("run", "--", sys.executable)
    assert (ran.code, ran.stdout) == (3, "")


def test_the_log_goes_where_it_is_asked_to(gwproxy_home: Path, child: Path, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    ran = gwproxy("run", "--profile", "demo", "--log", str(log), "--", sys.executable, str(child))
    assert ran.stderr.endswith(f" (log: {log})\n")
    assert not (gwproxy_home / "run-logs").exists()
    assert "anthropic → demo" in log.read_text()
    assert os.name != "posix" or log.stat().st_mode & 0o777 == 0o600
    assert report(ran)["environ"]["ANTHROPIC_API_KEY"] not in log.read_text()


def test_a_key_that_comes_back_is_not_in_the_log(
    gwproxy_home: Path, child: Path, tmp_path: Path, background: Background
) -> None:
    key = "short-key-1"  # too short to be taken out of every answer
    provider = background.provider(DEMO)
    provider.will(PlayedRefusal(400, f"what is {key}?"))
    flags = ("--openai-url", provider.openai_url, "--model", "demo-1", "--key-env", "UP_KEY")
    assert gwproxy("profile", "add", "up", *flags).code == 0
    log = tmp_path / "run.log"
    run = ("run", "--log", str(log), "--", sys.executable, str(child))
    gwproxy(*run, environ={"UP_KEY": key})
    assert "what is [masked]?" in log.read_text()
    assert key not in log.read_text()


def test_claude_code_gets_settings_that_outrank_its_own(gwproxy_home: Path, programs: Path) -> None:
    ran = demo("claude", "-p", "hi", CLAUDE_CODE_USE_BEDROCK="1")
    assert "warning: CLAUDE_CODE_USE_BEDROCK is set in your shell" in ran.stderr
    said = report(ran)
    flag, file, *rest = said["arguments"]
    assert (flag, rest) == ("--settings", ["-p", "hi"])
    env = json.loads(said["files"][file])["env"]
    assert env["ANTHROPIC_BASE_URL"] == said["environ"]["ANTHROPIC_BASE_URL"]
    assert env["ANTHROPIC_AUTH_TOKEN"] == said["environ"]["ANTHROPIC_AUTH_TOKEN"]
    assert env["ANTHROPIC_MODEL"] == "demo-1"
    assert env["ANTHROPIC_AUTH_TOKEN"] not in " ".join(said["arguments"])
    assert said["modes"][file] == 0o600
    assert said["answer"] == "message"
    # What it names to be resumed with leads nowhere else, and our hint to a new gateway.
    assert json.loads(Path(file).read_text()) == {}
    assert ran.stderr.endswith("resume: gwproxy run --profile demo -- claude --continue\n")


def test_two_runs_with_two_profiles_do_not_meet(
    gwproxy_home: Path, child: Path, command: InProcess
) -> None:
    for name in ("one", "two"):
        command("profile", "add", name, "--preset", "demo", "--model", f"model-{name}")
    starts = [background(name, sys.executable, str(child)) for name in ("one", "two")]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in starts]
    assert [each["environ"]["ANTHROPIC_MODEL"] for each in said] == ["model-one", "model-two"]
    assert [each["answer"] for each in said] == ["message", "message"]
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"):
        assert len({each["environ"][name] for each in said}) == 2


def background(profile: str, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gwproxy", "run", "--profile", profile, "--", *command],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@contextmanager
def started(script: str) -> Iterator[subprocess.Popen[str]]:
    """A run whose child has said that it is ready."""
    with background("demo", sys.executable, "-c", script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_us_reaches_the_child(gwproxy_home: Path, name: str) -> None:
    script = (
        "import signal, sys\n"
        f"signal.signal(signal.{name}, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    with started(script) as process:
        process.send_signal(getattr(signal, name))
        assert process.wait(timeout=60) == 5
    assert list((gwproxy_home / "run").iterdir()) == []


@posix
def test_ctrl_c_is_for_the_child_to_act_upon(gwproxy_home: Path) -> None:
    script = (
        "import sys\n"
        "def ask():\n"
        "    print('press: ', end='', file=sys.stderr, flush=True)\n"
        "    while not (line := sys.stdin.readline().strip()): pass\n"
        "    return line\n"
        "try:\n"
        "    ask()\n"
        "except KeyboardInterrupt:\n"
        "    print('caught it, going on')\n"
        "print('heard', ask(), sys.stdin.isatty())\n"
    )
    ran = gwproxy_on_terminal(
        "run", "--profile", "demo", "--", sys.executable, "-c", script, answers=["\x03", "yes"]
    )
    assert (ran.code, ran.stdout) == (0, "caught it, going on\nheard yes True\n")


@posix
@pytest.mark.skipif(not hasattr(os, "waitid"), reason="macOS before Python 3.13")
def test_a_child_that_suspends_itself_suspends_the_run(gwproxy_home: Path) -> None:
    script = (
        "import os, signal\n"
        "print('ready', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGSTOP)\n"
        "print('again', flush=True)\n"
    )
    with started(script) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)
        assert process.stdout is not None
        assert process.stdout.readline() == "again\n"
        assert process.wait(timeout=60) == 0


@posix
def test_what_a_killed_run_left_behind_is_swept(gwproxy_home: Path) -> None:
    with started("print('ready', flush=True); input()") as process:
        (folder,) = (gwproxy_home / "run").iterdir()
        assert folder.name == str(process.pid)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        process.kill()
    assert folder.exists()
    demo(sys.executable, "-c", "pass")
    assert list((gwproxy_home / "run").iterdir()) == []
