"""The table of words that mean a full window, an empty account or a busy server."""

from __future__ import annotations

import json

import pytest

from gwproxy.translate.errors import complaints
from gwproxy.translate.errors.failure_words import KIND_RULES, KindRule, figures_in


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
