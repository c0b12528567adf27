"""A web search that one vendor's servers ran, for a client of the other: asked, told, replayed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.bridge import Bridge
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire.fields import Unsupported
from support import anthropic_grammar, responses_grammar
from support.bridges import bridge_of

PLAIN = Quirks()
A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES
PLACE = {"type": "approximate", "city": "Oslo", "country": "NO"}
BASH = {"name": "Bash", "input_schema": {"type": "object", "properties": {}}}
RUN = {"type": "function", "name": "run", "parameters": {"type": "object", "properties": {}}}
MESSAGES_TOOL = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def messages(*tools: Any, **more: Any) -> dict[str, Any]:
    asked = {"role": "user", "content": "cats?"}
    return {"model": "m", "max_tokens": 99, "messages": [asked], "tools": tools, **more}


def responses(*tools: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "input": "cats?", "tools": tools, **more}


def bridged(
    client: Dialect,
    upstream: Dialect,
    request: Any,
    quirks: Quirks = PLAIN,
    *,
    stream: bool = False,
) -> tuple[Bridge, Any]:
    bridge = bridge_of(client, upstream, quirks, stream=stream)
    return bridge, json.loads(bridge.request(json.dumps(request).encode()))


# --- asked ---------------------------------------------------------------------------------------


def test_a_messages_search_is_asked_of_responses() -> None:
    tool = {**MESSAGES_TOOL, "allowed_domains": ["a.test"], "user_location": PLACE}
    choice = {"type": "tool", "name": "web_search"}
    bridge, body = bridged(A, R, messages(tool, BASH, tool_choice=choice))
    wanted = {"type": "web_search", "filters": {"allowed_domains": ["a.test"]}}
    assert body["tools"][0] == {**wanted, "user_location": PLACE}
    assert body["tool_choice"] == {"type": "web_search"}
    assert body["max_tool_calls"] == 8
    assert "web_search_call.action.sources" in body["include"]
    assert list(bridge.tally.losses) == []


def test_a_responses_search_is_asked_of_messages() -> None:
    tool: dict[str, Any] = {
        "type": "web_search_preview",
        "filters": {"allowed_domains": ["a.test"]},
    }
    tool |= {"user_location": PLACE, "search_context_size": "low", "external_web_access": True}
    choice = {"type": "web_search_preview"}
    bridge, body = bridged(R, A, responses(RUN, tool, tool_choice=choice, max_tool_calls=3))
    wanted = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    assert body["tools"][1] == {**wanted, "allowed_domains": ["a.test"], "user_location": PLACE}
    assert body["tool_choice"] == {"type": "tool", "name": "web_search"}
    assert list(bridge.tally.losses) == ["drop:tools.web_search.search_context_size"]


@pytest.mark.parametrize("upstream", [A, R])
def test_a_chat_search_is_asked_of_who_has_one(upstream: Dialect) -> None:
    where = {"type": "approximate", "approximate": {"city": "Oslo", "country": "NO"}}
    asked = {"role": "user", "content": "cats?"}
    options = {"user_location": where}
    _, body = bridged(
        C, upstream, {"model": "m", "messages": [asked], "web_search_options": options}
    )
    (tool,) = body["tools"]
    assert tool["type"] in ("web_search", "web_search_20250305")
    assert tool["user_location"] == PLACE


def test_what_has_no_word_is_named() -> None:
    bridge, _ = bridged(A, R, messages({**MESSAGES_TOOL, "blocked_domains": ["b.test"]}))
    assert list(bridge.tally.losses) == ["drop:tools.web_search.blocked_domains"]


@pytest.mark.parametrize(
    ("client", "upstream", "request_", "quirks"),
    [
        (A, R, messages(MESSAGES_TOOL), Quirks(hosted_tools=False)),
        (A, C, messages(MESSAGES_TOOL), Quirks()),
        # A search in a cache alone is a promise that Messages has no word for.
        (R, A, responses({"type": "web_search", "external_web_access": False}), Quirks()),
    ],
)
def test_a_search_that_cannot_be_had_is_refused(
    client: Dialect, upstream: Dialect, request_: Any, quirks: Quirks
) -> None:
    with pytest.raises(Unsupported, match=r"web_search"):
        bridged(client, upstream, request_, quirks)


# --- told ----------------------------------------------------------------------------------------

SOURCES = [{"type": "url", "url": "https://a.test/"}, {"type": "url", "url": "https://b.test/"}]
ITEMS: list[dict[str, Any]] = [
    {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "cats", "sources": SOURCES},
    },
    {
        "type": "web_search_call",
        "id": "ws_2",
        "status": "completed",
        "action": {"type": "open_page", "url": "https://a.test/"},
    },
    {
        "type": "web_search_call",
        "id": "ws_3",
        "status": "failed",
        "action": {"type": "search", "queries": ["dogs"]},
    },
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Cats.", "annotations": []}],
    },
]
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "model": "up",
    "status": "completed",
}
RESPONSE |= {"output": ITEMS, "usage": {"input_tokens": 3, "output_tokens": 2}}
FOUND = {"type": "web_search_result", "url": "https://a.test/", "title": "A", "page_age": "1 day"}
BLOCKS: list[dict[str, Any]] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [{**FOUND, "encrypted_content": "E"}],
    },
    {"type": "server_tool_use", "id": "srvtoolu_2", "name": "web_search", "input": {"query": "r"}},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_2",
        "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
    },
    {"type": "text", "text": "Cats."},
]
MESSAGE: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "up"}
MESSAGE |= {"content": BLOCKS, "stop_reason": "end_turn", "stop_sequence": None}
MESSAGE |= {
    "usage": {
        "input_tokens": 3,
        "output_tokens": 2,
        "server_tool_use": {"web_search_requests": 2},
    }
}


def told(client: Dialect, upstream: Dialect, answer: dict[str, Any]) -> tuple[Any, Any]:
    """The content or output of a whole answer, and its other members. That of a stream is the
    same."""
    request = messages(MESSAGES_TOOL) if client is A else responses({"type": "web_search"})
    bridge, _ = bridged(client, upstream, request)
    whole = bridge.reply(json.dumps(answer).encode())
    assert isinstance(whole, bytes)
    assert list(bridge.tally.losses) == []
    body = json.loads(whole)
    streaming, _ = bridged(client, upstream, {**request, "stream": True}, stream=True)
    stream = streaming.stream().whole(json.dumps(answer).encode())
    if client is A:
        said = anthropic_grammar.collect(stream).message
        assert said["content"] == body["content"]
        assert said["usage"]["server_tool_use"] == body["usage"]["server_tool_use"]
        return body["content"], body
    said = responses_grammar.check(stream)
    assert said["tool_usage"] == body["tool_usage"]
    for streamed, item in zip(said["output"], body["output"], strict=True):
        assert {**streamed, "id": ""} == {**item, "id": ""}
    return body["output"], body


def test_what_responses_found_a_messages_client_reads() -> None:
    content, body = told(A, R, RESPONSE)
    assert [block["type"] for block in content] == [
        *("server_tool_use", "web_search_tool_result"),
        *("server_tool_use", "web_fetch_tool_result"),
        *("server_tool_use", "web_search_tool_result"),
        "text",
    ]
    assert content[0] == {
        "type": "server_tool_use",
        "id": "srvtoolu_ws_1",
        "name": "web_search",
        "input": {"query": "cats"},
    }
    assert content[1]["tool_use_id"] == "srvtoolu_ws_1"
    assert [page["url"] for page in content[1]["content"]] == ["https://a.test/", "https://b.test/"]
    assert content[2]["input"] == {"url": "https://a.test/"}
    assert content[5]["content"] == {
        "type": "web_search_tool_result_error",
        "error_code": "unavailable",
    }
    assert body["usage"]["server_tool_use"]["web_search_requests"] == 2


def test_what_messages_found_a_responses_client_reads() -> None:
    output, body = told(R, A, MESSAGE)
    assert [item["type"] for item in output] == ["web_search_call", "web_search_call", "message"]
    found = {"type": "search", "query": "q", "queries": ["q"], "sources": SOURCES[:1]}
    assert output[0] == {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": found,
    }
    assert output[1]["status"] == "failed"
    assert body["tool_usage"]["web_search"] == {"num_requests": 2}


# --- replayed ------------------------------------------------------------------------------------


def test_a_search_goes_back_to_responses_as_its_own() -> None:
    content, _ = told(A, R, RESPONSE)
    turns = [
        {"role": "user", "content": "cats?"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": "more"},
    ]
    bridge, body = bridged(A, R, messages(MESSAGES_TOOL, messages=turns))
    sent = [item for item in body["input"] if item["type"] == "web_search_call"]
    assert [item["id"] for item in sent] == ["ws_1", "ws_2", "ws_3"]
    assert [item["action"]["type"] for item in sent] == ["search", "open_page", "search"]
    assert sent[0]["action"]["sources"] == SOURCES
    assert list(bridge.tally.losses) == []


@pytest.mark.parametrize(("upstream", "quirks"), [(C, Quirks()), (R, Quirks(hosted_tools=False))])
def test_elsewhere_it_is_said_in_words(upstream: Dialect, quirks: Quirks) -> None:
    turns = [
        {"role": "user", "content": "cats?"},
        {"role": "assistant", "content": BLOCKS},
        {"role": "user", "content": "more"},
    ]
    _, body = bridged(A, upstream, messages(BASH, messages=turns), quirks)
    assert "- A (https://a.test/)" in json.dumps(body)
    assert "web_search_call" not in json.dumps(body)


def test_messages_is_told_in_words_what_responses_found() -> None:
    _, body = bridged(R, A, responses(RUN, input=[*ITEMS, {"role": "user", "content": "more"}]))
    said = json.dumps(body["messages"])
    assert '[web_search \\"cats\\"]\\n- https://a.test/' in said
    assert "server_tool_use" not in said


@pytest.mark.parametrize("name", [None, 1, [], {}])
def test_a_call_of_no_name_is_no_search(name: object) -> None:
    odd = {"type": "server_tool_use", "id": "srvtoolu_1", "name": name, "input": {"query": "q"}}
    turns = [
        {"role": "user", "content": "cats?"},
        {"role": "assistant", "content": [odd, {"type": "text", "text": "a"}]},
        {"role": "user", "content": "more"},
    ]
    _, body = bridged(A, R, messages(BASH, messages=turns))
    assert "web_search_call" not in json.dumps(body)
