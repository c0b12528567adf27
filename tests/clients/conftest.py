"""Every test here may record what it changes: each gets an empty GWPROXY_HOME."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def records(gwproxy_home: Path) -> Path:
    return gwproxy_home
