"""Several files at once, for `gwproxy setup --all` and `--undo`: shown, asked for, written, told.

One file that cannot be written keeps none of the others from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gwproxy.cli import setup_report
from gwproxy.cli.output import Output
from gwproxy.cli.setup_inputs import SetupFlags
from gwproxy.clients.plan import SetupPlan, Target
from gwproxy.errors import GwproxyError


@dataclass(slots=True)
class SetupOutcome:
    """The plans that can be, or were, carried out, and the files that stay as they are."""

    plans: list[SetupPlan] = field(default_factory=list)
    failed: list[tuple[Target, GwproxyError]] = field(default_factory=list)


def carry_out(
    planned: SetupOutcome,
    flags: SetupFlags,
    output: Output,
    question: str,
    apply: Callable[[SetupPlan], SetupPlan | None],
) -> SetupOutcome | None:
    """What came of `planned`, each plan by `apply`; None where the person said no to `question`.
    With --dry-run it is what was planned."""
    if flags.dry_run or not planned.plans:
        return planned
    names = ", ".join(str(plan.target.file) for plan in planned.plans)
    if not setup_report.agreed(output, planned.plans, question.format(names), yes=flags.yes):
        return None
    done = SetupOutcome(failed=planned.failed)
    for plan in planned.plans:
        try:
            # Another file may have stood for the same one, as in the home folder.
            if written := apply(plan):
                done.plans.append(written)
        except GwproxyError as error:
            done.failed.append((plan.target, error))
    setup_report.warn_if_rewritten(output, done.plans)
    return done


def report(
    outcome: SetupOutcome, flags: SetupFlags, output: Output, name: str, nothing: str = ""
) -> int:
    """The exit code, once all is told: the plans as `name` in --json, `nothing` where there are
    none. Raises GwproxyError where there is only that to tell."""
    if len(outcome.failed) == 1 and not outcome.plans:
        raise outcome.failed[0][1]

    def human() -> None:
        for plan in outcome.plans:
            if flags.dry_run:
                setup_report.print_diff(output, plan)
            else:
                setup_report.say_done(output, plan, undone=flags.undo)
        for _, error in outcome.failed:
            output.fail(error)
        if nothing and not (outcome.plans or outcome.failed):
            output.talk(nothing)

    status = "would change" if flags.dry_run else "changed"
    data = {
        "status": status if outcome.plans else "unchanged",
        name: [setup_report.plan_data(plan) for plan in outcome.plans],
        "failed": [
            {"file": str(target.file), "what": error.what, "why": error.why, "hint": error.hint}
            for target, error in outcome.failed
        ],
    }
    output.result(data, human)
    return outcome.failed[0][1].exit_code if outcome.failed else 0
