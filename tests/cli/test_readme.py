"""The README and what it leads to are true: its commands are there and really run, its tables are
the code's own, and its links lead somewhere. `.ci/run` runs its first two blocks."""

from __future__ import annotations

import json
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from gwproxy import errors
from gwproxy.cli.app import build_app
from gwproxy.profiles.local_token import local_token
from gwproxy.profiles.presets import PRESETS
from gwproxy.proxy.serving import Options
from gwproxy.simulator import KIMI_CODE
from gwproxy.translate.loss_words import CODES
from support.background import Background
from support.cli import InProcess, Ran, environment, gwproxy_on_terminal
from support.keyrings import FILE_VARIABLE, use_backend
from support.profiles import KEY
from support.raw import free_port
from support.readme import (
    DOCUMENTS,
    README,
    ROOT,
    blocks,
    commands,
    lines,
    links,
    table_after,
    words,
)

PATIENCE_S: Final = 60


# --- what is typed -------------------------------------------------------------------------------


def parsed(command: str) -> None:
    """Raises where gwproxy does not know a command or a flag, or has no such choice."""
    found: Any = build_app()
    name, arguments = "gwproxy", words(command)
    while getattr(found, "list_commands", None) and arguments and arguments[0][0] != "-":
        name, *arguments = arguments
        group, found = found, found.get_command(found.make_context("gwproxy", [name]), name)
        assert found is not None, f"{command}: {name!r} is not one of {group.list_commands(None)}"
    if "--help" in arguments or "--version" in arguments:
        return
    if not getattr(found, "list_commands", None):
        found.make_context(name, arguments)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_is_one_that_gwproxy_has(document: Path) -> None:
    wrong = []
    for command, whole in commands(document):
        try:
            parsed(command)
        except Exception as error:  # noqa: BLE001 -- each of them is a mistake in the document
            if whole or type(error).__name__ != "MissingParameter":
                wrong.append(f"{command}: {type(error).__name__} {error}")
    assert not wrong, "\n".join(wrong)


def test_the_first_two_blocks_stand_alone_on_a_distributions_python() -> None:
    demo, tests = blocks(README)[:2]
    environment_first = "python3 -m venv .venv && . .venv/bin/activate && pip install "
    assert demo == f"{environment_first}. && gwproxy demo\n"
    assert tests == f"{environment_first}-e '.[test]' && pytest\n"


CI: Final = ".ci/run runs it"
NOT_RUN_HERE: Final[Mapping[str, str]] = {
    "python3 -m venv .venv && . .venv/bin/activate && pip install . && gwproxy demo": CI,
    "python3 -m venv .venv && . .venv/bin/activate && pip install -e '.[test]' && pytest": CI,
    "pipx install .": "is another program, and wants the network",
    "uv tool install .": "is another program, and wants the network",
    "gwproxy init": "asks the real provider with the key; test_init_cli.py has it asked here",
    "gwproxy serve": "runs beside the others",
    "claude": "is another program; real_clients/ has it",
    "gwproxy service uninstall": "is about the machine itself; test_service_cli.py",
}

ANSWERS: Final[Mapping[str, list[str]]] = {
    "gwproxy profile add kimi --preset kimi-code": [KEY],
    "gwproxy setup claude-code": ["y"],
    "gwproxy setup --undo --all": ["y"],
    "gwproxy profile remove kimi": ["y"],
    "gwproxy purge": ["y"],
}
"""What a person types where a command asks."""


OF_ITS_OWN: Final = ("gwproxy run -- claude",)
"""What has to be a process of its own."""


