"""The demo's work: simulated providers, a gateway before them, simulated clients, and the checks.

Every conversation goes over real sockets on loopback, through the same gateway that `serve`
runs. Keys and token are made up here; nothing asks a keyring, reads config.toml or leaves the
machine. What a person sees is in `gwproxy.cli.demo`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from gwproxy.profiles.credentials import FoundKey
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.record import make_profile
from gwproxy.profiles.secret import Secret, Source
from gwproxy.profiles.store import Config
from gwproxy.proxy.serving import Options, running
from gwproxy.simulator import (
    DEMO,
    KIMI_CODE,
    KIMI_K25,
    STRONGWALL,
    Manners,
    PlayedAnswer,
    PlayedQuestion,
    Recorded,
    serve,
    strictly,
)
from gwproxy.simulator import RunningSimulator as Provider
from gwproxy.simulator.caller import Talk, Unfit, talk
from gwproxy.simulator.conversation import Called, DialectName, PlayedThought
from gwproxy.simulator.play import DIALECTS as PROVIDER_DIALECTS
from gwproxy.simulator.play import converse
from gwproxy.simulator.routes import PlayedKind
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.loss_words import gist

PROVIDER_KEY: Final = "sk-simulated-demo-key"
"""Looks like a key and opens nothing."""

MODELS: Final[Mapping[DialectName, str]] = MappingProxyType(
    {"anthropic": "claude-sonnet-4-6", "chat": "gpt-5.5", "responses": "gpt-5.5-codex"}
)
"""What tools of each kind ask for; no simulated provider has any of them."""

_DIALECT_OF: Final[Mapping[PlayedKind | None, DialectName]] = MappingProxyType(
    {PlayedKind.MESSAGES: "anthropic", PlayedKind.CHAT: "chat", PlayedKind.RESPONSES: "responses"}
)


@dataclass(frozen=True, slots=True)
class Cast:
    """A simulated provider, and the profile by which the gateway knows it."""

    preset: str
    manners: Manners
    dialects: tuple[DialectName, ...]
    conversation: Callable[[PlayedQuestion], PlayedAnswer] = converse


CAST: Final = (
    Cast("demo", DEMO, tuple(PROVIDER_DIALECTS)),
    # One that speaks Chat alone, with Moonshot's habits: usage in the last choice, strict rules.
    Cast("kimi-k25", replace(strictly(KIMI_K25), dialects=frozenset({"chat"})), ("chat",)),
    Cast("kimi-code", strictly(KIMI_CODE), ("anthropic",)),
    Cast("strongwall", strictly(STRONGWALL), ("anthropic", "chat")),
)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that the gateway did: two words, and what exactly."""

    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation: who spoke what, what happened on the way, and what was wrong with it."""

    provider: str
    client_dialect: DialectName
    streamed: bool
    upstream_dialect: str = ""
    on_the_way: tuple[Step, ...] = ()
    upstream_requests: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    problems: tuple[str, ...] = ()


async def run_demo(casts: Sequence[Cast]) -> list[Conversation]:
    """Every conversation of the demo: for each provider every dialect, whole and then streamed.

    Raises ConfigError when no port of loopback is free; what goes wrong in a conversation
    stands in its `problems`.
    """
    token = secrets.token_urlsafe(24)
    async with AsyncExitStack() as stack:
        providers: dict[str, Provider] = {}
        for cast in casts:
            started = await serve(cast.manners, conversation=cast.conversation, key=PROVIDER_KEY)
            providers[cast.preset] = await stack.enter_async_context(started)
        config = Config(profiles={c.preset: _profile(c, providers[c.preset]) for c in casts})
        options = Options(
            port=0,
            default_profile=casts[0].preset,
            load=lambda: config,
            read_token=lambda: Secret(token),
            find_key=lambda _: FoundKey(Secret(PROVIDER_KEY), Source("none")),
        )
        gateway = await stack.enter_async_context(running(options))
        return [
            await _converse(cast, providers[cast.preset], gateway.url, token, dialect, streamed)
            for cast in casts
            for dialect in PROVIDER_DIALECTS
            for streamed in (False, True)
        ]


def _profile(cast: Cast, provider: Provider) -> Profile:
    """The preset's profile, sent to loopback instead of the real host."""
    profile = make_profile(cast.preset, {"preset": cast.preset})
    return replace(
        profile,
        anthropic_url=provider.anthropic_url if "anthropic" in cast.dialects else None,
        openai_url=provider.openai_url if cast.dialects != ("anthropic",) else None,
        dialects=tuple(map(Dialect, cast.dialects)),
    )


