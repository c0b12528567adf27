"""`gwproxy test`: is the profile all right, from its key to its last byte, and the gateway too?

The checks themselves are in `proxy.probe`; here they are announced, shown and summed up, and what
they taught is offered to the profile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gwproxy.cli.checklist import checklist
from gwproxy.cli.hints import chosen_profile, warn_of_window
from gwproxy.cli.options import CsvFlag, JsonFlag, ProfileNames, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.sheet import Sheet
from gwproxy.errors import EXIT_CONFIG, EXIT_CREDENTIAL, EXIT_UPSTREAM, UsageError

if TYPE_CHECKING:
    from gwproxy.profiles.profile import Profile
    from gwproxy.profiles.store import Config
    from gwproxy.proxy.probe import Depth, Learned, Verdict
    from gwproxy.proxy.upstream.client import Upstream


def register(app: typer.Typer) -> None:
    app.command("test")(test)


@dataclass(slots=True)
class _Result:
    """What became of one profile; `saved` says that what was learned is stored."""

    profile: Profile
    verdicts: list[Verdict] = field(default_factory=list)
    learned: tuple[Learned, ...] = ()
    saved: bool = False

    @property
    def bad(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.outcome == "failed"]


def test(
    context: typer.Context,
    names: ProfileNames = None,
    every: Annotated[bool, typer.Option("--all", help="Every profile, not only these.")] = False,
    free: Annotated[bool, typer.Option("--free", help="Only checks that cost nothing.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="One tiny question in each format.")
    ] = False,
    client: Annotated[
        str | None,
        typer.Option(
            "--client",
            metavar="claude-code|openclaw|opencode|codex",
            help="Go the way that this tool is set up to go.",
        ),
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Store in the profile what the checks teach.")
    ] = False,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Check a profile from its key to its last byte."""
    from gwproxy.profiles import store
    from gwproxy.proxy.probe import Depth

    output = output_of(context)
    if free and quick:
        raise UsageError("--free and --quick do not go together", hint="gwproxy test --help")
    if client is not None:
        return _test_client(output, client, ask=not free, named=bool(names or every))
    depth = Depth.FREE if free else Depth.QUICK if quick else Depth.FULL
    config = store.load()
    chosen = tuple(config.profiles) if every else tuple(names or ())
    profiles = [config.profile(name) for name in chosen] or [chosen_profile(config)]
    results = asyncio.run(_check(output, config, profiles, depth))
    for result in results:
        result.saved = _keep(output, result, save=save)
    bad = [verdict for result in results for verdict in result.bad]
    output.result(
        {"profiles": [_as_data(result) for result in results]},
        lambda: _sum_up(output, results),
        failed=bool(bad),
        sheet=_sheet({result.profile.name: result.verdicts for result in results}),
    )
    return _exit_code(bad)


# --- checking ----------------------------------------------------------------------------------


async def _check(
    output: Output, config: Config, profiles: Sequence[Profile], depth: Depth
) -> list[_Result]:
    from gwproxy.proxy.limits import Limits
    from gwproxy.proxy.probe import learned_from
    from gwproxy.proxy.upstream.client import Upstream

    results: list[_Result] = []
    async with AsyncExitStack() as stack:
        upstream = Upstream(Limits())
        stack.push_async_callback(upstream.close)
        for profile in profiles:
            result = _Result(profile)
            results.append(result)
            _announce(output, profile, depth)
            if len(profiles) > 1 and not output.for_program:
                output.line(profile.name)  # whose checks these are: talk goes elsewhere
            with checklist(output) as shown:
                async for verdict in _verdicts(config, result, depth, upstream):
                    result.verdicts.append(verdict)
                    shown.show(verdict)
            result.learned = learned_from(profile, result.verdicts)
    return results


async def _verdicts(
    config: Config, result: _Result, depth: Depth, upstream: Upstream
) -> AsyncIterator[Verdict]:
    from gwproxy.cli.built_in import with_address
    from gwproxy.cli.running import find_gateway
    from gwproxy.profiles import credentials
    from gwproxy.profiles.local_token import local_token
    from gwproxy.proxy.probe import Depth, GatewayProbe, ProviderProbe
    from gwproxy.proxy.routing.route import Routes
    from gwproxy.proxy.upstream.keys import Keys

    async with with_address(result.profile) as profile:
        known = MappingProxyType({**config.profiles, profile.name: profile})
        probe = ProviderProbe(
            upstream, Keys(credentials.resolve_for_use), Routes(replace(config, profiles=known))
        )
        async for verdict in probe.check(profile, depth):
            yield verdict
    if result.bad:
        return  # what fails directly fails through the gateway too, and might cost
    url, _ = await find_gateway(config)
    gateway = GatewayProbe(upstream, url, local_token())
    async for verdict in gateway.check(result.profile, ask=depth is not Depth.FREE):
        yield verdict


