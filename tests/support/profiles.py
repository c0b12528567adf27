"""The profile that the tests of the command line work with."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

KEY = "sk-kimi-canary-0123456789abcd"
SERVICE = "gwproxy:kimi api-key"
"""Under which name `support.keyrings` stores it."""


def config(home: Path) -> dict[str, Any]:
    """What config.toml says."""
    return tomllib.loads((home / "config.toml").read_text(encoding="utf-8"))
