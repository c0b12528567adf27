"""Every fault on the wire is really played: seen from the client's side of a real socket."""

from __future__ import annotations

import asyncio
import gzip
import io
import math
import zlib
from dataclasses import replace

import aiohttp
import pytest

from gwproxy.simulator import (
    DEMO,
    FAILING,
    Delivery,
    Ending,
    PlayedAnswer,
    PlayedKind,
    PlayedOutcome,
    PlayedRefusal,
    RunningSimulator,
    Streaming,
    call,
    client_gate,
    html_page,
    quota_used_up,
    scenario,
)
from gwproxy.simulator.conversation import DialectName
from simulator.asking import DIALECTS, KINDS, Json, Received, ask, question, sse_events, url_of
from support.provider import StartProvider


async def stream(provider: RunningSimulator, dialect: DialectName) -> Received:
    return await ask(provider, dialect, question(dialect, stream=True))


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_orderly_stream_ends_as_its_dialect_demands(
    provider: RunningSimulator, dialect: DialectName
) -> None:
    received = await stream(provider, dialect)
    assert received.broken is None
    last_name, last_data = received.events[-1]
    if dialect == "anthropic":
        assert (last_name, last_data["type"]) == ("message_stop", "message_stop")
    else:
        assert last_data == "[DONE]"
    assert provider.requests[0].outcome is PlayedOutcome.ANSWERED
    assert provider.requests[0].streamed


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_cut_between_events(provider: RunningSimulator, dialect: DialectName) -> None:
    provider.will(Delivery(after_events=3, then=Ending.CUT))
    received = await stream(provider, dialect)
    assert received.broken == "ClientPayloadError"
    assert len(received.events) == 3
    await provider.settled()
    assert provider.requests[0].outcome is PlayedOutcome.BROKEN


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_cut_inside_an_event(provider: RunningSimulator, dialect: DialectName) -> None:
    provider.will(Delivery(after_events=2, then=Ending.CUT_INSIDE))
    received = await stream(provider, dialect)
    assert received.broken == "ClientPayloadError"
    complete, _, half = received.body.rpartition(b"\n\n")
    assert len(sse_events(complete + b"\n\n")) == 2
    assert half


async def test_cut_inside_a_whole_answer(provider: RunningSimulator) -> None:
    provider.will(Delivery(then=Ending.CUT_INSIDE))
    received = await ask(provider, "chat", question("chat"))
    assert received.broken == "ClientPayloadError"
    assert 0 < len(received.body) < int(received.headers["content-length"])


async def test_reset(provider: RunningSimulator) -> None:
    provider.will(Delivery(after_events=1, then=Ending.RESET))
    # The kernel may drop the head with the connection, so the client may learn of it anywhere.
    with pytest.raises(aiohttp.ClientError, match=r"(?i)reset"):
        async with aiohttp.ClientSession() as session:
            body = question("chat", stream=True)
            async with session.post(url_of(provider, "chat"), json=body) as response:
                await response.read()


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_stream_that_ends_early_ends_cleanly_for_http(
    provider: RunningSimulator, dialect: DialectName
) -> None:
    provider.will(Delivery(after_events=4, then=Ending.ENDS_EARLY))
    received = await stream(provider, dialect)
    assert received.broken is None
    assert len(received.events) == 4


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_error_event_inside_a_200(
    provider: RunningSimulator, dialect: DialectName
) -> None:
    provider.will(Delivery(after_events=2, then=Ending.ERROR_EVENT, error_message="too busy"))
    received = await stream(provider, dialect)
    assert (received.status, received.broken) == (200, None)
    errors = {
        "anthropic": [("error", "too busy")],
        "chat": [(None, "too busy")],
        "responses": [("error", "too busy"), ("response.failed", "too busy")],
    }
    found = [
        (name, (data.get("error") or data.get("response", {}).get("error") or data)["message"])
        for name, data in received.events[2:]
    ]
    assert found == errors[dialect]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_error_envelope_as_a_whole_200(
    provider: RunningSimulator, dialect: DialectName
) -> None:
    provider.will(Delivery(then=Ending.ERROR_EVENT, error_message="too busy"))
    received = await ask(provider, dialect, question(dialect))
    assert received.status == 200
    assert received.json["error"]["message"] == "too busy"


