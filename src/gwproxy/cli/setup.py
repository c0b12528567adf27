"""`gwproxy setup`: configure a coding tool, show it first, and take it back.

What a tool must be told is decided in `clients`, and so is how its file is changed; here are the
flags, the questions and the order: load, plan, show, ask, write, say what comes next.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import Annotated, Final

import typer

from gwproxy.cli import setup_report
from gwproxy.cli.hints import warn_of_window
from gwproxy.cli.options import CsvFlag, JsonFlag, QuietFlag, spread_flags
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.running import runs_at
from gwproxy.cli.setup_compare import Job, examined
from gwproxy.cli.setup_inputs import (
    SetupFlags,
    SetupInputs,
    check_flags,
    check_vscode,
    endpoint_of,
    find_client,
    in_vscode,
    no_profile,
    places_of,
    scope_flag,
    warnings_of,
)
from gwproxy.cli.setup_renewal import renew
from gwproxy.cli.setup_report import ClientStatus
from gwproxy.cli.setup_undo import take_back
from gwproxy.cli.setup_wishes import wisher
from gwproxy.clients import change
from gwproxy.clients.endpoint import ToolEndpoint
from gwproxy.clients.known import CLIENTS, Client
from gwproxy.clients.plan import SetupPlan, plan_setup
from gwproxy.clients.shell import SHELLS, export_lines, shell_of
from gwproxy.errors import GwproxyError, UsageError
from gwproxy.profiles import learned

_NAMES: Final = "|".join(CLIENTS)


def register(app: typer.Typer) -> None:
    app.command("setup")(spread_flags(setup))


def setup(
    context: typer.Context,
    client: Annotated[
        str | None, typer.Argument(metavar=_NAMES, show_default=False, help="The tool.")
    ] = None,
    *,
    flags: SetupFlags,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Configure a coding tool to use the gateway."""
    output = output_of(context)
    tool = find_client(client) if client else None
    asked = SetupInputs(in_vscode(tool) if flags.vscode else tool, places_of(flags.home), flags)
    if output.csv_mode and not flags.show_list:
        raise UsageError("--csv goes with --list", hint="gwproxy setup --list --csv")
    check_flags(asked, json_mode=output.json_mode)
    if flags.undo:
        return take_back(asked, output)
    if asked.renews:
        return renew(asked, output)
    if flags.show_list:
        _list(asked, output)
    elif asked.client is None:
        return _offer(asked, output)
    elif flags.print_only:
        _print(asked, asked.client, output)
    else:
        _set_up(asked, asked.client, output)
    return 0


def _set_up(asked: SetupInputs, client: Client, output: Output) -> None:
    scope = asked.flags.scope or client.SCOPES[0]
    target = client.target(scope, asked.places)
    check_vscode(target)
    endpoint = endpoint_of(asked, scope)
    job = Job(target, client, asked, endpoint, wisher(asked, client, endpoint))
    plan = job.preview()
    warnings = _warn(job, plan, output)
    status = "unchanged" if plan.is_empty else "would change"
    if plan.is_empty:
        output.talk(f"{client.TITLE} is set up already: {target.file}")
        if not asked.flags.dry_run:
            change.note_setup(target, job.wished, job.profile, job.flags)
            change.write_beside(target, job.beside(plan))
    elif not asked.flags.dry_run:
        question = f"Write this to {target.file}?"
        if asked.flags.direct:
            question = f"Write this, with the provider's key, to {target.file}?"
        _tell_beside(job, plan, output)
        if not setup_report.agreed(output, [plan], question, yes=asked.flags.yes):
            return
        plan = job.apply(plan)
        setup_report.warn_if_rewritten(output, [plan])
        status = "changed"
    _report(job, plan, output, {"status": status, "warnings": warnings})


def _warn(job: Job, plan: SetupPlan, output: Output) -> list[str]:
    """What a person should know before it is written, said; for --json as well."""
    written = [wish for wish in job.wished({}) if wish.path not in plan.kept]
    warnings = warnings_of(job.asked, job.client, job.endpoint, job.target, written)
    for warning in warnings:
        output.warn(warning)
    warn_of_window(output, job.endpoint.profile)
    if plan.kept and not job.asked.flags.default:
        output.talk("your default model stays as it is; --default would replace it")
    return warnings


