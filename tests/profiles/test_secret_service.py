"""The real command against a real Secret Service, in good times and in every bad one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gwproxy.simulator import KIMI_CODE
from support.background import Background, background
from support.cli import Ran, gwproxy, gwproxy_on_terminal
from support.secret_service import SecretService, missing_programs

__all__ = ["background"]

MISSING = missing_programs()

pytestmark = pytest.mark.skipif(
    bool(MISSING) or not sys.platform.startswith("linux"),
    reason=f"needs gnome-keyring, dbus and libglib2.0-bin (Debian); missing: {MISSING}",
)

KEY = "sk-kimi-canary-0123456789abcd"
OTHER = "sk-kimi-canary-9876543210wxyz"
BRISK = (
    "-c",
    "from gwproxy.profiles.oskeyring import SystemKeyring\n"
    "SystemKeyring.__init__.__kwdefaults__['timeout_s'] = 0.5\n"
    "from gwproxy.__main__ import main\n"
    "main()",
)
"""The command, which waits for a keyring half a second instead of ten."""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[SecretService]:
    service = SecretService(tmp_path)
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture
def unlocked(session: SecretService) -> SecretService:
    session.start_bus()
    session.start_daemon()
    return session


def run(session: SecretService, *arguments: str, stdin: str = "") -> Ran:
    ran = gwproxy(*arguments, stdin=stdin, whole_environ=session.environ)
    assert "canary" not in ran.stdout + ran.stderr
    return ran


ADD = ("profile", "add", "kimi", "--preset", "kimi-code", "--key-stdin")


def add(session: SecretService) -> Ran:
    return run(session, *ADD, stdin=KEY)


def in_keyring(session: SecretService) -> str:
    """What another program finds there, under the names that the documentation promises."""
    script = (
        "import secretstorage as s; c = s.dbus_init();"
        "items = list(s.get_default_collection(c).search_items("
        "{'service': 'gwproxy:kimi', 'username': 'api-key'}));"
        "print(items[0].get_secret().decode() if items else '')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=session.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_key_lives_in_the_keyring_from_add_to_delete(unlocked: SecretService) -> None:
    added = add(unlocked)
    assert (added.code, added.stdout) == (0, "")
    assert "kimi is added (anthropic); its key …abcd is in the keyring" in added.stderr
    assert in_keyring(unlocked) == KEY
    for path in Path(unlocked.environ["HOME"]).rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path

    listed = run(unlocked, "profile", "list")
    assert "…abcd  keyring" in listed.stdout

    assert run(unlocked, "profile", "key", "kimi", "--stdin", stdin=OTHER).code == 0
    assert in_keyring(unlocked) == OTHER

    assert run(unlocked, "profile", "rename", "kimi", "k2").code == 0
    assert in_keyring(unlocked) == ""
    assert "…wxyz  keyring" in run(unlocked, "profile", "list").stdout
    assert run(unlocked, "profile", "rename", "k2", "kimi").code == 0

    deleted = run(unlocked, "profile", "key", "kimi", "--delete")
    assert deleted.stderr == "the key of kimi is deleted from the keyring\n"
    assert in_keyring(unlocked) == ""
    assert (
        "no key: the keyring has none that kimi put there"
        in run(unlocked, "profile", "list").stdout
    )

    assert run(unlocked, "profile", "key", "kimi", "--stdin", stdin=OTHER).code == 0
    removed = run(unlocked, "profile", "remove", "kimi", "--yes")
    assert removed.stderr == "kimi is removed, and its key is deleted\n"
    assert in_keyring(unlocked) == ""


def assert_refused(ran: Ran, session: SecretService, what: str, why: str) -> None:
    """Exit 4, the reason, three ways out, and nothing changed."""
    lines = ran.stderr.splitlines()
    assert ran.code == 4
    assert lines[0] == f"error: {what}"
    assert lines[1].startswith(f"why: {why}")
    assert "--key-env GWPROXY_KEY_KIMI" in ran.stderr
    assert "--key-command 'pass show kimi'" in ran.stderr
    assert "--key-file PATH" in ran.stderr
    assert not (Path(session.environ["GWPROXY_HOME"]) / "config.toml").exists()


def test_a_locked_keyring(unlocked: SecretService) -> None:
    unlocked.lock()
    assert_refused(add(unlocked), unlocked, "the keyring is locked", "there is no desktop here")


def test_a_machine_on_which_nobody_ever_made_a_keyring(session: SecretService) -> None:
    session.start_bus()
    session.start_daemon(unlock=False)
    assert_refused(add(session), session, "the keyring is locked", "there is no desktop here")


def test_a_bus_without_a_daemon(session: SecretService) -> None:
    session.start_bus()
    what = "no keyring service runs in this session"
    assert_refused(add(session), session, what, "the session bus answers")


def test_no_bus(session: SecretService) -> None:
    assert_refused(add(session), session, "there is no keyring here", "")


def test_a_daemon_that_dies(unlocked: SecretService) -> None:
    unlocked.stop_daemon()
    what = "no keyring service runs in this session"
    assert_refused(add(unlocked), unlocked, what, "the session bus answers")


def test_a_daemon_that_hangs(unlocked: SecretService) -> None:
    unlocked.freeze()
    ran = gwproxy(*ADD, stdin=KEY, whole_environ=unlocked.environ, program=BRISK)
    assert_refused(ran, unlocked, "the keyring did not answer within 0.5 s", "its service hangs")


def test_a_list_survives_a_locked_keyring(unlocked: SecretService) -> None:
    add(unlocked)
    unlocked.lock()
    listed = run(unlocked, "profile", "list")
    assert listed.code == 0
    assert "the keyring is locked" in listed.stdout


def test_poetrys_setting_does_not_send_the_key_nowhere(unlocked: SecretService) -> None:
    environ = unlocked.environ | {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    assert gwproxy(*ADD, stdin=KEY, whole_environ=environ).code == 0
    assert in_keyring(unlocked) == KEY


def test_a_key_that_a_locked_keyring_kept_never_reaches_the_next_profile(
    unlocked: SecretService,
) -> None:
    add(unlocked)
    unlocked.lock()
    assert run(unlocked, "profile", "rename", "kimi", "k2").code == 4
    removed = run(unlocked, "profile", "remove", "kimi", "--yes")
    assert removed.code == 0
    assert "it is used no more, and deleted when the keyring can be opened" in removed.stderr
    unlocked.stop_daemon()
    unlocked.start_daemon()
    assert in_keyring(unlocked) == KEY
    again = ("profile", "add", "kimi", "--preset", "strongwall", "--key-env", "WALL")
    assert run(unlocked, *again).code == 0
    refused = run(unlocked, "models", "kimi")
    assert (refused.code, refused.stdout) == (4, "")
    assert "there is no key for the profile kimi" in refused.stderr
    assert run(unlocked, "profile", "list").code == 0
    assert in_keyring(unlocked) == ""


def test_what_an_earlier_profile_left_is_not_adopted(unlocked: SecretService) -> None:
    add(unlocked)
    (Path(unlocked.environ["GWPROXY_HOME"]) / "config.toml").unlink()
    again = ("profile", "add", "kimi", "--preset", "strongwall", "--key-env", "WALL")
    assert run(unlocked, *again).code == 0
    assert run(unlocked, "models", "kimi").code == 4
    assert in_keyring(unlocked) == KEY


def test_init_offers_the_keyring_first_and_keeps_the_key_in_it(
    unlocked: SecretService, background: Background, tmp_path: Path
) -> None:
    url = background.provider(KIMI_CODE, key=KEY).anthropic_url
    ran = gwproxy_on_terminal(
        *("init", "--name", "kimi", "--preset", "kimi-code", "--anthropic-url", url),
        *("--start", "run"),
        answers=["1", KEY],
        environ=unlocked.environ | {"GWPROXY_HOME": str(tmp_path / "home")},
    )
    assert ran.code == 0, ran
    assert "  1  keyring  " in ran.stderr
    assert "canary" not in ran.stdout + ran.stderr
    assert in_keyring(unlocked) == KEY
