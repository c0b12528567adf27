"""`count_tokens` and the list of models, over sockets: always answered, never billed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gwproxy.proxy.queries.counters import Counters
from support.gateway import KEY, QUICK, TOKEN, StartGateway, TestGateway, messages
from support.scripted import Script, ScriptedUpstream, StartScripted, Visit, chat_answer

Start = Callable[..., Awaitable[tuple[TestGateway, ScriptedUpstream]]]

# As Claude Code sends it for /context: no max_tokens, empty tools.
COUNT = {
    "model": "claude-x",
    "messages": [{"role": "user", "content": "hello " * 100}],
    "tools": [],
}


@pytest.fixture
async def start(start_gateway: StartGateway, start_scripted: StartScripted) -> Start:
    async def both(
        script: Script, *, kind: str = "anthropic", **record: Any
    ) -> tuple[TestGateway, ScriptedUpstream]:
        upstream = await start_scripted(script)
        profile = {f"{kind}_url": upstream.url, "model": "up-model", **record}
        limits = replace(QUICK, count_s=0.3) if script is silence else QUICK
        return await start_gateway({"up": profile}, limits=limits), upstream

    return both


async def count(gateway: TestGateway, body: Any = None) -> tuple[int, str]:
    """The count, and what was lost on the way."""
    url = "/v1/messages/count_tokens?beta=true"
    async with gateway.post(url, COUNT if body is None else body) as response:
        value = await response.json()
        assert response.status == 200, value
        assert set(value) == {"input_tokens"}
        return value["input_tokens"], response.headers.get("x-gwproxy-loss", "")


async def refuse(visit: Visit) -> None:
    await visit.answer(b'{"error":{"message":"no such route"}}', status=404)


ASKING = {"quirks": {"count_tokens": "upstream"}}


async def test_where_the_estimate_is_wanted_nobody_is_asked(start: Start) -> None:
    for kind, wanted in (("anthropic", "local"), ("openai", "auto"), ("openai", "upstream")):
        gateway, upstream = await start(refuse, kind=kind, quirks={"count_tokens": wanted})
        counted, lost = await count(gateway)
        assert 80 <= counted <= 320
        assert lost == "synth:count"
        assert not upstream.visits
        assert not gateway.keys_asked


async def test_the_upstreams_own_count_where_it_has_one(start: Start) -> None:
    async def script(visit: Visit) -> None:
        await visit.answer(b'{"input_tokens": 4711}')

    gateway, upstream = await start(script, **ASKING)
    assert await count(gateway) == (4711, "")
    (visit,) = upstream.visits
    assert visit.line == "POST /v1/messages/count_tokens HTTP/1.1"
    assert visit.json["model"] == "up-model"
    assert visit.headers["x-api-key"] == KEY
    assert "max_tokens" not in visit.json


async def silence(visit: Visit) -> None:
    await visit.wait_until_gone()


async def nonsense(visit: Visit) -> None:
    await visit.answer(b"<html>")


async def another_shape(visit: Visit) -> None:
    await visit.answer(b'{"tokens": 1}')


async def hang_up(visit: Visit) -> None:
    visit.close()


@pytest.mark.parametrize("script", [refuse, silence, nonsense, another_shape, hang_up])
async def test_any_trouble_there_gives_the_estimate(start: Start, script: Script) -> None:
    gateway, upstream = await start(script, **ASKING)
    counted, lost = await count(gateway)
    assert 80 <= counted <= 320
    assert lost == "synth:count"
    assert len(upstream.visits) == 1


def counts_as(word: object, *, then: object = 4711) -> Script:
    """Counts the one word of a host that nobody knows as `word`, anything longer as `then`."""

    async def script(visit: Visit) -> None:
        asked = visit.json["messages"] == [{"role": "user", "content": "Hello"}]
        await visit.answer(json.dumps({"input_tokens": word if asked else then}).encode())

    return script


def refuses(status: int) -> Script:
    async def script(visit: Visit) -> None:
        await visit.answer(b'{"error":{"message":"no"}}', status=status)

    return script


async def burst(gateway: TestGateway) -> list[tuple[int, str]]:
    """Twenty-five counts at once, as Claude Code wants them for /context."""
    return await asyncio.gather(*(count(gateway) for _ in range(25)))


async def test_an_unknown_host_that_counts_one_word_well_counts_all_from_then_on(
    start: Start,
) -> None:
    gateway, upstream = await start(counts_as(8))
    assert set(await burst(gateway)) == {(4711, "")}
    assert await count(gateway) == (4711, "")
    first, *others = [visit.json for visit in upstream.visits]
    assert first == {"model": "up-model", "messages": [{"role": "user", "content": "Hello"}]}
    assert [body["messages"] for body in others] == [COUNT["messages"]] * 26


@pytest.mark.parametrize(
    "script",
    [
        *map(refuses, (404, 405, 501)),
        *map(counts_as, (0, 2, 25, -8, 4711, True, "8", 8.5, None)),
        nonsense,
        another_shape,
    ],
)
async def test_an_unknown_host_that_does_not_count_is_asked_once(
    start: Start, script: Script
) -> None:
    gateway, upstream = await start(script)
    assert {lost for _, lost in await burst(gateway)} == {"synth:count"}
    assert 80 <= (await count(gateway))[0] <= 320
    assert len(upstream.visits) == 1
    async with gateway.post("/v1/messages/count_tokens", COUNT | {"model": "up/other"}) as response:
        assert response.status == 200
    assert [visit.json["model"] for visit in upstream.visits] == ["up-model", "other"]


@pytest.mark.parametrize(
    "script", [*map(refuses, (400, 401, 403, 429, 500, 503)), silence, hang_up]
)
async def test_what_says_nothing_of_the_route_teaches_nothing(start: Start, script: Script) -> None:
    """All who wait share one question; the next one asks again."""
    gateway, upstream = await start(script)
    assert {lost for _, lost in await burst(gateway)} == {"synth:count"}
    assert len(upstream.visits) == 1
    assert (await count(gateway))[1] == "synth:count"
    assert len(upstream.visits) == 2


async def test_a_route_that_goes_away_is_not_asked_again(start: Start) -> None:
    async def script(visit: Visit) -> None:
        is_word = visit.json["messages"] != COUNT["messages"]
        await (counts_as(8) if is_word else refuse)(visit)

    gateway, upstream = await start(script)
    for _ in range(3):
        assert (await count(gateway))[1] == "synth:count"
    assert len(upstream.visits) == 2


async def test_whoever_waits_asks_where_the_first_one_has_gone() -> None:
    counters, asked = Counters(), asyncio.Event()

    async def never() -> bool | None:
        asked.set()
        await asyncio.Event().wait()
        return None

    async def yes() -> bool | None:
        return True

    first = asyncio.create_task(counters.has(("url", "m"), never))
    await asked.wait()
    second = asyncio.create_task(counters.has(("url", "m"), yes))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert await counters.has(("url", "m"), never)


async def test_hosts_that_were_not_asked_of_for_long_are_forgotten() -> None:
    counters = Counters()
    for number in range(300):
        counters.learn(("url", f"m{number}"), counts=True)

    async def no() -> bool | None:
        return False

    assert await counters.has(("url", "m299"), no)
    assert not await counters.has(("url", "m0"), no)


async def test_unknown_blocks_have_a_size_too(start: Start) -> None:
    gateway, _ = await start(refuse)
    turn = {"role": "user", "content": [{"type": "hologram", "data": "x" * 4000}]}
    counted, _ = await count(gateway, COUNT | {"messages": [turn]})
    assert 500 < counted < 2000


async def test_what_is_not_json_is_a_400(start: Start) -> None:
    gateway, _ = await start(refuse)
    async with gateway.post("/v1/messages/count_tokens", b"{") as response:
        assert response.status == 400
        assert (await response.json())["type"] == "error"


async def test_the_estimate_learns_from_the_upstreams_figures(start: Start) -> None:
    async def script(visit: Visit) -> None:
        answer = json.loads(chat_answer("hello"))
        answer["usage"] = {"prompt_tokens": 300, "completion_tokens": 1, "total_tokens": 301}
        await visit.answer(json.dumps(answer).encode())

    gateway, _ = await start(script, kind="openai")
    before, _ = await count(gateway)
    text = str(COUNT["messages"][0]["content"])  # type: ignore[index]
    for _ in range(20):
        async with gateway.post("/v1/messages", messages(text)) as response:
            assert response.status == 200
    after, _ = await count(gateway)
    assert abs(after - 300) < abs(before - 300)
    assert after == pytest.approx(300, rel=0.1)


TWO = {
    "kimi": {"preset": "kimi-code"},
    "gate": {
        "preset": "claude-gateway",
        "anthropic_url": "https://gate.example",
        "models": [f"claude-{n}" for n in range(30)],
    },
}


async def models(gateway: TestGateway, path: str, **headers: str) -> dict[str, Any]:
    async with gateway.get(path, headers=headers) as response:
        value = await response.json()
        assert response.status == 200, value
        assert isinstance(value, dict)
        return value


async def test_models_for_both_families(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(TWO)
    openai = await models(gateway, "/v1/models")
    assert openai["object"] == "list"
    assert len(openai["data"]) == 33
    anthropic = await models(gateway, "/v1/models", **{"anthropic-version": "2023-06-01"})
    assert len(anthropic["data"]) == 20
    assert anthropic["has_more"]
    more = await models(
        gateway,
        f"/v1/models?limit=1000&after_id={anthropic['last_id']}",
        **{"anthropic-version": "2023-06-01"},
    )
    assert [m["id"] for m in anthropic["data"] + more["data"]] == [m["id"] for m in openai["data"]]
    assert not gateway.keys_asked


async def test_codex_finds_the_member_that_it_asks_for(
    start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start_gateway(TWO)
    caplog.set_level("INFO", "gwproxy")
    value = await models(gateway, "/profiles/kimi/v1/models?client_version=0.169.0")
    assert value["models"] == []
    assert "models" not in await models(gateway, "/v1/models")
    assert [record.getMessage()[:4] for record in caplog.records] == ["200 ", "200 "]


async def test_models_of_one_profile(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(TWO)
    value = await models(gateway, "/profiles/kimi/v1/models")
    assert [model["id"] for model in value["data"]] == ["kimi-k2.5", "kimi-for-coding"]


async def test_one_model(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(TWO)
    for path in ("kimi-k2.5", "kimi/kimi-k2.5", "kimi%2Fkimi-k2.5", "kimi-k2.5%5B1m%5D"):
        assert (await models(gateway, f"/v1/models/{path}"))["id"] == "kimi-k2.5"
    assert (await models(gateway, "/v1/models/gate/claude-7"))["id"] == "gate/claude-7"
    for headers, has_type in (({}, False), ({"anthropic-version": "2023-06-01"}, True)):
        async with gateway.session.get(
            f"{gateway.url}/v1/models/gpt-5",
            headers={"authorization": f"Bearer {TOKEN}", **headers},
        ) as response:
            assert response.status == 404
            assert ("type" in await response.json()) is has_type


async def test_heads_have_no_body(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(TWO)
    async with gateway.get("/v1/models", method="HEAD") as response:
        assert response.status == 200
        assert await response.read() == b""


@pytest.mark.parametrize("path", ["/v1/messages/batches", "/v1/files", "/v1/skills/s_1"])
async def test_what_is_not_offered_is_told_in_the_callers_dialect(
    start_gateway: StartGateway, path: str
) -> None:
    gateway = await start_gateway(TWO)
    anthropic = {"anthropic-version": "2023-06-01"}
    async with gateway.post(path, {}, headers=anthropic) as response:
        assert response.status == 501
        assert response.headers["x-should-retry"] == "false"
        assert (await response.json())["error"]["type"] == "not_supported"
    openai = {"authorization": f"Bearer {TOKEN}"}
    async with gateway.session.post(gateway.url + path, headers=openai) as response:
        assert (response.status, response.headers["x-should-retry"]) == (404, "false")
        told = await response.json()
        assert ("type" in told, told["error"]["code"]) == (False, "unknown_url")


async def test_what_is_nowhere(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(TWO)
    async with gateway.post("/v1/moderations", {}) as response:
        assert response.status == 404
    async with gateway.get("/v1/messages") as response:
        assert response.status == 405
        assert "POST" in (await response.json())["error"]["message"]
    async with gateway.post("/profiles/nobody/v1/messages", messages()) as response:
        assert response.status == 404
        assert "nobody" in (await response.json())["error"]["message"]
