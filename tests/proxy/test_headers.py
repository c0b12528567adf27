"""Which headers pass, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from gwproxy import __version__
from gwproxy.profiles.record import make_profile
from gwproxy.profiles.store import Config
from gwproxy.proxy.routing.route import Route, Routes
from gwproxy.proxy.upstream import headers
from gwproxy.translate.errors import complaints
from gwproxy.translate.hub import Dialect

KEY = "sk-upstream-0123456789"
TOKEN = "local-token-0123456789"

CLAUDE_CODE = CIMultiDict(
    {
        "Host": "127.0.0.1:4979",
        "Authorization": f"Bearer {TOKEN}",
        "x-api-key": TOKEN,
        "anthropic-auth-token": TOKEN,
        "User-Agent": "claude-cli/2.1.330 (external, cli)",
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "claude-code-20250219,effort-2025-11-24",
        "anthropic-dangerous-direct-browser-access": "true",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Connection": "keep-alive",
        "Content-Length": "17",
        "Cookie": "a=b",
        "Proxy-Authorization": "Basic x",
        "X-Forwarded-For": "1.2.3.4",
        "X-Stainless-Lang": "js",
        "idempotency-key": "once",
        "openai-organization": "org",
    }
)


def route(record: dict[str, Any], client: Dialect = Dialect.ANTHROPIC) -> Route:
    profile = make_profile("p", record)
    return Routes(Config(profiles={"p": profile}, default="p")).find("", "m", client)


CLAUDE = {"preset": "claude-gateway", "anthropic_url": "https://gate.example"}
THIRD_PARTY = {"anthropic_url": "https://x.example", "model": "m"}
OPENAI = {"openai_url": "https://x.example", "model": "m"}


def sent(record: dict[str, Any], *, faithful: bool, client: Dialect = Dialect.ANTHROPIC) -> Any:
    return headers.towards_upstream(
        CLAUDE_CODE, route(record, client), faithful=faithful, streams=True, key=KEY
    )


def test_faithful_to_claude_keeps_what_the_client_says() -> None:
    assert sent(CLAUDE, faithful=True) == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "accept-encoding": "identity",
        "user-agent": "claude-cli/2.1.330 (external, cli)",
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "claude-code-20250219,effort-2025-11-24",
        "anthropic-dangerous-direct-browser-access": "true",
        "idempotency-key": "once",
        "x-api-key": KEY,
    }


def test_every_header_of_the_family_passes_and_all_of_its_lines() -> None:
    client = CIMultiDict({"Anthropic-Workspace-Id": "w", "ANTHROPIC-Auth-Token": TOKEN})
    client.add("anthropic-beta", "one,two")
    client.add("Anthropic-Beta", "three")
    client.add("x-anthropic-other", "no")
    got = headers.towards_upstream(
        client, route(CLAUDE), faithful=True, streams=False, key=None
    ).items()
    assert {name: value for name, value in got if "anthropic" in name} == {
        "anthropic-version": "2023-06-01",
        "anthropic-workspace-id": "w",
        "anthropic-beta": "one,two, three",
    }


@pytest.mark.parametrize(
    ("omitted", "kept"),
    [
        (["output_config.effort"], "claude-code-20250219"),
        (["anthropic-beta:claude-code-20250219"], "effort-2025-11-24"),
        (["output_config.effort", "anthropic-beta:claude-code-20250219"], None),
    ],
)
def test_a_beta_goes_with_the_members_that_are_left_out(
    omitted: list[str], kept: str | None
) -> None:
    got = sent({**CLAUDE, "quirks": {"omit": omitted}}, faithful=True)
    assert got.get("anthropic-beta") == kept


def test_a_third_party_gets_the_version_it_knows() -> None:
    got = sent(THIRD_PARTY, faithful=True)
    assert got["anthropic-version"] == "2023-06-01"
    assert got["anthropic-beta"] == CLAUDE_CODE["anthropic-beta"]


def test_translated_requests_bear_no_word_of_the_clients_dialect() -> None:
    got = sent(OPENAI, faithful=False)
    assert not [name for name in got if name.startswith("anthropic-")]
    assert got["authorization"] == f"Bearer {KEY}"
    rebuilt = sent(THIRD_PARTY, faithful=False)
    assert rebuilt["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in rebuilt


def test_openai_organisations_stay_in_their_family() -> None:
    assert sent(OPENAI, faithful=True, client=Dialect.CHAT)["openai-organization"] == "org"
    assert "openai-organization" not in sent(OPENAI, faithful=False)


@pytest.mark.parametrize("faithful", [True, False])
@pytest.mark.parametrize("record", [CLAUDE, THIRD_PARTY, OPENAI])
def test_the_local_token_and_hop_by_hop_headers_stay_here(
    record: dict[str, Any], faithful: bool
) -> None:
    got = sent(record, faithful=faithful)
    assert TOKEN not in "".join(got.values())
    assert not {"cookie", "connection", "host", "proxy-authorization", "x-forwarded-for"} & set(got)
    assert not {"content-length", "x-stainless-lang", "anthropic-auth-token"} & set(got)


def test_the_users_agent_is_never_another_ones() -> None:
    got = headers.towards_upstream(
        CIMultiDict(), route(OPENAI), faithful=False, streams=False, key=None
    )
    assert got["user-agent"] == f"gwproxy/{__version__}"
    assert got["accept"] == "application/json"
    assert "authorization" not in got


def test_the_profiles_own_headers_and_key_header() -> None:
    got = sent({**OPENAI, "headers": {"X-Title": "me"}, "auth": "api-key"}, faithful=False)
    assert got["x-title"] == "me"
    assert got["api-key"] == KEY
    assert "authorization" not in got


def test_towards_the_client_only_what_helps_it() -> None:
    upstream = CIMultiDict(
        [
            ("Request-Id", "req_up"),
            ("Retry-After", "7"),
            ("x-should-retry", "false"),
            ("anthropic-ratelimit-requests-remaining", "4"),
            ("anthropic-ratelimit-unified-status", "allowed"),
            ("x-ratelimit-remaining-tokens", "10"),
            ("Set-Cookie", "a=b"),
            ("Access-Control-Allow-Origin", "*"),
            ("Location", "https://evil.example"),
            ("Strict-Transport-Security", "max-age=1"),
            ("Alt-Svc", "h3"),
            ("Refresh", "0"),
            ("Server", "nginx"),
            ("Transfer-Encoding", "chunked"),
            ("Content-Encoding", "gzip"),
            ("x-gwproxy-route", "forged"),
        ]
    )
    assert headers.towards_client(upstream) == {
        "retry-after": "7",
        "x-should-retry": "false",
        "anthropic-ratelimit-requests-remaining": "4",
        "x-ratelimit-remaining-tokens": "10",
        "x-gwproxy-upstream-request-id": "req_up",
    }


@pytest.mark.parametrize(
    ("client", "header"),
    [
        (Dialect.ANTHROPIC, "request-id"),
        (Dialect.CHAT, "x-request-id"),
        (Dialect.RESPONSES, "x-request-id"),
    ],
)
def test_a_relayed_answer_bears_its_makers_id_where_the_sdk_looks(
    client: Dialect, header: str
) -> None:
    for theirs in ("request-id", "x-request-id", "x-trace-id"):
        found = headers.towards_client({theirs: "req_up"}, client)
        assert found == {header: "req_up", "x-gwproxy-upstream-request-id": "req_up"}
    assert headers.towards_client({}, client) == {}


@pytest.mark.parametrize("value", ["a\x0bb", "é", "x" * 1001, ""])
def test_values_that_could_split_a_header_are_left_out(value: str) -> None:
    assert headers.towards_client({"retry-after": value, "request-id": value}) == {}


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "Infinity", "1e999"])
@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms"])
def test_nobody_is_told_to_wait_for_ever(name: str, value: str) -> None:
    assert headers.towards_client({name: value}) == {}
    failure = complaints.failure(429, {name: value}, b"{}")
    assert failure.retry_after_s is None


def test_the_query_is_not_a_way_to_smuggle_a_token_on() -> None:
    pairs = [("beta", "true"), ("api_key", TOKEN), ("token", TOKEN)]
    assert headers.forwarded_query(pairs, Dialect.ANTHROPIC, faithful=True) == {"beta": "true"}
    assert headers.forwarded_query(pairs, Dialect.ANTHROPIC, faithful=False) == {}


def test_a_models_name_becomes_a_legal_header() -> None:
    assert headers.printable("modèle\r\nx: y") == "mod?le??x: y"
