"""`gwproxy replay`: exchanges that were captured, and one of them asked again of any profile.

The request goes through a gateway of its own on a free port, as it went through the real one; what
comes of it is captured as well, so that both can be laid side by side.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gwproxy import paths
from gwproxy.cli.drawing import Table
from gwproxy.cli.figures import counted
from gwproxy.cli.options import CsvFlag, JsonFlag, ProfileOption, QuietFlag, YesFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.replay_words import as_data, difference, rows_of
from gwproxy.cli.sheet import Sheet
from gwproxy.errors import EXIT_UPSTREAM, GwproxyError, UpstreamError, UsageError
from gwproxy.translate.loss_words import gist, in_words

if TYPE_CHECKING:
    from gwproxy.profiles.store import Config
    from gwproxy.proxy.records.captures import Captured

_HOW: Final = "gwproxy serve --capture, or capture = true under [serve] in config.toml"

_NAME_WIDTH: Final = 13

_SHOWN_OF_ID: Final = len("req_") + 8
"""Enough to tell a hundred apart, and to be typed."""


def register(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    context: typer.Context,
    wanted: Annotated[
        str | None,
        typer.Argument(metavar="ID", show_default=False, help="Its id, its beginning, or last."),
    ] = None,
    profile: ProfileOption = None,
    show: Annotated[
        bool, typer.Option("--show", help="Tell what was captured; ask nobody.")
    ] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete all that was captured.")] = False,
    yes: YesFlag = False,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Ask a captured request again, of any profile."""
    from gwproxy.proxy.records import captures

    output = output_of(context)
    folder = paths.captures_dir()
    if delete:
        if wanted or show or profile:
            raise UsageError("--delete goes alone", why="it deletes all captured exchanges")
        count = captures.delete(folder)
        output.result(
            {"deleted": count}, lambda: output.line(f"deleted {counted(count, 'exchange')}")
        )
        return 0
    if wanted is None:
        if show or profile:
            raise UsageError("which exchange?", hint="gwproxy replay lists them")
        _list(output, captures.listed(folder))
        return 0
    found = _find(wanted)
    if show:
        output.result(dict(found.content), lambda: _show(output, found))
        return 0
    return _replay(output, found, profile, yes=yes)


def _find(wanted: str) -> Captured:
    """Raises UsageError where none, or several, are meant."""
    from gwproxy.proxy.records import captures

    found = captures.find(paths.captures_dir(), wanted)
    if not found:
        raise UsageError(f"no captured exchange is called {wanted!r}", hint="gwproxy replay")
    if len(found) > 1:
        ids = ", ".join(one.request_id for one in found)
        raise UsageError(
            f"{wanted!r} may be several", why=f"there are {ids}", hint="gwproxy replay"
        )
    return found[0]


# --- the list ------------------------------------------------------------------------------------


def _list(output: Output, found: list[Captured]) -> None:
    captured = [_as_data(one) for one in found]
    data = {"folder": str(paths.captures_dir()), "captures": captured}
    rows = tuple(_row(one) for one in found)
    empty = f"nothing is captured; to begin: {_HOW}"
    table = Table(("ID", "WHEN", "STATUS", "TOOL", "WAY"), rows, empty)
    sheet = Sheet(captured, ("time", "request_id"))
    output.result(data, lambda: output.table(table), sheet=sheet)


def _as_data(one: Captured) -> dict[str, Any]:
    return {"time": one.time, "cut": one.cut, **one.facts}


def _row(one: Captured) -> tuple[str, ...]:
    facts = one.facts
    way = (
        f"{facts['client_dialect']} → {facts['profile'] or '-'}:{facts['upstream_dialect'] or '-'}"
    )
    moment = datetime.fromisoformat(one.time).astimezone()
    return (
        one.request_id[:_SHOWN_OF_ID],
        f"{moment:%m-%d %H:%M:%S}",
        str(facts["status"]),
        facts["client"] or "-",
        way,
    )


# --- once more -----------------------------------------------------------------------------------


def _replay(output: Output, before: Captured, profile: str | None, *, yes: bool) -> int:
    from gwproxy.profiles import store

    if before.cut:
        raise UsageError(
            f"{before.request_id} was too large to be captured whole",
            why="half a request cannot be asked again",
        )
    config = store.load()
    chosen = config.profile(profile or before.facts["profile"])
    if not chosen.is_built_in:
        output.talk(f"asking {chosen.name} one question, which the provider may bill")
        if output.can_ask() and not (yes or output.confirm("Ask it?", flag="--yes")):
            output.talk("nothing was asked")
            return 0
    # What its gateway would log stands in the comparison.
    logging.basicConfig(handlers=[logging.NullHandler()])
    now = asyncio.run(_ask(config, chosen.name, before))
    from gwproxy.proxy.records.said import said_in

    old, new = said_in(before), said_in(now)
    rows = (*_compared(before, now), *(row for row in rows_of(old, new) if any(row[1:])))
    data = {
        "before": _as_data(before) | {"said": as_data(old)},
        "now": _as_data(now) | {"said": as_data(new)},
        "difference": difference(old, new),
        "answer": now.answer,
    }
    failed = bool(now.facts["error_kind"])

    def human() -> None:
        output.table(Table(("", "BEFORE", "NOW"), rows))
        output.line(difference(old, new))
        output.next(f"gwproxy replay {now.request_id[:_SHOWN_OF_ID]} --show")

    output.result(data, human, failed=failed)
    return EXIT_UPSTREAM if failed else 0


