"""`gwproxy run -- claude …`: one program with a gateway of its own.

The gateway listens on a free port with a token of its own, both known to this one child only,
and ends with it; no file of the user is touched. Two of these run side by side with two
providers. The child has the terminal: Ctrl-C and its kin are for it to act upon, signals sent to
us are passed on, and its exit code is ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gwproxy import paths
from gwproxy.cli.hints import warn_of_window
from gwproxy.cli.options import PATH_METAVAR, ProfileOption, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.run_trace import start_log
from gwproxy.errors import UsageError

if TYPE_CHECKING:
    from gwproxy.clients.endpoint import ToolEndpoint
    from gwproxy.clients.launch import Launch
    from gwproxy.profiles.store import Config
    from gwproxy.proxy.serving import RunningGateway

# A child that is gone waits for no answer.
_DRAIN_S: Final = 1.0

# The terminal sends these to both of us, and only the child knows what they mean right now.
_FOR_THE_CHILD: Final = ("SIGINT", "SIGQUIT")
_PASSED_ON: Final = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCONT")

# Provider keys, and a token that opens another gateway.
_HIDDEN_FROM_THE_CHILD: Final = ("GWPROXY_KEY_", "GWPROXY_TOKEN")

_NAMED_BY_TOOLS: Final = "settings.json"
"""Claude Code prints `claude --settings PATH --resume …` when it ends."""

_KEPT_S: Final = 7 * 24 * 3600

_SIGNAL_EXIT: Final = 128
"""What a shell adds to the number of the signal that ended a program."""

_WAITID: Final = getattr(os, "waitid", None)
"""Not there on Windows, nor on macOS before Python 3.13."""


def register(app: typer.Typer) -> None:
    app.command(
        "run",
        # What follows the program's name is the program's.
        context_settings={"allow_interspersed_args": False},
    )(run)


def run(
    context: typer.Context,
    command: Annotated[
        list[str],
        typer.Argument(metavar="-- COMMAND…", show_default=False, help="The program to start."),
    ],
    profile: ProfileOption = None,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar=PATH_METAVAR, help="Write the gateway's log here, not among its own files."
        ),
    ] = None,
    quiet: QuietFlag = False,
) -> int:
    """Run one tool with a gateway of its own."""
    from gwproxy.profiles import store
    from gwproxy.proxy.inbound.listener import raise_file_limit

    output = output_of(context)
    program = shutil.which(command[0])
    if program is None:
        raise UsageError(
            f"there is no program {command[0]!r}",
            why="it is not in PATH",
            hint="gwproxy run -- claude",
        )
    config = store.load()
    config.profile(profile)
    servers: list[RunningGateway] = []
    tally, log_file = start_log(log, lambda: [s for one in servers for s in one.secrets()])
    raise_file_limit()
    with _scratch_folder() as scratch:
        work = _run([program, *command[1:]], config, profile, scratch, output, servers)
        code = asyncio.run(work)
    output.talk(f"gwproxy: {tally.line(config.profiles)} (log: {log_file})")
    if Path(command[0]).stem.lower() == "claude":
        # Claude Code's own line names a settings file that led to this gateway, which is gone.
        named = f" --profile {profile}" if profile else ""
        output.talk(f"resume: gwproxy run{named} -- claude --continue")
    return code


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A private folder for as long as the child runs."""
    from gwproxy.proxy.holder import is_running

    runs = paths.ensure_private_dir(paths.state_dir() / "run")
    for left_behind in runs.iterdir():
        if left_behind.name.isdigit() and is_running(int(left_behind.name)):
            continue
        if time.time() - left_behind.stat().st_mtime > _KEPT_S:
            shutil.rmtree(left_behind, ignore_errors=True)
        else:
            _empty(left_behind)
    folder = paths.ensure_private_dir(runs / str(os.getpid()))
    try:
        yield folder
    finally:
        _empty(folder)


def _empty(folder: Path) -> None:
    """Take our settings and the token out of `folder`. What a tool may name when it ends, to be
    resumed with, stays as settings that say nothing; the rest goes."""
    for file in [*folder.rglob("*")]:
        if file.name == _NAMED_BY_TOOLS and file.is_file():
            paths.write_private_file(file, b"{}\n")
        elif not file.is_dir() or file.is_symlink():
            file.unlink(missing_ok=True)
    for place in sorted((*folder.rglob("*"), folder), reverse=True):
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()


