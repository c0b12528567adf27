"""The names of the profiles, for shell completion: as fast as Python starts.

Nothing complains here; whoever wants a Config calls `store.load`.
"""

from __future__ import annotations

import tomllib
from typing import Final

from gwproxy import paths

_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
"""bash's `compgen -W` expands what it is given: a name such as `$(…)` would run at the TAB."""


def profile_names() -> list[str]:
    """The names in config.toml, in its order; none when it cannot be read."""
    try:
        with paths.config_file().open("rb") as file:
            profiles = tomllib.load(file).get("profiles", {})
    except (OSError, ValueError):
        return []
    names = profiles if isinstance(profiles, dict) else {}
    return [name for name in names if set(name) <= _LETTERS]
