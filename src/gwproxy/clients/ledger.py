"""Our own records of other tools' files: what we changed in which, and copies from before.

Everything is in the state directory: `setup.json` with one `Claim` per file, and `backups/` with
a folder per file. In it `original` is the file as it was before gwproxy first changed it, and is
kept for ever; `base-…` is the file as it would be without us, for undo; `0007-…` are the same
before each change, of which the last `BACKUPS_KEPT` stay. No copy holds a token or key of ours,
and `setup.json` only its digest; what secrets the user's own file held, the copies hold as well,
readable by the user alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Final

from gwproxy import paths
from gwproxy.clients.undo import Claim, Claimed, Flags
from gwproxy.errors import ConfigError

LEDGER_VERSION: Final = 1

# Rotation alone would lose the good copy within minutes when something rewrites a file over
# and over (openclaw/openclaw#65105); hence `original`, which no rotation reaches.
BACKUPS_KEPT: Final = 20

LOCK: Final = "setup"


def claims() -> dict[Path, Claim]:
    """What we have changed in which file, by its real path. Raises ConfigError."""
    file = _ledger_file()
    try:
        document = json.loads(file.read_bytes())
        if document["version"] != LEDGER_VERSION:
            raise ConfigError(
                f"{file} was written by another version of gwproxy",
                why=f"its version is {document['version']!r}, not {LEDGER_VERSION}",
                hint="use that version for setup and --undo, or move the file away",
            )
        return {Path(name): _claim(record) for name, record in document["files"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"cannot read {file}, the record of what setup changed",
            why=str(error) or type(error).__name__,
            hint=f"move it away to start afresh; the copies in {paths.backups_dir()} stay",
        ) from error


def keep(real: Path, claim: Claim, base: bytes | None, formerly: Path | None = None) -> None:
    """Record a claim before its file is written: a crash in between must not lose the undo.

    `formerly` is where the file was when it was last recorded.
    """
    folder = _folder(real)
    if base is not None:
        _write_once(folder / _base_name(sha256(base)), base)
    known = claims()
    known[real] = claim
    if formerly not in (None, real):
        known.pop(formerly, None)
    _write(known)
    if formerly not in (None, real):
        _drop_bases(_folder(formerly), None)
    _drop_bases(folder, claim.base)


def forget(real: Path) -> None:
    """Drop the claim to a file, and the copy that its undo needed."""
    known = claims()
    if known.pop(real, None):
        _write(known)
        _drop_bases(_folder(real), None)


def rename(old: str, new: str) -> None:
    """Let what was set up for the profile `old` be for `new`, which is what it is called now.
    Raises ConfigError."""

    def renamed(claim: Claim) -> Claim:
        flags = claim.flags
        if flags is not None and flags.profile == old:
            flags = replace(flags, profile=new)
        return replace(claim, profile=new, flags=flags) if claim.profile == old else claim

    with paths.exclusive_lock(LOCK):
        known = claims()
        called = {real: renamed(claim) for real, claim in known.items()}
        if called != known:
            _write(called)


def base_of(real: Path, claim: Claim) -> bytes | None:
    """The file as it would be without us; None if it would not be there. Raises ConfigError."""
    if claim.base is None:
        return None
    copy = _folder(real) / _base_name(claim.base)
    try:
        content = copy.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the copy that an undo of {real} needs is gone",
            why=f"{copy}: {error.strerror}",
            hint=f"take gwproxy's values out by hand, then move {_ledger_file()} away",
        ) from error
    if sha256(content) != claim.base:
        raise ConfigError(
            f"the copy that an undo of {real} needs was changed",
            why=f"{copy} is not what gwproxy wrote",
            hint=f"see {copy.parent} for older copies",
        )
    return content


def back_up(real: Path, content: bytes) -> None:
    """Copy the user's part of a file before a change: once for ever, and once in a ring."""
    folder = _folder(real)
    _write_once(folder / "original", content)
    ring = _ring(folder)
    fingerprint = sha256(content)[:12]
    if ring and ring[-1].name.endswith(fingerprint):
        return
    number = int(ring[-1].name.partition("-")[0]) + 1 if ring else 1
    paths.write_private_file(folder / f"{number:04}-{fingerprint}", content)
    for old in ring[: max(0, len(ring) + 1 - BACKUPS_KEPT)]:
        _discard(old)


def spare_copies(before_s: float = math.inf) -> list[tuple[Path, os.stat_result]]:
    """The copies from before `before_s` (seconds since 1970) that no undo needs, the oldest first:
    all of a file that setup has no hold on any more, and of the others those in the ring. Raises
    ConfigError."""
    held = {_folder(real).name for real in claims()}
    found = []
    for folder in paths.backups_dir().glob("*/"):
        for copy in _ring(folder) if folder.name in held else folder.iterdir():
            with contextlib.suppress(OSError):
                found.append((copy, copy.stat()))
    found.sort(key=lambda one: one[1].st_mtime)
    return [one for one in found if one[1].st_mtime < before_s]


def purge(before_s: float = math.inf) -> int:
    """Delete the `spare_copies`; how many there were. Raises ConfigError."""
    if not spare_copies(before_s):
        return 0
    with paths.exclusive_lock(LOCK):
        copies = [copy for copy, _ in spare_copies(before_s)]
        for copy in copies:
            _discard(copy)
            with contextlib.suppress(OSError):  # there are others in it
                copy.parent.rmdir()
    return len(copies)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _ledger_file() -> Path:
    return paths.state_dir() / "setup.json"


def _folder(real: Path) -> Path:
    # Named for people too: a hash alone would hide whose copies these are.
    return paths.backups_dir() / f"{real.name}-{sha256(str(real).encode())[:12]}"


def _base_name(fingerprint: str) -> str:
    return f"base-{fingerprint[:12]}"


def _ring(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9][0-9][0-9][0-9]*-*"), key=lambda path: path.name.zfill(24))


def _write_once(path: Path, content: bytes) -> None:
    if not path.exists():
        paths.write_private_file(path, content)


def _drop_bases(folder: Path, needed: str | None) -> None:
    for copy in folder.glob("base-*"):
        if needed is None or copy.name != _base_name(needed):
            _discard(copy)


def _discard(copy: Path) -> None:
    # One copy too many harms nobody; a setup that fails for it would.
    with contextlib.suppress(OSError):
        copy.unlink()


def _write(known: Mapping[Path, Claim]) -> None:
    files = {str(real): asdict(claim) for real, claim in sorted(known.items())}
    document = {"version": LEDGER_VERSION, "files": files}
    paths.write_private_file(_ledger_file(), json.dumps(document, indent=1).encode())


def _claim(record: Mapping[str, Any]) -> Claim:
    members = tuple(
        Claimed(tuple(each["path"]), each["unit"], tuple(each["ours"]), each.get("secret", False))
        for each in record["members"]
    )
    texts = {name: record[name] for name in ("client", "scope", "profile", "file", "base")}
    return Claim(
        **texts, states=tuple(record["states"]), members=members, flags=_flags(record.get("flags"))
    )


def _flags(record: Mapping[str, Any] | None) -> Flags | None:
    """What a later version has noted besides is nothing that this one could ask for."""
    if record is None:
        return None
    known = {field.name for field in fields(Flags)}
    return Flags(**{name: value for name, value in record.items() if name in known})
