"""The only place that touches other tools' files: reads them whole, replaces them in one step.

A writer here never leaves half a file. The new content goes into a temporary file beside the
real one (behind all symlinks, which stay), gets the old one's mode and owner, reaches the disk,
and is renamed over it only if the file is still, byte for byte, the one that was read. A process
that dies anywhere on the way leaves the old file or the new one.

What is in the files is decided elsewhere; nothing here parses.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import stat
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gwproxy import paths
from gwproxy.errors import ConfigError

# Claude Code's largest settings in public reports stay below 1 MB; beyond this it is no settings
# file, and a mistake would be expensive.
LARGEST_FILE_BYTES: Final = 10 * 1024 * 1024

# Windows refuses to replace a file that another program has open; editors and clients hold
# theirs for moments only.
_BUSY_PATIENCE_S: Final = 2.0
_BUSY_POLL_S: Final = 0.05


# Home-manager and its like keep settings in a store that nobody may write (nixos.wiki).
_WITHOUT_IT: Final = (
    "put what `gwproxy setup … --print` shows to where that file is made, or: "
    "gwproxy setup … --scope local (where the tool has it), or: gwproxy run -- …"
)


class ChangedMeanwhile(Exception):
    """Another program wrote the file between our reading and our writing; nothing was written."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file as it was read: `content` is None where there is none.

    `path` is what the client calls it, `real` where the bytes are. `warnings` are for a person.
    """

    path: Path
    real: Path
    content: bytes | None
    mode: int
    owner: tuple[int, int] | None
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str | None:
        return None if self.content is None else self.content.decode()


def real_path(path: Path) -> Path:
    """Where the bytes of `path` are, or would be if it dangles."""
    return Path(os.path.realpath(path))


def is_gone(path: Path) -> bool:
    """Whether there is nothing at `path`, or a link to nothing."""
    return not path.exists()


def read(path: Path) -> Snapshot:
    """The file and all that is needed to replace it; ConfigError for what we leave alone."""
    real = real_path(path)
    try:
        status = real.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _refused(path, "it is not a regular file")
        if status.st_size > LARGEST_FILE_BYTES:
            raise _refused(path, f"it is larger than {LARGEST_FILE_BYTES // 1024**2} MB")
        content = real.read_bytes()
        content.decode()
    except FileNotFoundError:
        return Snapshot(path, real, None, 0o600, None)
    except NotADirectoryError:
        raise _refused(path, "one of its parent folders is a file") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _refused(path, f"line {line} is not UTF-8 text") from None
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    mode = stat.S_IMODE(status.st_mode)
    return Snapshot(
        path, real, content, mode, (status.st_uid, status.st_gid), tuple(_warnings(path, status))
    )


def peek(path: Path) -> str | None:
    """The text of a file that is only looked at; None where there is none to be had."""
    try:
        return read(path).text
    except ConfigError:
        return None


def entries(folder: Path) -> list[Path]:
    """The files of a folder, sorted; none where it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []


def refuse_unwritable(snapshot: Snapshot) -> None:
    """Raise ConfigError for a file that is not ours to change, before anybody is asked."""
    if sys.platform != "win32" and snapshot.owner is not None:
        if os.geteuid() not in (0, snapshot.owner[0]):
            raise _refused(snapshot.path, f"{snapshot.real} belongs to another user", _WITHOUT_IT)
        if snapshot.mode & stat.S_IWUSR:
            return
        # Also for root: somebody, or a tool such as Nix, has said so on purpose.
        if snapshot.path.is_symlink():
            why = f"it is a link to {snapshot.real}, which is read-only: another tool writes it"
            raise _refused(snapshot.path, why, _WITHOUT_IT)
        raise _refused(snapshot.path, "it is read-only", f"chmod u+w {snapshot.real}")


def replace(snapshot: Snapshot, content: bytes, *, in_place: bool = False) -> None:
    """Make `content` the file's content. Raises ChangedMeanwhile and ConfigError.

    `in_place` overwrites the file itself instead of renaming a new one over it: for a file that
    is a mount point of its own, as in a dev container. It can be cut short by a crash.
    """
    try:
        if in_place:
            _overwrite(snapshot, content)
        else:
            _exchange(snapshot, content)
    except OSError as error:
        raise _cannot_write(snapshot, error) from error


