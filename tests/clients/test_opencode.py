"""What OpenCode's configuration says: a provider of our own, defaults left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.surroundings import CHAT_ONLY, COMMAND, KEY, KIMI, TOKEN, TOKEN_FILE, gateway, places
from gwproxy.clients import opencode
from gwproxy.clients.document import Tree, Uneditable
from gwproxy.clients.endpoint import ToolEndpoint, straight_to_provider
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.launch import RUN_SCOPE
from gwproxy.clients.plan import SetupPlan, plan_setup
from gwproxy.errors import ConfigError
from gwproxy.profiles.record import make_profile


def planned(
    endpoint: ToolEndpoint, before: str | None = None, *, default: bool = False
) -> SetupPlan:
    wishes = opencode.wishes(endpoint, JSON.read(before or ""), default=default)
    return plan_setup(opencode.target("user", places()), before, wishes)


def written(endpoint: ToolEndpoint, before: str | None = None, *, default: bool = False) -> Tree:
    return JSON.read(planned(endpoint, before, default=default).after or "")


def test_an_empty_file_becomes_a_whole_configuration() -> None:
    model = {
        "tool_call": True,
        "reasoning": True,
        "attachment": True,
        "modalities": {"input": ["text", "image"], "output": ["text"]},
        "limit": {"context": 262144, "output": 32768},
    }
    assert written(gateway(file=TOKEN_FILE)) == {
        "$schema": "https://opencode.ai/config.json",
        "model": "gwproxy/kimi-k2.5",
        "small_model": "gwproxy/kimi-k2.5",
        "provider": {
            "gwproxy": {
                "npm": "@ai-sdk/anthropic",
                "name": "gwproxy",
                "options": {
                    "baseURL": "http://127.0.0.1:4979/v1",
                    "apiKey": f"{{file:{TOKEN_FILE}}}",
                },
                "models": {
                    "kimi-k2.5": {"name": "kimi-k2.5", **model},
                    "kimi-for-coding": {"name": "kimi-for-coding", **model},
                },
            }
        },
    }


def test_a_chat_upstream_is_asked_in_its_own_dialect() -> None:
    provider = written(gateway(CHAT_ONLY))["provider"]["gwproxy"]  # type: ignore[index]
    assert provider["npm"] == "@ai-sdk/openai-compatible"
    assert provider["options"] == {
        "baseURL": "http://127.0.0.1:4979/v1",
        "apiKey": TOKEN.reveal(),
    }
    assert "limit" not in provider["models"]["m-1"]


def test_models_that_the_user_chose_stay_unless_asked() -> None:
    before = '{\n  // mine\n  "model": "anthropic/claude",\n}\n'
    plan = planned(gateway(), before)
    tree = JSON.read(plan.after or "")
    assert tree["model"] == "anthropic/claude"
    assert "small_model" not in tree
    assert "$schema" not in tree
    assert plan.kept == (("model",),)
    assert written(gateway(), before, default=True)["model"] == "gwproxy/kimi-k2.5"


def test_directly_the_providers_own_base_gets_its_version() -> None:
    profile = make_profile("k", {"preset": "kimi-code", "headers": {"X-Team": "blue"}})
    provider = written(straight_to_provider(profile, KEY))["provider"]["gwproxy"]  # type: ignore[index]
    assert provider["options"] == {
        "baseURL": "https://api.kimi.com/coding/v1",
        "headers": {"X-Team": "blue"},
        "apiKey": KEY.reveal(),
    }


def test_directly_only_the_usual_credentials_can_be_sent() -> None:
    profile = make_profile("k", {"preset": "kimi-code", "auth": {"anthropic": "bearer"}})
    with pytest.raises(ConfigError, match="cannot talk to 'k' directly"):
        planned(straight_to_provider(profile, KEY))


def test_the_environment_form_holds_the_whole_configuration() -> None:
    variables = opencode.environment(gateway(KIMI))
    document = json.loads(variables["OPENCODE_CONFIG_CONTENT"])
    assert document["model"] == "gwproxy/kimi-k2.5"
    assert document["provider"]["gwproxy"]["options"]["apiKey"] == TOKEN.reveal()


@pytest.mark.parametrize(
    ("scope", "environ", "files", "file"),
    [
        ("user", {}, {}, "/home/me/.config/opencode/opencode.json"),
        (
            "user",
            {},
            {"/home/me/.config/opencode/opencode.jsonc": "{}"},
            "/home/me/.config/opencode/opencode.jsonc",
        ),
        ("user", {"XDG_CONFIG_HOME": "/x"}, {}, "/x/opencode/opencode.json"),
        ("user", {"OPENCODE_CONFIG": "/etc/oc.json"}, {}, "/etc/oc.json"),
        ("project", {"OPENCODE_CONFIG": "/etc/oc.json"}, {}, "/projects/app/opencode.json"),
    ],
)
def test_the_file_is_where_opencode_looks_for_it(
    scope: str, environ: dict[str, str], files: dict[str, str], file: str
) -> None:
    assert opencode.target(scope, places(environ, files=files)).file == Path(file)


def test_an_inline_configuration_of_the_shell_is_warned_of() -> None:
    assert opencode.remarks("user", [], places()) == []
    (remark,) = opencode.remarks("user", [], places({"OPENCODE_CONFIG_CONTENT": "{}"}))
    assert "outranks" in remark


@pytest.mark.parametrize(
    ("scope", "file", "is_named"),
    [
        ("user", "/projects/app/opencode.json", True),
        ("user", "/projects/app/.opencode/opencode.jsonc", True),
        ("user", "/more/opencode.json", True),
        ("user", "/etc/opencode/opencode.json", True),
        ("user", "/home/me/.config/opencode/opencode.json", False),
        ("project", "/projects/app/opencode.json", False),
        ("project", "/projects/app/.opencode/opencode.json", True),
        (RUN_SCOPE, "/projects/app/.opencode/opencode.json", False),
        (RUN_SCOPE, "/etc/opencode/opencode.jsonc", True),
    ],
)
def test_stronger_files_that_say_otherwise_are_named(scope: str, file: str, is_named: bool) -> None:
    there = places({"OPENCODE_CONFIG_DIR": "/more"}, files={file: '{"model": "mine/m"}'})
    remarks = opencode.remarks(scope, opencode.wishes(gateway(), {}, default=False), there)
    expected = [f"{file} outranks what is written here: model"]
    assert remarks == (expected if is_named else [])


def test_a_helper_is_refused_where_the_token_would_stand_in_the_file() -> None:
    with pytest.raises(ConfigError, match="cannot run a command"):
        planned(gateway(command=COMMAND))
    tree = written(gateway(command=COMMAND, file=TOKEN_FILE))
    options = tree["provider"]["gwproxy"]["options"]  # type: ignore[index]
    assert options["apiKey"] == f"{{file:{TOKEN_FILE}}}"


def test_opencode_takes_comments_and_trailing_commas_and_no_more_of_json5() -> None:
    read = opencode.target("user", places()).reading
    assert read is not None
    assert read.form.read('{ "a": 1, } // mine') == {"a": 1}
    with pytest.raises(Uneditable):
        read.form.read("{ a: 1 }")


@pytest.mark.parametrize("work_tree", ["", "/projects"])
def test_every_file_that_opencode_merges_is_known_in_its_order(work_tree: str) -> None:
    """As the real one has it (1.18.33): each of these was outranked by the next."""
    environ = {"OPENCODE_CONFIG": "named.json", "OPENCODE_CONFIG_DIR": "/moved"}
    found = [str(file) for file in opencode.files(places(environ, work_tree=work_tree))]
    order = [
        "/home/me/.config/opencode/config.json",
        "/home/me/.config/opencode/opencode.json",
        "/home/me/.config/opencode/opencode.jsonc",
        "/projects/app/named.json",
        *([] if work_tree else ["/opencode.json"]),
        "/projects/opencode.json",
        "/projects/app/opencode.json",
        "/projects/app/opencode.jsonc",
        "/projects/app/.opencode/opencode.json",
        "/projects/.opencode/opencode.json",
        "/home/me/.opencode/opencode.json",
        "/moved/opencode.json",
        "/etc/opencode/opencode.json",
    ]
    assert [file for file in found if file in order] == order
    assert ("/opencode.json" in found) == (not work_tree)


@pytest.mark.parametrize(
    ("file", "is_weaker"),
    [("config.json", True), ("opencode.json", True), ("opencode.jsonc", False)],
)
def test_what_weaker_files_say_is_known(file: str, is_weaker: bool) -> None:
    folder = "/home/me/.config/opencode/"
    files = {folder + "opencode.jsonc": "{}"} | {folder + file: '{"model": "a/b"} // mine'}
    assert opencode.beneath("user", places(files=files)) == ({"model": "a/b"} if is_weaker else {})
