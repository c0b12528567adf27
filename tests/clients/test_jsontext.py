"""Edits to JSON, JSONC and JSON5 text: only the member moves."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.json_documents import Document, documents, new_values, paths
from gwproxy.clients import jsontext
from gwproxy.clients.document import (
    ABSENT,
    MemberPath,
    Uneditable,
    Value,
    lookup,
    same,
    with_value,
    without,
)
from gwproxy.clients.jsonscan import NESTING_LIMIT, scan
from gwproxy.clients.jsontext import JSON_WITH_COMMENTS, STRICT_JSON


@given(documents())
@settings(deadline=None)
def test_reads_the_values_that_were_written(document: Document) -> None:
    assert same(jsontext.read(document.text), document.value)


@given(documents())
@settings(max_examples=400, deadline=None)
def test_strict_json_is_what_the_standard_library_takes(document: Document) -> None:
    """And nothing more, where a tool reads no JSON5; an edit leaves a text in its grammar."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        expected = json.loads(document.text.removeprefix("\ufeff"), parse_constant=refuse)
    except ValueError:
        with pytest.raises(Uneditable):
            STRICT_JSON.read(document.text)
    else:
        assert same(STRICT_JSON.read(document.text), expected)
        edited = jsontext.assign(document.text, ("a new one",), {"b": 1})
        assert same(STRICT_JSON.read(edited), {**expected, "a new one": {"b": 1}})


@pytest.mark.parametrize(
    ("text", "strict", "commented"),
    [
        ('{\n  // c\n  "a": 1\n}', "2:3: a comment", ""),
        ('{"a": 1 /* c */}', "1:9: a comment", ""),
        ('{"a": [1,],\n}', "1:9: a comma before the closing ']'", ""),
        ('{"a": 1,\n}', "1:8: a comma before the closing '}'", ""),
        ("{a: 1}", "1:2: a key without double quotes", None),
        ("{'a': 1}", "1:2: single quotes around a text", None),
        ('{"a": 0x1F}', "1:7: 0x1F is no number of JSON", None),
        ('{"a": NaN}', "1:7: NaN is no number of JSON", None),
        ('{"a": "\\x41"}', "1:8: the escape '\\\\x' in a text", None),
        ('{"a": "\t"}', "1:8: a control character in a text", None),
        ('{"a":\u00a01}', "1:6: a blank that is no space", None),
        ('\ufeff{"a": "\\\\x41 // \\/ , }"}\r\n', "", ""),
    ],
)
def test_what_a_tool_does_not_take_is_named_with_its_place(
    text: str, strict: str, commented: str | None
) -> None:
    for form, reason in (
        (STRICT_JSON, strict),
        (JSON_WITH_COMMENTS, strict if commented is None else commented),
    ):
        try:
            form.read(text)
            found = ""
        except Uneditable as error:
            found = str(error)
        assert found == reason


@given(document=documents(), path=paths, value=new_values)
@settings(max_examples=400, deadline=None)
def test_assign_sets_one_member_and_keeps_the_rest(
    document: Document, path: MemberPath, value: Value
) -> None:
    try:
        expected = with_value(document.value, path, value)
    except KeyError:
        with pytest.raises(Uneditable, match="is not an object"):
            jsontext.assign(document.text, path, value)
        return
    edited = jsontext.assign(document.text, path, value)
    assert same(jsontext.read(edited), expected)
    assert jsontext.assign(edited, path, value) == edited
    if lookup(document.value, path) is ABSENT:
        assert_only_inserted(document.text, edited)
        assert [mark for mark in document.comments if edited.count(mark) != 1] == []


@given(document=documents(), path=paths)
@settings(max_examples=400, deadline=None)
def test_remove_takes_one_member_and_keeps_comments(document: Document, path: MemberPath) -> None:
    edited = jsontext.remove(document.text, path)
    assert same(jsontext.read(edited), without(document.value, path))
    assert jsontext.remove(edited, path) == edited
    outside = without_members(document.text, path)
    assert (edited == document.text) == (outside == document.text)
    for mark in document.comments:
        assert edited.count(mark) == outside.count(mark)


def without_members(text: str, path: MemberPath) -> str:
    """`text` with nothing at all where the members at `path` stood, commas left alone."""
    node = scan(text, path)
    for key in path[:-1]:
        member = node.member(key) if node else None
        node = member.node if member else None
    for each in reversed((node and node.members) or ()):
        if each.key == path[-1]:
            text = text[: each.start] + text[each.node.end :]
    return text


