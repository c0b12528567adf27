"""OpenCode: a provider of our own in opencode.json, and nothing else unless asked.

Pure. Schema: https://opencode.ai/config.json, https://opencode.ai/docs/config and
…/docs/providers. The SDK packages that it names are built in; nothing is downloaded.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gwproxy.clients.document import (
    MemberPath,
    Tree,
    Uneditable,
    Value,
    is_made_of,
    lookup,
    over,
)
from gwproxy.clients.endpoint import ToolEndpoint, is_gateway
from gwproxy.clients.jsontext import JSON, JSON_WITH_COMMENTS
from gwproxy.clients.launch import Launch
from gwproxy.clients.plan import FileReading, Places, SetupWish, Target, outranking, plan_setup
from gwproxy.errors import ConfigError
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import quirk_values
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.registry import FACTS

NAME: Final = "opencode"
TITLE: Final = "OpenCode"
PROGRAM: Final = "opencode"
SCOPES: Final = ("user", "project")

PROVIDER: Final = "gwproxy"
SCHEMA: Final = "https://opencode.ai/config.json"

# Seen with 1.18.33, for every name that the file may have.
READING: Final = FileReading(
    TITLE,
    JSON_WITH_COMMENTS,
    "JSON with comments and trailing commas, and no more of JSON5",
    "otherwise does not start",
)

_ENTRY: Final[MemberPath] = ("provider", PROVIDER)

# All that we write into it, and into its options.
_KEYS: Final = ("npm", "name", "options", "models")
_OPTIONS: Final = ("baseURL", "headers", "apiKey")

# In each folder the second outranks the first; in the user's own, an old name is the weakest.
_FILES: Final = ("opencode.json", "opencode.jsonc")
_OLD_NAME: Final = "config.json"

# Where an administrator's configuration is.
_MANAGED: Final = {
    "linux": Path("/etc/opencode"),
    "darwin": Path("/Library/Application Support/opencode"),
    "win32": Path("C:/ProgramData/opencode"),
}

# Anthropic's dialect carries the most.
_PACKAGES: Final[dict[Dialect, str]] = {
    Dialect.ANTHROPIC: "@ai-sdk/anthropic",
    Dialect.CHAT: "@ai-sdk/openai-compatible",
    Dialect.RESPONSES: "@ai-sdk/openai",
}


def target(scope: str, places: Places) -> Target:
    """The configuration file: the `.jsonc` where the user has one, as OpenCode itself takes it."""
    folder = places.project
    if scope == "user":
        folder = _own_folder(places)
        if named := places.environ.get("OPENCODE_CONFIG"):
            return Target(NAME, scope, places.project / named, JSON, traces, READING)
    plain, with_comments = (folder / name for name in _FILES)
    file = plain if places.read(with_comments) is None else with_comments
    return Target(NAME, scope, file, JSON, traces, READING)


def files(places: Places) -> list[Path]:
    """All that OpenCode reads, the weakest first.

    Seen with 1.18.33: it looks in every folder from the project up to the root of its git work
    tree, without one up to `/`. Of plain files the nearest counts most; of `.opencode` folders,
    which outrank those, the farthest, and the home folder's most.
    """
    environ, here = places.environ, places.project
    found = [_own_folder(places) / _OLD_NAME, *_both(_own_folder(places))]
    if named := environ.get("OPENCODE_CONFIG"):
        found.append(here / named)
    folders = places.down_from(places.work_tree or Path(here.anchor))
    found += [file for folder in folders for file in _both(folder)]
    hidden = [folder / ".opencode" for folder in (*folders[::-1], places.home)]
    found += [file for folder in dict.fromkeys(hidden) for file in _both(folder)]
    if moved := environ.get("OPENCODE_CONFIG_DIR"):
        found += _both(here / moved)
    return [*found, *_managed(places)]


def _own_folder(places: Places) -> Path:
    moved = places.environ.get("XDG_CONFIG_HOME")
    return (places.project / moved if moved else places.home / ".config") / "opencode"


def _managed(places: Places) -> list[Path]:
    return _both(_MANAGED.get(places.platform, _MANAGED["linux"]))


def _both(folder: Path) -> list[Path]:
    return [folder / name for name in _FILES]


def traces(tree: Tree) -> list[MemberPath]:
    """What gwproxy alone writes: its provider, and the choice of its models. A provider to which
    somebody has added something is theirs."""
    options = (*_ENTRY, "options")
    is_ours = is_made_of(lookup(tree, _ENTRY), _KEYS) and is_made_of(
        lookup(tree, options), _OPTIONS
    )
    if not (is_ours and is_gateway(lookup(tree, (*options, "baseURL")))):
        return []
    choices: list[MemberPath] = [("model",), ("small_model",)]
    chosen = [place for place in choices if str(lookup(tree, place)).startswith(f"{PROVIDER}/")]
    return [*chosen, _ENTRY]


def wishes(endpoint: ToolEndpoint, tree: Tree, *, default: bool) -> list[SetupWish]:
    """A provider, its models, and (`default`, or where there is none yet) the default models."""
    profile = endpoint.profile
    dialect = endpoint.dialect_among(_PACKAGES)
    base = endpoint.base_for(dialect, TITLE)
    options: dict[str, Value] = {
        # Always with /v1: the packages add only what comes behind it.
        "baseURL": f"{base}/v1" if FACTS[dialect].path.startswith("/v1/") else base,
    }
    if endpoint.direct and profile.headers:
        options["headers"] = dict(profile.headers)
    key, is_secret = _key(endpoint, dialect)
    provider: dict[str, Value] = {
        "npm": _PACKAGES[dialect],
        "name": "gwproxy" if not endpoint.direct else f"{profile.name} (gwproxy)",
        "options": options,
        "models": {model: _model(endpoint, model) for model in profile.all_models},
    }
    reference = f"{PROVIDER}/{profile.model}"
    group = "" if default else "default model"
    schema: MemberPath = ("$schema",)
    return [
        # What a first setup has written, a second one must not take away.
        *([SetupWish(schema, SCHEMA)] if not tree or lookup(tree, schema) == SCHEMA else []),
        SetupWish(("model",), reference, yielding=group),
        # Titles go to it; unset, OpenCode looks for a small model of another provider.
        SetupWish(("small_model",), reference, yielding=group),
        SetupWish(_ENTRY, provider),
        SetupWish((*_ENTRY, "options", "apiKey"), key, secret=is_secret),
    ]


def beneath(scope: str, places: Places) -> Tree:
    """What weaker files say, merged: a default model of theirs would be replaced by ours."""
    every = files(places)
    tree: Tree = {}
    for file in every[: every.index(target(scope, places).file)]:
        with contextlib.suppress(Uneditable):
            tree = over(tree, READING.form.read(places.read(file) or ""))
    return tree


def environment(endpoint: ToolEndpoint) -> dict[str, str]:
    """The whole configuration in the one variable that OpenCode reads it from."""
    empty = Target(NAME, "", Path(), JSON)
    document = plan_setup(empty, None, wishes(endpoint, {}, default=True)).after
    return {"OPENCODE_CONFIG_CONTENT": json.dumps(JSON.read(document or ""))}


def remarks(scope: str, mine: Iterable[SetupWish], places: Places) -> list[str]:
    """What would outrank these settings: stronger files, and an inline configuration.

    A scope that is none of ours stands for the inline configuration, below an administrator's.
    """
    if scope not in SCOPES:
        return outranking(READING.form, _managed(places), list(mine), places)
    found_in = files(places)
    stronger = found_in[found_in.index(target(scope, places).file) + 1 :]
    found = outranking(READING.form, stronger, list(mine), places)
    if places.environ.get("OPENCODE_CONFIG_CONTENT"):
        found.append(
            "OPENCODE_CONFIG_CONTENT is set in your shell and outranks what is written here"
        )
    return found


def start(endpoint: ToolEndpoint, kept: Sequence[MemberPath]) -> str:
    """How to use it now."""
    return f"opencode -m {PROVIDER}/{endpoint.profile.model}" if kept else PROGRAM


def notes(profile: Profile) -> list[str]:
    """Nothing that differs by profile."""
    return []


def launch(
    endpoint: ToolEndpoint, arguments: Sequence[str], places: Places, scratch: Path
) -> Launch:
    """A start by the inline configuration, which outranks every file."""
    return Launch(tuple(arguments), environment(endpoint))


def dialect_of(package: str) -> Dialect:
    """What OpenCode speaks through an SDK package; left out, it is Chat."""
    return next((dialect for dialect, name in _PACKAGES.items() if name == package), Dialect.CHAT)


def _model(endpoint: ToolEndpoint, model: str) -> dict[str, Value]:
    profile, quirks = endpoint.profile, quirk_values(endpoint.profile, model)
    inputs = ["text", "image"] if quirks["vision"] else ["text"]
    entry: dict[str, Value] = {
        "name": model,
        "tool_call": True,
        "reasoning": quirks["thinking_switch"] != "none",
        "attachment": quirks["vision"],
        "modalities": {"input": inputs, "output": ["text"]},
    }
    if profile.context_window and profile.max_output_tokens:
        entry["limit"] = {"context": profile.context_window, "output": profile.max_output_tokens}
    return entry


def _key(endpoint: ToolEndpoint, dialect: Dialect) -> tuple[str, bool]:
    if endpoint.token_file:
        return f"{{file:{endpoint.token_file}}}", False
    if endpoint.token_command:
        raise ConfigError(
            "OpenCode cannot run a command for the token",
            why="and a token from the environment is in no file that it could read instead",
            hint="unset GWPROXY_TOKEN, or leave out --helper",
        )
    return endpoint.key_for(dialect, TITLE), True
