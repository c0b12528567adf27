"""Environment variables as lines that a shell reads back to the very same text.

Pure. Rules of quoting: POSIX shells take everything between single quotes as it is; fish knows
two escapes inside them (https://fishshell.com/docs/current/language.html#quotes); PowerShell
doubles the quote, and counts the curly ones as quotes too (about_Quoting_Rules).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, get_args

Shell = Literal["bash", "zsh", "fish", "powershell"]

SHELLS: Final[tuple[Shell, ...]] = get_args(Shell)

_POWERSHELL_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")


def export_lines(variables: Mapping[str, str], shell: Shell) -> list[str]:
    """One line per variable that sets it for this shell and everything started from it."""
    return [_export(name, value, shell) for name, value in variables.items()]


def quoted(text: str, shell: Shell) -> str:
    """`text` as one word of this shell. It must not hold NUL, which no environment can."""
    match shell:
        case "bash" | "zsh":
            return "'" + text.replace("'", "'\\''") + "'"
        case "fish":
            return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case "powershell":
            return "'" + _POWERSHELL_QUOTES.sub(lambda quote: quote[0] * 2, text) + "'"


def shell_of(environ: Mapping[str, str], *, windows: bool) -> Shell:
    """The shell that the person most likely uses: their login shell, PowerShell on Windows."""
    name = environ.get("SHELL", "").rpartition("/")[2]
    known = {"bash": "bash", "zsh": "zsh", "fish": "fish", "pwsh": "powershell"}
    found = next((shell for shell in SHELLS if known.get(name) == shell), None)
    return found or ("powershell" if windows else "bash")


def _export(name: str, value: str, shell: Shell) -> str:
    match shell:
        case "bash" | "zsh":
            return f"export {name}={quoted(value, shell)}"
        case "fish":
            return f"set -gx {name} {quoted(value, shell)}"
        case "powershell":
            return f"$env:{name} = {quoted(value, shell)}"
