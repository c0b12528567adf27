"""The conversation that the SDKs hold, in Python and in JavaScript: one call, two parallel ones,
and a text that holds their results."""

from __future__ import annotations

from typing import Any, Final

from gwproxy.simulator import in_prompt

MODEL: Final = "claude-sonnet-4-6"
"""Asked for everywhere; hardly any provider has it, and every answer must bear its name."""

TOOL: Final = "get_weather"
SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "note": {"type": "string"}},
    "required": ["city"],
}

_FIRST: Final = {"city": "Paris", "note": 'café ☕ "q" \\ \n end'}
_CITIES: Final = ("Zürich", "東京")

PROMPT: Final = "What is the weather? " + in_prompt(
    [
        {"tool": TOOL, "input": _FIRST, "say": "Paris first."},
        {"calls": [{"tool": TOOL, "input": {"city": city}} for city in _CITIES]},
        {"text": "In all: {RESULTS}"},
    ]
)
CALLS: Final = [[_FIRST], [{"city": city} for city in _CITIES], []]
"""The arguments of each turn's calls."""

TEXTS: Final = (
    "Paris first.",
    "Working on it.",
    "In all: " + "|".join(f"sunny in {city}" for city in _CITIES),
)


def sunny(arguments: Any) -> str:
    """What the tool answers."""
    return f"sunny in {arguments['city']}"
