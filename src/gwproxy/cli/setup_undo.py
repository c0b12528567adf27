"""`gwproxy setup --undo`: which files are meant, and each of them taken back by itself.

One file that cannot be taken back keeps none of the others from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gwproxy.cli import setup_report
from gwproxy.cli.output import Output
from gwproxy.cli.setup_inputs import SetupInputs
from gwproxy.clients import change
from gwproxy.clients.known import CLIENTS, VSCODE
from gwproxy.clients.plan import SetupPlan, Target
from gwproxy.errors import ConfigError


@dataclass(slots=True)
class _Outcome:
    """The plans that can be, or were, carried out, and the files that stay as they are."""

    plans: list[SetupPlan] = field(default_factory=list)
    failed: list[tuple[Target, ConfigError]] = field(default_factory=list)


def take_back(asked: SetupInputs, output: Output) -> int:
    """Undo what the command line means; the exit code."""
    outcome = _preview(asked, output)
    if not (outcome.plans or outcome.failed):
        _say_what_else_there_is(asked, output)
    if outcome.plans and not asked.flags.dry_run:
        names = ", ".join(str(plan.target.file) for plan in outcome.plans)
        question = f"Take gwproxy out of {names}?"
        if not setup_report.agreed(output, outcome.plans, question, yes=asked.flags.yes):
            return 0
        outcome = _carry_out(asked, outcome)
        setup_report.warn_if_rewritten(output, outcome.plans)
    if len(outcome.failed) == 1 and not outcome.plans:
        raise outcome.failed[0][1]
    _report(asked, output, outcome)
    return outcome.failed[0][1].exit_code if outcome.failed else 0


def _preview(asked: SetupInputs, output: Output) -> _Outcome:
    outcome = _Outcome()
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
        for remark in setup_report.kept_by_undo(plan):
            output.warn(f"{target.file}: {remark}")
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


def _carry_out(asked: SetupInputs, outcome: _Outcome) -> _Outcome:
    done = _Outcome(failed=outcome.failed)
    for plan in outcome.plans:
        try:
            # Another file may have stood for the same one, as in the home folder.
            if carried_out := change.apply_undo(plan.target, in_place=asked.flags.in_place):
                done.plans.append(carried_out)
        except ConfigError as error:
            done.failed.append((plan.target, error))
    return done


def _report(asked: SetupInputs, output: Output, outcome: _Outcome) -> None:
    def human() -> None:
        for plan in outcome.plans:
            if asked.flags.dry_run:
                setup_report.print_diff(output, plan)
            else:
                setup_report.say_done(output, plan, undone=True)
        for _, error in outcome.failed:
            output.fail(error)

    status = "would change" if asked.flags.dry_run else "changed"
    data = {
        "status": status if outcome.plans else "unchanged",
        "undone": [setup_report.plan_data(plan) for plan in outcome.plans],
        "failed": setup_report.failed_data(outcome.failed),
    }
    output.result(data, human)
