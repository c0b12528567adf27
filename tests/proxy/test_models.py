"""The list of models, in the one shape that both families of SDKs read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwproxy.profiles import store
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.queries import models
from gwproxy.proxy.routing.route import Routes

CONFIG = """
default = "wall"
[profiles.kimi]
preset = "kimi-code"
[profiles.wall]
preset = "strongwall"
"""


@pytest.fixture
def routes() -> Routes:
    return Routes(store.parse(CONFIG, Path("config.toml")))


def test_the_default_profiles_models_come_first_and_bare(routes: Routes) -> None:
    ids = [model["id"] for model in models.listed(routes, "")]
    assert ids == ["kimi-k2.5", "kimi/kimi-k2.5", "kimi/kimi-for-coding"]


def test_a_pinned_profile_lists_its_own(routes: Routes) -> None:
    assert [m["id"] for m in models.listed(routes, "kimi")] == ["kimi-k2.5", "kimi-for-coding"]
    with pytest.raises(Failed):
        models.listed(routes, "nobody")


def test_an_entry_reads_in_both_dialects(routes: Routes) -> None:
    entry = models.listed(routes, "")[0]
    assert entry["object"] == entry["type"] == "model"
    assert entry["owned_by"] == "wall"
    assert entry["max_input_tokens"] == 262_144


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, "abcde", False),
        ({"limit": "2"}, "ab", True),
        ({"limit": "2", "after_id": "b"}, "cd", True),
        ({"limit": "2", "after_id": "c"}, "de", False),
        ({"limit": "2", "before_id": "d"}, "bc", True),
        ({"limit": "9", "before_id": "c"}, "ab", False),
        ({"after_id": "nobody"}, "abcde", False),
        ({"limit": "x"}, "abcde", False),
        ({"limit": "0"}, "a", True),
        ({"limit": "99999999999999999999"}, "abcde", False),
        ({"after_id": "e"}, "", False),
    ],
)
def test_pages(query: dict[str, str], ids: str, more: bool) -> None:
    page = models.page([{"id": c} for c in "abcde"], query, default_limit=5)
    assert [entry["id"] for entry in page["data"]] == list(ids)
    assert page["has_more"] is more
    assert page["first_id"] == (ids[0] if ids else None)
    assert page["last_id"] == (ids[-1] if ids else None)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("kimi-k2.5", "kimi-k2.5"),
        ("wall/kimi-k2.5", "kimi-k2.5"),
        ("kimi/kimi-for-coding", "kimi/kimi-for-coding"),
        ("kimi/kimi-for-coding[1m]", "kimi/kimi-for-coding"),
    ],
)
def test_one_by_its_name(routes: Routes, asked: str, found: str) -> None:
    entry = models.find(models.listed(routes, ""), asked)
    assert entry is not None
    assert entry["id"] == found


def test_nobody_by_another_name(routes: Routes) -> None:
    assert models.find(models.listed(routes, ""), "gpt-5") is None