async def _run(
    command: list[str],
    config: Config,
    profile: str | None,
    scratch: Path,
    output: Output,
    servers: list[RunningGateway],
) -> int:
    """The child's exit code. `servers` gets the gateway, as soon as it runs."""
    from dataclasses import replace

    from gwproxy.cli.serve import demo_running
    from gwproxy.clients.endpoint import through_gateway
    from gwproxy.clients.launch import child_environment
    from gwproxy.profiles.secret import Secret
    from gwproxy.profiles.store import ServeSettings
    from gwproxy.proxy.limits import Limits
    from gwproxy.proxy.serving import Options, running, settle

    token = Secret(secrets.token_urlsafe(32))
    options = Options(
        port=0,
        default_profile=profile or "",
        ledger=paths.usage_db(),
        learns=True,
        responses=paths.responses_db(),
        captures=paths.captures_dir(),
        limits=replace(Limits(), drain_s=_DRAIN_S),
        read_token=lambda: token,
    )
    async with demo_running(options, config) as complete, running(complete) as server:
        servers.append(server)
        settle()
        endpoint = through_gateway(
            config.profile(profile),
            ServeSettings(host=server.host, port=server.port),
            token,
            pinned=False,
        )
        launch = _launch(command, endpoint, scratch, output)
        warn_of_window(output, endpoint.profile)
        for file, text in launch.files.items():
            paths.write_private_file(file, text.encode())
        output.talk(f"{endpoint.profile.name} at {server.url}, for {Path(command[0]).name} alone")
        environ = child_environment(_without_keys(config), launch, _HIDDEN_FROM_THE_CHILD)
        return await _child([command[0], *launch.arguments], environ)


def _without_keys(config: Config) -> dict[str, str]:
    """Our environment, without the variables that profiles name for their keys: an agent that
    prints its own would tell them to the model."""
    named = {profile.key.variable for profile in config.profiles.values()}
    return {name: value for name, value in os.environ.items() if name not in named}


def _launch(command: list[str], endpoint: ToolEndpoint, scratch: Path, output: Output) -> Launch:
    from gwproxy.cli.setup_inputs import past_web_proxies, places_of, with_prompt
    from gwproxy.clients.known import CLIENTS
    from gwproxy.clients.launch import RUN_SCOPE, launch_other

    name = Path(command[0]).stem.lower()
    client = next((each for each in CLIENTS.values() if name == each.PROGRAM), None)
    if client is None:
        return launch_other(endpoint, command[1:])
    places = places_of(None)
    if client is CLIENTS["claude-code"]:
        endpoint = past_web_proxies(endpoint, places)
    endpoint = with_prompt(endpoint, client)
    wishes = client.wishes(endpoint, {}, default=True)
    for remark in client.remarks(RUN_SCOPE, wishes, places):
        output.warn(remark)
    return client.launch(endpoint, command[1:], places, scratch)


async def _child(command: Sequence[str], environ: dict[str, str]) -> int:
    try:
        # No pipes: the terminal is the child's.
        process = await asyncio.create_subprocess_exec(*command, env=environ)
    except OSError as error:
        raise UsageError(
            f"{command[0]} does not start",
            why=error.strerror or str(error),
            hint="if it is a script, its first line must name an interpreter that is there",
        ) from None
    with _signals_for(process):
        code = await process.wait()
    return code if code >= 0 else _SIGNAL_EXIT - code


@contextlib.contextmanager
def _signals_for(process: asyncio.subprocess.Process) -> Iterator[None]:
    """Leave the keyboard to the child, pass on what is sent to us alone, and stop as it stops."""

    def leave(number: int, frame: object) -> None:
        pass

    def pass_on(number: int, frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    def stop_along(number: int, frame: object) -> None:
        # A program that suspends itself stops alone; the shell, which waits for us, would not
        # give the terminal back.
        if sys.platform != "win32" and _WAITID is not None:
            with contextlib.suppress(ChildProcessError):
                if _WAITID(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG):
                    os.kill(os.getpid(), signal.SIGSTOP)

    handlers = dict.fromkeys(_FOR_THE_CHILD, leave) | dict.fromkeys(_PASSED_ON, pass_on)
    if _WAITID is not None:
        handlers["SIGCHLD"] = stop_along
    before = {}
    for name, handler in handlers.items():
        number = getattr(signal, name, None)
        if number is not None:
            # A handler, not SIG_IGN: the child would inherit that, and ignore Ctrl-C.
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
