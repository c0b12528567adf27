"""Thoughts before calls: heard in an answer, put back into a request that lost them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.translate.events import Close, Delta, End, Event, Fail, Finish, Open, Start
from gwproxy.translate.hub import (
    Call,
    Failure,
    FailureKind,
    Identity,
    Reasoning,
    Request,
    Seal,
    Stop,
    StopReason,
    Text,
    Turn,
)
from gwproxy.translate.passes.recall import RecallPlace, Thoughts, key_of, recalled, session_of
from gwproxy.translate.stages.listener import Listener

SEAL = Seal("kimi", "signature", "abc")
OPENING = session_of(Request("m", (Turn("user", (Text("go"),)),)))
"""The session of a client that gives it no name."""


def answer(
    *calls: tuple[str, str], thought: str = "so be it", seal: Seal | None = None
) -> list[Event]:
    events: list[Event] = [Start(), Open(0, "reasoning"), Delta(0, thought[:3])]
    events += [Delta(0, thought[3:]), Close(0, seal), Open(1, "text"), Delta(1, "…"), Close(1)]
    for index, (call_id, arguments) in enumerate(calls, start=2):
        events += [Open(index, "call", call_id, "ls"), Delta(index, arguments), Close(index)]
    return [*events, Finish(Stop(StopReason.TOOL_USE)), End()]


def request(*blocks: Call | Reasoning | Text, session: str | None = None) -> Request:
    turns = (Turn("user", (Text("go"),)), Turn("assistant", blocks))
    return Request("m", turns, identity=Identity(session=session))


def heard(
    *calls: tuple[str, str], session: str = OPENING, seal: Seal | None = None
) -> dict[str, Thoughts]:
    memory: dict[str, Thoughts] = {}
    Listener(RecallPlace(session), memory).feed(answer(*calls, seal=seal))
    return memory


def test_thoughts_come_back_before_everything_else_with_their_seal() -> None:
    memory = heard(("a1", '{"p":1}'), ("a2", "{}"), seal=SEAL)
    again = recalled(
        request(Text("…"), Call("a1", "ls", '{"p":1}'), Call("a2", "ls", "{}")), memory
    )
    assert again.turns[1].blocks[0] == Reasoning("so be it", SEAL)
    assert len(again.turns[1].blocks) == 4


@pytest.mark.parametrize("carried", ["callab-1_2:0", "callab120", "call_ab_12_0"])
def test_an_id_is_known_by_its_letters_and_digits(carried: str) -> None:
    # OpenClaw keeps nothing else of it.
    memory = heard(("call_ab.12:0", "{}"))
    again = recalled(request(Call(carried, "ls", "{}")), memory)
    assert isinstance(again.turns[1].blocks[0], Reasoning)


def test_arguments_may_be_printed_anew() -> None:
    memory = heard(("c", '{"b": 2, "a": [1, {"y": 0, "x": "ü"}]}'))
    printed = '{"a":[1,{"x":"\\u00fc","y":0}],"b":2}'
    assert isinstance(
        recalled(request(Call("c", "ls", printed)), memory).turns[1].blocks[0], Reasoning
    )


@pytest.mark.parametrize(
    ("call", "session"),
    [
        (Call("ls:1", "ls", '{"p":1}'), "s"),
        (Call("ls:0", "ls", '{"p":2}'), "s"),
        (Call("ls:0", "ls", '{"p":1}'), "another"),
    ],
)
def test_thoughts_are_never_given_to_another_call(call: Call, session: str) -> None:
    # Kimi counts from ls:0 in every conversation.
    memory = heard(("ls:0", '{"p":1}'), session="s")
    lost = request(call, session=session)
    assert recalled(lost, memory) is lost


def test_conversations_without_a_name_are_told_apart_by_how_they_begin() -> None:
    memory = heard(("ls:0", "{}"))
    same = request(Call("ls:0", "ls", "{}"))
    assert isinstance(recalled(same, memory).turns[1].blocks[0], Reasoning)
    other = Request("m", (Turn("user", (Text("stop"),)), same.turns[1]))
    assert recalled(other, memory) is other


def test_what_the_client_kept_is_left_alone() -> None:
    memory = heard(("c", "{}"))
    kept = request(Reasoning("my own"), Call("c", "ls", "{}"))
    assert recalled(kept, memory) is kept
    sealed = request(Reasoning("", SEAL), Call("c", "ls", "{}"))
    assert recalled(sealed, memory) is sealed


def test_an_emptied_block_is_replaced() -> None:
    again = recalled(request(Reasoning(""), Call("c", "ls", "{}")), heard(("c", "{}")))
    assert [type(block) for block in again.turns[1].blocks] == [Reasoning, Call]
    assert again.turns[1].blocks[0] == Reasoning("so be it")


@pytest.mark.parametrize("copy", ["so be it", " so\nbe  it "])
def test_bare_words_of_a_client_get_their_seal_back(copy: str) -> None:
    # OpenCode, OpenClaw and the AI SDK send `reasoning_content` and nothing that we put beside it.
    memory = heard(("c", "{}"), seal=SEAL)
    again = recalled(request(Reasoning(copy), Call("c", "ls", "{}")), memory)
    assert again.turns[1].blocks[0] == Reasoning("so be it", SEAL)


def answered(
    said: str, thought: str, signature: str, memory: dict[str, Thoughts], behind: int = 0
) -> None:
    """The model says it behind so many answers."""
    sealed = Close(0, Seal("kimi", "signature", signature))
    thinking: list[Event] = [Start(), Open(0, "reasoning"), Delta(0, thought), sealed]
    saying: list[Event] = [Open(1, "text"), Delta(1, said), Close(1)]
    place = RecallPlace(OPENING, behind)
    Listener(place, memory).feed([*thinking, *saying, Finish(Stop(StopReason.END)), End()])


def signatures(memory: dict[str, Thoughts], *answers: tuple[Reasoning | Text, ...]) -> list[str]:
    """What of each answer's thoughts goes back signed."""
    turns = [Turn("assistant", blocks) for blocks in answers]
    again = recalled(Request("m", (Turn("user", (Text("go"),)), *turns)), memory)
    firsts = [turn.blocks[0] for turn in again.turns[1:]]
    return [one.seal.data if isinstance(one, Reasoning) and one.seal else "" for one in firsts]


