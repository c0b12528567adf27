"""How much a model is to think, and which thoughts it gets back: what is no dialect's own.

Must not know how any dialect says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gwproxy.translate.hub import Result, Thinking, Turn
from gwproxy.translate.manners import Manners

# From the weakest to the strongest.
EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# What budget of thinking tokens is how much effort, at most.
_EFFORT_OF_BUDGET: Final = ((4096, "low"), (16_384, "medium"), (65_535, "high"))


def effort_of(thinking: Thinking) -> str | None:
    """The effort asked for, in so many words or by a budget; None when the upstream decides."""
    if thinking.mode == "off":
        return "none"
    if thinking.effort is not None or thinking.budget_tokens is None:
        return thinking.effort
    budget = thinking.budget_tokens
    return next((effort for most, effort in _EFFORT_OF_BUDGET if budget <= most), "xhigh")


def nearest_effort(effort: str, manners: Manners) -> str | None:
    """The accepted effort nearest to `effort`, of two the stronger; None where none is taken.

    Kimi's own clients ask K3, which takes low, high and max, for high when medium is wanted and for
    max when xhigh is (liliMozi/openhanako#2092).

    `none` is never a substitute for thinking, and an upstream that cannot be told not to think
    gets its least effort.
    """
    if manners.thinking_switch != "effort":
        return None
    if effort == "none" and "none" in manners.efforts and not manners.thinking_always:
        return effort
    wanted = _rank(effort)
    return min(
        (one for one in manners.efforts if one != "none"),
        key=lambda one: (abs(_rank(one) - wanted), -_rank(one)),
        default=None,
    )


def _rank(effort: str) -> int:
    return EFFORTS.index(effort) if effort in EFFORTS else len(EFFORTS)


def can_switch_off(manners: Manners) -> bool:
    """Whether the upstream can be told by its effort not to think."""
    return nearest_effort("none", manners) == "none"


def first_kept_turn(turns: Sequence[Turn], keep_turns: int | None) -> int:
    """The turn from which on thoughts are kept: that of the last `keep_turns` + 1 things which the
    user said. What tools gave back is no new word of the user's, nor is what Claude Code adds to it
    (reminders)."""
    if keep_turns is None:
        return 0
    said = [
        index
        for index, turn in enumerate(turns)
        if turn.role == "user" and not any(isinstance(block, Result) for block in turn.blocks)
    ]
    return said[-1 - keep_turns] if keep_turns < len(said) else 0
