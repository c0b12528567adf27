"""The command line: which commands exist, and the frame in which each of them runs.

Adding a command
----------------
`COMMANDS` names every command with its one-line help and the module that has it. A module is
imported when one of its commands runs, never for `--help` or for another command, so that heavy
libraries load only when they are needed. Each module exposes

    def register(app: typer.Typer) -> None: ...

which adds its commands (`@app.command("serve")`) or its group (`app.add_typer(…,
name="profile")`) to `app`. The first line of the command's docstring must equal the line here
(a test compares them). An entry whose module does not exist is not shown.

Inside a command: `output_of(context)` is where to write; raise the errors of `gwproxy.errors`
and nothing else for trouble that a person can act upon; return an int to exit with that code
without an error message. Shared options live in `cli.options`.

`run` is the only place that catches everything and the only place that decides exit codes.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.main import get_group

from gwproxy import __version__
from gwproxy.cli import light, streams
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.voice import Group, fit_narrow_terminals, said
from gwproxy.errors import EXIT_FAILED, EXIT_INTERRUPTED, GwproxyError

if TYPE_CHECKING:
    from collections.abc import Iterator

ISSUES_PAGE: Final = "the issue tracker of gwproxy"


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """One line of `gwproxy --help`."""

    name: str
    module: str
    help: str
    section: str
    hidden: bool = False


_START: Final = "Start"
_PROFILES: Final = "Profiles and keys"
_TOOLS: Final = "Your tools"
_LOOK: Final = "Look closer"

COMMANDS: Final = (
    CommandEntry(
        "init", "gwproxy.cli.init", "Set everything up, from the provider to your tool.", _START
    ),
    CommandEntry("demo", "gwproxy.cli.demo", "See it work: no key, no network.", _START),
    CommandEntry("serve", "gwproxy.cli.serve", "Run the gateway until Ctrl-C.", _START),
    CommandEntry("stop", "gwproxy.cli.stop", "Stop the running gateway.", _START),
    CommandEntry(
        "service",
        "gwproxy.cli.service",
        "Run the gateway in the background, with your session.",
        _START,
    ),
    CommandEntry("run", "gwproxy.cli.run", "Run one tool with a gateway of its own.", _START),
    CommandEntry(
        "profile", "gwproxy.cli.profile", "Add, list and change profiles and their keys.", _PROFILES
    ),
    CommandEntry(
        "config", "gwproxy.cli.config", "Where config.toml is, and to edit it.", _PROFILES
    ),
    CommandEntry(
        "import",
        "gwproxy.cli.import_settings",
        "Take over the provider that a tool has been set to.",
        _PROFILES,
    ),
    CommandEntry(
        "token", "gwproxy.cli.token", "Print the token that your tools present.", _PROFILES
    ),
    CommandEntry(
        "setup", "gwproxy.cli.setup", "Configure a coding tool to use the gateway.", _TOOLS
    ),
    CommandEntry(
        "test", "gwproxy.cli.test", "Check a profile from its key to its last byte.", _TOOLS
    ),
    CommandEntry("log", "gwproxy.cli.log", "What passed through the gateway, a line each.", _LOOK),
    CommandEntry("status", "gwproxy.cli.status", "What runs, and what it talks to.", _LOOK),
    CommandEntry("ui", "gwproxy.cli.ui", "Look at what passes through, in your browser.", _LOOK),
    CommandEntry(
        "logs", "gwproxy.cli.logs", "Show what the background gateway says.", _LOOK, hidden=True
    ),
    CommandEntry("doctor", "gwproxy.cli.doctor", "Look for trouble on this machine.", _LOOK),
    CommandEntry("models", "gwproxy.cli.models", "List the models of a profile.", _LOOK),
    CommandEntry("usage", "gwproxy.cli.usage", "Tokens and cost so far.", _LOOK),
    CommandEntry(
        "translate", "gwproxy.cli.translate", "Show what would be sent, and every loss.", _LOOK
    ),
    CommandEntry(
        "replay", "gwproxy.cli.replay", "Ask a captured request again, of any profile.", _LOOK
    ),
    CommandEntry(
        "purge", "gwproxy.cli.purge", "Take away what is kept of your work on this machine.", _LOOK
    ),
    CommandEntry("explain", "gwproxy.cli.explain", "Say in words what was lost on the way.", _LOOK),
    CommandEntry(
        "completion", "gwproxy.cli.completion", "Print the completion script of a shell.", _LOOK
    ),
)


class LazyGroup(Group):
    """The top-level group: names and help from `COMMANDS`, code on demand."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [entry.name for entry in available_commands() if not entry.hidden]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        for entry in available_commands():
            if entry.name == cmd_name:
                return load_command(entry)
        return None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        entries = [entry for entry in available_commands() if not entry.hidden]
        for section in dict.fromkeys(entry.section for entry in entries):
            with formatter.section(section):
                formatter.write_dl(
                    [(entry.name, entry.help) for entry in entries if entry.section == section]
                )


