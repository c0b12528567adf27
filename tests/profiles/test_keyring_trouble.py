"""Every bad situation of a keyring has its own words and a way out that works there."""

from __future__ import annotations

import pytest

from gwproxy.errors import EXIT_CREDENTIAL
from gwproxy.profiles.keyring_trouble import (
    Asker,
    KeyringTrouble,
    KeyringTroubleKind,
    Situation,
    explain,
    key_variable,
)

ASKER = Asker("my-kimi")
ANYWHERE = Situation()


def explained(
    trouble: KeyringTroubleKind, situation: Situation = ANYWHERE, detail: str = ""
) -> tuple[str, str, str]:
    error = explain(KeyringTrouble(trouble, detail), ASKER, situation)
    assert error.exit_code == EXIT_CREDENTIAL
    return error.what, error.why, error.hint


@pytest.mark.parametrize("trouble", list(KeyringTroubleKind))
def test_whatever_it_is_there_are_three_other_places_for_the_key(
    trouble: KeyringTroubleKind,
) -> None:
    what, _, hint = explained(trouble, detail="10 s")
    assert what
    assert "GWPROXY_KEY_MY_KIMI" in hint
    assert "gwproxy profile key my-kimi --command 'pass show my-kimi'" in hint
    assert "gwproxy profile key my-kimi --file PATH" in hint
    assert "keyrings.alt" not in hint


@pytest.mark.parametrize(
    ("situation", "why", "hint"),
    [
        (Situation(ssh=True), "nobody can be asked for its password over SSH", "--unlock"),
        (Situation(desktop=True), "it asked for its password and did not get it", "try again"),
        (Situation(desktop=True, ssh=True), "nobody can be asked", "--unlock"),
        (Situation(), "there is no desktop here", "gnome-keyring-daemon --unlock"),
        (Situation(platform="darwin", ssh=True), "login keychain", "security unlock-keychain"),
    ],
)
def test_a_locked_keyring_is_unlocked_differently_everywhere(
    situation: Situation, why: str, hint: str
) -> None:
    what, said, advice = explained(KeyringTroubleKind.LOCKED, situation)
    assert what == "the keyring is locked"
    assert why in said
    assert hint in advice.splitlines()[0]


@pytest.mark.parametrize(
    ("situation", "why"),
    [
        (Situation(container=True, ssh=True), "a container has no desktop session"),
        (Situation(ssh=True), "this SSH session has no D-Bus session bus"),
        (Situation(wsl=True), "WSL has no keyring of its own"),
        (Situation(), "no D-Bus session bus (sudo, cron and services have none)"),
    ],
)
def test_no_bus_has_many_reasons(situation: Situation, why: str) -> None:
    what, said, _ = explained(KeyringTroubleKind.NO_BUS, situation)
    assert what == "there is no keyring here"
    assert why in said


def test_a_container_is_given_the_variable_and_windows_its_own_spelling() -> None:
    assert (
        "-e GWPROXY_KEY_MY_KIMI"
        in explained(KeyringTroubleKind.NO_BUS, Situation(container=True))[2]
    )
    assert (
        "$env:GWPROXY_KEY_MY_KIMI"
        in explained(KeyringTroubleKind.FAILED, Situation(platform="win32"))[2]
    )
    # never a command line with the key in it: it would stay in the shell's history
    assert "read -rs GWPROXY_KEY_MY_KIMI" in explained(KeyringTroubleKind.NO_BUS)[2]


def test_the_others_say_what_happened() -> None:
    assert "did not answer within 10 s" in explained(KeyringTroubleKind.TIMED_OUT, detail="10 s")[0]
    assert "apt install gnome-keyring" in explained(KeyringTroubleKind.NO_SERVICE)[2]
    assert "did not keep it" in explained(KeyringTroubleKind.NOT_KEPT)[0]
    assert "keyrings.alt.X" in explained(KeyringTroubleKind.UNTRUSTED, detail="keyrings.alt.X")[0]
    assert "keyring_backend" in explained(KeyringTroubleKind.UNTRUSTED)[2]
    assert explained(KeyringTroubleKind.TOO_LONG, detail="it has 1300 characters")[1] == (
        "it has 1300 characters"
    )


@pytest.mark.parametrize(
    ("environ", "field"),
    [
        ({"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, "ssh"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "container"),
        ({"WSL_DISTRO_NAME": "Debian"}, "wsl"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "desktop"),
        ({"DISPLAY": ":0"}, "desktop"),
    ],
)
def test_the_situation_is_read_from_the_environment(environ: dict[str, str], field: str) -> None:
    assert getattr(Situation.here(environ), field) is True


def test_the_variable_of_a_profile() -> None:
    assert key_variable("my-kimi-2") == "GWPROXY_KEY_MY_KIMI_2"
