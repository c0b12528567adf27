"""The rules that Moonshot and its resellers enforce, by name, and the case that is judged.

Each name stands for one documented refusal; which of them a provider enforces is part of its
manners. `strict/messages.py`, `chat.py` and `responses.py` hold what each rule means in their
dialect, and the source beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from gwproxy.simulator.conversation import PlayedQuestion
from gwproxy.simulator.wire import Json, WireRefused

# Moonshot's tiers for K3; another value is a 400 (liliMozi/openhanako#2092).
EFFORTS = ("low", "high", "max")

OPAQUE_REFUSAL = "Invalid request Error"

# OpenHands/software-agent-sdk#3155
UNSUPPORTED_IMAGE = "Invalid request: unsupported image url: {}"


class Rule(StrEnum):
    """What a provider may refuse, in the order in which it is checked: shape first, sense later."""

    VERSION = "an anthropic-version that is known"
    BETAS = "no unknown anthropic-beta values"
    EXTRA_FIELDS = "no unknown top-level fields"
    ROLES = "no roles but system, user, assistant, tool"
    BLOCK_TYPES = "no block, part or item types but the old ones"
    CACHE_CONTROL = "cache_control of type ephemeral, nothing more, at most four"
    USER_ID = "metadata.user_id of plain characters"
    TOOL_COUNT = "at most 128 tools"
    FUNCTION_TOOLS = "no tools but functions, nor calls and outputs of others"
    TOOL_FIELDS = "no unknown members of a tool"
    TOOL_NAMES = "tool names of plain characters, each once"
    TOOL_SCHEMAS = "tool schemas in Moonshot's dialect"
    SAMPLING = "temperature, top_p, n and penalties at their fixed values"
    STOP_SEQUENCES = "at most five stop sequences of at most 32 bytes"
    THINKING_TYPE = "thinking enabled or disabled, not adaptive"
    EFFORT = "known effort values, not beside thinking"
    TOOL_CHOICE = "no forced tool while thinking"
    STATELESS = "no stored responses"
    EMPTY_MESSAGES = "no empty messages and texts"
    RESULT_CONTENT = "tool results have content"
    IMAGES = "images as data, not as addresses"
    ARGUMENTS = "call arguments are JSON objects"
    CALLS_ANSWERED = "each call answered at once, no other results"
    REASONING_REPLAY = "the reasoning of tool-call turns comes back"
    SIGNATURES = "signatures come back unchanged"
    WINDOW = "the prompt fits the context window"


# Signatures are Anthropic's rule; Kimi never reads them back, and takes free-form tools.
KIMI_RULES = frozenset(Rule) - {Rule.SIGNATURES, Rule.FUNCTION_TOOLS}


@dataclass(frozen=True, slots=True)
class Case:
    """One request to be judged. Header names are lower case.

    `thinks` says that the model will think about this request; `opaque` that the provider names
    no reason (Kimi Code); `extra_fields` are allowed beyond the old core.
    """

    headers: Mapping[str, str]
    body: Json
    asked: PlayedQuestion
    thinks: bool
    opaque: bool
    extra_fields: frozenset[str]
    context_tokens: int
    prompt_tokens: int


Check: TypeAlias = Callable[[Case], None]


def refuse(message: str) -> WireRefused:
    return WireRefused(400, message)


def refuse_content(case: Case, message: str) -> WireRefused:
    """The refusal of content that is not supported; Kimi Code's says only that something is wrong
    (farion1231/cc-switch#2941)."""
    return WireRefused(400, OPAQUE_REFUSAL if case.opaque else message)


def check_fields(found: Json, allowed: frozenset[str], path: str = "") -> None:
    """Refuses members that are not in `allowed`, in pydantic's wording, which most of these hosts
    expose (anthropics/claude-code#21612).

    Raises:
        WireRefused: 400 naming the first unknown member.
    """
    for name in found:
        if name not in allowed:
            raise refuse(f"{path}{name}: Extra inputs are not permitted")


def check_window(case: Case) -> None:
    # https://platform.moonshot.ai/docs/api/errors; MoonshotAI/kimi-cli#2011.
    if case.prompt_tokens > case.context_tokens:
        raise refuse(
            "Invalid request: Your request exceeded model token limit: "
            f"{case.context_tokens} (requested: {case.prompt_tokens})"
        )
