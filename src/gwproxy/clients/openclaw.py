"""OpenClaw: a provider of our own in openclaw.json, and nothing else unless asked.

Pure. Schema: `openclaw config schema`, https://docs.openclaw.ai/gateway/configuration and
…/gateway/secrets. The provider has an id of its own, with `api` and `baseUrl` spelled out: an
entry under a known id, or without them, is sent to that vendor's own host with our credential
(openclaw/openclaw#23332). All objects are closed: one unknown key and OpenClaw does not start.

Claude Code, when OpenClaw runs it, reads its own settings; `gwproxy setup claude-code` is for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gwproxy.clients.document import (
    ABSENT,
    MemberPath,
    Tree,
    Uneditable,
    Value,
    is_made_of,
    lookup,
    pointer,
)
from gwproxy.clients.endpoint import PATIENCE_BEYOND_OURS_S, ToolEndpoint, is_gateway
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.launch import Launch, replaced_option
from gwproxy.clients.plan import Places, SetupWish, Target, plan_setup
from gwproxy.errors import ConfigError, UsageError
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import quirk_values
from gwproxy.translate.dialect_facts import Dialect

NAME: Final = "openclaw"
TITLE: Final = "OpenClaw"
PROGRAM: Final = "openclaw"
SCOPES: Final = ("user",)

PROVIDER: Final = "gwproxy"

# Anthropic's dialect carries the most.
_APIS: Final[dict[Dialect, str]] = {
    Dialect.ANTHROPIC: "anthropic-messages",
    Dialect.CHAT: "openai-completions",
    Dialect.RESPONSES: "openai-responses",
}

# The environment in which `gwproxy token` finds its file; OpenClaw passes on only what is named.
_NEEDED_VARIABLES: Final = (
    "HOME",
    "XDG_STATE_HOME",
    "LOCALAPPDATA",
    "USERPROFILE",
    "GWPROXY_TOKEN",
)

_ENTRY: Final[MemberPath] = ("models", "providers", PROVIDER)
_SOURCE: Final[MemberPath] = ("secrets", "providers", PROVIDER)

# Its members come from another file, and those that stand beside it go on top.
# https://docs.openclaw.ai/gateway/config-secrets-env
_INCLUDE: Final = "$include"

# All that we write into the entry.
_KEYS: Final = ("baseUrl", "api", "timeoutSeconds", "models", "headers", "apiKey")

_KNOWN_MODELS: Final[MemberPath] = ("agents", "defaults", "models")
_POLICY: Final[MemberPath] = ("agents", "defaults", "modelPolicy", "allow")
_AGENTS: Final[MemberPath] = ("agents", "entries")
_DEFAULT_MODEL: Final[MemberPath] = ("agents", "defaults", "model")


def target(scope: str, places: Places) -> Target:
    """The configuration file, wherever OpenClaw's own variables have moved it."""
    environ, here = places.environ, places.project
    home = here / environ["OPENCLAW_HOME"] if environ.get("OPENCLAW_HOME") else places.home
    profile = environ.get("OPENCLAW_PROFILE") or "default"
    state = home / (".openclaw" if profile == "default" else f".openclaw-{profile}")
    if environ.get("OPENCLAW_STATE_DIR"):
        state = here / environ["OPENCLAW_STATE_DIR"]
    named = environ.get("OPENCLAW_CONFIG_PATH")
    return Target(NAME, scope, here / named if named else state / "openclaw.json", JSON, traces)


def traces(tree: Tree) -> list[MemberPath]:
    """What gwproxy alone writes: its provider, its secret, and the choice of its models. A
    provider to which somebody has added something is theirs."""
    is_ours = is_made_of(lookup(tree, _ENTRY), _KEYS)
    if not (is_ours and is_gateway(lookup(tree, (*_ENTRY, "baseUrl")))):
        return []
    choices: list[MemberPath] = [_DEFAULT_MODEL, (*_DEFAULT_MODEL, "primary")]
    found = [place for place in choices if str(lookup(tree, place)).startswith(f"{PROVIDER}/")]
    listed = lookup(tree, _KNOWN_MODELS)
    if isinstance(listed, dict):
        found += [(*_KNOWN_MODELS, name) for name in listed if name.startswith(f"{PROVIDER}/")]
    source = [] if lookup(tree, _SOURCE) is ABSENT else [_SOURCE]
    return [*found, *source, _ENTRY]


