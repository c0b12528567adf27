"""What is known of one exchange, as facts: each is set when it becomes known, its outcome once.

How it reads as a line or as JSON is the log's affair, what is kept of it the ledger's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from gwproxy.translate.hub import Failure, Usage
from gwproxy.translate.wire import jsonio

if TYPE_CHECKING:  # else whoever says one line would load all of what an exchange needs
    from gwproxy.proxy.records.captures import Tape
    from gwproxy.proxy.records.prompt_cache.turn import CacheAlarm, Put
    from gwproxy.proxy.routing.route import Route
    from gwproxy.translate.expected import Tally

CLIENT_GONE: Final = 499
"""nginx's word for it; never sent to anybody."""

Phase: TypeAlias = Literal["own", "queued", "waiting", "streaming", "over"]
"""Our own work, waiting for a slot, waiting for the upstream, its answer comes, all is said."""

_MOST_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class ExchangeOutcome:
    """How an exchange ended: the status that its client got, and what went wrong, in whoever's
    words. `upstream_status` is what the provider itself refused with. Without a status it runs."""

    status: int = 0
    error: str = ""
    error_kind: str = ""
    upstream_status: int | None = None

    @classmethod
    def of(cls, status: int, failure: Failure | None) -> ExchangeOutcome:
        """The outcome in which the client got `status`, and was told of `failure`."""
        if failure is None:
            return cls(status)
        return cls(status, shortened(failure.message), failure.kind, failure.upstream_status)

    @property
    def failed(self) -> bool:
        """Whether it went wrong. A client that goes away is nobody's failure."""
        return self.status != CLIENT_GONE and (self.error_kind != "" or self.status >= 400)


_RUNS: Final = ExchangeOutcome()
GONE: Final = ExchangeOutcome(CLIENT_GONE, "the client went away", "client_gone")
STOPPED: Final = ExchangeOutcome(CLIENT_GONE, "stopped", "stopped")


@dataclass(slots=True)
class ExchangeRecord:
    """What is known of one exchange. Times are seconds since its first byte came in, which was at
    `started_s` of the monotonic clock and `started_ms` since 1970."""

    # As it came.
    request_id: str
    client: str = ""
    started_s: float = 0.0
    started_ms: int = 0
    path: str = ""
    client_dialect: str = ""
    is_exchange: bool = False
    """Whether a model was to answer; else the gateway itself was asked something."""

    # What it asks for.
    session: str = ""
    model_asked: str = ""
    streamed: bool = False

    # Which way it goes.
    chosen: str = ""
    """The profile that it is for; another one may take its place."""
    profile: str = ""
    host: str = ""
    upstream_dialect: str = ""
    model_used: str = ""
    generating: bool = False
    """Whether an upstream was, or would have been, asked for an answer: the ledger keeps it."""

    # How far it has come, and when.
    phase: Phase = "own"
    queued_s: float = 0.0
    """How long it waited for a slot."""
    sent_s: float | None = None
    """When the upstream's request left."""
    heard_s: float | None = None
    """When the first byte of the upstream's answer came."""
    first_byte_s: float | None = None
    """When the client got its own."""
    duration_s: float = 0.0

    # What came of it.
    upstream_request_id: str = ""
    tally: Tally | None = None
    """Of the bridge that translates it: tokens and losses, as they become known."""
    remarks: list[str] = field(default_factory=list)
    """What was done with it beside what losses say, in words."""
    outcome: ExchangeOutcome = _RUNS
    cache_alarm: CacheAlarm | None = None
    """What is found later, if its provider's cache was not read as it should have been."""

    # What is kept with it until it has ended, and never logged.
    tape: Tape | None = None
    """Copies of its bytes, where a person asked for them."""
    put: Put | None = None
    """What was asked last."""

    @property
    def usage(self) -> Usage:
        """The tokens that the upstream has told of until now."""
        return Usage() if self.tally is None else self.tally.usage

    @property
    def losses(self) -> tuple[str, ...]:
        """The codes of what translation could not carry, as in `x-gwproxy-loss`."""
        return () if self.tally is None else tuple(self.tally.losses)

    def elapsed_s(self) -> float:
        """The seconds since it came."""
        return time.monotonic() - self.started_s

    def follow(self, route: Route) -> None:
        """Set the way that it takes now; the profile of the first is the one that it is for."""
        self.profile = route.profile.name
        self.chosen = self.chosen or self.profile
        self.host = route.host
        self.upstream_dialect = route.dialect
        self.model_used = route.model

    def add_remark(self, remark: str) -> None:
        """Add what was done with it, in words; "" is nothing."""
        if remark:
            self.remarks.append(remark)

    def end(self, outcome: ExchangeOutcome) -> None:
        """Set how it ended; what comes after that changes nothing: who hangs up with the last byte
        in hand has not gone away."""
        if self.outcome is _RUNS:
            self.outcome = outcome

    def reword(self, clean: Callable[[str], str]) -> None:
        """Put its words through `clean`, which takes out what nobody may keep."""
        self.remarks = [clean(remark) for remark in self.remarks]
        if self.outcome.error:
            self.outcome = replace(self.outcome, error=clean(self.outcome.error))


def client_of(user_agent: str | None) -> str:
    """`claude-cli/2.1.330` out of `claude-cli/2.1.330 (external, cli)`. A header may hold any byte;
    those that are not UTF-8 become U+FFFD here, for everything that keeps or shows the name."""
    return jsonio.mend((user_agent or "").split(" ", 1)[0][:60])


def shortened(message: str) -> str:
    """An upstream's words, cut to what a log line can bear."""
    return message if len(message) <= _MOST_WORDS else f"{message[:_MOST_WORDS]}…"
