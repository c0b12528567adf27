"""Changes to the document of config.toml, and how a person writes them down."""

from __future__ import annotations

import tomllib
from copy import deepcopy
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.errors import ConfigError, UsageError
from gwproxy.profiles import changes
from gwproxy.profiles.changes import parse_assignment

TWO = {
    "default": "a",
    "profiles": {
        "a": {"preset": "kimi-code", "quirks": {"vision": False}},
        "b": {"preset": "strongwall", "fallback": ["a"]},
    },
    "routes": [{"match": "*", "profile": "a"}],
}


def after(change: Any, *arguments: Any, document: dict[str, Any] | None = None) -> dict[str, Any]:
    result = deepcopy(TWO if document is None else document)
    change(result, *arguments)
    return result


def test_the_first_profile_becomes_the_default() -> None:
    first = after(changes.add_profile, "k", {"preset": "demo"}, document={})
    assert first == {"profiles": {"k": {"preset": "demo"}}, "default": "k"}
    second = after(changes.add_profile, "l", {"preset": "demo"}, document=first)
    assert second["default"] == "k"


def test_no_profile_is_overwritten() -> None:
    with pytest.raises(ConfigError, match="there is a profile called a already"):
        after(changes.add_profile, "a", {})
    with pytest.raises(ConfigError, match="there is a profile called b already"):
        after(changes.rename_profile, "a", "b")


def test_a_rename_reaches_every_mention() -> None:
    renamed = after(changes.rename_profile, "a", "c")
    assert renamed["default"] == "c"
    assert sorted(renamed["profiles"]) == ["b", "c"]
    assert renamed["profiles"]["b"]["fallback"] == ["c"]
    assert renamed["routes"] == [{"match": "*", "profile": "c"}]


def test_what_is_still_in_use_stays() -> None:
    with pytest.raises(ConfigError, match="a is still in use") as caught:
        after(changes.remove_profile, "a")
    assert caught.value.why == "routes[0], profiles.b.fallback leads to it"


def test_removing_the_default_leaves_the_last_one_as_default() -> None:
    document = {"default": "a", "profiles": {"a": {}, "b": {}}}
    removed = after(changes.remove_profile, "a", document=document)
    assert removed == {"default": "b", "profiles": {"b": {}}}
    assert after(changes.remove_profile, "b", document=removed) == {}


@pytest.mark.parametrize(
    "change", [changes.use_profile, changes.remove_profile, changes.set_values]
)
def test_nothing_happens_to_a_profile_that_is_not_there(change: Any) -> None:
    with pytest.raises(ConfigError, match="there is no profile called 'x'"):
        after(change, "x", *([[]] if change is changes.set_values else []))


def test_values_are_put_and_taken_away() -> None:
    put = after(
        changes.set_values,
        "a",
        [(("stream",), "never"), (("quirks", "documents"), True), (("headers", "X-Team"), "7")],
    )
    assert put["profiles"]["a"] == {
        "preset": "kimi-code",
        "quirks": {"vision": False, "documents": True},
        "stream": "never",
        "headers": {"X-Team": "7"},
    }
    away = [(("stream",), None), (("quirks", "vision"), None), (("quirks", "documents"), None)]
    assert after(changes.set_values, "a", away, document=put)["profiles"]["a"] == {
        "preset": "kimi-code",
        "headers": {"X-Team": "7"},
    }


def test_taking_away_what_is_not_there_leaves_no_trace() -> None:
    assert after(changes.set_values, "b", [(("quirks", "vision"), None)]) == TWO


def test_a_key_has_one_place() -> None:
    one = after(changes.set_values, "a", [(("key_env",), "A")])
    other = after(changes.set_values, "a", [(("key_command",), ["b"])], document=one)
    assert other["profiles"]["a"]["key_command"] == ["b"]
    assert "key_env" not in other["profiles"]["a"]


def test_one_style_for_all_gives_way_to_styles_for_single_dialects() -> None:
    one = after(changes.set_values, "a", [(("auth",), "bearer")])
    other = after(changes.set_values, "a", [(("auth", "chat"), "x-api-key")], document=one)
    assert other["profiles"]["a"]["auth"] == {"chat": "x-api-key"}


