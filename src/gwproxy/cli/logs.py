"""`gwproxy logs`: the old name of `gwproxy service logs`, kept for scripts and for habit."""

from __future__ import annotations

import typer

from gwproxy.cli.options import JsonFlag
from gwproxy.cli.output import output_of
from gwproxy.cli.service import Follow, logs


def register(app: typer.Typer) -> None:
    app.command("logs", hidden=True)(old_logs)


def old_logs(context: typer.Context, follow: Follow = False, json: JsonFlag = False) -> int:
    """Show what the background gateway says."""
    from gwproxy.cli.app import available_commands

    output = output_of(context)
    output.talk("gwproxy logs is called gwproxy service logs now: the gateway's own words")
    if any(entry.name == "log" for entry in available_commands()):
        output.talk("gwproxy log shows the exchanges, a line for each")
    return logs(context, follow, json)