async def _ask(config: Config, name: str, before: Captured) -> Captured:
    """The exchange that came of it. Raises UpstreamError and GwproxyError."""
    import aiohttp

    from gwproxy.cli.serve import demo_running
    from gwproxy.profiles.local_token import local_token
    from gwproxy.proxy.inbound.endpoints import GENERATING
    from gwproxy.proxy.records import captures
    from gwproxy.proxy.serving import Options, running

    folder = paths.captures_dir()
    options = Options(
        port=0,
        default_profile=name,
        ledger=paths.usage_db(),
        learns=True,
        responses=paths.responses_db(),
        captures=folder,
        capture=True,
    )
    endpoint = next(one for one, spoken in GENERATING.items() if spoken == before.dialect)
    head = {**before.headers, "content-type": "application/json"}
    head["authorization"] = f"Bearer {local_token().reveal()}"
    # The gateway has its own patience with the provider; this one only must not be shorter.
    timeout = aiohttp.ClientTimeout(total=None)
    async with demo_running(options, config) as complete, running(complete) as server:
        url = f"{server.url}/profiles/{name}/v1{endpoint}{before.query}"
        try:
            async with (
                aiohttp.ClientSession(trust_env=False, timeout=timeout) as session,
                session.post(url, data=before.body, headers=head) as response,
            ):
                request_id = response.headers.get("x-gwproxy-request-id", "")
                async for _ in response.content.iter_any():
                    pass
        except aiohttp.ClientError as error:
            raise UpstreamError("the gateway broke its answer off", why=str(error)) from error
    found = captures.find(folder, request_id)
    if not found:
        raise GwproxyError(f"the answer could not be kept in {folder}", hint="gwproxy doctor")
    return found[0]


def _compared(before: Captured, now: Captured) -> tuple[tuple[str, str, str], ...]:
    """What was, and what is now; rows in which neither has anything are left out."""
    old, new = before.facts, now.facts
    rows = [
        ("id", before.request_id[:_SHOWN_OF_ID], now.request_id[:_SHOWN_OF_ID]),
        ("profile", old["profile"] or "", new["profile"] or ""),
        ("model", old["model_used"] or "", new["model_used"] or ""),
        ("speaks", old["upstream_dialect"] or "", new["upstream_dialect"] or ""),
        ("status", str(old["status"]), str(new["status"])),
        ("error", old["error"] or "", new["error"] or ""),
        ("input", _figure(old["input_tokens"]), _figure(new["input_tokens"])),
        ("cached", _figure(old["cached_tokens"]), _figure(new["cached_tokens"])),
        ("output", _figure(old["output_tokens"]), _figure(new["output_tokens"])),
        ("first byte", _seconds(old["first_byte_s"]), _seconds(new["first_byte_s"])),
        ("in all", _seconds(old["duration_s"]), _seconds(new["duration_s"])),
        ("not carried", _losses(old), _losses(new)),
        ("remark", old["remark"] or "", new["remark"] or ""),
    ]
    return tuple(row for row in rows if any(row[1:]))


def _losses(facts: Mapping[str, Any]) -> str:
    return gist(tuple(facts["losses"]), codes=True)


def _figure(tokens: int | None) -> str:
    return "" if tokens is None else str(tokens)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f} s"


def _show(output: Output, found: Captured) -> None:
    """One exchange in words."""
    from gwproxy.proxy.records.said import said_in

    facts, said = found.facts, said_in(found)
    pairs = [
        ("id", found.request_id),
        ("when", f"{datetime.fromisoformat(found.time).astimezone():%Y-%m-%d %H:%M:%S}"),
        ("tool", facts["client"] or ""),
        ("asked", f"{found.content['request']['path']}, model {facts['model_asked'] or '-'}"),
        *(
            ("went to", f"{one['url']} ({one['profile']}): {one['status'] or 'no answer'}")
            for one in found.content["upstream"]
        ),
        ("answered", f"{facts['status']}, in {_seconds(facts['duration_s'])}"),
        ("tokens", f"{_figure(facts['input_tokens'])} in, {_figure(facts['output_tokens'])} out"),
        *(("not carried", f"{in_words(loss)} ({loss})") for loss in facts["losses"]),
        ("remark", facts["remark"] or ""),
        ("error", said.error),
        ("thinks", said.thought),
        ("says", said.text),
        *(("calls", call) for call in said.calls),
    ]
    for name, text in pairs:
        if text:
            output.item(f"{name:<{_NAME_WIDTH}}{text}", _NAME_WIDTH)
    output.next(f"gwproxy replay {found.request_id[:_SHOWN_OF_ID]} --show --json")
