"""What is set up, against what would be written there now: a value that is as we wrote it is not
right any more once the token, the address or the profile is another one.

Looking makes nothing: no token, no record, no file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gwproxy import paths
from gwproxy.cli.setup_inputs import SetupFlags, SetupInputs, endpoint_of, places_of, scope_flag
from gwproxy.cli.setup_wishes import beside_of, flags_of, wisher
from gwproxy.clients import change, codex_models, files, web_proxy
from gwproxy.clients.change import FileStanding, Wisher
from gwproxy.clients.document import ABSENT, Tree, Value, digest, lookup, pointer, same
from gwproxy.clients.endpoint import ToolEndpoint
from gwproxy.clients.known import Client, client_of
from gwproxy.clients.plan import FileBeside, FileEdit, SetupPlan, SetupWish, Target, shown
from gwproxy.clients.undo import Claim, Flags
from gwproxy.errors import ConfigError, GwproxyError
from gwproxy.profiles import store
from gwproxy.profiles.local_token import TOKEN_VARIABLE

# What depends on the shell that it was asked from, and is no worse for being looked at from
# another one: there may be no web proxy there, and no Codex in PATH.
_OF_ONE_SHELL: Final = (*web_proxy.NO_PROXY, codex_models.KEY)

_MOST_REASONS: Final = 3
_LONGEST_VALUE: Final = 60


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be written in the way in which it was asked for, now or once."""

    target: Target
    client: Client
    asked: SetupInputs
    endpoint: ToolEndpoint
    wished: Wisher

    @property
    def profile(self) -> str:
        return self.endpoint.profile.name

    @property
    def flags(self) -> Flags:
        return flags_of(self.asked, self.endpoint)

    def beside(self, plan: SetupPlan) -> FileBeside | None:
        """The file of ours that goes with what the plan makes of theirs."""
        after = self.target.form.read(plan.after or "")
        return beside_of(self.asked, self.client, self.endpoint, after)

    def preview(self) -> SetupPlan:
        """What `apply` would do. Raises ConfigError."""
        return change.preview_setup(self.target, self.wished, self.profile)

    def apply(self, plan: SetupPlan) -> SetupPlan:
        """Write what was planned, or what it has become since. Raises ConfigError."""
        change.write_beside(self.target, self.beside(plan))
        return change.apply_setup(self.target, self.wished, self.profile, self.flags)


@dataclass(frozen=True, slots=True)
class Examined:
    """One file that is set up. `standing` is None where it cannot be read; `reasons` say why what
    stands there is not right any more; `trouble` is what keeps it from being written anew, and
    `job` is there where nothing does. `fails` is whether the tool cannot work as it stands."""

    target: Target
    claim: Claim
    standing: FileStanding | None
    reasons: tuple[str, ...] = ()
    trouble: GwproxyError | None = None
    job: Job | None = None
    fails: bool = False

    @property
    def state(self) -> str:
        """How the file is, in a word or two."""
        if self.standing is None:
            return "unreadable"
        return "stale" if self.reasons else self.standing.value

    @property
    def command(self) -> str:
        """The command that sets this file up again."""
        return f"gwproxy setup {self.claim.client}{scope_flag(self.claim.scope)}"

    @property
    def mending(self) -> str:
        """The command that makes it right: for another profile, where its own is not to be had."""
        return f"{self.command} --profile NAME" if self.trouble else "gwproxy setup --all"


def examined(*, to_write: bool = False) -> list[Examined]:
    """Every file that is set up; `to_write` lets a local token be made where there is none. Raises
    ConfigError."""
    return [_examine(target, claim, to_write) for target, claim in change.claimed_targets()]


def _examine(target: Target, claim: Claim, to_write: bool) -> Examined:
    try:
        standing = change.standing(target, claim)
    except ConfigError as error:
        return Examined(target, claim, None, trouble=error)
    if standing is FileStanding.GONE:
        return Examined(target, claim, standing)
    if not to_write and _lacks_token(claim):
        has_token = any(each.secret for each in claim.members)
        reasons = ("the token that was written is gone",) if has_token else ()
        return Examined(target, claim, standing, reasons, fails=has_token)
    try:
        job = _job(target, claim)
    except GwproxyError as error:
        return Examined(target, claim, standing, (error.what,), error, fails=True)
    try:
        plan = change.compare(job.target, job.wished, job.profile)
    except ConfigError as error:
        return Examined(target, claim, standing, trouble=error)
    edits = [edit for edit in plan.edits if _was_ours(edit, claim)]
    told = (*_reasons(edits, job.flags), *_of_beside(job, plan))
    fails = any(edit.secret or _is_address(edit.old) for edit in edits)
    return Examined(target, claim, standing, told, job=job, fails=fails)


