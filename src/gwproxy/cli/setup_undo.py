"""`gwproxy setup --undo`: which files are meant, and each of them taken back by itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gwproxy.cli.output import Output
from gwproxy.cli.setup_inputs import SetupInputs
from gwproxy.cli.setup_several import SetupOutcome, carry_out, report
from gwproxy.clients import change
from gwproxy.clients.document import pointer
from gwproxy.clients.known import CLIENTS, VSCODE
from gwproxy.clients.plan import Target
from gwproxy.errors import ConfigError


def take_back(asked: SetupInputs, output: Output) -> int:
    """Undo what the command line means; the exit code."""
    planned = _preview(asked, output)
    if not (planned.plans or planned.failed):
        _say_what_else_there_is(asked, output)
    outcome = carry_out(
        planned,
        asked.flags,
        output,
        "Take gwproxy out of {}?",
        lambda plan: change.apply_undo(plan.target, in_place=asked.flags.in_place),
    )
    return 0 if outcome is None else report(outcome, asked.flags, output, "undone")


def _preview(asked: SetupInputs, output: Output) -> SetupOutcome:
    outcome = SetupOutcome()
    for target, is_recorded in _targets(asked):
        try:
            plan = change.preview_undo(target)
        except ConfigError as error:
            if is_recorded:
                outcome.failed.append((target, error))
            continue
        if plan is None:
            continue
        outcome.plans.append(plan)
        if not is_recorded and not change.is_on_record(target):
            output.warn(f"{target.file}: no record of a setup; what only gwproxy writes goes")
        for path in plan.kept:
            whose = "is yours: you have changed it since setup"
            output.warn(f"{target.file}: {pointer(path)} {whose}")
    return outcome


def _targets(asked: SetupInputs) -> list[tuple[Target, bool]]:
    """The files that are meant, and whether each is on record under its name. One that is not
    may still tell of a setup; but a project's file is others' as well, and has to be asked for."""
    clients = [asked.client] if asked.client else list(CLIENTS.values())
    if asked.flags.scope is None and any(client.NAME == VSCODE.NAME for client in clients):
        clients = [*dict.fromkeys((*clients, VSCODE))]
    places = asked.places
    names = {client.NAME for client in clients}
    files = {
        (client.NAME, scope): client.target(scope, places).file
        for client in clients
        for scope in ((asked.flags.scope,) if asked.flags.scope else client.SCOPES)
    }
    claimed = [target for target, _ in change.claimed_targets() if target.client in names]
    here = [target for target in claimed if asked.flags.everything or _is_here(target, files)]
    recorded = here or [target for target in claimed if _was_moved(target, files, asked)]
    known = {target.file for target in recorded}
    asked_for = [client.target(asked.flags.scope or client.SCOPES[0], places) for client in clients]
    others = [target for target in asked_for if target.file not in known]
    return [(each, True) for each in recorded] + [(each, False) for each in others]


def _is_here(target: Target, files: Mapping[tuple[str, str], Path]) -> bool:
    """Whether a file on record is the one of its scope, or beside it: another name in its folder
    may have come to count since (`opencode.jsonc`)."""
    file = files.get((target.client, target.scope))
    return target.file in files.values() or (file is not None and target.file.parent == file.parent)


def _was_moved(target: Target, files: Mapping[tuple[str, str], Path], asked: SetupInputs) -> bool:
    """Whether a file on record was the one of its scope, before a variable moved that."""
    asked_for = target.scope == "user" and (target.client, target.scope) in files
    return asked_for and target.file.is_relative_to(asked.places.home)


def _say_what_else_there_is(asked: SetupInputs, output: Output) -> None:
    output.talk("there is nothing to undo")
    others = [] if asked.flags.everything else change.claimed_targets()
    for target, _ in others:
        output.talk(f"set up: {target.client} in {target.file} (gwproxy setup --undo --all)")
