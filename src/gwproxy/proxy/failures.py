"""What goes wrong at the gateway itself, as failures of the hub in plain words.

Whatever an upstream says is the business of the dialects; here is only what we say ourselves.
Messages name the next step where there is one. Nothing here knows a status line or a socket.
"""

from __future__ import annotations

from collections.abc import Iterable

from gwproxy.errors import GwproxyError
from gwproxy.translate.bridge import rejection
from gwproxy.translate.hub import Failure, FailureKind
from gwproxy.translate.wire.fields import Rejected, Unsupported
from gwproxy.translate.wire.jsonio import NotJson


class Failed(Exception):
    """The exchange ends with `failure`; whoever holds the client's answer says so.

    `nothing_sent`: no byte of the request reached an upstream, so that asking again, or asking
    another one, bills nobody twice.
    """

    def __init__(self, failure: Failure, *, nothing_sent: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.nothing_sent = nothing_sent


def forbidden(why: str) -> Failure:
    return _final(FailureKind.PERMISSION, why, 403)


def unauthenticated() -> Failure:
    # Claude Code repeats a 401 for minutes unless it is told not to.
    return _final(
        FailureKind.AUTHENTICATION,
        "this is not the local token (`gwproxy token` prints it; a provider's own key does not "
        "belong here). Present it as `Authorization: Bearer …` or `x-api-key`",
        401,
    )


def unknown_route(method: str, path: str) -> Failure:
    words = (
        f"there is no {method} {path}; try /v1/messages, /v1/chat/completions, /v1/responses or "
        "/v1/models"
    )
    return _final(FailureKind.NOT_FOUND, words, 404, code="unknown_url")


def no_such_upstream_route(endpoint: str, profile: str) -> Failure:
    """A route of OpenAI's that is passed on, not translated."""
    words = (
        f"the profile {profile} has no OpenAI address, and {endpoint} cannot be translated; ask "
        "for PROFILE/MODEL of a profile that has one"
    )
    return _final(FailureKind.NOT_FOUND, words, 404, code="unknown_url")


def wrong_method(method: str, allowed: str) -> Failure:
    return Failure(
        FailureKind.INVALID, f"gwproxy: {method} is not for this route; use {allowed}", 405
    )


def no_websocket() -> Failure:
    """Codex dials `/v1/responses` first: at a 426 it goes on over HTTP at once and in silence, at
    any other status after five to seven dials (openai/codex#43353)."""
    words = "there is no WebSocket here; send the request as an HTTP POST"
    return _final(FailureKind.INVALID, words, 426)


def no_inspector() -> Failure:
    words = (
        "the inspector is not there for a server that other machines can reach (--allow-remote); "
        "start it without, and reach it from elsewhere through ssh -L"
    )
    return _final(FailureKind.NOT_FOUND, words, 404, code="no_inspector")


def not_offered(path: str) -> Failure:
    """An endpoint of the vendor's API that no gateway of ours has.

    Status, type and header are what Claude Code's gateway page asks for ("LLM gateway protocol").
    """
    return Failure(
        FailureKind.UNSUPPORTED,
        f"not_supported: gwproxy does not offer {path}",
        501,
        raw_type="not_supported",
        retryable=False,
    )


def too_large(limit_bytes: int) -> Failure:
    words = (
        f"the request is larger than {limit_bytes} bytes; serve.max_body_bytes in config.toml sets "
        "the limit"
    )
    return _final(FailureKind.TOO_LARGE, words, 413)


def unknown_encoding(encoding: str, known: str) -> Failure:
    words = f"Content-Encoding {encoding!r} is not understood; use {known} or none"
    return _final(FailureKind.INVALID, words, 415)


def malformed_body(why: str) -> Failure:
    return _final(FailureKind.INVALID, why, 400)


def slow_body(seconds: float) -> Failure:
    return Failure(
        FailureKind.TIMEOUT, f"gwproxy: the request body did not arrive within {seconds:.0f} s", 408
    )


def stopping() -> Failure:
    return Failure(FailureKind.OVERLOADED, "gwproxy is stopping", 503, retry_after_s=2)


def all_cooling(profiles: Iterable[str], retry_after_s: float) -> Failure:
    return Failure(
        FailureKind.OVERLOADED,
        f"gwproxy: {' and '.join(profiles)} cannot take requests just now (gwproxy status)",
        503,
        retry_after_s=retry_after_s,
    )


def internal() -> Failure:
    return Failure(
        FailureKind.INTERNAL,
        "gwproxy stumbled over a mistake of its own; its log has the details",
        500,
        retryable=False,
    )


def unconfigured(what: str, hint: str) -> Failure:
    """A trouble that only the person at this machine can mend: waiting does not."""
    return _final(FailureKind.INTERNAL, what + (f" ({hint})" if hint else ""), 503)


def from_error(error: GwproxyError) -> Failure:
    """An error for people, of config.toml or of a key, as an answer."""
    return unconfigured(_what_and_why(error), error.hint)


def unknown_profile(error: GwproxyError) -> Failure:
    return _final(FailureKind.NOT_FOUND, _what_and_why(error), 404)


def unknown_request(request_id: str) -> Failure:
    words = (
        f"nothing is known of the request {request_id[:100]!r}; its id is the x-gwproxy-request-id "
        "of its answer"
    )
    return _final(FailureKind.NOT_FOUND, words, 404)


def bad_query(name: str, said: str) -> Failure:
    words = f"{name} in the query must be a whole number, not {said[:40]!r}"
    return _final(FailureKind.INVALID, words, 400)


def unknown_previous_response(response_id: str) -> Failure:
    """In the words and with the labels of the API: clients send the whole input again on them."""
    return Failure(
        FailureKind.INVALID,
        f"Previous response with id '{response_id[:100]}' not found.",
        400,
        code="previous_response_not_found",
        param="previous_response_id",
        retryable=False,
    )


def conversation_too_long() -> Failure:
    words = (
        "the conversation behind previous_response_id is too long to be read again; begin a new "
        "one, or send the input that matters"
    )
    return _final(FailureKind.INVALID, words, 400, param="previous_response_id")


def unreadable_responses(why: str) -> Failure:
    return unconfigured(
        f"kept responses cannot be read: {why}", "send the whole input instead of their ids"
    )


def unknown_response(response_id: str) -> Failure:
    """In the words of the API, which has no code for it."""
    return Failure(
        FailureKind.INVALID,
        f"Response with id '{response_id[:100]}' not found.",
        404,
        retryable=False,
    )


def not_in_background() -> Failure:
    """In the words of the API: an answer that is not in the background ends with its connection."""
    return Failure(
        FailureKind.INVALID, "Cannot cancel a synchronous response.", 400, retryable=False
    )


def unknown_model(model: str) -> Failure:
    words = f"no profile lists the model {model[:100]!r}; GET /v1/models lists them all"
    return _final(FailureKind.NOT_FOUND, words, 404)


def unreachable(host: str, why: str) -> Failure:
    return Failure(FailureKind.UPSTREAM, f"cannot reach {host}: {why}", 502)


def broken(host: str, why: str) -> Failure:
    """The request had gone out; what the upstream made of it is unknown."""
    return Failure(FailureKind.UPSTREAM, f"{host} {why}", 502)


def silent(host: str, seconds: float) -> Failure:
    return Failure(FailureKind.TIMEOUT, f"{host} sent nothing for {seconds:g} s", 504)


def bad_certificate(host: str, why: str) -> Failure:
    return Failure(
        FailureKind.UPSTREAM,
        f"the TLS certificate of {host} is not acceptable: {why}. Nothing was sent. "
        "SSL_CERT_FILE can name a certificate authority of your own",
        502,
        retryable=False,
    )


def redirected(host: str, status: int) -> Failure:
    return Failure(
        FailureKind.UPSTREAM,
        f"{host} answered with a redirect ({status}), which is not followed: it could carry the "
        "key elsewhere. Correct the profile's URL",
        502,
        retryable=False,
    )


def oversized_answer(host: str, limit_bytes: int) -> Failure:
    return Failure(
        FailureKind.UPSTREAM, f"{host} sent an answer of more than {limit_bytes} bytes", 502
    )


def rejected(error: Rejected | NotJson, profile: str = "") -> Failure:
    """A request that cannot be read, or not be carried to the upstream of `profile`."""
    if profile and isinstance(error, Unsupported) and error.quirk:
        # A person may know better than we do.
        way_out = f"if it is taken after all: gwproxy profile set {profile} quirk.{error.quirk}"
        return rejection(error.field, f"{error.why}; {way_out}")
    if isinstance(error, Rejected):
        return rejection(error.field, error.why)
    return rejection("", str(error))


def _final(
    kind: FailureKind, words: str, status: int, *, code: str | None = None, param: str | None = None
) -> Failure:
    """One of our own that comes again however often the same is asked."""
    return Failure(kind, f"gwproxy: {words}", status, code=code, param=param, retryable=False)


def _what_and_why(error: GwproxyError) -> str:
    return ". ".join(part for part in (error.what, error.why) if part)
