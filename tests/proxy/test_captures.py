"""Whole exchanges are kept only where that is asked for, within bounds, and without a key."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwproxy.profiles.redaction import MASK
from gwproxy.profiles.store import ServeSettings
from gwproxy.proxy.records import captures
from gwproxy.proxy.records.captures import Captures, Tape
from gwproxy.proxy.records.ledger import Period, report
from gwproxy.simulator import DEMO, Delivery, Ending, PlayedRefusal
from support.gateway import KEY, TOKEN, StartGateway, TestGateway, chat, messages
from support.provider import StartProvider

CAPTURING = ServeSettings(capture=True)


def written(folder: Path) -> list[dict[str, Any]]:
    """What the files hold, the oldest first."""
    return [dict(one.content) for one in reversed(captures.listed(folder))]


async def ask(gateway: TestGateway, path: str, body: Any) -> bytes:
    async with gateway.post(path, body, headers={"user-agent": "tool/1"}) as response:
        return await response.read()


async def settle(gateway: TestGateway) -> None:
    """Return when all that is to be kept is."""
    await gateway.server.gateway.drain(5.0)
    gateway.server.gateway._services.captures.close()


async def test_nothing_is_kept_unless_asked_for(
    start_gateway: StartGateway, start_provider: StartProvider, tmp_path: Path
) -> None:
    provider = await start_provider()
    record = {"openai_url": provider.openai_url, "model": "demo-1"}
    gateway = await start_gateway({"up": record}, options={"captures": tmp_path / "kept"})
    await ask(gateway, "/v1/messages", messages())
    await settle(gateway)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("stream", [False, True])
async def test_all_four_bodies_as_they_passed(
    start_gateway: StartGateway, start_provider: StartProvider, tmp_path: Path, stream: bool
) -> None:
    provider = await start_provider(key=KEY)
    record = {"openai_url": provider.openai_url, "model": "demo-1"}
    gateway = await start_gateway(
        {"up": record}, serve=CAPTURING, options={"captures": tmp_path / "kept"}
    )
    asked = messages("grüße ☕", stream=stream)
    answer = await ask(gateway, "/v1/messages?beta=true&api_key=left-out", asked)
    await settle(gateway)
    (kept,) = written(tmp_path / "kept")
    assert kept["request"]["path"] == "/v1/messages?beta=true"
    assert kept["request"]["headers"] == {"user-agent": "tool/1"}
    assert json.loads(kept["request"]["body"]) == asked
    (sent,) = kept["upstream"]
    assert (sent["profile"], sent["status"]) == ("up", 200)
    assert json.loads(sent["body"]) == provider.generations[0].body
    assert "chat.completion" in sent["answer"]
    assert kept["answer"].encode() == answer
    assert (kept["exchange"]["status"], kept["cut"]) == (200, False)


async def test_refusals_and_broken_streams_are_what_it_is_for(
    start_gateway: StartGateway, start_provider: StartProvider, tmp_path: Path
) -> None:
    provider = await start_provider()
    provider.will(PlayedRefusal(500, "the engine is on fire"))
    record = {"anthropic_url": provider.anthropic_url, "model": "demo-1"}
    gateway = await start_gateway(
        {"up": record}, serve=CAPTURING, options={"captures": tmp_path / "kept"}
    )
    await ask(gateway, "/v1/messages", messages())
    provider.will(Delivery(after_events=3, then=Ending.CUT))
    broken = await ask(gateway, "/v1/messages", messages(stream=True))
    await ask(gateway, "/v1/chat/completions", b'{"model": ')
    await settle(gateway)
    refused, cut, malformed = written(tmp_path / "kept")
    assert (refused["exchange"]["status"], refused["upstream"][0]["status"]) == (500, 500)
    assert "on fire" in refused["upstream"][0]["answer"]
    assert "on fire" in refused["answer"]
    assert cut["answer"].encode() == broken
    assert cut["exchange"]["error_kind"]
    assert (malformed["upstream"], malformed["exchange"]["status"]) == ([], 400)


async def test_each_profile_that_was_tried_is_told(
    start_gateway: StartGateway, start_provider: StartProvider, tmp_path: Path
) -> None:
    busy, other = await start_provider(), await start_provider()
    busy.will(PlayedRefusal(529, "too busy"))
    records = {
        "busy": {"openai_url": busy.openai_url, "model": "demo-1", "fallback": ["other"]},
        "other": {"anthropic_url": other.anthropic_url, "model": "demo-1"},
    }
    gateway = await start_gateway(records, serve=CAPTURING, options={"captures": tmp_path / "kept"})
    await ask(gateway, "/v1/chat/completions", chat())
    await settle(gateway)
    (kept,) = written(tmp_path / "kept")
    tried = [(one["profile"], one["status"]) for one in kept["upstream"]]
    assert tried == [("busy", 529), ("other", 200)]


async def test_no_key_and_no_token_is_ever_in_it(
    start_gateway: StartGateway, start_provider: StartProvider, tmp_path: Path
) -> None:
    provider = await start_provider(replace(DEMO), key=KEY)
    provider.will(PlayedRefusal(400, f"your key {KEY} is odd"))
    gateway = await start_gateway(
        {"up": {"openai_url": provider.openai_url, "model": "demo-1"}},
        serve=CAPTURING,
        options={"captures": tmp_path / "kept"},
    )
    pasted = f'{TOKEN} {KEY} sk-kimi-0123456789 curl -H "Authorization: Bearer abcdefgh"'
    async with gateway.post(
        "/v1/messages", messages(pasted), headers={"user-agent": f"tool/{KEY}"}
    ) as response:
        await response.read()
    await settle(gateway)
    (file,) = (tmp_path / "kept").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    for secret in (TOKEN, KEY, "sk-kimi-0123456789", "abcdefgh"):
        assert secret not in file.read_text()
    # What is masked can still be asked again: it is the same JSON.
    (kept,) = captures.listed(tmp_path / "kept")
    content = json.loads(kept.body)["messages"][0]["content"]
    assert content == f'{MASK} {MASK} {MASK} curl -H "Authorization: Bearer {MASK}"'


async def test_a_byte_that_is_not_utf8_costs_no_row_and_no_capture(
    start_gateway: StartGateway, start_provider: StartProvider, tmp_path: Path
) -> None:
    """aiohttp hands such a byte of a header on as half a surrogate pair, which no file takes."""
    provider = await start_provider()
    usage = tmp_path / "usage.db"
    gateway = await start_gateway(
        {"up": {"openai_url": provider.openai_url, "model": "demo-1"}},
        serve=CAPTURING,
        options={"captures": tmp_path / "kept", "ledger": usage},
    )
    head = f"x-api-key: {TOKEN}\r\nuser-agent: caf\xe9/1\r\nconnection: close".encode("latin-1")
    assert b" 200 " in await send(gateway, head, json.dumps(chat()).encode())
    await settle(gateway)
    gateway.server.gateway._services.ledger.close()
    (kept,) = written(tmp_path / "kept")
    assert kept["request"]["headers"]["user-agent"] == kept["exchange"]["client"] == "caf\ufffd/1"
    (line,) = report(usage, "client", Period())
    assert (line.group, line.exchanges) == ("caf\ufffd/1", 1)


async def send(gateway: TestGateway, head: bytes, body: bytes) -> bytes:
    """The whole answer to a request with these very bytes for headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.server.port)
    first = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n" % gateway.server.port
    writer.write(first + head + b"\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    answer = await reader.read()
    writer.close()
    return answer


def keep(kept: Captures, number: int, body: bytes = b"{}") -> None:
    tape = Tape("/v1/messages", {}, {}, body, float)
    kept.keep(tape, {"request_id": f"req_{number:04}"}, ())


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "MOST_KEPT", 3)
    for number in range(5):
        kept = Captures(tmp_path)
        keep(kept, number)
        kept.close()
    found = [one.request_id for one in captures.listed(tmp_path)]
    assert found == ["req_0004", "req_0003", "req_0002"]


