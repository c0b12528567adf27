"""`gwproxy serve`: the gateway in the foreground, until Ctrl-C.

Says on stderr where it listens, for which profile and with which key, and what to do next; the
address alone goes to stdout, for scripts. What serving means is in `gwproxy.proxy`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from gwproxy import paths
from gwproxy.cli.built_in import with_address
from gwproxy.cli.hints import tool_here, tools_set_up
from gwproxy.cli.options import ProfileOption, QuietFlag, spread_flags
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.serve_log import ServeLog
from gwproxy.cli.voice import port_number
from gwproxy.errors import ConfigError, CredentialError

if TYPE_CHECKING:
    from gwproxy.profiles.profile import Profile
    from gwproxy.profiles.store import Config
    from gwproxy.proxy.serving import Options, RunningGateway


def register(app: typer.Typer) -> None:
    app.command("serve")(spread_flags(serve))


@dataclass(frozen=True, slots=True)
class ServeFlags:
    """How the gateway is to run; what is None is as config.toml says."""

    profile: ProfileOption = None
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Listen here (127.0.0.1).")
    ] = None
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            parser=port_number,
            help="Listen on this port (4979); 0 is any.",
        ),
    ] = None
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let other machines connect to --host.")
    ] = False
    detach: Annotated[
        bool, typer.Option("--detach", help="In the background, until gwproxy stop.")
    ] = False
    capture: Annotated[
        bool, typer.Option("--capture", help="Keep whole exchanges, for gwproxy replay.")
    ] = False
    quiet: QuietFlag = False
    log_level: Annotated[
        str | None,
        typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error."),
    ] = None
    json_logs: Annotated[
        bool, typer.Option("--json-logs", help="Log one JSON object per exchange.")
    ] = False


def serve(context: typer.Context, *, flags: ServeFlags) -> int:
    """Run the gateway until Ctrl-C."""
    # Imported late: the HTTP library alone takes a fifth of a second.
    from gwproxy.profiles import store
    from gwproxy.proxy.serving import Options, prepare_process, refuse_remote

    output = output_of(context)
    config = store.load()
    settings = config.serve
    options = Options(
        host=flags.host or settings.host,
        port=settings.port if flags.port is None else flags.port,
        allow_remote=flags.allow_remote,
        default_profile=flags.profile or "",
        ledger=paths.usage_db(),
        learns=True,
        responses=paths.responses_db(),
        captures=paths.captures_dir(),
        capture=flags.capture,
    )
    refuse_remote(options)
    _check_profile(config, options.default_profile)
    shown = ServeLog(output, flags.log_level or settings.log_level)
    if flags.detach:
        from gwproxy.cli.detach import start
        from gwproxy.cli.service_unit import flags_of

        return start(output, options, flags_of(asdict(replace(flags, detach=False))))
    with shown.started(json_lines=flags.json_logs or settings.json_logs):
        for remark in config.remarks:
            output.warn(remark)
        prepare_process()
        return asyncio.run(_serve(options, config, output, shown))


def _check_profile(config: Config, wanted: str) -> None:
    """Raises ConfigError when there is nothing to serve: better now than in every answer."""
    if not wanted and not config.default and config.profiles:
        names = sorted(config.profiles)
        raise ConfigError(
            "no profile is the default one",
            why=f"there is {', '.join(names)}",
            hint=f"gwproxy profile use {names[0]}\ngwproxy serve --profile {names[0]}",
        )
    config.profile(wanted or None)


async def _serve(options: Options, config: Config, output: Output, shown: ServeLog) -> int:
    from gwproxy.proxy.serving import announced, running, settle, wait_for_signal

    async with demo_running(options, config) as complete, running(complete) as server:
        shown.server = server
        settle()
        with announced(server):
            _say_where(server, output)
            # The keyring may want to be unlocked: that must not keep anybody waiting.
            telling = asyncio.create_task(_tend_keys(server, output))
            async with shown.live(server.gateway.news()):
                await wait_for_signal(server.gateway.asked_to_stop)
            telling.cancel()
        output.talk("stopping; answers that are running may end (Ctrl-C again: at once)")
    return 0


@asynccontextmanager
async def demo_running(options: Options, config: Config) -> AsyncIterator[Options]:
    """The options, with the built-in provider running where the default profile needs it."""
    profile = config.profile(options.default_profile or None)
    if not profile.is_built_in:
        yield options
        return
    async with with_address(profile) as demo:
        yield replace(options, default_profile=demo.name, built_in={demo.name: demo})


def _say_where(server: RunningGateway, output: Output) -> None:
    from gwproxy.profiles.endpoints import is_loopback

    routes = server.gateway.routes
    profile = routes.profile("")
    output.line(server.url)
    sys.stdout.flush()
    if not is_loopback(server.host):
        output.warn(
            "other machines can connect, in clear text; they need the local token, and a name "
            "out of serve.allowed_hosts in config.toml"
        )
    output.talk(f"listening  {server.url} (Anthropic clients), {server.url}/v1 (OpenAI clients)")
    output.talk(
        f"profile    {profile.name}: {profile.model}, {' and '.join(profile.dialects)}, "
        f"{_hosts(profile)}"
    )
    for name, other in routes.config.profiles.items():
        if name != profile.name:
            output.talk(f"also       {name}, at {server.url}/profiles/{name}, {_hosts(other)}")
    if routes.config.serve.capture:
        output.talk(f"captures   whole exchanges in {paths.captures_dir()} (gwproxy replay)")
    set_up = tools_set_up()
    if set_up:
        output.talk(f"tools      {', '.join(set_up)}: set up already")
    else:
        named = f" --profile {profile.name}" if profile.is_built_in else ""
        output.talk(f"next       gwproxy setup {tool_here()}{named}")
    output.talk(f"stop       {'Ctrl-C' if sys.stdin.isatty() else 'gwproxy stop'}")


def _hosts(profile: Profile) -> str:
    """Where its requests and its key go, which may be more than one host."""
    from gwproxy.profiles.key_hosts import hosts_of

    if profile.is_built_in:
        return "which is built in"
    return f"goes to {' and '.join(hosts_of(profile))}"


async def _tend_keys(server: RunningGateway, output: Output) -> None:
    """Ask for the first key, and do what waited for a keyring that answers."""
    from gwproxy.profiles import credentials
    from gwproxy.proxy.worker import words_of

    try:
        await _say_key(server, output)
        await asyncio.to_thread(credentials.settle)
    except Exception as error:  # noqa: BLE001 -- nobody waits for this task: it is told here
        output.warn(f"the keyring cannot be looked after: {words_of(error)}")


async def _say_key(server: RunningGateway, output: Output) -> None:
    profile = server.gateway.routes.profile("")
    try:
        found = await server.keys.find(profile)
    except CredentialError as error:
        output.warn(f"{error.what}{': ' if error.why else ''}{error.why}")
        if error.hint:
            output.talk(f"hint: {error.hint}")
        return
    masked = f" ({found.secret.masked})" if found.secret is not None else ""
    output.talk(f"key        {found.source}{masked}")
