"""`gwproxy service install | uninstall | status | logs`: the gateway in the background, with the
session.

The manager of the user's session starts and restarts it; gwproxy writes one file and says what it
runs.
"""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gwproxy import paths
from gwproxy.cli.options import JsonFlag, ProfileOption, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.voice import Group, port_number
from gwproxy.errors import EXIT_INTERRUPTED, ConfigError, GwproxyError, UsageError
from gwproxy.plain import harmless

if TYPE_CHECKING:
    from gwproxy.cli.service_unit import Service
    from gwproxy.profiles.store import Config

_PATIENCE_S: Final = 60
"""Stopping waits for running answers (30 s)."""

_STARTING_S: Final = 5.0
"""An interpreter starts and reads its configuration in less, on a busy machine too."""
_POLL_S: Final = 0.1

service_app: Final = typer.Typer(
    cls=Group,
    help="Run the gateway in the background, with your session.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    app.add_typer(service_app, name="service")


Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on as it speaks, until Ctrl-C.")]


def works() -> bool:
    """Whether there is a service manager here, and it answers: in a container it may not."""
    from gwproxy.cli.service_unit import manages, service_here

    return manages() and _succeeds(service_here().answers)


@service_app.command("install")
def install(
    context: typer.Context,
    profile: ProfileOption = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", parser=port_number, help="Listen on this port."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the file and the commands only.")
    ] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Start the gateway now, and with every session."""
    from gwproxy.cli.service_unit import flags_of, shown
    from gwproxy.profiles import store

    output = output_of(context)
    config = store.load()
    if port == 0:
        raise UsageError("a service needs a port that stays", hint="leave --port out")
    if port is not None:
        config = replace(config, serve=replace(config.serve, port=port))
    service = _service_for(config, flags_of({"profile": profile, "port": port}))
    data = {
        "manager": service.manager,
        "file": str(service.file),
        "commands": [list(command) for command in service.install],
        "changed": not dry_run,
    }
    if dry_run:
        output.talk(f"{service.file}:")
        output.result(data, lambda: output.line(service.content.decode().rstrip("\n")))
        for command in service.install:
            output.talk(f"then: {shown(command)}")
        return
    config.profile(profile)  # a service that cannot start helps nobody
    before = service.file.read_bytes() if service.file.exists() else None
    if before is None or not _succeeds(service.is_running):
        _refuse_taken_port(config)
    _install(service, before)
    output.result(data, lambda: output.line(f"installed {service.file}"))
    _warn_of_variables(output, service, config)
    if not _answers(config):
        output.warn("it does not answer yet: gwproxy service logs says why")
    output.next("gwproxy status", "gwproxy service logs")


@service_app.command("uninstall")
def uninstall(context: typer.Context, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Stop it, and start it no more."""
    from gwproxy.cli.service_unit import service_here

    output = output_of(context)
    service = service_here()
    installed = service.file.exists()
    if installed:
        for trouble in _take_out(service):
            output.warn(trouble)
    words = f"removed {service.file}" if installed else "there is no service of gwproxy"
    output.result(
        {"manager": service.manager, "file": str(service.file), "changed": installed},
        lambda: output.line(words),
    )


