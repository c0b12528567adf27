"""Each rule refuses what the real providers refuse, in their words, and nothing else."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from gwproxy.simulator import CLAUDE_GATEWAY, DEMO, KIMI_CODE, Rule, strictly
from gwproxy.simulator.conversation import DialectName
from gwproxy.simulator.manners import Manners
from gwproxy.simulator.play import admit
from gwproxy.simulator.seal import signature
from gwproxy.simulator.strict import CHECKS
from gwproxy.simulator.wire import WireRefused
from simulator.anthropic_violations import ANTHROPIC_CASES
from simulator.asking import DIALECTS, Json, ask
from simulator.good_conversations import GOOD, THOUGHT, Change, blocks, put
from simulator.openai_violations import OPENAI_CASES
from support.provider import StartProvider

STRICT = strictly(DEMO)
VERSION = {"anthropic-version": "2023-06-01"}
CASES = [*ANTHROPIC_CASES, *OPENAI_CASES]


def refusal(
    dialect: DialectName,
    change: Change,
    manners: Manners = STRICT,
    headers: dict[str, str] = VERSION,
) -> str | None:
    body = copy.deepcopy(GOOD[dialect])
    change(body)
    try:
        admit(dialect, body, headers, manners)
    except WireRefused as refused:
        assert refused.status == 400
        return refused.message
    return None


def nothing(_: Json) -> None:
    """The good conversation as it is."""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_good_conversation_passes_every_rule(dialect: DialectName) -> None:
    assert refusal(dialect, nothing) is None


@pytest.mark.parametrize(("rule", "dialect", "change", "words"), CASES)
def test_a_violation_gets_the_documented_words(
    rule: Rule, dialect: DialectName, change: Change, words: str
) -> None:
    assert words in (refusal(dialect, change) or "passed")
    lenient = replace(STRICT, rules=STRICT.rules - {rule})
    assert words not in (refusal(dialect, change, lenient) or ""), "another rule said it"


def test_every_rule_of_every_dialect_has_a_case() -> None:
    elsewhere = {
        ("anthropic", Rule.VERSION),
        ("anthropic", Rule.BETAS),
        ("anthropic", Rule.EFFORT),
        ("anthropic", Rule.SIGNATURES),
        ("responses", Rule.FUNCTION_TOOLS),
    }
    covered = {(dialect, rule) for rule, dialect, _, _ in CASES}
    known = {(dialect, rule) for dialect, checks in CHECKS.items() for rule in checks}
    assert covered | elsewhere == known


def test_headers() -> None:
    newer = {"anthropic-version": "2026-10-21"}
    assert '"2026-10-21" is not a valid version' in str(
        refusal("anthropic", nothing, headers=newer)
    )
    assert "is not a valid version" in str(refusal("anthropic", nothing, headers={}))
    beta = VERSION | {"anthropic-beta": "claude-code-20250219, effort-2025-11-24"}
    assert "Unexpected value(s) `effort-2025-11-24` for the `anthropic-beta` header" in str(
        refusal("anthropic", nothing, headers=beta)
    )


def test_kimi_code_takes_effort_but_names_no_reason() -> None:
    kimi = strictly(KIMI_CODE)
    assert refusal("anthropic", put("output_config", {"effort": "high"}), kimi) is None
    opaque = "Invalid request Error"
    assert refusal("anthropic", put("output_config", {"effort": "xhigh"}), kimi) == opaque
    assert refusal("anthropic", blocks(2, {"type": "document"}), kimi) == opaque


@pytest.mark.parametrize("kind", ["custom", "namespace"])
def test_functions_are_all_that_some_hosts_take(kind: str) -> None:
    host = replace(DEMO, rules=frozenset({Rule.FUNCTION_TOOLS}))
    assert refusal("responses", nothing, host) is None
    tool = {"type": kind, "name": "one", "tools": []}
    words = f"tools[0]: unknown discriminator value: {kind}"
    assert refusal("responses", put("tools", [tool]), host) == words


def test_thinking_switched_off_lifts_what_depends_on_it() -> None:
    def change(body: Json) -> None:
        body["thinking"] = {"type": "disabled"}
        body["tool_choice"] = "required"
        body["temperature"] = 0.6
        body["messages"][2].pop("reasoning_content")

    assert refusal("chat", change) is None


def test_signatures_are_checked_where_they_are_real() -> None:
    claude = CLAUDE_GATEWAY
    assert "signature: Field required" in str(refusal("anthropic", nothing, claude))

    def sign(text: str) -> Change:
        return lambda body: body["messages"][1]["content"][0].update(signature=signature(text))

    assert "Invalid `signature`" in str(refusal("anthropic", sign("other words"), claude))
    assert refusal("anthropic", sign(THOUGHT), claude) is None


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_violation_is_a_400_on_the_wire_and_costs_nothing(
    start_provider: StartProvider, dialect: DialectName
) -> None:
    provider = await start_provider(STRICT)
    assert (await ask(provider, dialect, GOOD[dialect])).status == 200
    body = copy.deepcopy(GOOD[dialect]) | {"tools": [{"type": "function", "name": "1"}]}
    assert (await ask(provider, dialect, body)).status == 400
    assert provider.billed == 1
