"""Edits to TOML text: only the key moves."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from clients.toml_documents import Document, documents, new_values, paths
from gwproxy.clients import tomltext
from gwproxy.clients.document import (
    ABSENT,
    MemberPath,
    Uneditable,
    Value,
    leaves,
    lookup,
    same,
    with_value,
    without,
)
from gwproxy.clients.tomlscan import statements

# tomllib decides what is a document; about one draw in three repeats a name and is none.
thorough = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


@given(document=documents(), path=paths, value=new_values)
@thorough
def test_assign_sets_one_key_and_keeps_the_rest(
    document: Document, path: MemberPath, value: Value
) -> None:
    try:
        expected = with_value(document.value, path, value)
    except KeyError:
        with pytest.raises(Uneditable, match="is not a table"):
            tomltext.assign(document.text, path, value)
        return
    edited = tomltext.assign(document.text, path, value)
    assert same(tomltext.read(edited), expected)
    assert tomltext.assign(edited, path, value) == edited
    assert [mark for mark in document.comments if edited.count(mark) != 1] == []
    if lookup(document.value, path) is ABSENT:
        rest = iter(edited)
        assert [character for character in document.text if character not in rest] == []


@given(document=documents(), path=paths)
@thorough
def test_remove_takes_one_key_and_keeps_comments(document: Document, path: MemberPath) -> None:
    edited = tomltext.remove(document.text, path)
    # A table that stood only in the name of the one removed goes with it: compare the leaves.
    expected = without(document.value, path)
    assert leaf_values(tomltext.read(edited)) == leaf_values(expected)
    assert tomltext.remove(edited, path) == edited
    assert [mark for mark in document.comments if edited.count(mark) != 1] == []
    if lookup(document.value, path) is ABSENT:
        assert edited == document.text


def leaf_values(tree: dict[str, Value]) -> list[tuple[MemberPath, str]]:
    return sorted((path, repr(value)) for path, value in leaves((), tree) if value != {})


CONFIG = """\
# My settings
model = "gpt-5.6" # the good one

# whom I trust
[projects."/work"]
trust_level = "trusted"

