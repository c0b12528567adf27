"""`gwproxy test` names what is wrong, names nothing when nothing is, and costs what it said."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from gwproxy.errors import CredentialError
from gwproxy.profiles.credentials import FoundKey
from gwproxy.profiles.profile import Profile, StreamMode
from gwproxy.profiles.record import make_profile
from gwproxy.profiles.secret import Secret, Source
from gwproxy.profiles.store import Config
from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.probe import (
    Depth,
    GatewayProbe,
    Learned,
    Outcome,
    ProviderProbe,
    Verdict,
    learned_from,
    most_calls,
)
from gwproxy.proxy.probe import verdicts as sayings
from gwproxy.proxy.probe.asking import model_names
from gwproxy.proxy.probe.provider import was_held_back
from gwproxy.proxy.routing.route import Routes
from gwproxy.proxy.upstream.client import Upstream
from gwproxy.proxy.upstream.keys import Keys
from gwproxy.simulator import (
    CLAUDE_GATEWAY,
    DEMO,
    KIMI_CODE,
    KIMI_K25,
    STRONGWALL,
    Delivery,
    Disorder,
    Ending,
    Fault,
    Manners,
    PlayedKind,
    PlayedRefusal,
    RunningSimulator,
    Streaming,
    client_gate,
    html_page,
    quota_used_up,
    strictly,
)
from gwproxy.translate.hub import FailureKind
from support.gateway import TOKEN, StartGateway
from support.provider import StartProvider

KEY = "sk-simulated-0123456789abcdef"

Check: TypeAlias = Callable[..., Awaitable[list[Verdict]]]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream(replace(Limits(), retry_delay_s=0.01))
    yield upstream
    await upstream.close()


@pytest.fixture
def check(upstream: Upstream) -> Check:
    """A function that gives every verdict on a profile."""

    async def run(
        profile: Profile, depth: Depth = Depth.FULL, key: str | None = KEY
    ) -> list[Verdict]:
        def find(_: Profile) -> FoundKey:
            if key is None:
                raise CredentialError("there is no key", why="none was stored", hint="store one")
            return FoundKey(Secret(key), Source("keyring"))

        config = Config(profiles={profile.name: profile}, default=profile.name)
        probe = ProviderProbe(upstream, Keys(find), Routes(config))
        return [verdict async for verdict in probe.check(profile, depth)]

    return run


def profile_of(provider: RunningSimulator, preset: str = "custom", **settings: Any) -> Profile:
    """The profile of a preset, sent to the simulated provider instead of the real host."""
    record: dict[str, Any] = {"preset": preset, **settings}
    if preset == "custom":
        record |= {"model": provider.manners.models[0], "dialects": ["anthropic", "chat"]}
        record |= {"anthropic_url": provider.anthropic_url, "openai_url": provider.openai_url}
        return make_profile("up", record | settings)
    profile = make_profile("up", {"anthropic_url": provider.anthropic_url, **record})
    openai_url = provider.openai_url if {"chat", "responses"} & set(profile.dialects) else None
    return replace(profile, openai_url=openai_url)


def bad(verdicts: list[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.outcome is Outcome.BAD]


def calls(verdicts: list[Verdict]) -> int:
    return sum(verdict.calls for verdict in verdicts)


def named(verdicts: list[Verdict], check: str) -> Verdict:
    return next(verdict for verdict in verdicts if verdict.check == check)


@pytest.mark.parametrize(
    ("preset", "manners"),
    [
        ("strongwall", STRONGWALL),
        ("kimi-k25", KIMI_K25),
        ("kimi-code", KIMI_CODE),
        ("kimi-code", strictly(KIMI_CODE)),
        ("custom", DEMO),
        ("custom", CLAUDE_GATEWAY),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
async def test_a_provider_that_is_all_right_gets_no_complaint(
    start_provider: StartProvider, check: Check, preset: str, manners: Manners
) -> None:
    provider = await start_provider(manners, key=KEY)
    settings = {"openai_url": provider.openai_url} if preset == "claude-gateway" else {}
    profile = profile_of(provider, preset, **settings)
    verdicts = await check(profile)
    assert not bad(verdicts)
    assert not [v for v in verdicts if v.hint], "a hint is only for what can be mended"
    assert learned_from(profile, verdicts) in ((), (Learned("quirk.count_tokens", "upstream"),))
    assert provider.billed == calls(verdicts) == most_calls(profile, Depth.FULL)
    assert not any(KEY in str(verdict) for verdict in verdicts)


@pytest.mark.parametrize("depth", [Depth.FREE, Depth.QUICK])
async def test_less_can_be_asked(start_provider: StartProvider, check: Check, depth: Depth) -> None:
    provider = await start_provider(KIMI_K25, key=KEY)
    profile = profile_of(provider, "kimi-k25")
    verdicts = await check(profile, depth)
    assert not bad(verdicts)
    assert provider.billed == calls(verdicts) == most_calls(profile, depth)
    assert provider.billed == (0 if depth is Depth.FREE else 3)
    assert named(verdicts, "models").words == "kimi-k2.5 is one of 1"


async def test_every_provider_says_which_checks_were_made(
    start_provider: StartProvider, check: Check
) -> None:
    provider = await start_provider(KIMI_CODE, key=KEY)
    verdicts = await check(profile_of(provider, "kimi-code"))
    assert [(v.check, v.outcome.value) for v in verdicts] == [
        ("key", "ok"),
        ("models", "ok"),
        ("count_tokens", "ok"),
        ("anthropic: a message", "note"),
        ("anthropic: a stream", "ok"),
        ("anthropic: a tool call", "ok"),
        ("anthropic: a tool result", "ok"),
        ("anthropic: an image", "ok"),
    ]
    renamed = named(verdicts, "anthropic: a message").words
    assert renamed == "answered; the provider calls the model kimi-for-coding"
    assert named(verdicts, "anthropic: a tool result").words == (
        "took it back, with its own thinking"
    )


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (
            PlayedRefusal(401, "Invalid Authentication"),
            FailureKind.AUTHENTICATION,
            "the key is refused",
        ),
        (PlayedRefusal(402, "No credit left"), FailureKind.BILLING, "no credit"),
        (quota_used_up(), FailureKind.BILLING, "no credit"),
        (client_gate(), FailureKind.PERMISSION, "does not let this in"),
        (
            PlayedRefusal(404, "Not Found"),
            FailureKind.NOT_FOUND,
            "there is nothing at this address",
        ),
        (
            PlayedRefusal(404, "Not found the model kimi-k9 or Permission denied"),
            FailureKind.NOT_FOUND,
            "the provider does not know the model",
        ),
        (PlayedRefusal(405, "Method Not Allowed"), None, "this address takes no questions (405)"),
        (PlayedRefusal(429, "Too many"), FailureKind.RATE_LIMIT, "too many requests"),
        (PlayedRefusal(500, "Oh"), FailureKind.INTERNAL, "the provider failed"),
        (PlayedRefusal(529, "Overloaded"), FailureKind.OVERLOADED, "overloaded"),
        (html_page(524), FailureKind.TIMEOUT, "no answer in time"),
        (html_page(200), FailureKind.UPSTREAM, "not an answer in this format"),
        (Disorder.WRONG_SHAPE, FailureKind.UPSTREAM, "not an answer in this format"),
        (Delivery(then=Ending.CUT_INSIDE), FailureKind.UPSTREAM, "cut its answer off"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_fault_is_named(
    start_provider: StartProvider,
    check: Check,
    fault: Fault,
    kind: FailureKind | None,
    says: str,
) -> None:
    provider = await start_provider(DEMO, key=KEY)
    provider.will(fault)
    profile = profile_of(provider, dialects=["anthropic"])
    verdicts = await check(profile)
    (found,) = bad(verdicts)
    assert found.check == "anthropic: a message"
    assert says in found.words
    assert kind in (None, found.kind)
    assert found.hint or kind is FailureKind.INTERNAL
    assert found is verdicts[-1], "nothing more was asked of a provider that does not work"
    assert calls(verdicts) == 1


async def test_a_provider_without_credit_is_not_asked_on(
    start_provider: StartProvider, check: Check
) -> None:
    provider = await start_provider(DEMO, key=KEY)
    provider.will(quota_used_up())
    await check(profile_of(provider))
    assert len(provider.generations) == 1


async def test_the_wrong_key_is_told_without_being_billed(
    start_provider: StartProvider, check: Check
) -> None:
    provider = await start_provider(KIMI_CODE, key=KEY)
    verdicts = await check(profile_of(provider, "kimi-code"), Depth.FREE, key="sk-kimi-other-key")
    (found,) = bad(verdicts)
    assert (found.check, found.kind) == ("models", FailureKind.AUTHENTICATION)
    assert found.hint == "gwproxy profile key up"
    assert not provider.generations


async def test_no_key_at_all(start_provider: StartProvider, check: Check) -> None:
    provider = await start_provider(DEMO)
    (verdict,) = await check(profile_of(provider), key=None)
    assert verdict.words == "there is no key: none was stored"
    assert (verdict.kind, verdict.hint) == (FailureKind.AUTHENTICATION, "store one")
    assert not provider.requests


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ("http://127.0.0.1:{port}", "connection refused"),
        ("https://no-such-host.invalid", "its name cannot be resolved"),
    ],
)
async def test_what_cannot_be_reached(check: Check, base: str, says: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = base.format(port=nobody.getsockname()[1])
        profile = make_profile("up", {"anthropic_url": url, "model": "m"})
        verdicts = await check(profile)
    (found,) = bad(verdicts)
    assert (found.check, found.reached, calls(verdicts)) == ("connection", False, 0)
    assert says in found.words


async def test_tls_is_not_spoken_there(start_provider: StartProvider, check: Check) -> None:
    provider = await start_provider(DEMO)
    https = provider.base_url.replace("http://", "https://")
    verdicts = await check(make_profile("up", {"anthropic_url": https, "model": "m"}))
    (found,) = bad(verdicts)
    assert (found.check, "TLS failed" in found.words) == ("connection", True)
    assert found.hint.endswith(f"\ngwproxy profile set up anthropic_url={provider.base_url}")


async def test_a_wrong_prefix_is_told_from_a_wrong_model(
    start_provider: StartProvider, check: Check
) -> None:
    provider = await start_provider(KIMI_CODE, key=KEY)
    profile = profile_of(provider, "kimi-code", anthropic_url=provider.base_url)
    (found,) = bad(await check(profile))
    assert "there is nothing at this address (404)" in found.words
    assert found.hint.endswith("\ngwproxy profile set up anthropic_url=URL")

    strict = await start_provider(replace(DEMO, only_known_models=True))
    verdicts = await check(profile_of(strict, model="demo-2", dialects=["chat"]))
    assert named(verdicts, "models").words == "demo-2 is not in the provider's list: demo-1"
    (found,) = bad(verdicts)
    assert "does not know the model" in found.words
    assert "gwproxy models up" in found.hint


def test_a_bad_certificate_is_no_wrong_address() -> None:
    error = Failed(failures.bad_certificate("up", "self-signed"), nothing_sent=True)
    profile = make_profile("up", {"anthropic_url": "https://up.example", "model": "m"})
    verdict = sayings.failed("connection", error, profile, dialect=None, source=Source("keyring"))
    assert "self-signed" in verdict.words
    assert verdict.hint.endswith("\nSSL_CERT_FILE=PATH gwproxy test up")


@pytest.mark.parametrize(
    ("manners", "setting", "wrong", "right"),
    [
        (KIMI_K25, "openai_url", "/v1", "/api/openai/v1"),
        (KIMI_K25, "openai_url", "/api/openai/v1/v1", "/api/openai/v1"),
        (KIMI_K25, "openai_url", "/api/openai/v2", "/api/openai/v1"),
        (KIMI_K25, "anthropic_url", "", "/api/anthropic"),
        (DEMO, "anthropic_url", "/anthropic", ""),
        (DEMO, "openai_url", "/v1/chat", "/v1"),
        (KIMI_CODE, "anthropic_url", "", None),  # nobody could guess it
    ],
)
async def test_the_right_address_is_named_where_it_can_be_found(
    start_provider: StartProvider,
    check: Check,
    manners: Manners,
    setting: str,
    wrong: str,
    right: str | None,
) -> None:
    provider = await start_provider(manners, key=KEY)
    # Counting is asked of the wrong address as well, and nothing may be concluded from that.
    quirks = {"count_tokens": "upstream"}
    record: dict[str, Any] = {"model": manners.models[0], "quirks": quirks}
    record[setting] = f"{provider.base_url}{wrong}"
    profile = make_profile("up", record)
    verdicts = await check(profile)
    (found,) = bad(verdicts)
    assert "there is nothing at this address (404)" in found.words
    assert calls(verdicts) == 1
    if right is None:
        assert found.hint.endswith(f"\ngwproxy profile set up {setting}=URL")
        return
    assert f"but the provider answers at {provider.base_url}{right}" in found.words
    assert found.hint == f"gwproxy profile set up {setting}={provider.base_url}{right}"
    assert learned_from(profile, verdicts) == (Learned(setting, f"{provider.base_url}{right}"),)
    mended = make_profile("up", record | {setting: f"{provider.base_url}{right}"})
    assert not bad(await check(mended, Depth.QUICK))


async def test_what_is_free_proves_nothing_where_nothing_of_it_is_there(
    start_provider: StartProvider, check: Check
) -> None:
    provider = await start_provider(KIMI_K25, key=KEY)
    record = {"model": "m", "openai_url": f"{provider.base_url}/v1"}
    profile = make_profile("up", record)
    found = (await check(profile, Depth.FREE))[-1]
    assert (found.check, found.outcome) == ("address", Outcome.NOTE)
    right = f"{provider.base_url}/api/openai/v1"
    assert learned_from(profile, [found]) == (Learned("openai_url", right),)

    lost = make_profile("up", {"model": "m", "openai_url": f"{provider.base_url}/other/v1"})
    provider.will(PlayedRefusal(404, "Not Found"), kinds=[PlayedKind.MODELS])
    found = (await check(lost, Depth.FREE))[-1]
    assert (found.outcome, found.hint) == (Outcome.NOTE, "gwproxy test up --quick")
    assert not provider.generations


async def test_a_dialect_that_is_not_there_is_learned(
    start_provider: StartProvider, check: Check
) -> None:
    provider = await start_provider(KIMI_CODE, key=KEY)
    settings = {"dialects": ["anthropic", "chat"], "openai_url": provider.openai_url}
    profile = profile_of(provider, "kimi-code", **settings)
    verdicts = await check(profile)
    (found,) = bad(verdicts)
    assert found.check == "chat: a message"
    assert Learned("dialects", "anthropic") in learned_from(profile, verdicts)


@pytest.mark.parametrize(
    ("streaming", "outcome", "learned"),
    [
        (Streaming.ANSWERS_WHOLE, Outcome.NOTE, "never"),
        (Streaming.REFUSES_STREAMS, Outcome.BAD, "never"),
        (Streaming.ALWAYS_STREAMS, Outcome.NOTE, "always"),
        (Streaming.REFUSES_WHOLE, Outcome.BAD, "always"),
    ],
)
async def test_how_a_provider_streams_is_learned(
    start_provider: StartProvider,
    check: Check,
    streaming: Streaming,
    outcome: Outcome,
    learned: StreamMode,
) -> None:
    provider = await start_provider(replace(DEMO, streaming=streaming), key=KEY)
    profile = profile_of(provider, dialects=["chat"])
    verdicts = await check(profile)
    what = "a stream" if learned == "never" else "a message"
    found = named(verdicts, f"chat: {what}")
    assert (found.outcome, found.learned) == (outcome, Learned("stream", learned))
    assert found.hint == f"gwproxy profile set up stream={learned}"

    # With the setting stored, nothing is wrong any more.
    verdicts = await check(replace(profile, stream=learned))
    assert not bad(verdicts)
    assert all(verdict.learned is None for verdict in verdicts)


async def test_images_that_are_refused_are_learned(
    start_provider: StartProvider, check: Check
) -> None:
    provider = await start_provider(DEMO, key=KEY)
    profile = profile_of(provider, dialects=["anthropic"])

    async def refuse_the_fifth() -> list[Verdict]:
        provider.will(Delivery(), times=4, kinds=[PlayedKind.MESSAGES])
        provider.will(PlayedRefusal(400, "images are not supported"), kinds=[PlayedKind.MESSAGES])
        return await check(profile)

    verdicts = await refuse_the_fifth()
    assert not bad(verdicts)
    assert named(verdicts, "anthropic: an image").learned == Learned("quirk.vision", "false")


def test_one_dialect_that_streams_keeps_the_setting() -> None:
    profile = make_profile("up", {"openai_url": "https://x.example/v1", "model": "m"})
    never = Learned("stream", "never")
    good = Verdict("chat: a stream", Outcome.GOOD, "", calls=1)
    note = Verdict("anthropic: a stream", Outcome.NOTE, "", calls=1, learned=never)
    assert learned_from(profile, [note]) == (never,)
    assert learned_from(profile, [note, good]) == ()


@pytest.mark.parametrize(
    ("moments", "pieces", "held"),
    [
        ([4.0, 4.01], 20, True),
        ([0.5, 1.0, 2.0, 4.0], 20, False),
        ([0.2, 0.2], 20, False),  # too quick to tell
        ([4.0], 3, False),  # too short to tell
        ([], 0, False),
    ],
)
def test_a_stream_in_one_piece_is_noticed(moments: list[float], pieces: int, held: bool) -> None:
    assert was_held_back(moments, pieces) is held


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b'{"data":[{"id":"a"},{"id":"b"}]}', ["a", "b"]),
        (b'{"data":[{"name":"a"},7,{"id":3}]}', []),
        (b'{"data":{}}', []),
        (b"[]", []),
        (b"<html>", []),
    ],
)
def test_a_list_of_models_of_any_shape(body: bytes, names: list[str]) -> None:
    assert model_names(body) == names


async def test_one_question_through_the_gateway(
    start_provider: StartProvider, start_gateway: StartGateway, upstream: Upstream
) -> None:
    provider = await start_provider(STRONGWALL)
    profile = profile_of(provider, "strongwall")
    records = {
        "up": {
            "preset": "strongwall",
            "anthropic_url": provider.anthropic_url,
            "openai_url": provider.openai_url,
        }
    }
    gateway = await start_gateway(records)
    probe = GatewayProbe(upstream, gateway.url, Secret(TOKEN))
    verdicts = [verdict async for verdict in probe.check(profile, ask=True)]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.GOOD, Outcome.GOOD]
    assert verdicts[1].words == "answered, as kimi-k2.5"
    assert (provider.billed, calls(verdicts)) == (1, 1)

    wrong = GatewayProbe(upstream, gateway.url, Secret("not-the-token-of-this-gateway"))
    verdicts = [verdict async for verdict in wrong.check(profile, ask=True)]
    assert verdicts[1].status == 401
    assert "has another token" in verdicts[1].hint
    assert provider.billed == 1


async def test_no_gateway_is_a_note(upstream: Upstream, start_provider: StartProvider) -> None:
    provider = await start_provider(DEMO)
    profile = profile_of(provider)
    probe = GatewayProbe(upstream, provider.base_url, Secret(TOKEN))
    (verdict,) = [verdict async for verdict in probe.check(profile, ask=True)]
    assert (verdict.outcome, verdict.hint) == (Outcome.NOTE, "gwproxy serve")
    assert not provider.generations
