"""The documents for whoever carries the project on are true: what they name is there, and what can
be made of the code is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from support.readme import DOCUMENTS, ROOT, table_after

SOURCE: Final = ROOT / "src" / "gwproxy"
CONTRIBUTING: Final = ROOT / ".github" / "CONTRIBUTING.md"
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

_NAMED: Final = re.compile(r"`((?:src|tests|\.ci|\.github|completions)/[\w./{},-]*)(?:::(\w+))?`")
_IN_A_ROOM: Final = re.compile(r"`([a-z_]+(?:/[\w]+)+\.py|[a-z_]+\.py)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_named_is_there(document: Path) -> None:
    """A file by its path from the root, a test in it by its name; a file of ours by the end of its
    path."""
    text = document.read_text(encoding="utf-8")
    missing = []
    for name, test in _NAMED.findall(text):
        path = ROOT / name
        if not path.exists():
            missing.append(name)
        elif test and f"def {test}(" not in path.read_text(encoding="utf-8"):
            missing.append(f"{name}::{test}")
    ours = [f"/{path.relative_to(ROOT).as_posix()}" for path in SOURCE.rglob("*.py")]
    ours += [f"/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "tests").rglob("*.py")]
    for name in _IN_A_ROOM.findall(text):
        if not any(path.endswith(f"/{name}") for path in ours):
            missing.append(name)
    assert not missing


def test_every_marker_is_told() -> None:
    markers = [one.partition(":")[0] for one in PROJECT["tool"]["pytest"]["ini_options"]["markers"]]
    assert [row[0] for row in table_after(CONTRIBUTING, "marker")] == markers


def test_what_is_supported_is_what_is_tried() -> None:
    """Each Python that the package names runs in the workflow, and no other."""
    workflow = (ROOT / ".github" / "workflows" / "check.yml").read_text(encoding="utf-8")
    told = [one.rpartition(" ")[2] for one in PROJECT["project"]["classifiers"] if ":: 3." in one]
    for versions in re.findall(r"python: \[(.*)\]", workflow):
        assert re.findall(r"[\d.]+", versions) == told
    assert PROJECT["project"]["requires-python"] == f">={told[0]}"


def test_the_library_whose_inside_we_use_has_an_upper_bound() -> None:
    (aiohttp,) = (one for one in PROJECT["project"]["dependencies"] if one.startswith("aiohttp"))
    assert re.search(r",<\d+\.\d+$", aiohttp)
