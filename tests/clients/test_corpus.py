"""Settings files as people have them: set up, set up again, undo, and undo after edits."""

from __future__ import annotations

import difflib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from clients.surroundings import CHAT_ONLY, CLAUDE, COMMAND, TOKEN_FILE, gateway
from gwproxy import paths
from gwproxy.clients import change
from gwproxy.clients.document import MemberPath, TextFormat, Tree, Value, leaves, same
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.known import CLIENTS, Client
from gwproxy.clients.plan import SetupPlan, Target
from gwproxy.clients.tomltext import TOML

CORPUS = Path(__file__).parent.parent / "fixtures" / "settings"
FILES = sorted(
    path for path in CORPUS.glob("*/*") if path.is_file() and not path.name.startswith(".")
)

ENDPOINTS = {
    "token": gateway(),
    "file": gateway(file=TOKEN_FILE),
    "helper": gateway(command=COMMAND, file=TOKEN_FILE),
    "chat": gateway(CHAT_ONLY, pinned=True),
    "claude": gateway(CLAUDE),
}


@pytest.fixture(params=FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    """A copy of one file of the corpus."""
    source: Path = request.param
    file = tmp_path / source.name
    file.write_bytes(source.read_bytes())
    form = TOML if file.suffix == ".toml" else JSON
    return Target(source.parent.name, "user", file, form)


def set_up(target: Target, endpoint: str, *, default: bool = False) -> SetupPlan:
    client: Client = CLIENTS[target.client]
    return change.apply_setup(
        target,
        lambda tree: client.wishes(ENDPOINTS[endpoint], tree, default=default),
        endpoint,
    )


def values(form: TextFormat, text: str) -> dict[MemberPath, Value]:
    return {path: value for path, value in leaves((), form.read(text)) if value != {}}


@pytest.mark.parametrize("default", [False, True])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_only_our_values_differ_and_undo_restores_the_bytes(
    target: Target, endpoint: str, default: bool
) -> None:
    before = target.file.read_bytes()
    plan = set_up(target, endpoint, default=default)
    text = target.file.read_bytes().decode()
    edited = {edit.path for edit in plan.edits}
    old, new = values(target.form, before.decode()), values(target.form, text)
    assert {
        path for path in old.keys() | new.keys() if not same(old.get(path), new.get(path))
    } == edited
    assert_lines_kept(before.decode(), text, edited)
    assert set_up(target, endpoint, default=default).is_empty
    change.apply_undo(target)
    assert target.file.read_bytes() == before


def assert_lines_kept(before: str, after: str, edited: set[MemberPath]) -> None:
    """A line that is not as before speaks of something that was edited, or got a comma."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    keys = {key for path in edited for key in path}
    for line in difflib.ndiff(old, new):
        if line.startswith("- "):
            was = line[2:]
            grew = any(was.rstrip("\r\n}] ") in line for line in new)
            with_comma = any(was.replace(" //", ", //").rstrip() in line for line in new)
            assert grew or with_comma or any(key in was for key in keys), was


@pytest.mark.parametrize("endpoint", ["token", "helper"])
def test_undo_keeps_what_the_user_did_since(target: Target, endpoint: str) -> None:
    before = target.file.read_bytes().decode()
    set_up(target, endpoint)
    for key in ("addedByUser", "theme"):
        text = target.file.read_bytes().decode()
        target.file.write_bytes(target.form.assign(text, (key,), "mine").encode())
    change.apply_undo(target)
    after: Tree = target.form.read(target.file.read_bytes().decode())
    assert same(after, {**target.form.read(before), "addedByUser": "mine", "theme": "mine"})


def test_a_switch_between_profiles_is_undone_at_once(target: Target) -> None:
    before = target.file.read_bytes()
    for endpoint in ENDPOINTS:
        set_up(target, endpoint)
    direct = target.file.read_bytes()
    change.apply_undo(target)
    assert target.file.read_bytes() == before
    set_up(target, list(ENDPOINTS)[-1])
    assert same(
        target.form.read(target.file.read_bytes().decode()), target.form.read(direct.decode())
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_setup_whose_record_is_lost_is_known_by_what_it_wrote(
    target: Target, endpoint: str
) -> None:
    client: Client = CLIENTS[target.client]
    target = replace(target, traces=client.traces)
    before = values(target.form, target.file.read_bytes().decode())
    set_up(target, endpoint)
    shutil.rmtree(paths.state_dir())
    set_up(target, "token")
    change.apply_undo(target)
    # Nothing says that a file with nothing else in it was there before us.
    after = target.file.read_bytes().decode() if target.file.exists() else ""
    assert values(target.form, after).items() <= before.items()
    assert client.traces(target.form.read(after)) == client.traces(target.form.read("")) == []


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("before", [None, "", "{}\n", "// nothing yet\n", "\ufeff"])
def test_what_a_first_setup_made_is_left_by_a_second(
    tmp_path: Path, name: str, before: str | None
) -> None:
    form = TOML if name == "codex" else JSON
    if form is TOML and before:
        before = before.replace("//", "#").replace("{}", "")
    target = Target(name, "user", tmp_path / "settings", form, CLIENTS[name].traces)
    if before is not None:
        target.file.write_bytes(before.encode())
    set_up(target, "token")
    assert set_up(target, "token").is_empty
    change.apply_undo(target)
    assert (target.file.read_bytes().decode() if target.file.exists() else None) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("codex", '[model_providers.gwproxy]\nname = "mine"\n'),
        ("codex", '[model_providers.gwproxy]\nbase_url = "https://gwproxy.example/v1"\n'),
        ("opencode", '{"provider": {"gwproxy": {"name": "mine"}}}'),
        ("openclaw", '{models: {providers: {gwproxy: {baseUrl: "http://127.0.0.1:8000"}}}}'),
    ],
)
def test_an_entry_of_our_name_is_not_ours_without_our_address(name: str, text: str) -> None:
    form = TOML if name == "codex" else JSON
    assert CLIENTS[name].traces(form.read(text)) == []


HERE = "http://127.0.0.1:4979"


@pytest.mark.parametrize(
    ("name", "text", "added"),
    [
        (
            "codex",
            f'[model_providers.gwproxy]\nbase_url = "{HERE}/v1"\n',
            "stream_max_retries = 3\n",
        ),
        (
            "opencode",
            f'{{provider: {{gwproxy: {{options: {{baseURL: "{HERE}/v1"}}}}}}}}',
            ", timeout: 3",
        ),
        ("openclaw", f'{{models: {{providers: {{gwproxy: {{baseUrl: "{HERE}"}}}}}}}}', ", x: 3"),
    ],
)
def test_an_entry_to_which_somebody_added_something_is_theirs(
    name: str, text: str, added: str
) -> None:
    form = TOML if name == "codex" else JSON
    assert CLIENTS[name].traces(form.read(text))
    behind = len(text.rstrip("}"))
    assert CLIENTS[name].traces(form.read(text[:behind] + added + text[behind:])) == []


def test_a_huge_file_is_edited_in_the_same_way(tmp_path: Path) -> None:
    rules = [f"Bash(make target-{number}:*)" for number in range(60_000)]
    file = tmp_path / "settings.json"
    before = '{\n  "permissions": {\n    "allow": [\n'
    before += ",\n".join(f'      "{rule}"' for rule in rules) + "\n    ]\n  }\n}\n"
    file.write_text(before)
    target = Target("claude-code", "user", file, JSON)
    set_up(target, "token")
    assert file.read_text().startswith(before.removesuffix("\n}\n"))
    change.apply_undo(target)
    assert file.read_text() == before
