"""config.toml: the profiles, which one is the default, the settings of `serve`, the routes.

    default = "kimi"
    store_responses = true

    [serve]
    host = "127.0.0.1"
    port = 4979

    [profiles.kimi]
    preset = "kimi-code"

    [key_hosts]
    kimi = ["api.kimi.com"]

    [[routes]]
    match = "claude-haiku-*"
    profile = "strongwall"
    model = "kimi-k2.5"

Reading gives a `Config`, checked as a whole. Writing goes through `edit`: under a lock, on the
text as it is, so that comments, order and settings that we do not know survive; what comes out is
parsed again and compared before it replaces the file in one step. A file that cannot be parsed is
never rewritten. No secret is ever in it, and nothing of the environment is stored.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gwproxy import paths
from gwproxy.errors import ConfigError
from gwproxy.profiles import key_hosts
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.record import make_profile, unknown_settings
from gwproxy.profiles.suggest import did_you_mean

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 4979
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""Claude Code sends 32 MB of images and files at most; a gateway must not be the narrower pipe."""

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

_SETTINGS: Final = frozenset(
    {"default", "store_responses", "keyring_backend", "serve", "profiles", "routes"}
    | {key_hosts.SETTING}
)
"""What stands at the top of config.toml."""

_MAX_CONFIG_BYTES: Final = 10 * 1024 * 1024
"""Nobody writes ten megabytes of profiles; somebody may point GWPROXY_HOME at a wrong place."""

_WRITE_ATTEMPTS: Final = 3
"""How often to begin again when an editor saved the file while we were changing it."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What `serve` uses when no flag says otherwise."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    log_level: str = "info"
    json_logs: bool = False
    max_body_bytes: int = MAX_BODY_BYTES
    allowed_hosts: tuple[str, ...] = ()
    capture: bool = False
    """Whether whole exchanges are kept, for `gwproxy replay`."""


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One `[[routes]]` entry: requests for a model that fits `match` go to `profile`.

    `model` is the upstream model to ask for; "" is the profile's own choice.
    """

    match: str
    profile: str
    model: str = ""

    def fits(self, requested_model: str) -> bool:
        """Whether the glob fits, as in a shell, with upper and lower case told apart."""
        return fnmatchcase(requested_model, self.match)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole of config.toml, checked. `remarks` are for a person and never fatal."""

    profiles: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({}))
    default: str = ""
    serve: ServeSettings = ServeSettings()
    routes: tuple[RouteRule, ...] = ()
    store_responses: bool = True
    keyring_backend: str = ""
    left_keys: tuple[str, ...] = ()
    """The entries of the keyring that wait to be deleted."""
    is_of_0_1_0: bool = False
    """Whether nobody has noted yet whose the keyring's entries are (`key_hosts`)."""
    remarks: tuple[str, ...] = ()

    def profile(self, name: str | None = None) -> Profile:
        """The profile called `name`, or the default one.

        `demo` is always there, unless the user gave the name to something else. Raises
        ConfigError with what was probably meant.
        """
        wanted = name or self.default
        if not wanted and self.profiles:
            raise ConfigError(
                "no profile is the default",
                why=f"there are {', '.join(self.profiles)}",
                hint="gwproxy profile use NAME, or name one with --profile",
            )
        if not wanted:
            raise ConfigError(
                "there is no profile yet",
                hint="gwproxy profile add kimi --preset kimi-code\ngwproxy demo",
            )
        if wanted in self.profiles:
            return self.profiles[wanted]
        if wanted == "demo":
            return make_profile("demo", {"preset": "demo"})
        raise ConfigError(
            f"there is no profile called {wanted!r}",
            why=did_you_mean(wanted, self.profiles),
            hint="gwproxy profile list",
        )


def load() -> Config:
    """config.toml as a Config; an absent file is an empty one. Raises ConfigError."""
    return parse(_read(paths.config_file()).decode(), paths.config_file())


def parse(text: str, path: Path) -> Config:
    """`text` as a Config; `path` is only for messages. Raises ConfigError."""
    return _build(_parse_toml(text, path), path)


def text() -> str:
    """config.toml as it stands there, right or not; "" where there is none. Raises ConfigError."""
    return _read(paths.config_file()).decode()


