"""One line for each exchange, readable or as JSON, and the wall that keeps secrets out of it.

Never bodies, queries, header values or keys. The record is what the shell knows at the end of an
exchange; how it looks in a file or a pipe is here, a terminal is the command line's affair.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from gwproxy.plain import harmless, json_text, one_line
from gwproxy.profiles.redaction import redact
from gwproxy.translate.hub import Failure, Usage
from gwproxy.translate.loss_words import gist
from gwproxy.translate.wire import jsonio

if TYPE_CHECKING:  # else whoever says one line would load all of what an exchange needs
    from gwproxy.proxy.records.captures import Tape
    from gwproxy.proxy.records.prompt_cache.turn import CacheAlarm, Put
    from gwproxy.proxy.routing.route import Route

LOGGER: Final = logging.getLogger("gwproxy")

CLIENT_GONE: Final = 499
"""nginx's word for it; never sent to anybody."""

Phase: TypeAlias = Literal["own", "queued", "waiting", "streaming", "over"]
"""Our own work, waiting for a slot, waiting for the upstream, its answer comes, all is said."""

_MOST_WORDS: Final = 300


@dataclass(slots=True)
class ExchangeRecord:
    """What is told of one exchange. Times are seconds since its first byte came in, which was at
    `started_s` of the loop's clock and `started_ms` since 1970. `is_exchange` says that a model was
    to answer, `generating` that an upstream was, or would have been, asked: these go to the ledger.

    `sent_s` is when the upstream's request left, `queued_s` how long it had waited for a slot by
    then, `heard_s` when the first byte of the answer came, `first_byte_s` when the client got its
    own. `phase` is how far it has come.
    """

    request_id: str
    client: str = ""
    started_s: float = 0.0
    started_ms: int = 0
    phase: Phase = "own"
    path: str = ""
    session: str = ""
    chosen: str = ""
    """The profile that it is for; another one may take its place."""
    profile: str = ""
    host: str = ""
    client_dialect: str = ""
    upstream_dialect: str = ""
    model_asked: str = ""
    model_used: str = ""
    streamed: bool = False
    status: int = 0
    usage: Usage = field(default_factory=Usage)
    usage_so_far: Callable[[], Usage] | None = None
    """While it runs."""
    queued_s: float = 0.0
    sent_s: float | None = None
    heard_s: float | None = None
    first_byte_s: float | None = None
    duration_s: float = 0.0
    losses: tuple[str, ...] = ()
    upstream_request_id: str = ""
    remarks: list[str] = field(default_factory=list)
    """What was done with it beside what losses say, in words."""
    error: str = ""
    error_kind: str = ""
    upstream_status: int | None = None
    is_sent: bool = False
    """Whether the client has been sent the last byte of a stream."""
    is_exchange: bool = False
    generating: bool = False
    tape: Tape | None = None
    """Copies of its bytes, where a person asked for them. Never in the log."""
    put: Put | None = None
    """What was asked last, until the exchange has ended."""
    cache_alarm: CacheAlarm | None = None
    """What is found later, if its provider's cache was not read as it should have been."""

    def add_remark(self, remark: str) -> None:
        if remark:
            self.remarks.append(remark)

    @property
    def remark(self) -> str:
        return ", ".join(self.remarks)

    def follow(self, route: Route) -> None:
        """It goes this way."""
        self.profile = route.profile.name
        self.host = route.host
        self.upstream_dialect = route.dialect
        self.model_used = route.model

    def fail(self, failure: Failure) -> None:
        """It went wrong, in whoever's words."""
        self.error, self.error_kind = failure.message, failure.kind
        self.upstream_status = failure.upstream_status

    def __str__(self) -> str:
        """One line for a person."""
        parts = [str(self.status), self.client or "-", self._way(), *self._figures()]
        if self.losses:
            parts.append(gist(self.losses, codes=True))
        if self.upstream_status not in (None, self.status):
            parts.append(f"the provider said {self.upstream_status}")
        parts += [part for part in (self.remark, self.error, self.request_id) if part]
        return "  ".join(parts)

    def _way(self) -> str:
        if not self.profile:
            return self.path
        model = self.model_asked
        if self.model_used != self.model_asked:
            model = f"{self.model_asked or '-'} → {self.model_used}"
        return f"{self.client_dialect} → {self.profile}:{self.upstream_dialect}  {model}"

    def _figures(self) -> Iterable[str]:
        total = self.usage.input_total
        if total is not None:
            cached = f" ({self.usage.cache_read} cached)" if self.usage.cache_read else ""
            yield f"in {total}{cached} out {self.usage.output or 0}"
        if self.first_byte_s is not None:
            yield f"first {self.first_byte_s:.2f}s"
        yield f"total {self.duration_s:.2f}s"

    def fields(self) -> dict[str, Any]:
        """The same for a machine; what is not known is null."""
        return {
            "event": "exchange",
            "request_id": self.request_id,
            "client": self.client or None,
            "path": self.path,
            "profile": self.profile or None,
            "client_dialect": self.client_dialect or None,
            "upstream_dialect": self.upstream_dialect or None,
            "model_asked": self.model_asked or None,
            "model_used": self.model_used or None,
            "stream": self.streamed,
            "status": self.status,
            "upstream_status": self.upstream_status,
            "input_tokens": self.usage.input_total,
            "cached_tokens": self.usage.cache_read,
            "output_tokens": self.usage.output,
            "first_byte_s": _rounded(self.first_byte_s),
            "duration_s": _rounded(self.duration_s),
            "losses": list(self.losses),
            "upstream_request_id": self.upstream_request_id or None,
            "remark": self.remark or None,
            "error": self.error or None,
            "error_kind": self.error_kind or None,
        }


def client_of(user_agent: str | None) -> str:
    """`claude-cli/2.1.330` out of `claude-cli/2.1.330 (external, cli)`. A header may hold any byte;
    those that are not UTF-8 become U+FFFD here, for everything that keeps or shows the name."""
    return jsonio.mend((user_agent or "").split(" ", 1)[0][:60])


def shortened(message: str) -> str:
    """An upstream's words, cut to what a log line can bear."""
    return message if len(message) <= _MOST_WORDS else f"{message[:_MOST_WORDS]}…"


class LineFormatter(logging.Formatter):
    """`12:00:01 200  claude-cli/2.1.330 …`; `secrets` are taken out of every line."""

    def __init__(self, secrets: Callable[[], Iterable[str]]) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets())

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, info: Any) -> str:
        return harmless(super().formatException(info))


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, secrets: Callable[[], Iterable[str]]) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
        }
        if isinstance(record.msg, ExchangeRecord):
            line |= record.msg.fields()
        else:
            line |= {"event": "message", "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return redact(json_text(line), self._secrets())


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
