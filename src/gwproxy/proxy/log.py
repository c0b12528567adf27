"""One line for each exchange, readable or as JSON, and the wall that keeps secrets out of it.

Never bodies, queries, header values or keys. How an exchange looks in a file or a pipe is here, a
terminal is the command line's affair.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from gwproxy.plain import harmless, json_text, one_line
from gwproxy.profiles.redaction import redact
from gwproxy.proxy.record import ExchangeRecord
from gwproxy.translate.loss_words import gist

LOGGER: Final = logging.getLogger("gwproxy")


@dataclass(frozen=True, slots=True)
class ExchangeLine:
    """An exchange as a message of the log: `str` is the line for a person."""

    record: ExchangeRecord

    def __str__(self) -> str:
        record, outcome = self.record, self.record.outcome
        parts = [str(outcome.status), record.client or "-", self._way(), *self._figures()]
        if record.losses:
            parts.append(gist(record.losses, codes=True))
        if outcome.upstream_status not in (None, outcome.status):
            parts.append(f"the provider said {outcome.upstream_status}")
        said = ", ".join(record.remarks), outcome.error, record.request_id
        return "  ".join([*parts, *filter(None, said)])

    def _way(self) -> str:
        record = self.record
        if not record.profile:
            return record.path
        model = record.model_asked
        if record.model_used != model:
            model = f"{model or '-'} → {record.model_used}"
        return f"{record.client_dialect} → {record.profile}:{record.upstream_dialect}  {model}"

    def _figures(self) -> Iterable[str]:
        usage, first_s = self.record.usage, self.record.first_byte_s
        total = usage.input_total
        if total is not None:
            cached = f" ({usage.cache_read} cached)" if usage.cache_read else ""
            yield f"in {total}{cached} out {usage.output or 0}"
        if first_s is not None:
            yield f"first {first_s:.2f}s"
        yield f"total {self.record.duration_s:.2f}s"


def fields_of(record: ExchangeRecord) -> dict[str, Any]:
    """The members of the line for a machine; what is not known is null."""
    usage, outcome = record.usage, record.outcome
    return {
        "event": "exchange",
        "request_id": record.request_id,
        "client": record.client or None,
        "path": record.path,
        "profile": record.profile or None,
        "client_dialect": record.client_dialect or None,
        "upstream_dialect": record.upstream_dialect or None,
        "model_asked": record.model_asked or None,
        "model_used": record.model_used or None,
        "stream": record.streamed,
        "status": outcome.status,
        "upstream_status": outcome.upstream_status,
        "input_tokens": usage.input_total,
        "cached_tokens": usage.cache_read,
        "output_tokens": usage.output,
        "first_byte_s": _rounded(record.first_byte_s),
        "duration_s": _rounded(record.duration_s),
        "losses": list(record.losses),
        "upstream_request_id": record.upstream_request_id or None,
        "remark": ", ".join(record.remarks) or None,
        "error": outcome.error or None,
        "error_kind": outcome.error_kind or None,
    }


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
        if isinstance(record.msg, ExchangeLine):
            line |= fields_of(record.msg.record)
        else:
            line |= {"event": "message", "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return redact(json_text(line), self._secrets())


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
