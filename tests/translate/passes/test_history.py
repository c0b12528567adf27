"""Histories as hosts take them: nothing empty, each call followed by its one result."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.hub import (
    Block,
    Call,
    Dialect,
    Reasoning,
    Refusal,
    Request,
    Result,
    Text,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import repair
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS, FACTS
from support import conversations as given_by

slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
MANNERS = Quirks(mid_system="native")

CALL = Call("a", "read", "{}")
OTHER = Call("b", "read", "{}")


def user(*blocks: Block) -> Turn:
    return Turn("user", blocks)


def assistant(*blocks: Block) -> Turn:
    return Turn("assistant", blocks)


def system(text: str) -> Turn:
    return Turn("system", (Text(text),))


def said(call_id: str, text: str) -> Result:
    return Result(call_id, (Text(text),))


def repaired(
    *turns: Turn, upstream: Dialect = Dialect.CHAT, quirks: Quirks = MANNERS
) -> tuple[tuple[Turn, ...], list[str]]:
    losses = Losses()
    request = repair(Request("m", turns), FACTS[upstream], quirks, losses)
    return request.turns, [loss for loss in losses if loss != "synth:max_tokens"]


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize(
    ("arguments", "sent", "is_whole"),
    [
        ("", "{}", True),
        ("null", "{}", True),
        ('{"a": 1.10}', '{"a": 1.10}', True),
        ('{"a":"1\n2"} ', '{"a":"1\\n2"}', True),
        ("[1]", '{"value":[1]}', True),
        ('{"a":1', "{}", False),
        ('{"a":1,"b":"c', '{"a":1}', False),
        ('{"a":1}{"b":2}', '{"a":1}', False),
    ],
)
def test_arguments_are_an_object_and_what_is_left_out_is_named(
    arguments: str, sent: str, is_whole: bool, upstream: Dialect
) -> None:
    history = user(Text("Hi")), assistant(Call("a", "read", arguments)), user(said("a", "1"))
    turns, losses = repaired(*history, upstream=upstream)
    assert turns == (history[0], assistant(Call("a", "read", sent)), history[2])
    assert losses == ([] if is_whole else ["drop:messages.arguments"])


def test_free_form_arguments_stay_as_they_are() -> None:
    call = Call("a", "patch", "*** B", custom=True)
    turns, losses = repaired(user(Text("Hi")), assistant(call), user(Result("a", custom=True)))
    assert turns[1] == assistant(call)
    assert not losses


# --- empty things --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "empty",
    [assistant(), assistant(Text("")), assistant(Text(" \n")), assistant(Reasoning("hm"))],
    ids=["nothing", "empty text", "blank text", "only a thought"],
)
def test_an_answer_that_was_never_given_is_left_out(empty: Turn) -> None:
    turns, losses = repaired(user(Text("Hi")), empty, user(Text("Again")))
    assert turns == (user(Text("Hi")), user(Text("Again")))
    assert losses == ["drop:messages.empty_assistant"]


def test_a_user_turn_of_blanks_says_so() -> None:
    turns, losses = repaired(user(Text(" ")))
    assert turns == (user(Text("(no content)")),)
    assert losses == ["synth:messages.empty_user"]


def test_blank_text_beside_other_content_is_left_out() -> None:
    turns, _ = repaired(user(Text("Hi")), assistant(Text(""), CALL), user(said("a", "\n")))
    assert turns == (user(Text("Hi")), assistant(CALL), user(Result("a")))


# --- results -------------------------------------------------------------------------------------


def test_results_stand_before_what_the_user_said_with_them() -> None:
    turns, losses = repaired(assistant(CALL), user(Text("and"), said("a", "1")))
    assert turns == (assistant(CALL), user(said("a", "1"), Text("and")))
    assert losses == ["reorder:messages.tool_result"]


def test_instructions_between_a_call_and_its_result_come_after_it() -> None:
    turns, losses = repaired(assistant(CALL), system("S"), user(said("a", "1")))
    assert turns == (assistant(CALL), user(said("a", "1")), system("S"))
    assert losses == ["reorder:messages.tool_result"]


def test_an_interrupted_call_gets_a_result_that_says_so() -> None:
    turns, losses = repaired(assistant(CALL), user(Text("stop")))
    assert turns[1] == user(Result("a", (Text("[no result recorded]"),), is_error=True))
    assert turns[2] == user(Text("stop"))
    assert losses == ["synth:messages.tool_result"]


def test_a_call_at_the_end_is_answered_as_well() -> None:
    turns, losses = repaired(user(Text("Hi")), assistant(CALL))
    assert turns[2:] == (user(Result("a", (Text("[no result recorded]"),), is_error=True)),)
    assert losses == ["synth:messages.tool_result"]


def test_one_of_two_results_is_missing() -> None:
    turns, _ = repaired(assistant(CALL, OTHER), user(said("b", "2")))
    made_up = Result("a", (Text("[no result recorded]"),), is_error=True)
    assert turns == (assistant(CALL, OTHER), user(made_up, said("b", "2")))


def test_results_come_in_the_order_of_their_calls() -> None:
    turns, losses = repaired(assistant(CALL, OTHER), user(said("b", "2"), said("a", "1")))
    assert turns[1] == user(said("a", "1"), said("b", "2"))
    assert losses == ["reorder:messages.tool_result"]


def test_a_result_of_nothing_becomes_text() -> None:
    turns, losses = repaired(user(said("z", "old"), Text("Hi")))
    assert turns == (user(Text("[result of unknown call z] old"), Text("Hi")),)
    assert losses == ["rename:messages.orphan_tool_result"]


def test_a_result_that_comes_after_the_next_answer_stays_there_as_text() -> None:
    turns, _ = repaired(
        assistant(CALL), user(Text("stop")), assistant(Text("ok")), user(said("a", "late"))
    )
    assert turns[-1] == user(Text("[result of unknown call a] late"))


def test_several_results_of_one_call_become_one() -> None:
    turns, losses = repaired(assistant(CALL), user(said("a", "1"), said("a", "2")))
    assert turns[1] == user(Result("a", (Text("1"), Text("2"))))
    assert losses == ["rename:messages.duplicate_tool_result"]


def test_a_result_sent_twice_counts_once() -> None:
    turns, _ = repaired(assistant(CALL), user(said("a", "1")), user(said("a", "1"), Text("x")))
    assert turns[1:] == (user(said("a", "1")), user(Text("x")))


def test_calls_in_two_turns_of_one_answer_are_answered_after_both() -> None:
    turns, _ = repaired(assistant(CALL), assistant(OTHER), user(said("a", "1"), said("b", "2")))
    assert turns == (assistant(CALL, OTHER), user(said("a", "1"), said("b", "2")))


def test_ids_that_begin_anew_in_each_answer_match_by_place() -> None:
    both = (assistant(CALL), user(said("a", "1")), assistant(CALL), user(said("a", "2")))
    turns, losses = repaired(*both)
    assert turns == both
    assert losses == []


def test_ids_are_told_apart_where_they_alone_pair_calls_and_results() -> None:
    both = (assistant(CALL), user(said("a", "1")), assistant(CALL), user(said("a", "2")))
    turns, losses = repaired(*both, upstream=Dialect.RESPONSES)
    assert turns[:2] == both[:2]
    assert turns[2:] == (assistant(Call("a_2", "read", "{}")), user(said("a_2", "2")))
    assert losses == ["rename:messages.tool_call_id"]


def test_calls_come_last_for_messages_hosts() -> None:
    """BerriAI/litellm#24361"""
    thought = Reasoning("hm")
    turns, losses = repaired(
        user(Text("Hi")),
        assistant(CALL, thought, Text("now"), OTHER),
        user(said("a", "1"), said("b", "2")),
        upstream=Dialect.ANTHROPIC,
    )
    assert turns[1] == assistant(thought, Text("now"), CALL, OTHER)
    assert losses == ["reorder:messages.text_after_tool_use"]


