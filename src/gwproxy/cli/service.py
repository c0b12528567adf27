"""`gwproxy service install | uninstall | status`: the gateway in the background, with the session.

The manager of the user's session starts and restarts it; gwproxy writes one file and says what it
runs. `gwproxy logs` shows what the service said.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gwproxy import paths
from gwproxy.cli.options import JsonFlag, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.errors import GwproxyError

if TYPE_CHECKING:
    from gwproxy.cli.service_unit import Service

_PATIENCE_S: Final = 60
"""Stopping waits for running answers (30 s)."""

service_app: Final = typer.Typer(
    help="Run the gateway in the background, with your session.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    app.add_typer(service_app, name="service")


@service_app.command("install")
def install(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the file and the commands only.")
    ] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Start the gateway now, and with every session."""
    from gwproxy.cli.service_unit import service_here, shown
    from gwproxy.profiles import store

    output = output_of(context)
    service = service_here()
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
    store.load().profile()  # a service that cannot start helps nobody
    paths.write_private_file(service.file, service.content)
    for command in service.install:
        _run(command)
    output.result(data, lambda: output.line(f"installed {service.file}"))
    _warn_of_variables(output)
    output.next("gwproxy status", "gwproxy logs")


@service_app.command("uninstall")
def uninstall(context: typer.Context, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Stop it, and start it no more."""
    from gwproxy.cli.service_unit import service_here

    output = output_of(context)
    service = service_here()
    installed = service.file.exists()
    if installed:
        first, *rest = service.uninstall
        _run(first)
        service.file.unlink(missing_ok=True)
        for command in rest:
            _run(command)
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
    running = installed and _succeeds(service.is_running)
    data = {
        "manager": service.manager,
        "file": str(service.file),
        "installed": installed,
        "running": running,
        "up_to_date": installed and service.file.read_bytes() == service.content,
    }
    output.result(data, lambda: _print(output, service, data))


def _print(output: Output, service: Service, data: dict[str, object]) -> None:
    if not data["installed"]:
        output.line("not installed")
        output.talk("next: gwproxy service install")
        return
    state = "running" if data["running"] else "not running"
    output.line(f"installed ({service.manager}), {state}: {service.file}")
    if not data["up_to_date"]:
        output.talk("this gwproxy would install it differently: gwproxy service install")
    if not data["running"]:
        output.talk("gwproxy logs says why")


def _warn_of_variables(output: Output) -> None:
    """A service does not see what a shell exports."""
    from gwproxy.profiles import credentials, store

    for profile in store.load().profiles.values():
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
            hint="without a session of your own (SSH, containers) run gwproxy serve instead",
        )


def _succeeds(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
