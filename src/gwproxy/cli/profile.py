"""`gwproxy profile …`: list, show, use, set, rename and remove profiles, forget what they taught.

`profile add` and `profile key`, which handle keys, are in `cli.profile_key`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Annotated, Final

import typer

from gwproxy.cli import profile_key
from gwproxy.cli.drawing import Table
from gwproxy.cli.options import CsvFlag, JsonFlag, ProfileName, QuietFlag, YesFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.sheet import Sheet
from gwproxy.cli.voice import Group
from gwproxy.errors import ConfigError, KeyringError, UsageError
from gwproxy.profiles import changes, credentials, key_hosts, learned, store
from gwproxy.profiles.credentials import KeyStatus
from gwproxy.profiles.learned import Lesson
from gwproxy.profiles.model_facts import facts_of
from gwproxy.profiles.names import profile_names
from gwproxy.profiles.oskeyring import Keyring
from gwproxy.profiles.prices import MICRO, Prices
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.quirks import quirk_values, settable_quirks
from gwproxy.profiles.secret import Secret
from gwproxy.translate.quirks import QuirkValue
from gwproxy.translate.registry import DIALECTS, FACTS

_LIMITS: Final = ("context_window", "max_output_tokens")
_MODELS: Final = "models"  # which all dialects have, and a person looks for last
_ENDPOINTS: Final = (
    *(name for facts in FACTS.values() for name in facts.paths if name != _MODELS),
    _MODELS,
)

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

    rows = [*_setting_rows(found, key), *_quirk_rows(found, everything=everything)]
    rows += _lesson_rows(lessons)
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


def profile_data(profile: Profile) -> dict[str, object]:
    """A profile as --json shows it."""
    return {
        "name": profile.name,
        "preset": profile.preset,
        "model": profile.model,
        "models": list(profile.models),
        "dialects": list(profile.dialects),
        "anthropic_url": profile.anthropic_url,
        "openai_url": profile.openai_url,
        "endpoints": {one: url for one in _ENDPOINTS if (url := profile.url(one))},
        "stream": profile.stream,
        "auth": {dialect: profile.auth_for(dialect) for dialect in profile.dialects},
        "headers": dict(profile.headers),
        "quirks": _plain(quirk_values(profile)),
        "context_window": profile.context_window,
        "max_output_tokens": profile.max_output_tokens,
        "first_byte_timeout_s": profile.first_byte_timeout_s,
        "idle_timeout_s": profile.idle_timeout_s,
        "fallback": list(profile.fallback),
        "max_concurrent": profile.max_concurrent,
        "prices": _price_data(profile.prices) if profile.prices else None,
    }


def key_data(key: KeyStatus) -> dict[str, object]:
    return {
        "kind": key.source.kind,
        "source": str(key.source),
        "masked": key.masked or None,
        "trouble": key.trouble or None,
    }


def key_text(key: KeyStatus) -> str:
    """`…1a2b  keyring`, or why there is no key."""
    if key.trouble:
        return key.trouble
    return f"{key.masked}  {key.source}" if key.masked else str(key.source)


def _setting_rows(profile: Profile, key: KeyStatus) -> Iterator[tuple[str, str, str]]:
    facts = facts_of(profile.model)

    def origin(name: str) -> str:
        if name in profile.overridden:
            return "config.toml"
        if name in _LIMITS and facts is not None and getattr(facts, name):
            return f"model {profile.model}"
        return f"preset {profile.preset}"

    values = profile_data(profile)
    for name in ("preset", "model", "models", "anthropic_url", "openai_url", "dialects", "stream"):
        value = values[name]
        text = ", ".join(value) if isinstance(value, list) else str(value or "")
        yield name, text, origin(name)
    yield "key", key_text(key), _key_origin(profile, key)
    for dialect in DIALECTS:
        if dialect in profile.dialects:
            name = "auth" if "auth" in profile.overridden else f"auth.{dialect}"
            yield f"auth.{dialect}", profile.auth_for(dialect), origin(name)
    for header, value in profile.headers.items():
        yield f"headers.{header}", value, origin(f"headers.{header}")
    for name in (*_LIMITS, "first_byte_timeout_s", "idle_timeout_s"):
        yield name, _number(values[name]), origin(name)
    if profile.fallback:
        yield "fallback", ", ".join(profile.fallback), origin("fallback")
    if profile.max_concurrent:
        yield "max_concurrent", str(profile.max_concurrent), origin("max_concurrent")
    if profile.prices:
        yield "prices", _price_text(profile.prices), "config.toml"


def _price_data(prices: Prices) -> dict[str, object]:
    """As config.toml says them: tokens by the million, in the unit's own coin."""
    known = {name: value for name, value in asdict(prices).items() if value is not None}
    return {name: value if name == "unit" else value / MICRO for name, value in known.items()}


def _price_text(prices: Prices) -> str:
    said = [f"{name} {value:g}" for name, value in _price_data(prices).items() if name != "unit"]
    return f"{prices.unit}: {', '.join(said)}"


def _quirk_rows(profile: Profile, *, everything: bool) -> Iterator[tuple[str, str, str]]:
    values = quirk_values(profile)
    facts = facts_of(profile.model)
    for quirk in settable_quirks():
        name = quirk.name
        if f"quirks.{name}" in profile.overridden:
            origin = "config.toml"
        elif facts is not None and name in facts.quirks:
            origin = f"model {profile.model}"
        elif name in profile.quirks:
            origin = f"preset {profile.preset}"
        elif everything:
            origin = "default"
        else:
            continue
        yield f"quirk.{name}", _quirk_text(values[name]), origin


def _lesson_rows(lessons: Iterable[Lesson]) -> Iterator[tuple[str, str, str]]:
    for lesson in lessons:
        origin = f"learned {lesson.day} for {lesson.model}: {lesson.why}"
        yield f"quirk.{lesson.quirk}", _quirk_text(lesson.value), origin


def _key_origin(profile: Profile, key: KeyStatus) -> str:
    if key.source.kind == "environment" and profile.key.kind != "env":
        return "environment"
    named = {"key", "key_env", "key_command", "key_file"} & profile.overridden
    return "config.toml" if named else f"preset {profile.preset}"


def _quirk_text(value: QuirkValue | None) -> str:
    if value is None:
        return "unknown (sent)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    # A lone space would look like nothing.
    return repr(value) if isinstance(value, str) and value.isspace() else str(value)


def _number(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _plain(values: Mapping[str, QuirkValue | None]) -> dict[str, object]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }


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
