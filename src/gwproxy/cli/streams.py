"""stdout and stderr as this process was given them, made fit for every word that is written.

A terminal or a pipe may take fewer letters than we use (cp1252 on Windows, ASCII under LC_ALL=C),
may not be there at all (pythonw, a closed descriptor), or may be full. `prepare` is called once,
before anything is written; nothing else in gwproxy sets an encoding.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from pathlib import Path
from typing import Any, Final, TextIO

_SPELLED: Final = {
    "→": "->",
    "←": "<-",
    "⇄": "<->",
    "…": "...",
    "·": "-",
    "✓": "ok",
    "█": "#",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "–": "-",
    "—": "-",
    "×": "x",
}
"""What stands for a letter where there is none of it; every other one becomes a question mark."""

_FALLBACK: Final = "gwproxy-spelled"


def prepare() -> None:
    """Let the streams be there and take any text, and have the width of a terminal that claims to
    have none found out."""
    codecs.register_error(_FALLBACK, _spell)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:  # pythonw, or a descriptor that was closed
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_FALLBACK)
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    columns = os.environ.get("COLUMNS")
    if columns is not None and not (columns.isdecimal() and int(columns) > 0):
        del os.environ["COLUMNS"]  # libraries take it at its word


def takes(text: str) -> bool:
    """Whether stdout has all the letters of `text`."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


if sys.platform == "win32":
    import ctypes
    import msvcrt

    _DRAWS: Final = 4  # ENABLE_VIRTUAL_TERMINAL_PROCESSING

    def obeys(stream: TextIO) -> bool:
        """Whether the console does what escape sequences say, once it is asked to."""
        kernel, mode = ctypes.windll.kernel32, ctypes.c_ulong()
        try:
            handle = msvcrt.get_osfhandle(stream.fileno())
        except (OSError, ValueError):
            return False
        if not kernel.GetConsoleMode(handle, ctypes.byref(mode)):
            return False
        return bool(kernel.SetConsoleMode(handle, mode.value | _DRAWS))

else:

    def obeys(stream: TextIO) -> bool:
        """Whether the terminal does what escape sequences say."""
        return stream.isatty()


def trouble_with_stdout(after: OSError | None = None) -> OSError | None:
    """Why what was written to stdout does not get there (a full disk, a reader that has gone).

    What could not be written stays in the buffer, so that another try tells; where nothing is
    buffered an empty line does, for an error (`after`) that may have been stdout's."""
    try:
        if after is not None:
            sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError as error:
        return error
    except ValueError:  # closed meanwhile
        return None
    return None


def give_up_stdout() -> None:
    """Write nothing more to stdout: Python would try once more at the end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    spelled = "".join(_SPELLED.get(letter, "?") for letter in letters)
    return spelled, error.end
