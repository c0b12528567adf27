"""Finding, storing, deleting and describing the key of a profile.

The order in which a key is looked for: `GWPROXY_KEY_<PROFILE>` in the environment; then what the
profile says: an environment variable of another name, a command, or a file; then the OS keyring
(`gwproxy.profiles.oskeyring`). A command or a file that fails is an error and not a reason to
look further: silently taking an older key would be worse. Nothing here falls back to a file.
A key out of the keyring is given only to a profile that put it there, and for the hosts that it
was given for (`gwproxy.profiles.key_hosts`).

All of it may block for seconds: a server calls it in a thread, once per profile, and keeps the
key in memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from gwproxy import paths
from gwproxy.errors import ConfigError, CredentialError, GwproxyError, KeyringError
from gwproxy.profiles import key_hosts
from gwproxy.profiles.endpoints import host_of
from gwproxy.profiles.key_command import KeyCommands
from gwproxy.profiles.keyring_trouble import (
    Asker,
    KeyringTrouble,
    Situation,
    explain,
    key_variable,
    reading,
)
from gwproxy.profiles.oskeyring import Keyring, SystemKeyring
from gwproxy.profiles.presets import PRESETS, Preset
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.secret import Secret, Source, text_of
from gwproxy.profiles.store import Config, edit, load


class FoundKey(NamedTuple):
    """A key and where it came from; no key when the upstream asks for none."""

    secret: Secret | None
    source: Source


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What may be shown about a profile's key: never more than its last four characters.

    `masked` is "" when the key was not looked at (a command is not run for a list); `trouble`
    says why there is none.
    """

    source: Source
    masked: str = ""
    trouble: str = ""


def keyring_of(config: Config) -> Keyring:
    """The keyring that `config` asks for. A server makes one and keeps it: it remembers for a
    while that a keyring hangs."""
    return SystemKeyring(config.keyring_backend)


_LONGEST_KEY_FILE: Final = 64 * 1024
"""A key is a line; whoever names a log by mistake need not wait for it."""


def read_key_file(path: Path) -> Secret:
    """The key in the first line of `path`. Raises CredentialError, also when others can read it."""
    try:
        with path.open("rb") as file:
            # Of the open file, not of the path: the two may differ by the time we look.
            status = os.fstat(file.fileno())
            if os.name == "posix" and status.st_mode & 0o077:
                raise CredentialError(
                    f"others can read the key file {path}",
                    why=f"its mode is {status.st_mode & 0o777:04o}",
                    hint=f"chmod 600 {path}",
                )
            lines = text_of(file.read(_LONGEST_KEY_FILE)).splitlines()
    except OSError as error:
        raise CredentialError(
            f"cannot read the key file {path}",
            why=error.strerror or str(error),
            hint="mend the path or the permissions, or keep the key in the keyring",
        ) from None
    return clean_key(lines[0] if lines else "", f"in {path}")


def resolve(
    profile: Profile,
    keyring: Keyring | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    commands: KeyCommands | None = None,
) -> FoundKey:
    """The key of `profile` and where it came from. `commands` runs its command, if it has one.

    Raises KeyringError when the keyring is the trouble (another try may succeed) and
    CredentialError when there is no key.
    """
    environ = os.environ if environ is None else environ
    override = environ.get(key_variable(profile.name))
    if override:
        source = Source("environment", key_variable(profile.name))
        return FoundKey(clean_key(override, str(source)), source)
    match profile.key.kind:
        case "none":
            return FoundKey(None, Source("none"))
        case "command":
            source = Source("command", profile.key.command[0])
            said = (commands or KeyCommands()).first_line(
                profile.name, profile.key.command, environ
            )
            return FoundKey(clean_key(said, f"from {source.detail}"), source)
        case "file":
            assert profile.key.path is not None
            source = Source("file", str(profile.key.path))
            return FoundKey(read_key_file(profile.key.path), source)
        case "env" if value := environ.get(profile.key.variable):
            source = Source("environment", profile.key.variable)
            return FoundKey(clean_key(value, str(source)), source)
        case _:
            return _from_keyring(profile, keyring or keyring_of(load()), environ)


def resolve_for_use(
    profile: Profile,
    commands: KeyCommands | None = None,
    in_force: Callable[[], Config] | None = None,
) -> FoundKey:
    """As `resolve`, for whoever sends the key on; a keyring that answers is brought up to date.
    `in_force` is the configuration of a server, whatever config.toml has become since."""
    keyring = None if in_force is None else keyring_of(in_force())
    found = resolve(profile, keyring, commands=commands)
    if found.source.kind == "keyring":
        settle()
    return found


