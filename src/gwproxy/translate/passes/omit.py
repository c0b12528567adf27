"""Passes that leave out members which an upstream does not have and nothing can replace."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks

# At a host without tiers, these ask for nothing.
_NO_TIER: Final = ("auto", "default")


def fit_tier(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Renames the service tier to the upstream's name for it, or drops it."""
    wanted = request.service_tier
    if wanted is None:
        return request
    tier: str | None = None
    if quirks.allow(facts.tiers):
        other = facts.other_tier or wanted
        tier = facts.tier_names.get(wanted, other)
        if wanted not in (*facts.tier_names, other):
            losses.clamp("service_tier", tier)
    elif wanted not in _NO_TIER:
        losses.drop("service_tier")
    return request if tier == wanted else structs.replace(request, service_tier=tier)


def fit_verbosity(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops the verbosity where the dialect has no member for it."""
    if request.verbosity is None or facts.verbosity:
        return request
    losses.drop("verbosity")
    return structs.replace(request, verbosity=None)


def fit_strict(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops `strict` of tools where the host does not know it."""
    if quirks.allow(facts.strict) or all(tool.strict is None for tool in request.tools):
        return request
    if any(tool.strict for tool in request.tools):
        losses.drop("tools.strict")
    tools = (structs.replace(tool, strict=None) for tool in request.tools)
    return structs.replace(request, tools=tuple(tools))


def fit_parallel(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops the flag against parallel calls where the host does not know it."""
    choice = request.tool_choice
    if quirks.parallel_flag or choice is None or choice.parallel is None:
        return request
    if not choice.parallel:
        losses.drop("parallel_tool_calls")
    return structs.replace(request, tool_choice=structs.replace(choice, parallel=None))


def fit_identity(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops the user's id or the cache key where the host does not take it. Claude Code's user is a
    JSON text with its session, which many refuse by a pattern (anthropics/claude-code#56643)."""
    given = identity = request.identity
    if identity.cache_key is not None and not quirks.allow(facts.cache_key):
        losses.drop("prompt_cache_key")
        identity = structs.replace(identity, cache_key=None)
    if identity.user is not None and quirks.user_id == "drop":
        losses.drop("user")
        identity = structs.replace(identity, user=None)
    return request if identity is given else structs.replace(request, identity=identity)
