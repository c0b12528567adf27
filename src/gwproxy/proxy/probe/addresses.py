"""Where else a provider may be, when there is nothing at the address that a profile names. Pure.

People forget a prefix, double the version or take it from another page. Only addresses of the same
host are named: the key goes nowhere else.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from gwproxy.profiles.presets import PRESETS
from gwproxy.translate.dialect_facts import Base, DialectFacts

_DOUBLED: Final = re.compile(r"(/v\d+)(?:/v\d+)+")


def other_bases(base: str, facts: DialectFacts) -> list[str]:
    """Bases to try in place of `base`, the likeliest first."""
    parts = urlsplit(base)
    root = f"{parts.scheme}://{parts.netloc}"
    found = [*_of_presets(parts.netloc, facts.base), _DOUBLED.sub(r"\1", base)]
    found += [f"{root}{prefix}" for prefix in facts.prefixes]
    return [other for other in dict.fromkeys(found) if other != base]


def _of_presets(netloc: str, setting: Base) -> list[str]:
    """What the presets know of this very host."""
    known = (
        preset.openai_url if setting == "openai_url" else preset.anthropic_url
        for preset in PRESETS.values()
    )
    return [base for base in known if base and urlsplit(base).netloc == netloc]
