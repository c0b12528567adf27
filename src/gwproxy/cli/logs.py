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
    output = output_of(context)
    output.talk("gwproxy logs is called gwproxy service logs now: the gateway's own words")
    output.talk("gwproxy log shows the exchanges, a line for each, also of a gateway in a terminal")
    return logs(context, follow, json)