@pytest.mark.parametrize("upstream", list(DIALECTS))
def test_two_calls_of_one_id_in_one_turn_have_a_result_each(upstream: Dialect) -> None:
    both = assistant(CALL, CALL)
    turns, _ = repaired(user(Text("Hi")), both, user(said("a", "1"), said("a", "2")))
    assert turns[1:] == (
        assistant(CALL, Call("a_2", "read", "{}")),
        user(said("a", "1"), said("a_2", "2")),
    )


# --- first and last ------------------------------------------------------------------------------


def test_nothing_at_all_is_a_user_without_words() -> None:
    nothing = ((user(Text("(no content)")),), ["synth:messages"])
    for upstream in DIALECTS:
        assert repaired(upstream=upstream) == nothing
        assert repaired(assistant(Text(" ")), upstream=upstream)[0] == nothing[0]


@pytest.mark.parametrize("turns", [(), (assistant(Text("Hello")), user(Text("Hi")))])
def test_a_user_begins_with_messages_hosts_and_elsewhere_whoever_did(
    turns: tuple[Turn, ...],
) -> None:
    given = (system("S"), *turns)
    begun = (system("S"), user(Text("(no content)")), *turns)
    assert repaired(*given, upstream=Dialect.ANTHROPIC) == (begun, ["synth:messages"])
    for upstream in (Dialect.CHAT, Dialect.RESPONSES):
        assert repaired(*given, upstream=upstream) == (given, [])


