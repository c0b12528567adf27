"""What `gwproxy doctor` looks at: one function for each area, each yields findings.

A finding that is not "ok" carries the command that mends it. Nothing here changes anything, asks a
provider anything, or says more of a key than where it is and its last four characters.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Final, Literal
from urllib.parse import urlsplit

from gwproxy import __version__, paths
from gwproxy.cli.figures import counted
from gwproxy.cli.running import find_gateway
from gwproxy.cli.setup_compare import Examined, examined
from gwproxy.cli.setup_inputs import places_of
from gwproxy.cli.status import worries
from gwproxy.clients import web_proxy
from gwproxy.clients.change import FileStanding
from gwproxy.clients.effective import SHELL
from gwproxy.clients.known import CLIENTS, Client
from gwproxy.clients.undo import Claim
from gwproxy.clients.ways import WAYS
from gwproxy.errors import ConfigError, CredentialError, GwproxyError, KeyringError
from gwproxy.profiles import credentials, learned, store
from gwproxy.profiles.endpoints import is_loopback
from gwproxy.profiles.keyring_trouble import key_variable
from gwproxy.profiles.local_token import TOKEN_VARIABLE, local_token
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.store import Config

_LIBRARIES: Final = ("aiohttp", "keyring", "msgspec", "typer", "rich")

_KEYRING_PROBE: Final = "gwproxy-doctor"
"""A name under which nobody keeps a key: looking for it shows whether the keyring answers."""

_KEY_PREFIX: Final = "GWPROXY_KEY_"

_REDIRECTING: Final = ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE")
_PROVIDER_KEYS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY")

Level = Literal["ok", "note", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in one area. `hint` is what mends it, one way on each line; "" where nothing
    needs mending."""

    area: str
    level: Level
    words: str
    hint: str = ""


def findings() -> Iterator[Finding]:
    """What there is to say of every area, in the order in which a person would look."""
    yield from _versions()
    yield from _folders()
    config = None
    try:
        config = store.load()
    except GwproxyError as error:
        yield _of(error, "config")
    if config is not None:
        yield from _configuration(config)
        yield from _keyring(config)
        yield from _keys(config)
    yield from _token()
    yield from _environment(os.environ, config)
    yield from _port(config or Config())
    yield from _ledger()
    yield from _captures(config or Config())
    yield from _clients()


def _of(error: GwproxyError, area: str, level: Level = "failed") -> Finding:
    words = ": ".join(part for part in (error.what, error.why) if part)
    ways = [line.strip().rstrip(":") for line in error.hint.splitlines()]
    return Finding(area, level, words, "\n".join(way for way in ways if way))


# --- this machine --------------------------------------------------------------------------------


def _versions() -> Iterator[Finding]:
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    python = f"Python {platform.python_version()}"
    yield Finding("version", "ok", f"gwproxy {__version__}, {python}, {system}")
    libraries = ", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES)
    yield Finding("version", "ok", f"{libraries}")


def _folders() -> Iterator[Finding]:
    for name, folder in (("config", paths.config_dir()), ("state", paths.state_dir())):
        if not folder.exists():
            yield Finding("files", "ok", f"{name} folder {folder} (made when it is needed)")
            continue
        try:
            paths.ensure_private_dir(folder)
        except ConfigError as error:
            yield _of(error, "files")
            continue
        if os.name == "posix" and folder.stat().st_mode & 0o022:
            words = f"others can write to the {name} folder {folder}"
            yield Finding("files", "failed", words, f"chmod go-w {folder}")
        elif not os.access(folder, os.W_OK):
            words = f"the {name} folder {folder} cannot be written"
            yield Finding("files", "failed", words, f"chmod u+w {folder}")
        else:
            yield Finding("files", "ok", f"{name} folder {folder}")


def _configuration(config: Config) -> Iterator[Finding]:
    if not config.profiles:
        words = "there is no profile yet"
        yield Finding("config", "note", words, "gwproxy profile add kimi --preset kimi-code")
        return
    profiles = counted(len(config.profiles), "profile")
    yield Finding("config", "ok", f"{profiles} in {paths.config_file()}")
    if not config.default:
        name = next(iter(config.profiles))
        yield Finding("config", "note", "no profile is the default", f"gwproxy profile use {name}")
    for remark in config.remarks:
        yield Finding("config", "note", remark, f"mend that line in {paths.config_file()}")


# --- keys ----------------------------------------------------------------------------------------


