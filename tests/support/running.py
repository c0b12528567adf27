"""What a run of pytest takes in, and in how many processes, where its command line does not say."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

TESTS: Final = Path(__file__).parent.parent
LONG: Final = ("browser", "clients", "fuzz")
"""The markers that the whole suite passes over; `.ci/run` runs each of them."""

_CHOSEN: Final = "markexpr"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at what it is to do
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Has the whole suite pass over what takes long, and has folders use every core.

    A file, or a test by its name, stays in this process. So does what a debugger looks at, what
    prints as it goes, and what a marker chooses: a browser or a real tool takes the cores itself.
    """
    option = config.option
    if hasattr(config, "workerinput"):
        return  # it is told, below
    # Another one each run, the same in all its processes: they have to see the cases in one order.
    os.environ.setdefault("PYTHONHASHSEED", str(random.randrange(2**32)))
    if not option.markexpr.startswith("not "):
        return
    named = [Path(argument).resolve() for argument in config.args]
    if option.markexpr == "not clients" and set(named) <= {TESTS, TESTS.parent}:
        option.markexpr = f"not ({' or '.join(LONG)})"
    here = option.usepdb or option.collectonly or option.capture == "no"
    unsaid = getattr(option, "numprocesses", 0) is None and option.dist == "no"
    if unsaid and not here and all(path.is_dir() for path in named):
        option.numprocesses = "auto"
        option.dist = "worksteal"  # neighbours stay together, with what they share


@pytest.hookimpl(optionalhook=True)  # one of pytest-xdist
def pytest_configure_node(node: Any) -> None:
    """Tells a process of the run what to pass over: it reads the command line anew."""
    node.workerinput[_CHOSEN] = node.config.option.markexpr


def pytest_configure(config: pytest.Config) -> None:
    """Does what the process was told."""
    told = getattr(config, "workerinput", {})
    config.option.markexpr = told.get(_CHOSEN, config.option.markexpr)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keeps the collector of garbage away from the cases, which all live to the end.

    It would go through the millions of objects that they are made of again and again: a sixth of
    all that a run costs.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
