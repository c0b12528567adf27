"""The local token: made once, the same for everybody, replaced on request."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gwproxy import paths
from gwproxy.errors import CredentialError
from gwproxy.profiles.local_token import local_token, rotate_token
from gwproxy.profiles.secret import Secret
from support.cli import gwproxy


def test_it_is_made_on_first_use_and_stays(gwproxy_home: Path) -> None:
    token = local_token()
    assert len(token.reveal()) == 43  # 32 bytes in URL-safe base64
    assert local_token() == token
    assert stat.S_IMODE(paths.token_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(gwproxy_home.stat().st_mode) == 0o700


def test_it_is_private_whatever_the_umask(gwproxy_home: Path) -> None:
    old = os.umask(0)
    try:
        local_token()
    finally:
        os.umask(old)
    assert {stat.S_IMODE(path.stat().st_mode) for path in gwproxy_home.iterdir()} == {0o600}


def test_another_one_takes_its_place(gwproxy_home: Path) -> None:
    old = local_token()
    new = rotate_token()
    assert new != old
    assert local_token() == new


def test_the_environment_overrides_and_writes_nothing(
    gwproxy_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GWPROXY_TOKEN", "0123456789abcdef")
    assert local_token() == Secret("0123456789abcdef")
    assert not gwproxy_home.exists()


@pytest.mark.parametrize("token", ["short", "0123456789 abcdef", "0123456789abcdefé"])
def test_an_override_that_guards_nothing_is_refused(token: str) -> None:
    with pytest.raises(CredentialError, match="GWPROXY_TOKEN is not usable") as caught:
        local_token({"GWPROXY_TOKEN": token})
    assert token not in f"{caught.value.what}{caught.value.why}{caught.value.hint}"


@pytest.mark.skipif(os.name != "posix", reason="modes are a thing of POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o660])
def test_a_token_that_others_could_read_is_not_trusted(gwproxy_home: Path, mode: int) -> None:
    local_token()
    paths.token_file().chmod(mode)
    with pytest.raises(CredentialError, match="others could read") as caught:
        local_token()
    assert "gwproxy token --rotate" in caught.value.hint
    rotate_token()
    assert local_token()


@pytest.mark.parametrize("content", [b"", b"\xff\xff", b"half\n"])
def test_a_damaged_file_is_not_a_token(gwproxy_home: Path, content: bytes) -> None:
    paths.write_private_file(paths.token_file(), content)
    with pytest.raises(CredentialError) as caught:
        local_token()
    assert "gwproxy token --rotate" in caught.value.hint


def test_processes_that_start_together_agree(gwproxy_home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda _: gwproxy("token"), range(8)))
    assert [each.code for each in ran] == [0] * 8
    assert {each.stdout for each in ran} == {f"{local_token().reveal()}\n"}