def test_together_they_stay_within_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "MOST_KEPT_BYTES", 3000)
    for number in range(3):
        kept = Captures(tmp_path)
        keep(kept, number, b"x" * 2000)
        kept.close()
    assert [one.request_id for one in captures.listed(tmp_path)] == ["req_0002"]


def test_what_nobody_has_looked_at_for_a_month_goes_at_the_start(tmp_path: Path) -> None:
    for number, age_s in enumerate((captures.LONGEST_KEPT_S + 60, 60)):
        file = tmp_path / f"req_{number}.json"
        file.write_text("{}")
        os.utime(file, (time.time() - age_s,) * 2)
    kept = Captures(tmp_path)
    kept.prune()
    kept.close()
    assert [file.name for file in tmp_path.iterdir()] == ["req_1.json"]


def test_one_that_is_too_large_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "LARGEST_BYTES", 10)
    tape = Tape("/v1/messages", {}, {}, b"12345678", float)
    tape.sent("up", "http://up", b"90abc")
    tape.answered(b"more")
    value = json.loads(tape.written({"request_id": "req_1"}, ()))
    assert value["cut"] is True
    assert (value["request"]["body"], value["upstream"][0]["body"]) == ("12345678", "90")
    assert value["answer"] == ""


def test_each_piece_of_an_answer_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0101, 0.0104, 0.2, 0.2004, 0.31, 0.4, 0.5])
    tape = Tape("/v1/messages", {}, {}, b"{}", lambda: next(times))
    tape.sent("up", "http://up", b"{}")
    tape.received(b"ab")
    tape.received(b"c")
    tape.received(b"defg")
    tape.answered(b"x")
    monkeypatch.setattr(captures, "_MOST_TIMES", 2)
    for _ in range(3):
        tape.answered(b"yz")
    value = json.loads(tape.written({"request_id": "req_1"}, ()))
    assert value["upstream"][0]["times"] == [[10, 3], [200, 4]]
    assert value["answer_times"] == [[200, 1], [310, 6]], "what comes after the bound is the last's"


