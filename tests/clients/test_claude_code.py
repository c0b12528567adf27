"""What Claude Code's settings say, and what could outrank them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwproxy.clients import claude_code
from gwproxy.clients.document import ABSENT
from gwproxy.clients.endpoint import Endpoint, straight_to_provider, through_gateway
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.plan import diff, plan_setup
from gwproxy.errors import ConfigError
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.record import make_profile
from gwproxy.profiles.secret import Secret
from gwproxy.profiles.store import ServeSettings

TOKEN = Secret("gw-" + "t" * 36 + "WXYZ")
KIMI = make_profile("kimi", {"preset": "kimi-code"})
CLAUDE = make_profile(
    "claude", {"preset": "claude-gateway", "anthropic_url": "https://claude.example"}
)


def gateway(
    profile: Profile, *, pinned: bool = False, command: tuple[str, ...] | None = None
) -> Endpoint:
    return through_gateway(profile, ServeSettings(), TOKEN, pinned=pinned, token_command=command)


def test_a_foreign_model_gets_all_that_it_needs() -> None:
    assert claude_code.environment(gateway(KIMI)) == {
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:4979",
        "ANTHROPIC_AUTH_TOKEN": TOKEN.reveal(),
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_MODEL": "kimi-k2.5",
        "ANTHROPIC_DEFAULT_OPUS_MODEL": "kimi-k2.5",
        "ANTHROPIC_DEFAULT_SONNET_MODEL": "kimi-k2.5",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": "kimi-k2.5",
        "ANTHROPIC_DEFAULT_FABLE_MODEL": "kimi-k2.5",
        "ANTHROPIC_SMALL_FAST_MODEL": "kimi-k2.5",
        "API_TIMEOUT_MS": "660000",
        "CLAUDE_STREAM_IDLE_TIMEOUT_MS": "600000",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "262144",
        "CLAUDE_CODE_AUTO_COMPACT_WINDOW": "262144",
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "ENABLE_TOOL_SEARCH": "false",
    }


def test_real_claude_needs_little() -> None:
    assert claude_code.environment(gateway(CLAUDE, pinned=True)) == {
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:4979/profiles/claude",
        "ANTHROPIC_AUTH_TOKEN": TOKEN.reveal(),
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_MODEL": "claude-sonnet-4-6",
        "ANTHROPIC_DEFAULT_SONNET_MODEL": "claude-sonnet-4-6",
        "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
    }


def test_a_tier_takes_the_model_that_bears_its_name() -> None:
    profile = make_profile(
        "c",
        {
            "preset": "claude-gateway",
            "anthropic_url": "https://claude.example",
            "models": ["claude-opus-4-8", "claude-haiku-4-5"],
        },
    )
    variables = claude_code.environment(gateway(profile))
    assert variables["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "claude-opus-4-8"
    assert variables["ANTHROPIC_SMALL_FAST_MODEL"] == "claude-haiku-4-5"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"context_window": 65_536}, {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "65536"}),
        ({"max_output_tokens": 8_192}, {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "8192"}),
        ({"first_byte_timeout_s": 3600}, {"CLAUDE_STREAM_IDLE_TIMEOUT_MS": "1800000"}),
        ({"first_byte_timeout_s": 10, "idle_timeout_s": 10}, {"API_TIMEOUT_MS": "70000"}),
        (
            {"first_byte_timeout_s": 10, "idle_timeout_s": 10},
            {"CLAUDE_STREAM_IDLE_TIMEOUT_MS": "300000"},
        ),
    ],
)
def test_limits_stay_within_what_claude_code_takes(
    settings: dict[str, int], expected: dict[str, str]
) -> None:
    profile = make_profile("p", {"preset": "kimi-code", **settings})
    variables = claude_code.environment(gateway(profile))
    assert expected.items() <= variables.items()
    if "context_window" in settings:
        assert "CLAUDE_CODE_AUTO_COMPACT_WINDOW" not in variables


def test_a_helper_takes_the_place_of_the_token() -> None:
    wishes = claude_code.wishes(gateway(KIMI, command=("/opt/my tools/gwproxy", "token")))
    said = {wish.path: wish.value for wish in wishes}
    assert said["apiKeyHelper",] == "'/opt/my tools/gwproxy' token"
    assert said["env", "ANTHROPIC_AUTH_TOKEN"] == ""
    assert TOKEN.reveal() not in said.values()


def test_a_literal_token_takes_the_place_of_a_helper() -> None:
    before = '{"apiKeyHelper": "company-key"}'
    target = claude_code.target("user", Path("/home/me"), Path("/work"))
    plan = plan_setup(target, before, claude_code.wishes(gateway(KIMI)))
    tree = JSON.read(plan.after or "")
    assert "apiKeyHelper" not in tree
    assert TOKEN.reveal() not in diff(plan)


def test_the_snippet_is_a_settings_file() -> None:
    document = claude_code.settings(gateway(KIMI))
    assert list(document) == ["env"]
    with_helper = claude_code.settings(gateway(KIMI, command=("gwproxy", "token")))
    assert with_helper["apiKeyHelper"] == "gwproxy token"
    assert ABSENT not in with_helper.values()


def test_directly_the_key_goes_where_the_provider_wants_it() -> None:
    key = Secret("sk-kimi-" + "k" * 40)
    variables = claude_code.environment(straight_to_provider(KIMI, key))
    assert variables["ANTHROPIC_BASE_URL"] == "https://api.kimi.com/coding"
    assert variables["ANTHROPIC_API_KEY"] == key.reveal()
    assert variables["ANTHROPIC_AUTH_TOKEN"] == ""
    assert variables["CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS"] == "1"
    bearer = make_profile("k", {"preset": "kimi-k25", "headers": {"X-Team": "blue"}})
    variables = claude_code.environment(straight_to_provider(bearer, key))
    assert variables["ANTHROPIC_AUTH_TOKEN"] == key.reveal()
    assert variables["ANTHROPIC_CUSTOM_HEADERS"] == "X-Team: blue"


def test_a_header_that_claude_code_cannot_send_is_refused() -> None:
    profile = make_profile("k", {"preset": "kimi-k25", "auth": {"anthropic": "x-my-key"}})
    with pytest.raises(ConfigError) as caught:
        claude_code.wishes(straight_to_provider(profile, TOKEN))
    assert "x-my-key" in caught.value.why


def test_each_scope_has_its_file() -> None:
    home, project = Path("/home/me"), Path("/work/app")
    files = [claude_code.target(scope, home, project).file for scope in claude_code.SCOPES]
    assert files == [
        home / ".claude/settings.json",
        project / ".claude/settings.json",
        project / ".claude/settings.local.json",
    ]
    moved = claude_code.target("user", home, project, "/etc/mine")
    assert moved.file == Path("/etc/mine/settings.json")


def test_stronger_settings_that_say_otherwise_are_named() -> None:
    mine = claude_code.wishes(gateway(KIMI))
    others = [
        ("managed.json", '{"env": {"ANTHROPIC_BASE_URL": "https://corp", "EDITOR": "vi"}}'),
        ("same.json", '{"env": {"ANTHROPIC_MODEL": "kimi-k2.5"}}'),
        ("helper.json", '{"apiKeyHelper": "corp-key"}'),
        ("broken.json", "{"),
    ]
    assert claude_code.outranking(mine, others) == [
        "managed.json outranks what is written here: env.ANTHROPIC_BASE_URL",
        "helper.json outranks what is written here: apiKeyHelper",
    ]


@pytest.mark.parametrize(
    ("environ", "count"),
    [
        ({}, 0),
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, 1),
        ({"CLAUDE_CODE_USE_BEDROCK": "0", "CLAUDE_CODE_USE_VERTEX": ""}, 0),
        ({"CLAUDE_CODE_USE_VERTEX": "true", "CLAUDE_CODE_USE_FOUNDRY": "yes"}, 2),
    ],
)
def test_shell_exports_that_lead_elsewhere_are_named(environ: dict[str, str], count: int) -> None:
    assert len(claude_code.shell_conflicts(environ)) == count


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_managed_settings_have_their_own_folder(platform: str) -> None:
    assert claude_code.managed_folder(platform).is_absolute() or platform == "win32"
