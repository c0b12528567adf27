"""What OpenClaw's configuration says: a provider of our own, defaults left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.surroundings import (
    CHAT_ONLY,
    COMMAND,
    KEY,
    KIMI,
    TOKEN,
    TOKEN_FILE,
    gateway,
    places,
)
from gwproxy.clients import openclaw
from gwproxy.clients.document import Tree
from gwproxy.clients.endpoint import ToolEndpoint, straight_to_provider
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.plan import SetupPlan, diff, plan_setup, plan_undo
from gwproxy.clients.undo import Claim
from gwproxy.errors import ConfigError, UsageError
from gwproxy.profiles.record import make_profile


def planned(endpoint: ToolEndpoint, before: str = "", *, default: bool = False) -> SetupPlan:
    wishes = openclaw.wishes(endpoint, JSON.read(before), default=default)
    return plan_setup(openclaw.target("user", places()), before, wishes)


def written(endpoint: ToolEndpoint, before: str = "", *, default: bool = False) -> Tree:
    return JSON.read(planned(endpoint, before, default=default).after or "")


def test_an_empty_file_becomes_a_whole_configuration() -> None:
    assert written(gateway(file=TOKEN_FILE)) == {
        "models": {
            "providers": {
                "gwproxy": {
                    "baseUrl": "http://127.0.0.1:4979",
                    "api": "anthropic-messages",
                    "timeoutSeconds": 660,
                    "models": [
                        {
                            "id": name,
                            "name": name,
                            "reasoning": True,
                            "input": ["text", "image"],
                            "contextWindow": 262144,
                            "maxTokens": 32768,
                        }
                        for name in ("kimi-k2.5", "kimi-for-coding")
                    ],
                    "apiKey": {"source": "file", "provider": "gwproxy", "id": "value"},
                }
            }
        },
        "secrets": {
            "providers": {
                "gwproxy": {"source": "file", "path": str(TOKEN_FILE), "mode": "singleValue"}
            }
        },
        # No entry in agents.defaults.models: the first one would forbid every other model.
        "agents": {"defaults": {"model": {"primary": "gwproxy/kimi-k2.5"}}},
    }


def test_a_chat_upstream_is_asked_in_its_own_dialect() -> None:
    tree = written(gateway(CHAT_ONLY, pinned=True))
    provider = tree["models"]["providers"]["gwproxy"]  # type: ignore[index]
    assert provider["api"] == "openai-completions"
    assert provider["baseUrl"] == "http://127.0.0.1:4979/profiles/local/v1"
    assert provider["apiKey"] == TOKEN.reveal()
    assert "secrets" not in tree


MINE = """{
  // my agents
  agents: { defaults: { model: { primary: 'anthropic/claude-opus', fallbacks: ['x/y'] } } },
}
"""


def test_a_default_model_and_its_fallbacks_stay() -> None:
    plan = planned(gateway(file=TOKEN_FILE), MINE)
    defaults = JSON.read(plan.after or "")["agents"]["defaults"]  # type: ignore[index]
    assert defaults["model"] == {"primary": "anthropic/claude-opus", "fallbacks": ["x/y"]}
    assert plan.kept == (("agents", "defaults", "model", "primary"),)
    assert "// my agents" in (plan.after or "")


@pytest.mark.parametrize(
    "before", ["{ $include: './a' }", "{ agents: { defaults: { $include: './a' } } }"]
)
def test_a_default_model_in_another_file_stays(before: str) -> None:
    plan = planned(gateway(file=TOKEN_FILE), before)
    assert plan.kept == (("agents", "defaults", "model", "primary"),)
    assert "primary" not in (plan.after or "")
    asked = planned(gateway(file=TOKEN_FILE), before, default=True)
    assert '"primary": "gwproxy/kimi-k2.5"' in (asked.after or "")


@pytest.mark.parametrize(
    ("before", "model"),
    [
        (MINE, {"primary": "gwproxy/kimi-k2.5", "fallbacks": ["x/y"]}),
        ("{agents: {defaults: {model: 'a/b'}}}", "gwproxy/kimi-k2.5"),
    ],
)
def test_the_default_model_is_replaced_when_asked(before: str, model: object) -> None:
    tree = written(gateway(file=TOKEN_FILE), before, default=True)
    assert tree["agents"]["defaults"]["model"] == model  # type: ignore[index]


def test_the_short_form_of_a_default_model_stays_as_well() -> None:
    before = "{agents: {defaults: {model: 'a/b'}}}"
    tree = written(gateway(file=TOKEN_FILE), before)
    assert tree["agents"]["defaults"]["model"] == "a/b"  # type: ignore[index]


def test_among_models_that_are_listed_ours_are_listed_too() -> None:
    before = "{agents: {defaults: {models: {'a/b': {alias: 'b'}}}}}"
    plan = planned(gateway(file=TOKEN_FILE), before)
    entries = JSON.read(plan.after or "")["agents"]["defaults"]["models"]  # type: ignore[index]
    assert entries == {
        "a/b": {"alias": "b"},
        "gwproxy/kimi-k2.5": {"alias": "kimi"},
        "gwproxy/kimi-for-coding": {},
    }
    claim = Claim("openclaw", "user", "kimi", "", None, (), plan.members)
    undo = plan_undo(plan.target, (plan.after or "") + " ", claim, before)
    assert JSON.read(undo.after or "") == JSON.read(before)


@pytest.mark.parametrize(
    ("allow", "warned"),
    [("['a/*']", True), ("['a/*', 'gwproxy/*']", False), ("[]", False), ("7", False), ("", False)],
)
def test_a_policy_that_leaves_us_out_is_warned_of(allow: str, warned: bool) -> None:
    text = f"{{agents: {{defaults: {{modelPolicy: {{allow: {allow}}}}}}}}}"
    files = {"/home/me/.openclaw/openclaw.json": text}
    remarks = openclaw.remarks("user", [], places(files=files))
    assert bool(remarks) is warned
    assert all("agents.defaults.modelPolicy.allow" in remark for remark in remarks)


def test_a_helper_is_run_with_the_variables_that_it_needs() -> None:
    tree = written(gateway(command=COMMAND))
    source = tree["secrets"]["providers"]["gwproxy"]  # type: ignore[index]
    assert source["command"] == "/opt/my tools/gwproxy"
    assert source["args"] == ["token"]
    assert source["env"] == {"GWPROXY_HOME": "/srv/gw"}
    assert source["jsonOnly"] is False
    key = tree["models"]["providers"]["gwproxy"]["apiKey"]  # type: ignore[index]
    assert key == {"source": "exec", "provider": "gwproxy", "id": "token"}


def test_directly_the_key_stands_in_the_file_and_not_in_the_diff() -> None:
    plan = planned(straight_to_provider(KIMI, KEY))
    provider = JSON.read(plan.after or "")["models"]["providers"]["gwproxy"]  # type: ignore[index]
    assert provider["apiKey"] == KEY.reveal()
    assert provider["baseUrl"] == "https://api.kimi.com/coding"
    assert KEY.reveal() not in diff(plan)


def test_directly_only_the_usual_credentials_can_be_sent() -> None:
    profile = make_profile("k", {"preset": "kimi-k25", "auth": {"anthropic": "x-my-key"}})
    with pytest.raises(ConfigError) as caught:
        planned(straight_to_provider(profile, KEY))
    assert "x-my-key" in caught.value.why


def test_there_is_no_environment_form() -> None:
    with pytest.raises(UsageError):
        openclaw.environment(gateway())


@pytest.mark.parametrize(
    ("environ", "file"),
    [
        ({}, "/home/me/.openclaw/openclaw.json"),
        ({"OPENCLAW_PROFILE": "work"}, "/home/me/.openclaw-work/openclaw.json"),
        ({"OPENCLAW_HOME": "/srv"}, "/srv/.openclaw/openclaw.json"),
        ({"OPENCLAW_STATE_DIR": "/var/oc"}, "/var/oc/openclaw.json"),
        ({"OPENCLAW_CONFIG_PATH": "/etc/oc.json5"}, "/etc/oc.json5"),
    ],
)
def test_the_file_is_where_openclaw_looks_for_it(environ: dict[str, str], file: str) -> None:
    assert openclaw.target("user", places(environ)).file == Path(file)


def test_how_to_start_it_names_the_model_where_the_default_stayed() -> None:
    assert openclaw.start(gateway(), ()) == "openclaw agent"
    assert "--model gwproxy/kimi-k2.5" in openclaw.start(gateway(), (("model",),))


@pytest.mark.parametrize(
    ("model", "is_told"),
    [
        ("'anthropic/claude'", True),
        ("{ primary: 'anthropic/claude' }", True),
        ("'gwproxy/kimi-k2.5'", False),
        ("{ fallbacks: [] }", False),
    ],
)
def test_an_agent_with_a_model_of_its_own_is_told(model: str, is_told: bool) -> None:
    text = f"{{ agents: {{ entries: {{ main: {{ model: {model} }}, b: {{}} }} }} }}"
    here = places(files={"/home/me/.openclaw/openclaw.json": text})
    found = openclaw.remarks("user", [], here)
    assert [remark.split(", which")[0] for remark in found] == (
        [
            "agents.entries.main in /home/me/.openclaw/openclaw.json has a model of its own, "
            "anthropic/claude"
        ]
        if is_told
        else []
    )
