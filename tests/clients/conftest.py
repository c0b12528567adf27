"""A home of our own for each test, so that no test sees the machine's real settings."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def gwproxy_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "gwproxy-home"
    monkeypatch.setenv("GWPROXY_HOME", str(home))
    monkeypatch.delenv("GWPROXY_TOKEN", raising=False)
    return home