async def _converse(
    cast: Cast,
    provider: Provider,
    gateway_url: str,
    token: str,
    dialect: DialectName,
    streamed: bool,
) -> Conversation:
    before = len(provider.generations)
    told = Conversation(cast.preset, dialect, streamed)
    model = MODELS[dialect]
    try:
        held = await talk(
            f"{gateway_url}/profiles/{cast.preset}",
            dialect,
            model=model,
            token=token,
            streamed=streamed,
        )
    except Unfit as unfit:
        return replace(told, problems=(str(unfit),))
    seen = provider.generations[before:]
    return replace(
        told,
        upstream_dialect=_DIALECT_OF[seen[0].kind],
        on_the_way=tuple(_on_the_way(held, seen, told, cast.manners)),
        upstream_requests=len(seen),
        prompt_tokens=held.calling.answer.prompt_tokens + held.reporting.answer.prompt_tokens,
        output_tokens=held.calling.answer.output_tokens + held.reporting.answer.output_tokens,
        problems=tuple(_problems(held, seen, model, token)),
    )


def _view(recorded: Recorded) -> PlayedQuestion:
    """A request as the provider understood it."""
    return PROVIDER_DIALECTS[_DIALECT_OF[recorded.kind]].view(recorded.body)


def _on_the_way(
    held: Talk, seen: list[Recorded], told: Conversation, manners: Manners
) -> Iterator[Step]:
    """What the gateway did, as the two ends of it can tell."""
    spoken = _DIALECT_OF[seen[0].kind]
    sent, arrived = held.reporting.sent, dict(seen[-1].body)
    asked, used = sent["model"], arrived["model"]
    if spoken != told.client_dialect:
        yield Step("translated", f"{told.client_dialect} → {spoken} → {told.client_dialect}")
    elif arrived | {"model": asked} == sent:
        yield Step("as it came")
    else:
        yield Step("rewritten", "to the provider's rules")
    if told.streamed and not seen[0].streamed:
        yield Step("stream made", "of a whole answer")
    if asked != used:
        answers_as = manners.answer_model or used
        yield Step("model mapped", f"{asked} → {used}; {answers_as} → {asked}")
    given = [entry.call_id for entry in _view(seen[-1]).entries if isinstance(entry, Called)]
    shown = [call.call_id for call in held.calling.answer.calls]
    if given != shown:
        yield Step("ids mapped", f"{given[0]} ⇄ {shown[0]}")
    losses = held.calling.headers.get("x-gwproxy-loss")
    if losses:
        yield Step("not carried", gist(tuple(losses.split(", ")), codes=True))


def _problems(held: Talk, seen: list[Recorded], model: str, token: str) -> Iterator[str]:
    """What a paying user would have to complain about."""
    if len(seen) != 2:
        yield f"two turns cost {len(seen)} upstream requests"
    for turn, recorded in zip((held.calling, held.reporting), seen, strict=False):
        if turn.answer.model != model:
            yield f"{model} was asked, {turn.answer.model} answers"
        figures = recorded.figures
        if figures is None or figures.prompt != turn.answer.prompt_tokens:
            yield f"input tokens: {turn.answer.prompt_tokens} shown, {figures} billed"
        elif figures.output != turn.answer.output_tokens:
            yield f"output tokens: {turn.answer.output_tokens} shown, {figures.output} billed"
        if any(PROVIDER_KEY in value for value in turn.headers.values()):
            yield "the provider's key reached the client"
        if any(token in value for _, value in recorded.headers):
            yield "the local token reached the provider"
    thoughts = [entry.text for entry in _view(seen[-1]).entries if isinstance(entry, PlayedThought)]
    if not held.calling.answer.thinking:
        yield "the thinking did not arrive"
    elif not any(thoughts):
        yield "the thinking did not come back to its model"
