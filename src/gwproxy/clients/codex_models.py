"""What Codex is told of a profile's model: the list of models that it reads (`model_catalog_json`).

Of a model that it has no entry for Codex warns at each start, and it offers its own vendor's models
to a sub-agent. An entry must bring the prompt as well: the one that Codex itself gives to a model
that it does not know (`cli/codex_prompt.py` asks it). Everything else is as Codex assumes it then,
but for what the profile knows. Pure.

https://github.com/openai/codex (codex-rs/protocol/src/openai_models.rs)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from gwproxy.clients.document import Value
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import quirk_values

KEY: Final = "model_catalog_json"
"""Of config.toml; the path of a file, from the folder of config.toml on."""

FILE: Final = "gwproxy-models.json"

BESIDE: Final[Mapping[str, tuple[str, ...]]] = {"codex": (FILE,)}
"""The files that are wholly ours beside those that setup changes, by client."""


def text(profile: Profile, prompt: str) -> str:
    """The file: what the profile names, its own model first, each with Codex's `prompt`."""
    entries = [_entry(profile, name, prompt) for name in profile.all_models]
    return json.dumps({"models": entries}, indent=1, ensure_ascii=False) + "\n"


def _entry(profile: Profile, model: str, prompt: str) -> Value:
    entry: dict[str, Value] = {
        "slug": model,
        "display_name": model,
        "description": f"by the gwproxy profile {profile.name}",
        "supported_reasoning_levels": [],
        "shell_type": "unified_exec",
        "visibility": "list",
        "supported_in_api": True,
        "priority": 1,
        "support_verbosity": False,
        "truncation_policy": {"mode": "bytes", "limit": 10_000},
        "experimental_supported_tools": [],
        "input_modalities": ["text"] + ["image"] * bool(quirk_values(profile, model)["vision"]),
        "base_instructions": prompt,
    }
    if profile.context_window:
        entry["context_window"] = profile.context_window
    return entry
