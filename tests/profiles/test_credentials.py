"""Where a key is looked for, and what a person is told when there is none."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from gwproxy.errors import CredentialError, KeyringError
from gwproxy.profiles import credentials, key_command
from gwproxy.profiles.credentials import KeyStatus, describe_source, resolve
from gwproxy.profiles.key_command import KeyCommands
from gwproxy.profiles.keyring_trouble import KeyringTroubleKind
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.record import make_profile
from gwproxy.profiles.secret import Secret, Source
from gwproxy.proxy.upstream.keys import Keys
from support.keyrings import MemoryKeyring

CANARY = "sk-kimi-canary-0123456789abcd"


def profile(name: str = "my-kimi", **record: Any) -> Profile:
    """One that has put a key into the keyring."""
    return make_profile(name, {"preset": "kimi-code", **record}, ("api.kimi.com",))


def printing(text: str) -> list[str]:
    return [sys.executable, "-c", f"print({text!r})"]


@pytest.fixture
def key_on_disk(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{CANARY}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def test_the_keyring_has_it(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.keys["my-kimi"] = CANARY
    assert resolve(profile(), memory_keyring, environ={}) == (Secret(CANARY), Source("keyring"))


def test_the_override_wins_over_everything(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.keys["my-kimi"] = "old-key-in-the-keyring"
    environ = {"GWPROXY_KEY_MY_KIMI": f" {CANARY}\n", "KIMI": "another"}
    for one in (profile(), profile(key_env="KIMI"), profile(key_command=["false"])):
        found = resolve(one, memory_keyring, environ=environ)
        assert found == (Secret(CANARY), Source("environment", "GWPROXY_KEY_MY_KIMI"))


def test_a_variable_comes_before_the_keyring(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.keys["my-kimi"] = "key-in-the-keyring"
    one = profile(key_env="KIMI")
    found = resolve(one, memory_keyring, environ={"KIMI": CANARY})
    assert found == (Secret(CANARY), Source("environment", "KIMI"))
    # unset or empty, the keyring is next
    for environ in ({}, {"KIMI": ""}):
        found = resolve(one, memory_keyring, environ=environ)
        assert found == (Secret("key-in-the-keyring"), Source("keyring"))


def test_no_key_needed() -> None:
    assert resolve(make_profile("demo", {"preset": "demo"})) == (None, Source("none"))


def test_a_missing_key_says_where_it_was_looked_for(memory_keyring: MemoryKeyring) -> None:
    with pytest.raises(CredentialError) as caught:
        resolve(profile(), memory_keyring, environ={})
    assert caught.value.what == "there is no key for the profile my-kimi"
    assert caught.value.why == "the keyring has none for it"
    assert caught.value.hint == "gwproxy profile key my-kimi"
    assert not isinstance(caught.value, KeyringError)


def test_a_missing_variable_is_named_even_where_no_keyring_works(
    memory_keyring: MemoryKeyring,
) -> None:
    memory_keyring.trouble = KeyringTroubleKind.NO_BUS
    with pytest.raises(CredentialError) as caught:
        resolve(profile(key_env="KIMI"), memory_keyring, environ={})
    assert caught.value.why == "KIMI is not set, and there is no keyring here"
    assert "export KIMI" in caught.value.hint


@pytest.mark.parametrize("trouble", list(KeyringTroubleKind))
def test_trouble_with_the_keyring_is_its_own_kind_of_error(
    memory_keyring: MemoryKeyring, trouble: KeyringTroubleKind
) -> None:
    memory_keyring.trouble = trouble
    for action in (
        lambda: resolve(profile(), memory_keyring, environ={}),
        lambda: credentials.store_key("my-kimi", Secret(CANARY), memory_keyring),
        lambda: credentials.stored_key("my-kimi", memory_keyring),
        lambda: credentials.delete_key("my-kimi", memory_keyring),
    ):
        with pytest.raises(KeyringError) as caught:
            action()
        assert "gwproxy profile key my-kimi --command" in caught.value.hint
        assert "gwproxy profile key my-kimi --file" in caught.value.hint


def test_while_adding_the_ways_out_are_ways_to_add(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.trouble = KeyringTroubleKind.NO_SERVICE
    with pytest.raises(KeyringError) as caught:
        credentials.store_key(
            "k", Secret(CANARY), memory_keyring, adding="gwproxy profile add k --preset kimi-code"
        )
    assert "gwproxy profile add k --preset kimi-code --key-env GWPROXY_KEY_K" in caught.value.hint
    assert "profile key" not in caught.value.hint


def test_a_key_is_stored_and_deleted(memory_keyring: MemoryKeyring) -> None:
    credentials.store_key("k", Secret(CANARY), memory_keyring)
    assert credentials.stored_key("k", memory_keyring) == Secret(CANARY)
    assert credentials.delete_key("k", memory_keyring) is True
    assert credentials.delete_key("k", memory_keyring) is False


def test_a_command_is_run_without_a_shell_and_its_first_line_taken(tmp_path: Path) -> None:
    one = profile(key_command=printing(f"  {CANARY}\nand more; $(touch x) `touch y`"))
    assert resolve(one, environ={}).secret == Secret(CANARY)
    marker = tmp_path / "marker"
    one = profile(key_command=[*printing(CANARY), f"; touch {marker}"])
    assert resolve(one, environ={}) == (Secret(CANARY), Source("command", sys.executable))
    assert not marker.exists()


def test_a_command_gets_no_stdin_to_wait_for() -> None:
    reads = "import sys; print('sk-' + 'x' * 20 + str(len(sys.stdin.read())))"
    one = profile(key_command=[sys.executable, "-c", reads])
    assert resolve(one, environ={}).secret == Secret("sk-" + "x" * 20 + "0")


@pytest.mark.parametrize(
    ("command", "what", "why"),
    [
        (
            [sys.executable, "-c", f"import sys; sys.exit('{CANARY} is refused')"],
            "the key command of my-kimi failed",
            "[masked] is refused",
        ),
        ([sys.executable, "-c", "raise SystemExit(7)"], "failed", "exit 7"),
        (["/no/such/program"], "cannot be started", "No such file or directory"),
        (printing(""), "the key is empty", ""),
        (printing("two words"), "the key has spaces", ""),
    ],
)
def test_a_failing_command_is_an_error_and_not_a_reason_to_look_further(
    memory_keyring: MemoryKeyring, command: list[str], what: str, why: str
) -> None:
    memory_keyring.keys["my-kimi"] = "an-older-key-in-the-keyring"
    with pytest.raises(CredentialError) as caught:
        resolve(profile(key_command=command), memory_keyring, environ={})
    assert what in caught.value.what
    assert why in caught.value.why
    assert "canary" not in f"{caught.value.what}{caught.value.why}{caught.value.hint}"


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_command, "TIMEOUT_S", 0.2)
    hangs = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(CredentialError, match="did not end within"):
        resolve(profile(key_command=hangs), environ={})


@pytest.mark.parametrize("output", ["stdout", "stderr"])
def test_a_command_that_talks_without_end_is_ended(output: str) -> None:
    talks = [sys.executable, "-c", f"import sys\nwhile True: print('x' * 99, file=sys.{output})"]
    with pytest.raises(CredentialError, match="says more than a key"):
        resolve(profile(key_command=talks), environ={})


def test_a_program_that_a_command_leaves_behind_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_command, "_LAST_WORDS_S", 0.3)
    left = "import sys, time; open(sys.argv[1], 'x').close(); time.sleep(60)"
    script = f"""
