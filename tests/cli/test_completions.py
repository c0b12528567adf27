"""The completion scripts: the committed ones are today's, and real shells complete with them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gwproxy.cli.completion import FILES, SHELLS
from gwproxy.cli.shells import tree
from support.cli import TESTS, InProcess, environment

COMMITTED = TESTS.parent / "completions"

CONFIG = """
[profiles.kimi]
preset = "kimi-code"
[profiles.wall]
preset = "strongwall"
model = "wall/own-2.5"
models = ["$(touch planted)", "wall-mini"]
"""


@pytest.fixture
def shell_environ(gwproxy_home: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which a shell finds `gwproxy`, and gwproxy two profiles."""
    gwproxy_home.mkdir()
    (gwproxy_home / "config.toml").write_text(CONFIG, encoding="utf-8")
    program = tmp_path / "bin" / "gwproxy"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gwproxy "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environ = environment()
    return environ | {"PATH": f"{program.parent}:{environ['PATH']}"}


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_committed_script_is_what_the_app_generates(shell: str) -> None:
    """When this fails: gwproxy completion SHELL > completions/FILE, for each of the four."""
    committed = (COMMITTED / FILES[shell]).read_text(encoding="utf-8")
    assert committed == SHELLS[shell](tree.build())


def test_a_script_is_printed(command: InProcess) -> None:
    ran = command("completion", "bash")
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.stdout == (COMMITTED / FILES["bash"]).read_text(encoding="utf-8")


def test_an_unknown_shell_is_a_usage_error(command: InProcess) -> None:
    ran = command("completion", "zhs")
    assert (ran.code, ran.stdout) == (2, "")
    assert "did you mean zsh?" in ran.stderr


MARK = "the-next-line"
CASES = {
    "gwproxy prof": {"profile"},
    "gwproxy --ver": {"--version"},
    "gwproxy profile re": {"rename", "remove"},
    "gwproxy profile show ": {"kimi", "wall"},
    "gwproxy profile show k": {"kimi"},
    "gwproxy profile show --json w": {"wall"},
    "gwproxy profile show --a": {"--all"},
    "gwproxy profile add new --preset kimi": {"kimi-k25", "kimi-code"},
    "gwproxy profile add new --preset kimi-code --stream ": {"auto", "always", "never"},
    "gwproxy profile add new --preset kimi-code --key-s": {"--key-stdin"},
    "gwproxy profile add new --model wall": {"wall/own-2.5", "wall-mini"},
    "gwproxy profile add new --model k": {"kimi-k2.5", "kimi-for-coding"},
    "gwproxy completion ": {"bash", "zsh", "fish", "powershell"},
}


BASH_COMPLETES = """
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _gwproxy
printf '%s\\n' "${{COMPREPLY[@]}}" {mark}
"""


@needs("bash")
def test_bash_completes(shell_environ: dict[str, str]) -> None:
    script = f"source '{COMMITTED / FILES['bash']}'"
    for line in CASES:
        words = " ".join(f"'{word}'" for word in line.split(" "))
        script += BASH_COMPLETES.format(words=words, mark=MARK)
    assert completed(["bash", "--norc", "-c", script], shell_environ) == CASES


@needs("fish")
def test_fish_completes(shell_environ: dict[str, str], tmp_path: Path) -> None:
    script = f"source '{COMMITTED / FILES['fish']}'"
    for line in CASES:
        script += f"\ncomplete -C '{line}'; echo {MARK}"
    environ = shell_environ | {"HOME": str(tmp_path)}
    assert completed(["fish", "--no-config", "-c", script], environ) == CASES


ZSH_CAPTURE = """
autoload -Uz compinit && compinit -u -d "$1/zcompdump"
source "$2"
# Whatever would be offered is printed instead.
compadd () {
  local -a hits
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- $hits >> "$HITS"
  builtin compadd "$@"
}
bindkey '^I' complete-word
zle -C complete-word complete-word _main_complete
next () { print -r -- "$BEHIND" >> "$HITS"; BUFFER= }
zle -N next
bindkey '^G' next
"""


@needs("zsh")
def test_zsh_takes_the_script_before_its_completion_is_there() -> None:
    """As at the top of a .zshrc: it is taken up with the first prompt."""
    script = COMMITTED / FILES["zsh"]
    lines = f"source {script}; autoload -Uz compinit; compinit -u -D; $precmd_functions"
    ran = subprocess.run(
        ["zsh", "-f", "-c", f"{lines}; print $_comps[gwproxy]"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("_gwproxy\n", "")


@needs("zsh")
def test_zsh_accepts_the_script() -> None:
    done = subprocess.run(
        ["zsh", "-f", "-n", str(COMMITTED / FILES["zsh"])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs("zsh")
def test_zsh_completes(shell_environ: dict[str, str], tmp_path: Path) -> None:
    """In an interactive zsh on a pseudo-terminal (zpty), as there is no other way to ask it."""
    setup = tmp_path / "setup.zsh"
    setup.write_text(ZSH_CAPTURE, encoding="utf-8")
    hits = tmp_path / "hits"
    load = f"source {setup} {tmp_path} {COMMITTED / FILES['zsh']}; print -r done''-loading"
    lines = "\n".join(f"zpty -w -n z '{line}'$'\\t\\a'" for line in CASES)
    driver = f"""
zmodload zsh/zpty
zpty z 'HITS={hits} BEHIND={MARK} zsh -f -i'
zpty -w z "{load}"
zpty -r z text '*done-loading*'
{lines}
zpty -w z exit
while zpty -r z text; do :; done
"""
    subprocess.run(
        ["zsh", "-f", "-c", driver],
        env=shell_environ | {"TERM": "xterm"},
        timeout=60,
        check=False,
        capture_output=True,
    )
    assert by_line(hits.read_text(encoding="utf-8")) == CASES


def completed(command: list[str], environ: dict[str, str]) -> dict[str, set[str]]:
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return by_line(done.stdout)


def by_line(offered: str) -> dict[str, set[str]]:
    """What was offered for each line of `CASES`, without its explanation."""
    *parts, rest = offered.split(MARK)
    assert rest.strip() == ""
    words = ({word.split("\t")[0] for word in part.splitlines()} - {""} for part in parts)
    return dict(zip(CASES, words, strict=True))
