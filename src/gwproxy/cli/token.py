"""`gwproxy token`: the secret that tools on this machine present to the gateway."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gwproxy.cli.options import JsonFlag, QuietFlag
from gwproxy.cli.output import output_of
from gwproxy.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command("token")(token)


def token(
    context: typer.Context,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new one; the old one stops working.")
    ] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Print the token that your tools present."""
    from gwproxy.profiles.local_token import TOKEN_VARIABLE, local_token, rotate_token

    output = output_of(context)
    if rotate and os.environ.get(TOKEN_VARIABLE):
        raise UsageError(
            f"{TOKEN_VARIABLE} is set, so there is nothing to rotate",
            hint=f"unset {TOKEN_VARIABLE}, or give it another value",
        )
    secret = rotate_token() if rotate else local_token()
    output.result({"token": secret.reveal()}, lambda: output.line(secret.reveal()))
    if rotate:
        output.talk(
            "a new token; gwproxy setup --all writes it for every tool that has the old one"
        )
