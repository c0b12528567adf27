"""Where clients are pointed at, through the gateway and past it."""

from __future__ import annotations

import pytest

from gwproxy.clients.endpoint import (
    TokenCommand,
    straight_to_provider,
    through_gateway,
)
from gwproxy.errors import ConfigError
from gwproxy.profiles.record import make_profile
from gwproxy.profiles.secret import Secret
from gwproxy.profiles.store import ServeSettings
from gwproxy.translate.dialect_facts import Dialect

KIMI = make_profile("kimi", {"preset": "kimi-code"})
KEY = Secret("sk-kimi-" + "k" * 40)


@pytest.mark.parametrize(
    ("host", "root"),
    [
        ("127.0.0.1", "http://127.0.0.1:4979"),
        ("localhost", "http://localhost:4979"),
        ("0.0.0.0", "http://127.0.0.1:4979"),
        ("::", "http://[::1]:4979"),
        ("::1", "http://[::1]:4979"),
    ],
)
def test_clients_reach_every_way_of_listening(host: str, root: str) -> None:
    endpoint = through_gateway(KIMI, ServeSettings(host=host), KEY, pinned=False)
    assert (endpoint.anthropic, endpoint.openai) == (root, f"{root}/v1")


def test_a_pinned_profile_stands_in_the_address() -> None:
    endpoint = through_gateway(KIMI, ServeSettings(port=5000), KEY, pinned=True)
    assert endpoint.openai == "http://127.0.0.1:5000/profiles/kimi/v1"


def test_directly_the_providers_own_address_is_used() -> None:
    endpoint = straight_to_provider(KIMI, KEY)
    assert endpoint.base_for(Dialect.ANTHROPIC, "Claude Code") == "https://api.kimi.com/coding"
    with pytest.raises(ConfigError, match="OpenCode cannot talk to 'kimi' directly"):
        endpoint.base_for(Dialect.CHAT, "OpenCode")


@pytest.mark.parametrize("preset", ["strongwall", "demo"])
def test_some_providers_work_through_the_gateway_only(preset: str) -> None:
    with pytest.raises(ConfigError):
        straight_to_provider(make_profile("p", {"preset": preset}), KEY)


def test_real_claude_is_known_by_its_signatures() -> None:
    claude = make_profile(
        "c", {"preset": "claude-gateway", "anthropic_url": "https://claude.example"}
    )
    assert through_gateway(claude, ServeSettings(), KEY, pinned=False).is_claude
    assert not through_gateway(KIMI, ServeSettings(), KEY, pinned=False).is_claude


def test_a_helper_is_written_as_the_systems_shell_reads_it() -> None:
    words = ("/opt/my tools/gwproxy", "token")
    assert TokenCommand(words, {"A": "b"}).line == "env A=b '/opt/my tools/gwproxy' token"
    words = (r"C:\Program Files\gwproxy.exe", "token")
    assert TokenCommand(words, windows=True).line == r'"C:\Program Files\gwproxy.exe" token'
    with pytest.raises(ConfigError, match="on Windows a helper cannot be told A"):
        assert TokenCommand(words, {"A": "b"}, windows=True).line
