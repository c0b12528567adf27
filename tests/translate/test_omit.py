"""What may be left out, how a refusal names it, and that nothing else goes with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.hub import Dialect
from gwproxy.translate.losses import Losses
from gwproxy.translate.omit import edits, without
from gwproxy.translate.omittable import OMITTABLE, ROWS, betas, check, pattern_of
from gwproxy.translate.wire.splice import edited

A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES


@pytest.mark.parametrize(
    ("dialect", "path", "value", "earned"),
    [
        (A, "context_management", None, "context_management"),
        (A, "system.0.cache_control.ephemeral.ttl", None, "system[].cache_control.ttl"),
        (A, "tools.0.custom.strict", None, "tools[].strict"),
        (
            A,
            "messages.1.content.0.tool_result.content.0.text.cache_control.ephemeral.scope",
            None,
            "messages[].content[].content[].cache_control.scope",
        ),
        (A, "tools[1]", "advisor_20260301", "tools[type=advisor_20260301]"),
        (A, "tools.1.type", "code_execution_20250825", "tools[type=code_execution_20250825]"),
        (A, "anthropic-beta", "x-2026-01-01", "anthropic-beta:x-2026-01-01"),
        (A, "strict", None, "tools[].strict"),
        (C, "body.metadata", None, "metadata"),
        (
            C,
            "messages[3].content[1].image_url.detail",
            "original",
            "messages[].content[].image_url.detail=original>high",
        ),
        (R, "client_metadata", None, "client_metadata"),
        (R, "promptCacheKey", None, "prompt_cache_key"),
        (R, "include", None, "include"),
        (R, "input[3]", "reasoning", "input[type=reasoning]"),
    ],
)
def test_a_refusal_earns_the_pattern_of_the_member_that_it_names(
    dialect: Dialect, path: str, value: str | None, earned: str
) -> None:
    assert pattern_of(dialect, path, value) == earned
    check(earned)


@pytest.mark.parametrize("dialect", OMITTABLE)
@pytest.mark.parametrize(
    "path",
    [
        "model", "messages", "messages.0.content", "input", "system", "instructions",
        "tools", "tools.0", "tools.0.name", "tool_choice", "tool_choice.type",
        "output_config.format", "output_format", "response_format", "text.format",
        "stop", "stop_sequences", "n", "logprobs", "safeguards", "inference_geo",
        "previous_response_id", "thinking", "thinking.type", "thinking.budget_tokens",
        "max_tokens", "max_completion_tokens", "max_output_tokens",
        "tools.0.custom.input_schema.properties.strict",
        "tools.0.function.parameters.properties.metadata",
    ],
)  # fmt: skip
def test_what_says_which_answer_is_wanted_is_never_left_out(dialect: Dialect, path: str) -> None:
    assert pattern_of(dialect, path) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "tool_choice", "model", "tools[]", "tools", "messages[].content", "system[].text",
        "tools[type=custom]", "anthropic-beta:dangerous-tool-use-2026-09-03", "max_tokens",
        "tools[].input_schema.strict", "tools[", "", "a>b", "anthropic-beta:",
    ],
)  # fmt: skip
def test_a_person_cannot_ask_for_it_either(pattern: str) -> None:
    with pytest.raises(ValueError):
        check(pattern)


def test_every_row_has_a_source_and_a_dialect_has_no_row_twice() -> None:
    assert all(row.source for row in ROWS)
    for rows in OMITTABLE.values():
        assert len({row.pattern for row in rows}) == len(rows)


def test_only_sealed_reasoning_may_go_from_what_an_answer_is_to_include() -> None:
    sealed = b'{"include":["reasoning.encrypted_content"],"model":"m"}'
    asked = b'{"include":["reasoning.encrypted_content","message.output_text.logprobs"]}'
    assert without(sealed, ["include"], Losses()) == b'{"model":"m"}'
    assert without(asked, ["include"], Losses()) == asked


BODY = (
    b'{"model": "m","system":[{"text":"s", "cache_control":{"type":"ephemeral","ttl":"1h"}}],\n'
    b' "context_management":{"edits":[]}, "tools":[{"name":"a","strict":true,"input_schema":'
    b'{"properties":{"strict":{}}}},{"type":"advisor_20260301","name":"advisor"}],'
    b'"messages":[{"role":"user","content":[{"type":"text","text":"ttl","cache_control":{"ttl":'
    b'"1h","type":"ephemeral"}}]}],"metadata":{"user_id":"u"},"novelty":1.10}'
)


@pytest.mark.parametrize(
    ("pattern", "gone", "lost"),
    [
        (
            "context_management",
            [b'"context_management":{"edits":[]}, '],
            "drop:context_management",
        ),
        ("tools[].strict", [b',"strict":true'], "drop:tools[].strict"),
        (
            "system[].cache_control.ttl",
            [b',"ttl":"1h"', b'"ttl":"1h",'],
            "drop:system[].cache_control.ttl, drop:messages[].content[].cache_control.ttl",
        ),
        (
            "tools[type=advisor_20260301]",
            [b',{"type":"advisor_20260301","name":"advisor"}'],
            "drop:tools[type=advisor_20260301]",
        ),
        (
            "anthropic-beta:context-management-2025-06-27",
            [b'"context_management":{"edits":[]}, '],
            "drop:context_management",
        ),
        ("tools[].defer_loading", [], ""),
    ],
)
def test_what_goes_is_named_and_everything_else_stays_as_it_was(
    pattern: str, gone: list[bytes], lost: str
) -> None:
    expected = BODY
    for piece in gone:
        assert expected.count(piece) == 1
        expected = expected.replace(piece, b"")
    losses = Losses()
    assert without(BODY, [pattern], losses) == expected
    assert losses.header() == lost
    assert edited(BODY, edits([pattern])) == expected


def test_an_order_stays() -> None:
    """Left out it would be a loss that the client does not act upon: the host's refusal is."""
    body = b'{"context_management":{"edits":[{"type":"compact_20260112"}]}}'
    losses = Losses()
    assert without(body, ["context_management"], losses) == body
    assert not len(losses)