def _keyring(config: Config) -> Iterator[Finding]:
    needing = [name for name, one in config.profiles.items() if _needs_keyring(one)]
    backend = config.keyring_backend or "the system's own"
    keyring = credentials.keyring_of(config)
    try:
        credentials.stored_key(needing[0] if needing else _KEYRING_PROBE, keyring)
        deleted = credentials.delete_left(config, keyring)
    except KeyringError as error:
        if needing:
            yield _of(error, "keyring")
        else:
            yield Finding("keyring", "ok", f"{error.what}; no profile needs it")
        for name in config.left_keys:
            words = f"a key that {name} had waits to be deleted; it is used no more"
            yield Finding("keyring", "note", words, "unlock the keyring, then\ngwproxy doctor")
        return
    except ConfigError as error:
        yield _of(error, "keyring")
        return
    yield Finding("keyring", "ok", f"{backend} answers")
    for name in deleted:
        yield Finding("keyring", "ok", f"a key that {name} had is deleted now")


def _needs_keyring(profile: Profile) -> bool:
    """Whether its key is there and nowhere before it (a variable comes first)."""
    return profile.key.kind == "keyring" and not os.environ.get(key_variable(profile.name))


def _keys(config: Config) -> Iterator[Finding]:
    for profile in config.profiles.values():
        found = credentials.describe_source(profile)
        if found.trouble:
            words = f"{profile.name}: {found.trouble}"
            yield Finding("keys", "failed", words, f"gwproxy profile key {profile.name}")
        else:
            masked = f" ({found.masked})" if found.masked else ""
            yield Finding("keys", "ok", f"{profile.name}: {found.source}{masked}")


def _token() -> Iterator[Finding]:
    if os.environ.get(TOKEN_VARIABLE):
        words = f"{TOKEN_VARIABLE} overrides the stored token"
        yield Finding("token", "note", words, f"unset {TOKEN_VARIABLE}")
    if not os.environ.get(TOKEN_VARIABLE) and not paths.token_file().exists():
        yield Finding("token", "ok", "none yet; it is made on first use")
        return
    try:
        local_token()
    except CredentialError as error:
        yield _of(error, "token")
        return
    yield Finding("token", "ok", "there is a local token")


# --- what could be in the way --------------------------------------------------------------------


def _environment(environ: Mapping[str, str], config: Config | None) -> Iterator[Finding]:
    known = {key_variable(name) for name in (config.profiles if config else ())}
    for name in sorted(environ):
        if name.startswith(_KEY_PREFIX) and name not in known and config is not None:
            words = f"{name} is set, and no profile has that name"
            yield Finding("environment", "note", words, f"unset {name}")
    if environ.get("PYTHON_KEYRING_BACKEND"):
        words = "PYTHON_KEYRING_BACKEND is set; gwproxy ignores it (keyring_backend in config.toml)"
        yield Finding("environment", "note", words, "unset PYTHON_KEYRING_BACKEND")
    for name in _REDIRECTING:
        if environ.get(name):
            words = f"{name} is exported: tools that have no setting of their own go there"
            yield Finding("environment", "note", words, f"unset {name}")
    for name in _PROVIDER_KEYS:
        if environ.get(name):
            words = f"{name} is exported: every program that you start can read it"
            yield Finding("environment", "note", words, f"unset {name}")
    warning = web_proxy.warning("http://127.0.0.1", environ)
    if warning:
        yield Finding("environment", "failed", warning, "export NO_PROXY=127.0.0.1,localhost")


def _port(config: Config) -> Iterator[Finding]:
    from gwproxy.proxy import holder
    from gwproxy.proxy.inbound.listener import bind

    url, health = asyncio.run(find_gateway(config))
    if health.get("name") == "gwproxy":
        version = str(health.get("version", ""))[:20]
        level: Level = "ok" if version == __version__ else "note"
        hint = "" if version == __version__ else "gwproxy stop\ngwproxy serve"
        yield Finding("port", level, f"gwproxy {version} runs at {url}", hint)
        yield from _gateway(url)
        return
    serve = config.serve
    try:
        asyncio.run(bind(serve.host, serve.port)).close()
    except ConfigError:
        who = asyncio.run(holder.describe(serve.host, serve.port))
        hint = f"gwproxy serve --port {serve.port % 60000 + 1}"
        yield Finding("port", "failed", f"port {serve.port}: {who}", hint)
        return
    yield Finding("port", "ok", f"{url} is free; no gateway runs")


