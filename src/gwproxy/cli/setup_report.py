"""What `gwproxy setup` shows: diffs, lists, and the same as data for --json."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gwproxy.cli.drawing import Table
from gwproxy.cli.output import Output
from gwproxy.cli.setup_compare import Examined
from gwproxy.cli.setup_inputs import scope_flag
from gwproxy.cli.sheet import Sheet
from gwproxy.clients import change, ledger
from gwproxy.clients.plan import SetupPlan, Target, diff, shown
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
    setups: tuple[Examined, ...]

    @property
    def is_new(self) -> bool:
        """Whether it is here and not set up."""
        return self.installed and not self.setups


def plan_data(plan: SetupPlan) -> dict[str, object]:
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


def say_done(output: Output, plan: SetupPlan, *, undone: bool = False) -> None:
    """The file that was written, as data, and what became of it, as talk."""
    output.line(str(plan.target.file))
    if plan.after is None:
        output.talk("deleted: without gwproxy there is nothing in it")
    elif plan.before is None:
        output.talk("created: there was no such file")
    elif undone:
        kept = "what you have changed since stays" if plan.kept else "the rest of it stays as it is"
        output.talk(f"restored: gwproxy is out of it, and {kept}")
    else:
        output.talk("written: the rest of it stays as it was")


def print_diff(output: Output, plan: SetupPlan) -> None:
    """The diff as data, for --dry-run."""
    if text := diff(plan).rstrip("\n"):
        output.diff(text)


def agreed(output: Output, plans: Iterable[SetupPlan], question: str, *, yes: bool) -> bool:
    """Whether the person wants this: shown first, then asked, unless `--yes` has said so."""
    if yes:
        return True
    for plan in plans:
        output.talk_diff(diff(plan).rstrip("\n"))
    if output.confirm(question, flag="--yes"):
        return True
    output.talk("nothing was changed")
    return False


def warn_if_rewritten(output: Output, plans: Sequence[SetupPlan]) -> None:
    """Warn of a file that another program has written over right after us."""
    if not plans:
        return
    time.sleep(_SETTLING_TIME_S)
    for plan in plans:
        if not change.is_in_place(plan):
            output.warn(
                f"another program wrote {plan.target.file} right after gwproxy: close "
                f"{plan.target.client} and try again"
            )


def remind_of_removal(output: Output, profile: str, instead: str) -> None:
    """Say which tools were set up for a profile that is not there any more; `instead` are the
    flags for another one."""
    for target, claim in _claimed():
        if claim.profile == profile:
            output.talk(f"{target.file} was set up for {profile}")
            output.next(f"gwproxy setup {claim.client}{scope_flag(claim.scope)}{instead}")


def follow_rename(output: Output, old: str, new: str) -> None:
    """Note the new name of a profile with what was set up for it, and say what is to be written
    anew."""
    mine = [target for target, claim in _claimed() if claim.profile == old]
    if not mine:
        return
    ledger.rename(old, new)
    for target in mine:
        output.talk(f"{target.file} was set up for {old}")
    output.next("gwproxy setup --all")


def tell_who_stays(output: Output, default: str) -> None:
    """Say which tools keep another profile than the new default one, or what was written for it."""
    follows = False
    for target, claim in _claimed():
        if claim.profile in (default, ""):
            continue
        if claim.flags is not None and claim.flags.profile is None:
            output.talk(f"{target.file} follows; its models and limits are still {claim.profile}'s")
            follows = True
        else:
            output.talk(f"{target.file} stays with {claim.profile}, which it names")
    if follows:
        output.next("gwproxy setup --all")


def _claimed() -> list[tuple[Target, Claim]]:
    try:
        return change.claimed_targets()
    except ConfigError:
        return []  # setup itself says what is wrong with the record


def list_sheet(clients: list[ClientStatus]) -> Sheet:
    """A row for each file that is set up, and for each tool that is not."""
    rows: list[dict[str, object]] = []
    for each in clients:
        tool = {"client": each.name, "title": each.title, "installed": each.installed}
        rows += [{**tool, **_setup_data(one)} for one in each.setups] or [tool]
    return Sheet(rows)


def _setup_data(one: Examined) -> dict[str, object]:
    return {
        "scope": one.claim.scope,
        "profile": one.claim.profile,
        "file": one.claim.file,
        "standing": one.state,
        "reasons": list(one.reasons),
    }


def list_data(clients: list[ClientStatus]) -> dict[str, object]:
    """Each tool with the files that are set up, as --json shows it."""
    return {
        "clients": [
            {
                "client": each.name,
                "title": each.title,
                "installed": each.installed,
                "setups": [_setup_data(one) for one in each.setups],
            }
            for each in clients
        ]
    }


def talk_found(output: Output, clients: list[ClientStatus]) -> None:
    """Say what is not right any more, and what could be set up now."""
    stale = [one for each in clients for one in each.setups if one.reasons]
    for one in stale:
        output.talk(f"{one.target.file}: {'; '.join(one.reasons)}")
    if stale:
        output.next(*dict.fromkeys(one.mending for one in stale))
    for each in clients:
        if each.is_new:
            output.talk(f"found {each.title}: gwproxy setup {each.name}")
    if not any(each.installed or each.setups for each in clients):
        output.talk("none of these tools is in PATH; gwproxy setup NAME prepares one all the same")


def list_table(clients: list[ClientStatus]) -> Table:
    """A row for each file that is set up, and for each tool that is not."""
    rows: list[tuple[str, ...]] = []
    for each in clients:
        installed = "yes" if each.installed else "no"
        if not each.setups:
            rows.append((each.name, installed, "-", "-", "not set up", "-"))
        for one in each.setups:
            claim = one.claim
            rows.append((each.name, installed, claim.scope, claim.profile, one.state, claim.file))
    return Table(("CLIENT", "INSTALLED", "SCOPE", "PROFILE", "STATE", "FILE"), tuple(rows))
