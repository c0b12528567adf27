"""Keys are taken out of texts that somebody will read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.profiles.redaction import MASK, redact


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("key sk-kimi-abc_DEF-123456, done", f"key {MASK}, done"),
        ("cc_user_0123456789", MASK),
        ('{"x-api-key": "plainkey123"}', f'{{"x-api-key": "{MASK}"}}'),
        ("X-Api-Key: plainkey123\r\n", f"X-Api-Key: {MASK}\r\n"),
        ("authorization: Bearer plainkey123", f"authorization: Bearer {MASK}"),
        ('{"x-api-key":"plainkey123"}', f'{{"x-api-key":"{MASK}"}}'),
        # JSON in JSON stays JSON: the backslash is no part of the key.
        (r'"-H \"Authorization: Bearer $TOKEN\""', rf'"-H \"Authorization: Bearer {MASK}\""'),
        (r'"{\"x-api-key\": \"plainkey123\"}"', rf'"{{\"x-api-key\": \"{MASK}\"}}"'),
        (r'"export OPENAI_API_KEY=plainkey123\n"', rf'"export OPENAI_API_KEY={MASK}\n"'),
        ("api_key=settings.api_key", "api_key=settings.api_key"),
        ("nothing to see: task-force, disk-usage", "nothing to see: task-force, disk-usage"),
    ],
)
def test_what_looks_like_a_key_is_masked(text: str, clean: str) -> None:
    assert redact(text) == clean


@given(st.text("abc "), st.text("xyz", min_size=1), st.text("abc "))
def test_a_known_secret_never_survives(before: str, secret: str, after: str) -> None:
    assert redact(f"{before}{secret}{after}{secret}", [secret]) == f"{before}{MASK}{after}{MASK}"


def test_an_empty_secret_does_not_shred_the_text() -> None:
    assert redact("text", [""]) == "text"
