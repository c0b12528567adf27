"""What is known of models, whoever serves them: data, each line with where it comes from.

A preset says what a *host* accepts, this table what a *model* can do: how its thinking is asked
for, whether its sampling is fixed, how much fits into it, whether it sees. One host serves several
models (`kimi-code/k3`), and one model stands behind many hosts. A name with a slash in it belongs
to a host of its own conventions (`moonshotai/kimi-k2.5`) and says nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from gwproxy.translate.quirks import QuirkValue


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One kind of model. `names` are globs; `quirks` come before those of a preset and after what
    a person has set."""

    names: tuple[str, ...]
    source: str
    quirks: Mapping[str, QuirkValue] = field(default_factory=lambda: MappingProxyType({}))
    context_window: int | None = None
    max_output_tokens: int | None = None


_OVERVIEW: Final = "https://platform.kimi.ai/docs/api/models-overview"

_NO_PDF: Final[Mapping[str, QuirkValue]] = {
    "documents": False,  # text, pictures and video (models-overview; MoonshotAI/Kimi-K2.5#27)
}
_THINKS: Final[Mapping[str, QuirkValue]] = {
    **_NO_PDF,
    "sampling": "drop",  # "invalid temperature: only 1 is allowed" (opencode#10811)
    # Thoughts alone can use up a small budget; the vendor advises 16000 and more
    # (https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model).
    "min_output": 16_000,
}
_ALWAYS_THINKS: Final[Mapping[str, QuirkValue]] = {
    **_THINKS,
    "adaptive_thinking": False,  # "'adaptive' is not supported" (jundot/omlx#56)
    "thinking_switch": "thinking",
    "thinking_always": True,  # "only type=enabled is allowed for this model" (Kimi-K2#141)
    "forced_tools": "auto",
}
_K3: Final[Mapping[str, QuirkValue]] = {
    **_THINKS,
    "thinking_switch": "effort",  # no `thinking` object, and both at once are a 400 (nanobot#3939)
    "thinking_always": True,
    "efforts": ("low", "high", "max"),  # liliMozi/openhanako#2092
    "adaptive_thinking": True,  # on the Anthropic route an effort is said so (anomalyco/opencode)
    "forced_tools": "allow",
    "named_tool": False,  # `required` is fine, a named tool is a 400 (can1357/oh-my-pi#1077)
}
_NO_THOUGHTS: Final[Mapping[str, QuirkValue]] = {
    **_NO_PDF,
    "adaptive_thinking": False,
    "thinking_switch": "none",
    "forced_tools": "allow",
    "min_output": 0,
    "vision": False,
}
_CLAUDE: Final = "https://docs.claude.com/en/docs/about-claude/models"

# The first line that fits counts.
KNOWN_MODELS: Final = (
    ModelFacts(("kimi-k3-256k*", "k3-256k*"), _OVERVIEW, _K3, 262_144, 131_072),
    ModelFacts(("kimi-k3*", "k3", "k3-*"), _OVERVIEW, _K3, 1_048_576, 131_072),
    ModelFacts(("kimi-k2.7*", "k2p7"), _OVERVIEW, _ALWAYS_THINKS, 262_144, 32_768),
    ModelFacts(
        ("kimi-k2-thinking*",),
        "https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model",
        {**_ALWAYS_THINKS, "vision": False},
        262_144,
        32_768,
    ),
    ModelFacts(
        ("kimi-k2.5*", "kimi-k2.6*", "k2p5", "k2p6", "kimi-for-coding*"),
        _OVERVIEW,
        {
            **_THINKS,
            "thinking_switch": "thinking",
            "adaptive_thinking": False,  # as above
            "forced_tools": "no_thinking",
        },
        262_144,
        32_768,
    ),
    ModelFacts(("kimi-k2-0711*",), "MoonshotAI/Kimi-K2", _NO_THOUGHTS, 131_072, 32_768),
    ModelFacts(
        ("kimi-k2", "kimi-k2-0905*", "kimi-k2-turbo*"),
        "MoonshotAI/Kimi-K2",
        _NO_THOUGHTS,
        262_144,
        32_768,
    ),
    # Before 4.6 Claude knows budgets only: "adaptive thinking is not supported on this model".
    ModelFacts(
        ("claude-opus-4-1*", "claude-opus-4-0", "claude-opus-4-20*"),
        _CLAUDE,
        {"adaptive_thinking": False},
        200_000,
        32_000,
    ),
    ModelFacts(
        ("claude-*-4-5*", "claude-sonnet-4-0", "claude-sonnet-4-20*"),
        _CLAUDE,
        {"adaptive_thinking": False},
        200_000,
        64_000,
    ),
)


@lru_cache(maxsize=256)  # asked for every request; a client can name any number of models
def facts_of(model: str) -> ModelFacts | None:
    """What is known of the model called `model`."""
    name = model.lower()
    for facts in KNOWN_MODELS:
        if any(fnmatchcase(name, pattern) for pattern in facts.names):
            return facts
    return None