def test_a_disk_that_takes_nothing_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    kept = Captures(tmp_path / "file")
    keep(kept, 1)
    keep(kept, 2)
    kept.close()
    assert caplog.text.count("cannot be captured") == 1


def test_one_that_cannot_be_written_is_told_and_the_next_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Captures(tmp_path)
    odd = Tape("/v1/messages", {}, {}, b"{}", float)
    kept.keep(odd, {"request_id": "req_1", "odd": object()}, ())
    keep(kept, 2)
    kept.close()
    assert [one.request_id for one in captures.listed(tmp_path)] == ["req_0002"]
    assert (kept.worker.state.trouble, kept.worker.state.failed) == ("", 1)
    assert "exchanges cannot be captured (TypeError" in caplog.text


def test_found_by_its_beginning(tmp_path: Path) -> None:
    for number in (1001, 1002, 2001):
        kept = Captures(tmp_path)
        keep(kept, number)
        kept.close()
    found = {
        wanted: [one.request_id for one in captures.find(tmp_path, wanted)]
        for wanted in ("last", "2", "req_1001", "req_10", "9", "../x", "*")
    }
    assert found == {
        "last": ["req_2001"],
        "2": ["req_2001"],
        "req_1001": ["req_1001"],
        "req_10": ["req_1001", "req_1002"],
        "9": [],
        "../x": [],
        "*": [],
    }


def test_rubbish_in_the_folder_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "req_1.json").write_text("{")
    (tmp_path / "req_2.json").write_text('{"exchange": []}')
    (tmp_path / "note.json").write_text("{}")
    assert captures.listed(tmp_path) == []
    assert captures.listed(tmp_path / "nowhere") == []