def delete(snapshot: Snapshot) -> None:
    """Remove a file that we had made. Raises ChangedMeanwhile and ConfigError."""
    try:
        _check_unchanged(snapshot)
        snapshot.real.unlink()
        _sync_folder(snapshot.real.parent)
    except OSError as error:
        raise _cannot_write(snapshot, error) from error


def git_work_tree(path: Path) -> Path | None:
    """The work tree that the file is in: what stands in it may be committed and pushed."""
    parents = real_path(path).parents
    return next((folder for folder in parents if (folder / ".git").exists()), None)


def _exchange(snapshot: Snapshot, content: bytes) -> None:
    folder = snapshot.real.parent
    # The client would make this folder itself, and for itself alone.
    owner = paths.make_folder(folder)
    prefix = f".{snapshot.real.name}.gwproxy-"
    for left_behind in folder.glob(f"{glob.escape(prefix)}*"):
        left_behind.unlink(missing_ok=True)  # by a gwproxy that was killed: we hold its lock
    descriptor, name = tempfile.mkstemp(prefix=prefix, dir=folder)
    temporary = Path(name)
    try:
        try:
            _write_all(descriptor, content)
            _take_over(descriptor, snapshot, owner)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _check_unchanged(snapshot)
        _rename(temporary, snapshot.real)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def _overwrite(snapshot: Snapshot, content: bytes) -> None:
    _check_unchanged(snapshot)
    # Without O_BINARY Windows would make "\r\n" of every line end.
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
    descriptor = os.open(snapshot.real, flags, 0o600)
    try:
        try:
            _rewrite(descriptor, content)
        except OSError:
            # The disk is full, as a rule: what fitted before fits again.
            with contextlib.suppress(OSError):
                _rewrite(descriptor, snapshot.content or b"")
            raise
    finally:
        os.close(descriptor)


def _rewrite(descriptor: int, content: bytes) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    _write_all(descriptor, content)
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _take_over(descriptor: int, snapshot: Snapshot, owner: tuple[int, int] | None) -> None:
    """mkstemp made it 0600 and ours: give it the owner, the access list with all other extended
    attributes, and the mode of the file that it replaces; to a new one, for root, its folder's
    `owner`."""
    if sys.platform != "win32":
        if snapshot.owner is None:
            if owner is not None and os.geteuid() == 0:
                os.fchown(descriptor, *owner)
            return
        if snapshot.owner != (os.geteuid(), os.getegid()):
            with contextlib.suppress(PermissionError):  # a group that we are not in
                os.fchown(descriptor, *snapshot.owner)
        _take_attributes(descriptor, snapshot.real)
        # Last: where there is an access list, its mask stands in the place of the group's rights.
        os.fchmod(descriptor, snapshot.mode)


def _take_attributes(descriptor: int, real: Path) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a file system that has none
            for name in os.listxattr(real):
                with contextlib.suppress(OSError):  # one that only the kernel sets
                    os.setxattr(descriptor, name, os.getxattr(real, name))


def _check_unchanged(snapshot: Snapshot) -> None:
    try:
        now: bytes | None = snapshot.real.read_bytes()
    except FileNotFoundError:
        now = None
    if now != snapshot.content or real_path(snapshot.path) != snapshot.real:
        raise ChangedMeanwhile


def _rename(temporary: Path, real: Path) -> None:
    deadline = time.monotonic() + _BUSY_PATIENCE_S
    while True:
        try:
            temporary.replace(real)
        except PermissionError:
            if os.name == "posix" or time.monotonic() >= deadline:
                raise
            time.sleep(_BUSY_POLL_S)
        else:
            return


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    # The new content is in place by now; a file system that cannot do this is no failure.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _warnings(path: Path, status: os.stat_result) -> list[str]:
    found = []
    if status.st_nlink > 1:
        found.append(f"{path} has a second name (hard link); that one keeps the old content")
    return found


def _refused(path: Path, why: str, hint: str = "") -> ConfigError:
    return ConfigError(f"gwproxy leaves {path} alone", why=why, hint=hint)


def _cannot_write(snapshot: Snapshot, error: OSError) -> ConfigError:
    hint = "make room or fix the permissions, then try again; the file is as it was"
    if error.errno == errno.EBUSY:
        # rename(2): a mount point cannot be replaced, as with a file mounted into a container.
        hint = "the file is a mount point; --in-place overwrites it instead of replacing it"
    return ConfigError(f"cannot write {snapshot.path}", why=error.strerror or str(error), hint=hint)
