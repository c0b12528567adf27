"""From the turns of a session to an alarm: whether the cache broke without a reason that is known,
and what changed. Pure; the turns bring their times.

No alarm where a conversation was made shorter or is a new one, where a person chose another model
or profile or edited the one in force, where more time has passed than a cache lives, where a model
leaves out its earlier thoughts at a new question, and where a provider tells no figures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Final, NamedTuple

from gwproxy.proxy.records.prompt_cache import words
from gwproxy.proxy.records.prompt_cache.turn import CacheAlarm, CachedTurn, ChangedBy
from gwproxy.translate.hub import Dialect
from gwproxy.translate.prefix import Compared, Parting, compared
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from gwproxy.translate.wire.jsonio import NotJson

LIFE_S: Final = 300.0
"""Anthropic's, from one use to the next
(https://docs.claude.com/en/docs/build-with-claude/prompt-caching), and the shortest that OpenAI
tells of (https://platform.openai.com/docs/guides/prompt-caching). Others say nothing."""

LONG_LIFE_S: Final = 3600.0
"""Where every mark of a request asks for an hour."""

_SHORTER: Final = 0.9
"""Of the tokens before: a tool that takes old results out of its history makes it so much less."""

_HALF: Final = 0.5
_APART: Final = 0.25
"""Of a prompt: what changed so much earlier in what we sent than in what came is our doing."""

_REACH_BLOCKS: Final = 20
"""How far before a mark Anthropic looks for an earlier one."""

_NOT_HEEDED: Final = frozenset({"api.anthropic.com"})
"""Hosts that take the attribution block out before they look into the cache."""

_MARK: Final = re.compile(rb'"(?:cache_control|prompt_cache_breakpoint)"\s*:\s*\{')
_LASTING: Final = re.compile(rb'"ttl"\s*:\s*"(?:1h|12h)"')
_THOUGHT: Final = re.compile(
    rb'"type"\s*:\s*"(?:redacted_)?(?:thinking|reasoning)"|"reasoning(?:_content)?"\s*:\s*"'
)


class Cause(NamedTuple):
    """Who changed it, what, and what to do."""

    by: ChangedBy
    said: tuple[str, str]
    at: Parting | None = None


class CacheVerdict(NamedTuple):
    """The turn that was continued, if it is among those known, and the alarm about it."""

    before: CachedTurn | None = None
    alarm: CacheAlarm | None = None


def verdict(earlier: Sequence[CachedTurn], now: CachedTurn) -> CacheVerdict:
    """What is to be said of `now` after `earlier` turns of its session, the newest first."""
    facts = FACTS[Dialect(now.client_dialect)]
    for before in earlier:
        if before.heard_s > now.sent_s:
            continue  # they ran side by side: nothing of it was in the cache yet
        try:
            came = compared(before.put.came, now.put.came, facts, past_notice=True)
            if came.continues:
                return CacheVerdict(before, _alarm(before, now, came))
        except NotJson:
            continue
    return CacheVerdict()


def _alarm(before: CachedTurn, now: CachedTurn, came: Compared) -> CacheAlarm | None:
    lost = now.lacks(before)
    if (
        not lost
        or _is_a_persons_choice(before, now)
        or now.sent_s - before.sent_s > _life_s(before)
    ):
        return None
    if now.total < _SHORTER * before.total and (came.parting is None or came.parting.in_turns):
        return None  # old results were taken out, by the tool or by the provider at its word
    cause = _cause(before, now, came)
    if cause is None:
        return None
    alarm = CacheAlarm(
        was=round(min(1.0, before.expected / before.total), 4),
        now=round(now.read / now.total, 4),
        input_tokens=now.total,
        lost_tokens=min(lost, now.total - now.read),
        changed_by=cause.by,
        before=before.request_id,
        parts_at=cause.at.path if cause.at else None,
        parts_at_byte=cause.at.byte if cause.at else None,
    )
    return replace(alarm, words=words.said(alarm, *cause.said))


def _is_a_persons_choice(before: CachedTurn, now: CachedTurn) -> bool:
    """Another profile, or the same with other settings."""
    if before.chosen != now.chosen:
        return True
    return before.profile == now.profile and (
        (before.model, before.host, before.dialect) != (now.model, now.host, now.dialect)
        or before.put.own_quirks != now.put.own_quirks
    )


def _life_s(before: CachedTurn) -> float:
    marks = len(_MARK.findall(before.put.sent)) if _heeds_marks(before) else 0
    return LONG_LIFE_S if 0 < marks <= len(_LASTING.findall(before.put.sent)) else LIFE_S


def _heeds_marks(before: CachedTurn) -> bool:
    """Whether its host caches up to the marks of a request, and says what it wrote. Others cache
    what they see, and many get marks all the same."""
    return before.written > 0 and _MARK.search(before.put.sent) is not None


def _cause(before: CachedTurn, now: CachedTurn, came: Compared) -> Cause | None:
    if before.profile != now.profile:
        return Cause("a failover", words.by_a_failover(before, now))
    sent = _sent(before, now)
    at = sent.parting
    if at is None or (at.in_turns and _explains_little(before, now, at)):
        return _untouched(before, now, came, sent)
    if at.notice:
        return Cause("the attribution block", words.by_the_notice(at), at)
    is_ours = came.parting is None or at.kept < came.parting.kept - _APART
    if not is_ours:
        return Cause("the tool", words.by_the_tool(now, at), at)
    return _ours(before, now, at)


def _explains_little(before: CachedTurn, now: CachedTurn, at: Parting) -> bool:
    """Whether much more could have been read up to where they part. Marks are far apart."""
    could = at.kept - now.read / before.total
    return could > _HALF and not _heeds_marks(before)


def _ours(before: CachedTurn, now: CachedTurn, at: Parting | None) -> Cause:
    names = _learned(before.put.quirks, now.put.quirks)
    if names:
        return Cause("a lesson", words.by_a_lesson(now, names, at), at)
    return Cause("gwproxy", words.by_us(at), at)


def _sent(before: CachedTurn, now: CachedTurn) -> Compared:
    """What became of what was sent, past an attribution block that cannot be what broke it."""
    facts = FACTS[Dialect(now.dialect)]
    sent = compared(before.put.sent, now.put.sent, facts)
    at = sent.parting
    if at is None or not at.notice:
        return sent
    reaches_further = now.read / before.total > at.kept + _APART
    if now.host in _NOT_HEEDED or reaches_further:
        return compared(before.put.sent, now.put.sent, facts, past_notice=True)
    return sent


def _untouched(before: CachedTurn, now: CachedTurn, came: Compared, sent: Compared) -> Cause | None:
    """Why a request that begins as the last one is not read from the cache."""
    if sent.asks_anew and _THOUGHT.search(before.put.sent):
        return None  # the model's template leaves the thoughts of earlier questions out
    if _heeds_marks(before):
        if not _MARK.search(now.put.sent):
            if _MARK.search(now.put.came) and _MARK.search(before.put.came):
                return _ours(before, now, None)
            return Cause("the tool", words.without_marks(now))
        if sent.added >= _REACH_BLOCKS:
            return Cause("the tool", words.out_of_reach(sent.added))
    if now.read >= _HALF * before.expected:
        return None  # providers keep as much as they have room for
    return Cause("the provider", words.by_the_provider(now))


def _learned(before: Quirks, now: Quirks) -> tuple[str, ...]:
    """What the quirks of two requests differ in, as `gwproxy profile forget` calls it."""
    names = [one for one in now.omit if one not in before.omit]
    names += [one for one in before.omit if one not in now.omit]
    changed = (field.name for field in fields(Quirks) if field.name != "omit")
    return (*names, *(n for n in changed if getattr(before, n) != getattr(now, n)))
