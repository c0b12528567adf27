"""A home that an earlier version left, put into a folder of the test.

    old = put("home-0.1.0", tmp_path, provider=url)
    old.home, old.state, old.before(".claude/settings.json"), old.said("usage-by-model")

What is replaced on the way stands in the README of the fixture.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_FIXTURES: Final = Path(__file__).parent.parent / "fixtures"
_OF: Final = "OF-"
_FILE_DIGEST: Final = re.compile(r"@SHA256 OF THE FILE (.+)@")
_TEXT_DIGEST: Final = re.compile(r"@SHA256 (.+)@")


@dataclass(frozen=True, slots=True)
class OldHome:
    """`home` is the folder of the person, `state` that of gwproxy in it."""

    fixture: Path
    home: Path
    provider: str

    @property
    def state(self) -> Path:
        return self.home / ".gwproxy"

    @property
    def keyring(self) -> dict[str, str]:
        """As `support.keyrings.FileBackend` keeps it."""
        entries = json.loads(self._text("keyring.json"))
        return {f"{each['service']} {each['user']}": each["password"] for each in entries}

    @property
    def tools_files(self) -> list[str]:
        """The settings that a person had before the first setup, as paths below the home."""
        before = self.fixture / "before"
        return sorted(str(file.relative_to(before)) for file in _files(before))

    def before(self, name: str) -> bytes:
        return (self.fixture / "before" / name).read_bytes()

    def said(self, name: str) -> Any:
        """What the version itself answered."""
        return json.loads(self._text(f"said/{name}.json"))

    def _text(self, name: str) -> str:
        return self.relocated((self.fixture / name).read_text(encoding="utf-8"))

    def relocated(self, text: str) -> str:
        return text.replace("@HOME@", str(self.home)).replace("@PROVIDER@", self.provider)


def put(fixture: str, home: Path, provider: str) -> OldHome:
    """The home of `fixture` in `home`, a folder that need not exist, its profiles asking
    `provider`."""
    old = OldHome(_FIXTURES / fixture, home, provider)
    source = old.fixture / "home"
    for file in _files(source):
        target = home / _place(old, file.relative_to(source))
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = old.relocated(file.read_text(encoding="utf-8"))
        if target.suffix == ".sql":
            _restore(target.with_suffix(""), text)
        else:
            target.write_text(text, encoding="utf-8")
            target.chmod(0o600)
    claims = old.state / "setup.json"
    claims.write_text(json.dumps(_digested(json.loads(claims.read_text())), indent=1))
    return old


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _place(old: OldHome, stored: Path) -> Path:
    folder = stored.parent.name
    if not folder.startswith(_OF):
        return stored
    real = old.home / folder.removeprefix(_OF).replace("__", "/")
    digest = hashlib.sha256(str(real).encode()).hexdigest()
    return stored.parent.with_name(f"{real.name}-{digest[:12]}") / stored.name


def _restore(file: Path, dump: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(dump)
    file.chmod(0o600)


def _digested(value: Any) -> Any:
    """`value` with the digests in it worked out."""
    if isinstance(value, dict):
        return {key: _digested(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_digested(each) for each in value]
    if isinstance(value, str) and (found := _FILE_DIGEST.fullmatch(value)):
        return hashlib.sha256(Path(found[1]).read_bytes()).hexdigest()
    if isinstance(value, str) and (found := _TEXT_DIGEST.fullmatch(value)):
        return hashlib.sha256(found[1].encode()).hexdigest()
    return value
