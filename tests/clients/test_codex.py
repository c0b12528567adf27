"""What Codex's configuration says: a provider of our own, defaults left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from clients.surroundings import COMMAND, KEY, KIMI, TOKEN, gateway, places
from gwproxy.clients import codex, codex_models
from gwproxy.clients.endpoint import ToolEndpoint, straight_to_provider
from gwproxy.clients.launch import RUN_SCOPE
from gwproxy.clients.plan import SetupPlan, diff, plan_setup, plan_undo
from gwproxy.clients.tomltext import TOML
from gwproxy.clients.undo import Claim
from gwproxy.errors import ConfigError, UsageError
from gwproxy.profiles.record import make_profile


def planned(endpoint: ToolEndpoint, before: str = "", *, default: bool = False) -> SetupPlan:
    wishes = codex.wishes(endpoint, TOML.read(before), default=default)
    return plan_setup(codex.target("user", places()), before, wishes)


def test_an_empty_file_becomes_a_whole_configuration() -> None:
    assert planned(gateway()).after == (
        'model = "kimi-k2.5"\n'
        'model_provider = "gwproxy"\n'
        "model_context_window = 262144\n"
        "\n"
        "[model_providers.gwproxy]\n"
        'name = "gwproxy"\n'
        'base_url = "http://127.0.0.1:4979/v1"\n'
        'wire_api = "responses"\n'
        "stream_idle_timeout_ms = 660000\n"
        f'experimental_bearer_token = "{TOKEN.reveal()}"\n'
    )


MINE = """\
# mine
model = "gpt-5.6"   # the good one

