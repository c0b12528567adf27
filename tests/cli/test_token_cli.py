"""`gwproxy token`: one line, at once, without the keyring."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import InProcess, gwproxy


def test_the_token_alone_is_on_stdout(command: InProcess) -> None:
    first = command("token")
    assert (first.code, first.stderr) == (0, "")
    assert first.stdout.count("\n") == 1
    assert len(first.stdout.strip()) == 43
    assert command("token").stdout == first.stdout
    assert command("token", "--json").envelope["data"] == {"token": first.stdout.strip()}


def test_rotating_says_what_to_do_next(command: InProcess) -> None:
    old = command("token").stdout
    new = command("token", "--rotate")
    assert new.code == 0
    assert new.stdout != old
    assert "gwproxy setup" in new.stderr
    assert command("token").stdout == new.stdout


def test_an_override_is_printed_and_cannot_be_rotated(
    command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GWPROXY_TOKEN", "0123456789abcdef")
    assert command("token").stdout == "0123456789abcdef\n"
    ran = command("token", "--rotate")
    assert (ran.code, ran.stdout) == (2, "")
    assert "GWPROXY_TOKEN" in ran.stderr


def test_a_hanging_keyring_does_not_matter(gwproxy_home: Path) -> None:
    """The bus address of the tests leads nowhere, and the token is there all the same."""
    ran = gwproxy("token")
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.stdout.strip()
