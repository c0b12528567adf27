"""Named passes over a hub request, chosen by an upstream's quirks.

Each pass is pure and idempotent: it mends what one upstream or another refuses, gives the same
object back when there is nothing to mend, and names what it changed. They know the dialect of the
upstream, never its provider or model. Renderers spell what comes out of here and decide nothing.

    media.py      images and documents
    native.py     blocks of one dialect alone
    format.py     structured output, by a tool or in words
    tools.py      tools as many and as the upstream takes them
    schema/       tool schemas in Moonshot's JSON Schema dialect
    history.py    nothing empty, every call followed by its result
    thinking.py   reasoning that goes back
    effort.py     thinking and effort now, and forced tools
    limits.py     the length of the answer
    sampling.py   sampling and stop sequences
    omit.py       what has no place at all
    marks.py      where a prompt cache ends

`PASSES` is their order: tools and their choice before the history, which may get one more turn
by them; a budget of thoughts after the limit that it is a part of, and sampling after whether the
model thinks. What others must do stands beside them: `compaction.summarising` (a summary in place
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
from gwproxy.translate.quirks import Quirks

Apply: TypeAlias = Callable[[Request, DialectFacts, Quirks, Losses], Request]


class Pass(Struct, frozen=True):
    """`name` for people, `why` what it spares them."""

    name: str
    apply: Apply
    why: str


PASSES: Final[tuple[Pass, ...]] = (
    Pass("media", media.fit_media, "images and documents that the model takes"),
    Pass("native blocks", native.fit_native, "what only another dialect knows, in words"),
    Pass("hosted tools", tools.drop_hosted, "tools that only another provider can run"),
    Pass("repeated tools", tools.drop_repeated, "no tool name twice"),
    Pass("allowed tools", tools.narrow_tools, "hosts that know no choice among some tools"),
    Pass("answer format", format.fit_format, "hosts without structured output"),
    Pass("deferred tools", tools.show_deferred, "hosts that cannot load tools later"),
    Pass("tool count", tools.limit_tools, "hosts refuse long lists of tools"),
    Pass("tool choice", tools.settle_choice, "a choice needs tools"),
    Pass("forced tools", effort.force_tools, "a forced tool and thinking exclude each other"),
    Pass("tool results", history.answer_calls, "every call is followed by its result"),
    Pass("blank content", history.drop_blank, "hosts refuse empty messages and blank text"),
    Pass("first and last", history.begin_and_end, "something to answer"),
    Pass("call ids", history.distinct_ids, "no call id twice where ids pair calls and results"),
    Pass("media of tools", media.set_beside, "hosts that take text alone of a tool"),
    Pass("calls last", history.calls_last, "Messages hosts refuse text after calls"),
    Pass("system turns", history.wrap_system, "strict hosts take instructions at the start only"),
    Pass("tool references", tools.name_references, "what a tool search found, in words"),
    Pass("tool schemas", tools.fit_schemas, "hosts of Kimi take a JSON Schema dialect only"),
    Pass("thinking", effort.set_thinking, "thinking and effort as the host spells them"),
    Pass("reasoning kept", thinking.keep_turns, "old reasoning that the client asked to forget"),
    Pass("reasoning sent back", thinking.replay, "reasoning that the host reads again"),
    Pass("reasoning filled in", thinking.fill_reasoning, "hosts that refuse calls without any"),
    Pass("output limit", limits.fit_output, "thoughts use up small limits"),
    Pass("window", limits.fit_window, "input and output must fit the window together"),
    Pass("thinking budget", effort.set_budget, "a budget stays below the output limit"),
    Pass("sampling", sampling.fit_sampling, "what the model fixes or its host does not know"),
    Pass("stop sequences", sampling.limit_stops, "hosts take few and short ones"),
    Pass("service tier", omit.fit_tier, "tiers that the host knows"),
    Pass("verbosity", omit.fit_verbosity, "hosts that cannot be told how wordy to be"),
    Pass("strict tools", omit.fit_strict, "hosts that know no strict tools"),
    Pass("parallel calls", omit.fit_parallel, "hosts that know no flag against them"),
    Pass("identity", omit.fit_identity, "what the host may know of who asks"),
    Pass("cache marks", marks.fit_marks, "as many marks as the host takes"),
)


def repair(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """The request with every pass applied that `quirks` asks for. Raises fields.Rejected."""
    for one in PASSES:
        request = one.apply(request, facts, quirks, losses)
    return request


def repair_steps(
    request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses
) -> Iterator[tuple[Pass, Request]]:
    """The same, step by step: each pass that changed something with what came out of it."""
    for one in PASSES:
        changed = one.apply(request, facts, quirks, losses)
        if changed is not request:
            request = changed
            yield one, request
