""".github/CAPABILITIES.md says what becomes of every member and every kind of content, asked of the
code itself: in each pair of dialects, for a provider of which nothing is known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire.fields import Rejected
from support.answers import ANSWERS
from support.bridges import bridge_of
from support.members import ALONE, CONTENT, PLAIN, A, C, R
from support.readme import ROOT, is_made, table

PAGE: Final = ROOT / ".github" / "CAPABILITIES.md"
UPSTREAMS: Final = {A: "Messages", C: "Chat Completions", R: "Responses"}
FATES: Final[Mapping[str, str]] = {
    "drop": "left out",
    "clamp": "nearest",
    "raise": "raised",
    "emu": "done here",
    "synth": "made up",
    "reorder": "put in order",
    "rename": "renamed",
}
# Not a member of any format; without a tool there is nothing to choose.
UNTOLD: Final = {"novelty", "tool_choice"}


def sent(client: Dialect, upstream: Dialect, body: dict[str, Any]) -> tuple[Any, list[str]]:
    bridge = bridge_of(client, upstream, Quirks(), stream=False)
    try:
        outgoing = json.loads(bridge.request(json.dumps(body).encode()))
    except Rejected:
        return None, []
    return outgoing, list(bridge.tally.losses)


def fate(client: Dialect, upstream: Dialect, member: Mapping[str, Any]) -> str:
    """What becomes of the member on its way."""
    plain, _ = sent(client, upstream, PLAIN[client])
    outgoing, losses = sent(client, upstream, {**PLAIN[client], **member})
    if outgoing is None:
        return "**refused**"
    codes = dict.fromkeys(FATES[loss.partition(":")[0]] for loss in losses)
    if codes:
        return ", ".join(codes)
    assert outgoing != plain, member
    return "as it came" if client == upstream else "carried"


_SWITCHED_OFF: Final = {'"none"': "none", "false": "false"}
_INSIDE: Final = {
    "output_config", "reasoning", "text", "chat_template_kwargs", "image", "stream_options",
}  # fmt: skip


def label(member: Mapping[str, Any]) -> str:
    """`thinking: disabled`: the path to what is asked for, and the kind where that matters."""
    ((name, value),) = member.items()
    first = value[0] if isinstance(value, list) else value
    match name, first:
        case "thinking", {"block_binding": _}:
            path, kind = "thinking.block_binding", ""
        case "thinking" | "response_format", {"type": kind}:
            path = name
        case "context_management", {"type": kind} | {"edits": [{"type": kind}]}:
            path = name
        case "metadata", {"user_id": _}:
            path, kind = "metadata.user_id", ""
        case _, {"effort": "none"}:
            path, kind = f"{name}.effort", "none"
        case _, dict() if name in _INSIDE:
            path, kind = f"{name}.{next(iter(first))}", ""
        case _:
            path, kind = name, _SWITCHED_OFF.get(json.dumps(value), "")
    return f"`{path}: {kind}`" if kind else f"`{path}`"


def asked(client: Dialect) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for member in ALONE[client]:
        ((name, value),) = member.items()
        novel = isinstance(value, dict) and "novelty" in value
        if name not in UNTOLD and not novel:
            yield label(member), member


def grouped(client: Dialect, asked: Iterator[tuple[str, Mapping[str, Any]]]) -> str:
    """A table in which whatever fares alike stands in one row."""
    rows: dict[tuple[str, ...], dict[str, None]] = {}
    for name, member in asked:
        fates = tuple(fate(client, upstream, member) for upstream in UPSTREAMS)
        rows.setdefault(fates, {})[name] = None
    heading = ("what the tool sends", *(f"to {title}" for title in UPSTREAMS.values()))
    return table(heading, ((", ".join(names), *fates) for fates, names in rows.items()))


@pytest.mark.parametrize("client", UPSTREAMS)
def test_what_a_conversation_holds(client: Dialect) -> None:
    """When one of these fails: UPDATE_GOLDEN=1 pytest tests/translate/test_capabilities.py"""
    rows = (
        (name, *(fate(client, upstream, body) for upstream in UPSTREAMS))
        for name, body in CONTENT[client].items()
    )
    heading = ("what the tool sends", *(f"to {title}" for title in UPSTREAMS.values()))
    is_made(PAGE, f"content of {client}", table(heading, rows))


@pytest.mark.parametrize("client", UPSTREAMS)
def test_the_members_of_a_request(client: Dialect) -> None:
    is_made(PAGE, f"members of {client}", grouped(client, asked(client)))


def answered(client: Dialect, upstream: Dialect, body: dict[str, Any]) -> str:
    """What becomes of an answer on its way down."""
    bridge = bridge_of(client, upstream, Quirks(), stream=False)
    bridge.request(json.dumps(PLAIN[client]).encode())
    reply = bridge.reply(json.dumps(body).encode())
    assert isinstance(reply, bytes)
    codes = dict.fromkeys(FATES[loss.partition(":")[0]] for loss in bridge.tally.losses)
    return ", ".join(codes) or ("as it came" if client == upstream else "carried")


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_what_an_answer_holds(upstream: Dialect) -> None:
    rows = (
        (name, *(answered(client, upstream, body) for client in UPSTREAMS))
        for name, body in ANSWERS[upstream].items()
    )
    heading = ("what the provider answers", *(f"to {title}" for title in UPSTREAMS.values()))
    is_made(PAGE, f"answers of {upstream}", table(heading, rows))