[model_providers.local]
name = "mine"
"""


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        pytest.param("", ("model",), "m", 'model = "m"\n', id="empty file"),
        pytest.param("# mine", ("model",), "m", '# mine\nmodel = "m"\n', id="only a comment"),
        pytest.param("[a]\nb = 1", ("m",), 1, "m = 1\n\n[a]\nb = 1", id="before the tables"),
        pytest.param("# f\n\n# a\n[a]\n", ("m",), 1, "# f\n\nm = 1\n\n# a\n[a]\n", id="heading"),
        pytest.param("a = 1 # x\n[t]\n", ("b",), 2, "a = 1 # x\nb = 2\n[t]\n", id="beside its kin"),
        pytest.param(CONFIG, ("model",), "k", CONFIG.replace("gpt-5.6", "k"), id="value alone"),
        pytest.param(
            CONFIG,
            ("model_providers", "gwproxy"),
            {"name": "gwproxy", "auth": {"command": "x"}},
            CONFIG + '\n[model_providers.gwproxy]\nname = "gwproxy"\nauth = { command = "x" }\n',
            id="a new table",
        ),
        pytest.param("[a]\n", ("a", "b"), "\x7f", '[a]\nb = "\\u007f"\n', id="an empty table"),
        pytest.param("a.b = 1\n[c]\n", ("a", "d"), 2, "a.b = 1\na.d = 2\n[c]\n", id="dotted"),
        pytest.param("[a.b]\nc = 1\n", ("a", "d"), 2, "[a.b]\nc = 1\n\n[a]\nd = 2\n", id="implied"),
        pytest.param("a = {b=1} # c\n", ("a", "d"), 2, "a = {b=1, d = 2} # c\n", id="inline"),
        pytest.param("a = {}\n", ("a", "b", "c"), 2, "a = { b = { c = 2 } }\n", id="empty inline"),
        pytest.param(
            "a = {\n  b = 0x1, # b\n  c.d = 'x' # c\n}\n",
            ("a", "c", "e"),
            2,
            "a = {\n  b = 0x1, # b\n  c.d = 'x', # c\n  c.e = 2\n}\n",
            id="an inline table over lines",
        ),
        pytest.param(
            "a = {\n\tb = 1, # b\n}\n",
            ("a", "c"),
            2,
            "a = {\n\tb = 1, # b\n\tc = 2,\n}\n",
            id="a comma behind the last",
        ),
        pytest.param(
            "\ufeff[a]\r\nb = 1\r\n",
            ("a", "c"),
            2,
            "\ufeff[a]\r\nb = 1\r\nc = 2\r\n",
            id="BOM, CRLF",
        ),
        pytest.param("a.b = 1\n", ("a", "c", "d"), 2, "a.b = 1\n\n[a.c]\nd = 2\n", id="below"),
    ],
)
def test_assign_follows_its_neighbours(
    before: str, path: MemberPath, value: Value, after: str
) -> None:
    assert tomltext.assign(before, path, value) == after


def test_a_value_that_is_there_keeps_its_spelling() -> None:
    text = "port = 1_000\n"
    assert tomltext.assign(text, ("port",), 1000) == text


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        pytest.param("a = 1\nb = 2\n", ("a",), "b = 2\n", id="a line"),
        pytest.param("a = 1 # why\n", ("a",), "# why\n", id="its comment stays"),
        pytest.param("a = 1\n\n[b]\nc = 1\n", ("a",), "[b]\nc = 1\n", id="the only root key"),
        pytest.param("a = 1\n\n[b]\nc = 1\n", ("b",), "a = 1\n", id="a table"),
        pytest.param("a = 1\n\n[b.c]\nd = 1\n", ("b", "c"), "a = 1\n", id="an implied parent"),
        pytest.param("[b]\n[b.c]\nd = 1\n", ("b", "c"), "[b]\n", id="a parent of its own"),
        pytest.param("[[b]]\nc = 1\n[[b]]\nc = 2\n", ("b",), "", id="a list of tables"),
        pytest.param("a = { b = 1, c = 2 }\n", ("a", "b"), "a = { c = 2 }\n", id="inside inline"),
        pytest.param("a = { b = 1 }\n", ("a", "b"), "a = {}\n", id="the only one inside"),
        pytest.param(
            "a = {\n  b = 1, # b\n  c = 2,\n}\n",
            ("a", "c"),
            "a = {\n  b = 1, # b\n}\n",
            id="a line",
        ),
        pytest.param("a = { b.c = 1, b.d = 2 }\n", ("a", "b"), "a = {}\n", id="dotted inside"),
        pytest.param("a = 1\r\n\r\n[b]\r\nc = 1\r\n", ("b",), "a = 1\r\n", id="CRLF"),
        pytest.param("a = 1\n", ("b",), "a = 1\n", id="not there"),
    ],
)
def test_remove_leaves_no_trace(before: str, path: MemberPath, after: str) -> None:
    assert tomltext.remove(before, path) == after


@pytest.mark.parametrize(
    ("text", "where"),
    [("a = 1\nb = \n", (2, 5)), ("a = 1\r\na = 2\r\n", (2, 6)), ('a = "open', (1, 10))],
)
def test_refuses_with_line_and_column(text: str, where: tuple[int, int]) -> None:
    with pytest.raises(Uneditable) as caught:
        tomltext.read(text)
    assert (caught.value.line, caught.value.column) == where


@pytest.mark.parametrize(
    ("text", "older"),
    [
        ("a = {\n  b = 1, # b\n  c = [ # c\n 2,\n],\n}\n", "a = {b = 1, c = [2]}"),
        ("a = \"\\e[0m \\x41 \\\\x41\"\nb = '\\e'", "a = \"\\u001b[0m A \\\\x41\"\nb = '\\e'"),
        ('"\\x41\\e" = { c = 1 }', '"A\\u001b" = { c = 1 }'),
        ("a = { b # b\n=\n1\n, c = 2 }", "a = {b = 1, c = 2}"),
        ("a = 07:32\nb = 1979-05-27 07:32Z\n", "a = 07:32:00\nb = 1979-05-27T07:32:00Z"),
        (
            'a = """\\e{ # no\n"""\n[t]\nb = [ { c = 1, }, ]',
            'a = "\\u001b{ # no\\n"\n[t]\nb = [{c=1}]',
        ),
    ],
)
def test_reads_toml_1_1_as_codex_does(text: str, older: str) -> None:
    assert same(tomltext.read(text), tomltext.read(older))
    edited = tomltext.assign(text, ("new", "one"), 1)
    assert same(tomltext.read(tomltext.remove(edited, ("new",))), tomltext.read(text))
    assert edited.startswith(text)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a = { b = 1,, }", (1, 13)),
        ("a = {,}", (1, 6)),
        ("a = {\n}\nb = '\\e' \nc = \"\\x4\"", (4, 8)),
        ('a = "\\x41\\e" x', (1, 14)),
        ("a = {\n  b = 1,\n} nonsense", (3, 3)),
    ],
)
def test_what_is_no_toml_1_1_either_is_refused_where_it_stands(
    text: str, where: tuple[int, int]
) -> None:
    with pytest.raises(Uneditable) as caught:
        tomltext.read(text)
    assert (caught.value.line, caught.value.column) == where


@pytest.mark.parametrize("text", ["x = 1\na = [1]\n", "x = 1\n[[a]]\nb = 1\n"])
def test_a_parent_that_is_no_table_is_named_where_it_stands(text: str) -> None:
    with pytest.raises(Uneditable, match='"a" is not a table') as caught:
        tomltext.assign(text, ("a", "b"), 1)
    assert caught.value.line == 2


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000])
def test_what_python_cannot_read_is_refused_with_words(value: str) -> None:
    with pytest.raises(Uneditable):
        tomltext.assign(f"a = 1\nb = {value}\n", ("a",), 2)


@pytest.mark.parametrize("value", ['["x', "[1, 'x", '{ a = "x'])
def test_a_value_that_cannot_be_followed_is_refused_with_its_place(value: str) -> None:
    with pytest.raises(Uneditable, match="2:"):
        statements(f"a = 1\nb = {value}\n")
