"""What one client is to see in the answer to its request: handed to every writer and builder.

Ids and time are values or callables from the shell, so that the same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Asked(Struct, frozen=True, kw_only=True):
    """`model` is the name the client asked for and reads back. `new_id("msg_")` gives a fresh id
    with that prefix. `created` is Unix seconds. `input_estimate` stands in the first stream event
    until the upstream's own figure comes. `show_reasoning` False keeps reasoning text out of sight
    (it still travels in the seal). `include_usage` is a Chat client's wish for the usage chunk;
    `legacy_functions` says that it declared `functions` and waits for one `function_call`.
    `answer_tool` is the upstream's tool whose call is the text of the answer; `echo` is raw JSON
    that a Responses answer repeats. `request_id` goes into error bodies."""

    model: str
    new_id: Callable[[str], str]
    created: int = 0
    request_id: str = ""
    input_estimate: int = 0
    show_reasoning: bool = True
    include_usage: bool = False
    legacy_functions: bool = False
    answer_tool: str | None = None
    echo: str | None = None
    family: str = "upstream"


def message_id(prefix: str, upstream_id: str, asked: Asked) -> str:
    """The upstream's id under the client dialect's prefix, so that both sides' logs meet in it."""
    tail = upstream_id
    for known in ("msg_", "chatcmpl-", "resp_"):
        tail = tail.removeprefix(known)
    legal = "".join(c for c in tail if c.isascii() and (c.isalnum() or c in "-_"))
    return prefix + legal if legal else asked.new_id(prefix)
