"""Claude Code: what its settings must say to use an endpoint, and what could outrank them.

Pure. Settings: https://code.claude.com/docs/en/settings, variables: …/env-vars, gateways:
…/llm-gateway and …/llm-gateway-protocol. Everything goes into the `env` block of settings.json,
because that block outranks the variables of the shell and also reaches background agents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gwproxy.clients import web_proxy
from gwproxy.clients.document import ABSENT, MemberPath, Tree, Uneditable, lookup
from gwproxy.clients.endpoint import PATIENCE_BEYOND_OURS_S, ToolEndpoint, is_gateway
from gwproxy.clients.jsontext import JSON, STRICT_JSON
from gwproxy.clients.launch import RUN_SCOPE, Launch, replaced_option
from gwproxy.clients.plan import FileReading, Places, SetupWish, Target, outranking, plan_setup
from gwproxy.errors import ConfigError
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import quirk_values
from gwproxy.translate.dialect_facts import BEARER, X_API_KEY, Dialect

NAME: Final = "claude-code"
TITLE: Final = "Claude Code"
PROGRAM: Final = "claude"
SCOPES: Final = ("user", "project", "local")  # from the weakest to the strongest

# Seen with 2.1.330 and 2.1.332: one comment, and the file is as if it were not there.
READING: Final = FileReading(
    TITLE,
    STRICT_JSON,
    "JSON without comments and trailing commas",
    "otherwise goes on without the whole file, straight to Anthropic",
)

# Claude Code's own limits: below the first it shows an error, above the second it cuts.
_STREAM_IDLE_MS: Final = (300_000, 1_800_000)
_SMALLEST_COMPACT_WINDOW: Final = 100_000

# What Claude Code allows itself for a model whose name it does not know.
_OUTPUT_OF_UNKNOWN_MODELS: Final = 32_000

_OUR_HELPER: Final = re.compile(r"\bgwproxy(?:\.exe)?['\"]? token$")

_CHECKS_ITSELF: Final = (
    "Claude Code checks them by requests of its own, which are billed (and refuses them where "
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC is set)"
)

_TIERS: Final = ("opus", "sonnet", "haiku", "fable")

# All that `environment` may say, but for NO_PROXY, which others write as well.
VARIABLES: Final = (
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_MODEL",
    *(f"ANTHROPIC_DEFAULT_{tier.upper()}_MODEL" for tier in _TIERS),
    "ANTHROPIC_SMALL_FAST_MODEL",
    "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY",
    "API_TIMEOUT_MS",
    "CLAUDE_STREAM_IDLE_TIMEOUT_MS",
    "CLAUDE_CODE_MAX_CONTEXT_TOKENS",
    "CLAUDE_CODE_AUTO_COMPACT_WINDOW",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
    "CLAUDE_CODE_ATTRIBUTION_HEADER",
    "ENABLE_TOOL_SEARCH",
    "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS",
    "ANTHROPIC_CUSTOM_HEADERS",
)

# Where an administrator's settings are, which outrank everybody's.
_MANAGED: Final = {
    "linux": Path("/etc/claude-code"),
    "darwin": Path("/Library/Application Support/ClaudeCode"),
    "win32": Path("C:/Program Files/ClaudeCode"),
}

_OTHER_PROVIDERS: Final = (
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
)


def target(scope: str, places: Places) -> Target:
    """The settings file of a scope."""
    moved = places.environ.get("CLAUDE_CONFIG_DIR")
    files = {
        "user": (places.project / moved if moved else places.home / ".claude") / "settings.json",
        "project": places.project / ".claude" / "settings.json",
        "local": places.project / ".claude" / "settings.local.json",
    }
    return Target(NAME, scope, files[scope], JSON, traces, READING)


def traces(tree: Tree) -> list[MemberPath]:
    """What gwproxy alone writes: with its address all that goes with it, and its helper."""
    env = lookup(tree, ("env",))
    found: list[MemberPath] = []
    if isinstance(env, dict) and is_gateway(env.get("ANTHROPIC_BASE_URL")):
        found = [("env", name) for name in VARIABLES if name in env]
    helper = lookup(tree, ("apiKeyHelper",))
    if isinstance(helper, str) and _OUR_HELPER.search(helper):
        found.append(("apiKeyHelper",))
    return found


def wishes(endpoint: ToolEndpoint, tree: Tree, *, default: bool) -> list[SetupWish]:
    """What settings.json should say. Raises ConfigError for an endpoint that cannot be used.

    `tree` and `default` change nothing here: Claude Code has one endpoint, for every model.
    """
    result = [
        SetupWish(("env", name), value, secret=value == endpoint.secret.reveal())
        for name, value in environment(endpoint).items()
    ]
    if endpoint.token_command:
        result.append(SetupWish(("apiKeyHelper",), endpoint.token_command.line))
    else:
        # Its output would be sent along as x-api-key: somebody's key to somebody else's server.
        result.append(SetupWish(("apiKeyHelper",), ABSENT))
    return result


def beneath(scope: str, places: Places) -> Tree:
    """Nothing: no default of theirs is taken the place of."""
    return {}


def environment(endpoint: ToolEndpoint) -> dict[str, str]:
    """The variables, in the order in which a person wants to read them."""
    return {
        **_address_and_secret(endpoint),
        **dict.fromkeys(web_proxy.NO_PROXY if endpoint.no_proxy else (), endpoint.no_proxy),
        **_models(endpoint),
        **_limits(endpoint),
        **_quirks(endpoint),
    }


def remarks(scope: str, mine: Iterable[SetupWish], places: Places) -> list[str]:
    """What would outrank these settings: stronger settings files, and switches that lead elsewhere.

    A scope that is none of ours stands for the environment, which every settings file outranks.
    """
    files = settings_files(places)
    if scope == RUN_SCOPE:
        stronger = managed_files(places)
    elif scope in SCOPES:
        # In the home folder the project's file and the user's are one.
        own = target(scope, places).file
        stronger = [file for file in files[SCOPES.index(scope) + 1 :] if file != own]
    else:
        stronger = files
    return outranking(STRICT_JSON, stronger, list(mine), places) + _leading_elsewhere(files, places)


def settings_files(places: Places) -> list[Path]:
    """All that Claude Code reads in this project, from the weakest to the strongest."""
    return [*(target(scope, places).file for scope in SCOPES), *managed_files(places)]


def managed_files(places: Places) -> list[Path]:
    """The administrator's settings, from the weakest to the strongest."""
    managed = _MANAGED.get(places.platform, _MANAGED["linux"])
    return [managed / "managed-settings.json", *places.entries(managed / "managed-settings.d")]


