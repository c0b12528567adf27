"""Codex: a model provider of our own in config.toml, and nothing else unless asked.

Pure. Reference: https://developers.openai.com/codex/config-reference. Codex speaks only the
Responses dialect (`wire_api = "chat"` stops it at start), and a project's own config.toml may
not name a provider, so there is one scope.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gwproxy.clients import codex_models
from gwproxy.clients.document import ABSENT, MemberPath, Tree, Value, is_made_of, lookup
from gwproxy.clients.endpoint import PATIENCE_BEYOND_OURS_S, ToolEndpoint, is_gateway
from gwproxy.clients.launch import Launch
from gwproxy.clients.plan import FileBeside, Places, SetupWish, Target, outranking
from gwproxy.clients.tomltext import TOML
from gwproxy.errors import UsageError
from gwproxy.profiles.profile import Profile
from gwproxy.translate.dialect_facts import BEARER, Dialect

NAME: Final = "codex"
TITLE: Final = "Codex"
PROGRAM: Final = "codex"
SCOPES: Final = ("user",)

PROVIDER: Final = "gwproxy"

_TABLE: Final[MemberPath] = ("model_providers", PROVIDER)
_MODELS: Final[MemberPath] = (codex_models.KEY,)

MANAGED: Final = Path("/etc/codex/managed_config.toml")

# All that we write into it.
_KEYS: Final = (
    "name",
    "base_url",
    "wire_api",
    "stream_idle_timeout_ms",
    "experimental_bearer_token",
    "auth",
    "http_headers",
)

# Written by hand for an earlier server: they come before the token, or stop Codex at its start
# ("provider auth cannot be combined with env_key", seen with 0.169.0).
_OTHER_CREDENTIALS: Final = ("env_key", "requires_openai_auth")

_RUN_PROVIDER: Final = "gwproxy-run"
_RUN_VARIABLE: Final = "GWPROXY_RUN_TOKEN"

# Reading a file and printing it takes a fraction of a second, on a busy machine a few.
_COMMAND_TIMEOUT_MS: Final = 10_000
_COMMAND_REFRESH_MS: Final = 300_000


def target(scope: str, places: Places) -> Target:
    """The user's config.toml."""
    moved = places.environ.get("CODEX_HOME")
    folder = places.project / moved if moved else places.home / ".codex"
    return Target(NAME, scope, folder / "config.toml", TOML, traces)


def traces(tree: Tree) -> list[MemberPath]:
    """What gwproxy alone writes: its provider, and the choice of it with all that goes with it.
    A provider to which somebody has added something is theirs."""
    is_ours = is_made_of(lookup(tree, _TABLE), _KEYS)
    if not (is_ours and is_gateway(lookup(tree, (*_TABLE, "base_url")))):
        return []
    is_chosen = lookup(tree, ("model_provider",)) == PROVIDER
    choice: list[MemberPath] = [("model",), ("model_provider",), ("model_context_window",)]
    if lookup(tree, _MODELS) == codex_models.FILE:
        choice.append(_MODELS)
    chosen = [place for place in choice if is_chosen and lookup(tree, place) is not ABSENT]
    return [*chosen, _TABLE]


def wishes(endpoint: ToolEndpoint, tree: Tree, *, default: bool) -> list[SetupWish]:
    """A provider, and (`default`, or where there is none yet) the model that Codex starts with."""
    profile = endpoint.profile
    group = "" if default else "default model"
    result = [
        # The two go together: the one without the other asks a provider for a foreign model.
        SetupWish(("model",), profile.model, yielding=group),
        SetupWish(("model_provider",), PROVIDER, yielding=group),
    ]
    if profile.context_window:
        # Codex knows the windows of OpenAI's models only.
        result.append(SetupWish(("model_context_window",), profile.context_window, yielding=group))
    return [*result, SetupWish(_TABLE, _provider(endpoint)), *_credential(endpoint)]


def beneath(scope: str, places: Places) -> Tree:
    """Nothing: no default of theirs is taken the place of."""
    return {}


def beside(endpoint: ToolEndpoint, tree: Tree, *, default: bool) -> FileBeside | None:
    """The list of our models, where the provider that Codex starts with is ours, or will be: it
    takes the place of the list of OpenAI's."""
    chosen = lookup(tree, ("model_provider",))
    free = chosen is ABSENT and lookup(tree, ("model",)) is ABSENT
    if not (default or free or chosen == PROVIDER) or not endpoint.tool_prompt:
        return None
    if lookup(tree, _MODELS) not in (ABSENT, codex_models.FILE):
        return None  # somebody's own list, which may have an entry for our model as well
    text = codex_models.text(endpoint.profile, endpoint.tool_prompt)
    return FileBeside(codex_models.FILE, text, SetupWish(_MODELS, codex_models.FILE))


