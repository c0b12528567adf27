"""Each provider's manners, as data: what it serves, under which paths, and with which habits.

`Manners` describes one simulated provider; the named ones below follow the pages of the real
ones. A provider's own page is cited where a line comes from it. Nothing here acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, TypeAlias

from gwproxy.simulator.conversation import DialectName
from gwproxy.simulator.faults import Delivery, Disorder, PlayedRefusal
from gwproxy.simulator.figures import Caching
from gwproxy.simulator.strict import KIMI_RULES, Rule


class Streaming(StrEnum):
    YES = "yes"
    ANSWERS_WHOLE = "answers whole"
    REFUSES_STREAMS = "refuses streams"
    ALWAYS_STREAMS = "always streams"
    REFUSES_WHOLE = "refuses whole"


class KeyHeader(StrEnum):
    API_KEY = "x-api-key"
    BEARER = "authorization"
    AUTH_TOKEN = "anthropic-auth-token"


CallIds: TypeAlias = Literal["own", "kimi"]

ANY_KEY = frozenset(KeyHeader)
ALL_DIALECTS: frozenset[DialectName] = frozenset({"anthropic", "chat", "responses"})


@dataclass(frozen=True, slots=True)
class Manners:
    """What one simulated provider serves, and its habits.

    `anthropic_prefix` and `openai_prefix` stand before `/v1/…`. `answer_model` is the name in
    its answers, None for the one asked for. With `only_known_models` another name is a 404.
    `omits_thinking` honours a client's wish for signatures without text. Under `rules`,
    `extra_fields` are allowed beyond the old core of the API, and `opaque_refusals` name no
    reason. `chat_disorders` and `faults` go wrong in every request.
    """

    name: str = "simulator"
    dialects: frozenset[DialectName] = ALL_DIALECTS
    anthropic_prefix: str = ""
    openai_prefix: str = ""
    lists_models: bool = True
    counts_tokens: bool = True
    reports_usage: bool = False
    models: tuple[str, ...] = ("demo-1",)
    only_known_models: bool = False
    answer_model: str | None = None
    messages_keys: frozenset[KeyHeader] = ANY_KEY
    openai_keys: frozenset[KeyHeader] = frozenset({KeyHeader.BEARER})
    streaming: Streaming = Streaming.YES
    piece_characters: int = 16
    thinks: bool = True
    omits_thinking: bool = False
    call_ids: CallIds = "own"
    caching: Caching = "none"
    context_tokens: int = 262_144
    rules: frozenset[Rule] = frozenset()
    extra_fields: frozenset[str] = frozenset()
    opaque_refusals: bool = False
    chat_disorders: frozenset[Disorder] = frozenset()
    faults: tuple[Delivery | PlayedRefusal, ...] = ()


DEMO = Manners(name="demo", caching="prefix")

# https://api.strongwall.ai docs: x-api-key on messages, Bearer on chat, "All requests return
# complete responses". Neither count_tokens nor a model list is documented.
STRONGWALL = Manners(
    name="strongwall",
    dialects=frozenset({"anthropic", "chat"}),
    counts_tokens=False,
    models=("kimi-k2.5",),
    messages_keys=frozenset({KeyHeader.API_KEY, KeyHeader.BEARER}),
    streaming=Streaming.ANSWERS_WHOLE,
    call_ids="kimi",
)

# https://www.kimi.com/code docs: the Messages API alone, answers name another model, and
# /chat/completions is a 404. Both key headers work (MoonshotAI/kimi-code#2378, pi#3586);
# signatures are made up and never read back (router-for-me/CLIProxyAPI, kimi_validation).
KIMI_CODE = Manners(
    name="kimi-code",
    dialects=frozenset({"anthropic"}),
    anthropic_prefix="/coding",
    openai_prefix="/coding",
    models=("kimi-k2.5", "kimi-for-coding"),
    answer_model="kimi-for-coding",
    messages_keys=frozenset({KeyHeader.API_KEY, KeyHeader.BEARER}),
    call_ids="kimi",
    caching="prefix",
    # MoonshotAI/kimi-code's own Messages client sends output_config.effort.
    extra_fields=frozenset({"output_config"}),
    opaque_refusals=True,
)

# https://kimi-k25.com docs: two route families under /api, any of three key headers on messages.
# Usage inside the last choice and at top level is Moonshot's habit
# (https://platform.moonshot.ai/docs/guide/migrating-from-openai-to-kimi; pi#2017).
KIMI_K25 = Manners(
    name="kimi-k25",
    anthropic_prefix="/api/anthropic",
    openai_prefix="/api/openai",
    models=("kimi-k2.5",),
    call_ids="kimi",
    caching="prefix",
    chat_disorders=frozenset({Disorder.USAGE_IN_CHOICE, Disorder.CACHED_AT_TOP}),
)

# The generic Claude gateway: prompt caching by cache_control, GET /v1/usage/{request_id}. Claude
# honours `thinking.display: omitted` and checks its signatures
# (https://docs.claude.com/en/docs/build-with-claude/extended-thinking).
CLAUDE_GATEWAY = Manners(
    name="claude-gateway",
    dialects=frozenset({"anthropic", "chat"}),
    reports_usage=True,
    models=("claude-sonnet-4-6",),
    messages_keys=frozenset({KeyHeader.API_KEY, KeyHeader.BEARER}),
    omits_thinking=True,
    caching="marked",
    context_tokens=200_000,
    rules=frozenset({Rule.SIGNATURES}),
)

# Not a provider but a day that every provider has: an answer that takes its time, word by word.
SLOW = replace(DEMO, name="slow", faults=(Delivery(head_after_s=20.0, gap_s=0.5),))
FAILING = replace(
    DEMO,
    name="failing",
    faults=(
        PlayedRefusal(
            529,
            "The engine is currently overloaded, please try again later",
            error_type="overloaded_error",
            headers={"retry-after": "5"},
        ),
    ),
)

NAMED: Mapping[str, Manners] = MappingProxyType(
    {
        manners.name: manners
        for manners in (DEMO, STRONGWALL, KIMI_CODE, KIMI_K25, CLAUDE_GATEWAY, SLOW, FAILING)
    }
)


def strictly(manners: Manners) -> Manners:
    """The same provider with every documented rule of Moonshot's enforced."""
    return replace(manners, rules=manners.rules | KIMI_RULES)
