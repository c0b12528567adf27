"""Every shell reads back what we meant; the real ones are asked where they are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gwproxy.clients.shell import SHELLS, Shell, export_lines, quoted, shell_of

PROGRAMS: dict[Shell, list[str]] = {
    "bash": ["bash", "--norc", "--noprofile"],
    "zsh": ["zsh", "-f"],
    "fish": ["fish", "--no-config"],
    "powershell": ["pwsh", "-NoProfile", "-NonInteractive", "-File"],
}
HOSTILE = [
    "",
    "plain",
    "it's",
    "'",
    "''\\'",
    "a b\tc",
    "$HOME `id` $(id) ${IFS} %PATH%",
    "\\",
    "\\\\'\\",
    "new\nline\n",
    "!history !! ~ * ? [a] {b,c}",
    "\u2018curly\u2019 \u201a\u201b \u201cdouble\u201d",
    'say "hi"; rm -rf /',
    "é \U0001f600 \u2028",
    "-n",
    "#comment",
]

# NUL cannot be in an environment; a lone surrogate cannot be in a UTF-8 script.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


def read_back(shell: Shell, values: list[str], folder: Path) -> list[str]:
    """What a program sees that the real shell starts after our lines."""
    names = [f"GW_{number}" for number in range(len(values))]
    lines = export_lines(dict(zip(names, values, strict=True)), shell)
    reader = f"import json, os; print(json.dumps([os.environ.get(n, '') for n in {names}]))"
    call = "& " if shell == "powershell" else ""
    lines.append(f"{call}{quoted(sys.executable, shell)} -c {quoted(reader, shell)}")
    script = folder / f"script.{'ps1' if shell == 'powershell' else shell}"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    done = subprocess.run(
        [*PROGRAMS[shell], str(script)], capture_output=True, timeout=60, check=True
    )
    result: list[str] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("shell", SHELLS)
@given(values=st.lists(texts, min_size=1, max_size=40))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_real_shell_reads_back_what_was_meant(
    shell: Shell, values: list[str], tmp_path: Path
) -> None:
    if shutil.which(PROGRAMS[shell][0]) is None:
        pytest.skip(f"{PROGRAMS[shell][0]} is not installed")
    assert read_back(shell, [*HOSTILE, *values], tmp_path) == [*HOSTILE, *values]


def test_lines_as_each_shell_wants_them() -> None:
    values = {"A": "it's \\ \u2019"}
    assert [export_lines(values, shell) for shell in SHELLS] == [
        ["export A='it'\\''s \\ \u2019'"],
        ["export A='it'\\''s \\ \u2019'"],
        ["set -gx A 'it\\'s \\\\ \u2019'"],
        ["$env:A = 'it''s \\ \u2019\u2019'"],
    ]


@pytest.mark.parametrize(
    ("login", "windows", "expected"),
    [
        ("/usr/bin/fish", False, "fish"),
        ("/bin/zsh", False, "zsh"),
        ("/opt/pwsh", False, "powershell"),
        ("/bin/tcsh", False, "bash"),
        ("", False, "bash"),
        ("", True, "powershell"),
    ],
)
def test_the_shell_is_guessed_from_the_login_shell(
    login: str, windows: bool, expected: str
) -> None:
    assert shell_of({"SHELL": login} if login else {}, windows=windows) == expected