import os, pathlib, subprocess, sys, time
left = subprocess.Popen([sys.executable, "-c", {left!r}, {str(tmp_path / "up")!r}])
pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(left.pid))
print({CANARY!r})
"""
    try:
        one = profile(key_command=[sys.executable, "-c", script])
        assert resolve(one, environ={}).secret == Secret(CANARY)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)


async def test_a_command_that_hangs_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    hangs = f"import pathlib, time; pathlib.Path({str(begun)!r}).touch(); time.sleep(600)"
    one = profile(key_command=[sys.executable, "-c", hangs])
    commands = KeyCommands()
    keys = Keys(lambda asked: resolve(asked, environ={}, commands=commands), commands.end)
    asking = asyncio.create_task(keys.find(one))
    async with asyncio.timeout(20):
        while not begun.exists():  # noqa: ASYNC110 -- another process says so
            await asyncio.sleep(0.01)
        keys.close()
        with pytest.raises(CredentialError, match="failed"):
            await asking
        with pytest.raises(CredentialError, match="stopping"):
            await keys.find(one)


def test_a_key_file_is_read(key_on_disk: Path) -> None:
    found = resolve(profile(key_file=str(key_on_disk)), environ={})
    assert found == (Secret(CANARY), Source("file", str(key_on_disk)))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_file_that_others_can_touch_is_refused(key_on_disk: Path, mode: int) -> None:
    key_on_disk.chmod(mode)
    with pytest.raises(CredentialError, match="others can read the key file") as caught:
        resolve(profile(key_file=str(key_on_disk)), environ={})
    assert caught.value.hint == f"chmod 600 {key_on_disk}"
    assert "canary" not in f"{caught.value.what}{caught.value.why}"


def test_a_key_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="cannot read the key file") as caught:
        resolve(profile(key_file=str(tmp_path / "none")), environ={})
    assert caught.value.why == "No such file or directory"
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    binary.chmod(0o600)
    with pytest.raises(CredentialError, match="letters that no key has"):
        resolve(profile(key_file=str(binary)), environ={})


@pytest.mark.parametrize(
    "encoded",
    [
        b"\xef\xbb\xbf" + CANARY.encode(),
        b"\xff\xfe" + f"{CANARY}\r\nmore".encode("utf-16-le"),
        b"\xfe\xff" + f"{CANARY}\r\n".encode("utf-16-be"),
        f"{CANARY}\r\n".encode("utf-16-le"),
    ],
)
def test_a_key_as_windows_saves_or_pipes_it(key_on_disk: Path, encoded: bytes) -> None:
    key_on_disk.write_bytes(encoded)
    assert resolve(profile(key_file=str(key_on_disk)), environ={}).secret == Secret(CANARY)
    prints = (sys.executable, "-c", f"import sys; sys.stdout.buffer.write({encoded!r})")
    found = resolve(profile(key_command=list(prints)), environ=dict(os.environ))
    assert found.secret == Secret(CANARY)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the key is empty"),
        (" \n", "the key is empty"),
        ("Bearer sk-canary-1234", "begins with the word Bearer"),
        ('"sk-canary-1234"', "is in quotes"),
        ("'sk-canary-1234", "is in quotes"),
        ("sk-canary 1234", "spaces, line breaks"),
        ("sk-canary\n1234", "spaces, line breaks"),
        ("sk-canary\x001234", "spaces, line breaks"),
        ("sk-canary-ключ", "letters that no key has"),
    ],
)
def test_a_slip_of_copying_is_told_without_the_key(text: str, what: str) -> None:
    with pytest.raises(CredentialError) as caught:
        credentials.clean_key(text, "on stdin")
    assert what in caught.value.what
    assert "on stdin" in caught.value.what
    assert "canary" not in f"{caught.value.what}{caught.value.why}{caught.value.hint}"


def test_white_space_around_a_key_is_nothing() -> None:
    assert credentials.clean_key(f"\t{CANARY} \r\n", "x") == Secret(CANARY)


@pytest.mark.parametrize(
    ("record", "key", "remark"),
    [
        ({"preset": "kimi-code"}, "sk-kimi-" + "x" * 20, ""),
        (
            {"preset": "kimi-code"},
            "sk-" + "x" * 20,
            "keys of Kimi Code begin with sk-kimi-, this one does not",
        ),
        (
            {"preset": "kimi-k25"},
            "sk-kimi-" + "x" * 20,
            "this looks like a key of Kimi Code, and it would be sent to kimi-k25.com",
        ),
        ({"preset": "kimi-k25"}, "sk-" + "x" * 20, ""),
        ({"preset": "strongwall"}, "anything-at-all", ""),
        (
            {"preset": "strongwall"},
            "cc_user_" + "x" * 20,
            "this looks like a key of Claude gateway, and it would be sent to api.strongwall.ai",
        ),
        (
            {"preset": "custom", "model": "m", "openai_url": "https://api.kimi.com/coding"},
            "sk-kimi-" + "x" * 20,
            "",
        ),
        (
            {"preset": "custom", "model": "m", "openai_url": "https://gate.example"},
            "cc_user_" + "x" * 20,
            "",
        ),
        (
            {"preset": "custom", "model": "m", "openai_url": "https://gate.example"},
            "sk-kimi-" + "x" * 20,
            "this looks like a key of Kimi Code, and it would be sent to gate.example",
        ),
    ],
)
def test_a_key_of_another_provider_is_noticed(
    record: dict[str, Any], key: str, remark: str
) -> None:
    assert credentials.misfit_warning(make_profile("x", record), Secret(key)) == remark


def test_a_list_shows_four_characters_and_runs_no_command(
    memory_keyring: MemoryKeyring, key_on_disk: Path, tmp_path: Path
) -> None:
    memory_keyring.keys["my-kimi"] = CANARY
    marker = tmp_path / "marker"
    touching = [sys.executable, "-c", f"open({str(marker)!r}, 'w')"]

    def described(environ: dict[str, str] | None = None, **record: Any) -> KeyStatus:
        return describe_source(profile(**record), memory_keyring, environ=environ or {})

    assert described() == KeyStatus(Source("keyring"), masked="…abcd")
    assert described(key_file=str(key_on_disk)).masked == "…abcd"
    assert described(key_command=touching) == KeyStatus(Source("command", sys.executable))
    assert not marker.exists()
    assert described(key="none") == KeyStatus(Source("none"))
    overridden = described({"GWPROXY_KEY_MY_KIMI": CANARY}, key_command=touching)
    assert overridden == KeyStatus(Source("environment", "GWPROXY_KEY_MY_KIMI"), masked="…abcd")


def test_a_list_says_what_is_missing_and_never_fails(
    memory_keyring: MemoryKeyring, tmp_path: Path
) -> None:
    status = describe_source(profile(key_env="KIMI"), memory_keyring, environ={})
    assert status.source == Source("environment", "KIMI")
    assert status.trouble == "no key: KIMI is not set and the keyring has none for it"
    memory_keyring.trouble = KeyringTroubleKind.LOCKED
    status = describe_source(profile(), memory_keyring, environ={})
    assert status == KeyStatus(Source("keyring"), trouble="the keyring is locked")
    missing = str(tmp_path / "none")
    status = describe_source(profile(key_file=missing), memory_keyring, environ={})
    assert status.trouble == f"cannot read the key file {missing}"


def test_the_environment_of_the_process_is_the_default(
    memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "GWPROXY_KEY_MY_KIMI", CANARY)
    assert resolve(profile(), memory_keyring).secret == Secret(CANARY)
    assert describe_source(profile(), memory_keyring).masked == "…abcd"
