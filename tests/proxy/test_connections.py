"""Connections to upstreams in the running gateway: what stays of them."""

from __future__ import annotations

import asyncio
import gc

import aiohttp
import pytest

from support.gateway import StartGateway, chat
from support.scripted import StartScripted, Visit, chat_stream

PATH = "/v1/chat/completions"


def readers() -> int:
    gc.collect()
    return sum(isinstance(it, aiohttp.StreamReader) for it in gc.get_objects())


@pytest.mark.parametrize("how", ["answered", "reset", "client left"])
async def test_nothing_stays_of_a_streamed_answer(
    start_gateway: StartGateway, start_scripted: StartScripted, how: str
) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(chat_stream("hello")[:-20])
        if how == "client left":
            await visit.wait_until_gone()
            return
        await visit.go_on.wait()
        if how == "reset":
            visit.reset()
            return
        await visit.chunk(chat_stream("hello")[-20:])
        await visit.end_stream()
        visit.close()

    async def once(number: int) -> None:
        async with gateway.post(PATH, chat(stream=True)) as response:
            await response.content.readany()
            visit = await upstream.visit(number)
            if how == "client left":
                response.close()
                await asyncio.wait_for(visit.gone.wait(), 10)
                return
            visit.go_on.set()
            await response.read()

    upstream = await start_scripted(script)
    gateway = await start_gateway({"up": {"openai_url": upstream.url, "model": "up-model"}})
    await once(1)
    before = readers()
    for number in range(2, 22):
        await once(number)
    async with asyncio.timeout(10):
        while readers() > before + 4:  # noqa: ASYNC110 -- the last are still on their way out
            await asyncio.sleep(0.05)
