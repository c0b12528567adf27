"""`gwproxy serve` as a process: what it says, what it refuses, how it stops."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from gwproxy.simulator import KIMI_CODE, Delivery
from support.background import Background
from support.cli import InProcess, environment, gwproxy
from support.serving import PATIENCE_S, Serve, serve

__all__ = ["serve"]

MESSAGE = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}


def test_the_demo_needs_nothing(serve: Serve) -> None:
    serving = serve("--profile", "demo")
    assert serving.url.startswith("http://127.0.0.1:")
    serving.wait_for("profile    demo: demo-1")
    serving.wait_for("next       gwproxy setup claude-code")
    assert "no key needed" in serving.wait_for("key ")
    status, answer = serving.ask("/v1/messages", MESSAGE)
    assert status == 200
    assert "simulated provider" in json.dumps(answer)
    line = serving.wait_for("anthropic → demo:anthropic")
    assert " 200 " in line
    assert "req_" in line
    ran = serving.stop()
    assert ran.code == 0
    assert ran.stdout == ""
    assert "stopping" in ran.stderr


def test_a_profile_of_the_user(
    serve: Serve, background: Background, gwproxy_home: Path, kimi_key: str
) -> None:
    provider = background.provider(KIMI_CODE, key=kimi_key)
    config = f'[profiles.kimi]\npreset = "kimi-code"\nanthropic_url = "{provider.anthropic_url}"\n'
    (gwproxy_home / "config.toml").write_text(config)
    serving = serve("--json-logs", environ={"GWPROXY_KEY_KIMI": kimi_key})
    line = serving.wait_for("key ")
    assert "environment variable GWPROXY_KEY_KIMI" in line
    assert f"…{kimi_key[-4:]}" in line
    status, answer = serving.ask("/v1/messages", MESSAGE)
    assert status == 200
    assert answer["model"] == "m"
    fields = json.loads(serving.wait_for('"event": "exchange"'))
    assert fields["profile"] == "kimi"
    assert fields["model_used"] == "kimi-k2.5"
    assert fields["status"] == 200
    assert kimi_key not in serving.stop().stderr
    assert len(provider.generations) == 1


def test_the_banner_shows_every_host_that_a_profile_goes_to(
    serve: Serve, gwproxy_home: Path
) -> None:
    gwproxy_home.mkdir(mode=0o700, exist_ok=True)
    addresses = 'anthropic_url = "https://half.example"\nopenai_url = "https://other.example/v1"\n'
    (gwproxy_home / "config.toml").write_text(
        f'default = "two"\n[profiles.two]\n{addresses}model = "m"\nkey = "none"\n'
        f'[profiles.three]\n{addresses}model = "m"\nkey = "none"\n'
        '[profiles.inside]\npreset = "demo"\n'
    )
    serving = serve()
    both = "half.example and other.example"
    assert both in serving.wait_for("profile    two: m, ")
    assert both in serving.wait_for("also       three, ")
    assert "which is built in" in serving.wait_for("also       inside, ")


@pytest.fixture
def kimi_key(gwproxy_home: Path) -> str:
    gwproxy_home.mkdir(mode=0o700, exist_ok=True)
    return "sk-kimi-0123456789abcdef-for-tests"


def test_a_missing_key_is_said_and_does_not_keep_anybody_waiting(
    serve: Serve, gwproxy_home: Path, kimi_key: str
) -> None:
    config = '[profiles.kimi]\npreset = "kimi-code"\nkey_env = "NO_SUCH_VARIABLE"\n'
    (gwproxy_home / "config.toml").write_text(config)
    serving = serve()
    assert "NO_SUCH_VARIABLE" in serving.wait_for("warning:")
    status, answer = serving.ask("/v1/messages", MESSAGE)
    assert status == 503
    assert "gwproxy profile key kimi" in answer["error"]["message"]
    assert serving.stop().code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_answers_that_run_may_end(
    serve: Serve, background: Background, gwproxy_home: Path, number: signal.Signals
) -> None:
    provider, serving = slow_provider(serve, background, gwproxy_home, gap_s=0.2)
    answers: list[tuple[int, dict[str, Any]]] = []
    asking = threading.Thread(target=lambda: answers.append(serving.ask("/v1/messages", MESSAGE)))
    asking.start()
    background.do(provider.arrival())
    ran = serving.stop(number)
    asking.join(PATIENCE_S)
    assert ran.code == 0
    assert [status for status, _ in answers] == [200]


def slow_provider(serve: Serve, background: Background, home: Path, *, gap_s: float) -> Any:
    provider = background.provider()
    provider.will(Delivery(head_after_s=gap_s))
    home.mkdir(mode=0o700, exist_ok=True)
    config = (
        f'[profiles.p]\nanthropic_url = "{provider.anthropic_url}"\nmodel = "m"\nkey = "none"\n'
    )
    (home / "config.toml").write_text(config)
    return provider, serve()


def test_a_second_signal_ends_at_once(
    serve: Serve, background: Background, gwproxy_home: Path
) -> None:
    provider, serving = slow_provider(serve, background, gwproxy_home, gap_s=3600)

    def ask() -> None:
        with pytest.raises(OSError):
            serving.ask("/v1/messages", MESSAGE)

    asking = threading.Thread(target=ask)
    asking.start()
    background.do(provider.arrival())
    serving.process.send_signal(signal.SIGINT)
    serving.wait_for("stopping")
    assert serving.stop().code == 130
    asking.join(PATIENCE_S)


def test_a_taken_port_names_its_holder(serve: Serve) -> None:
    serving = serve("--profile", "demo")
    port = serving.url.rpartition(":")[2]
    ran = gwproxy("serve", "--profile", "demo", "--port", port)
    assert ran.code == 3
    assert f"port {port} of 127.0.0.1 is taken" in ran.stderr
    assert "a gwproxy" in ran.stderr
    if sys.platform == "linux":
        assert f"process {serving.process.pid}" in ran.stderr


def test_word_is_left_while_it_runs(serve: Serve, gwproxy_home: Path) -> None:
    serving = serve("--profile", "demo")
    serving.wait_for("listening")
    word = json.loads((gwproxy_home / "server.json").read_text())
    assert word["url"] == serving.url
    assert word["pid"] == serving.process.pid
    serving.stop()
    assert not (gwproxy_home / "server.json").exists()


def test_of_two_the_one_that_stays_is_still_found(
    serve: Serve, command: InProcess, gwproxy_home: Path
) -> None:
    for ends_first in (0, 1):
        both = [serve("--profile", "demo") for _ in range(2)]
        for serving in both:
            serving.wait_for("listening")
        both.pop(ends_first).stop()
        (stays,) = both
        assert command("status", "--json").envelope["data"]["url"] == stays.url
        assert f"stopped {stays.url}" in command("stop").stdout
        assert not list(gwproxy_home.glob("server*.json"))


def test_setup_writes_the_address_at_which_it_runs(
    serve: Serve, command: InProcess, tmp_path: Path
) -> None:
    """`serve` says «next: gwproxy setup claude-code»: that must work after `--port`, too."""
    serving = serve("--profile", "demo")
    serving.wait_for("listening")
    ask = ("setup", "claude-code", "--profile", "demo", "--home", str(tmp_path), "--dry-run")
    ran = command(*ask)
    assert f'"ANTHROPIC_BASE_URL": "{serving.url}/profiles/demo"' in ran.stdout
    assert f"the gateway runs at {serving.url.removeprefix('http://')}" in ran.stderr
    serving.stop()
    ran = command(*ask)
    assert '"ANTHROPIC_BASE_URL": "http://127.0.0.1:4979/profiles/demo"' in ran.stdout
    assert ran.stderr == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2"])
def test_other_machines_only_when_asked_for(command: InProcess, host: str) -> None:
    ran = command("serve", "--profile", "demo", "--host", host)
    assert ran.code == 2
    assert "--allow-remote" in ran.stderr


def test_allowed_remote_still_checks_names(serve: Serve) -> None:
    serving = serve("--profile", "demo", "--host", "0.0.0.0", "--allow-remote")
    port = int(serving.url.rpartition(":")[2])
    assert "serve.allowed_hosts" in serving.wait_for("warning:")
    url = f"http://127.0.0.1:{port}/healthz"
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        assert answer.status == 200
    request = urllib.request.Request(url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=PATIENCE_S)
    with caught.value:
        assert caught.value.code == 403


def test_nothing_to_serve_is_said_with_the_way_out(command: InProcess) -> None:
    ran = command("serve")
    assert ran.code == 3
    assert "gwproxy profile add" in ran.stderr
    ran = command("serve", "--profile", "nobody")
    assert ran.code == 3
    assert "nobody" in ran.stderr


def test_a_choice_of_profiles_needs_a_default(command: InProcess, gwproxy_home: Path) -> None:
    gwproxy_home.mkdir(mode=0o700)
    text = '[profiles.a]\npreset = "kimi-code"\n[profiles.b]\npreset = "strongwall"\n'
    (gwproxy_home / "config.toml").write_text(text)
    ran = command("serve")
    assert ran.code == 3
    assert "gwproxy profile use a" in ran.stderr


def test_a_wrong_log_level(command: InProcess) -> None:
    ran = command("serve", "--profile", "demo", "--log-level", "loud")
    assert ran.code == 2
    assert "debug or info or warning or error" in ran.stderr


def test_quiet_says_nothing_but_the_address(serve: Serve) -> None:
    serving = serve("--profile", "demo", "--quiet")
    assert serving.ask("/v1/messages", MESSAGE)[0] == 200
    ran = serving.stop()
    assert (ran.code, ran.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of POSIX processes")
def test_no_core_dumps_and_enough_files(serve: Serve) -> None:
    if not Path("/proc/self/limits").exists():
        pytest.skip("only Linux shows a process' limits to others")
    serving = serve("--profile", "demo")
    limits = Path(f"/proc/{serving.process.pid}/limits").read_text()
    values = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
    assert values["Max core file size"] == ["0", "0"]
    soft, hard = values["Max open files"]
    assert int(soft) >= min(8192, int(hard) if hard.isdigit() else 8192)


@pytest.mark.usefixtures("port")
def test_setup_says_to_start_the_gateway_only_where_none_runs(
    serve: Serve, command: InProcess, tmp_path: Path
) -> None:
    serving = serve("--profile", "demo")
    # Meant also where no profile is named, while there is none and the demo runs.
    assert serving.wait_for("next").endswith(" --profile demo\n")
    ask = ("setup", "claude-code", "--yes", "--home")
    assert "next: claude\n" in command(*ask, str(tmp_path / "one")).stderr
    serving.stop()
    ran = command(*ask, str(tmp_path / "two"), "--profile", "demo")
    assert "next: gwproxy serve --profile demo\nthen: claude\n" in ran.stderr
    assert command(*ask, str(tmp_path / "three")).code == 3

    serving = serve("--profile", "demo")
    assert serving.wait_for("tools").endswith(" claude-code: set up already\n")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pipe has the size that it has")
@pytest.mark.parametrize("ever", [True, False])
def test_a_log_that_nobody_reads_keeps_nobody_waiting(gwproxy_home: Path, ever: bool) -> None:
    """`ever`: at the end somebody reads it, and finds all lines."""
    with subprocess.Popen(
        [sys.executable, "-m", "gwproxy", "serve", "--profile", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pipesize=4096,
        text=True,
        encoding="utf-8",
        env=environment(),
    ) as process:
        try:
            assert process.stdout is not None
            host = process.stdout.readline().strip().removeprefix("http://")
            connection = http.client.HTTPConnection(host, timeout=PATIENCE_S)
            with contextlib.closing(connection):
                for _ in range(100):  # some 25 kB
                    connection.request("POST", "/v1/messages", b"{}", {"x-api-key": "wrong"})
                    response = connection.getresponse()
                    assert response.status == 401
                    response.read()
            process.terminate()
            if ever:
                said = process.communicate(timeout=PATIENCE_S)[1].splitlines()
                assert sum(" 401  " in line for line in said) == 100
                assert said[-1].startswith("stopping")
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
