"""Where our files are, and that they are nobody else's."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from pathlib import Path

import pytest

from gwproxy import paths
from gwproxy.errors import ConfigError
from gwproxy.profiles import learned, store
from gwproxy.profiles.names import model_names
from gwproxy.proxy.records.ledger.database import LedgerFile
from support.cli import InProcess


def test_one_folder_holds_everything_when_asked_for(gwproxy_home: Path) -> None:
    files = [paths.config_file(), paths.usage_db(), paths.token_file(), paths.backups_dir()]
    assert {path.parent for path in files} == {gwproxy_home}
    assert not gwproxy_home.exists()


def test_otherwise_the_folders_are_those_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GWPROXY_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/config")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert paths.config_file().name == "config.toml"
    assert paths.config_dir().name == "gwproxy"
    if os.name == "posix" and os.uname().sysname == "Linux":
        assert paths.config_file() == Path("/config/gwproxy/config.toml")
        assert paths.usage_db() == Path("/state/gwproxy/usage.db")


def test_a_relative_or_tilde_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWPROXY_HOME", "~/x")
    assert paths.config_dir() == Path.home() / "x"
    monkeypatch.setenv("GWPROXY_HOME", "x")
    assert paths.config_dir().is_absolute()


@pytest.mark.skipif(os.name != "posix", reason="modes are a thing of POSIX")
def test_folders_and_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = paths.ensure_private_dir(tmp_path / "a" / "b")
        paths.write_private_file(folder / "f", b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "f").stat().st_mode) == 0o600


def test_a_file_in_the_way_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot make the folder") as caught:
        paths.ensure_private_dir(tmp_path / "file" / "x")
    assert "GWPROXY_HOME" in caught.value.hint


@pytest.mark.skipif(os.name != "posix", reason="owners are a thing of POSIX")
def test_a_folder_of_another_user_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    if tmp_path.stat().st_uid == 0:
        os.chown(tmp_path, 12345, -1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        paths.ensure_private_dir(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="owners are a thing of POSIX")
def test_what_root_makes_belongs_to_whom_the_folder_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under sudo with HOME kept: that person runs gwproxy the next time, without sudo."""
    made: list[tuple[str, int, int]] = []
    home = tmp_path / "home"
    home.mkdir()
    owner = (home.stat().st_uid, home.stat().st_gid)
    monkeypatch.setenv("GWPROXY_HOME", str(home / "state" / "gwproxy"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *to: made.append((Path(path).name, *to)))
    monkeypatch.setattr(os, "fchown", lambda _, *to: made.append(("a file", *to)))
    paths.write_private_file(paths.config_file(), b"")
    assert made == [("gwproxy", *owner), ("state", *owner), ("a file", *owner)]
    with paths.exclusive_lock("config"):
        assert made[3:] == [("a file", *owner)]
    monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid + 1)
    paths.hand_over(0, home)  # nobody else gives files away
    assert len(made) == 4


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_nothing_in_a_home_is_left_to_root(command: InProcess, gwproxy_home: Path) -> None:
    gwproxy_home.mkdir()
    os.chown(gwproxy_home, 4711, 4712)
    assert command("profile", "add", "demo-1", "--preset", "demo").code == 0
    assert command("token").code == 0
    assert command("setup", "claude-code", "--home", str(gwproxy_home), "--yes").code == 0
    with closing(LedgerFile.open(paths.usage_db())):
        names = {path.name for path in gwproxy_home.iterdir()}
        assert {"config.toml", "token", "setup.json", "usage.db", ".claude"} <= names
        for path in (gwproxy_home, *gwproxy_home.rglob("*")):
            assert (path.stat().st_uid, path.stat().st_gid) == (4711, 4712), path


def test_a_lock_is_held_against_everybody_else(gwproxy_home: Path) -> None:
    with (
        paths.exclusive_lock("config"),
        pytest.raises(ConfigError, match="another gwproxy is changing"),
        paths.exclusive_lock("config", timeout_s=0.1),
    ):
        raise AssertionError("two hold one lock")
    with paths.exclusive_lock("config", timeout_s=0.1), paths.exclusive_lock("token"):
        pass


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="no symlinks to be afraid of")
def test_a_planted_link_is_not_followed_by_a_lock(gwproxy_home: Path, tmp_path: Path) -> None:
    gwproxy_home.mkdir()
    (gwproxy_home / "config.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="cannot open the lock"), paths.exclusive_lock("config"):
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
@pytest.mark.parametrize("name", ["config.toml", "learned.json", "token"])
def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(gwproxy_home: Path, name: str) -> None:
    gwproxy_home.mkdir(exist_ok=True)
    os.mkfifo(gwproxy_home / name)
    with pytest.raises(OSError, match="no regular file"):
        paths.open_regular(gwproxy_home / name)
    assert model_names()
    assert learned.load() == ()
    if name == "config.toml":
        with pytest.raises(ConfigError, match="cannot read"):
            store.load()
