"""Options and arguments that several commands share, spelled once.

`--json`, `--csv` and `--quiet` are read from the command line before it is parsed (see `cli.app`);
a command declares `JsonFlag`, `CsvFlag` or `QuietFlag` so that they are accepted and shown. A value
whose metavar is `PROFILE` is completed with the names of the profiles, one that is `MODEL` with
those of models, one that is `PATH` with files, and one like `a|b|c` with these words.
"""

from __future__ import annotations

from typing import Annotated

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON envelope on stdout.")]
CsvFlag = Annotated[bool, typer.Option("--csv", help="Print rows for a sheet, with a head.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="No talk on stderr, only errors.")]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]

PROFILE_METAVAR = "PROFILE"
MODEL_METAVAR = "MODEL"
PATH_METAVAR = "PATH"

ProfileName = Annotated[
    str, typer.Argument(metavar=PROFILE_METAVAR, show_default=False, help="The profile.")
]
ProfileNames = Annotated[
    list[str] | None,
    typer.Argument(metavar=PROFILE_METAVAR, show_default=False, help="These profiles."),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile", "-p", metavar=PROFILE_METAVAR, help="This profile, not the default one."
    ),
]

# Where the key of a new profile is to be.
KeyStdin = Annotated[bool, typer.Option("--key-stdin", help="Read the key from stdin.")]
KeyEnv = Annotated[
    str | None, typer.Option("--key-env", metavar="VAR", help="The variable with the key.")
]
KeyCommand = Annotated[
    str | None, typer.Option("--key-command", metavar="CMD", help="A command printing it.")
]
KeyFile = Annotated[
    str | None, typer.Option("--key-file", metavar=PATH_METAVAR, help="A 0600 file with it.")
]
NoKey = Annotated[bool, typer.Option("--no-key", help="The provider asks for none.")]
