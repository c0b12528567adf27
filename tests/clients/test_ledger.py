"""Our records and copies: nothing good is ever rotated away, and no token is recorded."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from gwproxy import paths
from gwproxy.clients import ledger
from gwproxy.clients.undo import Claim, claimed_by
from gwproxy.errors import ConfigError

FILE = Path("/home/me/.claude/settings.json")
CLAIM = Claim(
    client="claude-code",
    scope="user",
    profile="kimi",
    file="/home/me/.claude/settings.json",
    base=ledger.sha256(b"base"),
    states=(ledger.sha256(b"ours"),),
    members=tuple(claimed_by(("env", "ANTHROPIC_AUTH_TOKEN"), "gw-very-secret-token")),
)


def folder_of(file: Path) -> Path:
    (folder,) = paths.backups_dir().glob(f"{file.name}-*")
    return folder


def test_a_claim_comes_back_as_it_was_kept() -> None:
    ledger.keep(FILE, CLAIM, b"base")
    assert ledger.claims() == {FILE: CLAIM}
    assert ledger.base_of(FILE, CLAIM) == b"base"
    ledger.forget(FILE)
    assert ledger.claims() == {}
    assert list(folder_of(FILE).glob("base-*")) == []


def test_the_record_holds_no_token() -> None:
    ledger.keep(FILE, CLAIM, b"base")
    assert "very-secret" not in (paths.state_dir() / "setup.json").read_text()


def test_a_file_that_did_not_exist_has_no_base() -> None:
    claim = replace(CLAIM, base=None)
    ledger.keep(FILE, claim, None)
    assert ledger.base_of(FILE, ledger.claims()[FILE]) is None


def test_an_old_base_goes_when_a_new_one_is_recorded() -> None:
    ledger.keep(FILE, CLAIM, b"base")
    newer = replace(CLAIM, base=ledger.sha256(b"other"))
    ledger.keep(FILE, newer, b"other")
    assert ledger.base_of(FILE, newer) == b"other"
    assert len(list(folder_of(FILE).glob("base-*"))) == 1


@pytest.mark.parametrize("content", [None, b"tampered"])
def test_an_undo_without_its_copy_is_refused(content: bytes | None) -> None:
    ledger.keep(FILE, CLAIM, b"base")
    (copy,) = folder_of(FILE).glob("base-*")
    copy.unlink() if content is None else copy.write_bytes(content)
    with pytest.raises(ConfigError, match="the copy that an undo"):
        ledger.base_of(FILE, CLAIM)


def test_the_first_copy_outlives_every_rotation() -> None:
    for number in range(ledger.BACKUPS_KEPT + 10):
        ledger.back_up(FILE, str(number).encode())
    copies = sorted(path.name for path in folder_of(FILE).iterdir())
    assert len(copies) == ledger.BACKUPS_KEPT + 1
    assert copies[-1] == "original"
    assert (folder_of(FILE) / "original").read_bytes() == b"0"
    assert copies[0].startswith("0011-")


def test_the_same_bytes_are_copied_once() -> None:
    ledger.back_up(FILE, b"same")
    ledger.back_up(FILE, b"same")
    assert len(list(folder_of(FILE).iterdir())) == 2


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_copies_are_for_the_user_alone() -> None:
    ledger.back_up(FILE, b"{}")
    folder = folder_of(FILE)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_files_of_one_name_do_not_share_copies() -> None:
    other = Path("/projects/.claude/settings.json")
    ledger.back_up(FILE, b"one")
    ledger.back_up(other, b"two")
    originals = {path.read_bytes() for path in paths.backups_dir().glob("*/original")}
    assert originals == {b"one", b"two"}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": 1}', '{"version": 1, "files": {"/f": {}}}', '{"version": 2}']
)
def test_an_unreadable_record_is_refused_and_not_replaced(text: str) -> None:
    file = paths.state_dir() / "setup.json"
    paths.write_private_file(file, text.encode())
    with pytest.raises(ConfigError):
        ledger.keep(FILE, CLAIM, b"base")
    assert file.read_text() == text


def test_the_record_is_plain_json_with_a_version() -> None:
    ledger.keep(FILE, CLAIM, b"base")
    document = json.loads((paths.state_dir() / "setup.json").read_text())
    assert document["version"] == ledger.LEDGER_VERSION
    assert list(document["files"]) == [str(FILE)]
