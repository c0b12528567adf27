"""`gwproxy init`: from nothing to a working tool, step by step.

Every step is another command's work, and skipped where it is done already: `profile add`, `test
--free`, `service install` or `serve`, then `setup`. Here is only the order, and what is asked where
no flag says it.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gwproxy.cli import profile_key
from gwproxy.cli.init_key import ask_way
from gwproxy.cli.options import (
    AnthropicUrl,
    KeyFlags,
    ModelOption,
    OpenaiUrl,
    QuietFlag,
    YesFlag,
    spread_flags,
)
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.profile_key import ProviderFlags
from gwproxy.cli.profile_questions import ask_missing
from gwproxy.errors import EXIT_CREDENTIAL, UsageError
from gwproxy.profiles import store
from gwproxy.profiles.presets import PRESETS

if TYPE_CHECKING:
    from gwproxy.profiles.profile import Profile

_STARTS: Final = {
    "service": "in the background, with every session",
    "detach": "in the background, until gwproxy stop",
    "serve": "now, in this terminal, until Ctrl-C",
    "run": "with each tool alone: gwproxy run",
}


def register(app: typer.Typer) -> None:
    app.command("init")(spread_flags(init))


def init(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What to call the profile.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", metavar="|".join(PRESETS), help="Your provider.")
    ] = None,
    anthropic_url: AnthropicUrl = None,
    openai_url: OpenaiUrl = None,
    model: ModelOption = None,
    *,
    keys: KeyFlags,
    tools: Annotated[
        list[str] | None,
        typer.Option("--tool", metavar="TOOL", help="Set up this one, not those that are here."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="|".join(_STARTS), help="How the gateway is to run."),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="The same as --start detach.")] = False,
    yes: YesFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Set everything up, from the provider to your tool."""
    output = output_of(context)
    output.hints = False  # of the single steps: this command is their next step
    start = start or ("detach" if detach else None)
    if start is not None and start not in _STARTS:
        raise UsageError(f"--start is one of {', '.join(_STARTS)}, not {start!r}")
    if detach and start != "detach":
        raise UsageError(f"--detach and --start {start} do not go together")
    has_url = bool(anthropic_url or openai_url)
    name, preset = _what_is_there(output, name, preset, has_url=has_url)
    if preset is not None:
        record: dict[str, Any] = {"anthropic_url": anthropic_url, "openai_url": openai_url}
        record["model"] = model
        if known := PRESETS.get(preset):
            ask_missing(output, known, record)
        if known and known.needs_key and not keys.given:
            keys = ask_way(output, name)
        profile_key.add(context, name, flags=ProviderFlags(preset, **record), keys=keys)
    if code := _check(context, output, name):
        output.hints = True
        output.talk("mend that first; what is done stays done")
        output.next("gwproxy init")
        return code
    return _tools_and_start(context, output, name, tools, start, yes=yes)


def _what_is_there(
    output: Output, name: str | None, preset: str | None, *, has_url: bool
) -> tuple[str, str | None]:
    """What the profile is called, and the preset to make it of; None where it is there already."""
    config = store.load()
    if preset is None and config.default and not has_url and name in (None, config.default):
        output.talk(f"the provider is {config.default} already; --preset would add another")
        return config.default, None
    if name is not None and preset is None and not has_url and name in config.profiles:
        return name, None
    preset = preset or ("custom" if has_url else _chosen_preset(output))
    name = name or preset
    there = config.profiles.get(name)
    if there is not None and there.preset == preset:
        output.talk(f"{name} is there already, and stays as it is")
        return name, None
    return name, preset


def _check(context: typer.Context, output: Output, name: str) -> int:
    """The exit code of the free check; a key that is refused can be given again."""
    from gwproxy.cli import test

    while True:
        code = test.test(context, [name], free=True)
        if code != EXIT_CREDENTIAL or not output.can_ask():
            return code
        if not output.confirm(f"Give {name} another key now?", flag="--key-stdin"):
            return code
        profile_key.set_key(output, store.load().profile(name), ask_way(output, name))


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
    from gwproxy.cli.hints import gateway_runs, tool_here, tools_set_up
    from gwproxy.cli.setup_inputs import SetupFlags, find_client
    from gwproxy.clients.known import CLIENTS

    config = store.load()
    named = None if config.default == profile else profile
    here = [name for name, one in CLIENTS.items() if shutil.which(one.PROGRAM)]
    chosen = [find_client(name) for name in (here if tools is None else tools)]
    if not chosen:
        output.talk("none of the tools is in PATH; gwproxy setup NAME prepares one all the same")
    url = gateway_runs()
    if start is None and not url:
        ways = _ways_to_start(config.profile(profile))
        start = "run" if not output.can_ask() else output.choose("Run it", ways, "--start")
    elif url and start in ("detach", "serve"):
        output.talk(f"the gateway runs already, at {url}")
        start = None
    if start == "service":
        service.install(context, profile=named)
    elif start == "detach":
        serve.serve(context, flags=serve.ServeFlags(named, detach=True))
    if start != "run":  # which touches no file of a tool
        for client in chosen:
            setup.setup(context, client.NAME, flags=SetupFlags(named, yes=yes))
    output.hints = True
    flag = f" --profile {named}" if named else ""
    if start == "run":
        output.next(f"gwproxy run{flag} -- {chosen[0].PROGRAM if chosen else 'claude'}")
        return 0
    set_up = tools_set_up()  # which a person may have refused
    ready = [client.PROGRAM for client in chosen if client.NAME in set_up]
    tool = chosen[0].NAME if chosen else tool_here()
    then = ready[0] if ready else f"gwproxy setup {tool}{flag}"
    if start == "serve":
        output.talk(f"in another terminal, type: {then}")
        return serve.serve(context, flags=serve.ServeFlags(named))
    output.next(then)
    return 0


def _ways_to_start(profile: Profile) -> dict[str, str]:
    """Those that work here. A service does not see the variables of a shell."""
    from gwproxy.cli import service

    works = profile.key.kind != "env" and service.works()
    return {
        way: words for way, words in _STARTS.items() if way != ("detach" if works else "service")
    }


def _chosen_preset(output: Output) -> str:
    return output.choose("Provider", {name: one.title for name, one in PRESETS.items()}, "--preset")