async def test_silence_before_the_head_until_the_client_goes(provider: RunningSimulator) -> None:
    provider.will(Delivery(head_after_s=math.inf))
    asking = asyncio.ensure_future(stream(provider, "anthropic"))
    await provider.arrival()
    assert not asking.done()
    asking.cancel()
    await provider.settled()
    gone = provider.requests[0]
    assert gone.client_went_away
    assert gone.status is None
    assert gone.figures is not None, "work that nobody waits for is billed all the same"


async def test_silence_in_the_middle_until_the_client_goes(provider: RunningSimulator) -> None:
    provider.will(Delivery(after_events=2, then=Ending.SILENCE))
    async with aiohttp.ClientSession() as session:
        body = question("chat", stream=True)
        async with session.post(url_of(provider, "chat"), json=body) as response:
            seen = b""
            while seen.count(b"\n\n") < 2:
                seen += await response.content.readany()
            assert provider.requests[0].outcome is PlayedOutcome.RUNNING
    await provider.settled()
    assert provider.requests[0].client_went_away
    assert provider.requests[0].status == 200


async def test_closing_ends_every_silence(start_provider: StartProvider) -> None:
    provider = await start_provider()
    provider.will(Delivery(head_after_s=math.inf))
    asking = asyncio.ensure_future(ask(provider, "chat", question("chat")))
    await provider.arrival()
    await provider.close()
    with pytest.raises(aiohttp.ClientError):
        received = await asking
        raise aiohttp.ClientError(f"answered {received.status} while closing")


@pytest.mark.parametrize("streamed", [True, False])
async def test_split_into_chunks_of_one_byte(provider: RunningSimulator, streamed: bool) -> None:
    whole = await ask(provider, "chat", question("chat", stream=streamed))
    provider.will(Delivery(split_bytes=1))
    split = await ask(provider, "chat", question("chat", stream=streamed))
    assert max(map(len, whole.chunks)) > 1
    if streamed:
        # HTTP chunks keep their borders; where a plain body is cut only TCP knows.
        assert {len(chunk) for chunk in split.chunks if chunk} == {1}
        assert split.events[-1] == whole.events[-1]
    else:
        assert split.json["usage"]["total_tokens"] == whole.json["usage"]["total_tokens"]


async def test_gzip_whatever_the_client_accepts(provider: RunningSimulator) -> None:
    refuses = {"accept-encoding": "identity"}
    provider.will(Delivery(gzip=True), times=2)
    whole = await ask(provider, "chat", question("chat"), refuses)
    assert whole.headers["content-encoding"] == "gzip"
    assert gzip.decompress(whole.body).startswith(b'{"id":')
    streamed = await ask(provider, "chat", question("chat", stream=True), refuses)
    first = zlib.decompressobj(wbits=31).decompress(streamed.chunks[0])
    assert first.startswith(b"data: "), "each event can be read as soon as it comes"
    assert gzip.decompress(streamed.body).endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_json_in_answer_to_a_stream_request(
    start_provider: StartProvider, dialect: DialectName
) -> None:
    provider = await start_provider(replace(DEMO, streaming=Streaming.ANSWERS_WHOLE))
    received = await stream(provider, dialect)
    assert received.headers["content-type"] == "application/json"
    assert received.json["id"]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_stream_in_answer_to_a_plain_request(
    start_provider: StartProvider, dialect: DialectName
) -> None:
    provider = await start_provider(replace(DEMO, streaming=Streaming.ALWAYS_STREAMS))
    received = await ask(provider, dialect, question(dialect))
    assert received.headers["content-type"].startswith("text/event-stream")
    assert len(received.events) > 3


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_refusals_come_in_the_dialects_envelope_and_in_order(
    provider: RunningSimulator, dialect: DialectName
) -> None:
    provider.will(PlayedRefusal(429, "slow down", headers={"retry-after": "3"}))
    provider.will(quota_used_up())
    provider.will(client_gate())
    busy, quota, gate = [await ask(provider, dialect, question(dialect)) for _ in range(3)]
    assert (busy.status, busy.headers["retry-after"]) == (429, "3")
    assert busy.json["error"]["message"] == "slow down"
    assert quota.json["error"]["type"] == "exceeded_current_quota_error"
    assert (gate.status, gate.json["error"]["type"]) == (403, "access_terminated_error")
    assert ("type" in busy.json) is (dialect == "anthropic")
    assert provider.billed == 0
    served = await ask(provider, dialect, question(dialect))
    assert served.status == 200
    assert [r.outcome for r in provider.requests] == [PlayedOutcome.REFUSED] * 3 + [
        PlayedOutcome.ANSWERED
    ]


