"""`gwproxy import`: a profile from settings that lead a tool to its provider directly.

Shown first. The key goes from the file into the keyring, and nowhere else; the file stays as it is,
and `gwproxy setup` is what changes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gwproxy.cli.options import PATH_METAVAR, JsonFlag, ModelOption, QuietFlag, YesFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from gwproxy.clients.found_provider import FoundProvider
    from gwproxy.profiles.profile import Profile


def register(app: typer.Typer) -> None:
    app.command("import")(import_settings)


def import_settings(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar=PATH_METAVAR,
            show_default=False,
            help="A settings.json of Claude Code or VS Code; your own by default.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What to call the profile.")
    ] = None,
    model: ModelOption = None,
    yes: YesFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Take over the provider that a tool has been set to."""
    from gwproxy.cli import profile_key
    from gwproxy.clients.found_provider import found_in
    from gwproxy.profiles import key_hosts

    output = output_of(context)
    path, tree = _settings(file)
    found = found_in(tree)
    profile, record = _profile(output, found, name or found.name, model)
    data: dict[str, Any] = {
        "status": "would add",
        "file": str(path),
        "name": profile.name,
        "record": record,
        "key": found.key.masked,
        "host": " and ".join(key_hosts.hosts_of(profile)),
        "left_out": list(found.left_out),
    }
    for words in found.left_out:
        output.warn(f"not taken along: {words}")
    if yes or _agreed(output, data):
        profile_key.keep(output, profile, record, found.key, data | {"status": "added"})
        output.talk(f"{path} is as it was; gwproxy setup claude-code takes the key out of it")


def _profile(
    output: Output, found: FoundProvider, name: str, model: str | None
) -> tuple[Profile, dict[str, Any]]:
    """What `found` makes, and its record for config.toml. Raises UsageError for a name that is
    taken, ConfigError."""
    from gwproxy.cli.profile_key import check_new_name
    from gwproxy.cli.profile_questions import ask_missing
    from gwproxy.profiles import store
    from gwproxy.profiles.record import make_profile

    config = store.load()
    if name in config.profiles:
        hint = f"gwproxy import --name OTHER, or gwproxy profile show {name}"
        raise UsageError(f"there is a profile called {name} already", hint=hint)
    check_new_name(name, config)
    record = found.record | ({"model": model} if model else {})
    ask_missing(output, found.preset, record)
    return make_profile(name, record), record


def _agreed(output: Output, data: dict[str, Any]) -> bool:
    """Whether the person wants this: shown first, then asked where somebody can answer."""
    can_ask = output.can_ask()
    if not can_ask:
        output.result(data, lambda: _show(output, data))
    else:
        _show(output, data)
        where = f"for {data['host']} and nowhere else"
        question = f"Add {data['name']}, and put its key into the keyring, {where}?"
        if output.confirm(question, flag="--yes"):
            return True
    output.talk("nothing was changed")
    if not can_ask:
        output.next("gwproxy import --yes")
    return False


def _settings(file: Path | None) -> tuple[Path, Any]:
    """The settings that are meant, and what they say: the person's own. Raises ConfigError and
    UsageError."""
    from gwproxy.cli.setup_inputs import places_of
    from gwproxy.clients import claude_code, files, vscode
    from gwproxy.clients.document import Uneditable
    from gwproxy.clients.found_provider import leads_away
    from gwproxy.clients.jsonpairs import PAIRS_JSON

    places = places_of(None)
    own = claude_code.target("user", places).file
    editor = vscode.target(vscode.SCOPE, places).file
    # Not a project's: whoever wrote that would choose where this person's prompts go.
    every = [file] if file else [own, editor]
    read = []
    for path in every:
        text = files.read(path).text if file else files.peek(path)
        if text is None:
            continue
        try:
            read.append((path, PAIRS_JSON.read(text)))
        except Uneditable as error:
            if file or path == own:
                why = f"line {error.line}, column {error.column}: {error.reason}"
                raise ConfigError(f"cannot read {path}", why=why) from None
    if file and not read:
        raise UsageError(f"there is no file {file}")
    away = next((one for one in read if leads_away(one[1])), None)
    mine = next((one for one in read if one[0] == own), (own, {}))
    return away or (read[0] if file else mine)


def _show(output: Output, data: dict[str, Any]) -> None:
    rows = [("profile", data["name"])]
    rows += [
        (setting, ", ".join(value) if isinstance(value, list) else str(value))
        for setting, value in data["record"].items()
    ]
    rows += [("key", f"{data['key']}, for {data['host']} only"), ("from", data["file"])]
    output.pairs(rows)
