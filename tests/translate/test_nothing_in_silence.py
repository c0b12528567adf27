"""Every member that a client sends (support/members.py) reaches the upstream, or is named: as a
loss, or by a 400."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_create_params
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

from gwproxy.profiles.quirks import quirk_values
from gwproxy.profiles.record import make_profile
from gwproxy.translate.hub import Dialect
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire.fields import Rejected
from support.bridges import bridge_of
from support.members import ALONE, BESIDE, PLAIN, A, C, R

PAIRS = [(client, upstream) for client in (A, C, R) for upstream in (A, C, R)]

# One thing has one name in all dialects (`losses`).
ALSO_CALLED = {
    "metadata.user_id": "user",
    "safety_identifier": "user",
    "stop_sequences": "stop",
    "max_output_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "output_config.effort": "reasoning_effort",
    "reasoning.effort": "reasoning_effort",
    "reasoning": "reasoning_effort",
    "text.verbosity": "verbosity",
    "tool_choice.disable_parallel_tool_use": "parallel_tool_calls",
    "tools.cache_control": "cache_control",
    "output_config.format": "response_format",
    "text.format": "response_format",
    "web_search_options": "web_search",
}
# Members by which Chat hosts and clients switch thinking off.
SWITCHES = ("thinking", "enable_thinking", "chat_template_kwargs", "reasoning_effort", "reasoning")
# Carried out here, on the way down: what of the answer is shown, and how.
ANSWERED_HERE = {"stream", "include_reasoning", "stream_options", "include", "store"}
REQUIRED = {"model", "messages", "input", "max_tokens", "tools", "tool_choice", "function_call"}


def quirks() -> Iterator[tuple[str, Quirks]]:
    yield "nobody knows it", Quirks()
    yield "rebuilt", Quirks(rebuild=True)
    for preset in ("kimi-code", "claude-gateway"):
        urls = {"anthropic_url": "https://up.test", "openai_url": "https://up.test/v1"}
        values: dict[str, Any] = quirk_values(make_profile("up", {"preset": preset, **urls}))
        yield preset, Quirks(**values)
        yield f"{preset}, rebuilt", Quirks(**values | {"rebuild": True})


KINDS = dict(quirks())


def sent(client: Dialect, upstream: Dialect, kind: Quirks, body: dict[str, Any]) -> Any:
    """What reaches the upstream, and what is said of the rest."""
    bridge = bridge_of(client, upstream, kind, stream=False)
    try:
        outgoing = json.loads(bridge.request(json.dumps(body).encode()))
    except Rejected as error:
        return None, [f"{error.field} {error.why}"]
    return outgoing, [entry.partition(":")[2].partition("=")[0] for entry in bridge.tally.losses]


def paths(value: Any, before: Any, at: str = "") -> Iterator[str]:
    """The members of `value` that `before` has otherwise, by their paths without numbers."""
    if isinstance(value, dict):
        before = before if isinstance(before, dict) else {}
        for name, member in value.items():
            if member != before.get(name):
                yield from (
                    f"{at}.{name}".strip("."),
                    *paths(member, before.get(name), f"{at}.{name}"),
                )
    elif isinstance(value, list) and value and isinstance(before, list) and before:
        yield from paths(value[0], before[0], at)


def is_named(member: dict[str, Any], before: dict[str, Any], said: list[str]) -> bool:
    names = set(paths(member, before))
    names |= {ALSO_CALLED[name] for name in names if name in ALSO_CALLED}
    if names & set(SWITCHES):
        names.add("thinking")
    return any(
        word == name or word.startswith((f"{name}.", f"{name} ")) or f'"{name}"' in word
        for word in said
        for name in names
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_member_that_changes_nothing_at_the_upstream_is_named(
    client: Dialect, upstream: Dialect, kind: str
) -> None:
    silent = []
    asked: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, one) for one in ALONE[client]]
    for beside, member in (*asked, *BESIDE[client]):
        before = PLAIN[client] | beside
        without, _ = sent(client, upstream, KINDS[kind], before)
        outgoing, said = sent(client, upstream, KINDS[kind], before | member)
        if outgoing in (None, without) and not is_named(member, before, said):
            silent.append((beside, member, said))
    assert not silent


@pytest.mark.parametrize(
    ("client", "params"),
    [
        (A, message_create_params.MessageCreateParamsBase),
        (A, beta_create_params.MessageCreateParamsBase),
        (C, completion_create_params.CompletionCreateParamsBase),
        (R, response_create_params.ResponseCreateParamsBase),
    ],
)
def test_every_member_of_the_sdks_is_asked_for(client: Dialect, params: Any) -> None:
    asked = {name for member in ALONE[client] for name in member}
    asked |= {name for pair in BESIDE[client] for member in pair for name in member}
    assert set(params.__annotations__) <= asked | ANSWERED_HERE | REQUIRED
