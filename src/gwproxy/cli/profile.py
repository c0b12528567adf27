"""`gwproxy profile …`: list, show, use, set, rename and remove profiles, forget what they taught.

`profile add` and `profile key`, which handle keys, are in `cli.profile_key`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Annotated, Final

import typer

from gwproxy.cli import profile_key
from gwproxy.cli.drawing import Table
from gwproxy.cli.options import CsvFlag, JsonFlag, ProfileName, QuietFlag, YesFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.profile_report import (
    key_data,
    key_text,
    lesson_rows,
    profile_data,
    quirk_rows,
    setting_rows,
)
from gwproxy.cli.sheet import Sheet
from gwproxy.cli.voice import Group
from gwproxy.errors import ConfigError, KeyringError, UsageError
from gwproxy.profiles import changes, credentials, key_hosts, learned, store
from gwproxy.profiles.names import profile_names
from gwproxy.profiles.oskeyring import Keyring
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import settable_quirks
from gwproxy.profiles.secret import Secret

profile_app: Final = typer.Typer(
    cls=Group,
    help="Add, list and change profiles and their keys.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    app.add_typer(profile_app, name="profile")


@profile_app.callback()
def profile(context: typer.Context) -> None:
    """Add, list and change profiles and their keys."""
    if context.invoked_subcommand is None:
        output_of(context).line(context.get_help())


profile_key.register(profile_app)


@profile_app.command("list")
def list_profiles(
    context: typer.Context,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """List the profiles and where each key comes from."""
    output = output_of(context)
    config = store.load()
    keyring = credentials.keyring_of(config)
    keys = {
        name: credentials.describe_source(one, keyring) for name, one in config.profiles.items()
    }

    def human() -> None:
        rows = tuple(
            (
                f"{name} *" if name == config.default else name,
                one.preset,
                ", ".join(one.dialects),
                one.model,
                key_text(keys[name]),
                " ".join(key_hosts.hosts_of(one)),
            )
            for name, one in config.profiles.items()
        )
        output.table(
            Table(
                ("NAME", "PRESET", "SPEAKS", "MODEL", "KEY", "HOST"),
                rows,
                empty="no profile yet; to add one:\n  gwproxy profile add kimi --preset kimi-code",
                spare=("HOST", "SPEAKS"),
            )
        )
        for remark in config.remarks:
            output.warn(remark)

    with suppress(ConfigError, KeyringError):
        credentials.delete_left(config, keyring)
    rows = [
        {**profile_data(one), "key": key_data(keys[name])} for name, one in config.profiles.items()
    ]
    data = {
        "default": config.default or None,
        "profiles": rows,
        "remarks": list(config.remarks),
    }
    output.result(data, human, sheet=Sheet(rows, ("name",)))


@profile_app.command()
def show(
    context: typer.Context,
    name: ProfileName,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the quirks that stand at their default.")
    ] = False,
    csv: CsvFlag = False,
    json: JsonFlag = False,
) -> None:
    """Show every setting of a profile and where it comes from."""
    output = output_of(context)
    config = store.load()
    found = config.profile(name)
    key = credentials.describe_source(found, credentials.keyring_of(config))
    lessons = learned.in_force(learned.load(), found)

    rows = [*setting_rows(found, key), *quirk_rows(found, everything=everything)]
    rows += lesson_rows(lessons)
    columns = ("setting", "value", "from")

    def human() -> None:
        output.table(Table(tuple(map(str.upper, columns)), tuple(rows)))
        if lessons:
            output.talk(f"gwproxy profile forget {name} drops what was learned")
        if everything:
            output.line("")
            meanings = [(f"quirk.{quirk.name}", quirk.about.meaning) for quirk in settable_quirks()]
            output.table(Table(("QUIRK", "MEANING"), tuple(meanings)))

    data = profile_data(found) | {"key": key_data(key), "default": name == config.default}
    data["overridden"] = sorted(found.overridden)
    data["learned"] = [asdict(lesson) for lesson in lessons]
    sheet = Sheet([dict(zip(columns, row, strict=True)) for row in rows])
    output.result(data, human, sheet=sheet)


@profile_app.command()
def use(
    context: typer.Context, name: ProfileName, json: JsonFlag = False, quiet: QuietFlag = False
) -> None:
    """Make a profile the default one."""
    store.edit(lambda document: changes.use_profile(document, name))
    output = output_of(context)
    output.done({"default": name}, f"{name} is the default profile now")
    from gwproxy.cli.setup_report import tell_who_stays  # and with it all clients

    tell_who_stays(output, name)


@profile_app.command("set")
def set_settings(
    context: typer.Context,
    name: ProfileName,
    assignments: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE",
            show_default=False,
            help="stream=never, models=a,b, quirk.vision=false, header.X-Team=7, auth.chat=bearer; "
            "an empty value goes back to the preset's.",
        ),
    ],
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Change settings of a profile."""
    parsed = [changes.parse_assignment(text) for text in assignments]
    try:
        config = store.edit(lambda document: changes.set_values(document, name, parsed))
    except ConfigError as error:
        settings = [f"profiles.{name}.{'.'.join(path)}" for path, _ in parsed]
        if error.what.startswith(tuple(settings)):  # the command line is wrong, not the file
            raise UsageError(error.what, hint=error.hint) from None
        raise
    output = output_of(context)
    data = profile_data(config.profile(name))
    output.done(data, f"{name} is changed; a running server takes it over by itself")
    _warn_of_new_host(output, config.profile(name))


