"""Who gets in: Host, Origin, Sec-Fetch-Site and the local token, as pure checks."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from gwproxy.proxy.inbound import guard

TOKEN = "tok-0123456789abcdef"
HOSTS = guard.host_values(["gateway.lan"], 4979)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:4979",
        "127.0.0.1",
        "127.0.0.1:4979",
        "[::1]",
        "[::1]:4979",
        "gateway.lan",
        "gateway.lan:4979",
    ],
)
def test_names_of_this_machine_are_welcome(host: str) -> None:
    assert guard.unwelcome(CIMultiDict({"Host": host}), HOSTS) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":4979",
        "evil.example",
        "evil.example:4979",
        "localhost:80",
        "127.0.0.1:4980",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "127.0.0.2",
        "0.0.0.0",
        "[::]",
        "::1",
        "localhost:4979@evil.example",
        "localhost, evil.example",
        "localhost:4979 ",
    ],
)
def test_a_rebound_name_is_refused(host: str) -> None:
    failure = guard.unwelcome(CIMultiDict({"Host": host}), HOSTS)
    assert failure is not None
    assert failure.status == 403
    assert failure.retryable is False


def test_exactly_one_host() -> None:
    assert guard.unwelcome(CIMultiDict(), HOSTS) is not None
    two = CIMultiDict([("Host", "localhost"), ("host", "evil.example")])
    assert guard.unwelcome(two, HOSTS) is not None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://127.0.0.1:4979",
        "http://localhost",
        "chrome-extension://abcdef",
        "vscode-webview://x",
    ],
)
def test_any_origin_is_refused(origin: str) -> None:
    headers = CIMultiDict({"Host": "localhost", "Origin": origin})
    assert guard.unwelcome(headers, HOSTS) is not None


@pytest.mark.parametrize(
    ("site", "welcome"),
    [
        ("cross-site", False),
        ("same-site", False),
        ("", False),
        ("Cross-Site", False),
        ("none", True),
        ("same-origin", True),
    ],
)
def test_other_sites_are_refused(site: str, welcome: bool) -> None:
    headers = CIMultiDict({"Host": "localhost", "Sec-Fetch-Site": site})
    assert (guard.unwelcome(headers, HOSTS) is None) is welcome


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer  {TOKEN} "},
        {"x-api-key": TOKEN},
        {"anthropic-auth-token": TOKEN},
        # Claude Code's key helper sends both; one of them may be a leftover
        {"Authorization": f"Bearer {TOKEN}", "x-api-key": "old"},
        {"Authorization": "Bearer old", "x-api-key": TOKEN},
    ],
)
def test_the_token_in_the_headers_that_clients_use(headers: dict[str, str]) -> None:
    assert guard.presents(CIMultiDict(headers), TOKEN)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"x-api-key": ""},
        {"x-api-key": TOKEN.upper()},
        {"x-api-key": "t\udcf6k"},
        {"Cookie": f"token={TOKEN}"},
        {"X-Token": TOKEN},
    ],
)
def test_nothing_else_is_the_token(headers: dict[str, str]) -> None:
    assert not guard.presents(CIMultiDict(headers), TOKEN)


def test_how_long_it_takes_says_nothing_of_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key that is presented is compared by what takes as long whatever differs."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return False

    monkeypatch.setattr("gwproxy.proxy.inbound.guard.hmac.compare_digest", compare)
    presented = CIMultiDict({"Authorization": f"Bearer {TOKEN}", "x-api-key": "other"})
    assert not guard.presents(presented, TOKEN)
    assert compared == [(TOKEN.encode(), TOKEN.encode()), (b"other", TOKEN.encode())]


def test_the_caller_without_a_dialect_is_known_by_its_headers() -> None:
    assert guard.looks_anthropic(CIMultiDict({"Anthropic-Version": "2023-06-01"}))
    assert guard.looks_anthropic(CIMultiDict({"X-Api-Key": "k"}))
    assert not guard.looks_anthropic(CIMultiDict({"Authorization": "Bearer k"}))
