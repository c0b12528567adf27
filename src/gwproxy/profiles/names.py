"""The names of profiles and models, for shell completion: as fast as Python starts.

Nothing complains here; whoever wants a Config calls `store.load`.
"""

from __future__ import annotations

import tomllib
from typing import Any, Final

from gwproxy import paths

_PROFILE_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_MODEL_LETTERS: Final = _PROFILE_LETTERS | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ._/")
"""bash's `compgen -W` expands what it is given: a name such as `$(…)` would run at the TAB."""


def profile_names() -> list[str]:
    """The names in config.toml, in its order; none when it cannot be read."""
    return [name for name in _profiles() if set(name) <= _PROFILE_LETTERS]


def model_names() -> list[str]:
    """The models of the profiles in config.toml, then those that the presets know."""
    from gwproxy.profiles.presets import PRESETS

    found: list[Any] = []
    for record in _profiles().values():
        if isinstance(record, dict):
            models = record.get("models", [])
            found += [record.get("model"), *(models if isinstance(models, list) else [])]
    for preset in PRESETS.values():
        found += [preset.model, *preset.models]
    names = dict.fromkeys(name for name in found if isinstance(name, str) and name)
    return [name for name in names if set(name) <= _MODEL_LETTERS]


def _profiles() -> dict[str, Any]:
    try:
        with paths.open_regular(paths.config_file()) as file:
            profiles = tomllib.load(file).get("profiles", {})
    except (OSError, ValueError):
        return {}
    return profiles if isinstance(profiles, dict) else {}
