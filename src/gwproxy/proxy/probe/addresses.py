"""Where else a provider may be, when there is nothing at the address that a profile names. Pure.

People forget a prefix, double the version or take it from another page. Only addresses of the same
host are named: the key goes nowhere else.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from gwproxy.profiles.presets import PRESETS
from gwproxy.translate.hub import Dialect

# Prefixes under which hosts offer a second format: https://api-docs.deepseek.com/guides/anthropic_api,
# https://platform.moonshot.ai/docs/guide/agent-support, https://docs.z.ai/devpack/tool/claude
_PREFIXES: Final = {
    Dialect.ANTHROPIC: ("", "/anthropic", "/api/anthropic", "/api"),
    Dialect.CHAT: ("/v1", "/openai/v1", "/api/openai/v1", "/api/v1", ""),
}

_DOUBLED: Final = re.compile(r"(/v\d+)(?:/v\d+)+")


def other_bases(base: str, dialect: Dialect) -> list[str]:
    """Bases to try in place of `base`, the likeliest first."""
    kind = Dialect.ANTHROPIC if dialect is Dialect.ANTHROPIC else Dialect.CHAT
    parts = urlsplit(base)
    root = f"{parts.scheme}://{parts.netloc}"
    found = [*_of_presets(parts.netloc, kind), _DOUBLED.sub(r"\1", base)]
    found += [f"{root}{prefix}" for prefix in _PREFIXES[kind]]
    return [other for other in dict.fromkeys(found) if other != base]


def _of_presets(netloc: str, kind: Dialect) -> list[str]:
    """What the presets know of this very host."""
    known = (
        preset.anthropic_url if kind is Dialect.ANTHROPIC else preset.openai_url
        for preset in PRESETS.values()
    )
    return [base for base in known if base and urlsplit(base).netloc == netloc]
