"""A relayed request: outside the edits every byte is the client's.

Laws over recorded requests of tools and over generated bodies, for all dialects. The oracle takes
the members out of the values, and prints both as the client would have.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwproxy.translate.hub import Dialect
from gwproxy.translate.omittable import OMITTABLE, Omittable
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from gwproxy.translate.wire import seal
from gwproxy.translate.wire.splice import Path as Steps
from gwproxy.translate.wire.splice import path_of
from support.bridges import bridge_of
from support.generated import JSON_VALUES, TEXTS
from support.golden import FIXTURES

pytestmark = pytest.mark.fuzz

UP = "the-model-up-there"
EVERY_DIALECT = pytest.mark.parametrize("dialect", DIALECTS)
CAPTURES = [
    (Dialect.ANTHROPIC, "anthropic"),
    (Dialect.CHAT, "chat/requests"),
    (Dialect.RESPONSES, "responses/requests"),
]
# Thoughts that gwproxy sealed are opened: here they are the maker's own.
SEALS = (seal.MARK.encode(), b"another-maker-")
RECORDED = [
    (dialect, path)
    for dialect, folder in CAPTURES
    for path in sorted((FIXTURES / folder).glob("*.json"))
    if path.name.count(".") == 1
]
# What goes alone, whatever else stands in the request; the others have tests of their own.
PLAIN_ROWS = {
    dialect: [
        row
        for row in rows
        if not (row.kept_with or row.kept_as or row.kept_for or row.together)
        and "=" not in row.pattern
    ]
    for dialect, rows in OMITTABLE.items()
}


def relayed(dialect: Dialect, body: bytes, *patterns: str, **told: Any) -> bytes:
    """What the upstream gets of `body`."""
    asked = {"stream": False, **told}
    quirks = Quirks(omit=patterns)
    return bridge_of(dialect, dialect, quirks, asked="m", model=UP, **asked).request(body)


def less(value: Any, steps: Steps) -> Any:
    """`value` without what `steps` lead to, and without the objects in which nothing else was."""
    gone = without(value, steps, lambda _: True)
    if gone == value or len(steps) < 2 or steps[-2] is None:
        return gone
    return without(gone, steps[:-1], lambda shell: shell == {})


def without(value: Any, steps: Steps, goes: Callable[[Any], bool]) -> Any:
    if not steps:
        return value
    step, *rest = steps
    if step is None:
        return [without(x, tuple(rest), goes) for x in value] if isinstance(value, list) else value
    if not isinstance(value, dict) or step not in value:
        return value
    if rest:
        return {**value, step: without(value[step], tuple(rest), goes)}
    return {name: one for name, one in value.items() if name != step or not goes(one)}


def grown(value: Any, steps: Steps, member: Any) -> Any:
    """`value` with `member` where `steps` lead; the lists and objects on the way with it."""
    if not steps:
        return member
    step, *rest = steps
    if step is None:
        listed = value if isinstance(value, list) and value else [{}]
        return [grown(listed[0], tuple(rest), member), *listed[1:]]
    found = value if isinstance(value, dict) else {}
    return {**found, str(step): grown(found.get(str(step)), tuple(rest), member)}


def spellings() -> Iterator[dict[str, Any]]:
    """How clients print JSON."""
    yield {"separators": (",", ":"), "ensure_ascii": False}
    yield {"separators": (", ", ": ")}
    yield {"separators": (" ,\r\n\t", " : ")}


SPELLINGS = list(spellings())


def spelled(value: Any, spelling: dict[str, Any]) -> bytes:
    """With numbers that no reader prints again as they were."""
    text = json.dumps(value, **spelling)
    return text.replace('"1.10"', "1.10").replace('"-0"', "-0.0e+1").encode()


@pytest.mark.parametrize(
    ("dialect", "path"), RECORDED, ids=lambda value: getattr(value, "stem", value)
)
def test_of_a_recorded_request_the_model_alone_changes(dialect: Dialect, path: Path) -> None:
    body = path.read_bytes().replace(*SEALS)
    asked = json.loads(body)
    stream = asked.get("stream") is True
    model = json.dumps(asked["model"]).encode()
    assert body.count(b'"model": ' + model) == 1
    expected = body.replace(b'"model": ' + model, b'"model": ' + json.dumps(UP).encode())
    assert relayed(dialect, body, stream=stream) == expected


@pytest.mark.parametrize("spelling", SPELLINGS, ids=["compact", "spaced", "odd"])
@pytest.mark.parametrize(
    ("dialect", "path"), RECORDED, ids=lambda value: getattr(value, "stem", value)
)
def test_of_a_recorded_request_what_is_refused_goes_alone(
    dialect: Dialect, path: Path, spelling: dict[str, Any]
) -> None:
    asked = json.loads(path.read_bytes().replace(*SEALS))
    told = {"stream": asked.get("stream") is True}
    for row in PLAIN_ROWS[dialect]:
        steps = path_of(row.pattern)
        for body in (asked, grown(asked, steps, {"a": ["1.10"]})):
            expected = spelled(less(body, steps) | {"model": UP}, spelling)
            assert relayed(dialect, spelled(body, spelling), row.pattern, **told) == expected


@st.composite
def bodies(draw: st.DrawFn, rows: list[Omittable]) -> tuple[dict[str, Any], list[Omittable]]:
    """Any object with a model, and the rows that are to go; each leads somewhere in most bodies."""
    body = draw(st.dictionaries(TEXTS, JSON_VALUES | st.sampled_from(["1.10", "-0"]), max_size=4))
    gone = draw(st.lists(st.sampled_from(rows), max_size=4, unique_by=lambda row: row.pattern))
    for row in (*gone, *draw(st.lists(st.sampled_from(rows), max_size=2))):
        if draw(st.booleans()):
            body = grown(body, path_of(row.pattern), draw(JSON_VALUES))
    names = draw(st.permutations([*(name for name in body if name != "model"), "model"]))
    return {name: body.get(name, "m") if name != "model" else "m" for name in names}, gone


@EVERY_DIALECT
@settings(deadline=None)
@given(data=st.data(), spelling=st.sampled_from(SPELLINGS))
def test_of_any_body_what_is_refused_goes_alone(
    dialect: Dialect, data: st.DataObject, spelling: dict[str, Any]
) -> None:
    body, gone = data.draw(bodies(PLAIN_ROWS[dialect]))
    left = body
    for row in gone:
        left = less(left, path_of(row.pattern))
    expected = spelled(left | {"model": UP}, spelling)
    assert relayed(dialect, spelled(body, spelling), *(row.pattern for row in gone)) == expected


@EVERY_DIALECT
@settings(deadline=None)
@given(
    body=st.dictionaries(TEXTS, JSON_VALUES, max_size=4),
    options=st.none() | JSON_VALUES,
    place=st.integers(0, 5),
    spelling=st.sampled_from(SPELLINGS),
)
def test_of_any_body_the_wish_for_a_stream_goes_alone(
    dialect: Dialect, body: dict[str, Any], options: Any, place: int, spelling: dict[str, Any]
) -> None:
    members = list((body | {"model": "m"}).items())
    wishes = {"stream": True} | ({} if options is None else {"stream_options": options})
    asked = dict([*members[:place], *wishes.items(), *members[place:]])
    expected = {
        name: value for name, value in asked.items() if name not in ("stream", "stream_options")
    }
    sent = relayed(dialect, spelled(asked, spelling), stream=True, streams=False)
    assert sent == spelled(expected | {"model": UP}, spelling)