def test_what_held_nothing_else_goes_too_and_what_was_empty_stays() -> None:
    body = b'{"output_config": {"effort":"low" } , "metadata":{}, "messages":[]}'
    after = without(body, ["output_config.effort", "metadata.user_id"], Losses())
    assert after == b'{"metadata":{}, "messages":[]}'
    body = b'{"tools":[{"cache_control":{"ttl":"5m"}},{"strict":true}]}'
    after = without(body, ["tools[].strict", "tools[].cache_control"], Losses())
    assert after == b'{"tools":[{},{}]}'


def test_a_value_gives_way_to_the_nearest_older_one_alone() -> None:
    body = (
        b'{"messages":[{"content":[{"image_url":{"detail":"original"}},{"image_url":{"detail":'
        b'"low"}}]}]}'
    )
    losses = Losses()
    after = without(body, ["messages[].content[].image_url.detail=original>high"], losses)
    assert after == body.replace(b"original", b"high")
    assert losses.header() == "clamp:messages[].content[].image_url.detail=high"


@pytest.mark.parametrize(
    ("pattern", "body"),
    [
        ("tools[type=advisor_20260301]", {"tools": [{"type": "advisor_20260301"}]}),
        ("output_config", {"output_config": {"format": {"type": "json_schema"}}}),
        ("reasoning_effort", {"reasoning_effort": "none"}),
        ("reasoning.effort", {"reasoning": {"effort": "none"}}),
    ],
)
def test_what_this_one_request_means_by_it_stays(pattern: str, body: dict[str, Any]) -> None:
    text = json.dumps(body, separators=(",", ":")).encode()
    losses = Losses()
    assert without(text, [pattern], losses) is text
    assert not losses


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        ((), "a-2025-01-01, context-management-2025-06-27,advanced-tool-use-2025-11-20"),
        (("context_management",), "a-2025-01-01,advanced-tool-use-2025-11-20"),
        (
            ("anthropic-beta:advanced-tool-use-2025-11-20",),
            "a-2025-01-01,context-management-2025-06-27",
        ),
        # one member of it is still sent
        (
            ("tools[].input_examples",),
            "a-2025-01-01, context-management-2025-06-27,advanced-tool-use-2025-11-20",
        ),
        (("metadata", "anthropic-beta:a-2025-01-01", "context_management"),
         "advanced-tool-use-2025-11-20"),
    ],
)  # fmt: skip
def test_a_beta_goes_with_its_members_and_the_others_stay(
    patterns: tuple[str, ...], kept: str
) -> None:
    value = "a-2025-01-01, context-management-2025-06-27,advanced-tool-use-2025-11-20"
    assert betas(value, patterns) == kept
