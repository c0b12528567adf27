"""`gwproxy ui`: a browser is led to the page once, and the code is nowhere that others can read."""

from __future__ import annotations

import json
import re
import stat
import sys
import urllib.request
from pathlib import Path

import pytest

from gwproxy.cli.ui import _has_a_screen
from gwproxy.profiles.secret import Secret
from gwproxy.proxy.serving import Options, RunningGateway
from support.background import Background
from support.cli import InProcess, Ran, gwproxy

pytestmark = pytest.mark.usefixtures("port")

LINK = re.compile(r"http://127\.0\.0\.1:\d+/ui/#code=([\w-]{40,})")

BROWSER = """\
import json, pathlib, sys
pathlib.Path({seen!r}).write_text(json.dumps(sys.argv[1:]))
sys.exit({code})
"""


@pytest.fixture
def gateway(background: Background, port: int) -> RunningGateway:
    return background.gateway(Options(port=port, default_profile="demo"))


@pytest.fixture
def browser(tmp_path: Path) -> Path:
    """Where the browser that is set up writes down what it was called with."""
    seen = tmp_path / "seen.json"
    (tmp_path / "browser.py").write_text(BROWSER.format(seen=str(seen), code=0))
    return seen


def opened(browser: Path, *arguments: str) -> Ran:
    program = f"{sys.executable} {browser.with_name('browser.py')} %s"
    return gwproxy("ui", *arguments, environ={"BROWSER": program})


def enter(gateway: RunningGateway, code: str) -> int:
    """The status of a page that comes with `code`."""
    request = urllib.request.Request(
        f"{gateway.url}/ui/api/enter",
        json.dumps({"code": code}).encode(),
        {"Origin": gateway.url, "Sec-Fetch-Site": "same-origin"},
    )
    try:
        with urllib.request.urlopen(request) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def code_in(file: Path) -> str:
    """The one code that `file` leads to the page with."""
    (code,) = set(LINK.findall(file.read_text()))
    return str(code)


def test_a_browser_is_given_a_file_of_ours_and_no_code(
    gateway: RunningGateway, gwproxy_home: Path, browser: Path
) -> None:
    ran = opened(browser)
    file = gwproxy_home / "ui.html"
    assert (ran.code, ran.stdout) == (0, f"{gateway.url}/ui/ is open in your browser\n")
    assert json.loads(browser.read_text()) == [file.as_uri()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code = code_in(file)
    assert code not in ran.stdout + ran.stderr
    assert (
        f'http-equiv="refresh" content="0; url={gateway.url}/ui/#code={code}"' in file.read_text()
    )
    assert [enter(gateway, code), enter(gateway, code)] == [200, 403]


def test_each_call_has_a_code_of_its_own(gateway: RunningGateway, gwproxy_home: Path) -> None:
    codes = []
    for _ in range(2):
        assert gwproxy("ui", "--no-browser").code == 0
        codes.append(code_in(gwproxy_home / "ui.html"))
    assert codes[0] != codes[1]
    assert [enter(gateway, code) for code in codes] == [200, 200], "a page that is open stays"


def test_without_a_browser_the_file_is_told_and_the_way_by_ssh(
    command: InProcess, gateway: RunningGateway, gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.7 22")
    monkeypatch.setenv("LOGNAME", "me")
    for flags, first in ((("--no-browser",), ""), ((), "no browser could be opened here")):
        ran = command("ui", *flags)
        assert (ran.code, ran.stdout) == (0, f"{gwproxy_home / 'ui.html'}\n")
        assert ran.stderr.startswith(first)
        assert f"ssh -L {gateway.port}:127.0.0.1:{gateway.port} me@192.0.2.7\n" in ran.stderr
        assert ran.stderr.endswith("next: gwproxy ui --link\n")
        assert code_in(gwproxy_home / "ui.html") not in ran.stdout + ran.stderr


def test_the_code_is_printed_to_who_asks_for_it(
    command: InProcess, gateway: RunningGateway, gwproxy_home: Path
) -> None:
    ran = command("ui", "--link")
    match = LINK.fullmatch(ran.stdout.rstrip("\n"))
    assert ran.code == 0 and match is not None
    assert not (gwproxy_home / "ui.html").exists()
    assert enter(gateway, match[1]) == 200
    assert command("ui", "--link", "--no-browser").code == 2


def test_as_json(command: InProcess, gateway: RunningGateway, gwproxy_home: Path) -> None:
    data = command("ui", "--no-browser", "--json").envelope["data"]
    file = str(gwproxy_home / "ui.html")
    url = f"{gateway.url}/ui/"
    assert data == {"url": url, "file": file, "opened": False, "link": None}
    data = command("ui", "--link", "--json").envelope["data"]
    assert data == {"url": url, "file": None, "opened": False, "link": data["link"]}
    assert LINK.fullmatch(data["link"])


def test_a_browser_that_fails_is_none(
    gateway: RunningGateway, gwproxy_home: Path, browser: Path
) -> None:
    browser.with_name("browser.py").write_text(BROWSER.format(seen=str(browser), code=3))
    ran = opened(browser)
    assert (ran.code, ran.stdout) == (0, f"{gwproxy_home / 'ui.html'}\n")
    assert browser.exists() and "no browser could be opened here" in ran.stderr


@pytest.mark.parametrize(
    ("environ", "platform", "there"),
    [
        ({}, "linux", False),  # lynx would be found there
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"BROWSER": "w3m"}, "linux", True),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_a_browser_needs_a_screen(environ: dict[str, str], platform: str, there: bool) -> None:
    assert _has_a_screen(environ, platform) is there


# --- what can be wrong ---------------------------------------------------------------------------


def test_nothing_runs(command: InProcess, port: int, gwproxy_home: Path) -> None:
    ran = command("ui")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"error: gwproxy does not run at http://127.0.0.1:{port}\n")
    assert ran.stderr.endswith("hint: gwproxy serve\n")
    assert not (gwproxy_home / "ui.html").exists()


def test_a_server_that_others_can_reach_has_no_page(
    command: InProcess, background: Background, port: int
) -> None:
    background.gateway(Options(port=port, default_profile="demo", allow_remote=True))
    ran = command("ui")
    assert (ran.code, ran.stdout) == (1, "")
    assert "why: the inspector is not there for a server that other machines can" in ran.stderr


def test_a_server_with_another_token(command: InProcess, background: Background, port: int) -> None:
    another = Secret("of-another-gateway-012345")
    background.gateway(Options(port=port, default_profile="demo", read_token=lambda: another))
    ran = command("ui")
    assert (ran.code, ran.stdout) == (4, "")
    assert "has another token" in ran.stderr


def test_a_server_of_an_older_version(
    command: InProcess, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gwproxy.proxy.inbound import endpoints

    monkeypatch.delitem(endpoints._KNOWN, "/ui")
    endpoints.address_of.cache_clear()
    ran = command("ui")
    endpoints.address_of.cache_clear()
    assert (ran.code, ran.stdout) == (5, "")
    assert "does not know /v1/ui\nwhy: it may be of an older version\n" in ran.stderr
