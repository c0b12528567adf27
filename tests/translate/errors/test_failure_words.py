"""The table of words that mean a full window, an empty account or a busy server."""

from __future__ import annotations

import json

import pytest

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.errors import complaints
from gwproxy.translate.errors.failure_words import KIND_RULES, KindRule, figures_in
from gwproxy.translate.hub import Dialect, FailureKind

OVERFLOWS = [rule for rule in KIND_RULES if rule.kind is FailureKind.CONTEXT]


@pytest.mark.parametrize("rule", KIND_RULES, ids=lambda rule: rule.example[:40])
def test_every_rule_knows_its_example(rule: KindRule) -> None:
    assert rule.words.search(rule.example)
    assert "/" in rule.source
    found = complaints.failure(400, {}, json.dumps({"message": rule.example}).encode())
    assert found.kind is rule.kind
    if rule.figures is not None:
        match = rule.figures.search(rule.example)
        assert match is not None
        numbers = {name: int(text.replace(",", "")) for name, text in match.groupdict().items()}
        assert numbers.items() <= figures_in(rule.example).items()


@pytest.mark.parametrize("status", [400, 413, 422, 500])
@pytest.mark.parametrize("rule", OVERFLOWS, ids=lambda rule: rule.example[:40])
def test_every_client_is_told_to_compact_in_its_own_words(rule: KindRule, status: int) -> None:
    found = complaints.failure(status, {}, json.dumps({"message": rule.example}).encode())

    told, body = CODECS[Dialect.ANTHROPIC].render_failure(found, "req_1")
    message = json.loads(body)["error"]["message"]
    assert told == 400
    assert message.startswith(("prompt is too long", "input length and `max_tokens` exceed"))
    for dialect in (Dialect.CHAT, Dialect.RESPONSES):
        told, body = CODECS[dialect].render_failure(found, "req_1")
        assert (told, json.loads(body)["error"]["code"]) == (400, "context_length_exceeded")
        assert json.loads(body)["error"]["message"] == rule.example


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (429, "Rate limit reached for tokens per min (TPM): Limit 30000, Used 29000."),
        (429, "Request too large for m on tokens per min (TPM): Limit 30000, Requested 46000."),
        (400, "max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens"),
        (400, "Range of max_tokens should be [1, 65536]"),
        (400, "max_tokens must be at least 1, got 0."),
        (400, "Invalid 'tools[0].function.name': string too long. Expected at most 64 characters."),
        (400, "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum"),
        (400, "Too many images: the prompt exceeds the limit of 20 images"),
        (500, "The decoder crashed."),
    ],
)
def test_other_limits_are_no_overflow(status: int, message: str) -> None:
    found = complaints.failure(status, {}, json.dumps({"message": message}).encode())
    assert found.kind is not FailureKind.CONTEXT
