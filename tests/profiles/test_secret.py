"""A Secret shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback

import pytest

from gwproxy.profiles.secret import Secret, Source

CANARY = "sk-kimi-canary-0123456789abcd"


def test_every_way_of_printing_it_shows_the_mask() -> None:
    secret = Secret(CANARY)
    ways = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>40}",
        f"{ {'key': secret} }",
        str(logging.LogRecord("x", 20, "x", 1, "key %s", (secret,), None).getMessage()),
    ]
    assert all("…abcd" in way and "canary" not in way for way in ways)


def test_a_short_secret_shows_nothing_at_all() -> None:
    assert Secret("sk-12345").masked == "…"


def test_it_cannot_be_sent_elsewhere_by_accident() -> None:
    secret = Secret(CANARY)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        copy.copy(secret)
    with pytest.raises(TypeError):
        hash(secret)
    assert not hasattr(secret, "__dict__")


def test_it_is_compared_by_value_and_only_with_its_kind() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret(CANARY + "x")
    assert Secret(CANARY) != CANARY
    assert Secret("é") == Secret("é")


def test_a_traceback_that_shows_values_shows_the_mask() -> None:
    def fail(secret: Secret) -> None:
        raise ValueError("no")

    try:
        fail(Secret(CANARY))
    except ValueError as error:
        shown = "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )
    assert "Secret(…abcd)" in shown
    assert "canary" not in shown.replace("CANARY", "")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (Source("environment", "KIMI_KEY"), "environment variable KIMI_KEY"),
        (Source("command", "op"), "command op"),
        (Source("file", "/k"), "file /k"),
        (Source("keyring"), "keyring"),
        (Source("none"), "no key needed"),
    ],
)
def test_a_source_reads_as_words(source: Source, text: str) -> None:
    assert str(source) == text
