"""`gwproxy profile list, show, use, set, rename, remove`: streams, exit codes, files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.cli import InProcess, Ran, gwproxy, gwproxy_on_terminal
from support.keyrings import stored, use_backend
from support.profiles import KEY, SERVICE, config


def test_a_list_for_people_and_one_for_programs(kimi: Ran, command: InProcess) -> None:
    command("profile", "add", "strongwall", "--key-command", "pass show wall")
    people = command("profile", "list")
    assert (people.code, people.stderr) == (0, "")
    assert people.stdout.splitlines() == [
        "NAME        PRESET      SPEAKS           MODEL      KEY             HOST",
        "kimi *      kimi-code   anthropic        kimi-k2.5  …abcd  keyring  api.kimi.com",
        "strongwall  strongwall  anthropic, chat  kimi-k2.5  command pass    api.strongwall.ai",
    ]
    data = command("profile", "list", "--json").envelope["data"]
    assert data["default"] == "kimi"
    assert [one["name"] for one in data["profiles"]] == ["kimi", "strongwall"]
    assert data["profiles"][0]["key"] == {
        "kind": "keyring",
        "source": "keyring",
        "masked": "…abcd",
        "trouble": None,
    }


def test_an_empty_list_names_the_next_command(command: InProcess) -> None:
    ran = command("profile", "list")
    assert (ran.code, ran.stdout) == (0, "")
    assert "gwproxy profile add" in ran.stderr


def test_show_tells_where_each_value_comes_from(kimi: Ran, command: InProcess) -> None:
    command("profile", "set", "kimi", "stream=never", "quirk.vision=no", "header.X-Team=7")
    rows = [line.split("  ") for line in command("profile", "show", "kimi").stdout.splitlines()]
    origin = {row[0]: row[-1].strip() for row in rows}
    assert origin["stream"] == "config.toml"
    assert origin["quirk.vision"] == "config.toml"
    assert origin["headers.X-Team"] == "config.toml"
    assert origin["anthropic_url"] == "preset kimi-code"
    assert origin["quirk.schema"] == "preset kimi-code"
    assert origin["quirk.sampling"] == origin["context_window"] == "model kimi-k2.5"
    assert "quirk.leaked_tools" not in origin
    everything = command("profile", "show", "kimi", "--all").stdout
    assert "quirk.leaked_tools" in everything
    extras = next(line for line in everything.splitlines() if "quirk.cache_marks" in line)
    assert "unknown" not in extras  # its preset knows
    data = command("profile", "show", "kimi", "--json").envelope["data"]
    assert data["quirks"]["vision"] is False
    assert data["endpoints"]["messages"] == "https://api.kimi.com/coding/v1/messages"
    assert set(data["overridden"]) == {"preset", "stream", "quirks.vision", "headers.X-Team"}


def test_show_tells_what_nobody_knows_of_a_host(command: InProcess) -> None:
    url = "https://provider.example"
    command("profile", "add", "own", "--anthropic-url", url, "--model", "m", "--no-key")
    shown = command("profile", "show", "own", "--all").stdout
    documents = next(line for line in shown.splitlines() if "quirk.documents" in line)
    assert "unknown (sent)" in documents


def test_an_unknown_setting_is_remarked_upon(
    kimi: Ran, command: InProcess, gwproxy_home: Path
) -> None:
    with (gwproxy_home / "config.toml").open("a", encoding="utf-8") as file:
        file.write('modle = "x"\n')
    ran = command("profile", "list")
    assert ran.code == 0
    assert ran.stderr == ("warning: profiles.kimi.modle is not a setting; did you mean model?\n")


def test_set_changes_and_takes_back(kimi: Ran, command: InProcess, gwproxy_home: Path) -> None:
    assert command("profile", "set", "kimi", "model=k3", "models=a,b").code == 0
    assert config(gwproxy_home)["profiles"]["kimi"]["models"] == ["a", "b"]
    assert command("profile", "set", "kimi", "model=", "models=").code == 0
    assert config(gwproxy_home)["profiles"]["kimi"] == {"preset": "kimi-code"}


def test_a_quirk_with_a_list_of_words_is_set(
    kimi: Ran, command: InProcess, gwproxy_home: Path
) -> None:
    ran = command("profile", "set", "kimi", "quirk.efforts=low,high")
    assert ran.code == 0, ran
    address = ("--openai-url", "http://127.0.0.1:1", "--model", "m")
    flags = (*address, "--no-key", "--quirk", "efforts=low,high")
    assert command("profile", "add", "other", *flags).code == 0
    for profile in config(gwproxy_home)["profiles"].values():
        assert profile["quirks"] == {"efforts": ["low", "high"]}


@pytest.mark.parametrize(
    ("assignment", "what"),
    [
        ("stream=yes", 'profiles.kimi.stream: must be auto, always or never, not "yes"'),
        ("straem=never", "there is no setting called 'straem'"),
        ("quirk.vision=perhaps", "vision must be true or false"),
        ("fallback=nobody", "profiles.kimi.fallback: there is no profile called 'nobody'"),
        ("header.Authorization=x", "profiles.kimi.headers.Authorization: carries a key"),
    ],
)
def test_a_bad_value_changes_nothing(
    kimi: Ran, command: InProcess, gwproxy_home: Path, assignment: str, what: str
) -> None:
    before = config(gwproxy_home)
    ran = command("profile", "set", "kimi", assignment)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"error: {what}")
    assert config(gwproxy_home) == before


def test_a_broken_profile_can_be_mended_or_removed(
    kimi: Ran, command: InProcess, gwproxy_home: Path
) -> None:
    path = gwproxy_home / "config.toml"
    good = path.read_text(encoding="utf-8")
    path.write_text(good + 'stream = "yes"\n', encoding="utf-8")
    assert command("profile", "list").code == 3
    assert command("profile", "set", "kimi", "stream=never").code == 0
    assert command("profile", "list").code == 0
    path.write_text(good + 'stream = "yes"\n', encoding="utf-8")
    assert command("profile", "remove", "kimi", "--yes").code == 0
    assert "profiles" not in config(gwproxy_home)


def test_a_rename_takes_the_key_along(
    kimi: Ran, command: InProcess, gwproxy_home: Path, key_file: Path
) -> None:
    ran = command("profile", "rename", "kimi", "k2")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "kimi is called k2 now\n")
    assert stored(key_file) == {"gwproxy:k2 api-key": KEY}
    assert config(gwproxy_home)["default"] == "k2"


@pytest.mark.parametrize("new_name", ["K2", "strongwall"])
def test_a_rename_that_cannot_be_moves_no_key(
    kimi: Ran, command: InProcess, key_file: Path, new_name: str
) -> None:
    command("profile", "add", "strongwall", "--no-key")
    ran = command("profile", "rename", "kimi", new_name)
    assert ran.code == 2
    assert stored(key_file) == {SERVICE: KEY}


def test_a_rename_without_the_key_that_it_lives_by_is_refused(
    kimi: Ran, command: InProcess, gwproxy_home: Path
) -> None:
    use_backend(gwproxy_home, "LockedBackend")
    ran = command("profile", "rename", "kimi", "k2")
    assert (ran.code, ran.stdout) == (4, "")
    assert ran.stderr.startswith("error: the keyring is locked\n")
    assert list(config(gwproxy_home)["profiles"]) == ["kimi"]


def test_a_rename_leaves_a_key_behind_that_it_does_not_need(
    kimi: Ran, command: InProcess, gwproxy_home: Path, key_file: Path
) -> None:
    command("profile", "key", "kimi", "--env", "KIMI")
    use_backend(gwproxy_home, "LockedBackend")
    ran = command("profile", "rename", "kimi", "k2")
    assert ran.code == 0
    assert "warning: a key of kimi may still be in the keyring" in ran.stderr
    use_backend(gwproxy_home, "FileBackend")
    command("doctor")
    assert stored(key_file) == {}


def test_a_key_that_a_locked_keyring_kept_is_nobodys_and_deleted_later(
    kimi: Ran, command: InProcess, gwproxy_home: Path, key_file: Path
) -> None:
    use_backend(gwproxy_home, "LockedBackend")
    ran = command("profile", "remove", "kimi", "--yes")
    assert ran.code == 0
    assert ran.stderr.splitlines() == [
        "warning: a key of kimi may still be in the keyring (the keyring is locked); "
        "it is used no more, and deleted when the keyring can be opened",
        "kimi is removed",
    ]
    assert stored(key_file) == {SERVICE: KEY}
    command("profile", "add", "kimi", "--preset", "strongwall", "--key-env", "WALL")
    listed = command("profile", "list", "--json").envelope["data"]["profiles"]
    assert "no key" in listed[0]["key"]["trouble"]
    ran = command("doctor", "--json")
    (note,) = [one for one in ran.envelope["data"]["findings"] if "waits" in one["words"]]
    assert note["hint"] == "unlock the keyring, then\ngwproxy doctor"
    use_backend(gwproxy_home, "FileBackend")
    assert command("profile", "list").code == 0
    assert stored(key_file) == {}
    assert config(gwproxy_home)["key_hosts"] == {}


def test_an_address_on_another_host_waits_for_a_word_about_the_key(
    kimi: Ran, command: InProcess, gwproxy_home: Path
) -> None:
    ran = command("profile", "set", "kimi", "anthropic_url=https://new.example")
    assert ran.code == 0
    assert ran.stderr.splitlines() == [
        "kimi is changed; a running server takes it over by itself",
        "warning: the key of kimi was given for api.kimi.com, and the profile leads to "
        "new.example now",
        "hint: gwproxy profile key kimi takes a new key; gwproxy profile key kimi --confirm lets "
        "this one go there too",
    ]
    (listed,) = command("profile", "list", "--json").envelope["data"]["profiles"]
    assert "was given for api.kimi.com" in listed["key"]["trouble"]
    refused = command("models", "kimi")
    assert (refused.code, refused.stdout) == (4, "")
    assert "gwproxy profile key kimi --confirm" in refused.stderr

    ran = command("profile", "key", "kimi", "--confirm")
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr.startswith("the key of kimi may go to new.example now")
    assert config(gwproxy_home)["key_hosts"] == {"kimi": ["api.kimi.com", "new.example"]}
    assert "…abcd  keyring" in command("profile", "list").stdout
    command("profile", "set", "kimi", "anthropic_url=https://newer.example")
    command("profile", "key", "kimi", "--stdin", stdin=KEY)
    assert config(gwproxy_home)["key_hosts"] == {"kimi": ["newer.example"]}


def test_remove_asks_and_deletes(kimi: Ran, command: InProcess, key_file: Path) -> None:
    ran = command("profile", "remove", "kimi")
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: this needs --yes\n")
    assert stored(key_file) == {SERVICE: KEY}
    ran = command("profile", "remove", "kimi", "--yes")
    assert (ran.code, ran.stderr) == (0, "kimi is removed, and its key is deleted\n")
    assert stored(key_file) == {}


def test_without_its_default_a_person_is_told_to_choose(kimi: Ran, command: InProcess) -> None:
    for name in ("strongwall", "kimi-k25"):
        command("profile", "add", name, "--no-key")
    ran = command("profile", "remove", "kimi", "--yes")
    assert ran.stderr.endswith("next: gwproxy profile use NAME\n")


def test_what_others_fall_back_to_is_not_removed(kimi: Ran, command: InProcess) -> None:
    command("profile", "add", "strongwall", "--no-key")
    command("profile", "set", "strongwall", "fallback=kimi")
    ran = command("profile", "remove", "kimi", "--yes")
    assert (ran.code, ran.stdout) == (3, "")
    assert "profiles.strongwall.fallback leads to it" in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "kimmi"],
        ["use", "kimmi"],
        ["set", "kimmi", "model=x"],
        ["key", "kimmi", "--delete"],
        ["remove", "kimmi", "--yes"],
        ["rename", "kimmi", "k2"],
    ],
)
def test_a_profile_that_is_not_there_is_guessed(
    kimi: Ran, command: InProcess, arguments: list[str]
) -> None:
    ran = command("profile", *arguments)
    assert (ran.code, ran.stdout) == (3, "")
    assert ran.stderr.splitlines()[:2] == [
        "error: there is no profile called 'kimmi'",
        "why: did you mean kimi?",
    ]


def test_the_group_alone_shows_its_help(command: InProcess) -> None:
    ran = command("profile")
    assert (ran.code, ran.stderr) == (0, "")
    assert "rename" in ran.stdout


def test_a_person_confirms_a_removal(kimi: Ran, gwproxy_home: Path, key_file: Path) -> None:
    kept = gwproxy_on_terminal("profile", "remove", "kimi", answers=[""])
    assert kept.stderr.endswith("nothing was changed\n")
    assert stored(key_file) == {SERVICE: KEY}
    gone = gwproxy_on_terminal("profile", "remove", "kimi", answers=["y"])
    assert gone.code == 0
    assert stored(key_file) == {}


def test_what_is_not_there_is_not_asked_about(kimi: Ran) -> None:
    ran = gwproxy_on_terminal("profile", "remove", "kimmi")
    assert (ran.code, ran.stdout) == (3, "")
    assert ran.stderr.startswith("error: there is no profile called 'kimmi'\n")
    assert "[y/N]" not in ran.stderr


def test_a_profile_is_no_fallback_for_itself(kimi: Ran, command: InProcess) -> None:
    ran = command("profile", "set", "kimi", "fallback=kimi")
    assert (ran.code, "names kimi itself" in ran.stderr) == (2, True)


def test_the_real_process_does_the_same(gwproxy_home: Path, key_file: Path) -> None:
    added = gwproxy("profile", "add", "kimi", "--preset", "kimi-code", "--key-stdin", stdin=KEY)
    assert (added.code, added.stdout) == (0, "")
    listed = gwproxy("profile", "list", "--json")
    assert (listed.code, listed.stderr) == (0, "")
    assert json.loads(listed.stdout)["data"]["profiles"][0]["key"]["masked"] == "…abcd"
    failed = gwproxy("profile", "show", "nobody")
    assert (failed.code, failed.stdout) == (3, "")
