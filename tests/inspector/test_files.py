"""The files of the page, without a browser: what is served is there, and nothing in it reads
markup or asks anybody else."""

from __future__ import annotations

import re
from typing import Final

import pytest

from gwproxy.proxy.inspector.files import FILES, FOLDER

SCRIPTS: Final = sorted(FOLDER.glob("*.js"))
LONGEST_FILE: Final = 450

# Each would make text from a prompt into markup or code.
READS_MARKUP: Final = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|document\.write|DOMParser"
    r"|setHTML|srcdoc|\beval\b|new Function|\bimport\(|javascript:"
)
LOADS: Final = re.compile(r"""(?:src|href)="([^"]*)"|\burl\(([^)]*)\)|from "([^"]*)"|@import""")


def test_all_that_is_there_is_served_and_nothing_else() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {name for name, _ in FILES.values()}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_text_of_text(path: object) -> None:
    assert not READS_MARKUP.search(FOLDER.joinpath(str(path)).read_text(encoding="utf-8"))


def test_what_is_posted_bears_its_origin_in_every_browser() -> None:
    """In any other mode than this one a page with the policy `no-referrer` posts with `null`
    (https://fetch.spec.whatwg.org/#append-a-request-origin-header); Chromium does not."""
    modes = [
        mode
        for path in SCRIPTS
        for mode in re.findall(r'mode: "([^"]*)"', path.read_text(encoding="utf-8"))
    ]
    assert modes == ["cors"]


def test_nothing_is_loaded_from_elsewhere() -> None:
    for path in FOLDER.iterdir():
        for found in LOADS.finditer(path.read_text(encoding="utf-8")):
            target = next(filter(None, found.groups()), "@import")
            assert target.startswith("#") or (FOLDER / target).is_file(), (path.name, target)


def test_nothing_stands_in_line_that_the_policy_forbids() -> None:
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", page)


def test_every_file_can_be_read_at_one_sitting() -> None:
    long = {
        path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in FOLDER.iterdir()
    }
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE} == {}
