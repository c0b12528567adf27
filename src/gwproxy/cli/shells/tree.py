"""The command line as plain data: what a completion script has to know. Pure but for `build`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from gwproxy.cli.options import MODEL_METAVAR, PATH_METAVAR, PROFILE_METAVAR

PROFILE: Final = "profile"
MODEL: Final = "model"
FILE: Final = "file"
WORDS: Final = "words"
FREE: Final = "free"


@dataclass(frozen=True, slots=True)
class Value:
    """What follows an option or stands as an argument: a profile, a model, a file, one of
    `words`, or something that nobody can guess."""

    kind: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """`names` are its spellings; `value` is None for a flag; `many` when it may be repeated."""

    names: tuple[str, ...]
    help: str
    value: Value | None = None
    many: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional value; `many` when it may be repeated."""

    name: str
    value: Value
    many: bool


@dataclass(frozen=True, slots=True)
class CommandNode:
    """One command, or a group of them. `path` is empty for `gwproxy` itself."""

    path: tuple[str, ...]
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    children: tuple[CommandNode, ...]

    @property
    def slashes(self) -> str:
        """`/profile/add`, "" for `gwproxy` itself."""
        return "".join(f"/{word}" for word in self.path)

    def walk(self) -> Iterator[CommandNode]:
        yield self
        for child in self.children:
            yield from child.walk()


def build() -> CommandNode:
    """The tree of the whole app; imports every command."""
    from gwproxy.cli.app import available_commands, build_app, load_command

    children = [
        _node((entry.name,), load_command(entry), entry.help)
        for entry in available_commands()
        if not entry.hidden
    ]
    root = build_app()
    return CommandNode((), root.help, _options(root), (), tuple(children))


def _node(path: tuple[str, ...], command: Any, help_line: str) -> CommandNode:
    children = [
        _node((*path, name), child, child.get_short_help_str(limit=200))
        for name, child in getattr(command, "commands", {}).items()
        if not child.hidden
    ]
    arguments = tuple(
        Argument(parameter.name, _value(parameter), parameter.nargs != 1)
        for parameter in command.params
        if parameter.param_type_name == "argument"
    )
    return CommandNode(path, help_line, _options(command), arguments, tuple(children))


def _options(command: Any) -> tuple[Option, ...]:
    options = [
        Option(
            tuple(sorted([*parameter.opts, *parameter.secondary_opts], key=len, reverse=True)),
            " ".join((parameter.help or "").split()),
            None if parameter.is_flag else _value(parameter),
            parameter.type_descriptor.is_list,
        )
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.hidden
    ]
    return (*options, Option(("--help", "-h"), "Show help and exit."))


def _value(parameter: Any) -> Value:
    metavar = parameter.metavar or ""
    if metavar == PROFILE_METAVAR:
        return Value(PROFILE)
    if metavar == MODEL_METAVAR:
        return Value(MODEL)
    if metavar == PATH_METAVAR or parameter.type_descriptor.is_path:
        return Value(FILE)
    choices = parameter.type_descriptor.choices or metavar.split("|")
    # In `a|b|HEADER` the capitals stand for something that the person knows.
    words = tuple(str(getattr(word, "value", word)) for word in choices if not str(word).isupper())
    return Value(WORDS, words) if len(choices) > 1 else Value(FREE)
