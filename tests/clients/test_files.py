"""Reading and replacing other tools' files: refusals, links, modes, races."""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from pathlib import Path

import pytest

from gwproxy.clients import files
from gwproxy.errors import ConfigError

posix = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "gwproxy-" in path.name]


def test_a_file_is_replaced_with_its_mode_kept(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(b"\xef\xbb\xbf{}\r\n")
    file.chmod(0o640)
    snapshot = files.read(file)
    assert snapshot.text == "\ufeff{}\r\n"
    files.replace(snapshot, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == (0o640 if os.name == "posix" else 0o666)
    assert leftovers(tmp_path) == []


@posix
def test_a_new_file_and_its_folder_are_for_the_user_alone(tmp_path: Path) -> None:
    file = tmp_path / ".claude" / "settings.json"
    files.replace(files.read(file), b"{}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="extended attributes of Linux")
def test_the_access_list_and_other_attributes_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(b"old")
    # acl(5): the owner reads and writes, user 1234 reads, the group and others have no rights.
    entries = [(0x01, 6, -1), (0x02, 4, 1234), (0x04, 0, -1), (0x10, 4, -1), (0x20, 0, -1)]
    access = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *each) for each in entries)
    try:
        os.setxattr(file, "user.note", b"mine")
        os.setxattr(file, "system.posix_acl_access", access)
    except OSError:
        pytest.skip("a file system without attributes")
    files.replace(files.read(file), b"new")
    assert file.read_bytes() == b"new"
    assert os.getxattr(file, "user.note") == b"mine"
    assert os.getxattr(file, "system.posix_acl_access") == access


@posix
@pytest.mark.parametrize("dangling", [False, True])
def test_links_stay_and_their_target_changes(tmp_path: Path, dangling: bool) -> None:
    target = tmp_path / "dotfiles" / "settings.json"
    target.parent.mkdir()
    if not dangling:
        target.write_text("old")
    middle, link = tmp_path / "middle", tmp_path / "settings.json"
    middle.symlink_to("dotfiles/settings.json")
    link.symlink_to(middle)
    files.replace(files.read(link), b"new")
    assert link.is_symlink()
    assert middle.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("change", [b"theirs", None])
@pytest.mark.parametrize("in_place", [False, True])
def test_a_file_that_changed_since_is_not_written(
    tmp_path: Path, change: bytes | None, in_place: bool
) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(b"old")
    snapshot = files.read(file)
    file.unlink() if change is None else file.write_bytes(change)
    with pytest.raises(files.ChangedMeanwhile):
        files.replace(snapshot, b"ours", in_place=in_place)
    assert (file.read_bytes() if file.exists() else None) == change
    assert leftovers(tmp_path) == []


def test_a_file_that_appeared_since_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    snapshot = files.read(file)
    file.write_bytes(b"theirs")
    with pytest.raises(files.ChangedMeanwhile):
        files.replace(snapshot, b"ours")
    assert file.read_bytes() == b"theirs"


@posix
def test_a_link_that_was_turned_since_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to("a")
    snapshot = files.read(link)
    link.unlink()
    link.symlink_to("b")
    with pytest.raises(files.ChangedMeanwhile):
        files.replace(snapshot, b"ours")


def test_what_is_no_settings_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b" " * (files.LARGEST_FILE_BYTES + 1))
    (tmp_path / "latin").write_bytes(b'{\n"a": "\xe9"}')
    (tmp_path / "folder").mkdir()
    for name, why in [
        ("large", "larger than 10 MB"),
        ("latin", "line 2 is not UTF-8"),
        ("folder", "not a regular file"),
        ("large/settings.json", "parent folders is a file"),
    ]:
        with pytest.raises(ConfigError) as caught:
            files.read(tmp_path / name)
        assert why in caught.value.why


@posix
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="leaves"):
        files.read(tmp_path / "pipe")