def start(endpoint: ToolEndpoint, kept: Sequence[MemberPath]) -> str:
    """How to use it now."""
    return PROGRAM


def notes(profile: Profile) -> list[str]:
    """What auto mode does: it asks whoever answers to judge tool calls, and takes no for an answer.

    Measured with 2.1.330 and 2.1.332: after a 400 that names `safeguards` it judges by requests of
    its own, and runs nothing where those get 429, 500, no JSON, no words or words that are no
    verdict. A verdict `unavailable` for a call has it run nothing and judge nothing either, so the
    400 serves better. CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC takes its own requests away: then it
    refuses what needs a verdict.
    """
    quirks, name = quirk_values(profile), profile.name
    relayed = Dialect.ANTHROPIC in profile.dialects and not quirks["rebuild"]
    if not relayed or quirks["leaked_tools"] or quirks["safeguards"] is False:
        return [f"auto mode: {name} judges no tool calls; {_CHECKS_ITSELF}"]
    if quirks["safeguards"]:
        return [f"auto mode: {name} judges the tool calls"]
    return [f"auto mode: {name} is asked to judge tool calls; if it refuses, {_CHECKS_ITSELF}"]


def launch(
    endpoint: ToolEndpoint, arguments: Sequence[str], places: Places, scratch: Path
) -> Launch:
    """A start by a settings file of its own (`--settings`), above those of user and project.

    The environment alone would not do: the `env` block of any settings file outranks it. A
    `--settings` among the arguments is taken into that file.
    """
    overlay = Target(NAME, "run", scratch / "settings.json", JSON)
    given, new = replaced_option(arguments, "--settings", str(overlay.file))
    if given is None:
        new = ("--settings", str(overlay.file), *arguments)
    # The argument is a file or, in braces, the document itself.
    is_document = given is not None and given.lstrip().startswith("{")
    text = given if is_document or given is None else places.read(places.project / given)
    if given is not None and text is None:
        raise ConfigError(f"cannot read {given}", why="it was given to claude as --settings")
    try:
        STRICT_JSON.read(text or "")
        document = plan_setup(overlay, text, wishes(endpoint, {}, default=True)).after or ""
    except Uneditable as error:
        raise ConfigError(
            "claude does not read what --settings gives it",
            why=f"line {error.line}, column {error.column}: {error.reason}; it takes "
            f"{READING.takes}",
        ) from None
    return Launch(new, environment(endpoint), {overlay.file: document})


def _leading_elsewhere(files: Iterable[Path], places: Places) -> list[str]:
    """Switches for another way to Claude, which count more than any address."""
    found = {name: (places.environ.get(name, ""), "your shell") for name in _OTHER_PROVIDERS}
    for file in files:
        try:
            block = lookup(STRICT_JSON.read(places.read(file) or ""), ("env",))
        except Uneditable:
            continue
        if isinstance(block, dict):
            found |= {name: (str(block[name]), str(file)) for name in found if name in block}
    return [
        f"{name} is set in {where}: Claude Code goes there and not to gwproxy; unset it"
        for name, (value, where) in found.items()
        if value.lower() not in ("", "0", "false", "no", "off")
    ]