@service_app.command("status")
def status(context: typer.Context, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Whether it is installed, and whether it runs."""
    from gwproxy.cli.service_unit import service_here

    output = output_of(context)
    service = service_here()
    installed = service.file.exists()
    written = service.file.read_bytes() if installed else b""
    flags = service.flags_in(written)
    service = service_here(flags=flags)
    running = installed and _succeeds(service.is_running)
    data: dict[str, Any] = {
        "manager": service.manager,
        "file": str(service.file),
        "installed": installed,
        "running": running,
        "up_to_date": installed and not service.differs(written),
        "flags": list(flags),
    }
    output.result(data, lambda: _print(output, service, data))


@service_app.command("logs")
def logs(context: typer.Context, follow: Follow = False, json: JsonFlag = False) -> int:
    """Show what the background gateway says.

    Its own words, as they came; gwproxy log shows the exchanges, a line each.
    """
    from gwproxy.cli import service_log
    from gwproxy.cli.service_unit import manages, service_here, shown

    output = output_of(context)
    if output.json_mode and follow:
        raise UsageError(
            "--json has an end, and --follow has none",
            hint="gwproxy service logs --json",
        )
    service = service_here() if manages() else None
    if service is not None and service.file.exists():
        command = service.follow if follow else service.log
        try:
            if not output.json_mode:
                # Straight to the terminal: its log is masked already where it is written.
                return subprocess.run(command, check=False).returncode
            said = subprocess.run(command, check=False, capture_output=True)
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        except OSError as error:
            raise GwproxyError(f"cannot run {shown(command)}", why=str(error)) from error
        if said.returncode:
            why = said.stderr.decode(errors="replace").strip()
            raise GwproxyError(f"{shown(command)} has failed", why=why)
        _tell_lines(output, said.stdout.decode(errors="replace").splitlines())
        return 0
    try:
        if output.json_mode:
            lines = service_log.follow(paths.service_log(), go_on=False)
            _tell_lines(output, [line.rstrip("\n") for line in lines])
            return 0
        for line in service_log.follow(paths.service_log(), go_on=follow):
            output.line(line.rstrip("\n"))
            sys.stdout.flush()
    except FileNotFoundError:
        raise UsageError(
            "nothing of gwproxy runs in the background",
            why="`gwproxy serve` writes its log to the terminal in which it runs",
            hint="gwproxy service install\ngwproxy serve --detach",
        ) from None
    except OSError as error:
        raise GwproxyError("cannot read the log", why=str(error)) from error
    return 0


def _tell_lines(output: Output, lines: list[str]) -> None:
    output.result({"lines": [harmless(line) for line in lines]}, lambda: None)


def _print(output: Output, service: Service, data: dict[str, Any]) -> None:
    if not data["installed"]:
        output.line("not installed")
        output.talk("next: gwproxy service install")
        return
    state = "running" if data["running"] else "not running"
    output.line(f"installed ({service.manager}), {state}: {service.file}")
    if not data["up_to_date"]:
        output.talk("this gwproxy would install it differently:")
        output.talk(f"  gwproxy {shlex.join(['service', 'install', *data['flags']])}")
    if not data["running"]:
        output.talk("gwproxy service logs says why")


def _service_for(config: Config, flags: tuple[str, ...]) -> Service:
    from gwproxy.cli.service_unit import service_here

    commands = any(profile.key.kind == "command" for profile in config.profiles.values())
    return service_here(runs_commands=commands, flags=flags)


def _install(service: Service, before: bytes | None) -> None:
    """Write the file and start what it says; after trouble all is as it was. Raises
    GwproxyError."""
    paths.write_private_file(service.file, service.content)
    try:
        for command in service.install:
            if command in service.may_fail:
                _succeeds(command)
            else:
                _run(command)
    except GwproxyError:
        if before is None:
            _take_out(service)
        else:
            paths.write_private_file(service.file, before)
        raise


def _take_out(service: Service) -> list[str]:
    """Stop it and take the file away, whatever the manager says; its words where it objected."""
    troubles = []
    first, *rest = service.uninstall
    for command in (first, None, *rest):
        if command is None:
            service.file.unlink(missing_ok=True)
            continue
        try:
            _run(command)
        except GwproxyError as error:
            troubles.append(f"{error.what}: {error.why}")
    return troubles


def _refuse_taken_port(config: Config) -> None:
    """Raise ConfigError where something else is on the port: the service could not start."""
    from gwproxy.proxy import holder
    from gwproxy.proxy.inbound.listener import bind

    serve = config.serve
    try:
        asyncio.run(bind(serve.host, serve.port)).close()
    except ConfigError:
        who = asyncio.run(holder.describe(serve.host, serve.port))
        raise ConfigError(
            f"the service could not listen on port {serve.port}",
            why=who,
            hint="end that one (a gateway: gwproxy stop), then: gwproxy service install",
        ) from None


def _answers(config: Config) -> bool:
    """Whether the gateway is there, a little later at the latest."""
    from gwproxy.cli.running import configured_url
    from gwproxy.proxy import holder

    deadline = time.monotonic() + _STARTING_S
    while True:
        health = asyncio.run(holder.health(configured_url(config)))
        if health.get("name") == "gwproxy":
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)


def _warn_of_variables(output: Output, service: Service, config: Config) -> None:
    """A service does not see what a shell exports."""
    from gwproxy.profiles import credentials

    for name in service.left_behind:
        output.warn(f"{name} holds a secret: it is not written down, and the service goes without")
    for profile in config.profiles.values():
        source = credentials.describe_source(profile).source
        if source.kind == "environment":
            output.warn(
                f"the key of {profile.name} comes from the {source}, which a service does not see; "
                f"gwproxy profile key {profile.name} puts it into the keyring"
            )


def _run(command: Sequence[str]) -> None:
    """Raises GwproxyError in the manager's own words."""
    from gwproxy.cli.service_unit import shown

    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GwproxyError(f"cannot run {shown(command)}", why=str(error)) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise GwproxyError(
            f"{shown(command)} failed",
            why=said[-1] if said else f"exit {done.returncode}",
            hint="gwproxy serve --detach",
        )


def _succeeds(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