[projects."/work"]
trust_level = "trusted"
"""


def test_a_model_that_the_user_chose_stays_with_its_provider() -> None:
    plan = planned(gateway(), MINE)
    assert (plan.after or "").startswith(MINE)
    tree = TOML.read(plan.after or "")
    assert tree["model"] == "gpt-5.6"
    assert "model_provider" not in tree
    assert plan.kept == (("model",),)
    assert codex.start(gateway(), plan.kept) == "codex -c model_provider=gwproxy -m kimi-k2.5"


def test_the_model_is_replaced_when_asked_and_comes_back() -> None:
    plan = planned(gateway(), MINE, default=True)
    assert 'model = "kimi-k2.5"   # the good one' in (plan.after or "")
    claim = Claim("codex", "user", "kimi", "", None, (), plan.members)
    undo = plan_undo(plan.target, (plan.after or "") + "# later\n", claim, MINE)
    assert undo.after == MINE + "# later\n"


@pytest.mark.parametrize(
    ("before", "default", "wanted"),
    [
        ("", False, True),
        ('model_provider = "gwproxy"\nmodel = "mine"\n', False, True),
        (f'model_provider = "gwproxy"\nmodel_catalog_json = "{codex_models.FILE}"\n', False, True),
        (MINE, False, False),
        (MINE, True, True),
        ('model_provider = "other"\n', False, False),
        ('model_catalog_json = "mine.json"\n', False, False),
        (f'model_catalog_json = "mine.json"\n{MINE}', True, False),
    ],
)
def test_models_are_listed_where_codex_starts_with_ours_and_nobody_has_a_list(
    before: str, default: bool, wanted: bool
) -> None:
    ours = replace(gateway(), tool_prompt="a prompt")
    beside = codex.beside(ours, TOML.read(before), default=default)
    assert (beside is not None) == wanted
    assert codex.beside(gateway(), TOML.read(before), default=default) is None, "not without it"


def test_the_list_has_what_the_profile_knows_of_its_models() -> None:
    profile = make_profile("k", {"preset": "kimi-k25", "models": ["kimi-k3"]})
    first, second = json.loads(codex_models.text(profile, "a prompt"))["models"]
    assert (first["slug"], second["slug"]) == ("kimi-k2.5", "kimi-k3")
    assert first["context_window"] == profile.context_window
    assert first["input_modalities"] == ["text", "image"]
    assert first["base_instructions"] == "a prompt"
    blind = make_profile("k", {"preset": "kimi-k25", "quirks": {"vision": False}})
    (listed,) = json.loads(codex_models.text(blind, "a prompt"))["models"]
    assert listed["input_modalities"] == ["text"]


def test_a_helper_and_a_token_are_never_there_together() -> None:
    with_token = planned(gateway()).after or ""
    with_helper = planned(gateway(command=COMMAND), with_token).after or ""
    table = TOML.read(with_helper)["model_providers"]["gwproxy"]  # type: ignore[index]
    assert "experimental_bearer_token" not in table
    assert table["auth"]["command"] == "env"
    assert table["auth"]["args"] == ["GWPROXY_HOME=/srv/gw", "/opt/my tools/gwproxy", "token"]
    again = TOML.read(planned(gateway(), with_helper).after or "")
    assert "auth" not in again["model_providers"]["gwproxy"]  # type: ignore[index]


BY_HAND = """\
[model_providers.gwproxy]
env_key = "MINE"
requires_openai_auth = true
request_max_retries = 1
"""


@pytest.mark.parametrize("endpoint", [gateway(), gateway(command=COMMAND)], ids=["token", "helper"])
def test_another_credential_gives_way_and_comes_back(endpoint: ToolEndpoint) -> None:
    plan = planned(endpoint, BY_HAND)
    table = TOML.read(plan.after or "")["model_providers"]["gwproxy"]  # type: ignore[index]
    assert not {"env_key", "requires_openai_auth"} & table.keys()
    assert table["request_max_retries"] == 1
    claim = Claim("codex", "user", "kimi", "", None, (), plan.members)
    undo = plan_undo(plan.target, plan.after or "", claim, BY_HAND)
    assert TOML.read(undo.after or "") == TOML.read(BY_HAND)


def test_the_token_is_not_in_the_diff() -> None:
    assert TOKEN.reveal() not in diff(planned(gateway()))


def test_directly_codex_needs_a_provider_of_its_own_dialect() -> None:
    with pytest.raises(ConfigError, match="Codex cannot talk to 'kimi' directly"):
        planned(straight_to_provider(KIMI, KEY))
    profile = make_profile("k", {"preset": "kimi-k25", "headers": {"X-Team": "blue"}})
    table = TOML.read(planned(straight_to_provider(profile, KEY)).after or "")["model_providers"]
    assert table == {
        "gwproxy": {
            "name": "k",
            "base_url": "https://kimi-k25.com/api/openai/v1",
            "wire_api": "responses",
            "stream_idle_timeout_ms": 660_000,
            "experimental_bearer_token": KEY.reveal(),
            "http_headers": {"X-Team": "blue"},
        }
    }


def test_a_key_header_of_another_name_is_sent_as_such() -> None:
    profile = make_profile("k", {"preset": "kimi-k25", "auth": {"responses": "x-api-key"}})
    plan = planned(straight_to_provider(profile, KEY))
    table = TOML.read(plan.after or "")["model_providers"]["gwproxy"]  # type: ignore[index]
    assert table["http_headers"] == {"x-api-key": KEY.reveal()}
    assert KEY.reveal() not in diff(plan)


def test_there_is_no_environment_form() -> None:
    with pytest.raises(UsageError):
        codex.environment(gateway())


def test_the_file_is_where_codex_looks_for_it() -> None:
    assert codex.target("user", places()).file == Path("/home/me/.codex/config.toml")
    moved = codex.target("user", places({"CODEX_HOME": "/srv/codex"}))
    assert moved.file == Path("/srv/codex/config.toml")


@pytest.mark.parametrize(
    ("file", "platform", "is_named"),
    [
        ("/projects/app/.codex/config.toml", "linux", True),
        ("/etc/codex/managed_config.toml", "linux", True),
        ("/etc/codex/managed_config.toml", "win32", False),
        ("/home/me/.codex/config.toml", "linux", False),
    ],
)
def test_stronger_files_that_say_otherwise_are_named(
    file: str, platform: str, is_named: bool
) -> None:
    there = places(files={file: 'model = "gpt-5.6"'}, platform=platform)
    remarks = codex.remarks("user", codex.wishes(gateway(), {}, default=False), there)
    assert remarks == ([f"{file} outranks what is written here: model"] if is_named else [])
    above_all = codex.remarks(RUN_SCOPE, codex.wishes(gateway(), {}, default=False), there)
    assert above_all == (remarks if "managed" in file else [])


def test_a_projects_files_are_looked_for_from_its_root() -> None:
    assert [str(file) for file in codex.project_files(places(work_tree="/projects"))] == [
        "/projects/.codex/config.toml",
        "/projects/app/.codex/config.toml",
    ]
    assert len(codex.project_files(places())) == 1
