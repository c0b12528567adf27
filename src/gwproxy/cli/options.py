"""Options and arguments that several commands share, spelled once.

`--json`, `--csv` and `--quiet` are read from the command line before it is parsed (see `cli.app`);
a command declares `JsonFlag`, `CsvFlag` or `QuietFlag` so that they are accepted and shown. A value
whose metavar is `PROFILE` is completed with the names of the profiles, one that is `MODEL` with
those of models, one that is `PATH` with files, and one like `a|b|c` with these words.

Flags that travel together are the fields of a frozen dataclass, which a command takes as one
parameter; `spread_flags` is what typer is given of it:

    @dataclass(frozen=True, slots=True)
    class KeyFlags:
        env: Annotated[str | None, typer.Option("--key-env", help="…")] = None

    def add(context: typer.Context, name: ProfileName, *, key: KeyFlags) -> None: ...

    app.command("add")(spread_flags(add))
    add(context, "kimi", key=KeyFlags(env="KIMI_KEY"))  # as another command calls it
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from inspect import Parameter
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

Result = TypeVar("Result")

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

ModelOption = Annotated[
    str | None, typer.Option("--model", metavar=MODEL_METAVAR, help="The model to ask for.")
]
AnthropicUrl = Annotated[
    str | None, typer.Option("--anthropic-url", metavar="URL", help="Base for Messages.")
]
OpenaiUrl = Annotated[
    str | None, typer.Option("--openai-url", metavar="URL", help="Base for Chat, Responses.")
]


@dataclass(frozen=True, slots=True)
class KeyFlags:
    """Where the key of a profile is; no flag at all is the keyring, and its key is asked for."""

    stdin: Annotated[bool, typer.Option("--key-stdin", help="Read the key from stdin.")] = False
    env: Annotated[
        str | None, typer.Option("--key-env", metavar="VAR", help="The variable with the key.")
    ] = None
    command: Annotated[
        str | None, typer.Option("--key-command", metavar="CMD", help="A command printing it.")
    ] = None
    file: Annotated[
        str | None, typer.Option("--key-file", metavar=PATH_METAVAR, help="A 0600 file with it.")
    ] = None
    none: Annotated[bool, typer.Option("--no-key", help="The provider asks for none.")] = False

    @property
    def given(self) -> int:
        """How many of them were given."""
        return sum(map(bool, (self.stdin, self.env, self.command, self.file, self.none)))


def spread_flags(command: Callable[..., Result]) -> Callable[..., Result]:
    """`command` with an option for each field where it takes a dataclass, in their order."""
    signature = inspect.signature(command, eval_str=True)
    values = {
        one.name: one.annotation
        for one in signature.parameters.values()
        if isinstance(one.annotation, type) and is_dataclass(one.annotation)
    }

    def spread(one: Parameter) -> Iterator[Parameter]:
        if one.name not in values:
            yield one.replace(kind=Parameter.KEYWORD_ONLY)
            return
        hints = get_type_hints(one.annotation, include_extras=True)
        for field in fields(one.annotation):
            yield Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=hints[field.name],
            )

    @functools.wraps(command)
    def called(**given: Any) -> Result:
        for name, kind in values.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        return command(**given)

    parameters = [each for one in signature.parameters.values() for each in spread(one)]
    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return called
