"""Where a prompt parts from the one before it, as a provider's cache reads them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gwproxy.translate.dialect_facts import ATTRIBUTION, Dialect
from gwproxy.translate.prefix import Compared, common, compared
from gwproxy.translate.registry import FACTS
from gwproxy.translate.wire.jsonio import NotJson

FIXTURES = Path(__file__).parent.parent / "fixtures"
MARK = {"cache_control": {"type": "ephemeral"}}


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text, **more}]}


def model(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


def body(*turns: Any, **more: Any) -> dict[str, Any]:
    tools = [{"name": "Read", "input_schema": {"type": "object"}}, {"name": "Write"}]
    system = [{"type": "text", "text": "You write code.", **MARK}]
    return {"model": "m", "messages": list(turns), "system": system, "tools": tools, **more}


FIRST = body(user("one", **MARK), max_tokens=100)


def look(old: Any, new: Any, dialect: str = "anthropic", **more: Any) -> Compared:
    return compared(
        json.dumps(old).encode(), json.dumps(new).encode(), FACTS[Dialect(dialect)], **more
    )


@pytest.mark.parametrize(
    "later",
    [
        body(user("one"), model("two"), user("three", **MARK), max_tokens=200, stream=True),
        body({"role": "user", "content": "one"}, model("two"), {"role": "user", "content": "3"}),
        body({**user("one"), "content": [*user("one")["content"], *user("more")["content"]]}),
        FIRST,
    ],
    ids=["a turn more, the mark with it", "a text alone", "a turn that grew", "the same"],
)
def test_what_only_grows_does_not_part(later: Any) -> None:
    found = look(FIRST, later)
    assert found.parting is None
    assert found.continues


def longer(**more: Any) -> dict[str, Any]:
    return body(user("one"), model("two"), user("three"), **more)


@pytest.mark.parametrize(
    ("later", "path", "at"),
    [
        (longer(tools=[{"name": "Reed", "input_schema": {}}]), "tools[0].name", b"ed"),
        (longer(tools=[*FIRST["tools"], {"name": "New"}]), "tools[2]", b'{"name": "New'),
        (longer(tools=FIRST["tools"][:1]), "tools[1]", b"]"),
        (longer(system=[{"type": "text", "text": "You write prose."}]), "system[0].text", b"prose"),
        (longer(system="You write code!"), "system", b'"You write code!'),
        (longer(thinking={"type": "adaptive"}), "thinking", b'{"type": "adaptive'),
        (
            body(user("one, at 12:00"), model("two"), user("3")),
            "messages[0].content[0].text",
            b", ",
        ),
    ],
)
def test_where_it_parts(later: Any, path: str, at: bytes) -> None:
    parting = look(FIRST, later).parting
    assert parting is not None
    assert parting.path == path
    raw = json.dumps(later).encode()
    assert raw[parting.byte :].startswith(at), raw[parting.byte - 5 : parting.byte + 20]


def test_no_name_of_what_a_call_is_given_is_told() -> None:
    def called(value: str) -> dict[str, Any]:
        call = {"type": "tool_use", "id": "t", "name": "Write", "input": {"secret": value}}
        return {"role": "assistant", "content": [call]}

    old, new = (body(user("one"), called(v), user("two")) for v in ("a", "b"))
    parting = look(old, new).parting
    assert parting is not None
    assert parting.path == "messages[1].content[0].input"
    assert json.dumps(new).encode()[parting.byte :].startswith(b'b"')


def test_the_cache_reads_tools_first_however_they_are_written() -> None:
    later = body(user("won"), model("two"), tools=[{"name": "Other"}])
    parting = look(FIRST, later).parting
    assert parting is not None
    assert (parting.path, parting.in_turns) == ("tools[0].name", False)
    assert parting.kept < 0.01


def test_the_share_before_it_grows_with_its_place() -> None:
    before = body(*(user("x" * 100) for _ in range(10)))
    shares = []
    for number in range(10):
        turns = [user("x" * 100) for _ in range(10)]
        turns[number] = user("y")
        found = look(before, body(*turns, user("more")))
        assert found.parting is not None
        assert found.parting.in_turns
        shares.append(found.parting.kept)
    assert shares == sorted(set(shares))
    assert 0 < shares[0] < 0.3
    assert 0.8 < shares[-1] < 1


def notice(value: str) -> dict[str, Any]:
    return {"type": "text", "text": f"{ATTRIBUTION} cch={value};"}


def test_a_notice_is_told_apart_and_can_be_passed() -> None:
    old = {**FIRST, "system": [notice("1"), *FIRST["system"]]}
    new = longer(system=[notice("2"), *FIRST["system"]])
    found = look(old, new).parting
    assert found is not None
    assert (found.path, found.notice) == ("system[0].text", True)
    assert look(old, new, past_notice=True).parting is None
    assert look(FIRST, new, past_notice=True).parting is None, "it was not there before"
    gone = look(old, longer()).parting
    assert gone is not None
    assert gone.notice


def test_tools_that_are_loaded_later_are_no_part_of_it() -> None:
    later = {"name": "Later", "defer_loading": True, "input_schema": {}}
    assert look(FIRST, longer(tools=[later, *FIRST["tools"], later])).parting is None
    found = look(FIRST, longer(tools=[later, FIRST["tools"][0], {"name": "Other"}])).parting
    assert found is not None
    assert found.path == "tools[2].name"
    loaded = look(
        {**FIRST, "tools": [*FIRST["tools"], later]},
        longer(tools=[{**later, "defer_loading": False}, *FIRST["tools"]]),
    )
    assert loaded.parting is not None


@pytest.mark.parametrize(
    ("later", "continues"),
    [
        (body(user("something else")), False),
        (body(user("a summary of all"), model("good"), user("on we go"), model("b")), False),
        (body(user("one")), False),
        (body(user("one"), model("2"), user("three"), model("four")), True),
        (body(user("now 12:01: one"), model("two"), user("three"), model("four")), True),
    ],
    ids=["another one", "compacted", "rewound", "one word is another", "a time is in it"],
)
def test_which_conversation_it_is(later: Any, continues: bool) -> None:
    assert look(longer(), later).continues is continues


def test_instructions_alone_make_no_conversation() -> None:
    def chat(first: str) -> dict[str, Any]:
        return {"messages": [{"role": "system", "content": "Code."}, user(first)]}

    assert not look(chat("one"), chat("other"), "chat").continues
    assert look(chat("one"), {**chat("one"), "model": "m"}, "chat").continues


def test_what_came_to_it() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": "x"}
    loop = look(FIRST, body(user("one"), model("two"), {"role": "user", "content": [result] * 3}))
    assert (loop.added, loop.asks_anew) == (4, False)
    asked = look(FIRST, longer())
    assert (asked.added, asked.asks_anew) == (2, True)
    grown = {"role": "user", "content": [result, *user("and?")["content"]]}
    before = body(user("one"), model("two"), {"role": "user", "content": [result]})
    again = look(before, body(user("one"), model("two"), grown))
    assert (again.added, again.asks_anew, again.parting) == (1, True, None)


def test_items_of_responses_have_ids_that_no_model_reads() -> None:
    def items(name: str, *more: Any) -> dict[str, Any]:
        said = [{"type": "output_text", "text": "two", "annotations": []}]
        first = {"type": "message", "role": "user", "content": "one"}
        second = {"type": "message", "id": name, "role": "assistant", "content": said}
        return {"instructions": "Code.", "input": [first, second, *more], "tools": []}

    third = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "3"}]}
    assert look(items("a"), items("b", third), "responses").parting is None
    moved = look(items("a"), {**items("a", third), "instructions": "Prose."}, "responses").parting
    assert moved is not None
    assert moved.path == "instructions"
    keyed = look({**items("a"), "prompt_cache_key": "k"}, items("a", third), "responses").parting
    assert keyed is not None
    assert keyed.path == "prompt_cache_key"


@pytest.mark.parametrize("odd", [b"[", b"{", b'{"messages":[{}', b'{"messages":[{"role":}]}', b"x"])
def test_what_is_no_json_is_said_to_be_none(odd: bytes) -> None:
    facts = FACTS[Dialect.ANTHROPIC]
    whole = json.dumps(FIRST).encode()
    for pair in ((odd, whole), (whole, odd)):
        with contextlib.suppress(NotJson):
            assert not compared(*pair, facts).continues


odd_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("role", "content", "type", "text", "id", "cache_control")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
bodies = st.dictionaries(
    st.sampled_from(("messages", "system", "tools", "thinking", "input", "model")), odd_values
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(bodies, bodies, st.sampled_from(("anthropic", "chat", "responses")))
def test_any_two_bodies_can_be_compared(old: Any, new: Any, dialect: str) -> None:
    found = look(old, new, dialect)
    raw = json.dumps(new).encode()
    if found.parting is not None:
        assert 0 <= found.parting.byte <= len(raw)
        assert 0 <= found.parting.kept <= 1
    assert look(old, old, dialect).parting is None


@given(st.binary(max_size=300), st.binary(max_size=50), st.binary(max_size=50))
def test_the_first_difference_is_found(same: bytes, a: bytes, b: bytes) -> None:
    count = common(same + a, same + b)
    assert (same + a)[:count] == (same + b)[:count]
    rest = (same + a)[count:], (same + b)[count:]
    assert not all(rest) or rest[0][0] != rest[1][0]


REQUESTS = [
    ("anthropic", FIXTURES / "anthropic" / "claude-code-turn.json", "messages"),
    ("anthropic", FIXTURES / "anthropic" / "openclaw-turn.json", "messages"),
    ("chat", FIXTURES / "chat" / "requests" / "agent-tool-loop.json", "messages"),
    ("responses", FIXTURES / "responses" / "requests" / "codex-turn.json", "input"),
    ("responses", FIXTURES / "responses" / "requests" / "opencode-turn.json", "input"),
]


@pytest.mark.parametrize(("dialect", "path", "turns"), REQUESTS, ids=lambda one: str(one)[-24:])
def test_the_turns_of_real_tools_only_grow(dialect: str, path: Path, turns: str) -> None:
    """Each beginning of a conversation is one of every longer one."""
    whole = json.loads(path.read_bytes())
    for count in range(1, len(whole[turns])):
        found = look({**whole, turns: whole[turns][:count]}, whole, dialect)
        assert found.parting is None
        assert found.added >= len(whole[turns]) - count
