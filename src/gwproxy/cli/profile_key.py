"""`gwproxy profile add` and `gwproxy profile key`: where a key enters.

A key comes in by a hidden prompt or on stdin and never as an argument, where every user of the
machine could read it. It goes to the keyring, or nowhere: nothing here writes one to a file.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer

from gwproxy import paths
from gwproxy.cli.hints import tool_here, warn_of_window
from gwproxy.cli.options import (
    PATH_METAVAR,
    AnthropicUrl,
    JsonFlag,
    KeyFlags,
    ModelOption,
    OpenaiUrl,
    ProfileName,
    QuietFlag,
    spread_flags,
)
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.profile_questions import ask_missing, preset_of
from gwproxy.errors import ConfigError, CredentialError, KeyringError, UsageError
from gwproxy.profiles import changes, credentials, key_hosts, store
from gwproxy.profiles.keyring_trouble import key_variable
from gwproxy.profiles.oskeyring import Keyring
from gwproxy.profiles.presets import PRESETS, Preset
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.record import check_name, make_profile
from gwproxy.profiles.secret import Secret, text_of

_KEY_FLAGS: Final = "--key-stdin, --key-env VAR, --key-command CMD, --key-file PATH or --no-key"


def register(app: typer.Typer) -> None:
    app.command("add")(spread_flags(add))
    app.command("key")(key)


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """Where the key will be: `record` for config.toml, `secret` for the keyring."""

    record: dict[str, Any]
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class ProviderFlags:
    """What `profile add` is told of a provider; all but the preset is a setting of the profile."""

    preset: Annotated[
        str | None, typer.Option("--preset", metavar="|".join(PRESETS), help="A known provider.")
    ] = None
    anthropic_url: AnthropicUrl = None
    openai_url: OpenaiUrl = None
    dialects: Annotated[
        str | None,
        typer.Option("--dialects", metavar="LIST", help="Some of anthropic,chat,responses."),
    ] = None
    model: ModelOption = None
    stream: Annotated[
        str | None,
        typer.Option("--stream", metavar="auto|always|never", help="Whether it can stream."),
    ] = None
    auth: Annotated[
        str | None,
        typer.Option("--auth", metavar="x-api-key|bearer|HEADER", help="How it takes the key."),
    ] = None
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="'K: V'", help="Send this as well.")
    ] = None
    quirk: Annotated[
        list[str] | None,
        typer.Option("--quirk", metavar="NAME[=VALUE]", help="See gwproxy profile show --all."),
    ] = None

    def record(self, preset: Preset) -> dict[str, Any]:
        """The settings that are one word each, as config.toml has them. Raises UsageError."""
        names = ("anthropic_url", "openai_url", "model", "stream", "auth")
        given = {name: value for name in names if (value := getattr(self, name))}
        if self.dialects:
            given["dialects"] = changes.parse_assignment(f"dialects={self.dialects}")[1]
        return {"preset": preset.name, **given}


def add(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="What to call it.")
    ],
    *,
    flags: ProviderFlags,
    keys: KeyFlags,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Add a profile; its key goes into the keyring."""
    output = output_of(context)
    check_new_name(name, store.load())
    has_url = bool(flags.anthropic_url or flags.openai_url)
    chosen = preset_of(output, name, flags.preset, has_url=has_url)
    record = flags.record(chosen)
    ask_missing(output, chosen, record)
    for text in flags.header or ():
        record.setdefault("headers", {}).update([_header(text)])
    for text in flags.quirk or ():
        record.setdefault("quirks", {}).update([_quirk(text)])
    profile = _valid(name, record)
    plan = KeyPlan({})
    if chosen.needs_key:
        plan = _key_plan(output, profile, keys, adding=_command(name, record))
    record |= plan.record
    _add(output, _valid(name, record), record, plan)


def key(
    context: typer.Context,
    name: ProfileName,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the key from stdin.")] = False,
    env: Annotated[
        str | None, typer.Option("--env", metavar="VAR", help="The variable with the key.")
    ] = None,
    command: Annotated[
        str | None, typer.Option("--command", metavar="CMD", help="A command printing it.")
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar=PATH_METAVAR, help="A 0600 file with it.")
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Let it go to the profile's new host too.")
    ] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Forget the key.")] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Set, rotate, confirm or delete the key of a profile."""
    output = output_of(context)
    keys = KeyFlags(stdin, env, command, file)
    if (confirm or delete) and (keys.given or confirm is delete):
        raise UsageError(
            "--confirm and --delete go with none of --stdin, --env, --command, --file, "
            "and not with each other"
        )
    config = store.load()
    if delete and name not in config.profiles and name in config.left_keys:
        credentials.delete_left(config, credentials.keyring_of(config))
        output.talk(f"the key that {name} had left in the keyring is deleted")
    else:
        profile = config.profile(name)
        if profile.is_built_in:
            raise UsageError("the built-in demo provider asks for no key")
        if confirm:
            _confirm(output, profile)
        elif delete:
            _delete(output, profile, config)
        else:
            set_key(output, profile, keys)
    left = store.load().profiles.get(name)
    source = str(credentials.expected_source(left)) if left is not None else None
    output.result({"name": name, "source": source}, lambda: None)


