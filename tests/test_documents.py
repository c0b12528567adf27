"""The documents for whoever carries the project on are true: what they name is there, and what can
be made of the code is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from support.readme import DOCUMENTS, ROOT, table_after
from support.running import (
    LONG,
    pytest_cmdline_main,
    pytest_configure,
    pytest_configure_node,
)

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


def test_what_the_whole_suite_passes_over_is_run_by_ci() -> None:
    markers = [row[0] for row in table_after(CONTRIBUTING, "marker")]
    assert list(LONG) == markers
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert markers == [one for one in markers if re.search(rf"^ *pytest .*-m {one}\b", ci, re.M)]


ALL: Final = "not (browser or clients or fuzz)"


@pytest.mark.parametrize(
    ("named", "said", "markers", "processes"),
    [
        (".", {}, ALL, "auto"),
        ("tests", {}, ALL, "auto"),
        ("tests", {"numprocesses": 0}, ALL, 0),
        ("tests", {"usepdb": True}, ALL, None),
        ("tests", {"capture": "no"}, ALL, None),
        ("tests/inspector", {}, "not clients", "auto"),
        ("tests/test_documents.py", {}, "not clients", None),
        ("tests/test_documents.py::test_every_marker_is_told", {}, "not clients", None),
        ("tests", {"markexpr": "fuzz"}, "fuzz", None),
        ("tests", {"markexpr": "fuzz", "numprocesses": 2}, "fuzz", 2),
    ],
)
def test_a_run_takes_in_what_contributing_says(
    named: str,
    said: dict[str, Any],
    markers: str,
    processes: int | str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    common = {"usepdb": False, "collectonly": False, "capture": "fd", "markexpr": "not clients"}
    option = SimpleNamespace(**{**common, "numprocesses": None, "dist": "no", **said})
    config: Any = SimpleNamespace(args=[str(ROOT / named)], option=option)
    pytest_cmdline_main(config)
    assert (option.markexpr, option.numprocesses) == (markers, processes)


def test_a_run_without_xdist_or_in_one_of_its_workers_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    common = {"usepdb": False, "collectonly": False, "capture": "fd", "markexpr": "not clients"}
    without: Any = SimpleNamespace(args=[str(ROOT / "tests")], option=SimpleNamespace(**common))
    pytest_cmdline_main(without)
    assert vars(without.option) == {**common, "markexpr": ALL}
    worker: Any = SimpleNamespace(
        args=[str(ROOT)], option=SimpleNamespace(**common, numprocesses=None), workerinput={}
    )
    pytest_cmdline_main(worker)
    assert vars(worker.option) == {**common, "numprocesses": None}


def test_a_worker_passes_over_what_the_run_does() -> None:
    """It reads the command line anew, in which that is not said."""
    node: Any = SimpleNamespace(
        workerinput={}, config=SimpleNamespace(option=SimpleNamespace(markexpr=ALL))
    )
    pytest_configure_node(node)
    anew = SimpleNamespace(markexpr="not clients")
    worker: Any = SimpleNamespace(option=anew, workerinput=node.workerinput)
    pytest_configure(worker)
    assert anew.markexpr == ALL
    alone: Any = SimpleNamespace(option=SimpleNamespace(markexpr="fuzz"))
    pytest_configure(alone)
    assert alone.option.markexpr == "fuzz"


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


def test_no_address_is_shipped_that_leads_nowhere() -> None:
    """A name in capitals, or a reserved one (RFC 2606), stands in for one that nobody knows yet."""
    stand_in = re.compile(r"//[^/]*/(?:.*/)?[A-Z_]{3,}(?:/|$)|[./]example(?:\.|/|$)|\.invalid\b")
    urls = PROJECT["project"].get("urls", {})
    assert [url for url in urls.values() if stand_in.search(url)] == []
