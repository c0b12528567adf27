"""`gwproxy init`: from nothing to a tool that works, by flags and by questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gwproxy.simulator import DEMO, KIMI_CODE, PlayedKind, PlayedRefusal
from support.background import Background
from support.cli import InProcess, gwproxy, gwproxy_on_terminal
from support.keyrings import stored, use_backend
from support.profiles import KEY

pytestmark = pytest.mark.usefixtures("port")


def by_flags(url: str) -> tuple[str, ...]:
    where = ("--name", "up", "--openai-url", url, "--model", "demo-1", "--no-key")
    return ("init", *where, "--tool", "claude-code", "--yes")


def test_by_flags_and_again(
    command: InProcess, background: Background, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    provider = background.provider(DEMO)
    ran = command(*by_flags(provider.openai_url), "--start", "run")
    assert ran.code == 0, ran
    assert ran.stderr.splitlines()[-1] == "next: gwproxy run -- claude"
    assert ran.stderr.count("next: ") == 1  # the steps in between are this command's own
    assert "no gateway answers" in ran.stdout
    assert "gwproxy serve" not in ran.stdout + ran.stderr  # which is asked in a moment
    assert not (tmp_path / ".claude").exists()
    assert provider.billed == 0

    again = command("init", "--tool", "claude-code", "--yes", "--start", "run")
    assert (again.code, "the provider is up already" in again.stderr) == (0, True)
    again = command(*by_flags(provider.openai_url), "--start", "run")
    assert (again.code, "up is there already, and stays as it is" in again.stderr) == (0, True)
    assert command("profile", "list", "--json").envelope["data"]["default"] == "up"


def test_what_the_free_check_refuses_ends_it(command: InProcess, background: Background) -> None:
    provider = background.provider(DEMO)
    provider.will(PlayedRefusal(401, "No"), kinds=[PlayedKind.MODELS])
    ran = command(*by_flags(provider.openai_url), "--start", "run")
    assert ran.code == 4
    assert ran.stderr.endswith("next: gwproxy init\n")


def test_a_person_chooses_by_number_or_name_and_a_typo_is_asked_again(
    command: InProcess, gwproxy_home: Path
) -> None:
    answers = ["kimmi-code", "6", "run"]
    ran = gwproxy_on_terminal("init", answers=answers)
    assert ran.code == 0, ran
    assert "  3  kimi-code " in ran.stderr
    assert "'kimmi-code' is none of these: did you mean kimi-code?" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("next: gwproxy run -- ")
    data = command("profile", "list", "--json").envelope["data"]
    assert json.dumps(data["profiles"]).count('"preset": "demo"') == 1


def test_without_a_keyring_other_ways_are_offered_before_a_key_is_asked_for(
    gwproxy_home: Path,
) -> None:
    ran = gwproxy_on_terminal("init", "--preset", "kimi-code", answers=["\x03"])
    assert ran.code == 130
    assert "there is no keyring here" in ran.stderr
    assert "  1  env " in ran.stderr
    assert "  keyring  " not in ran.stderr
    assert "API key" not in ran.stderr


def test_where_a_keyring_works_it_is_the_first_of_the_ways(
    background: Background, gwproxy_home: Path, key_file: Path, port: int
) -> None:
    use_backend(gwproxy_home, "FileBackend")
    provider = background.provider(KIMI_CODE, key=KEY)
    where = ("--preset", "kimi-code", "--anthropic-url", provider.anthropic_url)
    ran = gwproxy_on_terminal("init", *where, "--start", "run", answers=["1", KEY])
    assert ran.code == 0, ran
    assert "  1  keyring  " in ran.stderr
    assert stored(key_file) == {"gwproxy:kimi-code api-key": KEY}
    assert KEY not in ran.stderr
    assert (gwproxy_home / "config.toml").read_text().count("key_") == 1  # key_hosts


def test_a_way_that_does_not_work_is_asked_again_or_left(
    background: Background, gwproxy_home: Path, tmp_path: Path
) -> None:
    provider = background.provider(KIMI_CODE, key=KEY)
    open_to_all, key = tmp_path / "open", tmp_path / "key"
    for file, mode in ((open_to_all, 0o644), (key, 0o600)):
        file.write_text(KEY)
        file.chmod(mode)
    ways = ["env", "NO_SUCH", "", "command", "no-such-program x", "", "file", str(open_to_all)]
    where = ("--preset", "kimi-code", "--anthropic-url", provider.anthropic_url)
    ran = gwproxy_on_terminal("init", *where, "--start", "run", answers=[*ways, str(key)])
    assert ran.code == 0, ran
    for words in (
        "NO_SUCH is not set in this shell",
        "no-such-program is not here",
        f"others can read the key file {open_to_all}",
    ):
        assert words in " ".join(ran.stderr.split())
    assert f'key_file = "{key}"' in (gwproxy_home / "config.toml").read_text()


def test_a_variable_that_is_set_is_the_answer_already(
    background: Background, gwproxy_home: Path
) -> None:
    provider = background.provider(KIMI_CODE, key=KEY)
    where = ("--preset", "kimi-code", "--anthropic-url", provider.anthropic_url)
    ran = gwproxy_on_terminal(
        *("init", *where, "--start", "run"),
        answers=["env", ""],
        environ={"GWPROXY_KEY_KIMI_CODE": KEY},
    )
    assert ran.code == 0, ran
    assert "Variable [GWPROXY_KEY_KIMI_CODE]: " in ran.stderr


def test_a_refused_key_can_be_given_again(
    background: Background, gwproxy_home: Path, tmp_path: Path
) -> None:
    provider = background.provider(KIMI_CODE, key=KEY)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    for file, text in ((right, KEY), (wrong, KEY + "x")):
        file.write_text(text)
        file.chmod(0o600)
    where = ("--preset", "kimi-code", "--anthropic-url", provider.anthropic_url)
    ran = gwproxy_on_terminal(
        *("init", *where, "--key-file", str(wrong), "--start", "run"),
        answers=["y", "file", str(right)],
    )
    assert ran.code == 0, ran
    assert "Give kimi-code another key now? [y/N]: " in ran.stderr
    assert ran.stderr.splitlines()[-1] == "next: gwproxy run -- claude"


def test_arrow_keys_where_the_terminal_has_them(command: InProcess, gwproxy_home: Path) -> None:
    keys = ["\x1b[A", "\x1b[B\x1b[A\x1b[A"]
    ran = gwproxy_on_terminal("init", answers=keys, environ={"TERM": "xterm", "PATH": ""})
    assert ran.code == 0, ran
    assert "Provider: demo\n" in ran.stderr
    assert "Run it: run\n" in ran.stderr
    assert ran.stderr.splitlines()[-1] == "next: gwproxy run -- claude"


def test_in_the_background_and_again(
    command: InProcess, background: Background, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    line = (*by_flags(background.provider(DEMO).openai_url), "--detach")
    try:
        ran = gwproxy(*line)
        assert ran.code == 0, ran
        assert ran.stderr.endswith("next: claude\n")
        url = command("status", "--json").envelope["data"]["url"]
        assert url in (tmp_path / ".claude" / "settings.json").read_text()
        again = gwproxy(*line)
        assert (again.code, f"the gateway runs already, at {url}" in again.stderr) == (0, True)
        assert "is set up already" in again.stderr
    finally:
        assert command("stop").code == 0
    assert command("init", "--detach", "--start", "run").code == 2


def test_without_a_terminal_what_is_missing_is_named(command: InProcess) -> None:
    ran = command("init")
    assert (ran.code, "--preset" in ran.stderr) == (2, True)
    assert command("init", "--start", "never").code == 2


def test_who_the_provider_is_comes_before_its_key(
    background: Background, gwproxy_home: Path, port: int
) -> None:
    url = background.provider(DEMO).openai_url
    ran = gwproxy_on_terminal("init", answers=["custom", "", url, "demo-1", "\x03"])
    assert ran.code == 130
    before, _, after = ran.stderr.partition("there is no keyring here")
    assert "Anthropic base URL" in before
    assert before.endswith(f"OpenAI base URL (empty if there is none): {url}\nModel: demo-1\n")
    assert "  1  env " in after


def test_what_is_next_is_true_also_where_no_tool_is_set_up(
    background: Background, monkeypatch: pytest.MonkeyPatch, gwproxy_home: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    provider = background.provider(DEMO)
    where = ("init", "--name", "up", "--openai-url", provider.openai_url, "--model", "demo-1")
    try:
        ran = gwproxy_on_terminal(
            *(*where, "--no-key", "--detach"), answers=[], environ={"PATH": "/nowhere"}
        )
        assert ran.code == 0, ran
        assert ran.stderr.endswith("next: gwproxy setup claude-code\n")
        ran = gwproxy_on_terminal("init", "--tool", "codex", answers=["n"])
        assert ran.code == 0, ran
        assert ran.stderr.endswith("next: gwproxy setup codex\n")
    finally:
        assert gwproxy("stop").code == 0
