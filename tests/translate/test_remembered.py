"""What is made of a list of tools is the same, seen lately or not; and little of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gwproxy.translate.anthropic import tools as of_messages
from gwproxy.translate.chat import tools as of_chat
from gwproxy.translate.hub import Cache, Tool, UserLocation, WebSearch
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import content, names, tokens
from gwproxy.translate.registry import DIALECTS
from gwproxy.translate.remembered import remembered, tools_parser
from gwproxy.translate.responses import tools as of_responses
from gwproxy.translate.wire.fields import Rejected

SCHEMAS = ('{"type":"object","properties":{}}', '{"anyOf":[{"type":"object"}]}', "{}", "[")
SEARCHES = (None, WebSearch(), WebSearch(("a.example",), UserLocation("Bonn"), 2, unsaid=("x",)))
MARKS = (None, Cache(), Cache("1h"))
TOOLS = st.lists(
    st.one_of(
        st.builds(
            Tool,
            st.sampled_from(("read", "wri te", "$web_search", "x" * 70)),
            st.sampled_from(("function", "custom")),
            st.sampled_from((None, "", "Réads.")),
            st.sampled_from(SCHEMAS),
            st.sampled_from((None, True, False)),
            deferred=st.booleans(),
            namespace=st.sampled_from((None, "files")),
            cache=st.sampled_from(MARKS),
        ),
        st.builds(
            Tool,
            st.just("web_search"),
            st.just("hosted"),
            native=st.just('{"type":"web_search_20250305","name":"web_search"}'),
            native_dialect=st.sampled_from(DIALECTS),
            search=st.sampled_from(SEARCHES),
        ),
    ),
    max_size=4,
).map(tuple)
BODIES = st.one_of(
    st.sampled_from((b"[]", b"5", b"{}", b"[null]", b'["x"]', b"[{}]")),
    st.lists(
        st.sampled_from(
            (
                b'{"name":"read","input_schema":{"type":"object"},"odd":1}',
                b'{"type":"bash_20250124","name":"bash"}',
                b'{"type":"function","function":{"name":"read","odd":1}}',
                b'{"type":"function","name":"read","odd":1}',
                b'{"type":"custom","name":"free","custom":{"name":"free"}}',
                b'{"type":"web_search_20250305","name":"web_search","blocked_domains":["b"]}',
                b'{"name":""}',
            )
        ),
        max_size=3,
    ).map(lambda tools: b"[" + b",".join(tools) + b"]"),
)
OF_TOOLS: tuple[tuple[Any, tuple[Any, ...]], ...] = (
    (tokens._of_tools, ()),
    (content._of_tools, ()),
    (names._are_plain, (64, True, False)),
    (names._are_plain, (128, False, True)),
    (of_chat.render_tools, ()),
    (of_messages._written, (True,)),
    (of_messages._written, (False,)),
    (of_responses.rendered, ()),
)


def outcome(make: Callable[..., Any], *given_: Any) -> Any:
    try:
        return make(*given_)
    except Rejected as error:
        return str(error)


@given(TOOLS)
def test_a_list_that_was_seen_gives_what_a_new_one_gives(tools: tuple[Tool, ...]) -> None:
    for make, settings in OF_TOOLS:
        plain = make.__wrapped__(tools, *settings)
        assert make(tools, *settings) == plain
        assert make(tuple(tools), *settings) == plain


@pytest.mark.parametrize("dialect", [of_messages, of_chat, of_responses])
@given(BODIES)
def test_a_list_that_was_read_is_read_alike(dialect: Any, body: bytes) -> None:
    def read(parse_tools: Any) -> tuple[Any, list[str]]:
        losses = Losses()
        return outcome(parse_tools, Raw(body), losses), list(losses)

    never_read = read(tools_parser(dialect.parse))
    assert read(dialect.parse_tools) == read(dialect.parse_tools) == never_read


def test_the_lists_of_the_last_sessions_are_kept_and_long_ones_never() -> None:
    worked_on: list[bytes] = []

    @remembered
    def size(text: bytes) -> int:
        worked_on.append(text[:2])
        return len(text)

    assert [size(b"a1"), size(b"a1")] == [2, 2]
    assert worked_on == [b"a1"]
    long = b"b2" * 200_000
    assert [size(long), size(long)] == [400_000, 400_000]
    assert worked_on == [b"a1", b"b2", b"b2"]
    for number in range(16):
        size(b"%03d" % number)
    size(b"a1")
    assert worked_on.count(b"a1") == 2