@profile_app.command()
def forget(
    context: typer.Context,
    name: ProfileName,
    lesson: Annotated[
        str,
        typer.Argument(
            metavar="[LESSON]",
            show_default=False,
            help="Only this one: a quirk (sampling), or what is left out (tools[].strict).",
        ),
    ] = "",
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Forget what the upstream of a profile taught by refusing requests."""
    store.load().profile(name)
    count = learned.forget(name, lesson)
    lessons = "1 lesson is" if count == 1 else f"{count} lessons are"
    words = f"{lessons} forgotten; a running server takes it over by itself"
    about = f"{name}: {lesson}" if lesson else name
    words = words if count else f"nothing was learned about {about}"
    output_of(context).done({"name": name, "forgotten": count}, words)


@profile_app.command()
def rename(
    context: typer.Context,
    name: ProfileName,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", show_default=False)],
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Rename a profile; its key moves along."""
    output = output_of(context)
    config = store.load()
    found = config.profile(name)
    profile_key.check_new_name(new_name, config)
    keyring = credentials.keyring_of(config)
    # The key is copied first and deleted last: at no time is it nowhere.
    secret = _key_to_move(found, new_name, keyring, output)
    rename_it = partial(changes.rename_profile, old=name, new=new_name)
    if secret is None:
        config = store.edit(rename_it)
    else:
        config = credentials.move_key(found, new_name, secret, keyring, rename_it)
    learned.rename(name, new_name)
    _delete_key(output, name, config, keyring)
    output.done({"name": new_name, "was": name}, f"{name} is called {new_name} now")
    from gwproxy.cli.setup_report import follow_rename  # and with it all clients

    follow_rename(output, name, new_name)


@profile_app.command()
def remove(
    context: typer.Context,
    name: ProfileName,
    yes: YesFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Remove a profile and delete its key."""
    output = output_of(context)
    if name not in profile_names():  # said before anybody is asked
        store.load().profile(name)
    if not yes and not output.confirm(f"Remove {name} and delete its key?", flag="--yes"):
        output.talk("nothing was changed")
        return
    # Not checked as a whole before: a broken profile must be removable too.
    config = store.edit(lambda document: changes.remove_profile(document, name))
    learned.forget(name)
    deleted = _delete_key(output, name, config, credentials.keyring_of(config))
    data = {"removed": name, "key_deleted": deleted, "default": config.default or None}
    output.done(data, f"{name} is removed" + (", and its key is deleted" if deleted else ""))
    if config.default:
        output.talk(f"the default profile is {config.default}")
    elif config.profiles:
        output.talk("no profile is the default now")
        output.next("gwproxy profile use NAME")
    from gwproxy.cli.setup_report import remind_of_removal  # and with it all clients

    remind_of_removal(output, name, "" if config.default else " --undo")


def _key_to_move(
    profile: Profile, new_name: str, keyring: Keyring, output: Output
) -> Secret | None:
    """The key that `profile` has in the keyring. Raises KeyringError where it lives by that key:
    renamed without it, it would have none."""
    if profile.key.hosts is None:
        return None
    try:
        return credentials.stored_key(profile.name, keyring)
    except KeyringError as error:
        if profile.key.kind == "keyring":
            raise
        output.warn(f"{new_name} has no key in the keyring any more, because {error.what}")
        return None


def _delete_key(output: Output, name: str, config: store.Config, keyring: Keyring) -> bool:
    """Whether a key of `name` is deleted now; what cannot be is remembered in config.toml."""
    try:
        return name in credentials.delete_left(config, keyring)
    except KeyringError as error:
        if name in config.left_keys:
            output.warn(
                f"a key of {name} may still be in the keyring ({error.what}); "
                "it is used no more, and deleted when the keyring can be opened"
            )
        return False


def _warn_of_new_host(output: Output, profile: Profile) -> None:
    """Say at once what the next request would be refused for."""
    objection = key_hosts.foreseen(profile)
    if objection is not None:
        output.warn(objection.what)
        output.talk(f"hint: {objection.hint}")
