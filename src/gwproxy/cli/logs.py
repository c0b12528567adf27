"""`gwproxy logs`: what the service said. In the foreground it is said on the terminal itself."""

from __future__ import annotations

import subprocess
from typing import Annotated

import typer

from gwproxy.errors import EXIT_INTERRUPTED, GwproxyError, UsageError


def register(app: typer.Typer) -> None:
    app.command("logs")(logs)


def logs(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as it speaks, until Ctrl-C.")
    ] = False,
) -> int:
    """Show what the background service says."""
    from gwproxy.cli.service_unit import service_here, shown

    service = service_here()
    if not service.file.exists():
        raise UsageError(
            "no service of gwproxy is installed",
            why="`gwproxy serve` writes its log to the terminal in which it runs",
            hint="gwproxy service install",
        )
    command = service.follow if follow else service.log
    try:
        # Straight to the terminal: its log is masked already where it is written.
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as error:
        raise GwproxyError(f"cannot run {shown(command)}", why=str(error)) from error
