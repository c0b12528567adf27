"""Pictures of a terminal, for the README: what a command says, drawn by rich as an SVG."""

from __future__ import annotations

import html
import io
import os
import re
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

PICTURES: Final = Path(__file__).parents[2] / ".github"

_FONT_FROM_ELSEWHERE: Final = re.compile(r"\s*@font-face \{.*?\}", re.S)
_TEXT: Final = re.compile(r"<text\b[^>]*>(.*?)</text>", re.S)
_GOOD: Final = r"(?<=  )ok(?=  )"


def picture(command: str, said: str) -> str:
    """An SVG in which `command` was typed and `said` came, in its own colours where it has any; it
    asks nothing of another place."""
    lines = [Text.from_ansi(line) for line in said.rstrip().split("\n")]
    width = max(map(len, lines)) + 1
    console = Console(record=True, width=width, file=io.StringIO(), color_system="truecolor")
    console.print(Text.assemble(("$ ", "bright_black"), (command, "bold")))
    for text in lines:
        if "\x1b" not in said:
            text.highlight_regex(_GOOD, "green")
            text.highlight_regex(r"^provider .*|^What to do next:$", "bold")
            text.highlight_regex(r"^  gwproxy .+?(?=   )", "cyan")
        console.print(text, no_wrap=True, overflow="ignore", crop=False)
    svg = console.export_svg(title=command, theme=MONOKAI, unique_id="gwproxy")
    return _FONT_FROM_ELSEWHERE.sub("", svg)


def words_of(svg: str) -> str:
    """All that a picture says; how it is drawn differs from one rich to the next."""
    return " ".join(html.unescape(" ".join(_TEXT.findall(svg))).replace("\xa0", " ").split())


def is_fresh(name: str, svg: str) -> None:
    """Asserts that the picture of that name says what `svg` says; or makes it so, when asked to
    by UPDATE_GOLDEN=1 (see support/golden.py)."""
    path = PICTURES / name
    if os.environ.get("UPDATE_GOLDEN") and not os.environ.get("CI"):
        path.write_text(svg, encoding="utf-8")
    assert words_of(path.read_text(encoding="utf-8")) == words_of(svg), name
