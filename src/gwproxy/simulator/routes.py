"""Which of a provider's routes a request meets. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from gwproxy.simulator.conversation import DialectName
from gwproxy.simulator.manners import KeyHeader, Manners


class PlayedKind(StrEnum):
    MESSAGES = "messages"
    CHAT = "chat"
    RESPONSES = "responses"
    COUNT_TOKENS = "count_tokens"
    MODELS = "models"
    USAGE = "usage"


GENERATING = frozenset({PlayedKind.MESSAGES, PlayedKind.CHAT, PlayedKind.RESPONSES})


@dataclass(frozen=True, slots=True)
class PlayedRoute:
    """A route that is served; `dialect` is the one to answer and to fail in, `keys` are the headers
    that may bring the key, `name` is the model or request asked about."""

    kind: PlayedKind
    dialect: DialectName
    keys: frozenset[KeyHeader]
    name: str | None = None


def find_route(
    manners: Manners, method: str, path: str, speaks_anthropic: bool
) -> PlayedRoute | None:
    """The route, or None for a 404. `speaks_anthropic`: an `anthropic-version` was sent."""
    messages, openai = manners.messages_keys, manners.openai_keys
    in_messages = _below(manners.anthropic_prefix, path)
    in_openai = _below(manners.openai_prefix, path)
    if method == "POST":
        if in_messages == "/messages" and "anthropic" in manners.dialects:
            return PlayedRoute(PlayedKind.MESSAGES, "anthropic", messages)
        if in_messages == "/messages/count_tokens" and manners.counts_tokens:
            return PlayedRoute(PlayedKind.COUNT_TOKENS, "anthropic", messages)
        if in_openai == "/chat/completions" and "chat" in manners.dialects:
            return PlayedRoute(PlayedKind.CHAT, "chat", openai)
        if in_openai == "/responses" and "responses" in manners.dialects:
            return PlayedRoute(PlayedKind.RESPONSES, "responses", openai)
        return None
    dialect: DialectName = "anthropic" if speaks_anthropic else "chat"
    steps = (in_openai or "").split("/")
    match steps:
        case ["", "models"] if manners.lists_models:
            return PlayedRoute(PlayedKind.MODELS, dialect, messages | openai)
        case ["", "models", *name] if manners.lists_models:
            return PlayedRoute(
                PlayedKind.MODELS, dialect, messages | openai, unquote("/".join(name))
            )
        case ["", "usage", name] if manners.reports_usage:
            return PlayedRoute(PlayedKind.USAGE, dialect, messages | openai, name)
    return None


def error_dialect(path: str) -> DialectName:
    """The dialect in which a path without a route is refused."""
    return "anthropic" if "/messages" in path else "chat"


def _below(prefix: str, path: str) -> str | None:
    """What follows `/v1` in a path below `prefix`, or None for a path elsewhere."""
    root = f"{prefix}/v1"
    return path.removeprefix(root) if path.startswith(f"{root}/") else None