def _lacks_token(claim: Claim) -> bool:
    is_direct = claim.flags is not None and claim.flags.direct
    return not (is_direct or os.environ.get(TOKEN_VARIABLE) or paths.token_file().exists())


def _job(target: Target, claim: Claim) -> Job:
    """Raises GwproxyError for a profile or a key that is not to be had."""
    client = client_of(claim.client, claim.scope)
    if client is None:
        raise ConfigError(f"gwproxy does not know {claim.client!r}", why="a later version did")
    flags = claim.flags or _flags_of_old(claim)
    home = Path(flags.home) if flags.home else None
    folder = Path(flags.folder) if flags.folder else None
    as_asked = SetupFlags(
        profile=flags.profile,
        scope=claim.scope,
        default=flags.default,
        helper=flags.helper,
        direct=flags.direct,
        in_place=flags.in_place,
        home=home,
    )
    asked = SetupInputs(client, places_of(home, folder), as_asked)
    endpoint = endpoint_of(asked, claim.scope)
    # The file that was written, wherever the variables of this shell lead.
    place = replace(client.target(claim.scope, asked.places), file=target.file)
    return Job(
        place, client, asked, endpoint, _leaving_theirs(wisher(asked, client, endpoint), claim)
    )


def _flags_of_old(claim: Claim) -> Flags:
    """What a record from before flags were noted must have meant."""
    follows = claim.profile in ("", store.load().default)
    return Flags(profile=None if follows else claim.profile)


def _leaving_theirs(wished: Wisher, claim: Claim) -> Wisher:
    """The wishes without those for a place where the user has put a value of their own since."""
    ours = {each.path: each.ours for each in claim.members}

    def is_ours(wish: SetupWish, tree: Tree) -> bool:
        present = lookup(tree, wish.path)
        if wish.path not in ours or isinstance(wish.value, dict) or same(present, wish.value):
            return True
        return digest(present) in ours[wish.path]

    def left(tree: Tree) -> list[SetupWish]:
        wishes = [wish for wish in wished(tree) if is_ours(wish, tree)]
        known = {wish.path for wish in wishes}
        of_one_shell = [
            SetupWish(path, present)
            for path in ours
            if path[-1] in _OF_ONE_SHELL and path not in known
            if (present := lookup(tree, path)) is not ABSENT
        ]
        return [*wishes, *of_one_shell]

    return left


def _was_ours(edit: FileEdit, claim: Claim) -> bool:
    """Whether it changes what we wrote, or adds what we did not know of then."""
    ours = next((each.ours for each in claim.members if each.path == edit.path), None)
    return ours is None or digest(edit.old) in ours


def _reasons(edits: Iterable[FileEdit], flags: Flags) -> list[str]:
    found = list(dict.fromkeys(_reason(edit, flags) for edit in edits))
    more = len(found) - _MOST_REASONS
    return [*found[:_MOST_REASONS], *([f"and {more} more"] if more > 0 else [])]


def _reason(edit: FileEdit, flags: Flags) -> str:
    if edit.secret:
        what = "provider's key" if flags.direct else "token"
        return f"the {what} is another one now"
    name, old, new = pointer(edit.path), shown(edit, edit.old), shown(edit, edit.new)
    if new is None:
        return f"{name} would not be written now"
    if max(len(new), len(old or "")) > _LONGEST_VALUE:
        return f"{name} would be another now"
    return f"{name} would be {new} now" + (f", not {old}" if old is not None else "")


def _is_address(value: Value) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _of_beside(job: Job, plan: SetupPlan) -> Iterator[str]:
    beside = job.beside(plan)
    if beside is not None and files.peek(job.target.file.parent / beside.name) != beside.text:
        yield f"{beside.name} would be another now"
