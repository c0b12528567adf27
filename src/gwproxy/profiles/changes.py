"""Changes to config.toml, each a function on its document, to be run by `store.edit`.

A document is nested mappings and lists, as TOML gives them. Nothing here reads, writes or checks
values; `store.edit` checks the outcome as a whole.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final

from gwproxy.errors import ConfigError, UsageError
from gwproxy.profiles import key_hosts
from gwproxy.profiles.prices import BadPrice, check_price
from gwproxy.profiles.quirks import BadQuirk, find_quirk, parse_quirk
from gwproxy.profiles.record import KEY_SETTINGS, SETTINGS
from gwproxy.profiles.suggest import did_you_mean
from gwproxy.translate.registry import DIALECTS

Document = MutableMapping[str, Any]

_LISTS: Final = ("dialects", "models", "fallback")
_WHOLE_NUMBERS: Final = ("context_window", "max_output_tokens", "max_concurrent")
_SECONDS: Final = ("first_byte_timeout_s", "idle_timeout_s")
_URLS: Final = ("anthropic_url", "openai_url")
_GROUPS: Final = {"quirk": "quirks", "header": "headers", "price": "prices"}
"""What a person may write for the plural that stands in the file."""

Assignment = tuple[tuple[str, ...], Any]
"""Where in a record, and the value to put there; None takes the override away."""


def add_profile(document: Document, name: str, record: Mapping[str, Any]) -> None:
    """Add a record; the first one becomes the default. Raises ConfigError.

    A key that an earlier profile of that name has left in the keyring is not the new one's.
    """
    profiles = document.get("profiles")
    if profiles is not None and name in profiles:
        raise ConfigError(
            f"there is a profile called {name} already",
            hint=f"gwproxy profile set {name} KEY=VALUE, or choose another name",
        )
    key_hosts.leave(document, name)
    if profiles:
        profiles[name] = dict(record)
        return
    document["profiles"] = {name: dict(record)}
    document["default"] = name


def use_profile(document: Document, name: str) -> None:
    """Make `name` the default. Raises ConfigError."""
    if name != "demo":
        _record(document, name)
    document["default"] = name


def set_values(document: Document, name: str, assignments: Sequence[Assignment]) -> None:
    """Put values into the record of `name`. Raises ConfigError."""
    record = _record(document, name)
    for path, value in assignments:
        if path[0] in KEY_SETTINGS:
            for other in KEY_SETTINGS:
                record.pop(other, None)
        table = record
        if len(path) == 2:
            # `auth` may be one style for all dialects; a style for one of them replaces it.
            if not isinstance(record.get(path[0]), MutableMapping):
                record[path[0]] = {}
            table = record[path[0]]
        _put(table, path[-1], value)
        if table is not record and not table:
            del record[path[0]]


def rename_profile(document: Document, old: str, new: str) -> None:
    """Give a record another name, everywhere it is mentioned. Raises ConfigError.

    What the keyring has under the old name waits to be deleted.
    """
    _record(document, old)
    profiles = document["profiles"]
    if new in profiles:
        raise ConfigError(f"there is a profile called {new} already")
    profiles[new] = profiles.pop(old)
    for name in (old, new):
        key_hosts.leave(document, name)
    if document.get("default") == old:
        document["default"] = new
    for route in _routes(document):
        if route.get("profile") == old:
            route["profile"] = new
    for record in profiles.values():
        others = record.get("fallback", [])
        for index, other in enumerate(others):
            if other == old:
                others[index] = new


def remove_profile(document: Document, name: str) -> None:
    """Take a record away; another one becomes the default if only one is left.

    What the keyring has under its name waits to be deleted. Raises ConfigError while a route or a
    fallback still leads to it.
    """
    _record(document, name)
    mentions = _mentions(document, name)
    if mentions:
        raise ConfigError(
            f"{name} is still in use",
            why=f"{', '.join(mentions)} leads to it",
            hint="take it out there first (config.toml), then remove it",
        )
    profiles = document["profiles"]
    del profiles[name]
    key_hosts.leave(document, name)
    if document.get("default") == name:
        del document["default"]
        if len(profiles) == 1:
            document["default"] = next(iter(profiles))
    if not profiles:
        del document["profiles"]


def parse_assignment(text: str) -> Assignment:
    """`KEY=VALUE` as a person types it: lists with commas, `quirk.NAME=VALUE`, `auth.chat=bearer`.

    An empty value goes back to the preset's; `none` takes a preset's URL away. Raises UsageError.
    """
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not equals or not key:
        raise UsageError(
            f"{key!r} is not KEY=VALUE", hint="for example: stream=never, quirk.vision=false"
        )
    first, dot, rest = key.partition(".")
    if dot:
        group = _GROUPS.get(first, first)
        return (group, rest), _member(group, rest, value)
    if first not in SETTINGS or first in _GROUPS.values():
        raise UsageError(f"there is no setting called {key!r}", why=did_you_mean(key, SETTINGS))
    return (first,), _value(first, value)


def _member(group: str, name: str, value: str) -> Any:
    if group == "quirks":
        try:
            # Checked also when it is about to be taken away: a typo must not pass for success.
            find_quirk(name)
            known = parse_quirk(f"{name}={value}")[1] if value else None
        except BadQuirk as error:
            raise UsageError(str(error)) from None
        # TOML has lists alone; a tuple would never equal what is read back.
        return list(known) if isinstance(known, tuple) else known
    if group == "auth" and name not in DIALECTS:
        raise UsageError(f"auth.{name}: must be one of {', '.join(DIALECTS)}")
    if group == "prices":
        return _price(name, value)
    if group not in ("auth", "headers"):
        raise UsageError(
            f"there is no setting called {group}.{name}",
            why=did_you_mean(group, ("quirk", "header", "auth", "price")),
        )
    return value or None


def _price(name: str, value: str) -> Any:
    number = _number(value)
    whole = number is not None and number == int(number)
    price = value if number is None else int(number) if whole else number
    try:
        return check_price(name, price) if value else None
    except BadPrice as error:
        raise UsageError(f"price.{name} {error}") from None


def _value(key: str, value: str) -> Any:
    if not value:
        return None
    if key in _LISTS:
        return [word.strip() for word in value.split(",") if word.strip()]
    if key == "key_command":
        return split_command(value)
    if key in _URLS and value == "none":
        return ""
    if key in _WHOLE_NUMBERS or key in _SECONDS:
        number = _number(value)
        if number is None or (key in _WHOLE_NUMBERS and number != int(number)):
            raise UsageError(f"{key} must be a number, not {value!r}")
        return int(number) if number == int(number) else number
    return value


def split_command(text: str) -> list[str]:
    """A command line as the argument list that is run, without a shell. Raises UsageError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"the key command is not well formed: {error}") from None
    if not words:
        raise UsageError("the key command is empty")
    return words


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e12 else None


def _record(document: Document, name: str) -> Document:
    profiles = document.get("profiles", {})
    if name not in profiles:
        raise ConfigError(
            f"there is no profile called {name!r}",
            why=did_you_mean(name, profiles),
            hint="gwproxy profile list",
        )
    record: Document = profiles[name]
    return record


def _put(table: Document, key: str, value: Any) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _routes(document: Document) -> list[Any]:
    routes = document.get("routes", [])
    return routes if isinstance(routes, list) else []


def _mentions(document: Document, name: str) -> list[str]:
    mentions = [
        f"routes[{number}]"
        for number, route in enumerate(_routes(document))
        if route.get("profile") == name
    ]
    mentions += [
        f"profiles.{other}.fallback"
        for other, record in document["profiles"].items()
        if name in record.get("fallback", []) and other != name
    ]
    return mentions
