"""`gwproxy test`: is the profile all right, from its key to its last byte, and the gateway too?

The checks themselves are in `proxy.probe`; here they are announced, shown and summed up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gwproxy.cli.options import JsonFlag, ProfileNames, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.errors import EXIT_CREDENTIAL, EXIT_UPSTREAM

if TYPE_CHECKING:
    from gwproxy.profiles.credentials import FoundKey
    from gwproxy.profiles.profile import Profile
    from gwproxy.profiles.store import Config
    from gwproxy.proxy.probe import Verdict


def register(app: typer.Typer) -> None:
    app.command("test")(test)


def test(
    context: typer.Context,
    names: ProfileNames = None,
    every: Annotated[bool, typer.Option("--all", help="Every profile, not only these.")] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Check a profile from its key to its last byte."""
    from gwproxy.profiles import store

    output = output_of(context)
    config = store.load()
    chosen = tuple(config.profiles) if every else tuple(names or ())
    profiles = [config.profile(name) for name in chosen] or [config.profile()]
    results = asyncio.run(_check(output, config, profiles))
    data = {name: [_as_data(v) for v in verdicts] for name, verdicts in results.items()}
    output.result(data, lambda: _sum_up(output, results))
    return _exit_code([verdict for verdicts in results.values() for verdict in verdicts])


async def _check(
    output: Output, config: Config, profiles: Sequence[Profile]
) -> dict[str, list[Verdict]]:
    from gwproxy.profiles import credentials
    from gwproxy.profiles.local_token import local_token
    from gwproxy.proxy.keys import Keys
    from gwproxy.proxy.limits import Limits
    from gwproxy.proxy.probe import Probe
    from gwproxy.proxy.route import Routes
    from gwproxy.proxy.upstream import Upstream

    upstream = Upstream(Limits())
    keys = Keys(credentials.resolve)
    base_url = f"http://{config.serve.host}:{config.serve.port}"
    results: dict[str, list[Verdict]] = {}
    try:
        for profile in profiles:
            _announce(output, profile)
            probe = Probe(upstream, keys, Routes(config))
            verdicts = results[profile.name] = []
            async for verdict in probe.profile(profile, _describe_key):
                verdicts.append(verdict)
                _show(output, verdict)
            if _failed(verdicts):
                continue  # what fails directly fails through the gateway too, and might cost
            async for verdict in probe.gateway(base_url, local_token().reveal(), profile):
                verdicts.append(verdict)
                _show(output, verdict)
    finally:
        await upstream.close()
    return results


def _announce(output: Output, profile: Profile) -> None:
    from gwproxy.proxy.probe import CALLS_PER_DIALECT, CALLS_THROUGH_GATEWAY

    streams = CALLS_PER_DIALECT if profile.stream != "never" else 1
    most = len(profile.dialects) * streams + CALLS_THROUGH_GATEWAY
    output.talk(f"{profile.name}: at most {most} tiny questions, which the provider may bill")


def _describe_key(found: FoundKey) -> str:
    if found.secret is None:
        return "none is needed"
    return f"{found.secret.masked} from {found.source}"


def _show(output: Output, verdict: Verdict) -> None:
    if output.json_mode:
        return
    took = "" if verdict.seconds is None else f"  ({verdict.seconds:.1f} s)"
    output.line(f"{verdict.outcome.value:<6}  {verdict.check}: {verdict.words}{took}")
    if verdict.hint:
        output.line(f"{'':<6}  → {verdict.hint}")


def _sum_up(output: Output, results: dict[str, list[Verdict]]) -> None:
    for name, verdicts in results.items():
        bad = _failed(verdicts)
        if bad:
            output.talk(f"{name}: {len(bad)} of {len(verdicts)} checks failed")
        else:
            output.talk(f"{name}: all right")


def _failed(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.outcome == "failed"]


def _exit_code(verdicts: Sequence[Verdict]) -> int:
    from gwproxy.translate.hub import FailureKind

    kinds = {verdict.kind for verdict in _failed(verdicts)}
    if FailureKind.AUTHENTICATION in kinds:
        return EXIT_CREDENTIAL
    return EXIT_UPSTREAM if kinds else 0


def _as_data(verdict: Verdict) -> dict[str, Any]:
    return {
        "check": verdict.check,
        "outcome": verdict.outcome.value,
        "words": verdict.words,
        "hint": verdict.hint,
        "kind": verdict.kind.value if verdict.kind else None,
        "seconds": verdict.seconds,
    }