def test_words_without_a_call_are_known_by_what_was_said_after_them() -> None:
    memory: dict[str, Thoughts] = {}
    answered("Done.\n\nAll of it", "hm", "s1", memory)
    said = Text("Done. All of it ")
    assert signatures(memory, (Reasoning("hm"), said)) == ["s1"]
    assert signatures(memory, (Reasoning("no"), said)) == [""]
    assert signatures(memory, (Reasoning("hm"), Text("Done."))) == [""]
    assert signatures(memory, (said,)) == [""]  # nobody asks for these thoughts


def test_the_same_answer_twice_is_told_apart_by_its_place() -> None:
    """Whatever is said later: a longer history keeps the bytes of the shorter one."""
    memory: dict[str, Thoughts] = {}
    same = (Reasoning("hm"), Text("OK."))
    for behind in range(3):
        answered("OK.", "hm", f"s{behind}", memory, behind)
        told = [f"s{number}" for number in range(behind + 1)]
        assert signatures(memory, *[same] * (behind + 1)) == told


def test_in_a_history_that_was_cut_the_words_tell_which_is_which_or_nothing_does() -> None:
    memory: dict[str, Thoughts] = {}
    for behind, thought in ((5, "first"), (6, "second"), (7, "first")):
        answered("OK.", thought, f"s{behind}", memory, behind)
    first, second = ((Reasoning(thought), Text("OK.")) for thought in ("first", "second"))
    assert signatures(memory, second, first) == ["s6", ""]
    assert signatures(memory, first, second, first) == ["", "s6", ""]


def test_a_call_that_comes_twice_gets_nobody_elses_thoughts() -> None:
    memory = heard(("ls:0", "{}"), seal=SEAL)
    answering = Turn("assistant", (Call("ls:0", "ls", "{}"),))
    lost = Request("m", (Turn("user", (Text("go"),)), answering, answering))
    assert recalled(lost, memory) is lost


def test_a_broken_answer_and_one_without_calls_teach_nothing() -> None:
    memory: dict[str, Thoughts] = {}
    broken = [*answer(("c", "{}"))[:-2], Fail(Failure(FailureKind.UPSTREAM, "cut", 502))]
    Listener(RecallPlace(""), memory).feed(broken)
    Listener(RecallPlace(""), memory).feed(answer())
    assert memory == {}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_the_key_depends_on_what_the_arguments_say(value: object) -> None:
    loose, tight = (
        json.dumps(value, indent=1),
        json.dumps(value, ensure_ascii=False, sort_keys=True),
    )
    assert key_of("s", "c", loose) == key_of("s", "c", tight)


@given(st.text(), st.text(), st.text())
def test_any_text_makes_a_key(session: str, call_id: str, arguments: str) -> None:
    assert key_of(session, call_id, arguments) == key_of(session, call_id, arguments)