def replace(after: str, before: str) -> Config:
    """Write `after`, which a person made of `before`, and return what it means. Raises ConfigError,
    also where the file says something else than `before` by now; then nothing was written."""
    path = paths.config_file()
    config = parse(after, path)
    with paths.exclusive_lock("config"):
        if _read(path) != before.encode():
            raise ConfigError(
                f"{path} was changed while you edited it",
                why="another program, or another gwproxy, wrote to it",
                hint="gwproxy config edit, and make your change again",
            )
        paths.write_private_file(path, after.encode())
    return config


def edit(change: Callable[[MutableMapping[str, Any]], None]) -> Config:
    """Apply `change` to the document of config.toml, write it, and return the new Config.

    `change` gets nested mappings and lists of plain values and alters them in place; it may be
    called several times. Before the first one, what gwproxy 0.1.0 stored in the keyring is noted
    (`key_hosts.adopt`). The result must be valid as a whole, also where `change` did not touch
    it. Raises ConfigError, and whatever `change` raises; then nothing was written.
    """
    path = paths.config_file()
    paths.ensure_private_dir(path.parent)
    with paths.exclusive_lock("config"):
        for _ in range(_WRITE_ATTEMPTS):
            before = _read(path)
            text, config = _changed(before.decode(), change, path)
            if text.encode() == before:
                return config
            if _read(path) == before:
                paths.write_private_file(path, text.encode())
                return config
    raise ConfigError(
        f"{path} keeps changing",
        why="another program wrote to it while gwproxy was about to",
        hint="close the editor that has it open, then try again",
    )


def _changed(
    text: str, change: Callable[[MutableMapping[str, Any]], None], path: Path
) -> tuple[str, Config]:
    """`text` after `change`, and what it means."""
    expected = _parse_toml(text, path)
    key_hosts.adopt(expected)
    change(expected)
    config = _build(expected, path)
    if expected == _parse_toml(text, path):
        return text, config
    # Only a writer pays for these two. Into an empty file everything is written at once; one that
    # a person may have written keeps its comments and its layout.
    if not text.strip():
        import tomli_w

        return tomli_w.dumps(expected), config
    import tomlkit

    document = tomlkit.parse(text)
    key_hosts.adopt(document)
    change(document)
    result = tomlkit.dumps(document)
    # A slip of the editing library must not cost anybody a file.
    if _parse_toml(result, path) != expected:
        raise ConfigError(
            f"cannot change {path} without damaging it",
            why="its layout defeats the editor; nothing was written",
            hint="make this change by hand",
        )
    return result, config


def _read(path: Path) -> bytes:
    try:
        with paths.open_regular(path) as file:
            status = os.fstat(file.fileno())
            content = file.read(_MAX_CONFIG_BYTES + 1)
        content.decode()
    except FileNotFoundError:
        return b""
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path} is not UTF-8 text", why=f"line {line} has a byte that is none"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}", why=error.strerror or str(error)) from error
    if not paths.is_ours(status):
        raise ConfigError(
            f"{path} belongs to another user",
            why="its owner could name a program that gwproxy runs, or send your key elsewhere",
            hint=f"set {paths.HOME_VARIABLE} to a folder of your own",
        )
    if len(content) > _MAX_CONFIG_BYTES:
        raise ConfigError(f"{path} is larger than 10 MB", why="it cannot be our configuration")
    return content


def _parse_toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    # RecursionError: brackets in brackets, deeper than the parser goes. ValueError, of which the
    # parser's own error is one: a number of more digits than Python reads.
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path} is not valid TOML",
            why=str(error),
            hint="mend that line; gwproxy does not write to a file that it cannot read",
        ) from None


def _build(document: Mapping[str, Any], path: Path) -> Config:
    try:
        return _checked(document)
    except ConfigError as error:
        raise ConfigError(error.what, why=error.why or f"in {path}", hint=error.hint) from None


