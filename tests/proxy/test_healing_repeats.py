"""A documented refusal is asked about once more, as the upstream wants it, and remembered.

The upstream's requests are counted in every test: what may have been billed is never repeated.
"""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gwproxy.profiles import learned
from gwproxy.profiles.learned import Lesson
from gwproxy.proxy.exchange.healing import Healing
from gwproxy.proxy.routing.route import Routes
from gwproxy.simulator import (
    CLAUDE_GATEWAY,
    DEMO,
    KIMI_CODE,
    Delivery,
    PlayedRefusal,
    Rule,
    RunningSimulator,
    strictly,
)
from gwproxy.simulator.conversation import PlayedAnswer
from gwproxy.translate.hub import Dialect, Failure, FailureKind
from support.conversations import PNG
from support.gateway import KEY, QUICK, StartGateway, TestGateway, chat, messages
from support.provider import StartProvider, record

FIXED = replace(DEMO, rules=frozenset({Rule.SAMPLING}))
SAMPLING = PlayedRefusal(400, "invalid temperature: only 1 is allowed for this model")
MISSING = "thinking is enabled but reasoning_content is missing in assistant tool call message"


async def ask(gateway: TestGateway, body: Any = None, **headers: str) -> tuple[int, str, bytes]:
    """Status, what was lost, and the answer."""
    path = "/v1/chat/completions"
    sent = chat(temperature=0.3) if body is None else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway.post(path, sent, headers=named) as response:
        return response.status, response.headers.get("x-gwproxy-loss", ""), await response.read()


def statuses(provider: RunningSimulator) -> list[int | None]:
    return [one.status for one in provider.generations]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refusal_is_repeated_once_and_learned(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    caplog: pytest.LogCaptureFixture,
    streamed: bool,
) -> None:
    caplog.set_level(logging.INFO, "gwproxy")
    provider = await start_provider(FIXED)
    gateway = await start_gateway({"up": record(provider)})
    body = chat(temperature=0.3, stream=streamed)
    status, lost, answer = await ask(gateway, body)
    assert (status, b"error" in answer) == (200, False)
    assert answer.endswith(b"data: [DONE]\n\n") is streamed
    heals = [one for one in lost.split(", ") if one.startswith("heal")]
    assert heals == ["heal:sampling=drop"]
    assert statuses(provider) == [400, 200]
    assert "temperature" not in provider.generations[-1].body
    # From now on it is asked like that at once.
    status, lost, _ = await ask(gateway, body)
    assert (status, "heal" in lost, "drop:temperature" in lost) == (200, False, True)
    assert statuses(provider) == [400, 200, 200]
    assert provider.billed == 2
    told = [one for one in caplog.messages if "sampling is fixed" in one]
    assert told[0] == "up (demo-1): sampling is fixed; sampling=drop"
    assert "asked again, since sampling is fixed" in told[1]