def settle() -> None:
    """Note what gwproxy 0.1.0 stored in the keyring, and delete there what could not be deleted
    before. Says nothing where that is still so."""
    with contextlib.suppress(ConfigError, KeyringError):
        config = load()
        if config.is_of_0_1_0:
            config = edit(lambda document: None)
        delete_left(config, keyring_of(config))


def give_key(
    profile: Profile,
    secret: Secret,
    keyring: Keyring,
    change: Callable[[MutableMapping[str, Any]], None],
    *,
    adding: str = "",
) -> Config:
    """Put the key of `profile` into the keyring, for the hosts that it leads to now; the Config
    after `change` and after the note of that.

    Raises KeyringError, ConfigError, and whatever `change` raises; then it is not kept.
    """
    return _put(profile.name, secret, key_hosts.hosts_of(profile), keyring, change, adding)


def move_key(
    profile: Profile,
    new_name: str,
    secret: Secret,
    keyring: Keyring,
    change: Callable[[MutableMapping[str, Any]], None],
) -> Config:
    """Put the key of `profile` under another name too, for the same hosts; the Config after
    `change`, which renames the profile.

    Raises as `give_key` does.
    """
    return _put(new_name, secret, profile.key.hosts or (), keyring, change)


def delete_left(config: Config, keyring: Keyring) -> tuple[str, ...]:
    """Delete the entries of the keyring that wait for it; the names under which there was one.

    Raises KeyringError; then they go on waiting.
    """
    if not config.left_keys:
        return ()
    deleted = []
    with _one_at_a_time():
        # Of the file as it is now: one of the names may have been given a key meanwhile.
        for name in load().left_keys:
            if delete_key(name, keyring):
                deleted.append(name)
            edit(partial(key_hosts.drop, name=name))
    return tuple(deleted)


def _put(
    name: str,
    secret: Secret,
    hosts: key_hosts.Hosts,
    keyring: Keyring,
    change: Callable[[MutableMapping[str, Any]], None],
    adding: str = "",
) -> Config:
    def noted(document: MutableMapping[str, Any]) -> None:
        change(document)
        key_hosts.give(document, name, hosts)

    with _one_at_a_time():
        if load().is_of_0_1_0:  # a file that cannot be written must not cost anybody a key
            edit(lambda document: None)
        # Stored first: noted for new hosts before, the old key could go there.
        store_key(name, secret, keyring, adding=adding)
        try:
            return edit(noted)
        except GwproxyError:
            delete_key(name, keyring)  # a key that nothing is known of
            raise


def _one_at_a_time() -> contextlib.AbstractContextManager[None]:
    """The keyring and what config.toml says of it change together, or a key just stored would be
    deleted for one that was left."""
    return paths.exclusive_lock("keyring")


def store_key(
    profile: str, secret: Secret, keyring: Keyring | None = None, *, adding: str = ""
) -> None:
    """Put the key of `profile` into the keyring, where it stays until deleted.

    It is read back and compared. `adding` is the command that is making the profile right now, for
    the ways out. Raises KeyringError.
    """
    with _Explained(Asker(profile, adding)):
        (keyring or keyring_of(load())).write(profile, secret)


def stored_key(profile: str, keyring: Keyring | None = None, *, adding: str = "") -> Secret | None:
    """The key of `profile` in the keyring, whatever else overrides it. `adding` is as for
    `store_key`. Raises KeyringError."""
    with _Explained(Asker(profile, adding)):
        return (keyring or keyring_of(load())).read(profile)


def delete_key(profile: str, keyring: Keyring | None = None) -> bool:
    """Delete the key of `profile` from the keyring; whether there was one.

    Raises KeyringError.
    """
    with _Explained(Asker(profile)):
        return (keyring or keyring_of(load())).delete(profile)


