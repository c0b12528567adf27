"""What the gateway remembers of responses: when, for whom, and what it says of it."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwproxy.simulator import KIMI_K25, Delivery, Disorder, Ending, RunningSimulator, strictly
from gwproxy.simulator.conversation import PlayedSaying
from support import responses_grammar
from support.gateway import TOKEN, StartGateway, TestGateway
from support.provider import StartProvider, seen
from support.scripted import ScriptedUpstream, StartScripted, Visit, chat_answer
from support.upstreams import CHAT_ONLY, RESPONSES_ONLY, UPSTREAMS, Upstream

RESPONSES = "/v1/responses"


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "input": text, **more}


async def post(
    gateway: TestGateway, body: Any, *, path: str = RESPONSES, status: int = 200
) -> dict[str, Any]:
    """The response object of the answer, or its error, after the strict client has checked it."""
    async with gateway.post(path, body) as response:
        data = await response.read()
        assert response.status == status, data
    if status != 200:
        return dict(json.loads(data)["error"])
    if not (isinstance(body, Mapping) and body.get("stream")):
        responses_grammar.check_response(json.loads(data))
        return dict(json.loads(data))
    return responses_grammar.check(data)


async def get(gateway: TestGateway, path: str, *, method: str = "GET", status: int = 200) -> Any:
    async with gateway.get(path, method=method) as response:
        data = await response.read()
        assert response.status == status, data
        return json.loads(data)


def texts(provider: RunningSimulator) -> list[str]:
    """What the provider was told last, in order, without what it thought."""
    entries = seen(provider.generations[-1]).entries
    return [entry.text for entry in entries if isinstance(entry, PlayedSaying)]


def answered(response: dict[str, Any]) -> str:
    return "".join(
        part["text"]
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


def bytes_of(file: Path) -> bytes:
    """Nothing where there is none."""
    return file.read_bytes() if file.exists() else b""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "responses.db"


@pytest.fixture
async def provider(start_provider: StartProvider) -> RunningSimulator:
    return await start_provider(CHAT_ONLY.manners)


@pytest.fixture
async def gateway(
    start_gateway: StartGateway, provider: RunningSimulator, file: Path
) -> TestGateway:
    return await start_gateway({"p": CHAT_ONLY.record(provider)}, options={"responses": file})


# --- what is asked for ------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_it_is_kept_unless_the_client_says_no(gateway: TestGateway, stream: bool) -> None:
    for wish, kept in (({}, True), ({"store": None}, True), ({"store": True}, True)):
        response = await post(gateway, said("a", stream=stream, **wish))
        assert response["store"] is kept
        assert await get(gateway, f"{RESPONSES}/{response['id']}") == response
    response = await post(gateway, said("a", stream=stream, store=False))
    assert response["store"] is False
    await get(gateway, f"{RESPONSES}/{response['id']}", status=404)


async def test_a_stream_says_from_its_first_event_on_that_it_is_kept(gateway: TestGateway) -> None:
    first = await post(gateway, said("a"))
    body = said("b", stream=True, previous_response_id=first["id"])
    async with gateway.post(RESPONSES, body) as response:
        events = responses_grammar.events(await response.read())
    told = [event["response"] for event in events if "response" in event]
    assert [response["store"] for response in told] == [True, True, True]
    assert {response["previous_response_id"] for response in told} == {first["id"]}


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_not_kept_can_still_follow(
    gateway: TestGateway, provider: RunningSimulator, stream: bool
) -> None:
    first = await post(gateway, said("a"))
    body = said("b", stream=stream, store=False, previous_response_id=first["id"])
    second = await post(gateway, body)
    assert (second["store"], second["previous_response_id"]) == (False, first["id"])
    assert texts(provider) == ["a", answered(first), "b"]
    error = await post(gateway, said("c", previous_response_id=second["id"]), status=400)
    assert error["code"] == "previous_response_not_found"


async def test_a_conversation_branches(gateway: TestGateway, provider: RunningSimulator) -> None:
    root = await post(gateway, said("root"))
    left = await post(gateway, said("left", previous_response_id=root["id"]))
    right = await post(gateway, said("right", previous_response_id=root["id"]))
    assert texts(provider) == ["root", answered(root), "right"]
    await post(gateway, said("leaf", previous_response_id=left["id"]))
    assert texts(provider) == ["root", answered(root), "left", answered(left), "leaf"]
    await post(gateway, said("leaf", previous_response_id=right["id"]))
    assert texts(provider) == ["root", answered(root), "right", answered(right), "leaf"]


async def test_a_compacted_conversation_goes_on_from_its_summary(
    gateway: TestGateway, provider: RunningSimulator
) -> None:
    first = await post(gateway, said("one-1"))
    order = {"model": "m", "input": [{"type": "compaction_trigger"}]}
    short = await post(gateway, {**order, "previous_response_id": first["id"]})
    assert [item["type"] for item in short["output"]] == ["compaction"]
    assert "one-1" in "".join(texts(provider))
    await post(gateway, said("two-2", previous_response_id=short["id"]))
    summary, question = texts(provider)
    assert summary.startswith("Summary of the earlier conversation: ")
    assert question == "two-2"


async def test_instructions_are_not_carried_over(
    gateway: TestGateway, provider: RunningSimulator
) -> None:
    first = await post(gateway, said("a", instructions="Be terse."))
    assert first["instructions"] == "Be terse."
    second = await post(
        gateway, said("b", instructions="Be kind.", previous_response_id=first["id"])
    )
    assert texts(provider) == ["Be kind.", "a", answered(first), "b"]
    await post(gateway, said("c", previous_response_id=second["id"]))
    assert "Be terse." not in texts(provider)
    assert "Be kind." not in texts(provider)


async def test_an_item_can_be_named_instead_of_sent(
    gateway: TestGateway, provider: RunningSimulator
) -> None:
    first = await post(gateway, said("a"))
    items = (await get(gateway, f"{RESPONSES}/{first['id']}/input_items"))["data"]
    references = [
        {"type": "item_reference", "id": item["id"]} for item in (*items, *first["output"])
    ]
    body = {"model": "m", "input": [*references, {"role": "user", "content": "b"}]}
    second = await post(gateway, body)
    assert texts(provider) == ["a", answered(first), "b"]
    # What was kept of it is the items themselves: they outlive what they came from.
    await get(gateway, f"{RESPONSES}/{first['id']}", method="DELETE")
    await post(gateway, said("c", previous_response_id=second["id"]))
    assert texts(provider) == ["a", answered(first), "b", answered(second), "c"]


async def test_an_unknown_item_is_named_in_the_refusal(
    gateway: TestGateway, provider: RunningSimulator
) -> None:
    body = {"model": "m", "input": [{"type": "item_reference", "id": "msg_none"}]}
    error = await post(gateway, body, status=400)
    assert error["param"] == "input[0]"
    assert provider.billed == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unknown_response_is_the_official_error(
    gateway: TestGateway, provider: RunningSimulator, stream: bool
) -> None:
    body = said("a", stream=stream, previous_response_id="resp_none")
    assert await post(gateway, body, status=400) == {
        "message": "Previous response with id 'resp_none' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }
    assert provider.billed == 0


async def test_a_conversation_that_lost_its_beginning_is_not_continued(
    gateway: TestGateway, provider: RunningSimulator
) -> None:
    """Half a conversation would be answered as if it were the whole."""
    first = await post(gateway, said("a"))
    second = await post(gateway, said("b", previous_response_id=first["id"]))
    await get(gateway, f"{RESPONSES}/{first['id']}", method="DELETE")
    error = await post(gateway, said("c", previous_response_id=second["id"]), status=400)
    assert error["message"] == f"Previous response with id '{first['id']}' not found."
    assert provider.billed == 2
    # What is left of it can be read all the same.
    left = await get(gateway, f"{RESPONSES}/{second['id']}/input_items")
    assert [item["content"][0]["text"] for item in left["data"]] == ["b"]


async def test_it_is_remembered_across_a_restart(
    start_gateway: StartGateway, provider: RunningSimulator, file: Path
) -> None:
    records = {"p": CHAT_ONLY.record(provider)}
    before = await start_gateway(records, options={"responses": file})
    first = await post(before, said("a"))
    after = await start_gateway(records, options={"responses": file})
    await post(after, said("b", previous_response_id=first["id"]))
    assert texts(provider) == ["a", answered(first), "b"]


async def test_another_profile_can_go_on(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    file: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each upstream gets back the thoughts that it can read, and no other. Whose words went where
    is in the log."""
    caplog.set_level(logging.INFO)
    providers = {}
    for name in ("chat-that-thinks", "anthropic-only", "responses-only"):
        providers[name] = await start_provider(UPSTREAMS[name].manners)
    records = {name: UPSTREAMS[name].record(provider) for name, provider in providers.items()}
    gateway = await start_gateway(records, options={"responses": file})
    previous: dict[str, Any] = {}
    told: list[str] = []
    for name in (*providers, *providers):
        path = f"/profiles/{name}{RESPONSES}"
        caplog.clear()
        response = await post(gateway, said(name, **previous), path=path)
        others = [other for other in dict.fromkeys(told[::2]) if other != name]
        remark = f"sends on the words of profile {', '.join(others)}"
        assert (remark in caplog.text) == bool(others)
        told.append(name)
        assert texts(providers[name]) == told
        told.append(answered(response))
        previous = {"previous_response_id": response["id"]}
        assert await get(gateway, f"{path}/{response['id']}") == response


