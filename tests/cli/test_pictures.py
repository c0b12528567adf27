"""The pictures in the README say what the commands say today."""

from __future__ import annotations

import io

import pytest

from support.cli import InProcess
from support.pictures import is_fresh, picture


def both_streams(*arguments: str, patch: pytest.MonkeyPatch) -> str:
    """What a terminal shows of a command: stdout and stderr as they come."""
    from gwproxy.cli.app import run

    terminal = io.StringIO()
    patch.setattr("sys.stdout", terminal)
    patch.setattr("sys.stderr", terminal)
    assert run(arguments) == 0
    return terminal.getvalue()


def test_the_demo(command: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    said = both_streams("demo", patch=monkeypatch)
    is_fresh("demo.svg", picture("gwproxy demo", said))