def _announce(output: Output, profile: Profile, depth: Depth) -> None:
    from gwproxy.proxy.probe import CALLS_THROUGH_GATEWAY, Depth, most_calls

    if depth is Depth.FREE or profile.is_built_in:
        output.talk(f"{profile.name}: nothing that is asked here costs anything")
        return
    most = most_calls(profile, depth) + CALLS_THROUGH_GATEWAY
    output.talk(f"{profile.name}: at most {most} tiny questions, which the provider may bill")


def _test_client(output: Output, client: str, *, ask: bool, named: bool) -> int:
    from gwproxy.cli.setup_inputs import find_client
    from gwproxy.cli.test_client import check_client

    tool = find_client(client)
    if named:
        raise UsageError(
            "--client and the names of profiles do not go together",
            why="a tool goes where it is set up to go",
            hint=f"gwproxy test --client {client}",
        )
    verdicts = asyncio.run(check_client(output, tool, ask=ask))
    bad = [verdict for verdict in verdicts if verdict.outcome == "failed"]
    data = {"client": client, "checks": [verdict_data(verdict) for verdict in verdicts]}
    output.result(
        data,
        lambda: _say_sum(output, client, len(bad), len(verdicts)),
        failed=bool(bad),
        sheet=_sheet({client: verdicts}),
    )
    return _exit_code(bad)


# --- what comes of it --------------------------------------------------------------------------


def _keep(output: Output, result: _Result, *, save: bool) -> bool:
    """Store what was learned, if the person wants it."""
    from gwproxy.profiles import changes, store

    name = result.profile.name
    if not result.learned or result.profile.is_built_in:
        return False
    settings = " ".join(map(str, result.learned))
    if not save:
        if not output.can_ask():
            return False
        if not output.confirm(f"store {settings} in the profile {name}?", flag="--save"):
            return False
    assignments = [changes.parse_assignment(str(learned)) for learned in result.learned]
    store.edit(lambda document: changes.set_values(document, name, assignments))
    return True


def _sum_up(output: Output, results: Sequence[_Result]) -> None:
    for result in results:
        name = result.profile.name
        _say_sum(output, name, len(result.bad), len(result.verdicts))
        settings = " ".join(map(str, result.learned))
        if result.saved:
            output.talk(f"{name}: stored {settings}")
        elif settings and not result.profile.is_built_in:
            output.talk(f"{name}: this taught something; to store it:")
            output.next(f"gwproxy profile set {name} {settings}")
        warn_of_window(output, result.profile)


def _say_sum(output: Output, name: str, bad: int, total: int) -> None:
    output.talk(f"{name}: {bad} of {total} checks failed" if bad else f"{name}: all right")


def _exit_code(bad: Sequence[Verdict]) -> int:
    from gwproxy.translate.hub import FailureKind

    kinds = {verdict.kind for verdict in bad}
    if FailureKind.AUTHENTICATION in kinds:
        return EXIT_CREDENTIAL
    if kinds == {None}:
        return EXIT_CONFIG  # nobody was asked: a tool's own settings are wrong
    return EXIT_UPSTREAM if kinds else 0


def _as_data(result: _Result) -> dict[str, Any]:
    return {
        "name": result.profile.name,
        "ok": not result.bad,
        "calls": sum(verdict.calls for verdict in result.verdicts),
        "checks": [verdict_data(verdict) for verdict in result.verdicts],
        "learned": {learned.setting: learned.value for learned in result.learned},
        "saved": result.saved,
    }


def _sheet(verdicts: Mapping[str, Sequence[Verdict]]) -> Sheet:
    """A row for each check, behind the name of what was checked."""
    return Sheet(
        [{"name": name, **verdict_data(one)} for name, found in verdicts.items() for one in found],
        ("name",),
    )


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    return {
        "check": verdict.check,
        "outcome": verdict.outcome.value,
        "words": verdict.words,
        "hint": verdict.hint or None,
        "dialect": verdict.dialect,
        "kind": verdict.kind.value if verdict.kind else None,
        "status": verdict.status,
        "calls": verdict.calls,
        "seconds": None if verdict.seconds is None else round(verdict.seconds, 3),
    }
