"""What Claude Code's settings say, and what could outrank them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clients.surroundings import CLAUDE, COMMAND, KEY, KIMI, TOKEN, gateway, places
from gwproxy.clients import claude_code
from gwproxy.clients.document import Tree, leaves
from gwproxy.clients.endpoint import ToolEndpoint, straight_to_provider
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.launch import RUN_SCOPE
from gwproxy.clients.plan import diff, plan_setup
from gwproxy.errors import ConfigError
from gwproxy.profiles.record import make_profile


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


@pytest.mark.parametrize(
    "endpoint",
    [
        gateway(KIMI),
        gateway(KIMI, command=COMMAND),
        gateway(CLAUDE, pinned=True),
        gateway(make_profile("s", {"preset": "kimi-code", "max_output_tokens": 8000})),
    ],
)
def test_all_that_it_writes_is_known_again(endpoint: ToolEndpoint) -> None:
    wishes = claude_code.wishes(endpoint, {}, default=False)
    target = claude_code.target("user", places())
    tree = JSON.read(plan_setup(target, None, wishes).after or "")
    assert {path for path, _ in leaves((), tree)} == set(claude_code.traces(tree))


@pytest.mark.parametrize(
    "helper",
    ["gwproxy token", "'/opt/my tools/gwproxy' token", r'"C:\Program Files\gwproxy.exe" token'],
)
def test_a_helper_of_ours_is_known_again(helper: str) -> None:
    assert claude_code.traces({"apiKeyHelper": helper}) == [("apiKeyHelper",)]


@pytest.mark.parametrize(
    "address", [None, 7, "http://127.0.0.1:3456", "https://example.com/profiles/x", "http://[", ""]
)
def test_the_settings_of_another_gateway_are_not_taken_for_ours(address: object) -> None:
    tree: Tree = {
        "env": {"ANTHROPIC_BASE_URL": address, "API_TIMEOUT_MS": "1"},
        "apiKeyHelper": "/usr/bin/my-gwproxy token --mine",
    }
    assert claude_code.traces(tree) == []


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
    wishes = claude_code.wishes(gateway(command=COMMAND), {}, default=False)
    said = {wish.path: wish.value for wish in wishes}
    assert said["apiKeyHelper",] == "env GWPROXY_HOME=/srv/gw '/opt/my tools/gwproxy' token"
    assert said["env", "ANTHROPIC_AUTH_TOKEN"] == ""
    assert TOKEN.reveal() not in said.values()


def test_a_literal_token_takes_the_place_of_a_helper() -> None:
    before = '{"apiKeyHelper": "company-key"}'
    wishes = claude_code.wishes(gateway(), JSON.read(before), default=False)
    plan = plan_setup(claude_code.target("user", places()), before, wishes)
    assert "apiKeyHelper" not in JSON.read(plan.after or "")
    assert TOKEN.reveal() not in diff(plan)
    assert "…WXYZ" in diff(plan)


def test_directly_the_key_goes_where_the_provider_wants_it() -> None:
    variables = claude_code.environment(straight_to_provider(KIMI, KEY))
    assert variables["ANTHROPIC_BASE_URL"] == "https://api.kimi.com/coding"
    assert variables["ANTHROPIC_API_KEY"] == KEY.reveal()
    assert variables["ANTHROPIC_AUTH_TOKEN"] == ""
    assert variables["CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS"] == "1"
    bearer = make_profile("k", {"preset": "kimi-k25", "headers": {"X-Team": "blue"}})
    variables = claude_code.environment(straight_to_provider(bearer, KEY))
    assert variables["ANTHROPIC_AUTH_TOKEN"] == KEY.reveal()
    assert variables["ANTHROPIC_CUSTOM_HEADERS"] == "X-Team: blue"


def test_a_header_that_claude_code_cannot_send_is_refused() -> None:
    profile = make_profile("k", {"preset": "kimi-k25", "auth": {"anthropic": "x-my-key"}})
    with pytest.raises(ConfigError) as caught:
        claude_code.wishes(straight_to_provider(profile, KEY), {}, default=False)
    assert "x-my-key" in caught.value.why


def test_each_scope_has_its_file() -> None:
    files = [claude_code.target(scope, places()).file for scope in claude_code.SCOPES]
    assert [str(file) for file in files] == [
        "/home/me/.claude/settings.json",
        "/projects/app/.claude/settings.json",
        "/projects/app/.claude/settings.local.json",
    ]
    moved = claude_code.target("user", places({"CLAUDE_CONFIG_DIR": "/etc/mine"}))
    assert moved.file == Path("/etc/mine/settings.json")


@pytest.mark.parametrize("scope", [*claude_code.SCOPES, RUN_SCOPE])
@pytest.mark.parametrize(
    ("platform", "managed"),
    [
        ("linux", "/etc/claude-code"),
        ("darwin", "/Library/Application Support/ClaudeCode"),
        ("win32", "C:/Program Files/ClaudeCode"),
    ],
)
def test_stronger_settings_that_say_otherwise_are_named(
    scope: str, platform: str, managed: str
) -> None:
    files = {
        "/home/me/.claude/settings.json": '{"env": {"ANTHROPIC_MODEL": "opus"}}',
        "/projects/app/.claude/settings.json": '{"env": {"ANTHROPIC_MODEL": "kimi-k2.5"}}',
        "/projects/app/.claude/settings.local.json": '{"apiKeyHelper": "corp-key"}',
        f"{managed}/managed-settings.json": '{"env": {"ANTHROPIC_BASE_URL": "https://corp"}}',
        f"{managed}/managed-settings.d/10.json": '{"env": {"API_TIMEOUT_MS": "1", "A": "b"}}',
        f"{managed}/managed-settings.d/20.json": "{",
    }
    mine = claude_code.wishes(gateway(), {}, default=False)
    found = claude_code.remarks(scope, mine, places(files=files, platform=platform))
    expected = [
        f"{managed}/managed-settings.json outranks what is written here: env.ANTHROPIC_BASE_URL",
        f"{managed}/managed-settings.d/10.json outranks what is written here: env.API_TIMEOUT_MS",
    ]
    if scope not in ("local", RUN_SCOPE):
        local = (
            "/projects/app/.claude/settings.local.json outranks what is written here: apiKeyHelper"
        )
        expected.insert(0, local)
    assert found == expected


@pytest.mark.parametrize(
    ("environ", "count"),
    [
        ({}, 0),
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, 1),
        ({"CLAUDE_CODE_USE_BEDROCK": "0", "CLAUDE_CODE_USE_VERTEX": ""}, 0),
        ({"CLAUDE_CODE_USE_VERTEX": "true", "CLAUDE_CODE_USE_FOUNDRY": "yes"}, 2),
        ({"CLAUDE_CODE_USE_ANTHROPIC_AWS": "1"}, 1),
    ],
)
def test_shell_exports_that_lead_elsewhere_are_named(environ: dict[str, str], count: int) -> None:
    assert len(claude_code.remarks("user", [], places(environ))) == count


def test_switches_that_lead_elsewhere_are_found_in_every_settings_file() -> None:
    files = {
        "/home/me/.claude/settings.json": """{"env": {
            "CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_USE_VERTEX": 1}}""",
        "/projects/app/.claude/settings.local.json": '{"env": {"CLAUDE_CODE_USE_VERTEX": "0"}}',
    }
    environ = {"CLAUDE_CODE_USE_VERTEX": "1"}
    (remark,) = claude_code.remarks("user", [], places(environ, files=files))
    assert remark.startswith("CLAUDE_CODE_USE_BEDROCK is set in /home/me/.claude/settings.json")


def test_a_file_does_not_outrank_itself() -> None:
    at_home = replace(
        places(files={"/home/me/.claude/settings.json": '{"env": {"ANTHROPIC_MODEL": "opus"}}'}),
        project=Path("/home/me"),
    )
    mine = claude_code.wishes(gateway(), {}, default=False)
    assert claude_code.remarks("user", mine, at_home) == []


def test_a_folder_that_was_named_from_here_is_known_from_everywhere() -> None:
    moved = claude_code.target("user", places({"CLAUDE_CONFIG_DIR": "mine"}))
    assert moved.file == Path("/projects/app/mine/settings.json")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "is asked to judge tool calls; if it refuses, Claude Code checks them"),
        ({"quirks": {"safeguards": True}}, "judges the tool calls"),
        ({"quirks": {"safeguards": False}}, "judges no tool calls; Claude Code checks them"),
        ({"quirks": {"rebuild": True}}, "judges no tool calls; Claude Code checks them"),
        ({"dialects": ["chat"]}, "judges no tool calls; Claude Code checks them"),
    ],
)
def test_who_checks_in_auto_mode_is_said(settings: dict[str, Any], words: str) -> None:
    urls = {"anthropic_url": "https://api.example", "openai_url": "https://api.example"}
    record = {"preset": "custom", "model": "m", **urls, **settings}
    (note,) = claude_code.notes(make_profile("up", record))
    assert note.startswith(f"auto mode: up {words}")
