"""The line of an exchange, for a person and for a machine, without a secret in it."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

from gwproxy.proxy.log import ExchangeLine, JsonFormatter, LineFormatter, fields_of
from gwproxy.proxy.record import GONE, ExchangeOutcome, ExchangeRecord, client_of
from gwproxy.translate.hub import Failure, FailureKind, Usage
from support.exchanges import tally

KEY = "gw-secret-key-0123456789"


def record() -> ExchangeRecord:
    return ExchangeRecord(
        "req_1",
        client="claude-cli/2.1.330",
        path="/v1/messages",
        profile="kimi",
        client_dialect="anthropic",
        upstream_dialect="chat",
        model_asked="claude-sonnet-4-6",
        model_used="kimi-k2.5",
        streamed=True,
        outcome=ExchangeOutcome(200),
        tally=tally(Usage(fresh=10, cache_read=90, output=7), ("drop:top_k", "clamp:max_tokens=1")),
        first_byte_s=0.51,
        duration_s=1.25,
    )


def line(formatter: logging.Formatter, message: object) -> str:
    made = logging.LogRecord("gwproxy", logging.INFO, "f", 1, message, None, None)
    return formatter.format(made)


def test_a_line_for_a_person() -> None:
    text = str(ExchangeLine(record()))
    assert text == (
        "200  claude-cli/2.1.330  anthropic → kimi:chat  claude-sonnet-4-6 → kimi-k2.5  "
        "in 100 (90 cached) out 7  first 0.51s  total 1.25s  "
        "left out (drop): top_k; max_tokens went as 1 (clamp)  req_1"
    )


def test_a_line_for_a_machine() -> None:
    fields = json.loads(line(JsonFormatter(lambda: []), ExchangeLine(record())))
    assert fields["event"] == "exchange"
    assert fields["level"] == "info"
    assert fields["input_tokens"] == 100
    assert fields["cached_tokens"] == 90
    assert fields["losses"] == ["drop:top_k", "clamp:max_tokens=1"]
    assert fields["error"] is None
    assert fields["time"].endswith("Z")


def test_a_refused_request_shows_where_it_went() -> None:
    refused = ExchangeRecord(
        "req_1", path="/v1/messages", outcome=ExchangeOutcome(401, "not the token")
    )
    assert str(ExchangeLine(refused)) == "401  -  /v1/messages  total 0.00s  not the token  req_1"


def test_what_the_provider_itself_said_is_told_where_the_client_heard_otherwise() -> None:
    failure = Failure(FailureKind.AUTHENTICATION, "no such key", 400, upstream_status=401)
    refused = ExchangeRecord("req_1", path="/v1/messages", outcome=ExchangeOutcome.of(400, failure))
    assert "the provider said 401  no such key" in str(ExchangeLine(refused))
    assert fields_of(refused)["upstream_status"] == 401
    same = replace(refused, outcome=ExchangeOutcome.of(401, failure))
    assert "the provider said" not in str(ExchangeLine(same))


def test_how_it_ended_is_set_once() -> None:
    sent = record()
    sent.end(GONE)
    assert sent.outcome == ExchangeOutcome(200), (
        "who hangs up with the last byte in hand has not gone"
    )
    runs = ExchangeRecord("req_1")
    runs.end(GONE)
    assert runs.outcome is GONE


def test_no_line_can_be_forged() -> None:
    broken = record()
    broken.model_asked = "x\n12:00:00 200 forged\x1b[2J\u2028"
    for formatter in (LineFormatter(lambda: []), JsonFormatter(lambda: [])):
        for told in (ExchangeLine(broken), f"healed: {broken.model_asked}"):
            assert not {"\n", "\x1b", "\u2028"} & set(line(formatter, told))


def test_keys_are_taken_out_of_every_line() -> None:
    words = f"upstream said: {KEY} is wrong, and so is sk-kimi-abcdefghijk"
    leaky = ExchangeLine(replace(record(), outcome=ExchangeOutcome(401, words)))
    for formatter in (LineFormatter(lambda: [KEY]), JsonFormatter(lambda: [KEY])):
        text = line(formatter, leaky)
        assert KEY not in text
        assert "sk-kimi-abcdefghijk" not in text


def test_keys_are_taken_out_of_tracebacks() -> None:
    made = logging.LogRecord("gwproxy", logging.ERROR, "f", 1, "failed", None, None)
    try:
        raise ValueError(f"bad header {KEY}\x1b[2J")
    except ValueError as error:
        made.exc_info = (ValueError, error, error.__traceback__)
    for formatter in (LineFormatter(lambda: [KEY]), JsonFormatter(lambda: [KEY])):
        assert KEY not in formatter.format(made)
        assert "\x1b" not in formatter.format(made)


def test_clients_by_their_names() -> None:
    assert client_of("claude-cli/2.1.330 (external, cli)") == "claude-cli/2.1.330"
    assert client_of(None) == ""
    assert len(client_of("x" * 500)) == 60
    assert client_of("caf\udce9/1 (its byte is not UTF-8)") == "caf\ufffd/1"


def test_long_words_are_cut() -> None:
    long = Failure(FailureKind.INVALID, "x" * 10_000, 400)
    assert len(ExchangeOutcome.of(400, long).error) < 400
