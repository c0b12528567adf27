"""The exchanges that a person asks for: of the gateway that runs, else out of the ledger's file.

A gateway knows those that run and those that are not on disk yet; without one the file has all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from gwproxy import paths
from gwproxy.cli.running import gateway_url

if TYPE_CHECKING:
    from gwproxy.profiles.store import Config
    from gwproxy.proxy.records.ledger import LedgerChoice

_MOST_AT_ONCE: Final = 500
"""What a gateway is asked for in one answer; it may be `queries.exchanges.MOST_LISTED`."""

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 8.0
"""Between two looks for a gateway that has gone: a restart is seen soon, a night costs nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """The exchanges, the oldest first, and where they are from: the URL of a gateway, or a file."""

    exchanges: list[dict[str, Any]]
    url: str

    @property
    def source(self) -> str:
        return self.url or str(paths.usage_db())


async def found(config: Config, choice: LedgerChoice) -> Found:
    """The newest exchanges of `choice`. Raises GwproxyError."""
    url = await gateway_url(config)
    if not url:
        return Found(await asyncio.to_thread(_in_file, choice), "")
    return Found(await told_by(url, choice), url)


async def told_by(url: str, choice: LedgerChoice) -> list[dict[str, Any]]:
    """The exchanges of `choice` that the gateway at `url` has, the oldest first. Raises
    GwproxyError."""
    from gwproxy.profiles.local_token import local_token
    from gwproxy.proxy import holder

    token = local_token().reveal()
    got: dict[str, dict[str, Any]] = {}
    page = replace(choice, most=min(choice.most, _MOST_AT_ONCE))
    while len(got) < choice.most:
        told = (await holder.ask(url, f"/v1/exchanges?{_query(page)}", token))["exchanges"]
        fresh = [one for one in told if one["request_id"] not in got]
        got |= {one["request_id"]: one for one in fresh}
        if len(told) < page.most or not fresh:
            break
        # Of one millisecond there may be several.
        page = replace(page, before_ms=min(one["started_ms"] for one in told) + 1)
    return sorted(got.values(), key=lambda one: int(one["started_ms"]))[-choice.most :]


async def followed(config: Config) -> AsyncGenerator[tuple[str, Any]]:
    """What the gateway tells as it happens (`queries.exchanges`), without an end; where it has gone
    or has not begun ("gone", None), and ("here", its URL) when it is there (again). Raises
    GwproxyError where it tells us nothing."""
    from gwproxy.profiles.local_token import local_token
    from gwproxy.proxy import holder

    pause_s, was_here = _FIRST_PAUSE_S, True
    while True:
        url = await gateway_url(config)
        if url:
            events = holder.events(url, "/v1/events", local_token().reveal())
            try:
                async with aclosing(events):
                    async for name, told in events:
                        pause_s, was_here = _FIRST_PAUSE_S, True
                        yield ("here", url) if name == "open" else (name, told)
            except holder.BrokenHolder:
                pass
        elif was_here:
            was_here = False
            yield "gone", None
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def _query(choice: LedgerChoice) -> str:
    asked: Mapping[str, object] = {
        "limit": choice.most,
        "errors": "1" if choice.only_errors else "",
        "profile": choice.profile,
        "client": choice.client,
        "session": choice.session,
        "id": choice.request_id,
        "since_ms": choice.since_ms or "",
        "before_ms": choice.before_ms or "",
    }
    return urlencode({name: value for name, value in asked.items() if value})


def _in_file(choice: LedgerChoice) -> list[dict[str, Any]]:
    from gwproxy.cli.usage import unreadable
    from gwproxy.proxy.records.ledger import StorageTrouble, listed, shape

    path = paths.usage_db()
    try:
        entries = listed(path, choice)
    except StorageTrouble as trouble:
        raise unreadable(path, trouble) from trouble
    return [shape(entry) for entry in reversed(entries)]
