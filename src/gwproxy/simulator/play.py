"""From a request body to the bytes that a provider answers with. Pure.

The one place where the parts meet: the dialect sees the request, the rules judge it, the
conversation answers it, the dialect writes the answer, disorders disturb it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gwproxy.simulator import chat, messages, responses
from gwproxy.simulator.conversation import (
    Conversation,
    DialectName,
    PlayedAnswer,
    PlayedQuestion,
    fitted,
)
from gwproxy.simulator.demo import demo_conversation
from gwproxy.simulator.disorder import disordered_body, disordered_events, framed
from gwproxy.simulator.faults import Delivery, Disorder, PlayedRefusal
from gwproxy.simulator.figures import PlayedFigures, prompt_tokens, tokens
from gwproxy.simulator.identity import AnswerIdentity
from gwproxy.simulator.manners import Manners, Streaming
from gwproxy.simulator.script import scripted
from gwproxy.simulator.strict import Case, check
from gwproxy.simulator.wire import Event, Events, Json, WireRefused, compact, string, to_bytes

JSON_TYPE = "application/json"
STREAM_TYPE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class PlayedDialect:
    """One dialect's functions; all three have the same."""

    view: Callable[[Json], PlayedQuestion]
    whole: Callable[[PlayedQuestion, PlayedAnswer, PlayedFigures, AnswerIdentity], Json]
    events: Callable[[Json, PlayedQuestion, AnswerIdentity], Iterable[Event]]
    failure: Callable[[int, str, str | None, str], Json]
    failure_events: Callable[[str, str, Json, int], Iterable[Event]]
    trimmed: Callable[[Events, PlayedQuestion], Events] = lambda events, _: events


DIALECTS: Mapping[DialectName, PlayedDialect] = MappingProxyType(
    {
        "anthropic": PlayedDialect(
            messages.view,
            messages.whole,
            messages.events,
            messages.failure,
            messages.failure_events,
        ),
        "chat": PlayedDialect(
            chat.view, chat.whole, chat.events, chat.failure, chat.failure_events, chat.trimmed
        ),
        "responses": PlayedDialect(
            responses.view,
            responses.whole,
            responses.events,
            chat.failure,
            responses.failure_events,
        ),
    }
)


@dataclass(frozen=True, slots=True)
class PlayedReply:
    """An answer as bytes: one frame when whole, one per event when streamed.

    `broken_off` gives the frames that report a failure after so many events.
    """

    status: int
    content_type: str
    frames: tuple[bytes, ...]
    streamed: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    broken_off: Callable[[Delivery, int], tuple[bytes, ...]] = lambda _delivery, _sent: ()


def converse(asked: PlayedQuestion) -> PlayedAnswer:
    """The answer of a script in the prompt if there is one, else of the built-in conversation."""
    return scripted(asked) or demo_conversation(asked)


def admit(
    dialect: DialectName, body: Json, headers: Mapping[str, str], manners: Manners
) -> PlayedQuestion:
    """The request in neutral form, if this provider takes it. Header names are lower case.

    Raises:
        WireRefused: in the words of the provider.
    """
    asked = DIALECTS[dialect].view(body)
    if not asked.model:
        raise WireRefused(400, "model: Field required")
    if manners.only_known_models and asked.model not in manners.models:
        raise WireRefused(404, f"Not found the model {asked.model} or Permission denied")
    if not asked.entries:
        raise WireRefused(400, "messages: at least one message is required")
    if asked.streams and manners.streaming is Streaming.REFUSES_STREAMS:
        raise WireRefused(400, "Streaming responses are not currently supported.")
    if not asked.streams and manners.streaming is Streaming.REFUSES_WHOLE:
        raise WireRefused(400, "stream: only true is supported by this model")
    case = Case(
        headers=headers,
        body=body,
        asked=asked,
        thinks=manners.thinks and asked.wants_thinking is not False,
        opaque=manners.opaque_refusals,
        extra_fields=manners.extra_fields,
        context_tokens=manners.context_tokens,
        prompt_tokens=prompt_tokens(asked),
    )
    check(case, manners.rules)
    return asked


