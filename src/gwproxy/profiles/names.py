"""The names of the profiles, for shell completion: as fast as Python starts.

Nothing is checked and nothing complains; whoever wants a Config calls `store.load`.
"""

from __future__ import annotations

import tomllib

from gwproxy import paths


def profile_names() -> list[str]:
    """The names in config.toml, in its order; none when it cannot be read."""
    try:
        with paths.config_file().open("rb") as file:
            profiles = tomllib.load(file).get("profiles", {})
    except (OSError, ValueError):
        return []
    return list(profiles) if isinstance(profiles, dict) else []