def environment(endpoint: ToolEndpoint) -> dict[str, str]:
    """Raises UsageError: Codex takes no provider from its environment."""
    raise UsageError(
        "Codex cannot be configured by environment variables",
        hint="gwproxy setup codex --print shows what belongs into config.toml",
    )


def remarks(scope: str, mine: Iterable[SetupWish], places: Places) -> list[str]:
    """What would outrank these settings: a trusted project's file, and an administrator's."""
    stronger = [] if places.platform == "win32" else [MANAGED]
    if scope in SCOPES:
        own = target(scope, places).file
        stronger[:0] = [file for file in project_files(places) if file != own]
    return outranking(TOML, stronger, list(mine), places)


def project_files(places: Places) -> list[Path]:
    """Those of a project that is trusted: from the root of its git work tree down to here, the
    nearest last, where it counts most."""
    folders = places.down_from(places.work_tree or places.project)
    return [folder / ".codex" / "config.toml" for folder in folders]


def start(endpoint: ToolEndpoint, kept: Sequence[MemberPath]) -> str:
    """How to use it now."""
    if kept:
        return f"codex -c model_provider={PROVIDER} -m {endpoint.profile.model}"
    return PROGRAM


def notes(profile: Profile) -> list[str]:
    """Nothing that differs by profile."""
    return []


def launch(
    endpoint: ToolEndpoint, arguments: Sequence[str], places: Places, scratch: Path
) -> Launch:
    """A start by overrides on the command line, with the token in a variable that they name.

    The provider has a name of its own: merged with a table from an earlier setup, two
    credentials would stand beside each other, and Codex refuses that.
    """
    profile = endpoint.profile
    table = ("model_providers", _RUN_PROVIDER)
    settings: list[tuple[MemberPath, Value]] = [
        (("model",), profile.model),
        (("model_provider",), _RUN_PROVIDER),
        *((((*table, key), value)) for key, value in _provider(endpoint).items()),
        ((*table, "env_key"), _RUN_VARIABLE),
    ]
    if profile.context_window:
        settings.append((("model_context_window",), profile.context_window))
    listed: dict[Path, str] = {}
    if endpoint.tool_prompt:
        models = scratch / codex_models.FILE
        listed[models] = codex_models.text(profile, endpoint.tool_prompt)
        settings.append((_MODELS, str(models)))
    overrides = [f"{'.'.join(path)}={json.dumps(value)}" for path, value in settings]
    flags = [word for override in overrides for word in ("-c", override)]
    environ = {_RUN_VARIABLE: endpoint.secret.reveal()}
    return Launch((*flags, *arguments), environ, listed)


def _provider(endpoint: ToolEndpoint) -> dict[str, Value]:
    return {
        "name": "gwproxy" if not endpoint.direct else endpoint.profile.name,
        "base_url": endpoint.base_for(Dialect.RESPONSES, TITLE),
        "wire_api": "responses",
        # Codex counts events, and a comment that keeps the line open is none.
        "stream_idle_timeout_ms": int((endpoint.silence_s + PATIENCE_BEYOND_OURS_S) * 1000),
    }


def _credential(endpoint: ToolEndpoint) -> list[SetupWish]:
    token, command, headers = "experimental_bearer_token", "auth", "http_headers"
    others = [SetupWish((*_TABLE, name), ABSENT) for name in _OTHER_CREDENTIALS]
    if endpoint.token_command:
        program, *arguments = endpoint.token_command.with_environ
        value: dict[str, Value] = {
            "command": program,
            "args": arguments,
            "timeout_ms": _COMMAND_TIMEOUT_MS,
            "refresh_interval_ms": _COMMAND_REFRESH_MS,
        }
        # Codex refuses two kinds of credential beside each other.
        return [*others, SetupWish((*_TABLE, token), ABSENT), SetupWish((*_TABLE, command), value)]
    key = endpoint.secret.reveal()
    auth = endpoint.profile.auth_for(Dialect.RESPONSES) if endpoint.direct else BEARER
    extra: dict[str, Value] = dict(endpoint.profile.headers) if endpoint.direct else {}
    result = [*others, SetupWish((*_TABLE, command), ABSENT)]
    if auth == BEARER:
        result.append(SetupWish((*_TABLE, token), key, secret=True))
    else:
        result.append(SetupWish((*_TABLE, headers, auth), key, secret=True))
    return result + [SetupWish((*_TABLE, headers, name), text) for name, text in extra.items()]
