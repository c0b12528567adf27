"""`gwproxy init`: from nothing to a working tool, step by step.

Every step is another command's work, and skipped where it is done already: `profile add`, `test
--free`, `setup`, then `service install` or `serve`. Here is only the order, and what is asked where
no flag says it.
"""

from __future__ import annotations

import shutil
from typing import Annotated, Final

import typer

from gwproxy.cli.options import (
    MODEL_METAVAR,
    KeyCommand,
    KeyEnv,
    KeyFile,
    KeyStdin,
    NoKey,
    QuietFlag,
    YesFlag,
)
from gwproxy.cli.output import Output, output_of
from gwproxy.errors import KeyringError, UsageError
from gwproxy.profiles.presets import PRESETS

_STARTS: Final = {
    "service": "in the background, with every session",
    "serve": "now, in this terminal, until Ctrl-C",
    "run": "with each tool alone: gwproxy run",
}
_KEYS: Final = {
    "env": ("a variable of your shell", "Variable"),
    "command": ("a command that prints it, as of a password manager", "Command"),
    "file": ("a file that only you can read", "File"),
}


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What to call the profile.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", metavar="|".join(PRESETS), help="Your provider.")
    ] = None,
    anthropic_url: Annotated[
        str | None, typer.Option("--anthropic-url", metavar="URL", help="Base for Messages.")
    ] = None,
    openai_url: Annotated[
        str | None, typer.Option("--openai-url", metavar="URL", help="Base for Chat, Responses.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar=MODEL_METAVAR, help="The model to ask for.")
    ] = None,
    key_stdin: KeyStdin = False,
    key_env: KeyEnv = None,
    key_command: KeyCommand = None,
    key_file: KeyFile = None,
    no_key: NoKey = False,
    tools: Annotated[
        list[str] | None,
        typer.Option("--tool", metavar="TOOL", help="Set up this one, not those that are here."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="|".join(_STARTS), help="How the gateway is to run."),
    ] = None,
    yes: YesFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Set everything up, from the provider to your tool."""
    from gwproxy.cli import profile_key, test
    from gwproxy.profiles import store

    output = output_of(context)
    output.hints = False  # of the single steps: this command is their next step
    if start is not None and start not in _STARTS:
        raise UsageError(f"--start is one of {', '.join(_STARTS)}, not {start!r}")
    config = store.load()
    if preset is None and config.default and name in (None, config.default):
        name = config.default
        output.talk(f"the provider is {name} already; --preset would add another")
    else:
        preset = preset or _chosen_preset(output, urls=bool(anthropic_url or openai_url))
        name = name or preset
        keys = {"env": key_env, "command": key_command, "file": key_file}
        if not (any(keys.values()) or key_stdin or no_key) and _needs_key(preset):
            keys |= _key_way(output, name)
        profile_key.add(
            context,
            name,
            preset=preset,
            anthropic_url=anthropic_url,
            openai_url=openai_url,
            model=model,
            key_stdin=key_stdin,
            key_env=keys["env"],
            key_command=keys["command"],
            key_file=keys["file"],
            no_key=no_key,
        )
    code = test.test(context, [name], free=True)
    if code:
        output.hints = True
        output.talk("mend that first; what is done stays done")
        output.next("gwproxy init")
        return code
    return _tools_and_start(context, output, name, tools, start, yes=yes)


def _tools_and_start(
    context: typer.Context,
    output: Output,
    profile: str,
    tools: list[str] | None,
    start: str | None,
    *,
    yes: bool,
) -> int:
    from gwproxy.cli import serve, service, setup
    from gwproxy.cli.hints import gateway_runs
    from gwproxy.cli.setup_inputs import find_client
    from gwproxy.clients.known import CLIENTS
    from gwproxy.profiles import store

    is_default = store.load().default == profile
    here = [name for name, one in CLIENTS.items() if shutil.which(one.PROGRAM)]
    chosen = [find_client(name) for name in (here if tools is None else tools)]
    if not chosen:
        output.talk("none of the tools is in PATH; gwproxy setup NAME prepares one all the same")
    if start is None and not gateway_runs():
        start = "run" if not output.can_ask() else output.choose("Run it", _STARTS, "--start")
    if start != "run":  # which touches no file of a tool
        for client in chosen:
            named = None if is_default else profile
            setup.setup(context, client.NAME, profile=named, yes=yes)
    if start == "service":
        service.install(context)
    output.hints = True
    program = chosen[0].PROGRAM if chosen else "claude"
    named = "" if is_default else f" --profile {profile}"
    if start == "run":
        output.next(f"gwproxy run{named} -- {program}")
    elif start == "serve":
        output.talk(f"in another terminal, type: {program}")
        return serve.serve(context, profile=None if is_default else profile)
    else:
        output.next(program)
    return 0


def _chosen_preset(output: Output, *, urls: bool) -> str:
    if urls:
        return "custom"
    return output.choose("Provider", {name: one.title for name, one in PRESETS.items()}, "--preset")


def _needs_key(preset: str) -> bool:
    return preset in PRESETS and PRESETS[preset].needs_key


def _key_way(output: Output, name: str) -> dict[str, str]:
    """Where the key is, asked for only where no keyring can keep it."""
    from gwproxy.profiles import credentials, store

    try:
        credentials.stored_key(name, credentials.keyring_of(store.load()))
    except KeyringError as error:
        if not output.can_ask():
            raise
        output.talk(f"{error.what}: {error.why}. Your key can be kept elsewhere.")
        ways = {way: words for way, (words, _) in _KEYS.items()}
        way = output.choose("Keep it in", ways, "--key-env")
        return {way: output.ask(_KEYS[way][1], flag=f"--key-{way}")}
    return {}
