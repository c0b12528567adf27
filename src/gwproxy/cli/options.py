"""Options that several commands share, spelled once.

`--json`, `--quiet` and `--debug` are read from the command line before it is parsed (see
`cli.app`); a command declares `JsonFlag` or `QuietFlag` so that they are accepted and shown.
"""

from __future__ import annotations

from typing import Annotated

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON envelope on stdout.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="No talk on stderr, only errors.")]
ProfileName = Annotated[str, typer.Argument(metavar="NAME", help="The profile.")]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="This profile instead of the default one."),
]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
