"""The seam to the keyring library: what it lets through, and what becomes of its failures."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from keyring import errors

from gwproxy.profiles import oskeyring
from gwproxy.profiles.keyring_trouble import KeyringTrouble, KeyringTroubleKind
from gwproxy.profiles.oskeyring import SystemKeyring
from gwproxy.profiles.secret import Secret
from support.keyrings import FILE_VARIABLE, FileBackend, stored

SECRET = Secret("sk-kimi-canary-0123456789abcd")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.json"
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    return path


def keyring_with(backend: str) -> SystemKeyring:
    return SystemKeyring(f"support.keyrings.{backend}")


def trouble_of(keyring: SystemKeyring) -> KeyringTrouble:
    with pytest.raises(KeyringTrouble) as caught:
        keyring.write("kimi", SECRET)
    return caught.value


def test_a_key_is_written_read_and_deleted(file: Path) -> None:
    keyring = keyring_with("FileBackend")
    assert keyring.read("kimi") is None
    keyring.write("kimi", SECRET)
    assert keyring.read("kimi") == SECRET
    assert stored(file) == {"gwproxy:kimi api-key": SECRET.reveal()}
    assert keyring.delete("kimi") is True
    assert keyring.delete("kimi") is False
    assert stored(file) == {}


def test_profiles_do_not_share_a_service(file: Path) -> None:
    keyring = keyring_with("FileBackend")
    keyring.write("a", SECRET)
    assert keyring.read("b") is None


def test_a_backend_that_forgets_is_found_out(file: Path) -> None:
    assert trouble_of(keyring_with("ForgetfulBackend")).trouble is KeyringTroubleKind.NOT_KEPT


def test_a_locked_keyring(file: Path) -> None:
    assert trouble_of(keyring_with("LockedBackend")).trouble is KeyringTroubleKind.LOCKED


def test_a_failure_is_told_without_the_key_in_it(file: Path) -> None:
    with pytest.raises(KeyringTrouble) as caught:
        keyring_with("BrokenBackend").read("kimi")
    assert caught.value.trouble is KeyringTroubleKind.FAILED
    assert caught.value.detail == "RuntimeError: cannot handle [masked]"


def test_a_keyring_that_never_answers_is_given_up_and_left_alone(file: Path) -> None:
    keyring = SystemKeyring("support.keyrings.SilentBackend", timeout_s=0.05)
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(KeyringTrouble) as caught:
            keyring.read("kimi")
        assert caught.value.trouble is KeyringTroubleKind.TIMED_OUT
        assert caught.value.detail == "0.05 s"
    hanging = [thread for thread in threading.enumerate() if thread.name == "keyring"]
    assert threading.active_count() - before <= 1
    assert all(thread.daemon for thread in hanging)


@pytest.mark.parametrize(
    "backend",
    [
        "keyring.backends.null.Keyring",
        "keyring.backends.fail.Keyring",
        "keyring.backends.chainer.ChainerBackend",
        "keyrings.alt.file.PlaintextKeyring",
        "support.keyrings.MemoryKeyring",  # not a backend at all
        "support.keyrings.stored",
    ],
)
def test_backends_that_keep_nothing_or_in_the_open_are_refused(backend: str) -> None:
    error = trouble_of(SystemKeyring(backend))
    assert error.trouble is KeyringTroubleKind.UNTRUSTED
    assert error.detail == backend


@pytest.mark.parametrize("backend", ["no.such.Backend", "support.keyrings.NoSuch", "nodots"])
def test_a_backend_that_is_not_there_is_a_failure_with_its_name(backend: str) -> None:
    assert trouble_of(SystemKeyring(backend)).trouble is KeyringTroubleKind.FAILED


def test_the_librarys_own_choice_of_backend_is_never_asked(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Poetry users set this variable; the library would then store nothing, without a word."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    keyring = keyring_with("FileBackend")
    keyring.write("kimi", SECRET)
    assert keyring.read("kimi") == SECRET


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (errors.KeyringLocked("locked"), KeyringTroubleKind.LOCKED),
        (
            errors.KeyringError("Can't get password from keychain: (-25308, 'x')"),
            KeyringTroubleKind.LOCKED,
        ),
        (
            errors.PasswordSetError("Can't store password on keychain: (-25293, 'x')"),
            KeyringTroubleKind.LOCKED,
        ),
        (errors.KeyringError("something else"), KeyringTroubleKind.FAILED),
        (RuntimeError("libsecret required"), KeyringTroubleKind.FAILED),
        (ModuleNotFoundError("No module named 'win32cred'"), KeyringTroubleKind.FAILED),
    ],
)
def test_exceptions_of_every_platform_have_a_name(
    error: Exception, trouble: KeyringTroubleKind
) -> None:
    assert oskeyring._named(error, "some.backend").trouble is trouble


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="about the Secret Service")
@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "x"), ConnectionRefusedError(), KeyError("DBUS_SESSION")]
)
def test_no_way_to_the_bus_is_told_from_other_missing_files(error: Exception) -> None:
    secret_service = SystemKeyring()._name
    assert oskeyring._named(error, secret_service).trouble is KeyringTroubleKind.NO_BUS
    assert oskeyring._named(error, "some.backend").trouble is KeyringTroubleKind.FAILED


def test_windows_is_not_asked_to_keep_what_does_not_fit(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    keyring = keyring_with("FileBackend")
    keyring.write("kimi", Secret("x" * 1280))
    with pytest.raises(KeyringTrouble) as caught:
        keyring.write("kimi", Secret("y" * 1281))
    assert caught.value.trouble is KeyringTroubleKind.TOO_LONG
    assert keyring.read("kimi") == Secret("x" * 1280)


def test_on_windows_the_old_key_goes_before_the_new_one_comes(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WinVaultKeyring copies the item it overwrites to another name, where it would stay."""
    deleted: list[str] = []

    def delete_password(self: FileBackend, service: str, username: str) -> None:
        deleted.append(service)

    keyring = keyring_with("FileBackend")
    keyring.write("kimi", SECRET)
    monkeypatch.setattr(FileBackend, "delete_password", delete_password)
    keyring.write("kimi", SECRET)
    assert deleted == []
    monkeypatch.setattr(sys, "platform", "win32")
    keyring.write("kimi", SECRET)
    assert deleted == ["gwproxy:kimi"]


@pytest.mark.parametrize(
    ("platform", "backend"),
    [
        ("linux", "keyring.backends.SecretService.Keyring"),
        ("freebsd14", "keyring.backends.SecretService.Keyring"),
        ("darwin", "keyring.backends.macOS.Keyring"),
        ("win32", "keyring.backends.Windows.WinVaultKeyring"),
    ],
)
def test_each_platform_has_its_own_keyring(
    monkeypatch: pytest.MonkeyPatch, platform: str, backend: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert SystemKeyring()._name == backend
