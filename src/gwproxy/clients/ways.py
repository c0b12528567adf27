"""The way that a tool would go here and now: where its requests go, with which secret, in which
dialect, and for which model, read from its own files as it reads them.

Pure. Nothing is run for it: a command that prints a token is the person's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gwproxy.clients import codex, openclaw, opencode
from gwproxy.clients.document import ABSENT, TextFormat, Tree, Uneditable, Value, lookup, over
from gwproxy.clients.effective import InForce, claude_code_now
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.plan import Places
from gwproxy.clients.tomltext import TOML
from gwproxy.translate.dialect_facts import X_API_KEY, Dialect
from gwproxy.translate.registry import FACTS

_DEFAULT: Final = "its default"

# Any name does where nothing is said: the gateway maps it.
_SOME_MODEL: Final = "gpt-5"

_OPENAI: Final = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class ToolWay:
    """`base` is the address as the tool has it, `credential` the headers that bear a secret;
    `helper` is the command that prints one, where there is one. `unreadable` are files that
    it does not take: place and reason. `remark` is what a person should know besides;
    `web_proxy` the same of a web proxy that gets its requests instead, `others` of requests
    that go elsewhere by choice."""

    dialect: Dialect
    base: InForce
    model: str
    credential: Mapping[str, str] = field(default_factory=dict)
    helper: InForce | None = None
    unreadable: tuple[str, ...] = ()
    remark: str = ""
    web_proxy: str = ""
    others: str = ""

    @property
    def url(self) -> str:
        """The address of its questions. Users leave `/v1` out, or put it where it is not wanted."""
        root = self.base.value.rstrip("/").removesuffix("/v1")
        return f"{root}/v1{FACTS[self.dialect].path.removeprefix('/v1')}"


def claude_code_way(places: Places) -> ToolWay:
    """The way of Claude Code; https://code.claude.com/docs/en/settings."""
    now = claude_code_now(places)
    words = ""
    if found := now.web_proxy(now.base_url.value):
        name, proxy = found
        words = f"{name} ({proxy.source}) takes its requests, and the token, to a web proxy"
    return ToolWay(
        Dialect.ANTHROPIC,
        now.base_url,
        now.model,
        now.credential(),
        now.helper,
        now.unreadable,
        web_proxy=words,
    )


def codex_way(places: Places) -> ToolWay:
    """The way of Codex; https://developers.openai.com/codex/config-reference. A project's file may
    not name a provider, an administrator's may."""
    own = codex.target("user", places).file
    files = [own] if places.platform == "win32" else [own, codex.MANAGED]
    tree, unreadable = _merged(TOML, files, places)
    chosen = _text(lookup(tree, ("model_provider",))) or "openai"
    providers = lookup(tree, ("model_providers",))
    provider, remark = _provider(providers, chosen, "Codex", "-c model_provider={}")
    table = lookup(tree, ("model_providers", provider))
    if not isinstance(table, dict):
        base = InForce(_OPENAI if chosen == "openai" else "", f"the provider {chosen}")
        return ToolWay(Dialect.RESPONSES, base, _SOME_MODEL, unreadable=unreadable)
    base = InForce(_text(table.get("base_url")), str(own))
    near, _ = _merged(TOML, codex.project_files(places), places)
    model = "" if remark else _text(near.get("model")) or _text(lookup(tree, ("model",)))
    credential, helper = _codex_secret(table, own, places)
    return ToolWay(
        Dialect.RESPONSES, base, model or _SOME_MODEL, credential, helper, unreadable, remark
    )


def _codex_secret(table: Tree, file: Path, places: Places) -> tuple[dict[str, str], InForce | None]:
    """A variable that is named comes before a token that stands in the file, and alone: where it
    is not set, Codex does not start."""
    headers = _texts(table.get("http_headers"))
    named = _texts(table.get("env_http_headers"))
    headers |= {name: places.environ.get(variable, "") for name, variable in named.items()}
    credential = {name.lower(): value for name, value in headers.items() if _bears_secret(name)}
    command = lookup(table, ("auth", "command"))
    if isinstance(command, str):
        return credential, InForce(command, str(file))
    variable = _text(table.get("env_key"))
    token = _text(table.get("experimental_bearer_token"))
    if variable:
        token = places.environ.get(variable, "")
    if token:
        credential["authorization"] = f"Bearer {token}"
    return credential, None


def opencode_way(places: Places) -> ToolWay:
    """The way of OpenCode; https://opencode.ai/docs/config."""
    tree, unreadable = _merged(opencode.READING.form, opencode.files(places), places)
    if inline := places.environ.get("OPENCODE_CONFIG_CONTENT"):
        tree = over(tree, _read(opencode.READING.form, inline) or {})
    chosen, _, name = _text(lookup(tree, ("model",))).partition("/")
    providers = lookup(tree, ("provider",))
    provider, remark = _provider(providers, chosen, "OpenCode", "-m {}/…")
    entry = lookup(tree, ("provider", provider))
    if not isinstance(entry, dict):
        base = InForce("", f"the provider {chosen}" if chosen else _DEFAULT)
        return ToolWay(Dialect.CHAT, base, _SOME_MODEL, unreadable=unreadable)
    dialect = opencode.dialect_of(_text(entry.get("npm")))
    address = _text(lookup(entry, ("options", "baseURL")))
    key = _filled(_text(lookup(entry, ("options", "apiKey"))), places)
    return ToolWay(
        dialect,
        InForce(address, _where(opencode.files(places), provider, places)),
        _first(entry.get("models")) if remark else name,
        _key_header(dialect, key),
        unreadable=unreadable,
        remark=remark,
    )