def test_messages_hosts_continue_an_answer_only_for_a_client_that_means_it() -> None:
    turns = (user(Text("Hi")), assistant(Text("Well")))
    asked = Request("m", turns, max_tokens=9, client=FACTS[Dialect.CHAT])
    losses = Losses()
    sent = repair(asked, FACTS[Dialect.ANTHROPIC], MANNERS, losses).turns
    assert sent == (*turns, user(Text("Continue.")))
    assert list(losses) == ["synth:messages"]
    meant = structs.replace(asked, client=FACTS[Dialect.ANTHROPIC])
    assert repair(meant, FACTS[Dialect.ANTHROPIC], MANNERS, Losses()) is meant


# --- instructions --------------------------------------------------------------------------------


def test_later_instructions_become_reminders_where_hosts_take_none() -> None:
    quirks = Quirks(mid_system="wrap")
    turns, losses = repaired(system("A"), user(Text("Hi")), system("B"), quirks=quirks)
    assert turns[0] == system("A")
    assert turns[2] == user(Text("<system-reminder>\nB\n</system-reminder>"))
    assert losses == ["emu:messages.system"]


def test_turns_of_one_side_become_one_where_they_have_to_alternate() -> None:
    history = (
        *(system("Be brief."), user(Text("a")), system("note"), user(Text("b"))),
        *(assistant(Text("c")), assistant(Text("d"), CALL), user(said("a", "1"))),
    )
    quirks = Quirks(alternate_turns=True, mid_system="wrap")
    turns, _ = repaired(*history, quirks=quirks)
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user"]
    assert turns[1].blocks == (
        Text("a"),
        Text("<system-reminder>\nnote\n</system-reminder>", apart=True),
        Text("b", apart=True),
    )
    assert turns[2].blocks == (Text("c"), Text("d", apart=True), CALL)


def test_what_is_a_reminder_already_is_not_wrapped_twice() -> None:
    note = "<system-reminder>\nx\n</system-reminder>"
    turns, _ = repaired(user(Text("Hi")), system(note), quirks=Quirks(mid_system="wrap"))
    assert turns[1] == user(Text(note))


@pytest.mark.parametrize(
    ("roles", "kept"),
    [
        ("us", "us"),
        ("ussau", "ussau"),
        ("usu", "uuu"),
        ("uasu", "uauu"),
        ("uas", "uau"),
    ],
)
def test_instructions_stay_where_messages_hosts_take_them(roles: str, kept: str) -> None:
    said = {"u": user(Text("u")), "a": assistant(Text("a")), "s": system("s")}
    turns, _ = repaired(*map(said.__getitem__, roles), upstream=Dialect.ANTHROPIC)
    assert "".join(turn.role[0] for turn in turns) == kept


# --- any history ---------------------------------------------------------------------------------


@slow
@given(given_by.histories, st.sampled_from(list(DIALECTS)))
def test_whatever_the_client_kept_every_call_is_followed_by_its_result(
    turns: tuple[Turn, ...], upstream: Dialect
) -> None:
    clean, _ = repaired(*turns, user(Text("go on")), upstream=upstream)
    waiting: list[str] = []
    for turn in clean:
        assert turn.blocks
        assert not any(isinstance(b, Text) and not b.text.strip() for b in turn.blocks)
        ids = [block.call_id for block in turn.blocks if isinstance(block, Result)]
        if turn.role == "user":
            assert sorted(ids) == sorted(waiting)
            assert all(isinstance(block, Result) for block in turn.blocks[: len(ids)])
            waiting = []
            continue
        assert not waiting
        assert ids == []
        waiting = [block.id for block in turn.blocks if isinstance(block, Call)]
        assert len(waiting) == len(set(waiting))
    assert not waiting


def says(block: Block) -> bool:
    return isinstance(block, Call) or (
        isinstance(block, Text | Refusal) and bool(block.text.strip())
    )


@slow
@given(given_by.histories, st.sampled_from(list(DIALECTS)), st.sampled_from(("native", "wrap")))
def test_a_longer_history_begins_with_the_shorter_one_as_repaired(
    turns: tuple[Turn, ...], upstream: Dialect, mid_system: str
) -> None:
    quirks = Quirks(mid_system="wrap" if mid_system == "wrap" else "native")
    whole, _ = repaired(*turns, upstream=upstream, quirks=quirks)
    for end in range(1, len(turns)):
        # A request ends where the model says something next; two answers in a row are one.
        # Instructions that say nothing are not there, so the answer before them is the last turn.
        before = turns[end - 1]
        there = before.role == "user" or any(map(says, before.blocks))
        answered = turns[end].role == "assistant" != before.role and there
        spoken = any(map(says, turns[end].blocks))
        asked = any(turn.role == "user" for turn in turns[:end])
        if answered and spoken and asked:
            shorter, _ = repaired(*turns[:end], upstream=upstream, quirks=quirks)
            assert whole[: len(shorter)] == shorter


def test_nothing_is_done_to_a_history_that_needs_nothing() -> None:
    request = Request("m", (user(Text("Hi")), assistant(Text("x"), CALL), user(said("a", "1"))))
    assert repair(request, FACTS[Dialect.CHAT], MANNERS, Losses()) is request
