"""`gwproxy completion SHELL`: the completion script, generated from the app.

The same scripts are committed under `completions/` for packagers; a test compares them.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from gwproxy.cli.output import output_of
from gwproxy.cli.shells import bash, fish, powershell, tree, zsh
from gwproxy.errors import UsageError
from gwproxy.profiles.suggest import did_you_mean

SHELLS: Final = {
    "bash": bash.render,
    "zsh": zsh.render,
    "fish": fish.render,
    "powershell": powershell.render,
}

FILES: Final = {
    "bash": "gwproxy.bash",
    "zsh": "_gwproxy",
    "fish": "gwproxy.fish",
    "powershell": "gwproxy.ps1",
}
"""The names under `completions/`, as each shell wants them."""


def register(app: typer.Typer) -> None:
    app.command("completion")(completion)


def completion(
    context: typer.Context,
    shell: Annotated[
        str,
        typer.Argument(metavar="bash|zsh|fish|powershell", show_default=False, help="Your shell."),
    ],
) -> None:
    """Print the completion script of a shell."""
    if shell not in SHELLS:
        raise UsageError(f"there is no completion for {shell!r}", why=did_you_mean(shell, SHELLS))
    output_of(context).line(SHELLS[shell](tree.build()).rstrip("\n"))