def answer(asked: PlayedQuestion, conversation: Conversation, manners: Manners) -> PlayedAnswer:
    """The conversation's answer, within the client's limits and the provider's manners."""
    said = conversation(asked)
    if not manners.thinks or asked.wants_thinking is False:
        said = replace(said, thinking="")
    return fitted(said, asked, tokens)


def write(
    asked: PlayedQuestion,
    said: PlayedAnswer,
    figures: PlayedFigures,
    identity: AnswerIdentity,
    disorders: frozenset[Disorder] = frozenset(),
) -> PlayedReply:
    """The answer as bytes.

    Raises:
        WireRefused: 500, a disorder that this dialect does not have.
    """
    dialect = DIALECTS[asked.dialect]
    whole = dialect.whole(asked, said, figures, identity)
    own = identity.manners.chat_disorders if asked.dialect == "chat" else frozenset()
    disorders = disorders | own

    if not _streams(asked, identity.manners):
        body = disordered_body(whole, disorders, asked.dialect)

        def envelope(delivery: Delivery, _: int) -> tuple[bytes, ...]:
            failed = dialect.failure(200, delivery.error_message, delivery.error_type, "")
            return (to_bytes(compact(failed)),)

        frames = (to_bytes(compact(body)),)
        return PlayedReply(200, JSON_TYPE, frames, broken_off=envelope)

    events = list(dialect.events(whole, asked, identity))
    events = dialect.trimmed(disordered_events(events, disorders, asked.dialect), asked)

    def broken_off(delivery: Delivery, sent: int) -> tuple[bytes, ...]:
        failed = dialect.failure_events(delivery.error_message, delivery.error_type, whole, sent)
        return tuple(framed(list(failed), disorders))

    stream = tuple(framed(events, disorders))
    return PlayedReply(200, STREAM_TYPE, stream, streamed=True, broken_off=broken_off)


def _streams(asked: PlayedQuestion, manners: Manners) -> bool:
    match manners.streaming:
        case Streaming.ANSWERS_WHOLE:
            return False
        case Streaming.ALWAYS_STREAMS:
            return True
    return asked.streams


def refusal_reply(refusal: PlayedRefusal, dialect: DialectName, request_id: str) -> PlayedReply:
    """A refusal as bytes, in the dialect's envelope unless it brings its own body."""
    body = refusal.body
    if body is None:
        failed = DIALECTS[dialect].failure(
            refusal.status, refusal.message, refusal.error_type, request_id
        )
        body = compact(failed)
    headers = dict(refusal.headers)
    return PlayedReply(refusal.status, refusal.content_type, (to_bytes(body),), headers=headers)


def json_reply(body: Json) -> PlayedReply:
    return PlayedReply(200, JSON_TYPE, (to_bytes(compact(body)),))


def models_reply(dialect: DialectName, manners: Manners, name: str | None) -> PlayedReply:
    """The list of models, or one of them.

    Raises:
        WireRefused: 404, there is no such model.
    """
    module = messages if dialect == "anthropic" else chat
    if name is None:
        return json_reply(module.model_list(manners.models, manners.context_tokens))
    if name not in manners.models:
        raise WireRefused(404, f"Not found the model {string(name, 'model')} or Permission denied")
    return json_reply(module.model_entry(name, manners.context_tokens))


def with_request_id(reply: PlayedReply, dialect: DialectName, request_id: str) -> PlayedReply:
    """The reply with the vendors' header that names a request; SDKs show it as `_request_id`."""
    name = "request-id" if dialect == "anthropic" else "x-request-id"
    return replace(reply, headers={name: request_id} | dict(reply.headers))


def usage_report(figures: PlayedFigures, model: str) -> Json:
    """`GET /v1/usage/{request_id}` as the Claude gateway documents it."""
    return {
        "input_tokens": figures.fresh,
        "output_tokens": figures.output,
        "cache_read_input_tokens": figures.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": figures.written,
            "ephemeral_1h_input_tokens": 0,
        },
        "cost_micro": figures.fresh * 3 + figures.output * 15,
        "model": model,
    }
