"""What the watch over prompt caches holds, and what it never does."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from gwproxy.proxy.record import ExchangeOutcome, ExchangeRecord
from gwproxy.proxy.records.prompt_cache import watch
from gwproxy.proxy.records.prompt_cache.turn import CachedTurn, Put
from gwproxy.proxy.records.prompt_cache.verdict import CacheVerdict
from gwproxy.proxy.records.prompt_cache.watch import CacheWatch
from gwproxy.translate.hub import Usage
from gwproxy.translate.quirks import Quirks
from support.exchanges import tally

BODY = b'{"model": "m", "messages": [{"role": "user", "content": "' + b"x" * 1000 + b'"}]}'


def record(
    session: str = "s", read: int | None = 20_000, fresh: int = 100, **more: Any
) -> ExchangeRecord:
    values: dict[str, Any] = {
        "request_id": "req_1",
        "session": session,
        "client_dialect": "anthropic",
        "upstream_dialect": "anthropic",
        "tally": tally(Usage(fresh, read)),
        "sent_s": 1.0,
        "put": Put(BODY, BODY, Quirks(), Quirks()),
    }
    return ExchangeRecord(**(values | more))


def test_of_a_turn_and_the_next_only_the_last_is_held() -> None:
    one = CacheWatch()
    for more in range(5):
        one.look(record(read=20_000 + more))
    assert one.size == len(BODY), "and one body is counted once"
    sent = BODY + b" "
    one.look(record(read=20_010, put=Put(BODY, sent, Quirks(), Quirks())))
    assert one.size == len(BODY) + len(sent)


@pytest.mark.parametrize(
    "odd",
    [
        record(read=None),
        record(read=0),
        record(read=900),
        record(put=None),
        record(outcome=ExchangeOutcome(529, "too many", "overloaded")),
    ],
    ids=["no figures", "no cache", "too short", "nothing was asked", "it failed"],
)
def test_what_cannot_break_is_not_held(odd: ExchangeRecord) -> None:
    one = CacheWatch()
    one.look(odd)
    assert one.size == 0
    assert odd.put is None, "nor does the record hold it any longer"


def test_it_is_bounded_by_bytes_and_by_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST_BYTES", 3 * len(BODY))
    one = CacheWatch()
    for number in range(10):
        one.look(record(f"s-{number}"))
        assert one.size <= 3 * len(BODY)
    assert len(one._strands) == 3
    monkeypatch.setattr(watch, "_MOST_STRANDS", 2)
    one.look(record("s-9"))
    assert ["s-8" in str(key) or "s-9" in str(key) for key in one._strands] == [True, True]
    monkeypatch.setattr(watch, "LARGEST_BYTES", len(BODY) - 1)
    one.look(record("too large"))
    assert [key for key in one._strands if "too large" in str(key)] == []
    assert one.size == 2 * len(BODY), "nor does it take the others' place"


def test_what_a_tool_asks_beside_its_conversation_is_bounded_too() -> None:
    one = CacheWatch()
    for number in range(100):
        one.look(record(read=50_000 - number * 400))
    assert one.size <= watch._MOST_TURNS * len(BODY)


def test_conversations_are_told_apart_by_their_names_or_by_how_they_begin() -> None:
    one = CacheWatch()
    one.look(record("s-1"))
    one.look(record("s-2"))
    one.look(record("s-2", model_asked="other"))
    strand = Put(BODY, BODY, Quirks(), Quirks(), "agent-1")
    one.look(record("s-2", put=strand))
    assert len(one._strands) == 4
    one.look(record(""))
    one.look(record(""))
    one.look(record("", put=Put(b"{}" + BODY, BODY, Quirks(), Quirks())))
    assert len(one._strands) == 6


async def test_bodies_are_compared_in_a_thread_and_only_so_many_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[str] = []
    go_on = threading.Event()

    def slow(earlier: list[CachedTurn], now: CachedTurn) -> CacheVerdict:
        threads.append(threading.current_thread().name)
        go_on.wait(10)
        return CacheVerdict()

    monkeypatch.setattr(watch, "verdict", slow)
    one = CacheWatch()
    for number in range(10):
        one.look(record(f"s-{number}"))
        one.look(record(f"s-{number}", read=0, fresh=30_000))
    assert len(one._comparing) == 4
    go_on.set()
    async with asyncio.timeout(10):
        await one.settle()
    assert len(threads) == 4
    assert threading.current_thread().name not in threads
    assert one.standing == []


def after(*turns: str, system: str = "") -> Put:
    said = [{"role": "user", "content": text} for text in turns]
    body = json.dumps({"model": "m" * 200, "messages": said, "system": system}).encode()
    return Put(body, body, Quirks(), Quirks())


async def test_turns_that_follow_at_once_are_judged_in_their_order() -> None:
    one = CacheWatch()
    one.look(record(put=after("1")))
    one.look(record(read=0, fresh=30_000, put=after("1", "2", system="12:01")))
    one.look(record(read=0, fresh=30_000, put=after("1", "2", "3", system="12:02")))
    await one.settle()
    (standing,) = one.standing
    assert (standing["turns"], standing["changed_by"]) == (2, "the tool")
    one.look(record(read=0, fresh=500, put=after("a title")))
    (standing,) = one.standing
    assert standing["over"] is False, "that was beside it"
    one.look(record(read=30_000, fresh=100, put=after("1", "2", "3", "4", system="12:02")))
    (standing,) = one.standing
    assert standing["over"] is True


async def test_a_fault_of_the_comparison_is_told_and_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(earlier: list[CachedTurn], now: CachedTurn) -> CacheVerdict:
        raise ZeroDivisionError

    monkeypatch.setattr(watch, "verdict", fails)
    one = CacheWatch()
    one.look(record())
    one.look(record(read=0, fresh=30_000))
    await one.settle()
    assert "prompt caches cannot be watched" in caplog.text
    assert one.worker.state.failed == 1


async def test_nothing_is_compared_as_long_as_the_cache_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "verdict", pytest.fail)
    one = CacheWatch()
    for more in range(10):
        one.look(record(read=20_000 + more * 1000))
        one.look(record(read=0, fresh=500))  # a title
    assert one._comparing == set()
