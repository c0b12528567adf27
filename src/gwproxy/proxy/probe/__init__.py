"""Smoke checks that name the fault: `gwproxy test`.

Each check asks one thing, at the price of one tiny question at the most, and gives one `Verdict`;
a check that cannot mean anything after a failed one is not made. Nothing here prints, decides an
exit code or changes a setting: what was learned is a proposal.

    provider.py    the provider itself: key, connection, models, counts, then each dialect
    gateway.py     the running gateway, and one question through it
    asking.py      how a provider is asked: for nothing, plainly, or translated
    questions.py   what is asked, as plain as each dialect allows
    verdicts.py    what is said about it: fault, hint, and what could be stored in the profile
"""

from __future__ import annotations

from gwproxy.proxy.probe.gateway import CALLS_THROUGH_GATEWAY, GatewayProbe
from gwproxy.proxy.probe.provider import Depth, ProviderProbe, most_calls
from gwproxy.proxy.probe.verdicts import Learned, Outcome, Verdict, learned_from

__all__ = [
    "CALLS_THROUGH_GATEWAY",
    "Depth",
    "GatewayProbe",
    "Learned",
    "Outcome",
    "ProviderProbe",
    "Verdict",
    "learned_from",
    "most_calls",
]