def describe_source(
    profile: Profile,
    keyring: Keyring | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> KeyStatus:
    """Where the key of `profile` comes from, for a list. Never raises, never runs a command."""
    environ = os.environ if environ is None else environ
    overridden = bool(environ.get(key_variable(profile.name)))
    if profile.key.kind == "command" and not overridden:
        return KeyStatus(Source("command", profile.key.command[0]))
    try:
        secret, source = resolve(profile, keyring, environ=environ)
    except _NoKey as error:
        return KeyStatus(expected_source(profile), trouble=f"no key: {error.why}")
    except CredentialError as error:
        return KeyStatus(expected_source(profile), trouble=error.what)
    return KeyStatus(source, masked=secret.masked if secret else "")


def describe_of_process(profile: Profile) -> KeyStatus | None:
    """Where this process has the key of `profile` from; None where only a keyring can tell, which
    is the same for every process of a person. Never raises, never runs a command."""
    in_variable = bool(os.environ.get(key_variable(profile.name)))
    if profile.key.kind == "env":
        in_variable = in_variable or bool(os.environ.get(profile.key.variable))
    if in_variable or profile.key.kind not in ("env", "keyring"):
        return describe_source(profile)
    return None


def describe_in_keyring(profile: Profile) -> KeyStatus:
    """Where the key of `profile` comes from for a process that has no variable with it."""
    names = {key_variable(profile.name), profile.key.variable}
    environ = {name: value for name, value in os.environ.items() if name not in names}
    return describe_source(profile, environ=environ)


def expected_source(profile: Profile) -> Source:
    """Where the profile says that its key is, whether or not there is one."""
    match profile.key.kind:
        case "env":
            return Source("environment", profile.key.variable)
        case "file":
            return Source("file", str(profile.key.path))
        case "command":
            return Source("command", profile.key.command[0])
        case _:
            return Source("keyring")


def clean_key(text: str, where: str) -> Secret:
    """`text` as a key: trimmed, and refused when it cannot be one. Raises CredentialError.

    `where` says where it came from. The text itself never shows up in the error.
    """
    key = text.strip()
    if not key:
        raise CredentialError(f"the key is empty ({where})")
    if key.lower().startswith("bearer "):
        raise CredentialError(
            f"the key begins with the word Bearer ({where})", hint="give the key alone"
        )
    if key[0] in "\"'" or key[-1] in "\"'":
        raise CredentialError(
            f"the key is in quotes ({where})", hint="give the key alone, without the quotes"
        )
    # A header carries visible ASCII; anything else is a slip of copying.
    if not all("!" <= character <= "~" for character in key):
        raise CredentialError(
            f"the key has spaces, line breaks or letters that no key has ({where})",
            hint="copy it again, the key alone",
        )
    return Secret(key)


def misfit_warning(profile: Profile, secret: Secret) -> str:
    """A remark when the key looks like one for another provider, else ""."""
    preset = PRESETS[profile.preset]
    key = secret.reveal()
    if preset.key_prefix and not key.startswith(preset.key_prefix):
        return f"keys of {preset.title} begin with {preset.key_prefix}, this one does not"
    for owner in PRESETS.values():
        # "sk-" alone is how the keys of a dozen vendors begin.
        telling = owner.key_prefix not in ("", "sk-")
        if telling and key.startswith(owner.key_prefix) and not _could_be(profile, owner):
            where = " and ".join(sorted(_hosts(profile))) or profile.name
            return f"this looks like a key of {owner.title}, and it would be sent to {where}"
    return ""


class _Explained:
    """Turns KeyringTrouble into a KeyringError with the ways out for `asker`."""

    def __init__(self, asker: Asker, environ: Mapping[str, str] | None = None) -> None:
        self._asker = asker
        self._environ = os.environ if environ is None else environ

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, KeyringTrouble):
            raise explain(error, self._asker, Situation.here(self._environ)) from error


def _from_keyring(profile: Profile, keyring: Keyring, environ: Mapping[str, str]) -> FoundKey:
    wanted = profile.key.variable
    looked = f"{wanted} is not set and " if wanted else ""
    if profile.key.hosts is None:
        raise _no_key(profile, f"{looked}the keyring has none that {profile.name} put there")
    objection = key_hosts.objection(profile)
    if objection is not None:
        raise objection
    try:
        with _Explained(Asker(profile.name), environ):
            secret = keyring.read(profile.name)
    except KeyringError as error:
        if not wanted:
            raise
        # The profile names a variable; that one is missing, whatever the keyring says.
        raise _no_key(profile, f"{wanted} is not set, and {error.what}") from error
    if secret is not None:
        return FoundKey(secret, Source("keyring"))
    raise _no_key(profile, f"{looked}the keyring has none for it")


class _NoKey(CredentialError):
    """Everything works, and there is no key."""


def _no_key(profile: Profile, why: str) -> _NoKey:
    variable = profile.key.variable
    hint = f"{reading(variable)}\n" if variable else ""
    return _NoKey(
        f"there is no key for the profile {profile.name}",
        why=why,
        hint=f"{hint}gwproxy profile key {profile.name}",
    )


def _could_be(profile: Profile, owner: Preset) -> bool:
    """Whether a key of `owner` makes sense for `profile`."""
    if profile.preset == owner.name:
        return True
    bases = [base for base in (owner.anthropic_url, owner.openai_url) if base]
    if not bases:  # a gateway that somebody runs somewhere
        return profile.preset == "custom"
    return bool({host_of(base) for base in bases} & _hosts(profile))


def _hosts(profile: Profile) -> set[str]:
    return {host_of(base) for base in (profile.anthropic_url, profile.openai_url) if base}
