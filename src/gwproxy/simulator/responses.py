"""OpenAI Responses as a provider speaks it: a request seen, an answer written. Pure.

Shapes follow https://platform.openai.com/docs/api-reference/responses and its streaming page.
Stateless, as at Kimi: nothing is stored, reasoning travels in `encrypted_content`. Independent
of the translators on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gwproxy.simulator.conversation import (
    Called,
    Entry,
    PlayedAnswer,
    PlayedCall,
    PlayedQuestion,
    PlayedResult,
    PlayedSaying,
    PlayedThought,
    PlayedTool,
    PlayedToolChoice,
)
from gwproxy.simulator.figures import PlayedFigures
from gwproxy.simulator.identity import CREATED_S, AnswerIdentity, identifier
from gwproxy.simulator.seal import sealed, unsealed
from gwproxy.simulator.wire import Event, Json, count, pieces, record, records, string, text_of

CALL_ITEMS = ("function_call", "custom_tool_call")
CALL_OUTPUT_ITEMS = ("function_call_output", "custom_tool_call_output")
SEALED_REASONING = "reasoning.encrypted_content"


# --- a request, seen ----------------------------------------------------------------------


def view(body: Json) -> PlayedQuestion:
    """The request in neutral form.

    Raises:
        WireRefused: 400, a member has a shape that nobody could read.
    """
    reasoning = record(body.get("reasoning") or {}, "reasoning")
    effort = reasoning.get("effort")
    form = record(record(body.get("text") or {}, "text").get("format") or {}, "text.format")
    return PlayedQuestion(
        dialect="responses",
        model=string(body.get("model"), "model"),
        entries=tuple(_history(body)),
        tools=tuple(_tools(body.get("tools"), "tools", None)),
        streams=body.get("stream") is True,
        wants_thinking=None if effort is None else effort != "none",
        hides_thinking=not reasoning.get("summary"),
        seals_thinking=SEALED_REASONING in (body.get("include") or ()),
        tool_choice=_tool_choice(body.get("tool_choice")),
        limit_tokens=count(body.get("max_output_tokens"), "max_output_tokens"),
        answer_schema=form.get("schema") if form.get("type") == "json_schema" else None,
    )


def _tools(value: object, path: str, namespace: str | None) -> Iterator[PlayedTool]:
    for index, tool in enumerate(records(value, path)):
        here = f"{path}.{index}"
        match tool.get("type"):
            case "namespace":
                yield from _tools(tool.get("tools"), f"{here}.tools", tool.get("name"))
            case "function" | "custom" as kind:
                yield PlayedTool(
                    name=string(tool.get("name"), f"{here}.name"),
                    schema=record(tool.get("parameters") or {}, f"{here}.parameters"),
                    description=string(tool.get("description"), f"{here}.description"),
                    freeform=kind == "custom",
                    namespace=namespace,
                    deferred=tool.get("defer_loading") is True,
                )


def _tool_choice(choice: object) -> PlayedToolChoice:
    match choice:
        case "none":
            return PlayedToolChoice("none")
        case "required":
            return PlayedToolChoice("any")
        case {"name": str(name)}:
            return PlayedToolChoice("tool", name)
    return PlayedToolChoice()


def _history(body: Json) -> Iterator[Entry]:
    if body.get("instructions"):
        yield PlayedSaying("system", string(body["instructions"], "instructions"))
    given = body.get("input")
    if isinstance(given, str):
        yield PlayedSaying("user", given)
        return
    for index, item in enumerate(records(given, "input")):
        yield from _entries(item, f"input.{index}")


def _entries(item: Json, path: str) -> Iterator[Entry]:
    kind = item.get("type", "message")
    if kind == "message":
        text = text_of(item.get("content"), f"{path}.content")
        match string(item.get("role"), f"{path}.role"):
            case "assistant":
                yield PlayedSaying("assistant", text)
            case "system" | "developer":
                yield PlayedSaying("system", text)
            case _:
                yield PlayedSaying("user", text)
    elif kind == "reasoning":
        opened = unsealed(item.get("encrypted_content"))
        yield PlayedThought(opened or text_of(item.get("summary"), f"{path}.summary"))
    elif kind in CALL_ITEMS:
        yield Called(
            call_id=string(item.get("call_id"), f"{path}.call_id"),
            name=string(item.get("name"), f"{path}.name"),
            arguments=string(item.get("arguments", item.get("input")), f"{path}.arguments"),
        )
    elif kind in CALL_OUTPUT_ITEMS:
        call_id = string(item.get("call_id"), f"{path}.call_id")
        yield PlayedResult(call_id, text_of(item.get("output"), f"{path}.output"))


# --- an answer, written -------------------------------------------------------------------


def whole(
    asked: PlayedQuestion, answer: PlayedAnswer, figures: PlayedFigures, identity: AnswerIdentity
) -> Json:
    """The complete Response object; every member that Open Responses requires is there."""
    reason = "max_output_tokens" if answer.stop_reason == "length" else None
    return {
        "id": identity.answer_id,
        "object": "response",
        "created_at": CREATED_S,
        "completed_at": None if reason else CREATED_S,
        "status": "incomplete" if reason else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "max_output_tokens": asked.limit_tokens,
        "max_tool_calls": None,
        "metadata": {},
        "model": identity.model,
        "output": list(_output(asked, answer, identity, "incomplete" if reason else "completed")),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "truncation": "disabled",
        "usage": _usage(figures),
        "user": None,
    }


def _output(
    asked: PlayedQuestion, answer: PlayedAnswer, identity: AnswerIdentity, status: str
) -> Iterator[Json]:
    number = identity.number
    if answer.thinking:
        part = {"type": "summary_text", "text": answer.thinking}
        item: Json = {
            "id": identifier("rs_", number),
            "type": "reasoning",
            "summary": [] if asked.hides_thinking else [part],
        }
        if asked.seals_thinking:
            item["encrypted_content"] = sealed(answer.thinking)
        yield item
    if answer.text:
        yield {
            "id": identifier("msg_", number, 1),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [_text_part(answer.text)],
        }
    for part_number, (call, call_id) in enumerate(
        zip(answer.calls, identity.call_ids, strict=True), 2
    ):
        yield _call_item(call, call_id, number, part_number)


def _text_part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call_item(call: PlayedCall, call_id: str, number: int, part_number: int) -> Json:
    named = {"call_id": call_id, "name": call.name}
    if call.namespace:
        # Codex runs a namespaced function only when the call repeats its namespace.
        named["namespace"] = call.namespace
    if call.freeform:
        own: Json = {"id": identifier("ctc_", number, part_number), "type": "custom_tool_call"}
        return own | {"status": "completed"} | named | {"input": call.arguments}
    own = {"id": identifier("fc_", number, part_number), "type": "function_call"}
    return own | {"status": "completed"} | named | {"arguments": call.arguments}


def _usage(figures: PlayedFigures) -> Json:
    """The `usage` member; `input_tokens` includes what was read from or written to the cache."""
    return {
        "input_tokens": figures.prompt,
        "input_tokens_details": {
            "cached_tokens": figures.cached,
            "cache_write_tokens": figures.written,
        },
        "output_tokens": figures.output,
        # Codex fails where it is missing (farion1231/cc-switch#3514).
        "output_tokens_details": {"reasoning_tokens": figures.reasoning},
        "total_tokens": figures.prompt + figures.output,
    }


def events(response: Json, _: PlayedQuestion, identity: AnswerIdentity) -> Iterator[Event]:
    """The same answer as events, numbered over the whole stream."""
    for number, event in enumerate(_unnumbered(response, identity.manners.piece_characters)):
        assert isinstance(event.data, dict)
        kind = {"type": event.data["type"], "sequence_number": number}
        yield event._replace(data=kind | event.data)
    yield Event(None, "[DONE]")


def _unnumbered(response: Json, size: int) -> Iterator[Event]:
    nothing_yet: Json = {"status": "in_progress", "output": [], "usage": None}
    begun = response | nothing_yet | {"completed_at": None, "incomplete_details": None}
    yield _event("response.created", response=begun)
    yield _event("response.in_progress", response=begun)
    for index, item in enumerate(response["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        opened = item | _opening(item)
        yield _event("response.output_item.added", output_index=index, item=opened)
        yield from ITEM_EVENTS[item["type"]](item, place, size)
        yield _event("response.output_item.done", output_index=index, item=item)
    yield _event(f"response.{response['status']}", response=response)


def _opening(item: Json) -> Json:
    match item["type"]:
        case "reasoning":
            return {"summary": []}
        case "message":
            return {"status": "in_progress", "content": []}
        case "custom_tool_call":
            return {"status": "in_progress", "input": ""}
    return {"status": "in_progress", "arguments": ""}


def _reasoning_events(item: Json, place: Json, size: int) -> Iterator[Event]:
    for index, part in enumerate(item["summary"]):
        here = place | {"summary_index": index}
        empty = part | {"text": ""}
        yield _event("response.reasoning_summary_part.added", part=empty, **here)
        for piece in pieces(part["text"], size):
            yield _event("response.reasoning_summary_text.delta", delta=piece, **here)
        yield _event("response.reasoning_summary_text.done", text=part["text"], **here)
        yield _event("response.reasoning_summary_part.done", part=part, **here)


def _message_events(item: Json, place: Json, size: int) -> Iterator[Event]:
    for index, part in enumerate(item["content"]):
        here = place | {"content_index": index}
        yield _event("response.content_part.added", part=_text_part(""), **here)
        for piece in pieces(part["text"], size):
            yield _event("response.output_text.delta", delta=piece, logprobs=[], **here)
        yield _event("response.output_text.done", text=part["text"], logprobs=[], **here)
        yield _event("response.content_part.done", part=part, **here)


def _function_events(item: Json, place: Json, size: int) -> Iterator[Event]:
    kind, arguments = "response.function_call_arguments", item["arguments"]
    for piece in pieces(arguments, size):
        yield _event(f"{kind}.delta", delta=piece, **place)
    yield _event(f"{kind}.done", arguments=arguments, **place)


def _custom_events(item: Json, place: Json, size: int) -> Iterator[Event]:
    kind, text = "response.custom_tool_call_input", item["input"]
    for piece in pieces(text, size):
        yield _event(f"{kind}.delta", delta=piece, **place)
    yield _event(f"{kind}.done", input=text, **place)


ITEM_EVENTS: dict[str, Callable[[Json, Json, int], Iterator[Event]]] = {
    "reasoning": _reasoning_events,
    "message": _message_events,
    "function_call": _function_events,
    "custom_tool_call": _custom_events,
}


def _event(kind: str, **members: object) -> Event:
    return Event(kind, {"type": kind} | members)


# --- errors -------------------------------------------------------------------------------


def failure_events(message: str, error_type: str, whole: Json, sent: int) -> Iterator[Event]:
    """A failure after `sent` events: the error itself, then the failed response."""
    error = {"code": error_type, "message": message}
    numbered = {"sequence_number": sent}
    yield _event("error", **numbered, **error, param=None)
    failed = whole | {"status": "failed", "error": error, "output": [], "usage": None}
    yield _event("response.failed", sequence_number=sent + 1, response=failed)