def set_key(output: Output, profile: Profile, keys: KeyFlags) -> None:
    """Note in config.toml where the key of `profile` is, store it if that is the keyring, and say
    so."""
    plan = _key_plan(output, profile, keys, flags="--")
    name = profile.name
    if plan.secret is None:
        profile = _edit(name, _reference(name, plan.record)).profile(name)
        output.talk(f"{name} takes its key from {credentials.expected_source(profile)}")
    else:
        _warn_of_misfit(output, profile, plan.secret)
        keyring = credentials.keyring_of(store.load())
        config = credentials.give_key(profile, plan.secret, keyring, _reference(name, {}))
        profile = config.profile(name)
        output.talk(f"the key of {name} is in the keyring ({plan.secret})")
    _warn_of_variables(output, profile)


def check_new_name(name: str, config: store.Config) -> None:
    """Raises UsageError when a new profile cannot be called `name`."""
    try:
        check_name(name)
    except ConfigError as error:
        raise UsageError(error.what, why=error.why, hint=error.hint) from None
    if name in config.profiles:
        raise UsageError(
            f"there is a profile called {name} already",
            hint=f"gwproxy profile set {name} KEY=VALUE\ngwproxy profile key {name}",
        )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError("--header takes 'Name: value'")
    return name.strip(), value.strip()


def _quirk(text: str) -> tuple[str, Any]:
    (_, name), value = changes.parse_assignment(f"quirk.{text if '=' in text else text + '=true'}")
    return name, value


def _valid(name: str, record: dict[str, Any]) -> Profile:
    """The profile; what is wrong with it is wrong with the command line."""
    try:
        return make_profile(name, record)
    except ConfigError as error:
        raise UsageError(error.what, why=error.why, hint=error.hint) from None


def _piped() -> str:
    """All of stdin, in whatever encoding the shell has piped it."""
    raw = getattr(sys.stdin, "buffer", None)
    return sys.stdin.read() if raw is None else text_of(raw.read())


def _key_plan(
    output: Output, profile: Profile, keys: KeyFlags, *, flags: str = "--key-", adding: str = ""
) -> KeyPlan:
    """Where the key will be, asking for it when no flag says so. `adding` is the command that is
    making the profile right now, for the ways out of a keyring that keeps nothing."""
    if keys.given > 1:
        raise UsageError("a key has one place; give one of the key flags")
    if keys.none:
        return KeyPlan({"key": "none"})
    if keys.env:
        return KeyPlan({"key_env": keys.env})
    if keys.command:
        return KeyPlan({"key_command": changes.split_command(keys.command)})
    if keys.file:
        path = paths.expanded(keys.file).absolute()
        credentials.read_key_file(path)
        return KeyPlan({"key_file": str(path)})
    if keys.stdin:
        return KeyPlan({}, credentials.clean_key(_piped(), "on stdin"))
    preset = PRESETS[profile.preset]
    where = f" (from {preset.key_page})" if preset.key_page else ""
    if output.can_ask():
        # Whoever has no keyring here must not have copied a key for nothing.
        credentials.stored_key(profile.name, credentials.keyring_of(store.load()), adding=adding)
        to = _destination(profile)
        output.talk(f"The key goes into the keyring, and to {to} and nowhere else.")
    question = f"API key of {preset.title if preset.key_page else profile.name}{where}"
    typed = output.ask_secret(
        question, flag=_KEY_FLAGS if flags == "--key-" else "--stdin, --env, --command or --file"
    )
    return KeyPlan({}, credentials.clean_key(typed, "as typed"))


def keep(
    output: Output, profile: Profile, record: dict[str, Any], secret: Secret, data: dict[str, Any]
) -> None:
    """Add a profile whose key is known already; `data` is what --json says besides."""
    plan = KeyPlan({}, credentials.clean_key(secret.reveal(), "in the settings"))
    _add(output, profile, record, plan, data)