def _checked(document: Mapping[str, Any]) -> Config:
    records = _table(document, "profiles")
    hosts = key_hosts.read(document)
    profiles: dict[str, Profile] = {}
    remarks: list[str] = []
    for name, record in records.items():
        if not isinstance(record, Mapping):
            raise ConfigError(f"profiles.{name} must be a table")
        profiles[name] = make_profile(name, record, hosts.get(name) or None)
        remarks += unknown_settings(name, record)
    for profile in profiles.values():
        for other in profile.fallback:
            if other == profile.name:
                raise ConfigError(
                    f"profiles.{other}.fallback names {other} itself",
                    why="where a profile fails, it would be asked again",
                    hint="name another profile, or nothing",
                )
            _known(other, profiles, f"profiles.{profile.name}.fallback")
    default = _text(document, "default")
    if default:
        _known(default, profiles, "default")
    elif len(profiles) == 1:
        default = next(iter(profiles))
    return Config(
        profiles=MappingProxyType(profiles),
        default=default,
        serve=_serve(_table(document, "serve")),
        routes=_routes(document.get("routes", []), profiles),
        store_responses=_boolean(document, "store_responses", True),
        keyring_backend=_text(document, "keyring_backend"),
        left_keys=tuple(name for name, allowed in hosts.items() if not allowed),
        is_of_0_1_0=bool(profiles) and key_hosts.SETTING not in document,
        remarks=(*remarks, *_unknown(document)),
    )


def _unknown(document: Mapping[str, Any]) -> Iterator[str]:
    """A remark for each setting outside the profiles that means nothing to this version."""
    places: list[tuple[str, Mapping[str, Any], frozenset[str]]] = [
        ("", document, _SETTINGS),
        ("serve.", document.get("serve", {}), _names_of(ServeSettings)),
    ]
    for number, rule in enumerate(document.get("routes", [])):
        places.append((f"routes[{number}].", rule, _names_of(RouteRule)))
    for prefix, table, known in places:
        for key in table:
            if key not in known:
                yield f"{prefix}{key} is not a setting; {did_you_mean(key, known)}"


def _names_of(record: type[ServeSettings | RouteRule]) -> frozenset[str]:
    return frozenset(one.name for one in fields(record))


def _serve(table: Mapping[str, Any]) -> ServeSettings:
    allowed_hosts = table.get("allowed_hosts", [])
    if not isinstance(allowed_hosts, list) or not all(isinstance(h, str) for h in allowed_hosts):
        raise ConfigError("serve.allowed_hosts must be a list of host names")
    log_level = _text(table, "log_level") or "info"
    if log_level not in LOG_LEVELS:
        raise ConfigError(f"serve.log_level must be one of {', '.join(LOG_LEVELS)}")
    return ServeSettings(
        host=_text(table, "host") or DEFAULT_HOST,
        port=_number(table, "port", DEFAULT_PORT, most=65_535),
        log_level=log_level,
        json_logs=_boolean(table, "json_logs", False),
        max_body_bytes=_number(table, "max_body_bytes", MAX_BODY_BYTES, most=2**40),
        allowed_hosts=tuple(allowed_hosts),
        capture=_boolean(table, "capture", False),
    )


def _routes(entries: object, profiles: Mapping[str, Profile]) -> tuple[RouteRule, ...]:
    if not isinstance(entries, list):
        raise ConfigError("routes must be a list of tables: [[routes]]")
    rules = []
    for number, entry in enumerate(entries):
        where = f"routes[{number}]"
        if not isinstance(entry, Mapping):
            raise ConfigError(f"{where} must be a table: [[routes]]")
        rule = RouteRule(
            match=_text(entry, "match", where),
            profile=_text(entry, "profile", where),
            model=_text(entry, "model", where),
        )
        if not rule.match:
            raise ConfigError(f'{where}.match is needed: a model or a pattern such as "claude-*"')
        if not rule.profile:
            raise ConfigError(f"{where}.profile is needed: the profile that such requests go to")
        _known(rule.profile, profiles, f"{where}.profile")
        rules.append(rule)
    return tuple(rules)


def _known(name: str, profiles: Mapping[str, Profile], where: str) -> None:
    if name not in profiles and name != "demo":
        raise ConfigError(
            f"{where}: there is no profile called {name!r}", why=did_you_mean(name, profiles)
        )


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"{key} must be a table: [{key}]")
    return value


def _text(table: Mapping[str, Any], key: str, where: str = "") -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{where}{'.' if where else ''}{key} must be text")
    return value


def _boolean(table: Mapping[str, Any], key: str, default: bool) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise ConfigError(f"{key} must be true or false")
    return value


def _number(table: Mapping[str, Any], key: str, default: int, *, most: int) -> int:
    value = table.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
        raise ConfigError(f"serve.{key} must be a number from 1 to {most}")
    return value