def wishes(endpoint: ToolEndpoint, tree: Tree, *, default: bool) -> list[SetupWish]:
    """A provider, its models, and (`default`, or where there is none yet) the default model."""
    profile = endpoint.profile
    dialect = endpoint.dialect_among(_APIS)
    secret = endpoint.token_file is None and endpoint.token_command is None
    provider: dict[str, Value] = {
        # With /v1 for the OpenAI dialects, without for Anthropic's.
        "baseUrl": endpoint.base_for(dialect, TITLE),
        "api": _APIS[dialect],
        # Of connect, headers and body together.
        "timeoutSeconds": int(endpoint.silence_s) + PATIENCE_BEYOND_OURS_S,
        "models": [_model(endpoint, model) for model in profile.all_models],
    }
    if endpoint.direct and profile.headers:
        provider["headers"] = dict(profile.headers)
    result = [
        SetupWish(_ENTRY, provider),
        SetupWish((*_ENTRY, "apiKey"), _key(endpoint), secret=secret),
    ]
    if source := _secret_source(endpoint):
        result.append(SetupWish(_SOURCE, source))
    reference = f"{PROVIDER}/{profile.model}"
    place: MemberPath = (*_DEFAULT_MODEL, "primary")
    if isinstance(lookup(tree, _DEFAULT_MODEL), str):
        place = _DEFAULT_MODEL  # the short form: one model and no fallbacks
    group = "" if default else "default model"
    elsewhere = any(
        lookup(tree, (*place[:depth], _INCLUDE)) is not ABSENT for depth in range(len(place))
    )
    result.append(SetupWish(place, reference, yielding=group, elsewhere=elsewhere))
    return result + _permissions(endpoint, tree)


def beneath(scope: str, places: Places) -> Tree:
    """Nothing: no default of theirs is taken the place of."""
    return {}


def environment(endpoint: ToolEndpoint) -> dict[str, str]:
    """Raises UsageError: OpenClaw takes no provider from its environment."""
    raise UsageError(
        "OpenClaw cannot be configured by environment variables",
        hint="gwproxy setup openclaw --print shows what belongs into openclaw.json",
    )


def remarks(scope: str, mine: Iterable[SetupWish], places: Places) -> list[str]:
    """What would get in the way of these settings: a policy that leaves our models out, and
    agents with a model of their own."""
    file = target(scope, places).file
    try:
        tree = JSON.read(places.read(file) or "")
    except Uneditable:
        return []
    found = [
        f"{pointer((*_AGENTS, name))} in {file} has a model of its own, {model}, which outranks "
        "the default: that agent does not come to gwproxy"
        for name, model in models_of_agents(tree).items()
    ]
    return found + _left_out(lookup(tree, _POLICY), file)


def models_of_agents(tree: Tree) -> dict[str, str]:
    """The agents that are told a model of another provider, with it (seen with 2026.9.6)."""
    entries = lookup(tree, _AGENTS)
    models: dict[str, str] = {}
    for name in entries if isinstance(entries, dict) else ():
        model = lookup(entries, (name, "model"))
        if isinstance(model, dict):
            model = model.get("primary", ABSENT)
        if isinstance(model, str) and not model.startswith(f"{PROVIDER}/"):
            models[name] = model
    return models


def _left_out(allowed: Value, file: Path) -> list[str]:
    if not isinstance(allowed, list) or not allowed or f"{PROVIDER}/*" in allowed:
        return []
    return [f'{pointer(_POLICY)} in {file} keeps gwproxy\'s models out: add "{PROVIDER}/*" to it']


def start(endpoint: ToolEndpoint, kept: Sequence[MemberPath]) -> str:
    """How to use it now."""
    if kept:
        return f"openclaw agent --model {PROVIDER}/{endpoint.profile.model}"
    return "openclaw agent"


def notes(profile: Profile) -> list[str]:
    """Nothing that differs by profile."""
    return []


