"""Every directory and file that is ours, and the one way in which they are made.

`config.toml` lives in the user's configuration directory, everything else in the state
directory (both by platformdirs); `GWPROXY_HOME` puts both under one folder. Folders are made
0700 and files 0600, whatever the umask says, and a file is replaced in one step or not at all.
Nothing here knows what the files mean, and the files of other tools are none of its business.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gwproxy.errors import ConfigError

HOME_VARIABLE = "GWPROXY_HOME"

LOCK_TIMEOUT_S = 10.0
"""A writer of ours holds a lock for milliseconds; ten seconds mean that something is stuck."""

_LOCK_POLL_S = 0.05


def config_dir() -> Path:
    """Where config.toml lives. The folder need not exist."""
    home = _home_override()
    if home is not None:
        return home
    # Imported late: `gwproxy token` and completion answer faster without it under GWPROXY_HOME.
    import platformdirs

    return Path(platformdirs.user_config_dir("gwproxy", appauthor=False))


def state_dir() -> Path:
    """Where the ledger, the local token, backups and locks live. It need not exist."""
    home = _home_override()
    if home is not None:
        return home
    import platformdirs

    return Path(platformdirs.user_state_dir("gwproxy", appauthor=False))


def config_file() -> Path:
    return config_dir() / "config.toml"


def usage_db() -> Path:
    return state_dir() / "usage.db"


def responses_db() -> Path:
    """Stored answers of the Responses dialect, for `previous_response_id`."""
    return state_dir() / "responses.db"


def learned_file() -> Path:
    """Quirks that upstreams taught us by their refusals."""
    return state_dir() / "learned.json"


def captures_dir() -> Path:
    """Whole exchanges, one file for each; only where somebody asked for them."""
    return state_dir() / "captures"


def service_log() -> Path:
    """What the background service says, where the system keeps no journal of it (launchd)."""
    return state_dir() / "serve.log"


def run_logs_dir() -> Path:
    """What the gateways of `gwproxy run` logged, one file for each run."""
    return state_dir() / "run-logs"


def token_file() -> Path:
    """The local token: the secret that clients present to us, never a provider key."""
    return state_dir() / "token"


def ui_file() -> Path:
    """What leads a browser to the inspector, once; `gwproxy ui` writes it."""
    return state_dir() / "ui.html"


def server_file(port: int | None = None) -> Path:
    """What a running `serve` says about itself (address, process id) to `status` and `setup`; of
    those that run beside it each has a file of its own, by its `port`."""
    return state_dir() / ("server.json" if port is None else f"server-{port}.json")


def server_files() -> list[Path]:
    """Every such file that is there."""
    return [*state_dir().glob("server.json"), *sorted(state_dir().glob("server-*.json"))]


def backups_dir() -> Path:
    """Copies of other tools' files, taken before `setup` changes them."""
    return state_dir() / "backups"


def make_folder(path: Path) -> tuple[int, int] | None:
    """The owner (user, group) of the folder, made 0700 with its parents where they are missing.

    Under sudo with HOME kept all of them belong to whom the nearest that was there belongs: who
    runs the tools, and gwproxy without sudo, could not read them otherwise. None where there are no
    owners. Raises OSError.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = None
    if sys.platform != "win32":
        status = (missing[-1].parent if missing else path).stat()
        owner = (status.st_uid, status.st_gid)
        for each in missing if os.geteuid() == 0 else ():
            os.chown(each, *owner)
    return owner


def hand_over(descriptor: int, folder: Path) -> None:
    """Let a file that root has just made in `folder` belong to whom that belongs. Raises
    OSError."""
    if sys.platform != "win32" and os.geteuid() == 0:
        status = folder.stat()
        os.fchown(descriptor, status.st_uid, status.st_gid)


def ensure_private_dir(path: Path) -> Path:
    """Make `path` and its missing parents, 0700, and return it.

    Raises ConfigError when it is not a directory, or belongs to somebody else: whoever owns
    the folder could swap the files in it.
    """
    try:
        make_folder(path)
        owner = path.stat()
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder {path}",
            why=error.strerror or str(error),
            hint=f"free the path, or set {HOME_VARIABLE} to a folder of your own",
        ) from error
    if not is_ours(owner):
        raise ConfigError(
            f"the folder {path} belongs to another user",
            why="its owner could replace the files that gwproxy trusts",
            hint=f"set {HOME_VARIABLE} to a folder of your own",
        )
    return path


def is_ours(status: os.stat_result) -> bool:
    """Whether a file is owned by us or by root. Root itself takes what it is given: in containers
    it looks after bind-mounted folders of other users."""
    return sys.platform == "win32" or os.geteuid() == 0 or status.st_uid in (os.geteuid(), 0)


def write_private_file(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step, mode 0600.

    A reader sees the old bytes or the new ones, never half, also after a power cut. A symlink
    is followed, so that a dotfiles repository keeps its link. Raises ConfigError.
    """
    target = Path(os.path.realpath(path))
    ensure_private_dir(target.parent)
    try:
        # mkstemp opens with O_EXCL and 0600: nobody can plant a file or a link in the way.
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                hand_over(file.fileno(), target.parent)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}",
            why=error.strerror or str(error),
            hint="nothing was changed; make room or fix the permissions, then try again",
        ) from error


@contextlib.contextmanager
def exclusive_lock(name: str, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the lock called `name` among all gwproxy processes of this user.

    The kernel drops the lock with its process, so that a crash never leaves one behind.
    Raises ConfigError when another process keeps it for longer than `timeout_s`.
    """
    path = ensure_private_dir(state_dir()) / f"{name}.lock"
    # O_NOFOLLOW: a planted symlink must not make us create a file elsewhere.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
        hand_over(descriptor, path.parent)
    except OSError as error:
        raise ConfigError(
            f"cannot open the lock {path}", why=error.strerror or str(error)
        ) from error
    try:
        deadline = time.monotonic() + timeout_s
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise ConfigError(
                    "another gwproxy is changing the same files",
                    why=f"{path} has been locked for more than {timeout_s:g} s",
                    hint="wait for it to end, or stop it, then try again",
                )
            time.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)


def open_regular(path: Path) -> BinaryIO:
    """The file at `path`, for reading. Raises OSError, also for a pipe, which would keep whoever
    opens it waiting for ever."""
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "It is no regular file", str(path))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def expanded(text: str) -> Path:
    """`text` as a path, with the folder of a user in place of a `~`. Raises ConfigError."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{text} is no path on this machine",
            why=str(error).rstrip("."),
            hint="write the whole path, from / on",
        ) from None


def _home_override() -> Path | None:
    value = os.environ.get(HOME_VARIABLE, "")
    return expanded(value).absolute() if value else None


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