@pytest.fixture
def home(gwproxy_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a tool, a keyring, a request in a file, and no gwproxy yet."""
    home = tmp_path / "home"
    tool = home / "bin" / "claude"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    tool.chmod(stat.S_IRWXU)
    gwproxy_home.mkdir(mode=0o700)
    (gwproxy_home / "config.toml").write_text(f"[serve]\nport = {free_port()}\n", encoding="utf-8")
    use_backend(gwproxy_home, "FileBackend")
    asked = {"model": "claude-sonnet-5", "max_tokens": 9, "top_k": 3, "messages": []}
    asked["messages"] = [{"role": "user", "content": "Hello"}]
    (home / "request.json").write_text(json.dumps(asked), encoding="utf-8")
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "keys.json"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def gateway() -> Iterator[list[subprocess.Popen[str]]]:
    """Whatever the test starts and leaves running."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def typed(command: InProcess, line: str) -> Ran:
    """What a person gets who types the line: on a terminal, where they are asked."""
    if line in ANSWERS or line in OF_ITS_OWN:
        return gwproxy_on_terminal(*words(line), answers=ANSWERS.get(line, []))
    file = shlex.split(line)[-1]
    return command(
        *words(line), stdin=Path(file).read_text(encoding="utf-8") if "<" in line else ""
    )


@pytest.mark.skipif(sys.platform == "win32", reason="types on a terminal of POSIX")
def test_every_line_runs(
    home: Path,
    command: InProcess,
    background: Background,
    gateway: list[subprocess.Popen[str]],
) -> None:
    """In their order, against a simulated provider; what the README takes for granted between two
    lines (a second profile, a gateway that runs) is done here."""
    provider = background.provider(KIMI_CODE, key=KEY)
    unused = set(ANSWERS) | set(NOT_RUN_HERE)
    for line in lines(README):
        unused.discard(line)
        if line == "gwproxy serve":
            gateway.append(
                subprocess.Popen(
                    [sys.executable, "-m", *shlex.split(line)],
                    env=environment(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            assert gateway[0].stdout is not None
            assert gateway[0].stdout.readline().startswith("http://127.0.0.1:")
        if line in NOT_RUN_HERE:
            continue
        if " k25 " in line:
            url = ("--openai-url", provider.openai_url, "--model", "kimi-k2.5")
            assert command("profile", "add", "k25", *url, "--no-key").code == 0
        ran = typed(command, line)
        assert ran.code == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
        if line == "gwproxy profile add kimi --preset kimi-code":
            at = f"anthropic_url={provider.anthropic_url}"
            assert command("profile", "set", "kimi", at).code == 0
            assert command("profile", "key", "kimi", "--confirm").code == 0
    assert not unused, "the README has these no more"
    assert not (home / ".claude" / "settings.json").exists()


# --- what is told --------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    gone = [link for link in links(document) if not (document.parent / link).exists()]
    assert not gone


def test_the_presets_are_those_that_there_are() -> None:
    said = {"Anthropic": "anthropic", "Chat": "chat", "Responses": "responses"}
    rows = {row[0]: row[1:] for row in table_after(README, "preset")}
    assert list(rows) == list(PRESETS)
    for name, (_, formats, streams) in rows.items():
        preset = PRESETS[name]
        if formats == "as you say":
            assert preset.anthropic_url is None and preset.openai_url is None
        elif formats != "all":
            assert [said[one] for one in formats.split(", ")] == list(preset.dialects), name
        assert (streams == "never") == (preset.stream == "never"), name


def test_the_words_for_losses_are_those_of_the_code() -> None:
    assert dict(table_after(README, "code")) == dict(CODES)


def test_the_exit_codes_are_all_of_them() -> None:
    told = {int(row[0]) for row in table_after(README, "exit code")}
    there = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert told == there | {0}


def test_it_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 350
    assert README.parent == ROOT


def test_the_python_block_makes_clients_that_get_answers(
    gwproxy_home: Path, background: Background
) -> None:
    provider = background.provider()
    urls = f'anthropic_url = "{provider.anthropic_url}"\nopenai_url = "{provider.openai_url}"\n'
    gwproxy_home.mkdir(mode=0o700)
    (gwproxy_home / "config.toml").write_text(
        f'default = "up"\n[profiles.up]\nmodel = "demo-1"\nkey = "none"\n{urls}', encoding="utf-8"
    )
    gateway = background.gateway(Options(port=0))
    (block,) = blocks(README, "python")
    told = {"http://127.0.0.1:4979": gateway.url, "…the local token…": local_token().reveal()}
    for words_there, here in told.items():
        assert words_there in block
        block = block.replace(words_there, here)
    imports, one, other = block.strip().partition("\n\n")[0], *block.strip().split("\n")[-2:]
    made: dict[str, Any] = {}
    exec(f"{imports}\nanthropic = {one}\nopenai = {other}", made)
    question: list[Any] = [{"role": "user", "content": "Hello"}]
    with made["anthropic"] as client:
        message = client.messages.create(model="m", max_tokens=99, messages=question)
    assert any(block.type == "text" for block in message.content)
    with made["openai"] as client:
        completion = client.chat.completions.create(model="m", messages=question)
    assert completion.choices[0].message.content


OUR_WORDS: Final = (
    "there is no keyring here",
    "is taken",
    "gwproxy: this is not the local token",
    "the provider refuses the key of the profile",
    "was given for",
    "gwproxy: the Host header is not a name of this gateway",
)


@pytest.mark.parametrize("said", OUR_WORDS)
def test_what_a_reader_looks_for_is_what_gwproxy_says(said: str) -> None:
    symptoms = [row[0] for row in table_after(README, "what you read")]
    assert any(said in symptom for symptom in symptoms)
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    # A sentence may stand in several literals, one below the other.
    spoken = (re.sub(r'"\s*\n\s*f?"', "", text) for text in texts)
    assert any(said.removeprefix("gwproxy: ") in text for text in spoken)