# --- when nothing is kept -----------------------------------------------------------------------


async def test_it_can_be_switched_off(
    start_gateway: StartGateway, provider: RunningSimulator, file: Path
) -> None:
    records = {"p": CHAT_ONLY.record(provider)}
    on = await start_gateway(records, options={"responses": file})
    kept = await post(on, said("a"))
    off = await start_gateway(records, options={"responses": file}, store_responses=False)
    response = await post(off, said("b"))
    assert response["store"] is False
    for response_id in (kept["id"], response["id"]):
        await get(off, f"{RESPONSES}/{response_id}", status=404)
        error = await post(off, said("c", previous_response_id=response_id), status=400)
        assert error["code"] == "previous_response_not_found"


async def test_no_file_is_made_for_those_who_keep_nothing(
    gateway: TestGateway, file: Path, start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    await post(gateway, said("a", store=False))
    async with gateway.post("/v1/chat/completions", {"model": "m", "messages": []}) as response:
        await response.read()
    assert not file.parent.exists()
    without = await start_gateway({"p": CHAT_ONLY.record(provider)})
    assert (await post(without, said("a")))["store"] is False


@pytest.mark.parametrize("stream", [False, True])
async def test_disk_trouble_harms_no_answer(
    start_gateway: StartGateway, provider: RunningSimulator, tmp_path: Path, stream: bool
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"")
    options = {"responses": blocked / "responses.db"}
    gateway = await start_gateway({"p": CHAT_ONLY.record(provider)}, options=options)
    for _ in range(2):
        response = await post(gateway, said("a", stream=stream))
        assert response["store"] is False
        assert answered(response)
    error = await get(gateway, f"{RESPONSES}/{response['id']}", status=503)
    assert "kept responses cannot be read" in error["error"]["message"]
    error = await post(gateway, said("b", previous_response_id=response["id"]), status=503)
    assert "kept responses cannot be read" in error["message"]


BROKEN = {
    "cut": Delivery(then=Ending.CUT_INSIDE, after_events=6),
    "failed": Delivery(then=Ending.ERROR_EVENT, after_events=6),
    "ended early": Delivery(then=Ending.ENDS_EARLY, after_events=6),
}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_answer_is_not_kept(
    start_gateway: StartGateway,
    start_provider: StartProvider,
    file: Path,
    upstream: str,
    fault: str,
) -> None:
    kind = UPSTREAMS[upstream]
    if upstream == "no-stream":
        pytest.skip("its answers come whole or not at all")
    provider = await start_provider(kind.manners)
    provider.will(BROKEN[fault])
    gateway = await start_gateway({"p": kind.record(provider)}, options={"responses": file})
    async with gateway.post(RESPONSES, said("a", stream=True)) as response:
        data = await response.read()
    assert b"response.completed" not in data
    ids = set(re.findall(rb'"id":"(resp_\w+)"', data))
    assert ids or response.status != 200
    for response_id in ids:
        await get(gateway, f"{RESPONSES}/{response_id.decode()}", status=404)
    failed = [frame for frame in data.split(b"\n\n") if b"response.failed" in frame]
    assert all(b'"store":true' not in frame for frame in failed)


async def test_a_client_that_left_leaves_nothing(
    start_gateway: StartGateway, start_scripted: StartScripted, file: Path
) -> None:
    async def half(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(b'data: {"id":"x1","choices":[{"delta":{"content":"hel"}}]}\n\n')
        await visit.wait_until_gone()

    upstream = await start_scripted(half)
    gateway = await start_gateway(
        {"p": {"openai_url": upstream.url, "model": "m"}}, options={"responses": file}
    )
    async with gateway.post(RESPONSES, said("a", stream=True)) as response:
        assert b"hel" in await response.content.readuntil(b'"delta":"hel"')
        response.close()
    visit = await upstream.visit()
    await visit.gone.wait()
    await get(gateway, f"{RESPONSES}/resp_x1", status=404)


async def test_an_answer_that_was_cut_by_a_limit_is_kept(gateway: TestGateway) -> None:
    response = await post(gateway, said("a", max_output_tokens=16))
    assert response["status"] == "incomplete"
    assert (await get(gateway, f"{RESPONSES}/{response['id']}"))["status"] == "incomplete"


async def test_answers_that_are_all_called_alike_get_names_of_their_own(
    start_gateway: StartGateway, start_scripted: StartScripted, file: Path
) -> None:
    async def same(visit: Visit) -> None:
        await visit.answer(chat_answer("hello"))

    upstream: ScriptedUpstream = await start_scripted(same)
    gateway = await start_gateway(
        {"p": {"openai_url": upstream.url, "model": "m"}}, options={"responses": file}
    )
    first = await post(gateway, said("a"))
    second = await post(gateway, said("b", previous_response_id=first["id"]))
    third = await post(gateway, said("c", previous_response_id=second["id"], stream=True))
    assert len({first["id"], second["id"], third["id"]}) == 3
    sent = upstream.visits[-1].json["messages"]
    assert [message["content"] for message in sent] == ["a", "hello", "b", "hello", "c"]
    assert await get(gateway, f"{RESPONSES}/{third['id']}") == third


# --- an upstream that speaks the dialect itself --------------------------------------------------


@pytest.fixture
async def native(start_provider: StartProvider) -> RunningSimulator:
    """As Kimi's route does, it refuses `store` and `previous_response_id`."""
    return await start_provider(strictly(replace(KIMI_K25, dialects=frozenset({"responses"}))))


NATIVE: Upstream = replace(
    UPSTREAMS["responses-only"], preset="kimi-k25", settings={"dialects": ["responses"]}
)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_native_upstream_without_memory_is_given_one(
    start_gateway: StartGateway, native: RunningSimulator, file: Path, stream: bool
) -> None:
    gateway = await start_gateway({"p": NATIVE.record(native)}, options={"responses": file})
    first = await post(gateway, said("a", stream=stream, store=True))
    second = await post(gateway, said("b", stream=stream, previous_response_id=first["id"]))
    assert (first["store"], second["store"]) == (True, True)
    assert second["previous_response_id"] == first["id"]
    assert texts(native) == ["a", answered(first), "b"]
    assert await get(gateway, f"{RESPONSES}/{second['id']}") == second
    for recorded in native.generations:
        assert recorded.body["store"] is False
        assert "reasoning.encrypted_content" in recorded.body["include"]


async def test_a_native_upstream_without_memory_is_not_asked_for_an_unknown_response(
    start_gateway: StartGateway, native: RunningSimulator, file: Path
) -> None:
    gateway = await start_gateway({"p": NATIVE.record(native)}, options={"responses": file})
    error = await post(gateway, said("a", previous_response_id="resp_none"), status=400)
    assert error["code"] == "previous_response_not_found"
    await get(gateway, f"{RESPONSES}/resp_none", status=404)
    assert native.requests == []


async def test_an_upstream_whose_final_object_is_empty_is_remembered_whole(
    start_gateway: StartGateway, start_provider: StartProvider, file: Path
) -> None:
    native = await start_provider(RESPONSES_ONLY.manners)
    options = {"responses": file}
    gateway = await start_gateway({"p": RESPONSES_ONLY.record(native)}, options=options)
    native.will(Disorder.EMPTY_ANSWER)
    first = await post(gateway, said("a", stream=True))
    assert answered(first)
    assert await get(gateway, f"{RESPONSES}/{first['id']}") == first
    await post(gateway, said("b", previous_response_id=first["id"]))
    assert texts(native) == ["a", answered(first), "b"]


async def test_what_leans_on_nothing_goes_through_as_it_came(
    start_gateway: StartGateway, start_provider: StartProvider, file: Path
) -> None:
    provider = await start_provider(RESPONSES_ONLY.manners)
    records = {"p": RESPONSES_ONLY.record(provider)}
    on = await start_gateway(records, options={"responses": file})
    off = await start_gateway(records, options={"responses": file}, store_responses=False)
    for gateway, body in (
        (on, b'{"model": "demo-1" ,"store":false, "input":  "a", "temperature":1.0}'),
        (off, b'{"model": "demo-1" , "input":  "a"}'),
    ):
        async with gateway.post(RESPONSES, body) as response:
            assert response.status == 200
            await response.read()
        assert provider.generations[-1].raw == body
    assert not bytes_of(file)


@pytest.mark.parametrize(
    "wish",
    [
        {"previous_response_id": "resp_elsewhere"},
        {"conversation": "conv_1"},
        {"background": True},
        {"input": [{"type": "item_reference", "id": "msg_elsewhere"}]},
    ],
    ids=lambda wish: next(iter(wish)),
)
async def test_what_only_the_upstream_can_know_is_asked_of_it(
    start_gateway: StartGateway, start_scripted: StartScripted, file: Path, wish: dict[str, Any]
) -> None:
    async def know(visit: Visit) -> None:
        output: list[Any] = []
        answer = {"id": "resp_1", "object": "response", "status": "completed", "output": output}
        await visit.answer(json.dumps({**answer, "model": "m", "store": True}).encode())

    upstream = await start_scripted(know)
    record = {"openai_url": upstream.url, "model": "m", "dialects": ["responses"]}
    gateway = await start_gateway({"p": record}, options={"responses": file})
    body = json.dumps(said("a", **wish)).encode()
    async with gateway.post(RESPONSES, body) as response:
        assert response.status == 200
        assert (await response.json())["store"] is True
    assert upstream.visits[0].body == body


async def test_every_byte_in_between_is_the_upstreams_own(
    start_gateway: StartGateway, start_scripted: StartScripted, file: Path
) -> None:
    """Only what is said of the response itself is put right."""
    head = '{"id":"resp_1","object":"response","model":"m","n":1.10,"store":false,"status":'
    begun = f'event: response.created\r\ndata: {{"type":"response.created","response":{head}'
    middle = b'data: {"type":"new.event" , "delta":"\\u00e9","response_id":"r"}\r\n\r\n: hm\r\n\r\n'
    ended = f'data: {{"type":"response.completed","response":{head}'

    async def relay(visit: Visit) -> None:
        await visit.open_stream()
        stream = f'{begun}"in_progress"}}}}\r\n\r\n'.encode() + middle
        stream += f'{ended}"completed","output":[]}}}}\r\n\r\n'.encode()
        for start in range(0, len(stream), 7):
            await visit.chunk(stream[start : start + 7])
        await visit.end_stream()

    upstream = await start_scripted(relay)
    record = {"openai_url": upstream.url, "model": "m", "dialects": ["responses"]}
    gateway = await start_gateway({"p": record}, options={"responses": file})
    async with gateway.post(RESPONSES, said("a", stream=True)) as response:
        data = await response.read()
    assert data.count(middle) == 1
    assert data.count(b'"n":1.10,"store":true') == 2
    assert data.count(b'"previous_response_id":null') == 2
    kept = await get(gateway, f"{RESPONSES}/resp_1")
    assert kept["store"] is True


# --- the routes -----------------------------------------------------------------------------------


ROUTES = {
    "GET one": ("GET", "/{}"),
    "DELETE one": ("DELETE", "/{}"),
    "its input": ("GET", "/{}/input_items"),
    "cancel": ("POST", "/{}/cancel"),
}


@pytest.mark.parametrize("route", ROUTES)
async def test_nothing_is_told_without_the_token(gateway: TestGateway, route: str) -> None:
    response_id = (await post(gateway, said("a")))["id"]
    method, path = ROUTES[route]
    url = gateway.url + RESPONSES + path.format(response_id)
    async with gateway.session.request(method, url) as response:
        assert response.status == 401
        assert response_id.encode() not in await response.read()
    await get(gateway, f"{RESPONSES}/{response_id}")


@pytest.mark.parametrize("prefix", ["", "/profiles/p"])
@pytest.mark.parametrize("route", ROUTES)
async def test_an_unknown_id_is_the_official_error(
    gateway: TestGateway, route: str, prefix: str
) -> None:
    method, path = ROUTES[route]
    answer = await get(
        gateway, prefix + RESPONSES + path.format("resp_none"), method=method, status=404
    )
    assert answer == {
        "error": {
            "message": "Response with id 'resp_none' not found.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
    }


async def test_deleting_is_told_and_final(gateway: TestGateway, provider: RunningSimulator) -> None:
    response_id = (await post(gateway, said("a")))["id"]
    path = f"/profiles/p{RESPONSES}/{response_id}"
    assert await get(gateway, path, method="DELETE") == {
        "id": response_id,
        "object": "response.deleted",
        "deleted": True,
    }
    await get(gateway, path, method="DELETE", status=404)
    await get(gateway, path, status=404)


async def test_what_is_deleted_is_gone_from_the_file(gateway: TestGateway, file: Path) -> None:
    words = "a secret that nobody must find"
    response_id = (await post(gateway, said(words)))["id"]
    await get(gateway, f"{RESPONSES}/{response_id}", method="DELETE")
    await gateway.server.gateway.drain(1)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"CREATE TABLE responses" in bytes_of(file)
    assert words.encode() not in bytes_of(file)


async def test_a_synchronous_response_cannot_be_cancelled(gateway: TestGateway) -> None:
    response_id = (await post(gateway, said("a")))["id"]
    answer = await get(gateway, f"{RESPONSES}/{response_id}/cancel", method="POST", status=400)
    assert answer["error"]["message"] == "Cannot cancel a synchronous response."
    assert answer["error"]["type"] == "invalid_request_error"


async def test_a_response_can_be_played_again(gateway: TestGateway) -> None:
    response = await post(gateway, said("a"))
    path = f"{RESPONSES}/{response['id']}?stream=true"
    async with gateway.get(path) as replayed:
        assert replayed.headers["content-type"].startswith("text/event-stream")
        stream = await replayed.read()
    assert responses_grammar.check(stream) == response
    async with gateway.get(f"{path}&starting_after=2") as rest:
        events = responses_grammar.events(await rest.read())
    assert events == responses_grammar.events(stream)[3:]
    answer = await get(gateway, f"{path}&starting_after=x", status=400)
    assert answer["error"]["param"] == "starting_after"


async def test_input_is_listed_page_by_page(gateway: TestGateway) -> None:
    items = [{"role": "user", "content": f"number {n}"} for n in range(30)]
    response = await post(gateway, {"model": "m", "input": items})
    path = f"{RESPONSES}/{response['id']}/input_items"
    first = await get(gateway, path)
    numbers = [item["content"][0]["text"] for item in first["data"]]
    assert numbers == [f"number {n}" for n in range(29, 9, -1)]
    assert first["has_more"]
    assert (first["first_id"], first["last_id"]) == (
        first["data"][0]["id"],
        first["data"][-1]["id"],
    )
    rest = await get(gateway, f"{path}?after={first['last_id']}")
    assert len(rest["data"]) == 10
    assert not rest["has_more"]
    forward = await get(gateway, f"{path}?order=asc&limit=100")
    assert forward["data"] == [*first["data"], *rest["data"]][::-1]
    after_all = await get(gateway, f"{path}?after={rest['last_id']}")
    assert (after_all["data"], after_all["first_id"]) == ([], None)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("order=up", "order"),
        ("after=msg_none", "after"),
    ],
)
async def test_a_page_that_makes_no_sense_is_refused(
    gateway: TestGateway, query: str, param: str
) -> None:
    response = await post(gateway, said("a"))
    path = f"{RESPONSES}/{response['id']}/input_items?{query}"
    assert (await get(gateway, path, status=400))["error"]["param"] == param


@pytest.mark.parametrize(
    "body",
    [
        {"input": "some words"},
        {"model": "m", "input": "some words", "personality": "friendly"},
        {"model": "m", "input": [{"type": "of_tomorrow", "words": "some"}]},
        {"model": "m"},
    ],
)
async def test_input_tokens_are_always_counted(
    gateway: TestGateway, provider: RunningSimulator, body: dict[str, Any]
) -> None:
    async with gateway.post(f"{RESPONSES}/input_tokens", body) as response:
        assert response.status == 200
        assert response.headers["x-gwproxy-loss"] == "synth:count"
        counted = await response.json()
    assert counted.keys() == {"object", "input_tokens"}
    assert counted["object"] == "response.input_tokens"
    assert counted["input_tokens"] > 0
    assert provider.requests == []


async def test_tokens_of_an_unknown_conversation_are_not_counted(gateway: TestGateway) -> None:
    body = said("a", previous_response_id="resp_none")
    error = await post(gateway, body, path=f"{RESPONSES}/input_tokens", status=400)
    assert error["code"] == "previous_response_not_found"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/resp_1", 405),
        ("DELETE", "/resp_1/input_items", 405),
        ("GET", "/resp_1/cancel", 405),
        ("GET", "/input_tokens", 405),
        ("GET", "/resp_1/other", 404),
        ("GET", "/compact", 405),
    ],
)
async def test_what_is_no_route_of_ours(
    gateway: TestGateway, method: str, path: str, status: int
) -> None:
    assert "error" in await get(gateway, RESPONSES + path, method=method, status=status)


async def test_a_route_that_is_missing_is_not_a_missing_model(gateway: TestGateway) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}  # as OpenAI's SDKs say it
    async with gateway.session.post(f"{gateway.url}{RESPONSES}/no/where", headers=headers) as got:
        assert got.status == 404
        assert (await got.json())["error"]["code"] == "unknown_url"
