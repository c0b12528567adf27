"""Setup and undo on real files: idempotence, undo to the byte, races, crashes and full disks."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from gwproxy import paths
from gwproxy.clients import change, files, ledger
from gwproxy.clients.change import FileStanding
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.plan import SetupWish, Target
from gwproxy.errors import ConfigError

BEFORE = b'{\n\t// mine\n\t"env": { "EDITOR": "vi" },\n\t"hooks": {},\n\t"ratio": 1.10\n}\n'
WISHES = [
    SetupWish(("env", "ANTHROPIC_BASE_URL"), "http://127.0.0.1:4979"),
    SetupWish(("env", "ANTHROPIC_AUTH_TOKEN"), "gw-" + "t" * 40, secret=True),
    SetupWish(("env", "ANTHROPIC_MODEL"), "kimi-k2.5"),
]


@pytest.fixture
def target(tmp_path: Path) -> Target:
    file = tmp_path / "client" / "settings.json"
    file.parent.mkdir()
    file.write_bytes(BEFORE)
    return Target("claude-code", "user", file, JSON)


def apply(target: Target) -> None:
    change.apply_setup(target, lambda _: WISHES, "kimi")


def test_a_preview_changes_nothing(target: Target) -> None:
    plan = change.preview_setup(target, lambda _: WISHES, "kimi")
    assert len(plan.edits) == 3
    assert target.file.read_bytes() == BEFORE
    assert not paths.backups_dir().exists()


def test_setup_then_undo_gives_the_same_bytes(target: Target) -> None:
    apply(target)
    assert JSON.read(target.file.read_text())["env"]["ANTHROPIC_MODEL"] == "kimi-k2.5"  # type: ignore[index]
    plan = change.apply_undo(target)
    assert plan is not None
    assert target.file.read_bytes() == BEFORE
    assert ledger.claims() == {}
    assert change.apply_undo(target) is None


def test_a_second_setup_writes_nothing(target: Target) -> None:
    apply(target)
    status, records = target.file.stat(), (paths.state_dir() / "setup.json").stat()
    copies = sorted(paths.backups_dir().rglob("*"))
    plan = change.apply_setup(target, lambda _: WISHES, "kimi")
    assert plan.is_empty
    assert target.file.stat().st_mtime_ns == status.st_mtime_ns
    assert (paths.state_dir() / "setup.json").stat().st_mtime_ns == records.st_mtime_ns
    assert sorted(paths.backups_dir().rglob("*")) == copies


def test_an_undo_keeps_what_the_user_has_done_since(target: Target) -> None:
    apply(target)
    text = target.file.read_text()
    text = text.replace('"vi"', '"emacs"').replace("// mine", "// still mine")
    target.file.write_text(text.replace('"kimi-k2.5"', '"kimi-k3"'))
    plan = change.apply_undo(target)
    assert plan is not None
    assert plan.kept == (("env", "ANTHROPIC_MODEL"),)
    expected = BEFORE.decode().replace('"vi"', '"emacs",\n\t\t"ANTHROPIC_MODEL": "kimi-k3"')
    assert target.file.read_text() == expected.replace("// mine", "// still mine")


def test_setups_of_two_profiles_are_undone_together(target: Target) -> None:
    apply(target)
    change.apply_setup(
        target, lambda _: [SetupWish(("env", "ANTHROPIC_MODEL"), "claude-sonnet-4-6")], "claude"
    )
    env = JSON.read(target.file.read_text())["env"]
    assert env == {"EDITOR": "vi", "ANTHROPIC_MODEL": "claude-sonnet-4-6"}
    change.apply_undo(target)
    assert target.file.read_bytes() == BEFORE


def test_an_edit_between_two_setups_survives_the_undo(target: Target) -> None:
    apply(target)
    target.file.write_text(target.file.read_text().replace('"vi"', '"emacs"'))
    change.apply_setup(target, lambda _: [*WISHES, SetupWish(("env", "EXTRA"), "1")], "kimi")
    change.apply_undo(target)
    assert target.file.read_bytes() == BEFORE.replace(b'"vi"', b'"emacs"')


def test_no_copy_and_no_undo_brings_back_a_key_of_a_setup_before(target: Target) -> None:
    unit, key = ("provider", "gwproxy"), "sk-" + "k" * 40

    def direct(_: object) -> list[SetupWish]:
        return [SetupWish(unit, {"url": "x"}), SetupWish((*unit, "key"), key, secret=True)]

    change.apply_setup(target, direct, "kimi")
    target.file.write_bytes(JSON.assign(target.file.read_text(), (*unit, "timeout"), 5).encode())
    change.apply_setup(
        target,
        lambda _: [SetupWish(unit, {"url": "y"}), SetupWish((*unit, "key"), "token")],
        "kimi",
    )
    change.apply_undo(target)
    left = [target.file, *(path for path in paths.state_dir().rglob("*") if path.is_file())]
    assert [path for path in left if key.encode() in path.read_bytes()] == []
    assert b'"timeout": 5' in target.file.read_bytes()


def test_a_profile_of_the_same_values_only_changes_the_record(target: Target) -> None:
    apply(target)
    content = target.file.read_bytes()
    assert change.apply_setup(target, lambda _: WISHES, "other").is_empty
    assert [claim.profile for _, claim in change.claimed_targets()] == ["other"]
    change.apply_undo(target)
    assert content != target.file.read_bytes() == BEFORE


@pytest.mark.parametrize("before", [None, b"", b"\xef\xbb\xbf", b"// nothing yet\n"])
def test_a_file_that_was_not_there_or_empty(target: Target, before: bytes | None) -> None:
    target.file.unlink() if before is None else target.file.write_bytes(before)
    apply(target)
    assert set(JSON.read(target.file.read_text())) == {"env"}
    change.apply_undo(target)
    assert (target.file.read_bytes() if target.file.exists() else None) == before


def test_a_file_that_the_user_has_deleted_since_stays_deleted(target: Target) -> None:
    apply(target)
    target.file.unlink()
    assert [change.standing(*each) for each in change.claimed_targets()] == [FileStanding.GONE]
    assert change.apply_undo(target) is not None
    assert not target.file.exists()
    assert ledger.claims() == {}


def test_a_link_into_a_dotfiles_repository_stays_a_link(target: Target, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    target.file.rename(real)
    target.file.symlink_to(real)
    apply(target)
    assert target.file.is_symlink()
    assert b"4979" in real.read_bytes()
    change.apply_undo(target)
    assert real.read_bytes() == BEFORE


def test_a_file_that_was_moved_behind_a_link_since_is_still_known(
    target: Target, tmp_path: Path
) -> None:
    apply(target)
    first, second = tmp_path / "dotfiles.json", tmp_path / "other-dotfiles.json"
    target.file.rename(first)
    target.file.symlink_to(first)
    assert change.is_on_record(target)
    change.apply_setup(target, lambda _: WISHES[:2], "kimi")
    first.rename(second)
    target.file.unlink()
    target.file.symlink_to(second)
    assert change.apply_undo(target) is not None
    assert second.read_bytes() == BEFORE
    assert ledger.claims() == {}


def test_files_that_a_link_leads_to_by_turns_are_told_apart(target: Target, tmp_path: Path) -> None:
    work, home = tmp_path / "work.json", tmp_path / "home.json"
    home.write_bytes(BEFORE)
    target.file.rename(work)
    target.file.symlink_to(work)
    apply(target)
    target.file.unlink()
    target.file.symlink_to(home)
    assert not change.is_on_record(target)
    apply(target)
    assert set(ledger.claims()) == {work, home}


def test_a_setup_with_nothing_to_write_is_recorded_where_no_record_is(target: Target) -> None:
    apply(target)
    (paths.state_dir() / "setup.json").unlink()
    change.note_setup(target, lambda _: WISHES, "kimi")
    assert change.is_on_record(target)
    change.note_setup(target, lambda _: [*WISHES, SetupWish(("env", "MORE"), "1")], "other")
    assert [claim.profile for _, claim in change.claimed_targets()] == ["kimi"]


def test_standing_says_what_became_of_our_values(target: Target) -> None:
    apply(target)
    ((_, claim),) = change.claimed_targets()
    assert change.standing(target, claim) is FileStanding.IN_PLACE
    ours = target.file.read_text()
    target.file.write_text(ours + "\n// a remark\n")
    assert change.standing(target, claim) is FileStanding.IN_PLACE
    target.file.write_text(ours.replace("kimi-k2.5", "other"))
    assert change.standing(target, claim) is FileStanding.CHANGED
    target.file.write_bytes(BEFORE)
    assert change.standing(target, claim) is FileStanding.GONE


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{\n  "env": {\n}', "line 3, column 2: expected ',' or '}'"),
        (b"[]", "line 1, column 1: the document is not an object"),
        (b'{"env": "x"}', 'line 1, column 9: "env" is not an object'),
    ],
)
def test_what_cannot_be_parsed_is_not_touched(target: Target, content: bytes, why: str) -> None:
    target.file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        apply(target)
    assert why.split(": ", 1)[1] in caught.value.why
    assert why.split(": ", 1)[0] in caught.value.why
    assert str(target.file) in caught.value.what
    assert target.file.read_bytes() == content
    assert ledger.claims() == {}


def meddler(target: Target, times: int) -> Callable[[files.Snapshot, bytes], None]:
    """A `replace` that comes too late `times` times: the client writes just before it."""
    genuine, left = files.replace, [times]

    def replace(snapshot: files.Snapshot, content: bytes, *, in_place: bool = False) -> None:
        if left[0]:
            left[0] -= 1
            text = target.file.read_text()
            target.file.write_text(JSON.assign(text, ("starts",), left[0]))
        genuine(snapshot, content, in_place=in_place)

    return replace


def test_a_file_that_changes_meanwhile_is_planned_for_again(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "replace", meddler(target, change.ATTEMPTS - 1))
    apply(target)
    tree = JSON.read(target.file.read_text())
    assert tree["starts"] == 0
    assert "ANTHROPIC_MODEL" in tree["env"]  # type: ignore[operator]
    change.apply_undo(target)
    text = JSON.assign(BEFORE.decode(), ("starts",), 1)
    assert target.file.read_text() == JSON.assign(text, ("starts",), 0)


def test_a_file_that_never_rests_is_given_up(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "replace", meddler(target, 99))
    with pytest.raises(ConfigError, match="keeps changing"):
        apply(target)
    assert "env" in JSON.read(target.file.read_text())
    assert ledger.claims() == {}
    assert b"4979" not in target.file.read_bytes()


def test_what_was_written_can_be_asked_for_again(target: Target) -> None:
    plan = change.apply_setup(target, lambda _: WISHES, "kimi")
    assert change.is_in_place(plan)
    target.file.write_bytes(BEFORE)
    assert not change.is_in_place(plan)


# Every call by which anything of ours reaches a disk.
WRITING_CALLS = ["open", "write", "fsync", "fchmod", "replace", "unlink", "mkdir"]


def at_call(number: int, action: Callable[[], None], patch: pytest.MonkeyPatch) -> list[int]:
    """Runs `action` before the `number`-th writing call of the operating system, once."""
    count = [0]

    def wrap(genuine: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **keywords: object) -> object:
            count[0] += 1
            if count[0] == number:
                action()
            return genuine(*args, **keywords)

        return call

    for name in WRITING_CALLS:
        patch.setattr(os, name, wrap(getattr(os, name)))
    return count


def calls_of(operation: Callable[[], object]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        count = at_call(0, lambda: None, patch)
        operation()
    return count[0]


def full_disk() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def start_over(target: Target) -> None:
    target.file.write_bytes(BEFORE)
    shutil.rmtree(paths.state_dir())


def test_a_full_disk_at_any_point_costs_nothing(target: Target) -> None:
    shutil.rmtree(paths.state_dir(), ignore_errors=True)
    steps = calls_of(lambda: apply(target))
    after = target.file.read_bytes()
    assert steps > 20
    for number in range(1, steps + 1):
        start_over(target)
        with pytest.MonkeyPatch.context() as patch:
            at_call(number, full_disk, patch)
            try:
                apply(target)
            except ConfigError as error:
                assert "No space left" in error.why
                assert target.file.read_bytes() == BEFORE, number
                assert ledger.claims() == {}, number
            else:
                assert target.file.read_bytes() == after, number
        assert [path.name for path in target.file.parent.iterdir()] == ["settings.json"]
        apply(target)
        change.apply_undo(target)
        assert target.file.read_bytes() == BEFORE, number


def killed_at(number: int, operation: Callable[[], object]) -> None:
    """Runs the operation in a child that kills itself before the given writing call."""
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                at_call(number, lambda: os.kill(os.getpid(), signal.SIGKILL), patch)
                operation()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked child")
def test_a_kill_at_any_point_leaves_the_old_file_or_the_new_one(target: Target) -> None:
    shutil.rmtree(paths.state_dir(), ignore_errors=True)
    steps = calls_of(lambda: apply(target))
    after = target.file.read_bytes()
    seen = set()
    for number in range(1, steps + 1):
        start_over(target)
        killed_at(number, lambda: apply(target))
        content = target.file.read_bytes()
        assert content in (BEFORE, after), number
        seen.add(content)
        apply(target)
        assert target.file.read_bytes() == after, number
        change.apply_undo(target)
        assert target.file.read_bytes() == BEFORE, number
    assert seen == {BEFORE, after}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked child")
def test_a_kill_during_a_second_setup_or_an_undo_is_as_harmless(target: Target) -> None:
    def other() -> object:
        return change.apply_setup(
            target, lambda _: [SetupWish(("env", "ANTHROPIC_MODEL"), "other")], "other"
        )

    def undo() -> object:
        return change.apply_undo(target)

    apply(target)
    for operation in (other, undo):
        for number in range(1, calls_of(operation) + 1):
            start_over(target)
            apply(target)
            killed_at(number, operation)
            change.apply_undo(target)
            assert target.file.read_bytes() == BEFORE, (operation.__name__, number)
