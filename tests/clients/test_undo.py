"""The three-way merge: our values go, the user's stay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import json_documents, toml_documents
from gwproxy.clients.document import (
    ABSENT,
    MemberPath,
    TextFormat,
    Tree,
    Uneditable,
    Value,
    digest,
    leaves,
    lookup,
)
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.tomltext import TOML
from gwproxy.clients.undo import Claimed, claimed_by, merged, undone


def setup(form: TextFormat, base: str, path: MemberPath, value: Value) -> tuple[str, list[Claimed]]:
    return form.assign(base, path, value), list(claimed_by(path, value))


@pytest.mark.parametrize(
    "base", ["{}", '{"env": {}}', '{"env": {"A": "0"}}', '{"env": {"B": 1}}', '{"A": 1}']
)
def test_our_value_gives_way_to_what_stood_there(base: str) -> None:
    text, members = setup(JSON, base, ("env", "A"), "1")
    result = undone(JSON, text, base, members)
    assert JSON.read(result.text) == JSON.read(base)
    assert result.kept == ()


def test_what_we_had_deleted_comes_back() -> None:
    base = '{"env": {"KEY": "sk-old", "B": 1}}'
    gone = Claimed(("env", "KEY"), 2, (digest(ABSENT),))
    result = undone(JSON, JSON.remove(base, ("env", "KEY")), base, [gone])
    assert JSON.read(result.text) == JSON.read(base)


def test_a_value_that_the_user_changed_since_is_theirs() -> None:
    text, members = setup(JSON, '{"env": {"A": "0"}}', ("env", "A"), "1")
    text = JSON.assign(text, ("env", "A"), "2")
    result = undone(JSON, text, '{"env": {"A": "0"}}', members)
    assert JSON.read(result.text) == {"env": {"A": "2"}}
    assert result.kept == (("env", "A"),)


def test_an_object_of_ours_goes_as_a_whole() -> None:
    value: Tree = {"url": "http://x", "models": [{"id": "m"}], "options": {"a": 1}}
    text, members = setup(JSON, '{"model": "mine"}', ("providers", "gwproxy"), value)
    result = undone(JSON, text, '{"model": "mine"}', members)
    assert JSON.read(result.text) == {"model": "mine"}


def test_an_object_of_ours_that_the_user_extended_stays_as_a_whole() -> None:
    text, members = setup(JSON, "{}", ("providers", "gwproxy"), {"url": "http://x", "api": "a"})
    text = JSON.assign(text, ("providers", "gwproxy", "timeout"), 5)
    result = undone(JSON, text, "{}", members)
    assert result.text == text
    assert result.kept == (("providers", "gwproxy"),)


def test_our_secret_goes_even_from_an_object_that_stays() -> None:
    unit = ("providers", "gwproxy")
    text, members = setup(JSON, "{}", unit, {"url": "http://x"})
    members += claimed_by((*unit, "key"), "sk-1", len(unit), secret=True)
    text = JSON.assign(text, (*unit, "key"), "sk-1")
    extended = JSON.assign(text, (*unit, "timeout"), 5)
    result = undone(JSON, extended, "{}", members)
    assert JSON.read(result.text) == {"providers": {"gwproxy": {"url": "http://x", "timeout": 5}}}
    assert result.kept == (unit,)
    theirs = JSON.assign(extended, (*unit, "key"), "sk-of-the-user")
    assert undone(JSON, theirs, "{}", members).text == theirs


def test_a_value_whose_place_is_gone_is_shown_and_not_forced() -> None:
    base = '{"env": {"KEY": "sk-old"}}'
    gone = Claimed(("env", "KEY"), 2, (digest(ABSENT),))
    result = undone(JSON, '{"env": 7}', base, [gone])
    assert result.text == '{"env": 7}'
    assert result.kept == (("env", "KEY"),)


def test_undo_of_an_undone_file_changes_nothing() -> None:
    base = '{\n  "a": 1\n}\n'
    _, members = setup(JSON, base, ("env", "A"), "1")
    assert undone(JSON, base, base, members).text == base


def test_a_second_setup_keeps_the_values_of_the_first_as_ours() -> None:
    first = list(claimed_by(("env", "A"), "1"))
    second = list(claimed_by(("env", "A"), "2")) + list(claimed_by(("env", "B"), "3"))
    both = merged(first, second)
    assert [each.path for each in both] == [("env", "A"), ("env", "B")]
    for value in ("1", "2"):
        text = JSON.assign('{"env": {"B": "3"}}', ("env", "A"), value)
        assert undone(JSON, text, "{}", both).text == "{}"


OURS: list[tuple[MemberPath, Value]] = [
    (("env", "GW_URL"), "http://127.0.0.1"),
    (("GW_MODEL",), "m"),
    (("model_providers", "gwproxy"), {"name": "gwproxy", "auth": {"command": "x"}}),
]


@pytest.mark.parametrize("form", [JSON, TOML], ids=["json", "toml"])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_undo_keeps_every_other_edit(form: TextFormat, data: st.DataObject) -> None:
    """Whatever the user did to other members meanwhile is as if we had never been there."""
    kind = json_documents if form is JSON else toml_documents
    base = data.draw(kind.documents()).text
    text, members = base, list[Claimed]()
    for path, value in OURS:
        try:
            text = form.assign(text, path, value)
        except Uneditable:  # a parent is no object in this document
            continue
        members += claimed_by(path, value)
    edits = data.draw(
        st.lists(st.tuples(kind.paths, kind.new_values | st.just(ABSENT)), max_size=4)
    )
    without_us = base
    for path, value in edits:
        if path[0] in ("env", "model_providers"):
            path = ("mine", *path)
        text, without_us = (edited(form, side, path, value) for side in (text, without_us))
    result = undone(form, text, base, merged((), members))
    assert values(form, result.text) == values(form, without_us)
    assert result.kept == ()


def edited(form: TextFormat, text: str, path: MemberPath, value: Value) -> str:
    try:
        return form.remove(text, path) if value is ABSENT else form.assign(text, path, value)
    except Uneditable:
        return text


def values(form: TextFormat, text: str) -> list[tuple[MemberPath, str]]:
    """All plain values; an empty object is none, since TOML cannot tell it from a mere name."""
    tree = form.read(text)
    return sorted((path, digest(value)) for path, value in leaves((), tree) if value != {})


def test_lookup_of_a_claimed_path_never_runs_into_a_list() -> None:
    assert lookup({"a": [{"b": 1}]}, ("a", "b")) is ABSENT
