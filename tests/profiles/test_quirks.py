"""The quirks as they are declared, and as a person sets them."""

from __future__ import annotations

import types
import typing

import pytest

from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import (
    QUIRKS,
    BadQuirk,
    Quirk,
    check_quirk,
    parse_quirk,
    quirk_values,
)
from gwproxy.profiles.record import make_profile
from gwproxy.translate.quirks import Quirks, QuirkValue


@pytest.mark.parametrize("quirk", QUIRKS.values(), ids=QUIRKS)
def test_every_quirk_says_what_it_means_and_who_says_so(quirk: Quirk) -> None:
    assert quirk.about.meaning
    assert "://" in quirk.about.source or "/" in quirk.about.source
    assert quirk.about.setting in {"", *Profile.__dataclass_fields__}


@pytest.mark.parametrize("quirk", QUIRKS.values(), ids=QUIRKS)
def test_the_first_choice_is_the_default(quirk: Quirk) -> None:
    known = quirk.kind == "choice" and quirk.default is not None
    assert not known or quirk.choices[0] == quirk.default
    assert bool(quirk.choices) is (quirk.kind == "choice")


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("vision=false", "vision", False),
        ("vision=NO", "vision", False),
        ("documents", "documents", True),
        ("documents=on", "documents", True),
        ("min_output=16000", "min_output", 16_000),
        ("schema=moonshot", "schema", "moonshot"),
        ("efforts=low,high,max", "efforts", ("low", "high", "max")),
        ("efforts=", "efforts", ()),
        ("omit=metadata,tools[].strict", "omit", ("metadata", "tools[].strict")),
        ("reasoning_placeholder=a=b", "reasoning_placeholder", "a=b"),
        (" sampling = drop ", "sampling", "drop"),
    ],
)
def test_a_quirk_is_read_from_text(text: str, name: str, value: QuirkValue) -> None:
    assert parse_quirk(text) == (name, value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("visoin=false", "did you mean vision?"),
        ("vision=maybe", "vision must be true or false, not 'maybe'"),
        ("min_output=-1", "min_output must be a whole number"),
        ("min_output=many", "min_output must be a whole number"),
        ("schema=draft7", "schema must be open or moonshot or moonshot_plain or words"),
        ("omit=model", "model is not among the members that can be left out"),
        ("schema", "schema needs a value: schema=open or moonshot"),
        ("context_window=5", "follows the profile's setting context_window"),
        ("family=kimi", "follows the profile's setting preset"),
    ],
)
def test_a_quirk_that_cannot_be_says_what_could(text: str, complaint: str) -> None:
    with pytest.raises(BadQuirk) as caught:
        parse_quirk(text)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vision", 1),
        ("vision", "true"),
        ("max_tools", True),
        ("max_tools", 1.5),
        ("efforts", ["low", 1]),
        ("efforts", "low"),
        ("reasoning_placeholder", None),
    ],
)
def test_toml_values_of_the_wrong_type_are_refused(name: str, value: object) -> None:
    with pytest.raises(BadQuirk, match=name):
        check_quirk(name, value)


def test_quirks_can_be_made_from_every_profile() -> None:
    profile = make_profile(
        "mine", {"preset": "kimi-code", "quirks": {"vision": False}, "max_output_tokens": 9000}
    )
    quirks = Quirks(**quirk_values(profile))  # type: ignore[arg-type]
    assert quirks.schema == "moonshot"
    assert quirks.vision is False
    assert quirks.max_output == 9000
    assert quirks.context_window == 262_144
    assert quirks.family == "kimi-code"


def test_two_custom_upstreams_are_no_family() -> None:
    record = {"model": "m", "openai_url": "https://x.example"}
    assert quirk_values(make_profile("one", record))["family"] == "one"
    assert quirk_values(make_profile("two", record))["family"] == "two"


def test_defaults_stay_where_the_profile_is_silent() -> None:
    values = quirk_values(make_profile("x", {"model": "m", "openai_url": "https://x.example"}))
    assert values["context_window"] == Quirks().context_window
    assert isinstance(QUIRKS, types.MappingProxyType)
    assert typing.cast("int", values["max_output"]) == Quirks().max_output
