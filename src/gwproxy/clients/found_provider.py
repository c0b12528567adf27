"""A provider that a tool's settings lead to directly, as a profile of our own could have it.

Pure. Read is what Claude Code's `env` block (or its VS Code extension's list) says: an address and
a static key. A login of Anthropic's is no such key: it is the person's own session, bound to the
tool that made it, and stays there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gwproxy.clients.document import Tree, lookup
from gwproxy.clients.endpoint import is_gateway
from gwproxy.clients.jsonpairs import PAIRS
from gwproxy.errors import ConfigError, CredentialError
from gwproxy.profiles.endpoints import BadUrl, anthropic_base, host_of
from gwproxy.profiles.presets import PRESETS, Preset
from gwproxy.profiles.secret import Secret
from gwproxy.translate.dialect_facts import BEARER, X_API_KEY, Dialect

# Each with the header that it is sent in (https://code.claude.com/docs/en/env-vars).
_KEYS: Final = {"ANTHROPIC_AUTH_TOKEN": BEARER, "ANTHROPIC_API_KEY": X_API_KEY}

# Access and refresh tokens of a login; keys of Anthropic's API begin with sk-ant-api.
_LOGIN: Final = re.compile(r"sk-ant-o[ar]t", re.IGNORECASE)

_MODELS: Final = (
    "ANTHROPIC_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
)

_LIMITS: Final = {
    "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "context_window",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "max_output_tokens",
}

_HEADERS: Final = "ANTHROPIC_CUSTOM_HEADERS"

# config.toml holds no secret, so neither does a header in it.
_SECRET_HEADER: Final = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)

# Labels of a host that say nothing about whose it is.
_COMMON_LABELS: Final = frozenset(("api", "www", "open", "gateway", "com", "ai", "cn", "io", "dev"))


@dataclass(frozen=True, slots=True)
class FoundProvider:
    """`base` is Anthropic's without `/v1`, `auth` the header that the key is sent in; `models` are
    all that are named, the main one first. `left_out` are settings that are not taken along."""

    base: str
    auth: str
    key: Secret
    models: tuple[str, ...] = ()
    headers: Mapping[str, str] | None = None
    limits: Mapping[str, int] | None = None
    left_out: tuple[str, ...] = ()

    @property
    def preset(self) -> Preset:
        """The known provider at this host, or of such a key; `custom` for any other."""
        host = host_of(self.base)
        for preset in PRESETS.values():
            if preset.anthropic_url and host_of(preset.anthropic_url) == host:
                return preset
        named_by_key = PRESETS["claude-gateway"]
        is_its = self.key.reveal().startswith(named_by_key.key_prefix)
        return named_by_key if is_its else PRESETS["custom"]

    @property
    def name(self) -> str:
        """What to call the profile: as its preset, or as the host is called."""
        if self.preset.anthropic_url:
            return self.preset.name
        labels = [label for label in host_of(self.base).split(".") if not label.isdigit()]
        telling = [label for label in labels if label not in _COMMON_LABELS]
        name = re.sub(r"[^a-z0-9-]+", "-", (telling or ["imported"])[0]).strip("-")
        return name or "imported"

    @property
    def record(self) -> dict[str, Any]:
        """What config.toml is to hold of it: what the preset does not say already."""
        preset = self.preset
        record: dict[str, Any] = {"preset": preset.name}
        if self.base != preset.anthropic_url:
            record["anthropic_url"] = self.base
        if preset.auth.get(Dialect.ANTHROPIC) is None:
            record["auth"] = self.auth
        if self.models and self.models[0] != preset.model:
            record["model"] = self.models[0]
        others = [model for model in self.models[1:] if model not in (preset.model, *preset.models)]
        if others:
            record["models"] = others
        for name, limit in (self.limits or {}).items():
            if limit != getattr(preset, name):
                record[name] = limit
        if self.headers:
            record["headers"] = dict(self.headers)
        return record


def variables_of(tree: Tree) -> dict[str, str]:
    """What the settings hand to Claude Code as its environment, without what is empty."""
    block = lookup(tree, ("env",))
    block = block if isinstance(block, dict) else lookup(tree, (PAIRS,))
    members = block.items() if isinstance(block, dict) else ()
    return {name: value for name, value in members if isinstance(value, str) and value.strip()}


def leads_away(tree: Tree) -> bool:
    """Whether the settings name an address that is not ours."""
    base = variables_of(tree).get("ANTHROPIC_BASE_URL")
    return base is not None and not is_gateway(base)


def found_in(tree: Tree) -> FoundProvider:
    """The provider that these settings lead to. Raises ConfigError where there is none that could
    be taken over, CredentialError for a key that is none of ours to have."""
    variables = variables_of(tree)
    address = variables.get("ANTHROPIC_BASE_URL")
    if address is None:
        raise ConfigError(
            "there is no provider to import",
            why="nothing in it sets ANTHROPIC_BASE_URL",
            hint="gwproxy profile add NAME",
        )
    if is_gateway(address):
        raise ConfigError(
            "there is no provider to import",
            why=f"ANTHROPIC_BASE_URL leads to gwproxy already ({address})",
            hint="gwproxy setup claude-code --undo brings back what stood there before",
        )
    try:
        base = anthropic_base(address)
    except BadUrl as error:
        raise ConfigError(f"{address} cannot be imported", why=str(error)) from None
    headers = dict(_headers(variables.get(_HEADERS, "")))
    kept = {name: text for name, text in headers.items() if not _SECRET_HEADER.search(name)}
    auth, key = _key(tree, variables, base)
    named = [variables[name].removesuffix("[1m]") for name in _MODELS if name in variables]
    left_out = [f"the header {name}, which may be a secret" for name in headers if name not in kept]
    for name, header in _KEYS.items():
        if header != auth and variables.get(name, key.reveal()).strip() != key.reveal():
            left_out.append(f"{name}, which is another key than the one that is taken")
    return FoundProvider(
        base,
        auth,
        key,
        tuple(dict.fromkeys(named)),
        kept,
        {ours: int(variables[name]) for name, ours in _LIMITS.items() if _counts(variables, name)},
        tuple(left_out),
    )


def _key(tree: Tree, variables: Mapping[str, str], base: str) -> tuple[str, Secret]:
    """The header and the key; where both are set, that of the preset, else the one that Claude
    Code prefers."""
    given = {header: variables[name].strip() for name, header in _KEYS.items() if name in variables}
    if any(_LOGIN.match(key) for key in given.values()):
        raise CredentialError(
            "the key in it is a login of Anthropic's, no API key",
            why="gwproxy takes static keys of providers only; a login stays with the tool it is of",
            hint="make a key at the provider, then: gwproxy profile add NAME",
        )
    if not given:
        helper = lookup(tree, ("apiKeyHelper",))
        hint = f"gwproxy profile add NAME --anthropic-url {base}"
        if isinstance(helper, str) and helper:
            raise CredentialError(
                "there is no key in it, but a command that prints one (apiKeyHelper)",
                why="only a key that stands in the settings is imported",
                hint=f"{hint} --key-command CMD",
            )
        raise CredentialError("there is no key in it", hint=hint)
    usual = FoundProvider(base, "", Secret("")).preset.auth.get(Dialect.ANTHROPIC, "")
    header = usual if usual in given else next(iter(given))
    return header, Secret(given[header])


def _headers(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip():
            yield name.strip(), value.strip()


def _counts(variables: Mapping[str, str], name: str) -> bool:
    text = variables.get(name, "")
    return text.isascii() and text.isdigit() and int(text) > 0
