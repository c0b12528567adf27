"""A cache alarm in words: what happened, what changed it, what it costs, what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gwproxy.plain import one_line
from gwproxy.proxy.records.prompt_cache.turn import CacheAlarm, CachedTurn
from gwproxy.translate.prefix import Parting

_LONGEST_PATH: Final = 80
_MOST_NAMES: Final = 3


def said(alarm: CacheAlarm, what: str, to_do: str) -> str:
    """The whole alarm in one sentence."""
    return (
        f"{alarm.now:.0%} of {alarm.input_tokens:,} input tokens came from the prompt cache, which "
        f"held {alarm.was:.0%} of the turn before: {what}; {alarm.lost_tokens:,} tokens are paid "
        f"anew ({to_do})"
    )


def by_the_tool(now: CachedTurn, at: Parting) -> tuple[str, str]:
    """What changed, and what to do; so are all that follow."""
    return f"the tool changed {_place(at)}", f"see gwproxy log {now.request_id}"


def by_the_notice(at: Parting) -> tuple[str, str]:
    what = f"Claude Code's attribution block is another one, {_place(at)}"
    return what, "CLAUDE_CODE_ATTRIBUTION_HEADER=0 leaves it out, as gwproxy setup claude-code does"


def by_a_lesson(now: CachedTurn, names: Sequence[str], at: Parting | None) -> tuple[str, str]:
    told = ", ".join(one_line(name)[:_LONGEST_PATH] for name in names[:_MOST_NAMES])
    changed = f"changed {_place(at)}" if at else "leaves out the marks of the cache"
    what = f"gwproxy learned from a refusal ({told}), and {changed}"
    name = f" '{one_line(names[0])}'" if len(names) == 1 else ""
    return what, f"once; gwproxy profile forget {now.profile}{name} takes it back"


def by_a_failover(before: CachedTurn, now: CachedTurn) -> tuple[str, str]:
    if now.profile == now.chosen:
        what = f"{now.profile} answers again, after {before.profile} had taken its place"
    else:
        what = f"{now.profile} took the place of {before.profile}, and has a cache of its own"
    return what, "gwproxy status says how the profiles are"


def by_us(at: Parting | None) -> tuple[str, str]:
    place = f"{_place(at)} is another one" if at else "the marks of the cache are gone"
    what = f"gwproxy's own translation is to blame: {place}, though the tool changed nothing there"
    return what, "a fault of gwproxy: please report it; gwproxy serve --capture keeps both requests"


def without_marks(now: CachedTurn) -> tuple[str, str]:
    return "the tool sets no marks for the cache any more", f"see gwproxy log {now.request_id}"


def out_of_reach(added: int) -> tuple[str, str]:
    what = f"{added} blocks came at once, and the provider looks no further back than 20"
    return what, "the next turns are read from the cache again"


def by_the_provider(now: CachedTurn) -> tuple[str, str]:
    what = "the request begins as the last one did, but the provider did not read its cache"
    to_do = "if it goes on, ask the provider"
    if now.upstream_request_id:
        to_do += f" about {one_line(now.upstream_request_id)[:_LONGEST_PATH]}"
    return what, to_do


def _place(at: Parting) -> str:
    """`messages[3].content[0].text, from byte 1,234 on`."""
    return f"{one_line(at.path)[:_LONGEST_PATH]}, from byte {at.byte:,} on"