@given(document=documents(), edits=st.lists(st.tuples(paths, new_values), max_size=6))
@settings(deadline=None)
def test_a_strict_document_stays_strict(
    document: Document, edits: list[tuple[MemberPath, Value]]
) -> None:
    try:
        json.loads(document.text.removeprefix("\ufeff"))
    except ValueError:
        return
    text = document.text
    for path, value in edits:
        try:
            text = jsontext.assign(text, path, value)
        except Uneditable:
            continue
        text = jsontext.remove(text, path[:1]) if value is None else text
        json.loads(text.removeprefix("\ufeff"))


def assert_only_inserted(before: str, after: str) -> None:
    """Every character of `before` but blanks is in `after`, in the same order."""
    rest = iter(after)
    missing = [
        character for character in before if not character.isspace() and character not in rest
    ]
    assert missing == []


SETTINGS = """\
{
\t// who may do what
\t"permissions": { "allow": ["Bash(ls:*)"] }, // keep
\t"hooks": {},
\t"ratio": 1.10 /* odd */
\t// the end
}
"""


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        pytest.param("", ("a",), 1, '{\n  "a": 1\n}\n', id="empty file"),
        pytest.param("// mine\n", ("a",), 1, '// mine\n{\n  "a": 1\n}\n', id="only a comment"),
        pytest.param("{}", ("a", "b"), 1, '{\n  "a": {\n    "b": 1\n  }\n}', id="empty object"),
        pytest.param('{"a":1}', ("b",), {"c": [1]}, '{"a":1,"b":{"c":[1]}}', id="minified"),
        pytest.param('{"a": 1}', ("b",), "x", '{"a": 1, "b": "x"}', id="one line"),
        pytest.param(
            SETTINGS,
            ("env", "MODEL"),
            "m",
            SETTINGS.replace(
                "1.10 /* odd */\n",
                '1.10, /* odd */\n\t"env": {\n\t\t"MODEL": "m"\n\t}\n',
            ),
            id="comments and tabs",
        ),
        pytest.param(
            "{\n  a: 1, // one\n}\n",
            ("b",),
            2,
            '{\n  a: 1, // one\n  "b": 2,\n}\n',
            id="trailing comma",
        ),
        pytest.param(
            '\ufeff{\r\n    "a": 1\r\n}\r\n',
            ("b",),
            2,
            '\ufeff{\r\n    "a": 1,\r\n    "b": 2\r\n}\r\n',
            id="BOM and CRLF",
        ),
        pytest.param(
            "{\n  // nothing yet   \n}",
            ("a",),
            1,
            '{\n  // nothing yet   \n  "a": 1\n}',
            id="only comments",
        ),
        pytest.param(
            '{"a": 1, "a": 2}', ("a",), 3, '{"a": 1, "a": 3}', id="the last duplicate counts"
        ),
        pytest.param(
            '{"e": { "a": 1 },\n"z": 0}', ("e",), {"b": 2}, '{"e": {"b": 2},\n"z": 0}', id="flat"
        ),
    ],
)
def test_assign_follows_its_neighbours(
    before: str, path: MemberPath, value: Value, after: str
) -> None:
    assert jsontext.assign(before, path, value) == after


def test_many_members_do_not_pile_up_on_one_line() -> None:
    text = '{\n  "env": {"EDITOR": "vi"}\n}\n'
    for number in range(4):
        text = jsontext.assign(text, ("env", f"NAME_{number}"), "v" * 30)
    value = '"' + "v" * 30 + '"'
    assert text == (
        f'{{\n  "env": {{"EDITOR": "vi", "NAME_0": {value},\n'
        f'    "NAME_1": {value},\n    "NAME_2": {value},\n    "NAME_3": {value}}}\n}}\n'
    )
    for number in range(4):
        text = jsontext.remove(text, ("env", f"NAME_{number}"))
    assert text == '{\n  "env": {"EDITOR": "vi"}\n}\n'


