"""A simulated client: it holds the demo's conversation in any dialect and believes nothing.

It asks about the weather in two cities, expects two parallel tool calls, sends their results
with the assistant's turn exactly as it received it (thinking and signatures included, as Claude
Code does), and expects both results in the final text. Whatever a strict client of the dialect
would stumble over raises `Unfit`. Like the provider it shares no code with the translators.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import aiohttp

from gwproxy.simulator.caller import chat, messages, responses
from gwproxy.simulator.caller.answers import CallerAnswer, CallerCodec, Unfit, need, unframed
from gwproxy.simulator.conversation import DialectName
from gwproxy.simulator.wire import Json

__all__ = ["CODECS", "CallerAnswer", "CallerTurn", "Talk", "Unfit", "talk"]

CODECS: Mapping[DialectName, CallerCodec] = MappingProxyType(
    {codec.dialect: codec for codec in (messages.CODEC, chat.CODEC, responses.CODEC)}
)
WEATHER: Mapping[str, str] = MappingProxyType({"Paris": "12 °C, rain", "Tokyo": "24 °C, clear"})

# Nothing simulated takes that long; a hang must not keep a demo from ending.
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class CallerTurn:
    """One answer, the headers that came with it (names in lower case), and what was asked."""

    answer: CallerAnswer
    headers: Mapping[str, str]
    sent: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Talk:
    """A whole conversation: the turn with the calls, and the turn that reports their results."""

    calling: CallerTurn
    reporting: CallerTurn


async def talk(
    base_url: str, dialect: DialectName, *, model: str, token: str, streamed: bool
) -> Talk:
    """Holds the conversation with whatever answers at `base_url` (which has no `/v1`).

    Raises:
        Unfit: an answer that a strict client could not use, or not the expected one.
    """
    codec = CODECS[dialect]
    url = base_url + codec.path
    headers = {"authorization": f"Bearer {token}"} | dict(codec.headers)
    patience = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with aiohttp.ClientSession(headers=headers, timeout=patience) as session:
        body = codec.first(model) | _stream_members(dialect, streamed)
        calling = await _ask(session, url, codec, body, streamed)
        results = _results(calling.answer)
        body = codec.next(body, calling.answer, results)
        reporting = await _ask(session, url, codec, body, streamed)
    said = reporting.answer
    need(not said.calls and not said.wants_results, "the second answer calls a tool again")
    for weather in WEATHER.values():
        need(weather in said.text, f"the result “{weather}” did not come back: {said.text!r}")
    return Talk(calling, reporting)


def _stream_members(dialect: DialectName, streamed: bool) -> Json:
    if not streamed:
        return {}
    usage = {"stream_options": {"include_usage": True}} if dialect == "chat" else {}
    return {"stream": True} | usage


def _results(answer: CallerAnswer) -> dict[str, str]:
    need(answer.wants_results, "the first answer does not stop for its tool calls")
    cities = [str(call.arguments.get("city")) for call in answer.calls]
    need(cities == list(WEATHER), f"calls for {list(WEATHER)} were expected, not for {cities}")
    results = {call.call_id: WEATHER[city] for call, city in zip(answer.calls, cities, strict=True)}
    need(len(results) == len(cities), "two calls have the same id")
    return results


async def _ask(
    session: aiohttp.ClientSession, url: str, codec: CallerCodec, body: Json, streamed: bool
) -> CallerTurn:
    try:
        async with session.post(url, json=body) as response:
            raw = await response.read()
            status, headers = response.status, response.headers
    except (TimeoutError, aiohttp.ClientError) as error:
        raise Unfit(f"no answer: {type(error).__name__}: {error}") from error
    need(status == 200, f"HTTP {status}: {raw[:300].decode(errors='replace')}")
    kind = headers.get("content-type", "").partition(";")[0]
    expected = "text/event-stream" if streamed else "application/json"
    need(kind == expected, f"{expected} was asked for, {kind} came")
    answer = _understood(codec, raw, streamed)
    return CallerTurn(answer, {name.lower(): value for name, value in headers.items()}, body)


def _understood(codec: CallerCodec, raw: bytes, streamed: bool) -> CallerAnswer:
    try:
        return codec.streamed(unframed(raw)) if streamed else codec.whole(json.loads(raw))
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise Unfit(f"not the shape of {codec.dialect}: {error!r}") from error
