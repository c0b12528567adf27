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


# --- the inspector's page ------------------------------------------------------------------------

PAGE = guard.page_hosts("[::1]", 4979)


def test_the_page_is_at_loopback_with_the_port_as_a_browser_writes_it() -> None:
    assert {"localhost:4979", "127.0.0.1:4979", "[::1]:4979"} == PAGE
    assert guard.page_hosts("127.0.0.2", 80) == {"localhost", "127.0.0.1", "[::1]", "127.0.0.2"}


@pytest.mark.parametrize("host", sorted(PAGE))
def test_the_page_may_say_its_own_origin_and_no_other(host: str) -> None:
    def welcome(**headers: str) -> bool:
        said = CIMultiDict({"Host": host, **{k.replace("_", "-"): v for k, v in headers.items()}})
        return guard.unwelcome_at_the_page(said, PAGE, opens=False) is None

    assert welcome()
    assert welcome(Origin=f"http://{host}")
    assert welcome(Origin=f"http://{host}", Sec_Fetch_Site="same-origin")
    for other in {*PAGE} - {host}:
        assert not welcome(Origin=f"http://{other}")
    for odd in (f"https://{host}", f"http://{host}/", "null", "", "http://localhost"):
        assert not welcome(Origin=odd)
    # A browser that says both says what it means by the stricter one.
    assert not welcome(Origin=f"http://{host}", Sec_Fetch_Site="cross-site")


def test_two_origins_are_none() -> None:
    host = "localhost:4979"
    twice = CIMultiDict([("Host", host), *[("Origin", f"http://{host}")] * 2])
    assert guard.unwelcome_at_the_page(twice, PAGE, opens=True) is not None


@pytest.mark.parametrize(
    ("mode", "kind", "opens", "welcome"),
    [
        ("navigate", "document", True, True),
        ("navigate", "document", False, False),
        ("navigate", "iframe", True, False),
        ("no-cors", "script", True, False),
        ("cors", "empty", True, False),
        ("", "", True, False),
    ],
)
def test_a_link_from_elsewhere_leads_to_the_document_alone(
    mode: str, kind: str, opens: bool, welcome: bool
) -> None:
    headers = CIMultiDict(
        {
            "Host": "localhost:4979",
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": mode,
            "Sec-Fetch-Dest": kind,
        }
    )
    assert (guard.unwelcome_at_the_page(headers, PAGE, opens=opens) is None) is welcome