def _where(files: Iterable[Path], provider: str, places: Places) -> str:
    """The strongest of the files that give a provider its address."""
    path = ("provider", provider, "options", "baseURL")
    saying = [
        str(file)
        for file in files
        if lookup(_read(opencode.READING.form, places.read(file) or "") or {}, path) is not ABSENT
    ]
    return saying[-1] if saying else f"the provider {provider}"


_PLACEHOLDER: Final = re.compile(r"\{(env|file):([^}]*)\}")


def _filled(text: str, places: Places) -> str:
    """`{env:NAME}` and `{file:PATH}` replaced, as OpenCode does it."""

    def value(found: re.Match[str]) -> str:
        kind, name = found.groups()
        if kind == "env":
            return places.environ.get(name, "")
        return (places.read(_path(name, places)) or "").strip()

    return _PLACEHOLDER.sub(value, text)


def openclaw_way(places: Places) -> ToolWay:
    """The way of OpenClaw; https://docs.openclaw.ai/gateway/configuration. Files that it includes
    are not read."""
    file = openclaw.target("user", places).file
    tree, unreadable = _merged(JSON, [file], places)
    model = lookup(tree, ("agents", "defaults", "model"))
    if isinstance(model, dict):
        model = model.get("primary", ABSENT)
    chosen, _, name = _text(model).partition("/")
    providers = lookup(tree, ("models", "providers"))
    provider, remark = _provider(providers, chosen, "OpenClaw", "--model {}/…")
    entry = lookup(tree, ("models", "providers", provider))
    if not isinstance(entry, dict):
        base = InForce("", f"the provider {chosen}" if chosen else _DEFAULT)
        if openclaw.includes(tree):
            remark = f"{file} includes other files, which were not read"
        return ToolWay(Dialect.CHAT, base, _SOME_MODEL, unreadable=unreadable, remark=remark)
    dialect = openclaw.dialect_of(_text(entry.get("api")))
    base = InForce(_text(entry.get("baseUrl")), f"the provider {provider}")
    key, helper = _openclaw_key(entry.get("apiKey"), tree, file, places)
    others = ""
    if own := openclaw.models_of_agents(tree):
        told = ", ".join(f"{agent} ({model})" for agent, model in own.items())
        others = f"agents with a model of their own do not come to gwproxy: {told}"
    name = _first(entry.get("models")) if remark else name
    credential = _key_header(dialect, key)
    return ToolWay(dialect, base, name, credential, helper, unreadable, remark, others=others)


def _openclaw_key(
    value: Value, tree: Tree, file: Path, places: Places
) -> tuple[str, InForce | None]:
    """A text with `${NAME}` in it, or a reference to a source of secrets."""
    if isinstance(value, str):
        plain = re.sub(r"(?<!\$)\$\{([A-Z0-9_]+)\}", lambda m: places.environ.get(m[1], ""), value)
        return plain.replace("$${", "${"), None
    reference = _texts(value)
    source = lookup(tree, ("secrets", "providers", reference.get("provider", "")))
    source = source if isinstance(source, dict) else {}
    match reference.get("source"):
        case "env":
            return places.environ.get(reference.get("id", ""), ""), None
        case "file":
            return (places.read(_path(_text(source.get("path")), places)) or "").strip(), None
        case "exec":
            return "", InForce(_text(source.get("command")), str(file))
    return "", None


WAYS: Final[Mapping[str, Callable[[Places], ToolWay]]] = {
    "claude-code": claude_code_way,
    "openclaw": openclaw_way,
    "opencode": opencode_way,
    "codex": codex_way,
}


# --- what they have in common ------------------------------------------------------------------


def _merged(
    form: TextFormat, files: Iterable[Path], places: Places
) -> tuple[Tree, tuple[str, ...]]:
    """The files' members, later files on top; and the files that are not taken, with the place
    and the reason."""
    tree: Tree = {}
    unreadable = []
    for file in files:
        text = places.read(file)
        if text is None:
            continue
        try:
            tree = over(tree, form.read(text))
        except Uneditable as error:
            unreadable.append(f"{file}:{error}")
    return tree, tuple(unreadable)


def _read(form: TextFormat, text: str) -> Tree | None:
    try:
        return form.read(text)
    except Uneditable:
        return None


def _provider(providers: Value, chosen: str, title: str, flag: str) -> tuple[str, str]:
    """The provider to look at, and a remark where the tool starts with another one than ours:
    `setup` leaves a default that somebody has chosen."""
    ours = codex.PROVIDER
    if chosen == ours or not isinstance(providers, dict) or ours not in providers:
        return chosen, ""
    other = f"with {chosen}" if chosen else "with another model"
    return ours, f"{title} starts {other}; for gwproxy: {flag.format(ours)}"


def _first(models: Value) -> str:
    """The first of a provider's models: names with their entries, or a list of entries."""
    if isinstance(models, dict):
        return next(iter(models), _SOME_MODEL)
    entries = models if isinstance(models, list) else []
    ids = (_texts(entry).get("id") for entry in entries)
    return next(filter(None, ids), _SOME_MODEL)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Value) -> dict[str, str]:
    members = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in members if isinstance(text, str)}


def _path(name: str, places: Places) -> Path:
    return places.home / name[2:] if name.startswith("~/") else places.project / name


def _key_header(dialect: Dialect, key: str) -> dict[str, str]:
    """As the SDK of each dialect sends it."""
    if not key:
        return {}
    style = FACTS[dialect].auth
    return {X_API_KEY: key} if style == X_API_KEY else {"authorization": f"Bearer {key}"}


def _bears_secret(header: str) -> bool:
    return header.lower() in ("authorization", "x-api-key", "api-key")