def _add(
    output: Output,
    profile: Profile,
    record: dict[str, Any],
    plan: KeyPlan,
    data: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    config = _write(output, profile, record, plan, credentials.keyring_of(store.load()))
    _warn_of_variables(output, profile)
    _report(output, profile, config, plan, data)


def _write(
    output: Output, profile: Profile, record: dict[str, Any], plan: KeyPlan, keyring: Keyring
) -> store.Config:
    """Add the profile, its key first."""
    add_it = partial(changes.add_profile, name=profile.name, record=record)
    if plan.secret is None:
        return store.edit(add_it)
    _warn_of_misfit(output, profile, plan.secret)
    adding = _command(profile.name, record)
    return credentials.give_key(profile, plan.secret, keyring, add_it, adding=adding)


def _warn_of_misfit(output: Output, profile: Profile, secret: Secret) -> None:
    warning = credentials.misfit_warning(profile, secret)
    if warning:
        output.warn(warning)


def _command(name: str, record: dict[str, Any]) -> str:
    """The beginning of a command line that adds the same profile."""
    words = ["gwproxy", "profile", "add", name]
    for setting in ("preset", "anthropic_url", "openai_url", "model"):
        if setting in record and record[setting] != name:
            words += [f"--{setting.replace('_', '-')}", str(record[setting])]
    return shlex.join(words)


def _warn_of_variables(output: Output, profile: Profile) -> None:
    """Remarks on the environment; only after the names in it have passed for names."""
    variable = profile.key.variable
    if variable and not os.environ.get(variable):
        output.warn(f"{variable} is not set in this shell")
    override = key_variable(profile.name)
    if os.environ.get(override) and override != variable:
        output.warn(f"{override} is set here and wins over it")


def _reference(name: str, record: dict[str, Any]) -> Callable[[changes.Document], None]:
    """The change that says where the key is; an empty record says the keyring."""
    assignments: list[changes.Assignment] = [((key,), value) for key, value in record.items()]
    return partial(changes.set_values, name=name, assignments=assignments or [(("key",), None)])


def _edit(name: str, change: Callable[[changes.Document], None]) -> store.Config:
    try:
        return store.edit(change)
    except ConfigError as error:
        if error.what.startswith(f"profiles.{name}.key"):  # the command line is wrong, not the file
            raise UsageError(error.what, hint=error.hint) from None
        raise


def _confirm(output: Output, profile: Profile) -> None:
    """Let the key that is in the keyring go wherever the profile leads now."""
    if profile.key.hosts is None:
        raise CredentialError(
            f"{profile.name} has put no key into the keyring",
            why="there is nothing to confirm",
            hint=f"gwproxy profile key {profile.name}",
        )
    new = key_hosts.strangers(profile)
    if not new:
        output.talk(f"the key of {profile.name} may go to {_destination(profile)} already")
        return
    hosts = (*profile.key.hosts, *new)
    store.edit(partial(key_hosts.give, name=profile.name, hosts=hosts))
    output.talk(
        f"the key of {profile.name} may go to {' and '.join(new)} now; "
        "a running server takes it over by itself"
    )


def _delete(output: Output, profile: Profile, config: store.Config) -> None:
    name = profile.name
    if profile.key.kind in ("env", "command", "file"):
        _edit(name, _reference(name, {}))
        output.talk(f"{name} takes no key from {credentials.expected_source(profile)} any more")
        if profile.key.hosts is None:
            return  # it never put a key into the keyring
    # Asked for by name, an entry goes whoever wrote it.
    config = store.edit(partial(key_hosts.give, name=name, hosts=()))
    try:
        deleted = name in credentials.delete_left(config, credentials.keyring_of(config))
    except KeyringError:
        output.warn(
            f"the key of {name} is used no more, and deleted when the keyring can be opened"
        )
        raise
    output.talk(
        f"the key of {name} is deleted from the keyring"
        if deleted
        else f"there was no key of {name} in the keyring"
    )


def _destination(profile: Profile) -> str:
    """Where the key of `profile` goes, in words."""
    return " and ".join(key_hosts.hosts_of(profile)) or "nobody"


def _report(
    output: Output,
    profile: Profile,
    config: store.Config,
    plan: KeyPlan,
    more: Mapping[str, Any],
) -> None:
    is_default = config.default == profile.name
    then = f"gwproxy setup {tool_here()}" if is_default else f"gwproxy profile use {profile.name}"

    def human() -> None:
        kept = f"; its key {plan.secret} is in the keyring" if plan.secret else ""
        output.talk(f"{profile.name} is added ({', '.join(profile.dialects)}){kept}")
        if is_default:
            output.talk(f"{profile.name} is the default profile")
        _say_what_stays(output, profile)
        warn_of_window(output, profile)
        output.next(f"gwproxy test {profile.name}", then)

    data = {"name": profile.name, "default": is_default, "next": f"gwproxy test {profile.name}"}
    output.result({**more, **data}, human)


def _say_what_stays(output: Output, profile: Profile) -> None:
    """A preset with two addresses, one of which was replaced: the other stays at the vendor."""
    preset = PRESETS[profile.preset]
    for setting in ("anthropic_url", "openai_url"):
        base, usual = getattr(profile, setting), getattr(preset, setting)
        if base and base == usual and len(key_hosts.hosts_of(profile)) > 1:
            flag = f"--{setting.replace('_', '-')}"
            output.warn(f"{setting} stays at {base}; {flag} would move it too")
