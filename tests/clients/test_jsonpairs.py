"""Variables in a list of pairs change one by one, and nothing around them does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from gwproxy.clients.document import Uneditable, lookup, same, with_value, without
from gwproxy.clients.jsonpairs import PAIRS, PAIRS_JSON, PAIRS_WITH_COMMENTS

TEXT = """{
    // mine
    "editor.tabSize": 2,
    "claudeCode.environmentVariables": [
        // the first
        { "name": "EDITOR", "value": "vi" }, /* stays */
        {
            "value": "old",
            "name": "MODEL"
        },
    ],
    "workbench.colorTheme": "Quiet"
}
"""


def test_the_list_reads_as_an_object() -> None:
    tree = PAIRS_JSON.read(TEXT)
    assert tree[PAIRS] == {"EDITOR": "vi", "MODEL": "old"}
    assert PAIRS_WITH_COMMENTS.read(TEXT) == tree


def test_one_value_changes_and_no_other_byte() -> None:
    assert PAIRS_JSON.assign(TEXT, (PAIRS, "MODEL"), "new") == TEXT.replace('"old"', '"new"')
    assert PAIRS_JSON.assign(TEXT, (PAIRS, "MODEL"), "old") == TEXT
    assert PAIRS_JSON.assign(TEXT, ("editor.tabSize",), 4) == TEXT.replace(": 2", ": 4")


def test_a_new_pair_comes_last_and_goes_without_a_trace() -> None:
    more = PAIRS_JSON.assign(TEXT, (PAIRS, "URL"), "u")
    new = '        {\n            "name": "URL",\n            "value": "u"\n        },\n'
    assert more == TEXT.replace("        },\n    ],", f"        }},\n{new}    ],")
    assert PAIRS_JSON.remove(more, (PAIRS, "URL")) == TEXT
    assert PAIRS_JSON.remove(TEXT, (PAIRS, "URL")) == TEXT


def test_a_pair_without_a_value_gets_one() -> None:
    text = f'{{"{PAIRS}": [{{"name": "A"}}]}}'
    assert PAIRS_JSON.read(text)[PAIRS] == {"A": ""}
    assert PAIRS_JSON.assign(text, (PAIRS, "A"), "1") == (
        f'{{"{PAIRS}": [{{"name": "A", "value": "1"}}]}}'
    )


def test_of_two_pairs_with_one_name_the_last_counts() -> None:
    text = f'{{"{PAIRS}": [{{"name": "A", "value": "1"}}, {{"name": "A", "value": "2"}}]}}'
    assert PAIRS_JSON.read(text)[PAIRS] == {"A": "2"}
    assert PAIRS_JSON.assign(text, (PAIRS, "A"), "3") == text.replace('"2"', '"3"')
    assert PAIRS_JSON.remove(text, (PAIRS, "A")) == f'{{"{PAIRS}": []}}'


@pytest.mark.parametrize("before", ["", "{}\n", "// nothing yet\n", f'{{"{PAIRS}": []}}'])
def test_a_first_pair_is_written_where_there_is_none(before: str) -> None:
    text = PAIRS_JSON.assign(before, (PAIRS, "A"), "1")
    assert lookup(PAIRS_JSON.read(text), (PAIRS, "A")) == "1"


@pytest.mark.parametrize("value", ['"text"', "{}", "[1]", '[{"value": "1"}]', '[{"name": 1}]'])
def test_what_is_no_list_of_pairs_is_left_alone(value: str) -> None:
    text = f'{{"{PAIRS}": {value}}}'
    PAIRS_JSON.read(text)
    with pytest.raises(Uneditable):
        PAIRS_JSON.assign(text, (PAIRS, "A"), "1")


_names = st.sampled_from(["A", "B", "MODEL", "é", "a b", ""])


_pairs = st.tuples(_names, st.text(max_size=4))


@st.composite
def _documents(draw: DrawFn) -> tuple[str, list[str]]:
    """Settings with a list of pairs in any layout, and the comments in it."""
    comments: list[str] = []

    def gap() -> str:
        kind = draw(st.integers(0, 5))
        if kind < 3:
            return ["", " ", "\n\t"][kind]
        comments.append(f"/* c{len(comments)} ]}} */")
        return comments[-1]

    pairs = draw(st.lists(_pairs, max_size=4))
    flip = draw(st.booleans())
    parts = []
    for name, value in pairs:
        members = [f'"name"{gap()}:{gap()}{json.dumps(name)}', f'"value":{json.dumps(value)}']
        if flip:
            members.reverse()
        parts.append(f"{gap()}{{{gap()}{members[0]}{gap()},{members[1]}{gap()}}}{gap()}")
    end = "," if draw(st.booleans()) and parts else ""
    listed = f'"{PAIRS}":[{",".join(parts)}{end}{gap()}]'
    return f'{{"a":1,{gap()}{listed}{gap()},\n"z": [1, 2]}}', comments


@given(_documents(), _names, st.text(max_size=4))
def test_any_layout_keeps_its_comments_and_its_other_values(
    document: tuple[str, list[str]], name: str, value: str
) -> None:
    text, comments = document
    tree = PAIRS_JSON.read(text)
    assigned = PAIRS_JSON.assign(text, (PAIRS, name), value)
    assert same(PAIRS_JSON.read(assigned), with_value(tree, (PAIRS, name), value))
    assert [each for each in comments if each not in assigned] == []
    if lookup(tree, (PAIRS, name)) == value:
        assert assigned == text
    removed = PAIRS_JSON.remove(assigned, (PAIRS, name))
    assert same(PAIRS_JSON.read(removed), without(tree, (PAIRS, name)))
