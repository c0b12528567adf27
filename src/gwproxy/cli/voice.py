"""What the library that reads the command line says, in our own words and in a narrow terminal.

Its classes of errors are private to it, so they are told apart by their names and read with care: a
new one keeps its own words.
"""

from __future__ import annotations

import re
import shutil
from typing import Any, Final

from typer.core import TyperGroup

from gwproxy.cli.drawing import folded
from gwproxy.errors import UsageError
from gwproxy.profiles.suggest import close_to, did_you_mean

_NARROW: Final = 52
"""Columns below which the library would write beyond the edge."""

_EXTRA: Final = re.compile(r"\(([^()]*)\)$")


class Group(TyperGroup):
    """A group that guesses what a mistyped command was meant to be.

    The types of typer's own methods are private to it, hence `Any`.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = self.list_commands(ctx)
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise UsageError(
                f"there is no command {args[0]!r}",
                why=did_you_mean(args[0], known),
                hint=f"{ctx.command_path} --help",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List each command with the whole of its line, also where that goes on over several."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, one.get_short_help_str(1000)) for name, one in found if one is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def said(error: Any) -> UsageError:
    """The error of the library as one of ours."""
    context = getattr(error, "ctx", None)
    hint = f"{context.command_path if context is not None else 'gwproxy'} --help"
    message = error.format_message().rstrip(".")
    match type(error).__name__:
        case "NoSuchOption":
            params = context.command.params if context is not None else ()
            options = [name for one in params for name in one.opts]
            name = error.option_name
            return UsageError(f"there is no option {name}", why=close_to(name, options), hint=hint)
        case "MissingParameter":
            return UsageError(f"{_name_of(error)} is missing", hint=hint)
        case "BadOptionUsage":
            return UsageError(f"{error.option_name} needs a value", hint=hint)
        case "BadParameter":
            what = f"{_name_of(error)} cannot be that"
            return UsageError(what, why=error.message.rstrip("."), hint=hint)
        case "UsageError" if "unexpected extra" in message and (extra := _EXTRA.search(message)):
            return UsageError(f"{extra[1]!r} is more than this takes", hint=hint)
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def port_number(text: str) -> int:
    """A port as typed. Raises UsageError."""
    if not (text.isdecimal() and int(text) <= 65535):
        raise UsageError(
            f"--port takes a number from 0 to 65535, not {text!r}", hint="gwproxy serve --help"
        )
    return int(text)


def fit_narrow_terminals(command: Any) -> None:
    """Have the help of `command` keep within the terminal, however narrow it is."""
    known = command.context_class
    formatter = type("Formatter", (_Narrow, known.formatter_class), {})
    command.context_class = type("Context", (known,), {"formatter_class": formatter})


def _name_of(error: Any) -> str:
    parameter = error.param
    if parameter is None:
        return "a value"
    if parameter.param_type_name == "option":
        return str(parameter.opts[0])
    return str(parameter.metavar or parameter.name.upper())


class _Narrow:
    """Mixed into the library's formatter of help: below its own least width, what a word means
    stands below the word."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.width: int
        self.current_indent: int
        columns = shutil.get_terminal_size().columns
        self._is_narrow = columns < _NARROW
        if self._is_narrow:
            self.width = columns - 1

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        self._fold(f"{prefix or 'Usage: '}{prog} {args}", 0)

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:
        rows = list(rows)
        longest = max(len(word) for word, _ in rows) + self.current_indent
        if not self._is_narrow and longest <= self.width:
            super().write_dl(rows, col_max, col_spacing)  # type: ignore[misc]
            return
        for word, meaning in rows:
            self._fold(word, self.current_indent)
            self._fold(meaning, self.current_indent + 4)

    def _fold(self, text: str, indent: int) -> None:
        self.write(f"{folded(text, indent, self.width)}\n")  # type: ignore[attr-defined]
