"""What the inspector's page reads, and the two things that it changes."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from gwproxy import __version__
from gwproxy.profiles import learned
from gwproxy.profiles.learned import Lesson
from gwproxy.profiles.store import ServeSettings
from gwproxy.proxy.inspector import views
from gwproxy.proxy.records.ledger import GROUPINGS
from support.gateway import KEY, TOKEN, StartGateway, TestGateway, chat
from support.inspector import SAME_ORIGIN, Page
from support.scripted import ScriptedUpstream, StartScripted, Visit

USED = {
    "prompt_tokens": 100,
    "completion_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 80},
}


PRICES = {"input": 3.0, "output": 15.0, "cache_read": 1.0}


async def asked(gateway: TestGateway, text: str = "hi", **more: Any) -> str:
    """One exchange, whatever comes of it; its id."""
    async with gateway.post("/v1/chat/completions", chat(text, **more)) as response:
        await response.read()
        return response.headers["x-gwproxy-request-id"]


async def answers(visit: Visit) -> None:
    message = {"role": "assistant", "content": "hello"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = {"id": "c", "object": "chat.completion", "model": "m", "choices": choices, "usage": USED}
    await visit.answer(json.dumps(body).encode())


async def refuses_with_the_key(visit: Visit) -> None:
    words = f"the key {KEY} and the token {TOKEN} and sk-ant-0123456789abcdef are not known"
    await visit.answer(json.dumps({"error": {"message": words}}).encode(), status=400)


# --- usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "group"),
    [
        ("", time.strftime("%Y-%m-%d")),
        ("?by=profile", "up"),
        ("?by=model&days=1", "m"),
        ("?by=client&days=366", "Python/3"),
    ],
)
async def test_usage_in_the_groups_of_the_ledger(
    start_gateway: StartGateway,
    start_scripted: StartScripted,
    tmp_path: Path,
    query: str,
    group: str,
) -> None:
    upstream = await start_scripted(answers)
    record = {"openai_url": upstream.url, "model": "m", "prices": PRICES}
    gateway = await start_gateway({"up": record}, options={"ledger": tmp_path / "usage.db"})
    page = await Page.let_in(gateway)
    assert (await page.get(f"/ui/api/usage{query}")).json == {"lines": [], "left_out": 0}
    for _ in range(2):
        await asked(gateway)
    await asyncio.to_thread(gateway.server.gateway._services.ledger.close)
    (line,) = (await page.get(f"/ui/api/usage{query}")).json["lines"]
    assert line.pop("group").startswith(group)
    assert line == {
        "exchanges": 2,
        "failed": 0,
        "input_tokens": 200,
        "cached_tokens": 160,
        "output_tokens": 14,
        "cost_unit": "USD",
        "cost_micro": 2 * (20 * 3 + 80 * 1 + 7 * 15),
        "unpriced": 0,
    }


async def test_of_too_many_groups_the_largest_are_shown_in_their_order(
    start_gateway: StartGateway,
    start_scripted: StartScripted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(views, "_MOST_LINES", 2)
    upstream = await start_scripted(answers)
    record = {"openai_url": upstream.url, "model": "m"}
    gateway = await start_gateway({"up": record}, options={"ledger": tmp_path / "usage.db"})
    for session in ("c", "b", "a", "c", "a"):
        odd = {"x-session-id": session}
        async with gateway.post("/v1/chat/completions", chat(), headers=odd) as response:
            assert response.status == 200
    await asyncio.to_thread(gateway.server.gateway._services.ledger.close)
    told = (await (await Page.let_in(gateway)).get("/ui/api/usage?by=session")).json
    assert [line["group"] for line in told["lines"]] == ["a", "c"]
    assert told["left_out"] == 1


@pytest.mark.parametrize(
    "query", ["by=hour", "by=", "days=0", "days=-1", "days=x", "days=1e9", "days=99999999999999999"]
)
async def test_what_usage_cannot_be_asked_for(gateway: TestGateway, query: str) -> None:
    answer = await (await Page.let_in(gateway)).get(f"/ui/api/usage?{query}")
    assert (answer.status, [*answer.json]) == (400, ["error"])


# --- profiles ------------------------------------------------------------------------------------


async def test_profiles_with_where_the_key_came_from_and_who_says_which_quirk(
    start_gateway: StartGateway, start_scripted: StartScripted
) -> None:
    upstream = await start_scripted(answers)
    records = {
        "up": {"openai_url": upstream.url, "model": "m", "quirks": {"vision": False}},
        "kimi": {"preset": "kimi-code", "fallback": ["up"]},
    }
    gateway = await start_gateway(records)
    page = await Page.let_in(gateway)
    before = (await page.get("/ui/api/profiles")).json
    assert (before["version"], before["default"]) == (__version__, "up")
    up, kimi = before["profiles"]
    assert (up["name"], up["model"], up["dialects"]) == ("up", "m", ["chat"])
    assert up["hosts"] == [upstream.url.removeprefix("http://")]
    assert (up["key"], up["key_trouble"], up["last_success_ms"]) == (None, None, None)
    assert (up["cooling_s"], up["in_flight"], up["waiting"], up["lessons"]) == (None, 0, 0, [])
    (vision,) = up["quirks"]
    assert vision == {
        "name": "vision",
        "value": False,
        "source": "config.toml",
        "why": vision["why"],
    }
    assert vision["why"]
    assert {one["source"] for one in kimi["quirks"]} >= {"preset kimi-code"}

    await asked(gateway)
    up, _ = (await page.get("/ui/api/profiles")).json["profiles"]
    assert up["key"] == {"source": "keyring", "masked": f"…{KEY[-4:]}"}
    assert abs(up["last_success_ms"] - time.time() * 1000) < 60_000


LESSONS = (
    Lesson("up", "m", "sampling", "drop", "2026-11-01", "it takes no temperature"),
    Lesson("up", "m", "omit", ("seed",), "2026-11-02", "seed is refused"),
    Lesson("up", "other", "omit", ("seed",), "2026-11-03", "seed is refused"),
    Lesson("gone", "m", "omit", ("seed",), "2026-11-04", "seed is refused"),
)


async def test_a_lesson_is_shown_and_forgotten_alone(
    start_gateway: StartGateway, upstream: ScriptedUpstream, gwproxy_home: Path
) -> None:
    learned.add(LESSONS)
    record = {"openai_url": upstream.url, "model": "m"}
    gateway = await start_gateway({"up": record}, options={"learns": True})
    page = await Page.let_in(gateway)

    async def shown() -> list[dict[str, Any]]:
        (profile,) = (await page.get("/ui/api/profiles")).json["profiles"]
        return list(profile["lessons"])

    first, second, third = await shown()
    assert second == {
        "id": second["id"],
        "name": "seed",
        "value": ["seed"],
        "words": "seed is refused",
        "day": "2026-11-02",
        "host": upstream.url.removeprefix("http://"),
        "model": "m",
    }
    assert len({first["id"], second["id"], third["id"]}) == 3
    wish = {"profile": "up", "id": second["id"]}
    answer = await page.post("/ui/api/lessons/forget", wish)
    assert (answer.status, answer.json) == (200, {"forgotten": True})
    assert await shown() == [first, third]
    assert learned.load() == (LESSONS[0], *LESSONS[2:])
    assert (await page.post("/ui/api/lessons/forget", wish)).status == 404
    for profile in ("gone", "nobody"):
        odd = {"profile": profile, "id": first["id"]}
        assert (await page.post("/ui/api/lessons/forget", odd)).status == 404


@pytest.mark.parametrize("body", [[], "x", {}, {"profile": "up"}, {"profile": "up", "id": 1}])
async def test_an_order_that_cannot_be_read_is_refused(gateway: TestGateway, body: Any) -> None:
    page = await Page.let_in(gateway)
    assert (await page.post("/ui/api/lessons/forget", body)).status == 400
    assert (await page.post("/ui/api/capture", body)).status == 400
    assert (await page.post("/ui/api/capture", {"on": "yes"})).status == 400


async def test_nothing_is_changed_by_a_get(gateway: TestGateway) -> None:
    page = await Page.let_in(gateway)
    for path in ("/ui/api/lessons/forget", "/ui/api/capture", "/ui/api/enter"):
        answer = await page.get(path)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
async def test_all_else_can_only_be_read(gateway: TestGateway, method: str) -> None:
    page = await Page.let_in(gateway)
    for path in ("exchanges", "exchanges/req_1", "exchanges/req_1/capture", "events", "usage"):
        head = {**SAME_ORIGIN, "Origin": page.origin, "x-gwproxy-page": page.secret}
        answer = await page.ask(method, f"/ui/api/{path}", head)
        assert (answer.status, answer.headers["allow"]) == (405, "GET")


# --- captures ------------------------------------------------------------------------------------


async def test_capturing_is_switched_for_this_run_and_shows_four_panes(
    start_gateway: StartGateway,
    start_scripted: StartScripted,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "gwproxy")
    upstream = await start_scripted(answers)
    record = {"anthropic_url": upstream.url, "openai_url": upstream.url, "model": "up-model"}
    gateway = await start_gateway({"up": record}, options={"captures": tmp_path / "kept"})
    page = await Page.let_in(gateway)

    async def state() -> tuple[bool, bool]:
        told = (await page.get("/ui/api/profiles")).json
        return told["captures"], told["capture_forced"]

    unseen = await asked(gateway)
    assert (await page.get(f"/ui/api/exchanges/{unseen}/capture")).status == 404
    assert (await page.get(f"/ui/api/exchanges/{unseen}")).json["captured"] is False
    assert await state() == (False, False)
    assert (await page.post("/ui/api/capture", {"on": True})).json == {"captures": True}
    assert await state() == (True, True)
    assert "capturing is switched on for this run" in caplog.messages

    request_id = await asked(gateway, "look at this")
    told = (await page.get(f"/ui/api/exchanges/{request_id}/capture")).json
    assert (await page.get(f"/ui/api/exchanges/{request_id}")).json["captured"] is True
    assert [*told] == ["cut", "in", "tries", "out", "out_times"]
    assert (told["cut"], told["in"]["path"]) == (False, "/v1/chat/completions")
    assert json.loads(told["in"]["body"]) == chat("look at this")
    (one,) = told["tries"]
    assert (one["profile"], one["status"]) == ("up", 200)
    assert one["url"] == f"{upstream.url}/v1/chat/completions"
    assert json.loads(one["body"])["model"] == "up-model"
    assert json.loads(one["answer"])["model"] == "m"
    ((came_ms, size),), ((went_ms, sent),) = one["times"], told["out_times"]
    assert 0 <= came_ms <= went_ms
    assert (size, sent) == (len(one["answer"]), len(told["out"]))
    assert json.loads(told["out"])["choices"][0]["message"]["content"] == "hello"

    assert (await page.post("/ui/api/capture", {"on": False})).json == {"captures": False}
    again = await asked(gateway)
    assert (await page.get(f"/ui/api/exchanges/{again}/capture")).status == 404


async def test_what_config_toml_says_is_switched_off_as_well(
    start_gateway: StartGateway, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}},
        serve=ServeSettings(capture=True),
        options={"captures": tmp_path / "kept"},
    )
    page = await Page.let_in(gateway)
    assert (await page.get("/ui/api/profiles")).json["captures"] is True
    await page.post("/ui/api/capture", {"on": False})
    request_id = await asked(gateway)
    assert (await page.get(f"/ui/api/exchanges/{request_id}/capture")).status == 404
    async with gateway.get("/v1/status") as response:
        assert (await response.json())["captures"] is False


async def test_a_server_without_a_place_for_captures_says_so(gateway: TestGateway) -> None:
    page = await Page.let_in(gateway)
    assert (await page.get("/ui/api/profiles")).json["can_capture"] is False
    assert (await page.post("/ui/api/capture", {"on": True})).status == 409


@pytest.mark.parametrize("request_id", ["", "last", "..%2fusage", "req_", "../usage", "req_1/x"])
async def test_only_an_id_leads_to_a_capture(
    start_gateway: StartGateway, upstream: ScriptedUpstream, tmp_path: Path, request_id: str
) -> None:
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}},
        serve=ServeSettings(capture=True),
        options={"captures": tmp_path / "kept"},
    )
    (tmp_path / "usage.json").write_text("{}")
    await asked(gateway)
    page = await Page.let_in(gateway)
    assert (await page.get(f"/ui/api/exchanges/{request_id}/capture")).status == 404


# --- exchanges -----------------------------------------------------------------------------------


async def test_exchanges_are_those_of_the_route_for_the_local_token(
    start_gateway: StartGateway, start_scripted: StartScripted
) -> None:
    async def script(visit: Visit) -> None:
        await (refuses_with_the_key if b"no" in visit.body else answers)(visit)

    upstream = await start_scripted(script)
    gateway = await start_gateway({"up": {"openai_url": upstream.url, "model": "m"}})
    page = await Page.let_in(gateway)
    ids = [await asked(gateway, text) for text in ("yes", "no", "yes")]
    for query in ("", "?limit=2", "?errors=1", "?profile=nobody", "?since_ms=1"):
        async with gateway.get(f"/v1/exchanges{query}") as response:
            assert (await page.get(f"/ui/api/exchanges{query}")).json == await response.json()
    found = (await page.get("/ui/api/exchanges")).json["exchanges"]
    assert [one["request_id"] for one in found] == ids[::-1]
    (failed,) = (await page.get("/ui/api/exchanges?errors=1")).json["exchanges"]
    assert failed["request_id"] == ids[1]
    told = (await page.get(f"/ui/api/exchanges/{ids[1]}")).json
    assert told == {"exchange": failed, "captured": False}
    for path, status in (("/req_none", 404), (f"/{ids[0]}/x", 404), ("?limit=x", 400)):
        answer = await page.get(f"/ui/api/exchanges{path}")
        assert (answer.status, [*answer.json]) == (status, ["error"])


# --- secrets -------------------------------------------------------------------------------------


async def test_no_key_and_no_token_reaches_the_page(
    start_gateway: StartGateway, start_scripted: StartScripted, tmp_path: Path, gwproxy_home: Path
) -> None:
    """Planted in what a tool sends (in every form), in what a provider says, and in a lesson."""
    upstream = await start_scripted(refuses_with_the_key)
    learned.add([Lesson("up", "m", "omit", ("seed",), "2026-11-02", f"{KEY} and {TOKEN}")])
    gateway = await start_gateway(
        {"up": {"openai_url": upstream.url, "model": "m"}},
        serve=ServeSettings(capture=True),
        options={"captures": tmp_path / "kept", "ledger": tmp_path / "usage.db", "learns": True},
    )
    page = await Page.let_in(gateway)
    escaped = KEY.replace("-", "\\u002d")
    request_id = await asked(gateway, f"{KEY} {TOKEN} {escaped}", user=f"Bearer {KEY}")
    capture = f"/ui/api/exchanges/{request_id}/capture"
    odd = {"user-agent": f"tool-{TOKEN}", "x-session-id": KEY}
    async with gateway.post("/v1/messages", {"model": f"up/{KEY}"}, headers=odd) as response:
        assert response.status == 400
    usage = tuple(f"/ui/api/usage?by={group}" for group in GROUPINGS)
    one = f"/ui/api/exchanges/{request_id}"
    for path in ("/ui/api/profiles", "/ui/api/exchanges", one, *usage, capture):
        answer = await page.get(path)
        assert answer.status == 200
    assert "[masked]" in page.seen[-1].body.decode()
    for answer in page.seen:
        text = answer.body.decode()
        for secret in (KEY, TOKEN, escaped, escaped.replace("\\", "\\\\"), "sk-ant-0123"):
            assert secret not in text
    assert json.loads(page.seen[-1].body)["tries"], "and what is left is still JSON"
