"""Whose the entries of the keyring are, and to which hosts a key may go: `[key_hosts]`.

    [key_hosts]
    kimi = ["api.kimi.com"]    the profile kimi put a key into the keyring, for this host
    old = []                   an entry that could not be deleted yet; its key goes nowhere

An entry that does not stand here was written by somebody else (an earlier profile of that name,
another config.toml) and is not used. A config.toml without the table is one of gwproxy 0.1.0,
which used whatever had the profile's name: what its profiles may have stored is theirs, for the
hosts that they name now, and the first change of the file notes that.

Only entries of the keyring are bound. A variable, a command or a file stands in the profile's own
record, beside its address: whoever changes the one has the other before their eyes.

Functions on documents are for `store.edit`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final

from gwproxy.errors import ConfigError, CredentialError
from gwproxy.profiles.endpoints import authority_of
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.record import bases_of

SETTING: Final = "key_hosts"

Hosts = tuple[str, ...]


def hosts_of(profile: Profile) -> Hosts:
    """The hosts that `profile` leads to, each with its port where that is not the usual one."""
    return _hosts((profile.anthropic_url, profile.openai_url))


def strangers(profile: Profile) -> Hosts:
    """The hosts that `profile` leads to and that its key in the keyring was not given for."""
    if profile.key.hosts is None:
        return ()
    return tuple(host for host in hosts_of(profile) if host not in profile.key.hosts)


def objection(profile: Profile) -> CredentialError | None:
    """Why the key in the keyring may not go where `profile` leads; None where it may."""
    found = strangers(profile)
    if not found or profile.key.hosts is None:
        return None
    return CredentialError(
        f"the key of {profile.name} was given for {' and '.join(profile.key.hosts)}, "
        f"and the profile leads to {' and '.join(found)} now",
        why="a key goes to no other host without your word",
        hint=f"gwproxy profile key {profile.name} takes a new key; "
        f"gwproxy profile key {profile.name} --confirm lets this one go there too",
    )


def foreseen(profile: Profile) -> CredentialError | None:
    """The objection that the next request will meet; None for one that takes its key elsewhere."""
    return objection(profile) if profile.key.kind == "keyring" else None


def read(document: Mapping[str, Any]) -> Mapping[str, Hosts]:
    """For each entry of the keyring the hosts that its key may go to. Raises ConfigError."""
    if SETTING not in document:
        return _adopted(document)
    table = document[SETTING]
    if not isinstance(table, Mapping):
        raise ConfigError(f"{SETTING} must be a table: [{SETTING}]")
    for name, hosts in table.items():
        if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
            raise ConfigError(f"{SETTING}.{name} must be a list of hosts")
    return {name: tuple(host.lower() for host in hosts) for name, hosts in table.items()}


def adopt(document: MutableMapping[str, Any]) -> None:
    """Note what gwproxy 0.1.0 may have stored, once: before anything else changes."""
    if SETTING not in document:
        document[SETTING] = {name: list(hosts) for name, hosts in _adopted(document).items()}


def give(document: MutableMapping[str, Any], name: str, hosts: Iterable[str]) -> None:
    """Note that the entry of `name` is its own, for `hosts` and no others."""
    document.setdefault(SETTING, {})[name] = list(hosts)


def leave(document: MutableMapping[str, Any], name: str) -> None:
    """Note that the entry of `name`, if there may be one, goes nowhere and waits to be deleted."""
    if name in document.get(SETTING, {}):
        document[SETTING][name] = []


def drop(document: MutableMapping[str, Any], name: str) -> None:
    """Note that the entry of `name` is deleted, if it is not in use again."""
    if document.get(SETTING, {}).get(name) == []:
        del document[SETTING][name]


def _adopted(document: Mapping[str, Any]) -> dict[str, Hosts]:
    profiles = document.get("profiles", {})
    found: dict[str, Hosts] = {}
    for name, record in profiles.items() if isinstance(profiles, Mapping) else ():
        try:
            hosts = _hosts(bases_of(name, record)) if isinstance(record, Mapping) else ()
        except ConfigError:
            continue  # a broken address leads nowhere
        if hosts:
            found[name] = hosts
    return found


def _hosts(bases: Iterable[str | None]) -> Hosts:
    return tuple(dict.fromkeys(authority_of(base) for base in bases if base))
