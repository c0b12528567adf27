"""What `gwproxy setup` shows: diffs, lists, and the same as data for --json."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gwproxy.cli.drawing import Table
from gwproxy.cli.output import Output
from gwproxy.clients import change
from gwproxy.clients.change import Standing
from gwproxy.clients.document import pointer
from gwproxy.clients.plan import Plan, diff, shown
from gwproxy.clients.undo import Claim
from gwproxy.errors import ConfigError

# Some clients write their settings from memory as soon as they see them change.
_SETTLING_TIME_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class ClientStatus:
    """One client on this machine, and what we have put into its files."""

    name: str
    title: str
    installed: bool
    setups: tuple[tuple[Claim, Standing | None], ...]

    @property
    def is_new(self) -> bool:
        """Whether it is here and not set up."""
        return self.installed and not self.setups


def plan_data(plan: Plan) -> dict[str, object]:
    """A plan as --json shows it, secrets masked."""
    return {
        "client": plan.target.client,
        "scope": plan.target.scope,
        "file": str(plan.target.file),
        "edits": [
            {
                "path": list(edit.path),
                "old": shown(edit, edit.old),
                "new": shown(edit, edit.new),
            }
            for edit in plan.edits
        ],
        "kept": [list(path) for path in plan.kept],
        "removes_file": plan.before is not None and plan.after is None,
    }


def talk_diff(output: Output, plan: Plan) -> None:
    """The diff as talk, for a person about to be asked."""
    output.talk_diff(diff(plan).rstrip("\n"))


def print_diff(output: Output, plan: Plan) -> None:
    """The diff as data, for --dry-run."""
    if text := diff(plan).rstrip("\n"):
        output.diff(text)


def agreed(output: Output, plans: Iterable[Plan], question: str, *, yes: bool) -> bool:
    """Whether the person wants this: shown first, then asked, unless `--yes` has said so."""
    if yes:
        return True
    for plan in plans:
        talk_diff(output, plan)
    if output.confirm(question, flag="--yes"):
        return True
    output.talk("nothing was changed")
    return False


def warn_if_rewritten(output: Output, plans: Sequence[Plan]) -> None:
    """A last look at what was written."""
    if not plans:
        return
    time.sleep(_SETTLING_TIME_S)
    for plan in plans:
        if not change.is_in_place(plan):
            output.warn(
                f"another program wrote {plan.target.file} right after gwproxy: close "
                f"{plan.target.client} and try again"
            )


def kept_by_undo(plan: Plan) -> list[str]:
    return [f"{pointer(path)} is yours: you have changed it since setup" for path in plan.kept]


def remind_of_setups(output: Output, profile: str, instead: str) -> None:
    """Which tools were set up for a profile that is not there any more; `instead` are the flags
    for another one."""
    try:
        claimed = change.claimed_targets()
    except ConfigError:
        return  # setup itself says what is wrong with the record
    for target, claim in claimed:
        if claim.profile == profile:
            scope = "" if claim.scope == "user" else f" --scope {claim.scope}"
            command = f"gwproxy setup {claim.client}{scope}{instead}"
            output.talk(f"{target.file} was set up for {profile}")
            output.next(command)


def list_data(clients: list[ClientStatus]) -> dict[str, object]:
    return {
        "clients": [
            {
                "client": each.name,
                "title": each.title,
                "installed": each.installed,
                "setups": [
                    {
                        "scope": claim.scope,
                        "profile": claim.profile,
                        "file": claim.file,
                        "standing": standing.value if standing else "unreadable",
                    }
                    for claim, standing in each.setups
                ],
            }
            for each in clients
        ]
    }


def talk_found(output: Output, clients: list[ClientStatus]) -> None:
    """What could be set up now."""
    for each in clients:
        if each.is_new:
            output.talk(f"found {each.title}: gwproxy setup {each.name}")
    if not any(each.installed or each.setups for each in clients):
        output.talk("none of these tools is in PATH; gwproxy setup NAME prepares one all the same")


def list_table(clients: list[ClientStatus]) -> Table:
    rows: list[tuple[str, ...]] = []
    for each in clients:
        installed = "yes" if each.installed else "no"
        if not each.setups:
            rows.append((each.name, installed, "-", "-", "not set up", "-"))
        for claim, standing in each.setups:
            state = standing.value if standing else "unreadable"
            rows.append((each.name, installed, claim.scope, claim.profile, state, claim.file))
    return Table(("CLIENT", "INSTALLED", "SCOPE", "PROFILE", "STATE", "FILE"), tuple(rows))
