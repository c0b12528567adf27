"""What a person can make of a refusal that means something else than it says: a word for the log.

The client is told the upstream's own words, on which it acts. Pure.
"""

from __future__ import annotations

import re
from typing import Final

from gwproxy.profiles.presets import PRESETS
from gwproxy.profiles.profile import Profile
from gwproxy.proxy.routing.route import Route
from gwproxy.translate.hub import Dialect, Failure, FailureKind

# MoonshotAI/kimi-cli#275, openclaw/openclaw#8803: decided by the User-Agent.
_GATE: Final = re.compile(r"only available for coding agents", re.IGNORECASE)
# badlogic/pi-mono#5009: tools that called themselves by another's name.
_BANNED: Final = re.compile(r"access terminated", re.IGNORECASE)

_TOO_MANY: Final = 429


def hint(failure: Failure, route: Route, agent: str, *, ever_answered: bool) -> str:
    """What is behind `failure`, or "". `agent` is the User-Agent that the client sent;
    `ever_answered` whether the profile has given any answer since we run."""
    profile = route.profile
    if _GATE.search(failure.message):
        words = f"the provider lets in tools that it knows by their User-Agent, not {agent!r}"
        # Who lets in known tools alone knows Claude Code, and this is how it speaks.
        if route.dialect != Dialect.ANTHROPIC and Dialect.ANTHROPIC in profile.dialects:
            words += f"; gwproxy profile set {profile.name} dialects=anthropic goes another way in"
        return words
    if _BANNED.search(failure.message):
        return "the account is closed to this tool; providers do that for a forged User-Agent"
    # An ordinary 503 or 529 means what it says; this is the 429 of a host that knows its tools.
    is_odd = failure.kind is FailureKind.OVERLOADED and failure.upstream_status == _TOO_MANY
    if is_odd and not ever_answered:
        # gsd-build/gsd-2#4640, badlogic/pi-mono#3585: five of five against none of five
        return f"an overload that never ends may mean that {agent!r} is not let in"
    if failure.kind is FailureKind.NOT_FOUND and "model" in failure.message.lower():
        return f"gwproxy models {profile.name} lists what there is"
    return ""


def key_words(profile: Profile, status: int | None) -> str:
    """What to do about a key that the provider refuses, with `status`. OpenClaw shows no words of
    anybody's; the number in them has it say "authentication failed" (seen with 2026.9.6)."""
    preset = PRESETS[profile.preset]
    words = f"the provider refuses the key of the profile {profile.name}"
    if status is not None:
        words += f" with HTTP {status}"
    if preset.key_page:
        begins = f", and begins with {preset.key_prefix}" if preset.key_prefix else ""
        words += f": a key for it comes from {preset.key_page}{begins}"
    return f"{words}; gwproxy profile key {profile.name} sets another"
