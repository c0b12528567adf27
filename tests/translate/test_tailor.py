"""Tools as a host takes them: schemas by edits, the rest by rebuilding the one request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.hub import Dialect
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.tools import fit_schemas, name_references
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.tailor import has_to_be_rebuilt, tailored
from support.bridges import bridge_of

A, C, R = Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES
EVERY = pytest.mark.parametrize("dialect", [A, C, R])

FINE = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
ODD = {"type": "object", "properties": {"n": {"const": 1}, "m": {"type": ["string", "null"]}}}
NO_OBJECT = {"type": "array", "items": {"type": "string"}}
FLAGS = ["moonshot", "moonshot_plain", "words"]


def tool(dialect: Dialect, name: str, schema: Any) -> dict[str, Any]:
    if dialect is A:
        return {"name": name, "description": "d", "input_schema": schema, "x": 1}
    made = {"name": name, "description": "d", "parameters": schema, "strict": False}
    if dialect is C:
        return {"type": "function", "x": 1, "function": made}
    return {"type": "function", "x": 1, **made}


def answer(dialect: Dialect, schema: Any) -> dict[str, Any]:
    if dialect is A:
        return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    if dialect is C:
        form = {"name": "a", "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": form}}
    return {"text": {"format": {"type": "json_schema", "name": "a", "schema": schema}}}


def body_of(dialect: Dialect, *tools: dict[str, Any], **more: Any) -> bytes:
    start: dict[str, Any] = {"model": "m", "x": 1}
    start |= {"input": "hi"} if dialect is R else {"messages": [{"role": "user", "content": "hi"}]}
    start |= {"max_tokens": 9000} if dialect is A else {}
    return json.dumps({**start, "tools": list(tools), **more}).encode()


def edited(dialect: Dialect, body: bytes, quirks: Quirks, losses: Losses) -> bytes:
    settings = CODECS[dialect].settings
    assert settings is not None
    return tailored(body, settings, quirks, losses)


def is_beyond(dialect: Dialect, body: bytes, **flags: Any) -> bool:
    codec = CODECS[dialect]
    assert codec.settings is not None
    return has_to_be_rebuilt(
        body, codec.settings, codec.facts, Quirks(**flags), flattens=codec.flatten is not None
    )


@EVERY
@pytest.mark.parametrize("schema", FLAGS)
def test_the_edits_say_what_the_pass_says(dialect: Dialect, schema: Any) -> None:
    codec, quirks = CODECS[dialect], Quirks(schema=schema)
    fine, odd = tool(dialect, "fine", FINE), tool(dialect, "odd", ODD)
    body = body_of(dialect, fine, odd, **answer(dialect, ODD))
    losses, wanted_losses = Losses(), Losses()
    sent = edited(dialect, body, quirks, losses)
    request = codec.parse_request(body, Losses())
    wanted = fit_schemas(request, codec.facts, quirks, wanted_losses)
    told = codec.parse_request(sent, Losses())
    assert wanted.tools != request.tools
    assert [(t.name, t.description, json.loads(t.schema)) for t in told.tools] == [
        (t.name, t.description, json.loads(t.schema)) for t in wanted.tools
    ]
    assert told.output_format == wanted.output_format
    assert list(losses) == list(wanted_losses)
    assert edited(dialect, sent, quirks, Losses()) == sent


@EVERY
def test_only_the_schema_that_is_refused_changes(dialect: Dialect) -> None:
    texts = [
        json.dumps(tool(dialect, name, schema), indent=2)
        for name, schema in (("fine", FINE), ("odd", ODD), ("$web_search", ODD))
    ]
    body = body_of(dialect, tools=["TOOLS"]).replace(b'"TOOLS"', ",\n ".join(texts).encode())
    sent = edited(dialect, body, Quirks(schema="moonshot"), Losses())
    before, after = body.split(texts[1].encode())
    assert sent.startswith(before)
    assert sent.endswith(after)
    assert sent is not body
    plain = body_of(dialect, tool(dialect, "fine", FINE), {"type": "web_search", "x": 1})
    assert edited(dialect, plain, Quirks(schema="moonshot"), Losses()) is plain


def test_what_a_tool_search_found_is_said_in_words_as_by_the_pass() -> None:
    def references(*parts: dict[str, Any]) -> dict[str, Any]:
        return {"type": "tool_result", "tool_use_id": "c", "content": list(parts), "x": 1}

    first, second = ({"type": "tool_reference", "tool_name": name} for name in "ab")
    word = {"type": "text", "text": "found"}
    call = {"type": "tool_use", "id": "c", "name": "s", "input": {}}
    codec, quirks = CODECS[A], Quirks(tool_references=False)
    for parts in ([first], [first, second], [first, word, second], [word], []):
        turns = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [references(*parts), word]},
        ]
        body = json.dumps({"model": "m", "max_tokens": 9, "messages": turns}, indent=1).encode()
        losses, wanted_losses = Losses(), Losses()
        sent = edited(A, body, quirks, losses)
        request = codec.parse_request(body, Losses())
        wanted = name_references(request, codec.facts, quirks, wanted_losses)
        assert codec.parse_request(sent, Losses()).turns == wanted.turns
        assert list(losses) == list(wanted_losses)
        assert (sent is body) == (first not in parts)
        before = body.partition(b'"tool_reference"')[0].rpartition(b"{")[0].rstrip()
        assert sent.startswith(before.rstrip(b"["))
        assert sent.endswith(body.rpartition(b'"x": 1')[2])


@EVERY
def test_what_comes_back_in_the_answer_is_rebuilt_and_nothing_else_is(dialect: Dialect) -> None:
    fine, dotted = tool(dialect, "fine", FINE), tool(dialect, "a.b", FINE)
    listed = tool(dialect, "listed", NO_OBJECT)
    assert is_beyond(dialect, body_of(dialect, fine, listed), schema="moonshot")
    assert not is_beyond(dialect, body_of(dialect, fine), schema="moonshot")
    assert is_beyond(dialect, body_of(dialect, fine, dotted), tool_names="letter_first")
    assert not is_beyond(dialect, body_of(dialect, fine), tool_names="letter_first")
    assert is_beyond(dialect, body_of(dialect, fine, dotted), max_tools=1)
    assert not is_beyond(dialect, body_of(dialect, fine, dotted), max_tools=2)
    hosted = {"type": "web_search_20250305", "name": "web_search"}
    assert is_beyond(dialect, body_of(dialect, fine, hosted), hosted_tools=False) is (
        dialect is not R
    )
    assert not is_beyond(dialect, body_of(dialect, fine), hosted_tools=False)
    extra = body_of(dialect, fine, {**fine, "strict": True})
    assert is_beyond(dialect, extra, tool_extras=False) is (dialect is A)
    kind = {A: "document", C: "file", R: "input_file"}[dialect]
    place = "input" if dialect is R else "messages"
    for part, beyond in (({"type": kind}, True), ({"type": "text", "text": kind}, False)):
        turns = {place: [{"role": "user", "content": [part]}]}
        assert is_beyond(dialect, body_of(dialect, fine, **turns), documents=False) is beyond
    for stops in ("LONG", ["A", "B"]):
        name = "stop_sequences" if dialect is A and isinstance(stops, list) else "stop"
        body = body_of(dialect, fine, **{name: stops})
        assert is_beyond(dialect, body, stop_sequences=False)
        assert is_beyond(dialect, body, max_stops=1) is (len(stops) == 2 or dialect is R)
        assert is_beyond(dialect, body, max_stop_bytes=3) is (stops == "LONG" or dialect is R)
    assert not is_beyond(dialect, body_of(dialect, fine, dotted, listed, stop=["A"] * 9))


@EVERY
def test_an_image_by_its_url_is_fetched_for_a_relayed_request_that_has_one(
    dialect: Dialect,
) -> None:
    url = "https://example.com/a.png"
    image = {
        A: {"type": "image", "source": {"type": "url", "url": url}},
        C: {"type": "image_url", "image_url": {"url": url}},
        R: {"type": "input_image", "image_url": url},
    }[dialect]
    place = "input" if dialect is R else "messages"
    quirks = Quirks(image_urls=False)
    for part, addresses in ((image, (url,)), ({"type": "sometimes", "url": url}, ())):
        body = body_of(dialect, **{place: [{"role": "user", "content": [part]}]})
        bridge = bridge_of(dialect, dialect, quirks, stream=False, model="m")
        assert bridge.image_addresses(body) == addresses
        plain = bridge_of(dialect, dialect, Quirks(), stream=False, model="m")
        assert plain.image_addresses(body) == ()


@EVERY
def test_a_lesson_of_names_rebuilds_the_request_that_has_such_a_name_alone(
    dialect: Dialect,
) -> None:
    quirks = Quirks(tool_names="letter_first")
    for name, relayed in (("fine", True), ("1st", False)):
        bridge = bridge_of(dialect, dialect, quirks, stream=False, model="m")
        sent = bridge.request(body_of(dialect, tool(dialect, name, FINE)))
        assert (bridge.relays, bridge.faithful) == (relayed, relayed)
        assert (b'"x": 1' in sent) is relayed
        assert (b'"1st"' in sent) is False