async def test_a_page_of_html(provider: RunningSimulator) -> None:
    provider.will(html_page(524))
    received = await stream(provider, "chat")
    assert received.status == 524
    assert received.headers["content-type"] == "text/html"
    assert b"<title>api.example.com | 524: A timeout occurred</title>" in received.body
    assert received.headers["cf-ray"]


async def test_faults_wait_for_their_kind_of_request(provider: RunningSimulator) -> None:
    provider.will(PlayedRefusal(503), kinds=[PlayedKind.CHAT])
    assert (await ask(provider, "anthropic", question("anthropic"))).status == 200
    assert provider.planned == 1
    assert (await ask(provider, "chat", question("chat"))).status == 503
    assert provider.planned == 0


async def test_faults_go_together(provider: RunningSimulator) -> None:
    provider.will(PlayedRefusal(500, "slowly"), Delivery(split_bytes=2, head_after_s=0.01), times=2)
    for _ in range(2):
        received = await ask(provider, "chat", question("chat"))
        assert (received.status, received.json["error"]["message"]) == (500, "slowly")


async def test_manners_can_fail_for_ever(start_provider: StartProvider) -> None:
    provider = await start_provider(FAILING)
    for _ in range(3):
        assert (await ask(provider, "chat", question("chat"))).status == 529
    assert provider.billed == 0


async def test_a_slow_answer_is_late_but_whole(start_provider: StartProvider) -> None:
    manners = replace(DEMO, faults=(Delivery(head_after_s=0.05, gap_s=0.01),))
    provider = await start_provider(manners, scenario("ok"))
    started = asyncio.get_running_loop().time()
    received = await stream(provider, "anthropic")
    assert asyncio.get_running_loop().time() - started > 0.04
    assert received.events[-1][0] == "message_stop"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_huge_bodies_go_in_and_come_out(
    start_provider: StartProvider, dialect: DialectName
) -> None:
    big = "é" * 2_000_000
    provider = await start_provider(DEMO, scenario("x" * 3_000_000))
    received = await ask(provider, dialect, question(dialect, big, max_tokens=None))
    assert received.status == 200
    assert len(received.body) > 3_000_000
    figures = provider.requests[0].figures
    assert figures is not None
    assert figures.prompt > 1_000_000


async def test_a_body_over_the_limit_is_a_413(provider: RunningSimulator) -> None:
    url = url_of(provider, "anthropic")
    body = io.BytesIO(b'{"model":"' + b"x" * (64 * 1024 * 1024 + 1))
    async with aiohttp.ClientSession() as session, session.post(url, data=body) as response:
        assert response.status == 413
        assert (await response.json())["error"]["type"] == "request_too_large"


async def test_garbage_is_refused_with_its_place(provider: RunningSimulator) -> None:
    cases: list[tuple[Json, str]] = [
        ({"model": 7, "messages": []}, "model"),
        ({"model": "demo-1", "messages": {}}, "messages"),
        ({"model": "demo-1", "messages": ["hi"]}, "messages.0"),
        ({"model": "demo-1", "messages": []}, "messages"),
    ]
    for body, place in cases:
        received = await ask(provider, "chat", body)
        assert received.status == 400
        assert received.json["error"]["message"].startswith(place)


async def test_two_hundred_streams_at_once(start_provider: StartProvider) -> None:
    provider = await start_provider(DEMO, scenario("the same for all"))
    received = await asyncio.gather(*(stream(provider, "chat") for _ in range(200)))
    assert {len(r.events) for r in received} == {len(received[0].events)}
    assert provider.billed == 200


def test_every_kind_of_generation_is_a_kind() -> None:
    assert set(KINDS.values()) == {PlayedKind.MESSAGES, PlayedKind.CHAT, PlayedKind.RESPONSES}


async def test_scripted_calls_arrive(start_provider: StartProvider) -> None:
    answer = PlayedAnswer(calls=(call("get_weather", city="Oslo", days=3),))
    provider = await start_provider(DEMO, scenario(answer, "done"))
    received = await ask(provider, "chat", question("chat"))
    function = received.json["choices"][0]["message"]["tool_calls"][0]["function"]
    assert function == {"name": "get_weather", "arguments": '{"city":"Oslo","days":3}'}