def launch(
    endpoint: ToolEndpoint, arguments: Sequence[str], places: Places, scratch: Path
) -> Launch:
    """A start by a private copy of the configuration; what OpenClaw writes into it is not kept.

    One of several files is included instead: a copy elsewhere would not find the others. Raises
    ConfigError.
    """
    copy = Target(NAME, "run", scratch / "openclaw.json", JSON)
    given, new = replaced_option(arguments, "--config", str(copy.file))
    own = places.project / given if given else target("user", places).file
    text = places.read(own)
    environ = {"OPENCLAW_CONFIG_PATH": str(copy.file)}
    try:
        tree = JSON.read(text or "")
        mine = wishes(endpoint, tree, default=True)
        if includes(tree):
            roots = places.environ.get("OPENCLAW_INCLUDE_ROOTS", "")
            separator = ";" if places.platform == "win32" else ":"
            environ["OPENCLAW_INCLUDE_ROOTS"] = separator.join(
                filter(None, (roots, str(own.parent)))
            )
            text, mine = None, [SetupWish((_INCLUDE,), str(own)), *mine]
        plan = plan_setup(copy, text, mine)
    except Uneditable as error:
        raise ConfigError(f"cannot read {own}", why=str(error)) from None
    return Launch(new, environ, {copy.file: plan.after or ""})


def includes(value: Value) -> bool:
    """Whether some of the configuration is in other files."""
    if isinstance(value, dict):
        return _INCLUDE in value or any(map(includes, value.values()))
    return isinstance(value, list) and any(map(includes, value))


def dialect_of(api: str) -> Dialect:
    """What OpenClaw speaks for an `api`; left out, it is Chat."""
    return next((dialect for dialect, name in _APIS.items() if name == api), Dialect.CHAT)


def _permissions(endpoint: ToolEndpoint, tree: Tree) -> list[SetupWish]:
    """Entries in `agents.defaults.models`, if there are any: OpenClaw takes these for all that is
    allowed. Where there are none, one of ours would forbid every other model.
    """
    entries = lookup(tree, _KNOWN_MODELS)
    if not isinstance(entries, dict) or not entries:
        return []
    references = [f"{PROVIDER}/{model}" for model in endpoint.profile.all_models]
    alias = SetupWish(
        (*_KNOWN_MODELS, references[0], "alias"), endpoint.profile.name, yielding="alias"
    )
    return [*(SetupWish((*_KNOWN_MODELS, reference), {}) for reference in references), alias]


def _model(endpoint: ToolEndpoint, model: str) -> dict[str, Value]:
    profile, quirks = endpoint.profile, quirk_values(endpoint.profile, model)
    entry: dict[str, Value] = {
        "id": model,
        "name": model,
        # Without it OpenClaw drops the model's thinking from the history, and an upstream that
        # wants it back answers 400.
        "reasoning": quirks["thinking_switch"] != "none",
        "input": ["text", "image"] if quirks["vision"] else ["text"],
    }
    if profile.context_window:
        entry["contextWindow"] = profile.context_window
    if profile.max_output_tokens:
        entry["maxTokens"] = profile.max_output_tokens
    return entry


def _key(endpoint: ToolEndpoint) -> Value:
    if endpoint.token_command:
        return {"source": "exec", "provider": PROVIDER, "id": "token"}
    if endpoint.token_file:
        return {"source": "file", "provider": PROVIDER, "id": "value"}
    key = endpoint.key_for(endpoint.dialect_among(_APIS), TITLE)
    # "$${" is OpenClaw's escape: a key must not be taken for a variable.
    return key.replace("${", "$${")


def _secret_source(endpoint: ToolEndpoint) -> dict[str, Value] | None:
    if endpoint.token_command:
        command, *arguments = endpoint.token_command.words
        return {
            "source": "exec",
            "command": command,
            "args": arguments,
            "env": dict(endpoint.token_command.environ),
            "passEnv": list(_NEEDED_VARIABLES),
            "jsonOnly": False,
        }
    if endpoint.token_file:
        return {"source": "file", "path": str(endpoint.token_file), "mode": "singleValue"}
    return None
