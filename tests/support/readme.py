"""What our documents tell a reader to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from support.golden import agrees

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
DOCUMENTS: Final = (README, *sorted((ROOT / ".github").glob("*.md")))

_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_COMMENT: Final = re.compile(r"(?:^|\s{2,})#.*$")
_SPAN: Final = re.compile(r"`([^`]+)`", re.S)
_LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)#]+)")
_ROW: Final = re.compile(r"^\|(.+)\|$", re.M)


def blocks(path: Path, language: str = "sh") -> list[str]:
    """The fenced blocks of that language, in order."""
    found = _BLOCK.findall(path.read_text(encoding="utf-8"))
    return [text for named, text in found if named == language]


def lines(path: Path) -> list[str]:
    """What a reader is to type, a line each, without what is said beside it."""
    typed = (_COMMENT.sub("", line).strip() for block in blocks(path) for line in block.split("\n"))
    return [line for line in typed if line]


def commands(path: Path) -> Iterator[tuple[str, bool]]:
    """Every `gwproxy …` of the document, and whether it is whole: in the middle of a sentence a
    command may stand without its arguments."""
    for line in lines(path):
        for part in line.split("&&"):
            if part.split()[:1] == ["gwproxy"]:
                yield part.strip(), True
    prose = _BLOCK.sub("", path.read_text(encoding="utf-8"))
    for span in _SPAN.findall(prose):
        text = " ".join(span.split())
        if text.startswith("gwproxy "):
            yield text, False


def words(command: str) -> list[str]:
    """The arguments of a command, without what the shell makes of `<` and `>`."""
    return shlex.split(re.sub(r"\s[<>]\s*\S+", "", command))[1:]


def links(path: Path) -> list[str]:
    """Where the document leads inside of the project."""
    found = _LINK.findall(path.read_text(encoding="utf-8"))
    return [link for link in found if not link.startswith(("http:", "https:"))]


def table_after(path: Path, heading: str) -> list[list[str]]:
    """The rows of the table that begins with a row of that first cell, marks taken off."""
    rows = [
        [cell.strip().strip("`*") for cell in re.split(r"(?<!\\)\|", row)]
        for row in _table(path.read_text(encoding="utf-8"), heading)
    ]
    assert rows, f"{path.name} has no table that begins with {heading!r}"
    return rows


def _table(text: str, heading: str) -> list[str]:
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.M)
    for table in tables:
        first, _, *rest = _ROW.findall(table)
        if first.split("|")[0].strip() == heading:
            return [str(row) for row in rest]
    return []


def is_made(path: Path, name: str, made: str) -> None:
    """Asserts that between the marks of that name stands `made`; or puts it there, when asked to by
    UPDATE_GOLDEN=1 (see support/golden.py)."""
    begin, end = f"<!-- {name}: made by the tests -->\n", f"<!-- end of {name} -->"
    before, rest = path.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    agrees(path, f"{before}{begin}\n{made}\n{end}{after}")


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table as Markdown has it."""
    written = [heading, ("---",) * len(heading), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in written)