def _address_and_secret(endpoint: ToolEndpoint) -> dict[str, str]:
    # Without /v1: Claude Code adds it, and .../v1/v1/messages is a 404.
    variables = {"ANTHROPIC_BASE_URL": endpoint.base_for(Dialect.ANTHROPIC, "Claude Code")}
    key = endpoint.secret.reveal()
    # One credential only. An empty value takes away what the shell exports: a real Anthropic key
    # would be sent along to the endpoint, and the first start would stop to ask about it.
    if endpoint.token_command:
        return {**variables, "ANTHROPIC_AUTH_TOKEN": "", "ANTHROPIC_API_KEY": ""}
    auth = endpoint.profile.auth_for(Dialect.ANTHROPIC) if endpoint.direct else BEARER
    if auth == BEARER:
        return {**variables, "ANTHROPIC_AUTH_TOKEN": key, "ANTHROPIC_API_KEY": ""}
    if auth == X_API_KEY:
        return {**variables, "ANTHROPIC_AUTH_TOKEN": "", "ANTHROPIC_API_KEY": key}
    raise ConfigError(
        f"Claude Code cannot talk to {endpoint.profile.name!r} directly",
        why=f"the provider wants its key in the header {auth}, which Claude Code does not send",
        hint="leave out --direct: the gateway sends it",
    )


def _models(endpoint: ToolEndpoint) -> dict[str, str]:
    profile = endpoint.profile
    variables = {"ANTHROPIC_MODEL": profile.model}
    for tier in _TIERS:
        # Unset, a subagent that asks for "haiku" sends claude-haiku-5-5 to the endpoint. Real
        # Claude has such a model; for others the profile's own takes every tier.
        named = next((model for model in profile.all_models if tier in model), None)
        model = named or (None if endpoint.is_claude else profile.model)
        if model:
            variables[f"ANTHROPIC_DEFAULT_{tier.upper()}_MODEL"] = model
    if "ANTHROPIC_DEFAULT_HAIKU_MODEL" in variables:
        # The old name of the same thing; many guides set it, and where it is set it wins.
        variables["ANTHROPIC_SMALL_FAST_MODEL"] = variables["ANTHROPIC_DEFAULT_HAIKU_MODEL"]
    if endpoint.is_claude:
        # /model lists what the endpoint offers; it keeps only ids of Claude, so it does nothing
        # for other models. CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC would cancel it.
        variables["CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY"] = "1"
    # CLAUDE_CODE_SUBAGENT_MODEL is left alone: the tiers above already lead every subagent to a
    # model that exists, and it would overrule the choice an agent's author made.
    return variables


def _limits(endpoint: ToolEndpoint) -> dict[str, str]:
    profile = endpoint.profile
    variables: dict[str, str] = {}
    if endpoint.is_claude:
        return variables  # Claude Code knows the windows and the pace of these
    silence_ms = int(endpoint.silence_s * 1000)
    variables["API_TIMEOUT_MS"] = str(silence_ms + PATIENCE_BEYOND_OURS_S * 1000)
    # A slow model sends nothing but our pings for minutes; Claude Code takes pings alone for
    # about five of them, and for this long after.
    least, most = _STREAM_IDLE_MS
    variables["CLAUDE_STREAM_IDLE_TIMEOUT_MS"] = str(min(max(silence_ms, least), most))
    if window := profile.context_window:
        # The first is what it believes of a model it does not know (200000 otherwise); the
        # second is when it compacts, and works for every name.
        variables["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] = str(window)
        if window >= _SMALLEST_COMPACT_WINDOW:
            variables["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] = str(window)
    if profile.max_output_tokens and profile.max_output_tokens < _OUTPUT_OF_UNKNOWN_MODELS:
        variables["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(profile.max_output_tokens)
    return variables


def _quirks(endpoint: ToolEndpoint) -> dict[str, str]:
    variables: dict[str, str] = {}
    quirks = quirk_values(endpoint.profile)
    if not endpoint.is_claude:
        # The first system block names the session: only Anthropic's own servers take it out,
        # and elsewhere it makes every prompt a new one to the cache.
        variables["CLAUDE_CODE_ATTRIBUTION_HEADER"] = "0"
    if not (quirks["tool_references"] and quirks["tool_extras"]):
        # Deferred tools come back as `tool_reference` blocks, which hardly any upstream but
        # Claude takes (MoonshotAI/Kimi-K2#118): all tools are sent from the start instead.
        variables["ENABLE_TOOL_SEARCH"] = "false"
    if endpoint.direct and not endpoint.is_claude:
        # Nobody stands in between who would take out what third parties refuse.
        variables["CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS"] = "1"
    if endpoint.direct and endpoint.profile.headers:
        lines = [f"{name}: {value}" for name, value in endpoint.profile.headers.items()]
        variables["ANTHROPIC_CUSTOM_HEADERS"] = "\n".join(lines)
    # CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC is left alone: titles, updates and telemetry are
    # the person's business, and nothing here needs them gone.
    return variables
