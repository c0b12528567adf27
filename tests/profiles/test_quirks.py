"""The table of quirks: the same as the translation's, and readable from a command line."""

from __future__ import annotations

import types
import typing
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest

from gwproxy.profiles.profile import QuirkValue
from gwproxy.profiles.quirks import QUIRKS, BadQuirk, check_quirk, manner_values, parse_quirk
from gwproxy.profiles.record import make_profile
from gwproxy.translate.manners import Manners

HINTS = get_type_hints(Manners)
FIELDS = {field.name: field for field in msgspec.structs.fields(Manners)}


def test_the_table_has_exactly_the_fields_of_manners() -> None:
    assert list(QUIRKS) == list(FIELDS)


@pytest.mark.parametrize("name", QUIRKS)
def test_types_and_defaults_agree(name: str) -> None:
    quirk, hint = QUIRKS[name], HINTS[name]
    assert FIELDS[name].default == quirk.default
    if get_origin(hint) is Literal:
        assert quirk.kind == "choice"
        assert set(get_args(hint)) == set(quirk.choices)
    else:
        kinds: dict[Any, str] = {bool: "bool", int: "int", str: "str", tuple[str, ...]: "list"}
        assert quirk.kind == kinds[hint]
        assert quirk.choices == ()


@pytest.mark.parametrize("name", QUIRKS)
def test_every_quirk_has_a_meaning_and_a_source(name: str) -> None:
    quirk = QUIRKS[name]
    assert quirk.meaning
    assert "://" in quirk.source or "#" in quirk.source or "/" in quirk.source


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


def test_manners_can_be_made_from_every_profile() -> None:
    profile = make_profile(
        "mine", {"preset": "kimi-code", "quirks": {"vision": False}, "max_output_tokens": 9000}
    )
    manners = Manners(**manner_values(profile))  # type: ignore[arg-type]
    assert manners.schema == "moonshot"
    assert manners.vision is False
    assert manners.max_output == 9000
    assert manners.context_window == 262_144
    assert manners.family == "kimi-code"


def test_two_custom_upstreams_are_no_family() -> None:
    record = {"model": "m", "openai_url": "https://x.example"}
    assert manner_values(make_profile("one", record))["family"] == "one"
    assert manner_values(make_profile("two", record))["family"] == "two"


def test_defaults_stay_where_the_profile_is_silent() -> None:
    values = manner_values(make_profile("x", {"model": "m", "openai_url": "https://x.example"}))
    assert values["context_window"] == Manners().context_window
    assert isinstance(QUIRKS, types.MappingProxyType)
    assert typing.cast("int", values["max_output"]) == Manners().max_output