def available_commands() -> Iterator[CommandEntry]:
    """The entries of `COMMANDS` whose module is there."""
    for entry in COMMANDS:
        if importlib.util.find_spec(entry.module) is not None:
            yield entry


def load_command(entry: CommandEntry) -> Any:
    """Import the module of `entry` and return its command."""
    app = _new_typer()
    # A callback makes typer build a group even around a single command.
    app.callback()(_do_nothing)
    importlib.import_module(entry.module).register(app)
    command = get_group(app).commands[entry.name]
    _made_plain(command)
    return command


def build_app() -> Any:
    """The whole command line, ready to be called."""
    app = _new_typer(cls=LazyGroup, invoke_without_command=True)
    app.callback()(_root)
    group = get_group(app)
    _made_plain(group)
    return group


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; everything has been printed by then."""
    arguments = list(arguments)
    streams.prepare()
    output = _output_for(arguments)
    try:
        result = build_app()(args=arguments, prog_name="gwproxy", standalone_mode=False, obj=output)
        if lost := streams.trouble_with_stdout():
            return _lost(lost, output)
    except GwproxyError as error:
        output.fail(error)
        return error.exit_code
    except typer.TyperException as error:
        usage = said(error)
        output.fail(usage)
        return usage.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(output)
    except OSError as error:
        lost = streams.trouble_with_stdout(error)
        return _lost(lost, output) if lost else _internal_error(error, output)
    except Exception as error:  # noqa: BLE001 -- the last line of defence: no traceback, no secret
        return _internal_error(error, output)
    if result == EXIT_INTERRUPTED:
        return _interrupted(output)
    return result if isinstance(result, int) else 0


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an unexpected error came from.")
    ] = False,
) -> None:
    """Use the model providers you pay for from the coding tools you like."""
    output = output_of(context)
    output.debug = output.debug or debug
    if version:
        output.line(f"gwproxy {__version__}")
    elif context.invoked_subcommand is None:
        if output.columns() is None:
            output.line(context.get_help())
            return
        from gwproxy.cli.hints import say_standing

        say_standing(output)


def _do_nothing() -> None:
    pass


def _no_type(ctx: object) -> str:
    return ""


def _made_plain(command: Any) -> None:
    """Spare every command the import of pydantic, and every reader of --help the Python types and
    lines beyond the edge.

    typer validates a `--help` that was not given (None) as a boolean, and loads pydantic for it:
    a quarter of a second, more than all the rest of `gwproxy token`.
    """
    command.context_settings.setdefault("default_map", {})["help"] = False
    fit_narrow_terminals(command)
    for parameter in command.params:
        light.spare(parameter)
        if parameter.param_type_name == "argument":
            # `PROFILE <list[str]>` in --help is said to programmers only.
            parameter.display_type_rich = _no_type
    for child in getattr(command, "commands", {}).values():
        _made_plain(child)


def _new_typer(**settings: Any) -> typer.Typer:
    return typer.Typer(
        add_completion=False,  # ours are generated, see cli.completion
        rich_markup_mode=None,  # rich would triple the time of --help
        pretty_exceptions_enable=False,  # a pretty traceback shows local variables: secrets
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )


def _output_for(arguments: Sequence[str]) -> Output:
    """What must be known before the command line is parsed, to report that it cannot be."""
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    names = {entry.name for entry in COMMANDS}
    words = [word for word in ours if not word.startswith("-")]
    command = words[0] if words and words[0] in names else ""
    if command in ("config", "profile", "service"):
        command = " ".join(words[:2])
    return Output(
        command=command,
        json_mode="--json" in ours,
        csv_mode="--csv" in ours,
        quiet="--quiet" in ours or "-q" in ours,
        debug=bool(os.environ.get("GWPROXY_DEBUG")),
    )


def _lost(error: OSError, output: Output) -> int:
    """stdout takes nothing more. Whoever read it may have gone, as `head` does: then there is
    nobody left to tell."""
    streams.give_up_stdout()
    if not isinstance(error, BrokenPipeError):
        output.json_mode = False
        output.fail(GwproxyError("cannot write to stdout", why=error.strerror or str(error)))
    return EXIT_FAILED


def _interrupted(output: Output) -> int:
    if output.json_mode:
        error = GwproxyError("interrupted")
        error.exit_code = EXIT_INTERRUPTED
        output.fail(error)
    else:
        output.talk("interrupted")
    return EXIT_INTERRUPTED


def _internal_error(error: Exception, output: Output) -> int:
    from gwproxy.profiles.redaction import redact

    if output.debug:
        import traceback

        output.talk(redact("".join(traceback.format_exception(error)).rstrip()))
    output.fail(
        GwproxyError(
            "gwproxy stumbled over a mistake of its own",
            why=redact(f"{type(error).__name__}: {error}"),
            hint=(
                f"please tell {ISSUES_PAGE}, with the traceback that "
                "`gwproxy --debug …` shows; keys are masked in it"
            ),
        )
    )
    return EXIT_FAILED
