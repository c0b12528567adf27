"""Passes: the steps that repair a hub request for an upstream, as its quirks say.

Each pass is pure and idempotent: it repairs what some upstreams refuse, gives the same object back
when there is nothing to repair, and names what it changed as losses. Passes know the dialect of the
upstream, never its provider or model. Renderers write what comes out of here and decide nothing.

    media.py       images and documents
    native.py      blocks that only one dialect has
    format.py      structured output by a tool, or by an instruction
    tools.py       the list of tools and the tool choice
    schema/        tool schemas in Moonshot's JSON Schema dialect
    history.py     no empty turns, every tool call followed by its result
    thinking.py    which reasoning of earlier turns is sent back
    effort.py      thinking and effort of this turn, and forced tools
    limits.py      the output limit
    sampling.py    sampling and stop sequences
    omit.py        members that the upstream does not have
    marks.py       cache marks
    content.py     what a request contains, so that passes can be skipped

    names.py       call ids, tool names and kinds, mapped and mapped back
    recall.py      the reasoning that clients lose, kept and put back
    compaction.py  the request for a summary in place of an answer
    tokens.py      a local estimate of tokens
    cache_key.py   the name of a conversation for the prompt cache

`PASSES` is their order: tools and their choice before the history, which may get one more turn
by them; the thinking budget after the output limit that it is a part of, and sampling after whether
the model thinks. Functions for others are beside them: `compaction.summarising` (a summary in place
of an answer), `media.pending_urls` and `media.with_media` (images to fetch), `tools.wrapped_tools`
(arguments to unwrap), `sampling.takes_stops` (stop sequences to match).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from msgspec import Struct

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import (
    effort,
    format,
    history,
    limits,
    marks,
    media,
    native,
    omit,
    sampling,
    thinking,
    tools,
)
from gwproxy.translate.passes.content import Content, content_of
from gwproxy.translate.quirks import Quirks

Apply: TypeAlias = Callable[[Request, DialectFacts, Quirks, Losses], Request]


class Pass(Struct, frozen=True):
    """One pass: `name` and `why` are for people, `about` is the content that it may change; a
    request without any of that content skips it. Passes with an empty `about` always run."""

    name: str
    apply: Apply
    about: frozenset[Content]
    why: str


_ANY: Final = frozenset[Content]()
_MEDIA: Final = frozenset({Content.MEDIA})
_NATIVE: Final = frozenset({Content.OPAQUE})
_TOOLS: Final = frozenset({Content.TOOL})
_HOSTED: Final = frozenset({Content.HOSTED})
_DEFERRED: Final = frozenset({Content.DEFERRED})
_STRICT: Final = frozenset({Content.STRICT})
_REPEATED: Final = frozenset({Content.REPEATED})
_CALLS: Final = frozenset({Content.CALL})
_PAIRS: Final = frozenset({Content.CALL, Content.RESULT})
_FOUND: Final = frozenset({Content.REFERENCE})
_THOUGHTS: Final = frozenset({Content.REASONING})
_LOOPS: Final = frozenset({Content.REASONING, Content.CALL})
_BLANK: Final = frozenset({Content.BLANK})
_SYSTEM: Final = frozenset({Content.LATE_SYSTEM})
_MARKS: Final = frozenset({Content.MARK})

PASSES: Final[tuple[Pass, ...]] = (
    Pass("media", media.fit_media, _MEDIA, "images and documents that the model takes"),
    Pass("native blocks", native.fit_native, _NATIVE, "what only another dialect knows, in words"),
    Pass("hosted tools", tools.drop_hosted, _HOSTED, "tools that only another provider can run"),
    Pass("repeated tools", tools.drop_repeated, _REPEATED, "no tool name twice"),
    Pass("allowed tools", tools.narrow_tools, _ANY, "hosts that know no choice among some tools"),
    Pass("answer format", format.fit_format, _ANY, "hosts without structured output"),
    Pass("deferred tools", tools.show_deferred, _DEFERRED, "hosts that cannot load tools later"),
    Pass("tool count", tools.limit_tools, _TOOLS, "hosts refuse long lists of tools"),
    Pass("tool choice", tools.settle_choice, _ANY, "a choice needs tools"),
    Pass("forced tools", effort.force_tools, _ANY, "a forced tool and thinking exclude each other"),
    Pass("arguments", history.whole_arguments, _CALLS, "hosts take a JSON object, not a part"),
    Pass("tool results", history.answer_calls, _PAIRS, "every call is followed by its result"),
    Pass("blank content", history.drop_blank, _BLANK, "hosts refuse empty messages and blank text"),
    Pass("first and last", history.begin_and_end, _ANY, "something to answer"),
    Pass("call ids", history.distinct_ids, _CALLS, "no call id twice where ids pair them"),
    Pass("media of tools", media.move_media, _MEDIA, "hosts that take text alone of a tool"),
    Pass("calls last", history.calls_last, _CALLS, "Messages hosts refuse text after calls"),
    Pass("system turns", history.wrap_system, _SYSTEM, "strict hosts take them at the start only"),
    Pass("alternating turns", history.alternate, _ANY, "hosts whose template takes no two users"),
    Pass("tool references", tools.name_references, _FOUND, "what a tool search found, in words"),
    Pass("tool schemas", tools.fit_schemas, _ANY, "hosts of Kimi take a JSON Schema dialect only"),
    Pass("thinking", effort.set_thinking, _ANY, "thinking and effort as the host spells them"),
    Pass("reasoning kept", thinking.keep_turns, _THOUGHTS, "what the client asked to forget"),
    Pass("reasoning sent back", thinking.replay, _LOOPS, "reasoning that the host reads again"),
    Pass("reasoning filled in", thinking.fill_reasoning, _CALLS, "hosts that refuse calls without"),
    Pass("output limit", limits.fit_output, _ANY, "thoughts use up small limits"),
    Pass("window", limits.fit_window, _ANY, "input and output must fit the window together"),
    Pass("thinking budget", effort.set_budget, _ANY, "a budget stays below the output limit"),
    Pass("sampling", sampling.fit_sampling, _ANY, "what the model fixes or its host does not know"),
    Pass("stop sequences", sampling.limit_stops, _ANY, "hosts take few and short ones"),
    Pass("service tier", omit.fit_tier, _ANY, "tiers that the host knows"),
    Pass("verbosity", omit.fit_verbosity, _ANY, "hosts that cannot be told how wordy to be"),
    Pass("strict tools", omit.fit_strict, _STRICT, "hosts that know no strict tools"),
    Pass("parallel calls", omit.fit_parallel, _ANY, "hosts that know no flag against them"),
    Pass("identity", omit.fit_identity, _ANY, "what the host may know of who asks"),
    Pass("cache marks", marks.fit_marks, _MARKS, "as many marks as the host takes"),
)


def repair(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """The request with every pass applied that `quirks` asks for. Raises fields.Rejected."""
    repaired = request
    for _, changed in repair_steps(request, facts, quirks, losses):
        repaired = changed
    return repaired


def repair_steps(
    request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses
) -> Iterator[tuple[Pass, Request]]:
    """Each pass that changed something, with the request after it. Raises fields.Rejected."""
    content: set[Content] | None = None
    for one in PASSES:
        if one.about:
            content = content_of(request) if content is None else content
            if one.about.isdisjoint(content):
                continue
        changed = one.apply(request, facts, quirks, losses)
        if changed is not request:
            if changed.turns is not request.turns or changed.tools is not request.tools:
                content = None
            request = changed
            yield one, request
