"""Which real clients are on this machine; `.ci/install-clients` puts them there.

Looked at when the tests are collected: later the environment is not the person's any more.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest


def _folder() -> Path:
    """Where `.ci/install-clients` puts them."""
    named = os.environ.get("GWPROXY_CLIENTS")
    if named:
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "gwproxy-clients"


FOLDER: Final = _folder()
PROGRAMS: Final = FOLDER / "bin"
JS_SDKS: Final = FOLDER / "js-sdks"

SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
"""What the clients find besides each other: a shell, and the tools that the tasks use."""


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips, and says what is missing and how to get it."""
    missing = [program for program in programs if not (PROGRAMS / program).exists()]
    return pytest.mark.skipif(
        bool(missing), reason=f"{' and '.join(missing)} missing: run .ci/install-clients"
    )
