"""`gwproxy log`: the exchanges, a row for each; one of them explained in words; and, with -f, each
as it ends.

They come from the gateway that runs, else out of the ledger's file. What a row looks like is
`exchange_row`, what is told of one `exchange_story`.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gwproxy.cli import streams
from gwproxy.cli.options import PROFILE_METAVAR, CsvFlag, JsonFlag, QuietFlag, spread_flags
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.sheet import Sheet
from gwproxy.errors import EXIT_INTERRUPTED, UsageError

if TYPE_CHECKING:
    from gwproxy.cli.exchange_row import RowLayout
    from gwproxy.cli.exchange_story import Section, Sources
    from gwproxy.cli.exchanges import Found
    from gwproxy.profiles.store import Config
    from gwproxy.proxy.records.ledger import LedgerChoice

_USUAL: Final = 25
_MOST: Final = 100_000
"""Rows of a span of time that is asked for without a limit: a sheet takes no more anyway."""
_LIKE: Final = 5
"""Of ids that begin alike, and of losses to be explained, as many as are told."""


def register(app: typer.Typer) -> None:
    app.command("log")(spread_flags(log))


@dataclass(frozen=True, slots=True)
class ChoiceFlags:
    """Which exchanges are meant."""

    errors: Annotated[bool, typer.Option("--errors", help="Only those that failed.")] = False
    profile: Annotated[
        str,
        typer.Option("--profile", "-p", metavar=PROFILE_METAVAR, help="Only of this profile."),
    ] = ""
    client: Annotated[
        str, typer.Option("--client", metavar="TOOL", help="Only of a tool that is called so.")
    ] = ""
    session: Annotated[
        str, typer.Option("--session", metavar="SESSION", help="Only of this session.")
    ] = ""
    since: Annotated[
        str, typer.Option("--since", metavar="SPAN", help="From then on: 30m, 1h, 7d, 2026-11-01.")
    ] = ""
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", metavar="N", help=f"At the most so many ({_USUAL})."),
    ] = None

    def choice(self) -> LedgerChoice:
        """What the ledger is asked for. Raises UsageError."""
        from gwproxy.proxy.records.ledger import LedgerChoice

        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit {self.limit} lists nothing", hint=f"--limit {_USUAL}")
        return LedgerChoice(
            most=self.limit or (_MOST if self.since else _USUAL),
            only_errors=self.errors,
            profile=self.profile,
            client=self.client,
            session=self.session,
            since_ms=_since_ms(self.since),
        )


def log(
    context: typer.Context,
    wanted: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            show_default=False,
            help="Explain this one: its id, how it begins, the provider's, or last.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    *,
    flags: ChoiceFlags,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """What passed through the gateway, a line each.

    With -f, --json prints one object a line.
    """
    from gwproxy.cli.running import config_or_none

    output = output_of(context)
    choice = flags.choice()
    config = config_or_none()
    if follow:
        if wanted or csv:
            what = "an id" if wanted else "--csv"
            raise UsageError(f"-f goes without {what}", hint="gwproxy log -f")
        return _follow(output, config, choice)
    if wanted:
        _explain(output, config, choice, wanted)
    else:
        _list(output, config, choice)
    return 0


def _since_ms(since: str) -> int:
    """When a span of time began, in milliseconds since 1970; 0 for "". Raises UsageError."""
    from gwproxy.cli.usage import moment_of, seconds_of

    if not since:
        return 0
    seconds = seconds_of(since)
    now_s = time.time()
    began_s = now_s - seconds if seconds is not None else moment_of(since, now_s)
    return round(began_s * 1000)


# --- rows ----------------------------------------------------------------------------------------


def _list(output: Output, config: Config, choice: LedgerChoice) -> None:
    from gwproxy.cli.exchange_row import paint_for, row
    from gwproxy.cli.exchanges import found

    got = asyncio.run(found(config, choice))
    if not got.exchanges:
        _check_profile(config, choice, got)
    data = {"source": got.source, "exchanges": got.exchanges}

    def human() -> None:
        if not got.exchanges:
            _say_nothing(output, config, choice, got)
            return
        layout, paint = _layout(output, got.exchanges), paint_for(output, sys.stdout)
        if layout.width is not None:
            output.document(paint(layout.head(), "dim"))
        for one in got.exchanges:
            output.document(row(one, layout, paint))

    output.result(data, human, sheet=Sheet(got.exchanges, ("request_id", "started_ms", "state")))


def _layout(output: Output, exchanges: list[dict[str, Any]]) -> RowLayout:
    from gwproxy.cli.exchange_row import RowLayout, of_another_day, way

    columns = output.columns()
    if columns is None:
        return RowLayout.fit(None)  # whoever reads them counts on the same columns each time
    return RowLayout.fit(
        columns,
        dated=of_another_day(exchanges),
        priced=any(one["cost_micro"] for one in exchanges),
        longest=max((len(way(one, "host")) for one in exchanges), default=0),
    )


def _check_profile(config: Config, choice: LedgerChoice, got: Found) -> None:
    """Raises ConfigError where there is no such profile and never was: nothing would look like
    nothing asked."""
    if choice.profile and not got.url:
        config.profile(choice.profile)


def _say_nothing(output: Output, config: Config, choice: LedgerChoice, got: Found) -> None:
    """Why there is nothing to see, and what to do about it."""
    from gwproxy.cli.hints import tool_here, tools_set_up

    filters = (choice.only_errors, choice.profile, choice.client, choice.session, choice.since_ms)
    if any(filters):
        output.talk("no exchange is like that")
        output.next("gwproxy log")
        return
    output.talk("nothing has passed through the gateway yet")
    if not config.profiles and not got.url:
        output.next("gwproxy init")
    elif not got.url:
        output.next("gwproxy serve")
    elif not tools_set_up():
        output.next(f"gwproxy setup {tool_here()}")
    else:
        output.next("gwproxy test --quick")


# --- one -----------------------------------------------------------------------------------------


def _explain(output: Output, config: Config, choice: LedgerChoice, wanted: str) -> None:
    from gwproxy import paths
    from gwproxy.cli.exchange_story import data, story
    from gwproxy.proxy.records import captures

    exchange = asyncio.run(_one(config, choice, wanted))
    sources = _sources(config, exchange)
    captured = captures.find(paths.captures_dir(), exchange["request_id"])

    def human() -> None:
        block = "█" if streams.takes("█") else "#"
        for section in story(exchange, sources, output.columns(), block=block):
            _print(output, section)
        _say_next(output, exchange, sources, is_captured=bool(captured))

    output.result(data(exchange, sources, captured=bool(captured)), human, sheet=Sheet([exchange]))


async def _one(config: Config, choice: LedgerChoice, wanted: str) -> dict[str, Any]:
    """Raises UsageError where none, or several, are meant."""
    from gwproxy.cli.exchanges import found

    if wanted == "last":
        got = await found(config, replace(choice, most=1))
    else:
        got = await found(config, replace(choice, most=_LIKE, request_id=wanted))
    exact = [
        one for one in got.exchanges if wanted in (one["request_id"], one["upstream_request_id"])
    ]
    exchanges = exact[-1:] or got.exchanges
    if not exchanges:
        what = "there is none yet" if wanted == "last" else f"no exchange is called {wanted!r}"
        raise UsageError(what, hint="gwproxy log")
    if len(exchanges) > 1:
        ids = ", ".join(one["request_id"] for one in exchanges)
        raise UsageError(f"{wanted!r} may be several", why=f"there are {ids}", hint="gwproxy log")
    return exchanges[0]


def _sources(config: Config, exchange: dict[str, Any]) -> Sources:
    from gwproxy.cli.exchange_story import Sources
    from gwproxy.profiles import learned

    profile = config.profiles.get(exchange["profile"] or "")
    if profile is None:
        return Sources(None)
    return Sources(profile, learned.in_force(learned.load(), profile))


def _print(output: Output, section: Section) -> None:
    from gwproxy.cli.exchange_row import paint_for

    if section.title:
        output.line("")
        output.document(paint_for(output, sys.stdout)(section.title, "head"))
    for line in section.lines:
        output.item(line, section.indent)


def _say_next(
    output: Output, exchange: dict[str, Any], sources: Sources, *, is_captured: bool
) -> None:
    request_id, profile = exchange["request_id"], sources.profile
    if profile is not None and profile.prices is None and not profile.is_built_in:
        output.next(f"gwproxy profile set {profile.name} price.input=PRICE price.output=PRICE")
    if exchange["losses"]:
        output.next(f"gwproxy explain {shlex.join(exchange['losses'][:_LIKE])}")
    if is_captured:
        output.next(f"gwproxy replay {request_id} --show")
        output.next(f"gwproxy replay {request_id}")
    elif exchange["state"] != "running":
        output.talk("what was said was not kept; to see and repeat the next ones:")
        output.next("gwproxy serve --capture")


# --- as they come --------------------------------------------------------------------------------


def _follow(output: Output, config: Config, choice: LedgerChoice) -> int:
    from gwproxy.cli.log_follow import follow

    try:
        asyncio.run(follow(output, config, choice))
    except KeyboardInterrupt:
        # What a person asked for; nothing is half done.
        output.quiet, output.json_mode = True, False
    return EXIT_INTERRUPTED
