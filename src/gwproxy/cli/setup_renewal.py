"""`gwproxy setup --all`: what is set up and not right any more, each file written anew in the way
in which it was asked for.
"""

from __future__ import annotations

from gwproxy.cli.output import Output
from gwproxy.cli.setup_compare import Examined, examined
from gwproxy.cli.setup_inputs import SetupInputs
from gwproxy.cli.setup_several import SetupOutcome, carry_out, report
from gwproxy.clients.plan import SetupPlan
from gwproxy.errors import GwproxyError


def renew(asked: SetupInputs, output: Output) -> int:
    """Do what the command line means; the exit code."""
    found = [each for each in examined(to_write=True) if _is_meant(each, asked)]
    jobs = {one.job.target: one.job for one in found if one.job}

    def apply(plan: SetupPlan) -> SetupPlan:
        return jobs[plan.target].apply(plan)

    planned = _preview(found, output)
    outcome = carry_out(planned, asked.flags, output, "Write this to {}?", apply)
    if outcome is None:
        return 0
    nothing = "all is as it would be written now" if found else "nothing is set up here"
    return report(outcome, asked.flags, output, "renewed", nothing)


def _is_meant(one: Examined, asked: SetupInputs) -> bool:
    return asked.client is None or one.claim.client == asked.client.NAME


def _preview(found: list[Examined], output: Output) -> SetupOutcome:
    outcome = SetupOutcome()
    for one in found:
        if one.trouble is not None:
            outcome.failed.append((one.target, _with_way_out(one, one.trouble)))
        if one.job is None or not one.reasons:
            continue
        try:
            outcome.plans.append(one.job.preview())
        except GwproxyError as error:
            outcome.failed.append((one.target, error))
            continue
        output.talk(f"{one.target.file}: {'; '.join(one.reasons)}")
    return outcome


def _with_way_out(one: Examined, error: GwproxyError) -> GwproxyError:
    if one.standing is None or not one.reasons:
        return error
    hint = f"{one.mending}\n{one.command} --undo"
    return type(error)(f"{one.target.file}: {error.what}", why=error.why, hint=hint)
