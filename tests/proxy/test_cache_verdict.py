"""When a prompt cache broke, and who broke it: every cause and every known reason."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.proxy.records.prompt_cache.turn import CacheAlarm, CachedTurn, Put
from gwproxy.proxy.records.prompt_cache.verdict import LIFE_S, LONG_LIFE_S, verdict
from gwproxy.translate.dialect_facts import ATTRIBUTION
from gwproxy.translate.quirks import Quirks

MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text, **more}]}


def model(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


def result(text: str) -> dict[str, Any]:
    one = {"type": "tool_result", "tool_use_id": "t", "content": text}
    return {"role": "user", "content": [one]}


def body(*turns: Any, **more: Any) -> bytes:
    tools = [{"name": "Read", "description": "Reads.", "input_schema": {}}]
    system = [{"type": "text", "text": "You write code. "}]
    whole = {"messages": list(turns), "system": system, "tools": tools, **more}
    return json.dumps(whole).encode()


TWO = (user("one " * 100), model("two " * 100))
OLD = body(*TWO, result("three"))
NEW = body(*TWO, result("three"), model("four"), result("five"))
# The tool's own doing: another word in the first turn.
OTHER = body(user("won " * 100), TWO[1], result("three"), model("four"), result("five"))


def turn(number: int, put: bytes, sent: bytes | None = None, **more: Any) -> CachedTurn:
    quirks = more.pop("quirks", Quirks())
    own = more.pop("own_quirks", Quirks())
    values: dict[str, Any] = {
        "request_id": f"req_{number}",
        "upstream_request_id": "up_1",
        "client": "claude-cli/2.1",
        "client_dialect": "anthropic",
        "chosen": "kimi",
        "profile": "kimi",
        "host": "api.kimi.com",
        "dialect": "anthropic",
        "model": "kimi-k2.5",
        "put": Put(put, sent or put, quirks, own),
        "sent_s": number * 60.0,
        "heard_s": number * 60.0 + 2,
        "total": 20_000 + number * 1000,
        "read": 19_000,
        "written": 0,
        "expected": 19_000,
    }
    return CachedTurn(**(values | more))


def fell(put: bytes, sent: bytes | None = None, **more: Any) -> CachedTurn:
    """The second turn, of which nothing was read from the cache."""
    return turn(1, put, sent, **({"read": 0, "expected": 0} | more))


FIRST = turn(0, OLD)


def alarm_of(before: CachedTurn, now: CachedTurn) -> CacheAlarm | None:
    return verdict([before], now).alarm


def the_alarm(before: CachedTurn, now: CachedTurn) -> CacheAlarm:
    alarm = alarm_of(before, now)
    assert alarm is not None
    assert alarm.words.endswith(")")
    return alarm


# --- who broke it --------------------------------------------------------------------------------


def test_the_tool() -> None:
    alarm = the_alarm(FIRST, fell(OTHER))
    assert alarm.changed_by == "the tool"
    assert alarm.parts_at == "messages[0].content[0].text"
    assert alarm.parts_at_byte == OTHER.index(b"won")
    assert (alarm.was, alarm.now, alarm.lost_tokens) == (0.95, 0.0, 19_000)
    assert alarm.before == "req_0"
    assert alarm.words == (
        "0% of 21,000 input tokens came from the prompt cache, which held 95% of the turn before: "
        f"the tool changed messages[0].content[0].text, from byte {alarm.parts_at_byte:,} on; "
        "19,000 tokens are paid anew (see gwproxy log req_1)"
    )


def test_the_tool_whatever_we_made_of_it() -> None:
    """In another dialect its tools stand elsewhere, and its system prompt is a turn."""

    def chat(asked: bytes) -> bytes:
        value = json.loads(asked)
        system = {"role": "system", "content": value["system"][0]["text"]}
        functions = [{"type": "function", "function": one} for one in value["tools"]]
        return json.dumps({"tools": functions, "messages": [system, *value["messages"]]}).encode()

    def to_chat(number: int, asked: bytes, **more: Any) -> CachedTurn:
        return turn(number, asked, chat(asked), dialect="chat", **more)

    prose = [{"type": "text", "text": "You write prose. "}]
    for later, place in (
        (OTHER, "messages[1].content[0].text"),
        (body(*TWO, result("three"), system=prose), "messages[0].content"),
        (body(*TWO, result("three"), tools=[{"name": "Write"}]), "tools[0].function.name"),
    ):
        alarm = the_alarm(to_chat(0, OLD), to_chat(1, later, read=0, expected=0))
        assert (alarm.changed_by, alarm.parts_at) == ("the tool", place)


def with_notice(number: int, asked: bytes) -> bytes:
    value = json.loads(asked)
    block = {"type": "text", "text": f"{ATTRIBUTION} cch={number};"}
    return json.dumps({**value, "system": [block, *value["system"]]}).encode()


def test_the_attribution_block() -> None:
    before = turn(0, with_notice(1, OLD))
    alarm = the_alarm(before, fell(with_notice(2, NEW)))
    assert (alarm.changed_by, alarm.parts_at) == ("the attribution block", "system[0].text")
    assert "CLAUDE_CODE_ATTRIBUTION_HEADER=0" in alarm.words


def test_the_attribution_block_is_not_to_blame_where_it_is_taken_out_or_was_read_past() -> None:
    before = turn(0, with_notice(1, OLD), host="api.anthropic.com")
    now = fell(with_notice(2, OTHER), host="api.anthropic.com")
    assert the_alarm(before, now).parts_at == "messages[0].content[0].text"
    half_read = fell(with_notice(2, OTHER), read=12_000, expected=12_000)
    assert the_alarm(turn(0, with_notice(1, OLD)), half_read).changed_by == "the tool"


def test_a_lesson() -> None:
    taught = Quirks(omit=("thinking",))
    changed = json.dumps({**json.loads(NEW), "system": "Other."}).encode()
    alarm = the_alarm(FIRST, fell(NEW, changed, quirks=taught))
    assert alarm.changed_by == "a lesson"
    assert "gwproxy profile forget kimi 'thinking' takes it back" in alarm.words
    effort = fell(NEW, changed, quirks=Quirks(sampling="drop", efforts=("low",)))
    assert "learned from a refusal (efforts, sampling)" in the_alarm(FIRST, effort).words


def test_a_failover_and_the_way_back() -> None:
    there = fell(NEW, profile="other", host="other.example", model="m")
    alarm = the_alarm(FIRST, there)
    assert (alarm.changed_by, alarm.parts_at_byte) == ("a failover", None)
    assert "other took the place of kimi" in alarm.words
    back = the_alarm(turn(0, OLD, profile="other"), fell(NEW))
    assert (back.changed_by, "kimi answers again" in back.words) == ("a failover", True)


def test_our_own_translation() -> None:
    changed = json.dumps({**json.loads(NEW), "system": "Other."}).encode()
    alarm = the_alarm(FIRST, fell(NEW, changed))
    assert (alarm.changed_by, alarm.parts_at) == ("gwproxy", "system")
    assert "a fault of gwproxy" in alarm.words


def test_our_own_translation_although_the_tool_changed_its_last_turn() -> None:
    later = body(*TWO, result("3"), model("four"), result("five"))
    changed = json.dumps({**json.loads(later), "tools": []}).encode()
    assert the_alarm(FIRST, fell(later, changed)).changed_by == "gwproxy"


def test_the_provider() -> None:
    alarm = the_alarm(FIRST, fell(NEW))
    assert (alarm.changed_by, alarm.parts_at, alarm.parts_at_byte) == ("the provider", None, None)
    assert "ask the provider about up_1" in alarm.words
    half = fell(NEW, read=10_000, expected=10_000)
    assert alarm_of(FIRST, half) is None, "it keeps what it has room for"


def test_what_differs_at_the_end_does_not_explain_that_nothing_was_read() -> None:
    fork = turn(0, body(*TWO, user("and a title for it?")))
    assert the_alarm(fork, fell(NEW)).changed_by == "the provider"


def test_no_marks_any_more_and_marks_too_far_apart() -> None:
    before = turn(0, body(*TWO, user("three", **MARK)), written=500)
    without = fell(body(*TWO, user("three"), model("four"), result("five")))
    alarm = the_alarm(before, without)
    assert (alarm.changed_by, "no marks" in alarm.words) == ("the tool", True)
    asked = body(*TWO, user("three"), model("four"), user("five", **MARK))
    sent = body(*TWO, user("three"), model("four"), user("five"))
    alarm = the_alarm(before, fell(asked, sent))
    assert (alarm.changed_by, "marks of the cache" in alarm.words) == ("gwproxy", True)
    results = {"role": "user", "content": result("x")["content"] * 21}
    far = body(*TWO, user("three"), model("four"), results, user("", **MARK))
    alarm = the_alarm(before, fell(far))
    assert (alarm.changed_by, "23 blocks" in alarm.words) == ("the tool", True)
    heedless = replace(before, written=0)
    assert the_alarm(heedless, fell(far)).changed_by == "the provider"
    assert the_alarm(heedless, without).changed_by == "the provider"


# --- what is no alarm ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "now",
    [
        turn(1, NEW),
        fell(OTHER, read=18_500, expected=18_500),
        fell(body(user("what is the weather?"), total=30_000)),
        fell(body(user("A summary."), model("Good."), user("Go on."), model("Yes."), result("x"))),
        fell(body(*TWO, result("three"), model("four"), user("Sum it up."), tools=[])),
        fell(body(user("one " * 100)), total=19_000),
        fell(OTHER, total=17_000),
        fell(NEW, total=17_000),
        fell(OTHER, sent_s=LIFE_S + 1),
        fell(OTHER, chosen="other", profile="other"),
        fell(OTHER, model="kimi-k3"),
        fell(OTHER, own_quirks=Quirks(sampling="drop"), quirks=Quirks(sampling="drop")),
        fell(OTHER, host="new.example"),
        fell(OTHER, sent_s=1.0),
        fell(b"[]"),
    ],
    ids=[
        "all was read",
        "nearly all was read",
        "another conversation",
        "compacted",
        "a summary of it, for which no tools are offered",
        "rewound",
        "old results were taken out",
        "the provider took them out",
        "the cache's life is over",
        "another profile is wanted",
        "another model is wanted",
        "another setting of the profile",
        "another address of the profile",
        "it ran beside the other",
        "no conversation at all",
    ],
)
def test_what_is_no_alarm(now: CachedTurn) -> None:
    assert alarm_of(FIRST, now) is None


def test_marks_for_an_hour_live_for_an_hour() -> None:
    hour = body(user("one " * 100, **HOUR), TWO[1], result("three"))
    assert alarm_of(turn(0, hour), fell(OTHER, sent_s=LIFE_S + 1)) is None, "who knows whose"
    lasting = turn(0, hour, written=500)
    assert alarm_of(lasting, fell(OTHER, sent_s=LIFE_S + 1)) is not None
    assert alarm_of(lasting, fell(OTHER, sent_s=LONG_LIFE_S + 1)) is None
    mixed = turn(0, body(user("one " * 100, **HOUR), TWO[1], user("three", **MARK)), written=500)
    assert alarm_of(mixed, fell(OTHER, sent_s=LIFE_S + 1)) is None


@pytest.mark.parametrize(
    "thought",
    [
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}]},
        {"role": "assistant", "content": "two", "reasoning_content": "hm"},
    ],
)
def test_thoughts_that_a_model_leaves_out_at_a_new_question(thought: Any) -> None:
    before = turn(0, body(TWO[0], thought, result("three")))
    asked = fell(body(TWO[0], thought, result("three"), model("four"), user("and now?")))
    assert alarm_of(before, asked) is None
    goes_on = fell(body(TWO[0], thought, result("three"), model("four"), result("five")))
    assert alarm_of(before, goes_on) is not None


def test_the_turn_that_is_continued_is_found_among_others() -> None:
    title = turn(1, body(user("a title, please")), total=3000, read=2000, expected=2000)
    found = verdict([title, FIRST], fell(OTHER, sent_s=120.0))
    assert found.before is FIRST
    assert found.alarm is not None
    assert verdict([], FIRST) == (None, None)


words = st.sampled_from(("a", "b", "c" * 50))
histories = st.lists(words, min_size=1, max_size=6)


def shaped(said: list[str], system: str) -> bytes:
    turns = [(user, model)[number % 2](text) for number, text in enumerate(said)]
    return body(*turns, system=system)


@given(
    histories,
    histories,
    words,
    words,
    st.integers(0, 21_000),
    st.integers(0, 8000),
    st.booleans(),
)
def test_an_alarm_has_its_reason(
    old: list[str], new: list[str], was: str, now: str, read: int, pause_s: int, ours: bool
) -> None:
    first = turn(0, shaped(old, was))
    asked = shaped(new, was)
    sent = shaped(new, now) if ours else asked
    second = fell(asked, sent, read=read, expected=read, sent_s=float(pause_s))
    alarm = alarm_of(first, second)
    if alarm is None:
        return
    assert 2 <= pause_s <= LIFE_S
    assert len(new) >= len(old)
    assert read < 19_000 * 0.8
    assert alarm.lost_tokens == min(19_000 - read, 21_000 - read)
    if alarm.parts_at_byte is not None:
        before = first.put.sent
        assert sent[: alarm.parts_at_byte] != before
        assert alarm.changed_by in ("the tool", "gwproxy")
    if alarm.changed_by == "gwproxy":
        assert sent != asked
    if new[: len(old)] == old and sent == asked:
        assert alarm.changed_by == "the provider"


def test_what_is_told_has_the_members_of_the_contract() -> None:
    alarm = the_alarm(FIRST, replace(fell(OTHER)))
    told = json.loads(alarm.text())
    assert told == alarm.as_told()
    assert {"was", "is", "input_tokens", "parts_at_byte", "changed_by", "words"} <= told.keys()