def _tell_beside(job: Job, plan: SetupPlan, output: Output) -> None:
    if beside := job.beside(plan):
        output.talk(f"and the models of the profile to {job.target.file.parent / beside.name}")


def _report(job: Job, plan: SetupPlan, output: Output, outcome: dict[str, object]) -> None:
    client, endpoint = job.client, job.endpoint
    start = client.start(endpoint, plan.kept)
    notes = [] if endpoint.direct else client.notes(learned.informed(endpoint.profile))

    def human() -> None:
        if job.asked.flags.dry_run:
            setup_report.print_diff(output, plan)
            _tell_beside(job, plan, output)
        elif outcome["status"] == "changed":
            setup_report.say_done(output, plan)
            for note in notes:
                output.talk(note)
            output.next(*_first(endpoint), start)
            output.talk(f"undo: gwproxy setup {client.NAME} --undo{scope_flag(plan.target.scope)}")

    told = {"profile": job.profile, "start": start, "notes": notes}
    output.result(setup_report.plan_data(plan) | outcome | told, human)


def _print(asked: SetupInputs, client: Client, output: Output) -> None:
    scope = asked.flags.scope or client.SCOPES[0]
    endpoint = endpoint_of(asked, scope)
    target = client.target(scope, asked.places)
    wishes = client.wishes(endpoint, {}, default=True)
    if asked.flags.direct:
        output.warn(f"--direct: the key of {endpoint.profile.name!r} stands in this text")
    if asked.flags.form == "env":
        variables = client.environment(endpoint)
        shell = next((each for each in SHELLS if each == asked.flags.shell), None)
        shell = shell or shell_of(os.environ, windows=sys.platform == "win32")
        text = "\n".join(export_lines(variables, shell))
        for remark in client.remarks("environment", wishes, asked.places):
            output.warn(remark)
        output.result({"format": shell, "text": text}, lambda: output.document(text))
        return
    text = (plan_setup(target, None, wishes).after or "").rstrip("\n")
    output.talk(f"for {target.file}:")
    data = {"format": target.form.name, "file": str(target.file), "text": text}
    output.result(data, lambda: output.document(text))


def _list(asked: SetupInputs, output: Output) -> None:
    """What is set up where."""
    clients = _clients()

    def human() -> None:
        output.table(setup_report.list_table(clients))
        setup_report.talk_found(output, clients)

    data = setup_report.list_data(clients)
    output.result(data, human, sheet=setup_report.list_sheet(clients))


def _offer(asked: SetupInputs, output: Output) -> int:
    """The same, and then one new tool after the other: trouble with one keeps no other from it."""
    lacking = no_profile(asked)
    if asked.flags.yes and lacking:
        raise lacking
    _list(asked, output)
    if lacking:
        output.next(*lacking.hint.splitlines()[:1])
    if lacking or not (asked.flags.yes or output.can_ask()):
        return 0
    code = 0
    for each in _clients():
        if not each.is_new:
            continue
        if not asked.flags.yes and not output.confirm(f"Set up {each.title} now?", flag="--yes"):
            continue
        try:
            _set_up(asked, CLIENTS[each.name], output)
        except GwproxyError as error:
            output.fail(error)
            code = error.exit_code
    return code


def _clients() -> list[ClientStatus]:
    found = examined()
    return [
        ClientStatus(
            name,
            client.TITLE,
            shutil.which(client.PROGRAM) is not None,
            tuple(each for each in found if each.claim.client == name),
        )
        for name, client in CLIENTS.items()
    ]


def _first(endpoint: ToolEndpoint) -> tuple[str, ...]:
    """What has to run before the tool does."""
    if endpoint.direct or runs_at(endpoint.anthropic or ""):
        return ()
    return ("gwproxy serve --profile demo",) if endpoint.profile.is_built_in else ("gwproxy serve",)
