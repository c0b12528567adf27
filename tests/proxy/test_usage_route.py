"""What the ledger says equals what the provider billed, and `GET /v1/usage/…` tells it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gwproxy.proxy.records.ledger import Period, report
from gwproxy.simulator import (
    CLAUDE_GATEWAY,
    DEMO,
    KIMI_K25,
    STRONGWALL,
    Delivery,
    Ending,
    Manners,
    PlayedRefusal,
    RunningSimulator,
)
from support.gateway import StartGateway, TestGateway, chat, messages
from support.provider import StartProvider

PRICES = {"input": 3.0, "output": 15.0}


def record(provider: RunningSimulator, **more: Any) -> dict[str, Any]:
    return {
        "anthropic_url": provider.anthropic_url,
        "openai_url": provider.openai_url,
        "dialects": [d for d in ("anthropic", "chat") if d in provider.manners.dialects],
        "model": provider.manners.models[0],
        **more,
    }


def responses(text: str, *, stream: bool) -> dict[str, Any]:
    return {"model": "m", "input": text, "stream": stream}


def counted_chat(text: str, *, stream: bool) -> dict[str, Any]:
    """A relayed Chat stream tells its usage only to a client that asks for it."""
    wish = {"stream_options": {"include_usage": True}} if stream else {}
    return chat(text, stream=stream, **wish)


PATHS = {"messages": messages, "chat/completions": counted_chat, "responses": responses}


async def ask(gateway: TestGateway, path: str, text: str, *, stream: bool) -> tuple[int, str]:
    """The status, and our id of the exchange."""
    body = PATHS[path](text, stream=stream)
    async with gateway.post(f"/v1/{path}", body) as response:
        await response.read()
        return response.status, response.headers["x-gwproxy-request-id"]


@pytest.fixture
def ledger(gwproxy_home: Path) -> Path:
    return gwproxy_home / "usage.db"


async def sums(path: Path, waiting: int) -> tuple[int, int, int, int]:
    """Exchanges, input, output and cost, once `waiting` rows are on disk."""
    async with asyncio.timeout(10):
        while True:
            lines = report(path, "profile", Period())
            if sum(line.exchanges for line in lines) >= waiting:
                break
            await asyncio.sleep(0.05)
    return (
        sum(line.exchanges for line in lines),
        sum(line.input_total for line in lines),
        sum(line.output for line in lines),
        sum(line.cost_micro or 0 for line in lines),
    )


@pytest.mark.parametrize(
    "manners", [DEMO, KIMI_K25, STRONGWALL, CLAUDE_GATEWAY], ids=lambda m: m.name
)
async def test_the_ledger_equals_the_bill(
    start_gateway: StartGateway, start_provider: StartProvider, ledger: Path, manners: Manners
) -> None:
    """Every dialect, streamed and not, with refusals in between, all at once."""
    provider = await start_provider(manners)
    prices = {"prices": {**PRICES, "cache_read": 0.3, "cache_write": 4.5}}
    gateway = await start_gateway({"up": record(provider, **prices)}, options={"ledger": ledger})
    provider.will(PlayedRefusal(429, "slow down"), times=5)
    asked = [
        ask(gateway, path, f"Question {number}", stream=stream)
        for number in range(20)
        for path in PATHS
        for stream in (False, True)
    ]
    answered = await asyncio.gather(*asked)
    statuses = [status for status, _ in answered]
    assert (statuses.count(200), statuses.count(429)) == (115, 5)
    figures = [r.figures for r in provider.generations if r.figures]
    assert len(figures) == provider.billed == 115
    billed = [
        sum(f.prompt for f in figures),
        sum(f.output for f in figures),
        sum(
            (f.fresh * 30 + f.cached * 3 + f.written * 45 + f.output * 150 + 5) // 10
            for f in figures
        ),
    ]
    assert await sums(ledger, 120) == (120, *billed)
    with closing(sqlite3.connect(ledger)) as connection:
        ids = {row[0] for row in connection.execute("SELECT request_id FROM exchanges")}
    assert ids == {request_id for _, request_id in answered}


async def test_usage_that_nobody_told_is_unknown_and_not_zero(
    start_gateway: StartGateway, start_provider: StartProvider, ledger: Path
) -> None:
    provider = await start_provider(DEMO)
    gateway = await start_gateway(
        {"up": record(provider, prices=PRICES)}, options={"ledger": ledger}
    )
    async with gateway.post("/v1/chat/completions", chat("hi", stream=True)) as response:
        await response.read()
    await sums(ledger, 1)
    (line,) = report(ledger, "profile", Period())
    assert (line.cost_micro, line.unpriced) == (None, 1)


async def test_the_shape_of_the_answer(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(DEMO)
    gateway = await start_gateway({"up": record(provider, prices=PRICES)})
    _, ours = await ask(gateway, "messages", "hi", stream=True)
    (recorded,) = provider.generations
    figures = recorded.figures
    assert figures is not None
    expected = {
        "input_tokens": figures.fresh,
        "output_tokens": figures.output,
        "cache_read_input_tokens": figures.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "cost_micro": figures.fresh * 3 + figures.cached * 3 + figures.output * 15,
        "model": "demo-1",
    }
    for request_id in (ours, recorded.request_id):
        for prefix in ("", "/profiles/up"):
            async with gateway.get(f"{prefix}/v1/usage/{request_id}") as response:
                assert response.status == 200
                assert await response.json() == expected
    assert len(provider.requests) == 1, "the ledger was enough"


async def test_an_upstream_that_has_the_route_is_asked(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(CLAUDE_GATEWAY)
    gateway = await start_gateway({"up": record(provider)})
    await ask(gateway, "messages", "hi", stream=False)
    theirs = provider.generations[0].request_id
    again = await start_gateway({"up": record(provider)})  # which knows nothing of it
    async with again.get(f"/v1/usage/{theirs}") as response:
        told = await response.json()
    assert (response.status, told["cost_micro"] > 0) == (200, True)
    assert provider.requests[-1].method == "GET"


@pytest.mark.parametrize("request_id", ["req_unknown", "..%2f..%2fmodels", "a" * 500, "%00"])
async def test_what_nobody_knows(
    start_gateway: StartGateway, start_provider: StartProvider, request_id: str
) -> None:
    provider = await start_provider(DEMO)
    gateway = await start_gateway({"up": record(provider)})
    async with gateway.session.get(
        f"{gateway.url}/v1/usage/{request_id}", headers={"x-api-key": "wrong"}
    ) as response:
        assert response.status == 401
    async with gateway.get(f"/v1/usage/{request_id}") as response:
        assert response.status == 404
        assert "nothing is known of the request" in (await response.json())["error"]["message"]
    assert [r for r in provider.requests if r.path.endswith("/models")] == []


async def test_a_broken_stream_and_a_client_that_left_are_told_apart(
    start_gateway: StartGateway, start_provider: StartProvider, ledger: Path
) -> None:
    provider = await start_provider(DEMO)
    gateway = await start_gateway({"up": record(provider)}, options={"ledger": ledger})
    provider.will(Delivery(after_events=5, then=Ending.CUT))
    await ask(gateway, "messages", "cut", stream=True)
    provider.will(Delivery(after_events=5, then=Ending.SILENCE))
    async with gateway.post("/v1/messages", messages("leave", stream=True)) as response:
        await response.content.readany()
    await sums(ledger, 2)
    with closing(sqlite3.connect(ledger)) as connection:
        kinds = connection.execute(
            "SELECT status, error_kind, fresh FROM exchanges ORDER BY started_ms"
        ).fetchall()
    assert [kind[:2] for kind in kinds] == [(200, "upstream"), (499, "client_gone")]
    async with gateway.get("/v1/status") as response:
        told = await response.json()
    assert (told["answered"], told["failed"], len(told["last_errors"])) == (0, 1, 1)
    figures = [recorded.figures for recorded in provider.generations]
    # What a stream told in its first event is known, however it ended.
    assert [kind[2] for kind in kinds] == [f.fresh for f in figures if f]


async def test_what_the_provider_itself_refused_with_stands_beside_what_the_client_got(
    start_gateway: StartGateway, start_provider: StartProvider, ledger: Path
) -> None:
    provider = await start_provider(DEMO)
    gateway = await start_gateway({"up": record(provider)}, options={"ledger": ledger})
    for refusal in (PlayedRefusal(401), PlayedRefusal(429), None):
        if refusal is not None:
            provider.will(refusal)
        await ask(gateway, "messages", "hello", stream=False)
    await sums(ledger, 3)
    with closing(sqlite3.connect(ledger)) as connection:
        rows = connection.execute(
            "SELECT status, upstream_status FROM exchanges ORDER BY started_ms"
        ).fetchall()
    assert rows == [(400, 401), (429, 429), (200, None)]


async def test_questions_that_cost_nothing_have_no_row(
    start_gateway: StartGateway, start_provider: StartProvider, ledger: Path
) -> None:
    provider = await start_provider(DEMO)
    gateway = await start_gateway({"up": record(provider)}, options={"ledger": ledger})
    async with gateway.post("/v1/messages/count_tokens", messages("hi")) as response:
        assert response.status == 200
    async with gateway.get("/v1/models") as response:
        assert response.status == 200
    async with gateway.post("/v1/messages", b"no json") as response:
        assert response.status == 400
    await ask(gateway, "chat/completions", "hi", stream=False)
    assert (await sums(ledger, 1))[0] == 1


async def test_answers_go_on_when_nothing_can_be_recorded(
    start_gateway: StartGateway, start_provider: StartProvider, tmp_path: Path
) -> None:
    provider = await start_provider(DEMO)
    blocked = tmp_path / "a file"
    blocked.write_text("not a folder")
    options = {"ledger": blocked / "usage.db"}
    gateway = await start_gateway({"up": record(provider)}, options=options)
    for _ in range(3):
        status, ours = await ask(gateway, "messages", "hi", stream=True)
        assert status == 200
        async with gateway.get(f"/v1/usage/{ours}") as response:
            assert response.status == 200