@pytest.mark.parametrize(
    ("text", "assignment"),
    [
        ("stream=never", (("stream",), "never")),
        (" model = kimi k2 ", (("model",), "kimi k2")),
        ("model=", (("model",), None)),
        ("models=a, b,", (("models",), ["a", "b"])),
        ("fallback=b", (("fallback",), ["b"])),
        ("context_window=262144", (("context_window",), 262_144)),
        ("idle_timeout_s=2.5", (("idle_timeout_s",), 2.5)),
        ("idle_timeout_s=60", (("idle_timeout_s",), 60)),
        ("openai_url=none", (("openai_url",), "")),
        ("openai_url=https://x.example?", (("openai_url",), "https://x.example?")),
        ("key_command=op read 'op://a b/key'", (("key_command",), ["op", "read", "op://a b/key"])),
        ("quirk.vision=no", (("quirks", "vision"), False)),
        ("quirks.efforts=low,max", (("quirks", "efforts"), ["low", "max"])),
        ("quirk.vision=", (("quirks", "vision"), None)),
        ("header.X-Team=a=b", (("headers", "X-Team"), "a=b")),
        ("auth.chat=x-api-key", (("auth", "chat"), "x-api-key")),
    ],
)
def test_assignments_are_read(text: str, assignment: object) -> None:
    assert parse_assignment(text) == assignment


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("stream", "'stream' is not KEY=VALUE"),
        ("=never", "'' is not KEY=VALUE"),
        ("straem=never", "there is no setting called 'straem'"),
        ("quirks=x", "there is no setting called 'quirks'"),
        ("quirk.visoin=no", "there is no quirk called 'visoin'; did you mean vision?"),
        ("quirk.visoin=", "there is no quirk called 'visoin'"),
        ("quirk.vision=maybe", "vision must be true or false"),
        ("auth.grpc=bearer", "auth.grpc: must be one of"),
        ("serve.port=1", "there is no setting called serve.port"),
        ("context_window=many", "context_window must be a number"),
        ("context_window=1.5", "context_window must be a number"),
        ("context_window=nan", "context_window must be a number"),
        ("idle_timeout_s=inf", "idle_timeout_s must be a number"),
        ("key_command='", "the key command is not well formed"),
    ],
)
def test_an_assignment_that_cannot_be_is_a_usage_error(text: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignment(text)
    assert caught.value.what.startswith(what)


def test_a_key_typed_as_an_assignment_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignment("key=sk-kimi-canary-0123456789".replace("key=", "api_key="))
    assert "canary" not in f"{caught.value.what}{caught.value.why}{caught.value.hint}"


NAMES = st.sampled_from(["a", "b", "c"])
CHANGES = st.one_of(
    st.tuples(st.just(changes.add_profile), NAMES, st.just({"preset": "demo", "models": ["m"]})),
    st.tuples(st.just(changes.use_profile), NAMES),
    st.tuples(st.just(changes.rename_profile), NAMES, NAMES),
    st.tuples(st.just(changes.remove_profile), NAMES),
    st.tuples(
        st.just(changes.set_values),
        NAMES,
        st.lists(
            st.tuples(
                st.sampled_from(
                    [
                        ("stream",),
                        ("models",),
                        ("quirks", "vision"),
                        ("headers", "X-Y"),
                        ("auth",),
                        ("auth", "chat"),
                        ("key_env",),
                        ("context_window",),
                    ]
                ),
                st.sampled_from([None, "never", ["x", "y"], True, 7, 'with "quotes" and #']),
            ),
            max_size=3,
        ),
    ),
)


@given(st.lists(CHANGES, max_size=8))
def test_the_text_changes_as_the_values_do(plan: list[tuple[Any, ...]]) -> None:
    """What tomlkit makes of a change must mean what the same change means on plain values."""
    plain: dict[str, Any] = deepcopy(TWO)
    text = tomlkit.dumps(TWO)
    for change, *arguments in plan:
        document = tomlkit.parse(text)
        try:
            change(plain, *deepcopy(arguments))
        except ConfigError:
            with pytest.raises(ConfigError):
                change(document, *deepcopy(arguments))
            plain = tomllib.loads(text)
            continue
        change(document, *deepcopy(arguments))
        text = tomlkit.dumps(document)
        assert tomllib.loads(text) == plain
