"""Edits by path: what they change, and above all what they leave alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.wire.jsonio import NotJson
from gwproxy.translate.wire.splice import (
    Edit,
    Path,
    edited,
    found,
    has,
    omit,
    path_of,
    put,
    text_of,
)

BODY = (
    b'{"model" : "m", "tools":[ {"name":"a","strict":true} ,{"strict" : false, "name":"b"}],\n'
    b' "system":[{"text":"\\"ttl\\": {","cache_control":{"type":"ephemeral","ttl":"1h"}}],'
    b'"n":1.10, "last":null }'
)


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("model", b'"model" : "m", '),
        ("last", b', "last":null'),
        ("tools[].strict", None),
        ("tools[0]", b'{"name":"a","strict":true} ,'),
        ("tools[1]", b' ,{"strict" : false, "name":"b"}'),
        ("system[].cache_control.ttl", b',"ttl":"1h"'),
        ("system[].cache_control", b',"cache_control":{"type":"ephemeral","ttl":"1h"}'),
        ("system[0].text.ttl", b""),
        ("nothing[].there", b""),
    ],
)
def test_what_is_taken_out_goes_with_its_comma(path: str, gone: bytes | None) -> None:
    after = edited(BODY, [omit(path)])
    if gone is None:
        gone_text = BODY.replace(b',"strict":true', b"").replace(b'"strict" : false, ', b"")
        assert after == gone_text
    else:
        assert BODY.count(gone) == 1 or not gone
        assert after == (BODY.replace(gone, b"") if gone else BODY)
    json.loads(after)


def test_what_led_nowhere_is_the_same_object() -> None:
    assert edited(BODY, [omit("tools[].cache_control.ttl"), put("stream", b"true")]) is BODY


def test_all_of_a_container_may_go() -> None:
    assert edited(b'{"a":[ 1 , 2 ]}', [omit("a[]")]) == b'{"a":[  ]}'


def test_a_member_that_comes_twice_is_edited_twice() -> None:
    assert edited(b'{"m":1,"m":2}', [put("m", b"3")]) == b'{"m":3,"m":3}'


def test_a_name_may_be_escaped() -> None:
    assert edited(b'{"\\u006dodel":"x"}', [put("model", b'"y"')]) == b'{"\\u006dodel":"y"}'


def test_what_is_found_says_where_it_stood() -> None:
    values = list(found(BODY, path_of("tools[].strict")))
    assert values == [(("tools", 0, "strict"), b"true"), (("tools", 1, "strict"), b"false")]
    assert has(BODY, path_of("n")) and not has(BODY, path_of("model.n"))


@pytest.mark.parametrize("path", ["", "a..b", "a[b]", ".a", "a]"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        path_of(path)


@pytest.mark.parametrize("body", [b'{"a":', b'{"a" 1}', b'{"a":[1 2]}', b'{"a":["x', b"{'a':1}"])
def test_a_level_without_an_end_is_not_json(body: bytes) -> None:
    with pytest.raises(NotJson):
        edited(body, [omit("a[0]")])


# --- laws --------------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "ttl", "ü", 'q"', "\\", "{"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["]", '"}']),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(names, values, max_size=4)
separators = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")])


def paths_of(value: Any, taken: Path = ()) -> list[Path]:
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    found_here: list[Path] = [taken] if taken else []
    return found_here + [path for step, each in inner for path in paths_of(each, (*taken, step))]


def without(value: Any, path: Path) -> None:
    for step in path[:-1]:
        value = value[step]
    del value[path[-1]]


@given(bodies, separators, st.booleans(), st.data())
def test_an_edit_changes_what_it_names_and_no_other_byte(
    value: dict[str, Any], parting: tuple[str, str], ascii_only: bool, data: st.DataObject
) -> None:
    text = json.dumps(value, separators=parting, ensure_ascii=ascii_only).encode()
    paths = paths_of(value)
    if not paths:
        return
    path = data.draw(st.sampled_from(paths))
    ((_, old),) = found(text, path)
    marked = edited(text, [Edit(path, lambda _: b'"\x00"')])
    assert marked.replace(b'"\x00"', old) == text
    cut = edited(text, [Edit(path, lambda _: None)])
    without(value, path)
    assert json.loads(cut) == value
    assert len(text) - len(cut) >= len(old)
    if not any(isinstance(step, str) and set(step) & set(".[]") for step in path):
        assert path_of(text_of(path)) == path