async def test_translated_exchanges_learn_too(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(replace(FIXED, dialects=frozenset({"chat"})))
    gateway = await start_gateway({"up": record(provider, dialects=["chat"])})
    async with gateway.post("/v1/messages", messages(temperature=0.3)) as response:
        assert response.status == 200
        assert "heal:sampling=drop" in response.headers["x-gwproxy-loss"]
    assert statuses(provider) == [400, 200]


async def test_what_helps_not_is_told_and_not_learned(
    start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    gateway = await start_gateway({"up": record(provider)})
    provider.will(SAMPLING, times=3)  # at last to a request that was rebuilt
    status, _, answer = await ask(gateway)
    assert (status, b"only 1 is allowed" in answer) == (400, True)
    assert statuses(provider) == [400, 400, 400]
    # Nothing was learned by it: the next request is relayed as it came.
    await ask(gateway)
    assert provider.generations[-1].body["temperature"] == 0.3


async def test_one_complaint_after_the_other_is_met_in_one_request_and_learned(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(
        replace(DEMO, rules=frozenset({Rule.EXTRA_FIELDS, Rule.SAMPLING}))
    )
    gateway = await start_gateway({"up": record(provider)})
    body = chat(temperature=0.3, verbosity="low")
    status, lost, _ = await ask(gateway, body)
    assert status == 200
    assert {"heal:omit=verbosity", "heal:sampling=drop"} <= set(lost.split(", "))
    refused = len(statuses(provider)) - 1
    assert statuses(provider) == [400] * refused + [200]
    assert (await ask(gateway, body))[0] == 200
    assert statuses(provider)[refused:] == [200, 200]


@pytest.mark.parametrize("status", [401, 402, 403, 404, 409, 413, 500, 502])
async def test_nothing_else_is_repeated(
    start_gateway: StartGateway, provider: RunningSimulator, status: int
) -> None:
    gateway = await start_gateway({"up": record(provider)})
    provider.will(PlayedRefusal(status, SAMPLING.message))
    answered, _, _ = await ask(gateway)
    assert answered >= 400
    assert statuses(provider) == [status]


async def test_other_words_are_not_repeated(
    start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    gateway = await start_gateway({"up": record(provider)})
    provider.will(
        PlayedRefusal(400, "The request was rejected because it was considered high risk")
    )
    answered, _, answer = await ask(gateway)
    assert (answered, b"high risk" in answer) == (400, True)
    assert statuses(provider) == [400]


async def test_an_error_inside_an_answer_is_not_repeated(
    start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    gateway = await start_gateway({"up": record(provider)})
    body = json.dumps({"error": {"message": SAMPLING.message, "code": 400}})
    provider.will(PlayedRefusal(200, body=body))
    answered, _, _ = await ask(gateway)
    assert answered >= 400
    assert statuses(provider) == [200]


async def test_not_for_a_client_that_wants_its_request_as_it_is(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(FIXED)
    gateway = await start_gateway({"up": record(provider)})
    status, _, _ = await ask(gateway, x_gwproxy_strict="1")
    assert (status, statuses(provider)) == (400, [400])


async def test_what_a_person_set_is_not_changed(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(FIXED)
    gateway = await start_gateway({"up": record(provider, quirks={"sampling": "pass"})})
    status, _, _ = await ask(gateway)
    assert (status, statuses(provider)) == (400, [400])


async def test_not_after_the_first_byte(
    start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    limits = replace(QUICK, early_status_s=0.01)
    gateway = await start_gateway({"up": record(provider)}, limits=limits)
    # The head of the refusal comes long after the stream was opened.
    provider.will(Delivery(head_after_s=0.5), SAMPLING)
    status, _, answer = await ask(gateway, chat(temperature=0.3, stream=True))
    assert (status, b"only 1 is allowed" in answer) == (200, True)
    assert statuses(provider) == [400]


async def test_the_fault_of_one_request_teaches_nothing(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(CLAUDE_GATEWAY, key=KEY)
    urls = {"anthropic_url": provider.anthropic_url, "openai_url": provider.openai_url}
    gateway = await start_gateway({"up": {"preset": "claude-gateway", **urls}})
    forged = {"type": "thinking", "thinking": "hm", "signature": "another model's"}
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [forged, {"type": "text", "text": "hello"}]},
        {"role": "user", "content": "again"},
    ]
    body = {**messages(), "messages": turns}
    for _ in range(2):
        async with gateway.post("/v1/messages", body) as response:
            assert response.status == 200
            assert "reasoning_in=none" in response.headers["x-gwproxy-loss"]
    assert statuses(provider) == [400, 200, 400, 200]
    async with gateway.post("/v1/messages", messages()) as response:
        assert "x-gwproxy-loss" not in response.headers  # relayed as before


async def test_models_learn_apart(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(FIXED)
    gateway = await start_gateway({"up": record(provider, models=["other"])})
    await ask(gateway)
    status, lost, _ = await ask(gateway, chat(temperature=0.3) | {"model": "other"})
    assert (status, "heal" in lost) == (200, True)
    assert statuses(provider) == [400, 200, 400, 200]


async def test_lessons_outlast_the_server_until_they_are_forgotten(
    start_gateway: StartGateway, start_provider: StartProvider, gwproxy_home: Path
) -> None:
    provider = await start_provider(FIXED)
    first = await start_gateway({"up": record(provider)}, options={"learns": True})
    await ask(first)
    kept = learned.load()
    assert {(one.quirk, one.value) for one in kept} == {("sampling", "drop")}
    assert {one.day for one in kept} == {date.today().isoformat()}
    second = await start_gateway({"up": record(provider)}, options={"learns": True})
    await ask(second)
    assert statuses(provider) == [400, 200, 200]
    # A running server hears of it.
    assert learned.forget("up") == 1
    await ask(second)
    assert statuses(provider) == [400, 200, 200, 400, 200]


def healing_of(day: date) -> tuple[Healing, Routes]:
    from gwproxy.profiles.record import make_profile
    from gwproxy.profiles.store import Config

    record = {"preset": "custom", "model": "m", "openai_url": "http://127.0.0.1:9/v1"}
    config = Config(profiles={"up": make_profile("up", record)}, default="up")
    return Healing(keeps=False, today=lambda: day), Routes(config)


async def test_a_lesson_has_its_day(gwproxy_home: Path) -> None:
    _, routes = healing_of(date(2026, 11, 22))
    healing = Healing(keeps=True, today=lambda: date(2026, 11, 22))
    route = routes.find("", "m", Dialect.CHAT)
    failure = Failure(FailureKind.INVALID, MISSING, 400)
    healed = next(healing.remedies(failure, route, faithful=False))
    await healing.learn(healed)
    lesson = Lesson(
        "up", "m", "reasoning_placeholder", " ", "2026-11-22", "reasoning is missing on a call"
    )
    assert learned.load() == (lesson,)
    assert healing.informed(route).quirks.reasoning_placeholder == " "


async def test_a_folder_that_cannot_be_written_stops_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # GWPROXY_HOME leads nowhere in this test.
    _, routes = healing_of(date(2026, 11, 22))
    healing = Healing(keeps=True)
    route = routes.find("", "m", Dialect.CHAT)
    healed = next(
        healing.remedies(Failure(FailureKind.INVALID, MISSING, 400), route, faithful=False)
    )
    await healing.learn(healed)
    assert any("cannot be kept" in one for one in caplog.messages)


async def test_memory_without_a_file_is_bounded() -> None:
    healing, routes = healing_of(date(2026, 11, 22))
    route = routes.find("", "m", Dialect.CHAT)
    failure = Failure(FailureKind.INVALID, MISSING, 400)
    for number in range(1005):
        healed = next(healing.remedies(failure, replace(route, model=f"m{number}"), faithful=False))
        await healing.learn(healed)
    forgotten, known = replace(route, model="m4"), replace(route, model="m5")
    assert healing.informed(forgotten) is forgotten
    assert healing.informed(known).quirks.reasoning_placeholder == " "


async def test_a_refusal_without_a_reason_is_met_by_leaving_out_all_that_causes_it(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider(strictly(KIMI_CODE), key=KEY)
    up = {"preset": "custom", "model": "m", "anthropic_url": provider.anthropic_url}
    gateway = await start_gateway({"up": up, "settled": {**up, "quirks": {"mid_system": "native"}}})
    found = [{"type": "tool_reference", "tool_name": "ls"}]
    turns = [
        {"role": "user", "content": "look around"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t", "name": "s", "input": {}}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": found}],
        },
    ]
    schema = {"type": "object", "properties": {}}
    body = {
        **messages(),
        "messages": turns,
        "thinking": {"type": "disabled"},
        "tools": [{"name": name, "input_schema": schema} for name in ("s", "ls")],
    }
    async with gateway.post("/profiles/settled/v1/messages", body) as response:
        # What a person set by hand is theirs to change, and the words are told.
        assert (response.status, b"Invalid request Error" in await response.read()) == (400, True)
    async with gateway.post("/v1/messages", body) as response:
        assert response.status == 200
        lost = response.headers["x-gwproxy-loss"]
    assert "heal:tool_references=false" in lost
    assert "rebuild" not in lost
    assert statuses(provider) == [400, 400, 200]


async def test_a_request_too_large_is_asked_again_without_what_tools_had_shown(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider()
    gateway = await start_gateway({"up": record(provider)})
    large = base64.b64encode(base64.b64decode(PNG) + bytes(60_000)).decode()
    source = {"type": "base64", "media_type": "image/png", "data": large}
    image = {"type": "image", "source": source}
    body = messages() | {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look"}, image]},
            {"role": "assistant", "content": "I see."},
            {"role": "user", "content": [{"type": "text", "text": "And this?"}, image]},
        ]
    }
    provider.will(PlayedRefusal(413, "Request Entity Too Large"))
    async with gateway.post("/v1/messages", body) as response:
        assert response.status == 200
        assert "heal:rebuild=true" in response.headers["x-gwproxy-loss"]
    assert statuses(provider) == [413, 200]
    first, _, last = provider.generations[-1].body["messages"]
    assert large not in json.dumps(first)
    assert large in json.dumps(last)
    # One large request says nothing of the next.
    async with gateway.post("/v1/messages", messages()) as response:
        assert "x-gwproxy-loss" not in response.headers


async def test_what_would_be_refused_again_is_not_asked_again(
    start_gateway: StartGateway, start_provider: StartProvider
) -> None:
    provider = await start_provider()
    gateway = await start_gateway({"up": record(provider, quirks={"rebuild": True})})
    provider.will(PlayedRefusal(413, "Request Entity Too Large"))
    async with gateway.post("/v1/messages", messages()) as response:
        assert response.status == 413
    assert statuses(provider) == [413]


def saying(member: str) -> PlayedRefusal:
    return PlayedRefusal(400, f"{member}: Extra inputs are not permitted")


MEMBERS = ("temperature", "top_p", "user", "metadata", "service_tier", "seed", "verbosity")


async def test_each_refusal_takes_what_it_names_and_six_are_enough(
    start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    gateway = await start_gateway({"up": record(provider)})
    body = chat() | dict.fromkeys(MEMBERS, 1)
    for member in MEMBERS:
        provider.will(saying(member))
    status, _, answer = await ask(gateway, body)
    assert (status, b"verbosity" in answer) == (400, True)
    assert statuses(provider) == [400] * 7
    sent = [set(MEMBERS) & one.body.keys() for one in provider.generations]
    assert sent == [set(MEMBERS[number:]) for number in range(7)]
    # Six were understood, and the seventh is asked about now.
    provider.will(saying("verbosity"))
    status, lost, _ = await ask(gateway, body)
    assert (status, "heal:omit=verbosity" in lost) == (200, True)
    assert set(MEMBERS) & provider.generations[-1].body.keys() == set()


async def test_all_members_of_one_refusal_go_at_once_and_nothing_else(
    start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    gateway = await start_gateway({"up": record(provider)})
    body = messages(temperature=0.3, metadata={"user_id": "u"}, of_tomorrow=[1])
    body["system"] = [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]
    words = "temperature: Extra inputs are not permitted\nmetadata: Extra inputs are not permitted"
    provider.will(PlayedRefusal(400, words))
    async with gateway.post("/v1/messages", body) as response:
        assert response.status == 200
    first, last = (one.body for one in provider.generations)
    assert {"temperature", "metadata"} == first.keys() - last.keys()
    assert last == {name: first[name] for name in last}


async def test_a_guess_is_a_lesson_when_it_is_seen_again(
    start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    gateway = await start_gateway({"up": record(provider)})
    body = chat(service_tier="auto")
    vague = PlayedRefusal(400, "This model does not support service_tier")
    for _ in range(2):
        provider.will(vague)
        assert (await ask(gateway, body))[0] == 200
    assert statuses(provider) == [400, 200, 400, 200]
    assert (await ask(gateway, body))[0] == 200
    assert "service_tier" not in provider.generations[-1].body


async def test_a_refused_beta_goes_alone(
    start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    gateway = await start_gateway({"up": record(provider)})
    provider.will(
        PlayedRefusal(400, "Unexpected value(s) `x-2026-01-01` for the `anthropic-beta` header.")
    )
    betas = "context-1m-2025-08-07,x-2026-01-01"
    for _ in range(2):
        headers = {"anthropic-beta": betas}
        async with gateway.post("/v1/messages", messages(), headers=headers) as response:
            assert response.status == 200
    assert statuses(provider) == [400, 200, 200]
    first, *others = provider.generations
    assert [dict(one.headers)["anthropic-beta"] for one in others] == ["context-1m-2025-08-07"] * 2
    assert [one.body for one in others] == [first.body] * 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refused_format_is_asked_for_in_words_and_all_else_stays(
    start_gateway: StartGateway, start_provider: StartProvider, streamed: bool, gwproxy_home: Path
) -> None:
    """For one schema that is refused, this once; for the format, from then on."""
    provider = await start_provider(
        DEMO, lambda _: PlayedAnswer('So:\n```json\n{"title": "x"}\n```')
    )
    options = {"learns": True}
    gateway = await start_gateway({"up": record(provider)}, options=options)
    schema = {"type": "object", "required": ["title"]}
    wanted = {"format": {"type": "json_schema", "schema": schema}}
    body = messages(novelty=1, system="s", stream=streamed, output_config=wanted)
    for words, lessons in (
        ("output_config.format.schema: For 'object' type, 'additionalProperties' must be", []),
        ("'demo-1' does not support output format.", [("json_schema", "prompt", False)]),
    ):
        provider.will(PlayedRefusal(400, words))
        async with gateway.post(
            "/v1/messages", body, headers={"anthropic-beta": "b-1"}
        ) as response:
            answer = await response.text()
            lost = response.headers["x-gwproxy-loss"].split(", ")
        assert response.status == 200 and "```" not in answer
        assert lost == ["emu:response_format", "heal:json_schema=prompt"]
        first, second = provider.generations[-2:]
        assert {**first.body, "system": second.body["system"]} == {
            **second.body,
            "output_config": wanted,
        }
        assert dict(second.headers)["anthropic-beta"] == "b-1"
        assert [(one.quirk, one.value, one.relayed) for one in learned.load()] == lessons
    async with gateway.post("/v1/messages", body) as response:
        assert "```" not in await response.text()
    assert statuses(provider)[-3:] == [400, 200, 200]
