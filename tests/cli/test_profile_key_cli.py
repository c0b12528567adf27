"""`gwproxy profile add` and `profile key`: where a key goes, and where it never goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import InProcess, Ran, gwproxy, gwproxy_on_terminal
from support.keyrings import stored, use_backend
from support.profiles import KEY, SERVICE, config


def test_the_first_profile_says_what_comes_next(
    kimi: Ran, gwproxy_home: Path, key_file: Path
) -> None:
    assert kimi.stdout == ""
    *said, then = kimi.stderr.splitlines()
    assert said == [
        "kimi is added (anthropic); its key …abcd is in the keyring",
        "kimi is the default profile",
        "next: gwproxy test kimi",
    ]
    assert then.startswith("then: gwproxy setup ")  # a tool that is here
    assert config(gwproxy_home)["default"] == "kimi"
    assert config(gwproxy_home)["profiles"] == {"kimi": {"preset": "kimi-code"}}
    assert stored(key_file) == {SERVICE: KEY}


def test_the_key_is_in_no_file_and_no_output(
    kimi: Ran, command: InProcess, gwproxy_home: Path
) -> None:
    outputs = [kimi, command("profile", "list"), command("profile", "show", "kimi")]
    outputs += [command("profile", "list", "--json"), command("profile", "show", "kimi", "--json")]
    assert all("canary" not in ran.stdout + ran.stderr for ran in outputs)
    assert all(KEY.encode() not in path.read_bytes() for path in gwproxy_home.iterdir())


def test_a_second_profile_leaves_the_default_alone(kimi: Ran, command: InProcess) -> None:
    ran = command("profile", "add", "strongwall", "--key-env", "WALL")
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr.splitlines() == [
        "warning: WALL is not set in this shell",
        "strongwall is added (anthropic, chat)",
        "next: gwproxy test strongwall",
        "then: gwproxy profile use strongwall",
    ]
    assert (
        command("profile", "use", "strongwall").stderr == "strongwall is the default profile now\n"
    )


def test_every_flag_ends_up_in_the_file(command: InProcess, gwproxy_home: Path) -> None:
    arguments = ["--preset", "custom", "--model", "m-1", "--openai-url", "https://x.example/v1"]
    arguments += ["--anthropic-url", "https://x.example", "--dialects", "chat,responses"]
    arguments += ["--stream", "never", "--auth", "X-Key", "--header", "X-Team: 7"]
    arguments += ["--quirk", "documents", "--quirk", "schema=moonshot", "--no-key"]
    ran = command("profile", "add", "mine", *arguments, "--json")
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.envelope["data"] == {
        "name": "mine",
        "default": True,
        "next": "gwproxy test mine",
    }
    assert config(gwproxy_home)["profiles"]["mine"] == {
        "preset": "custom",
        "model": "m-1",
        "openai_url": "https://x.example/v1",
        "anthropic_url": "https://x.example",
        "dialects": ["chat", "responses"],
        "stream": "never",
        "auth": "X-Key",
        "headers": {"X-Team": "7"},
        "quirks": {"documents": True, "schema": "moonshot"},
        "key": "none",
    }


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["Kimi", "--preset", "kimi-code"], "a profile cannot be called 'Kimi'"),
        (["x"], "this needs --preset"),
        (["x", "--preset", "kimicode"], "there is no preset called 'kimicode'"),
        (["x", "--preset", "kimi-code"], "this needs --key-stdin, --key-env VAR, --key-command"),
        (["claude-gateway"], "claude-gateway needs --anthropic-url or --openai-url"),
        (["x", "--openai-url", "https://x.example"], "this needs --model"),
        (["strongwall", "--stream", "yes"], "profiles.strongwall.stream: must be auto, always or"),
        (
            ["strongwall", "--openai-url", "http://x.example"],
            "profiles.strongwall.openai_url: http",
        ),
        (["strongwall", "--quirk", "visoin"], "there is no quirk called 'visoin'"),
        (["strongwall", "--header", "X-Team"], "--header takes 'Name: value'"),
        (["strongwall", "--key-env", "A", "--no-key"], "a key has one place"),
        (["strongwall", "--key-env", "A-B"], "profiles.strongwall.key_env: must be the name of an"),
    ],
)
def test_what_is_missing_or_wrong_is_named_with_exit_2(
    command: InProcess, gwproxy_home: Path, arguments: list[str], what: str
) -> None:
    ran = command("profile", "add", *arguments)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"error: {what}")
    assert not (gwproxy_home / "config.toml").exists()


def test_a_name_is_taken_once(kimi: Ran, command: InProcess) -> None:
    ran = command("profile", "add", "kimi", "--preset", "kimi-k25", "--no-key")
    assert (ran.code, ran.stdout) == (2, "")
    assert "gwproxy profile set kimi" in ran.stderr


def test_a_key_given_as_the_name_of_a_variable_is_not_repeated(
    kimi: Ran, command: InProcess
) -> None:
    for arguments in (["add", "strongwall", "--key-env", KEY], ["key", "kimi", "--env", KEY]):
        ran = command("profile", *arguments)
        assert ran.code == 2
        assert "must be the name of an environment variable" in ran.stderr
        assert "canary" not in ran.stdout + ran.stderr


def test_no_option_takes_a_key_as_its_value(command: InProcess) -> None:
    for flag in ("--key", "--api-key", "--token"):
        ran = command("profile", "add", "strongwall", flag, KEY)
        assert ran.code == 2
        assert "canary" not in ran.stderr


@pytest.mark.parametrize("stdin", ["", "\n", '"quoted"', "Bearer sk-canary-123", "sk-canary\n2nd"])
def test_a_bad_key_stores_nothing(
    command: InProcess, key_file: Path, gwproxy_home: Path, stdin: str
) -> None:
    ran = command("profile", "add", "strongwall", "--key-stdin", stdin=stdin)
    assert (ran.code, ran.stdout) == (4, "")
    assert ran.stderr.startswith("error: the key ")
    assert "canary" not in ran.stderr
    assert "profiles" not in config(gwproxy_home)
    assert stored(key_file) == {}


def test_a_key_of_another_provider_is_warned_about(command: InProcess, key_file: Path) -> None:
    ran = command("profile", "add", "strongwall", "--key-stdin", stdin=KEY)
    assert ran.code == 0
    assert ran.stderr.startswith(
        "warning: this looks like a key of Kimi Code, and it would be sent to api.strongwall.ai\n"
    )


@pytest.mark.parametrize(
    ("backend", "what"),
    [
        ("ForgetfulBackend", "the keyring took the key but did not keep it"),
        ("LockedBackend", "the keyring is locked"),
        ("BrokenBackend", "the keyring failed"),
    ],
)
def test_a_keyring_that_fails_leaves_no_half_profile(
    command: InProcess, gwproxy_home: Path, key_file: Path, backend: str, what: str
) -> None:
    use_backend(gwproxy_home, backend)
    ran = command("profile", "add", "kimi-code", "--key-stdin", stdin=KEY)
    assert (ran.code, ran.stdout) == (4, "")
    assert ran.stderr.startswith(f"error: {what}\n")
    assert "gwproxy profile add kimi-code --key-env GWPROXY_KEY_KIMI_CODE" in ran.stderr
    assert "canary" not in ran.stderr
    assert "profiles" not in config(gwproxy_home)


def test_a_config_that_cannot_be_written_takes_the_key_back(
    command: InProcess, gwproxy_home: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    ran = command("profile", "add", "kimi-code", "--key-stdin", stdin=KEY)
    assert ran.code == 3
    assert "No space left on device" in ran.stderr
    assert stored(key_file) == {}


def test_a_key_file_is_checked_when_it_is_named(command: InProcess, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(KEY, encoding="utf-8")
    path.chmod(0o644)
    ran = command("profile", "add", "strongwall", "--key-file", str(path))
    assert (ran.code, ran.stdout) == (4, "")
    assert ran.stderr.endswith(f"hint: chmod 600 {path}\n")
    path.chmod(0o600)
    assert command("profile", "add", "strongwall", "--key-file", str(path)).code == 0
    assert f"…abcd  file {path}" in command("profile", "list").stdout


def test_a_key_is_rotated_moved_and_deleted(
    kimi: Ran, command: InProcess, gwproxy_home: Path, key_file: Path
) -> None:
    new = "sk-kimi-canary-9876543210wxyz"
    ran = command("profile", "key", "kimi", "--stdin", stdin=new)
    assert (ran.code, ran.stderr) == (0, "the key of kimi is in the keyring (…wxyz)\n")
    assert stored(key_file) == {SERVICE: new}

    ran = command("profile", "key", "kimi", "--command", "pass show 'my key'")
    assert (ran.code, ran.stderr) == (0, "kimi takes its key from command pass\n")
    record = config(gwproxy_home)["profiles"]["kimi"]
    assert record["key_command"] == ["pass", "show", "my key"]

    ran = command("profile", "key", "kimi", "--delete")
    assert ran.stderr.splitlines() == [
        "kimi takes no key from command pass any more",
        "the key of kimi is deleted from the keyring",
    ]
    assert config(gwproxy_home)["profiles"]["kimi"] == {"preset": "kimi-code"}
    assert stored(key_file) == {}
    ran = command("profile", "key", "kimi", "--delete")
    assert (ran.code, ran.stderr) == (0, "there was no key of kimi in the keyring\n")


def test_a_config_of_0_1_0_that_cannot_be_written_costs_no_key(
    command: InProcess, gwproxy_home: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = gwproxy_home / "config.toml"
    path.write_text(f'{path.read_text()}[profiles.kimi]\npreset = "kimi-code"\n')
    key_file.write_text(f'{{"{SERVICE}": "{KEY}"}}', encoding="utf-8")

    def read_only(descriptor: int) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.fsync", read_only)
    assert command("profile", "key", "kimi", "--stdin", stdin="another").code == 3
    assert stored(key_file) == {SERVICE: KEY}
    assert "…abcd  keyring" in command("profile", "list").stdout


def test_a_key_that_cannot_be_deleted_yet_is_used_no_more(
    kimi: Ran, command: InProcess, gwproxy_home: Path, key_file: Path
) -> None:
    use_backend(gwproxy_home, "LockedBackend")
    ran = command("profile", "key", "kimi", "--delete")
    assert (ran.code, ran.stdout) == (4, "")
    assert ran.stderr.startswith("warning: the key of kimi is used no more, and deleted when")
    assert "error: the keyring is locked\n" in ran.stderr
    use_backend(gwproxy_home, "FileBackend")
    command("profile", "remove", "kimi", "--yes")
    assert stored(key_file) == {}


def test_what_a_removed_profile_left_can_be_deleted_by_name(
    kimi: Ran, command: InProcess, gwproxy_home: Path, key_file: Path
) -> None:
    use_backend(gwproxy_home, "LockedBackend")
    command("profile", "remove", "kimi", "--yes")
    assert command("profile", "key", "kimi", "--delete").code == 4
    use_backend(gwproxy_home, "FileBackend")
    ran = command("profile", "key", "kimi", "--delete")
    assert (ran.code, ran.stderr) == (0, "the key that kimi had left in the keyring is deleted\n")
    assert stored(key_file) == {}


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--confirm"], 0, "the key of kimi may go to api.kimi.com already\n"),
        (["--confirm", "--delete"], 2, "error: --confirm and --delete go with none of"),
        (["--confirm", "--stdin"], 2, "error: --confirm and --delete go with none of"),
    ],
)
def test_a_confirmation_stands_alone(
    kimi: Ran, command: InProcess, flags: list[str], code: int, said: str
) -> None:
    ran = command("profile", "key", "kimi", *flags, stdin=KEY)
    assert (ran.code, ran.stdout) == (code, "")
    assert ran.stderr.startswith(said)


def test_what_the_profile_did_not_store_cannot_be_confirmed(
    command: InProcess, key_file: Path
) -> None:
    key_file.write_text(f'{{"gwproxy:wall api-key": "{KEY}"}}', encoding="utf-8")
    command("profile", "add", "wall", "--preset", "strongwall", "--key-env", "WALL")
    ran = command("profile", "key", "wall", "--confirm")
    assert (ran.code, ran.stdout) == (4, "")
    assert ran.stderr.startswith("error: wall has put no key into the keyring\n")


def test_the_demo_is_given_no_key(command: InProcess, gwproxy_home: Path) -> None:
    assert command("profile", "add", "demo").code == 0
    assert config(gwproxy_home)["profiles"] == {"demo": {"preset": "demo"}}
    ran = command("profile", "key", "demo", "--stdin", stdin=KEY)
    assert (ran.code, ran.stdout) == (2, "")


def test_a_profile_without_a_key_can_be_given_one(
    command: InProcess, gwproxy_home: Path, key_file: Path
) -> None:
    command("profile", "add", "strongwall", "--no-key")
    assert command("profile", "key", "strongwall", "--stdin", stdin="a-plain-key").code == 0
    assert config(gwproxy_home)["profiles"] == {"strongwall": {"preset": "strongwall"}}
    assert stored(key_file) == {"gwproxy:strongwall api-key": "a-plain-key"}


def test_a_variable_that_wins_is_mentioned(
    kimi: Ran, command: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GWPROXY_KEY_KIMI", KEY)
    ran = command("profile", "key", "kimi", "--stdin", stdin=KEY)
    assert ran.stderr.endswith("warning: GWPROXY_KEY_KIMI is set here and wins over it\n")
    assert "environment variable GWPROXY_KEY_KIMI" in command("profile", "list").stdout


def test_quiet_leaves_only_what_matters(command: InProcess, key_file: Path) -> None:
    ran = command("profile", "add", "strongwall", "--key-stdin", "--quiet", stdin="a-plain-key")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")


def test_a_person_is_asked_for_what_is_missing(
    command: InProcess, key_file: Path, gwproxy_home: Path
) -> None:
    ran = gwproxy_on_terminal(
        "profile",
        "add",
        "team",
        answers=[
            "claude-gatway",
            "claude-gateway",
            "gate.example/v1/messages",
            "https://gate.example/v1/messages",
            "",
            "cc_user_canary0123456789",
        ],
    )
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr.count("Provider (strongwall, kimi-k25") == 2
    assert "no preset called 'claude-gatway': did you mean claude-gateway?" in ran.stderr
    assert "gate.example/v1/messages cannot be a base URL" in ran.stderr
    assert "The key goes into the keyring, and to gate.example and nowhere else." in ran.stderr
    assert "canary" not in ran.stderr
    assert config(gwproxy_home)["profiles"]["team"] == {
        "preset": "claude-gateway",
        "anthropic_url": "https://gate.example/v1/messages",
    }
    assert stored(key_file) == {"gwproxy:team api-key": "cc_user_canary0123456789"}


def test_without_any_keyring_a_person_learns_why_and_what_to_do(gwproxy_home: Path) -> None:
    ran = gwproxy("profile", "add", "kimi", "--preset", "kimi-code", "--key-stdin", stdin=KEY)
    assert (ran.code, ran.stdout) == (4, "")
    what, why, hint, *ways = ran.stderr.splitlines()
    assert what == "error: there is no keyring here"
    assert why.startswith("why: ")
    assert hint == "hint: keep the key elsewhere:"
    assert [way for way in ways if "gwproxy" in way] == [
        "    gwproxy profile add kimi --preset kimi-code --key-env GWPROXY_KEY_KIMI",
        "    gwproxy profile add kimi --preset kimi-code --key-command 'pass show kimi'",
        "    gwproxy profile add kimi --preset kimi-code --key-file PATH",
    ]
    assert not (gwproxy_home / "config.toml").exists()


def test_without_any_keyring_nobody_is_asked_for_a_key(gwproxy_home: Path) -> None:
    ran = gwproxy_on_terminal("profile", "add", "kimi", "--preset", "kimi-code")
    assert (ran.code, ran.stdout) == (4, "")
    assert ran.stderr.startswith("error: there is no keyring here\n")
    assert "--preset kimi-code --key-env GWPROXY_KEY_KIMI\n" in ran.stderr


def test_a_reference_is_deleted_also_without_any_keyring(
    command: InProcess, gwproxy_home: Path
) -> None:
    command("profile", "add", "kimi", "--preset", "kimi-code", "--key-env", "K")
    ran = command("profile", "key", "kimi", "--delete")
    assert (ran.code, ran.stderr) == (0, "kimi takes no key from environment variable K any more\n")
    assert config(gwproxy_home)["profiles"]["kimi"] == {"preset": "kimi-code"}


def test_one_address_of_two_that_stays_is_named(command: InProcess) -> None:
    ran = command(
        "profile", "add", "strongwall", "--no-key", "--anthropic-url", "http://127.0.0.1:9"
    )
    assert "warning: openai_url stays at https://api.strongwall.ai/v1; --openai-url" in ran.stderr
    ran = command("profile", "add", "wall", "--preset", "strongwall", "--no-key")
    assert "stays" not in ran.stderr


def test_an_unknown_context_window_is_told(command: InProcess) -> None:
    url = ("--openai-url", "http://127.0.0.1:9/v1", "--no-key")
    ran = command("profile", "add", "up", *url, "--model", "nobodys-own")
    assert "warning: nobody here knows the context window of nobodys-own" in ran.stderr
    assert "next: gwproxy profile set up context_window=TOKENS\n" in ran.stderr
    assert "context" not in command("profile", "add", "k", *url, "--model", "kimi-k2.5").stderr