@posix
def test_a_read_only_file_is_left_alone_also_by_root(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("{}")
    file.chmod(0o444)
    with pytest.raises(ConfigError) as caught:
        files.refuse_unwritable(files.read(file))
    assert "read-only" in caught.value.why
    assert "chmod u+w" in caught.value.hint


@posix
def test_a_link_into_a_store_is_left_alone_with_a_way_out(tmp_path: Path) -> None:
    """As home-manager makes them: nobody is told to write into the store."""
    store = tmp_path / "store.json"
    store.write_text("{}")
    store.chmod(0o444)
    (tmp_path / "settings.json").symlink_to(store)
    with pytest.raises(ConfigError) as caught:
        files.refuse_unwritable(files.read(tmp_path / "settings.json"))
    assert str(store) in caught.value.why
    assert "--print" in caught.value.hint
    assert "chmod" not in caught.value.hint


@posix
def test_what_root_makes_belongs_to_whom_the_folder_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under sudo with HOME kept: the tool runs as that person, and must read it."""
    made: list[tuple[str, int, int]] = []
    (tmp_path / "home").mkdir()
    status = (tmp_path / "home").stat()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *owner: made.append((Path(path).name, *owner)))
    monkeypatch.setattr(os, "fchown", lambda _, *owner: made.append(("the file", *owner)))
    files.replace(files.read(tmp_path / "home" / "a" / "b" / "settings.json"), b"{}")
    owner = (status.st_uid, status.st_gid)
    assert made == [("b", *owner), ("a", *owner), ("the file", *owner)]


@posix
def test_a_file_of_another_user_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.json"
    file.write_text("{}")
    snapshot = files.read(file)
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 4711)
    with pytest.raises(ConfigError) as caught:
        files.refuse_unwritable(snapshot)
    assert "another user" in caught.value.why


@posix
def test_a_second_name_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("{}")
    assert files.read(file).warnings == ()
    (tmp_path / "copy.json").hardlink_to(file)
    assert "hard link" in files.read(file).warnings[0]


def test_a_mount_point_can_be_overwritten_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(b"a longer old text")
    inode = file.stat().st_ino

    def busy(self: Path, target: Path) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy", str(target))

    monkeypatch.setattr(Path, "replace", busy)
    with pytest.raises(ConfigError) as caught:
        files.replace(files.read(file), b"new")
    assert "--in-place" in caught.value.hint
    assert file.read_bytes() == b"a longer old text"
    files.replace(files.read(file), b"new", in_place=True)
    assert file.read_bytes() == b"new"
    assert file.stat().st_ino == inode
    assert leftovers(tmp_path) == []


@posix
def test_a_file_that_cannot_grow_in_place_is_as_it_was(tmp_path: Path) -> None:
    import resource

    file = tmp_path / "settings.json"
    file.write_bytes(b"old text")
    snapshot = files.read(file)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12, limits[1]))
    try:
        with pytest.raises(ConfigError, match="cannot write"):
            files.replace(snapshot, b"a text that is longer than there is room", in_place=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == b"old text"


def test_what_a_killed_process_left_behind_is_swept(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(b"old")
    (tmp_path / ".settings.json.gwproxy-abcd").write_bytes(b"half")
    (tmp_path / ".other.json.gwproxy-abcd").write_bytes(b"not ours to judge")
    files.replace(files.read(file), b"new")
    assert leftovers(tmp_path) == [".other.json.gwproxy-abcd"]


def test_a_file_of_ours_is_deleted_only_as_it_was_read(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(b"ours")
    snapshot = files.read(file)
    file.write_bytes(b"theirs")
    with pytest.raises(files.ChangedMeanwhile):
        files.delete(snapshot)
    files.delete(files.read(file))
    assert not file.exists()


def test_a_git_work_tree_is_found_behind_links(tmp_path: Path) -> None:
    (tmp_path / "dotfiles" / ".git").mkdir(parents=True)
    (tmp_path / "dotfiles" / "settings.json").write_text("{}")
    (tmp_path / "settings.json").symlink_to(tmp_path / "dotfiles" / "settings.json")
    assert files.git_work_tree(tmp_path / "settings.json") == tmp_path / "dotfiles"
