"""The ways in which a simulated provider goes wrong, as values.

Three kinds, freely combined for one request: a `PlayedRefusal` instead of an answer, a `Delivery`
that goes wrong on the wire, a `Disorder` in the shape of the answer. Each one was met at a real
provider; the line at each member says where. Nothing here acts: `disorder/` and `delivery.py`
play them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class PlayedRefusal:
    """An error answer. `body` goes out verbatim; without one the dialect's own envelope does."""

    status: int
    message: str = "The simulated provider refuses."
    error_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    content_type: str = "application/json"


def html_page(status: int = 524, title: str = "A timeout occurred") -> PlayedRefusal:
    """What Cloudflare or nginx says in place of a provider (anthropics/claude-code#3197)."""
    ray = "8f2c1a7b9d3e4f50-FRA"
    body = (
        f"<!DOCTYPE html>\n<html><head><title>api.example.com | {status}: {title}</title></head>"
        f"<body><h1>{title}</h1><p>Cloudflare Ray ID: <strong>{ray}</strong></p></body></html>\n"
    )
    return PlayedRefusal(status, body=body, content_type="text/html", headers={"cf-ray": ray})


def quota_used_up() -> PlayedRefusal:
    """Moonshot's 429 that no amount of waiting heals (MoonshotAI/kimi-code#1857)."""
    message = "You exceeded your current quota, please check your plan and billing details"
    return PlayedRefusal(429, message, error_type="exceeded_current_quota_error")


def client_gate() -> PlayedRefusal:
    """Kimi Code's refusal of a User-Agent that it does not know (MoonshotAI/kimi-cli#275)."""
    message = (
        "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, "
        "Claude Code, Roo Code, Kilo Code, etc."
    )
    return PlayedRefusal(403, message, error_type="access_terminated_error")


class Ending(StrEnum):
    """What happens to an answer after so many of its events."""

    CUT = "cut"  # the connection closes between two events
    CUT_INSIDE = "cut inside"  # it closes in the middle of the next event
    RESET = "reset"  # it is reset (RST), as by a dying load balancer
    SILENCE = "silence"  # nothing more ever comes
    ERROR_EVENT = "error event"  # an error event inside the 200, then a clean end
    ENDS_EARLY = "ends early"  # HTTP ends cleanly, the answer does not


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer that is fine, on a wire that is not.

    `head_after_s` is the silence before the status line (infinite: for ever), `gap_s` the one
    before each event. After `after_events` events, or at the end of a shorter answer, `then`
    happens. `split_bytes` cuts the body into HTTP chunks of that size, and `gzip` compresses
    it whatever the client accepts.
    """

    head_after_s: float = 0.0
    gap_s: float = 0.0
    after_events: int = 0
    then: Ending | None = None
    error_type: str = "overloaded_error"
    error_message: str = "Overloaded"
    split_bytes: int | None = None
    gzip: bool = False


class Disorder(StrEnum):
    """An answer whose shape breaks a rule of its dialect."""

    # Ends (farion1231/cc-switch 6940a4b20; router-for-me/CLIProxyAPI)
    NO_FINISH = "no finish reason"
    NO_TERMINATOR = "no [DONE], message_stop or response.completed"
    DATA_AFTER_END = "data after the end"
    REPEATED_FINISH = "finish reason repeated"  # cc-switch#2366
    STOP_DESPITE_CALLS = "finish reason says stop, calls are there"

    # Usage (badlogic/pi-mono#2017; Moonshot's migration guide)
    NO_USAGE = "no usage"
    USAGE_IN_CHOICE = "usage inside choices[0] of the last chunk"
    USAGE_EVERYWHERE = "usage in every chunk"
    CACHED_AT_TOP = "cached_tokens at the top of usage"

    # Tool calls (openai-python PR#3246; AstrBot PR#6692; agno PR#8880; openai/codex#7517)
    INTERLEAVED_CALLS = "parallel calls interleaved"
    LATE_NAMES = "name after the first arguments"
    NO_IDS = "calls without ids"
    NO_INDEXES = "call deltas without index"
    SAME_INDEX = "every call at index 0"
    FIRST_INDEX_ONE = "indexes begin at 1"
    SAME_ID = "all calls with one id"
    REPEATED_IDS = "id and name on every delta"
    WHOLE_CALLS = "each call in a single chunk"
    EMPTY_CALL_LISTS = "empty tool_calls on text chunks"
    NULL_ARGUMENTS = "null for empty arguments"
    OBJECT_ARGUMENTS = "arguments as an object"
    LEAKED_CALLS = "calls as Kimi's own markup in the content"  # vllm-project/vllm#31207

    # Reasoning (MoonshotAI/kimi-code#2104; BerriAI/litellm#33224)
    REASONING_AS_REASONING = "reasoning under `reasoning`"
    REASONING_AS_TEXT = "reasoning under `reasoning_text`"
    REASONING_TWICE = "reasoning under two keys at once"
    THINK_TAGS = "reasoning as <think> in the content"
    LATE_REASONING = "reasoning after the text"

    # Content
    NULL_CONTENT = "content null on every other chunk"
    EMPTY_ANSWER = "an answer without any content"
    WRONG_SHAPE = "a 200 that is not of the dialect"

    # Framing (cc-switch#1664; openai-go#227)
    CRLF = "CRLF line ends"
    NO_SPACE = "data: without a space"
    BYTE_ORDER_MARK = "a byte order mark first"
    COMMENTS = "comment lines between events"
    MANY_LINES = "JSON over several data: lines"
    NO_EVENT_NAMES = "no event: lines"
    EVENT_NAMES = "event: lines where none belong"
    HUGE_EVENT = "the whole text in one event"


Fault: TypeAlias = PlayedRefusal | Delivery | Disorder