@pytest.mark.parametrize("text", ["{a: 1.10}", "{a: 1.1e0}", '{"a": +1.1}'])
def test_a_value_that_is_there_keeps_its_spelling(text: str) -> None:
    assert jsontext.assign(text, ("a",), 1.1) == text


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        pytest.param('{\n  "a": 1,\n  "b": 2\n}', ("b",), '{\n  "a": 1\n}', id="the last line"),
        pytest.param('{\n  "a": 1,\n  "b": 2\n}', ("a",), '{\n  "b": 2\n}', id="the first line"),
        pytest.param('{ "a": 1, "b": 2 }', ("b",), '{ "a": 1 }', id="the last of a line"),
        pytest.param('{ "a": 1, "b": 2 }', ("a",), '{ "b": 2 }', id="the first of a line"),
        pytest.param('{\n  "a": 1\n}', ("a",), "{}", id="the only one"),
        pytest.param("{a: 1,}", ("a",), "{}", id="the only one, trailing comma"),
        pytest.param("{\n  a: 1,\n  b: 2,\n}", ("b",), "{\n  a: 1,\n}", id="trailing comma stays"),
        pytest.param(
            '{\n  "a": 1, // one\n  "b": 2\n}', ("b",), '{\n  "a": 1 // one\n}', id="comment stays"
        ),
        pytest.param(
            "{\n  a: 1, // one\n  b: 2\n}", ("a",), "{\n  // one\n  b: 2\n}", id="own comment stays"
        ),
        pytest.param(
            "{a: 1 /* x */, b: 2}", ("a",), "{/* x */ b: 2}", id="comment before the comma"
        ),
        pytest.param('{"a": 1, "b": 2, "a": 3}', ("a",), '{"b": 2}', id="every duplicate"),
        pytest.param('{"a": {"b": 1}}', ("a", "b"), '{"a": {}}', id="nested"),
        pytest.param('{"a": 1}', ("a", "b"), '{"a": 1}', id="below a number"),
        pytest.param("// nothing", ("a",), "// nothing", id="no document"),
    ],
)
def test_remove_leaves_no_trace(before: str, path: MemberPath, after: str) -> None:
    assert jsontext.remove(before, path) == after


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', (3, 3), "expected ',' or '}'"),
        ('{"a": "open}', (1, 7), "never ends"),
        ("{'a': 'open\n'}", (1, 7), "never ends"),
        ("{} /* open", (1, 4), "comment never ends"),
        ("{a: 1}\r\n\r\n{}", (3, 1), "follows the end"),
        ('{"a": tru}', (1, 7), "expected a value"),
        ('{"a": 012}', (1, 7), "expected a value"),
        ('{"a": 1x}', (1, 7), "expected a value"),
        ('{"a": }', (1, 7), "expected a value"),
        ('{"a":', (1, 6), "ends where a value should stand"),
        ("{,}", (1, 2), "expected a key"),
        ("{1a: 1}", (1, 2), "expected a key"),
        ("{a 1}", (1, 4), "expected ':'"),
        ("{a: '\\u12'}", (1, 5), "bad escape"),
        ("{a: '\\1'}", (1, 5), "bad escape"),
        ("[1, 2]", (1, 1), "not an object"),
        ("\ufeff7", (1, 1), "not an object"),
        ("{a:\u2003\u0085 1}", (1, 5), "expected a value"),
    ],
)
def test_refuses_with_line_and_column(text: str, where: tuple[int, int], reason: str) -> None:
    with pytest.raises(Uneditable, match=reason) as caught:
        jsontext.read(text)
    assert (caught.value.line, caught.value.column) == where


@pytest.mark.parametrize(
    "build", [lambda n: "[" * n + "]" * n, lambda n: "{a:" * n + "1" + "}" * n]
)
def test_nesting_has_a_limit_of_its_own(build: Callable[[int], str]) -> None:
    assert jsontext.read("{a: " + build(NESTING_LIMIT - 1) + "}")
    with pytest.raises(Uneditable, match="nested deeper"):
        jsontext.read("{a: " + build(5000) + "}")


def test_a_parent_that_is_no_object_is_named_where_it_stands() -> None:
    with pytest.raises(Uneditable, match='"env" is not an object') as caught:
        jsontext.assign('{\n  "env": [1]\n}', ("env", "A"), "1")
    assert (caught.value.line, caught.value.column) == (2, 10)


def test_an_endless_number_is_read_and_never_printed_again() -> None:
    text = '{"long": ' + "9" * 5000 + "}"
    assert jsontext.assign(text, ("a",), 1) == text[:-1] + ', "a": 1}'


def test_only_the_objects_on_the_way_are_taken_apart() -> None:
    # All members of an 8 MB file, for each of our fifteen values: that took two minutes.
    root = scan(
        '{"models": {"m": {"limit": 1}}, "env": {"A": {"b": 1}}, "x": {/* */}}', ("env", "A")
    )
    assert root is not None
    assert root.value == {"models": {"m": {"limit": 1}}, "env": {"A": {"b": 1}}, "x": {}}
    found = {each.key: each.node.members is not None for each in root.members or ()}
    assert found == {"models": False, "env": True, "x": True}
