"""`gwproxy setup --all`: what is set up and not right any more, each file written anew in the way
in which it was asked for. One that cannot be written keeps none of the others from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gwproxy.cli import setup_report
from gwproxy.cli.output import Output
from gwproxy.cli.setup_compare import Examined, Job, examined
from gwproxy.cli.setup_inputs import SetupInputs
from gwproxy.clients import change
from gwproxy.clients.plan import SetupPlan, Target
from gwproxy.errors import GwproxyError


@dataclass(slots=True)
class _Outcome:
    """The files that can be, or were, written anew, and those that stay as they are."""

    plans: list[tuple[Job, SetupPlan]] = field(default_factory=list)
    failed: list[tuple[Target, GwproxyError]] = field(default_factory=list)


def renew(asked: SetupInputs, output: Output) -> int:
    """Do what the command line means; the exit code."""
    found = [each for each in examined(to_write=True) if _is_meant(each, asked)]
    outcome = _preview(found, output)
    if outcome.plans and not asked.flags.dry_run:
        plans = [plan for _, plan in outcome.plans]
        names = ", ".join(str(plan.target.file) for plan in plans)
        if not setup_report.agreed(output, plans, f"Write this to {names}?", yes=asked.flags.yes):
            return 0
        outcome = _carry_out(outcome)
        setup_report.warn_if_rewritten(output, [plan for _, plan in outcome.plans])
    if len(outcome.failed) == 1 and not outcome.plans:
        raise outcome.failed[0][1]
    _report(asked, output, outcome, found)
    return outcome.failed[0][1].exit_code if outcome.failed else 0


def _is_meant(one: Examined, asked: SetupInputs) -> bool:
    return asked.client is None or one.claim.client == asked.client.NAME


def _preview(found: list[Examined], output: Output) -> _Outcome:
    outcome = _Outcome()
    for one in found:
        if one.trouble is not None:
            outcome.failed.append((one.target, _with_way_out(one, one.trouble)))
        if one.job is None or not one.reasons:
            continue
        try:
            plan = change.preview_setup(one.job.target, one.job.wished, one.job.profile)
        except GwproxyError as error:
            outcome.failed.append((one.target, error))
            continue
        outcome.plans.append((one.job, plan))
        output.talk(f"{one.target.file}: {'; '.join(one.reasons)}")
    return outcome


def _with_way_out(one: Examined, error: GwproxyError) -> GwproxyError:
    if one.standing is None or not one.reasons:
        return error
    hint = f"{one.mending}\n{one.command} --undo"
    return type(error)(f"{one.target.file}: {error.what}", why=error.why, hint=hint)


def _carry_out(outcome: _Outcome) -> _Outcome:
    done = _Outcome(failed=outcome.failed)
    for job, plan in outcome.plans:
        try:
            change.write_beside(job.target, job.beside(plan))
            written = change.apply_setup(job.target, job.wished, job.profile, job.flags)
            done.plans.append((job, written))
        except GwproxyError as error:
            done.failed.append((job.target, error))
    return done


def _report(asked: SetupInputs, output: Output, outcome: _Outcome, found: list[Examined]) -> None:
    def human() -> None:
        for _, plan in outcome.plans:
            if asked.flags.dry_run:
                setup_report.print_diff(output, plan)
            else:
                setup_report.say_done(output, plan)
        for _, error in outcome.failed:
            output.fail(error)
        if not (outcome.plans or outcome.failed):
            output.talk("all is as it would be written now" if found else "nothing is set up here")

    status = "would change" if asked.flags.dry_run else "changed"
    data = {
        "status": status if outcome.plans else "unchanged",
        "renewed": [setup_report.plan_data(plan) for _, plan in outcome.plans],
        "failed": setup_report.failed_data(outcome.failed),
    }
    output.result(data, human)
