"""A provider's rules, enforced: each violation gets the refusal that the real one gives.

Behind these rules stand the reports of agents that broke on their second turn. They judge the
requests that a gateway sends and share no code with the passes that repair them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from gwproxy.simulator.conversation import DialectName
from gwproxy.simulator.strict import chat, messages, responses
from gwproxy.simulator.strict.rules import KIMI_RULES, Case, Check, Rule

__all__ = ["CHECKS", "KIMI_RULES", "Case", "Rule", "check"]

CHECKS: Mapping[DialectName, Mapping[Rule, Check]] = MappingProxyType(
    {"anthropic": messages.CHECKS, "chat": chat.CHECKS, "responses": responses.CHECKS}
)


def check(case: Case, rules: Collection[Rule]) -> None:
    """Applies the rules that the request's dialect knows, in the order of the enumeration.

    Raises:
        WireRefused: the first violation, in the words of the real provider.
    """
    for rule in Rule:
        if rule in rules and rule in CHECKS[case.asked.dialect]:
            CHECKS[case.asked.dialect][rule](case)