def _gateway(url: str) -> Iterator[Finding]:
    """What only the one that runs knows: what its workers could not do."""
    from gwproxy.proxy import holder

    if not os.environ.get(TOKEN_VARIABLE) and not paths.token_file().exists():
        return  # looking makes no token
    try:
        told = asyncio.run(holder.ask(url, "/v1/status", local_token().reveal()))
    except GwproxyError as error:
        yield _of(error, "gateway", "note")
        return
    for words, now in worries(told):
        hint = f"see that there is room, and that gwproxy may write, in {paths.state_dir()}"
        yield Finding("gateway", "failed" if now else "note", words, hint if now else "")


def _ledger() -> Iterator[Finding]:
    from gwproxy.proxy.records.ledger import StorageTrouble, check

    path = paths.usage_db()
    try:
        rows = check(path)
    except StorageTrouble as trouble:
        hint = "gwproxy serve keeps it aside and begins anew" if trouble.damaged else ""
        yield Finding("usage", "failed", f"{path} cannot be used: {trouble}", hint)
    else:
        words = "no exchange recorded yet"
        if rows is not None:
            words = f"{counted(rows, 'exchange')} in {path}"
        yield Finding("usage", "ok", words)
    for aside in sorted(path.parent.glob(f"{path.name}.corrupt-*")):
        if not aside.name.endswith(("-wal", "-shm")):
            words = f"a damaged ledger was put aside: {aside}"
            yield Finding("usage", "note", words, f"sqlite3 {aside} .recover")


def _captures(config: Config) -> Iterator[Finding]:
    """What people and their tools write is nobody's to keep for longer than it is needed."""
    folder = paths.captures_dir()
    if config.serve.capture:
        words = f"whole exchanges, prompts too, are captured in {folder}"
        hint = f"take `capture = true` out of {paths.config_file()}, then\ngwproxy replay --delete"
        yield Finding("captures", "note", words, hint)
    elif any(folder.glob("*.json")):
        words = f"exchanges that were captured are still in {folder}"
        yield Finding("captures", "note", words, "gwproxy replay --delete")


# --- the tools -----------------------------------------------------------------------------------


def _clients() -> Iterator[Finding]:
    try:
        every = examined()
    except ConfigError as error:
        yield _of(error, "tools")
        return
    for name, client in CLIENTS.items():
        program = shutil.which(client.PROGRAM)
        mine = [one for one in every if one.claim.client == name]
        if not mine and program:
            words = f"{client.TITLE} is here ({program}) and not set up"
            yield Finding("tools", "note", words, f"gwproxy setup {name}")
        for one in mine:
            yield from _set_up(client, one)
        if mine or program:
            yield from _in_force(client, set_up=bool(mine))


def _set_up(client: Client, one: Examined) -> Iterator[Finding]:
    """What became of one file that is set up, and whether it would be written so now."""
    where = f"{client.TITLE} → {one.claim.profile}, in {one.target.file}"
    if one.standing is None and one.trouble is not None:
        yield _of(one.trouble, "tools")
    elif one.reasons:
        words = f"{where}: {'; '.join(one.reasons)}"
        yield Finding("tools", "failed" if one.fails else "note", words, one.mending)
    elif one.standing is FileStanding.IN_PLACE:
        yield Finding("tools", "ok", where)
        yield from (Finding("tools", "ok", words) for words in _notes(client, one.claim))
    else:
        yield Finding("tools", "note", f"{where}: {one.state}", one.command)


def _notes(client: Client, claim: Claim) -> list[str]:
    try:
        return client.notes(learned.informed(store.load().profile(claim.profile)))
    except ConfigError:
        return []  # told above, where the profiles are


def _in_force(client: Client, *, set_up: bool) -> Iterator[Finding]:
    """What a tool really does, when something outranks what we wrote."""
    way = WAYS[client.NAME](places_of(None))
    for file in way.unreadable:
        words = f"{client.TITLE} does not read {file}"
        hint = f"mend that line, then: gwproxy setup {client.NAME}"
        yield Finding("tools", "failed", words, hint)
    if set_up and way.web_proxy:
        words = f"{client.TITLE}: {way.web_proxy}"
        yield Finding("tools", "failed", words, f"gwproxy setup {client.NAME}")
    base = way.base
    if not set_up or is_loopback(urlsplit(base.value).hostname or ""):
        return
    hint = "unset ANTHROPIC_BASE_URL" if base.source == SHELL else f"look into {base.source}"
    where = f"{base.value} all the same ({base.source})" if base.value else base.source
    yield Finding("tools", "failed", f"{client.TITLE} goes to {where}", hint)
