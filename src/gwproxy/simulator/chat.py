"""OpenAI Chat Completions as a provider speaks it: a request seen, an answer written. Pure.

Shapes follow https://platform.openai.com/docs/api-reference/chat, with `reasoning_content` as
Moonshot and DeepSeek send it (https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model).
Independent of the translators on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

from gwproxy.simulator.conversation import (
    Called,
    Entry,
    PlayedAnswer,
    PlayedQuestion,
    PlayedResult,
    PlayedSaying,
    PlayedThought,
    PlayedTool,
    PlayedToolChoice,
)
from gwproxy.simulator.figures import PlayedFigures
from gwproxy.simulator.identity import CREATED_S, AnswerIdentity
from gwproxy.simulator.wire import (
    Event,
    Events,
    Json,
    count,
    pieces,
    record,
    records,
    string,
    text_of,
)

FINISH_REASONS = {
    "end": "stop",
    "calls": "tool_calls",
    "length": "length",
    "stop_sequence": "stop",
}
# Moonshot's names (https://platform.moonshot.ai/docs/api/errors).
ERROR_TYPES = {
    401: "invalid_authentication_error",
    403: "permission_denied_error",
    404: "resource_not_found_error",
    429: "rate_limit_reached_error",
}
REASONING_KEYS = ("reasoning_content", "reasoning", "reasoning_text")
DEFAULT_SCHEMA: Json = {"type": "object", "properties": {"ok": {"type": "boolean"}}}


# --- a request, seen ----------------------------------------------------------------------


def view(body: Json) -> PlayedQuestion:
    """The request in neutral form.

    Raises:
        WireRefused: 400, a member has a shape that nobody could read.
    """
    thinking = record(body.get("thinking") or {}, "thinking")
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    stop = body.get("stop") or ()
    return PlayedQuestion(
        dialect="chat",
        model=string(body.get("model"), "model"),
        entries=tuple(_history(body)),
        tools=tuple(_tools(body)),
        streams=body.get("stream") is True,
        wants_thinking=thinking.get("type") != "disabled" if thinking else None,
        tool_choice=_tool_choice(body.get("tool_choice")),
        limit_tokens=count(limit, "max_completion_tokens"),
        stop_sequences=(stop,) if isinstance(stop, str) else tuple(stop),
        answer_schema=_schema(record(body.get("response_format") or {}, "response_format")),
        counts_streamed=bool(
            record(body.get("stream_options") or {}, "stream_options").get("include_usage")
        ),
    )


def _tools(body: Json) -> Iterator[PlayedTool]:
    for index, tool in enumerate(records(body.get("tools"), "tools")):
        kind = string(tool.get("type"), f"tools.{index}.type")
        inner = record(tool.get(kind) or {}, f"tools.{index}.{kind}")
        yield PlayedTool(
            name=string(inner.get("name"), f"tools.{index}.{kind}.name"),
            schema=record(inner.get("parameters") or {}, f"tools.{index}.{kind}.parameters"),
            description=string(inner.get("description"), f"tools.{index}.{kind}.description"),
            freeform=kind == "custom",
        )


def _tool_choice(choice: object) -> PlayedToolChoice:
    match choice:
        case "none":
            return PlayedToolChoice("none")
        case "required":
            return PlayedToolChoice("any")
        case {"type": str(kind)}:
            named = record(choice, "tool_choice").get(kind)
            inner = record(named, f"tool_choice.{kind}")
            return PlayedToolChoice("tool", string(inner.get("name"), f"tool_choice.{kind}.name"))
    return PlayedToolChoice()


def _schema(response_format: Json) -> Json | None:
    match response_format.get("type"):
        case "json_schema":
            inner = record(response_format.get("json_schema"), "response_format.json_schema")
            return record(inner.get("schema") or {}, "response_format.json_schema.schema")
        case "json_object":
            return DEFAULT_SCHEMA
    return None


def _history(body: Json) -> Iterator[Entry]:
    for number, message in enumerate(records(body.get("messages"), "messages")):
        path = f"messages.{number}"
        content = text_of(message.get("content"), f"{path}.content")
        match string(message.get("role"), f"{path}.role"):
            case "system" | "developer":
                yield PlayedSaying("system", content)
            case "assistant":
                yield from _assistant(message, content, path)
            case "tool":
                yield PlayedResult(
                    string(message.get("tool_call_id"), f"{path}.tool_call_id"), content
                )
            case _:
                yield PlayedSaying("user", content)


def _assistant(message: Json, content: str, path: str) -> Iterator[Entry]:
    thinking = next((message[key] for key in REASONING_KEYS if message.get(key)), None)
    if thinking is not None:
        yield PlayedThought(string(thinking, f"{path}.reasoning_content"))
    if content:
        yield PlayedSaying("assistant", content)
    for index, call in enumerate(records(message.get("tool_calls"), f"{path}.tool_calls")):
        here = f"{path}.tool_calls.{index}"
        kind = string(call.get("type") or "function", f"{here}.type")
        inner = record(call.get(kind) or {}, f"{here}.{kind}")
        yield Called(
            call_id=string(call.get("id"), f"{here}.id"),
            name=string(inner.get("name"), f"{here}.name"),
            arguments=string(inner.get("arguments", inner.get("input")), f"{here}.arguments"),
        )


# --- an answer, written -------------------------------------------------------------------


def whole(
    _: PlayedQuestion, answer: PlayedAnswer, figures: PlayedFigures, identity: AnswerIdentity
) -> Json:
    """The complete chat.completion."""
    message: Json = {"role": "assistant", "content": answer.text or None}
    if answer.thinking:
        message["reasoning_content"] = answer.thinking
    if answer.calls:
        message["tool_calls"] = list(_calls(answer, identity))
    finish = FINISH_REASONS[answer.stop_reason]
    return {
        "id": identity.answer_id,
        "object": "chat.completion",
        "created": CREATED_S,
        "model": identity.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": _usage(figures),
    }


def _calls(answer: PlayedAnswer, identity: AnswerIdentity) -> Iterator[Json]:
    for call, call_id in zip(answer.calls, identity.call_ids, strict=True):
        if call.freeform:
            custom = {"name": call.name, "input": call.arguments}
            yield {"id": call_id, "type": "custom", "custom": custom}
        else:
            function = {"name": call.name, "arguments": call.arguments}
            yield {"id": call_id, "type": "function", "function": function}


def _usage(figures: PlayedFigures) -> Json:
    """The `usage` member; inclusive: `prompt_tokens` counts cached tokens too."""
    return {
        "prompt_tokens": figures.prompt,
        "completion_tokens": figures.output,
        "total_tokens": figures.prompt + figures.output,
        "prompt_tokens_details": {"cached_tokens": figures.cached},
        "completion_tokens_details": {"reasoning_tokens": figures.reasoning},
    }


def events(completion: Json, _: PlayedQuestion, identity: AnswerIdentity) -> Iterator[Event]:
    """The same answer as chunks, with usage in a chunk of its own."""
    message = completion["choices"][0]["message"]
    size = identity.manners.piece_characters

    def chunk(delta: Json, finish: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _chunk(completion, choices=[choice])

    yield chunk({"role": "assistant", "content": ""})
    for part in pieces(message.get("reasoning_content") or "", size):
        yield chunk({"reasoning_content": part})
    for part in pieces(message["content"] or "", size):
        yield chunk({"content": part})
    for index, call in enumerate(message.get("tool_calls", ())):
        for delta in _call_deltas(index, call, size):
            yield chunk({"tool_calls": [delta]})
    yield chunk({}, completion["choices"][0]["finish_reason"])
    yield _chunk(completion, choices=[], usage=completion["usage"])
    yield Event(None, "[DONE]")


def trimmed(events: Events, asked: PlayedQuestion) -> Events:
    """The events without the usage chunk, unless `stream_options.include_usage` asked for it."""
    if asked.counts_streamed:
        return events
    return [e for e in events if not (isinstance(e.data, dict) and e.data.get("choices") == [])]


def _call_deltas(index: int, call: Json, size: int) -> Iterator[Json]:
    if call["type"] == "custom":
        yield {"index": index} | call
        return
    function = call["function"]
    yield {"index": index} | call | {"function": function | {"arguments": ""}}
    for part in pieces(function["arguments"], size):
        yield {"index": index, "function": {"arguments": part}}


def _chunk(completion: Json, **members: object) -> Event:
    shared = {key: completion[key] for key in ("id", "created", "model")}
    return Event(None, {"object": "chat.completion.chunk"} | shared | members)


# --- errors, models -----------------------------------------------------------------------


def failure(status: int, message: str, error_type: str | None, _: str) -> Json:
    """The error envelope."""
    default = "invalid_request_error" if status < 500 else "server_error"
    kind = error_type or ERROR_TYPES.get(status, default)
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def failure_events(message: str, error_type: str, _whole: Json, _sent: int) -> Iterator[Event]:
    """A failure after the 200 has gone out; no `[DONE]` follows it."""
    yield Event(None, failure(500, message, error_type, ""))


def model_list(names: tuple[str, ...], context_tokens: int) -> Json:
    return {"object": "list", "data": [model_entry(name, context_tokens) for name in names]}


def model_entry(name: str, context_tokens: int) -> Json:
    """One entry of the list, with the capabilities that Moonshot says of each model."""
    return {
        "id": name,
        "object": "model",
        "created": CREATED_S,
        "owned_by": "simulator",
        "context_length": context_tokens,
        "supports_image_in": True,
        "supports_reasoning": True,
    }
