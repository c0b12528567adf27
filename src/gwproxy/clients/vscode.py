"""Claude Code in VS Code: what the editor's settings must say for its extension to use an endpoint.

Pure. The variables are those of `claude_code`; the extension hands them to the Claude Code that it
starts. Its settings: https://code.claude.com/docs/en/vs-code. Without `disableLoginPrompt` it asks
for a login of Anthropic's before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from gwproxy.clients import claude_code
from gwproxy.clients.document import MemberPath, Tree, Uneditable, lookup
from gwproxy.clients.endpoint import ToolEndpoint, is_gateway
from gwproxy.clients.jsonpairs import PAIRS, PAIRS_JSON, PAIRS_WITH_COMMENTS
from gwproxy.clients.launch import Launch
from gwproxy.clients.plan import FileReading, Places, SetupWish, Target
from gwproxy.profiles.profile import Profile

NAME: Final = claude_code.NAME
TITLE: Final = "Claude Code in VS Code"
PROGRAM: Final = "code"
SCOPE: Final = "vscode"
SCOPES: Final = (SCOPE,)

READING: Final = FileReading(
    "VS Code",
    PAIRS_WITH_COMMENTS,
    "JSON with comments and trailing commas",
    "otherwise marks an error and may leave settings out",
)

# What its folder is called, the usual one first.
_EDITIONS: Final = ("Code", "Code - Insiders", "VSCodium")

_NO_LOGIN: Final[MemberPath] = ("claudeCode.disableLoginPrompt",)


def target(scope: str, places: Places) -> Target:
    """The user's settings of the edition that has some; those of the usual one where none has.

    https://code.visualstudio.com/docs/configure/settings (settings file locations)
    """
    every = [_folder(places) / edition / "User" / "settings.json" for edition in _EDITIONS]
    file = next((each for each in every if places.read(each) is not None), every[0])
    return Target(NAME, SCOPE, file, PAIRS_JSON, traces, READING)


def _folder(places: Places) -> Path:
    environ, here = places.environ, places.project
    if places.platform == "darwin":
        return places.home / "Library" / "Application Support"
    if places.platform == "win32":
        moved = environ.get("APPDATA")
        return here / moved if moved else places.home / "AppData" / "Roaming"
    moved = environ.get("XDG_CONFIG_HOME")
    return here / moved if moved else places.home / ".config"


def traces(tree: Tree) -> list[MemberPath]:
    """What gwproxy alone writes: with its address all that goes with it."""
    variables = lookup(tree, (PAIRS,))
    if not (isinstance(variables, dict) and is_gateway(variables.get("ANTHROPIC_BASE_URL"))):
        return []
    return [(PAIRS, name) for name in claude_code.VARIABLES if name in variables]


def wishes(endpoint: ToolEndpoint, tree: Tree, *, default: bool) -> list[SetupWish]:
    """What the settings should say. Raises ConfigError for an endpoint that cannot be used."""
    secret = endpoint.secret.reveal()
    variables = environment(endpoint).items()
    return [
        *(SetupWish((PAIRS, name), value, secret=value == secret) for name, value in variables),
        SetupWish(_NO_LOGIN, True),
    ]


def beneath(scope: str, places: Places) -> Tree:
    """Nothing: no default of theirs is taken the place of."""
    return {}


def environment(endpoint: ToolEndpoint) -> dict[str, str]:
    """Claude Code's variables."""
    return claude_code.environment(endpoint)


def remarks(scope: str, mine: Iterable[SetupWish], places: Places) -> list[str]:
    """What would outrank it: a workspace's own list, and every settings file of Claude Code."""
    mine = list(mine)
    found = []
    workspace = places.project / ".vscode" / "settings.json"
    try:
        listed = lookup(READING.form.read(places.read(workspace) or ""), (PAIRS,))
    except Uneditable:
        listed = None
    if isinstance(listed, dict):
        found.append(f"{workspace} has a list of its own, which counts in place of this one there")
    variables = [replace(wish, path=("env", wish.path[1])) for wish in mine if len(wish.path) > 1]
    if any(wish.secret for wish in mine):
        found.append(
            "Settings Sync, where it is on, takes the token along: name "
            f"{PAIRS} in settingsSync.ignoredSettings"
        )
    return found + claude_code.remarks("environment", variables, places)


def start(endpoint: ToolEndpoint, kept: Sequence[MemberPath]) -> str:
    """How to use it now."""
    return PROGRAM


def notes(profile: Profile) -> list[str]:
    """What Claude Code has to say, and how an open window gets to know."""
    return [
        *claude_code.notes(profile),
        "an open window takes it over after Developer: Reload Window",
    ]


def launch(
    endpoint: ToolEndpoint, arguments: Sequence[str], places: Places, scratch: Path
) -> Launch:
    """The start of Claude Code itself: an editor is started by nobody but the person."""
    return claude_code.launch(endpoint, arguments, places, scratch)
