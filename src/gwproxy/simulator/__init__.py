"""A provider that exists only on this machine: for `gwproxy demo`, and as the tests' judge.

Theory of operation. A request is *seen* in its dialect (`messages`, `chat`, `responses`) as a
neutral `PlayedQuestion`, *judged* by the rules of the provider's `manners` (`strict`), *answered*
by a `conversation` (a Python scenario, a script in the prompt, or the built-in `demo`), *priced*
(`figures`), and *written* in its dialect. A stream is the whole answer told event by event, so the
two can never disagree. `disorder` then breaks the shape and `delivery` the wire, when a test or the
manners say so. All of that is pure; `app` alone meets sockets, `memory` alone keeps state.

    request bytes ─ view ─ check ─ converse ─ fitted ─ whole ─ events ─ disorder ─ deliver

It shares no code with the translators, on purpose: what they agree on, two readings of the
vendors' pages agree on. It touches no key, no file and no other host.

    running = await serve(KIMI_CODE, key="sk-kimi-…")
    running.will(Delivery(after_events=3, then=Ending.CUT))
    …
    assert len(running.generations) == 1
"""

from __future__ import annotations

from gwproxy.simulator.app import RunningSimulator, serve
from gwproxy.simulator.conversation import (
    PlayedAnswer,
    PlayedCall,
    PlayedQuestion,
    Scenario,
    call,
    scenario,
)
from gwproxy.simulator.faults import (
    Delivery,
    Disorder,
    Ending,
    Fault,
    PlayedRefusal,
    client_gate,
    html_page,
    quota_used_up,
)
from gwproxy.simulator.figures import PlayedFigures
from gwproxy.simulator.manners import (
    CLAUDE_GATEWAY,
    DEMO,
    FAILING,
    KIMI_CODE,
    KIMI_K25,
    NAMED,
    SLOW,
    STRONGWALL,
    Manners,
    Streaming,
    strictly,
)
from gwproxy.simulator.memory import PlayedOutcome, Recorded
from gwproxy.simulator.routes import PlayedKind
from gwproxy.simulator.script import in_prompt
from gwproxy.simulator.strict import KIMI_RULES, Rule

__all__ = [
    "CLAUDE_GATEWAY",
    "DEMO",
    "FAILING",
    "KIMI_CODE",
    "KIMI_K25",
    "KIMI_RULES",
    "NAMED",
    "SLOW",
    "STRONGWALL",
    "Delivery",
    "Disorder",
    "Ending",
    "Fault",
    "Manners",
    "PlayedAnswer",
    "PlayedCall",
    "PlayedFigures",
    "PlayedKind",
    "PlayedOutcome",
    "PlayedQuestion",
    "PlayedRefusal",
    "Recorded",
    "Rule",
    "RunningSimulator",
    "Scenario",
    "Streaming",
    "call",
    "client_gate",
    "html_page",
    "in_prompt",
    "quota_used_up",
    "scenario",
    "serve",
    "strictly",
]
