"""What a row of the tables of refusals is: words, their source, and the changes that spare them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from gwproxy.translate.errors.remedies import Changes, Steps
from gwproxy.translate.hub import FailureKind


class RefusalRule(Struct, frozen=True):
    """`words` of a refusal of this `kind`, and the changes that spare it: `omits` are left out, or
    else `steps` are taken from the mildest on, or made of what the words capture. A step that is in
    force already did not help; the next one may; a relayed request begins with number `relayed`,
    for what is its client's own is not told from what is not. `example` is a text that has the
    words, `source` says whose they are. `lasting`: the host wants it so, or the quirks that it
    wants; else the one request was at fault. `cause` is for people."""

    cause: str
    words: re.Pattern[str]
    steps: Steps | Callable[[str], Steps]
    example: str
    source: str
    lasting: bool | tuple[str, ...] = True
    kind: FailureKind = FailureKind.INVALID
    relayed: int = 0
    omits: tuple[str, ...] = ()

    def lasts(self, changes: Changes) -> bool:
        """Whether what helped is kept for later requests."""
        if isinstance(self.lasting, tuple):
            return changes.keys() <= set(self.lasting)
        return self.lasting and changes != {"rebuild": True}


def rules(
    cause: str,
    steps: Steps | Callable[[str], Steps],
    source: str,
    examples: Mapping[str, str],
    *,
    lasting: bool | tuple[str, ...] = True,
    kind: FailureKind = FailureKind.INVALID,
    relayed: int = 0,
    omits: tuple[str, ...] = (),
) -> Iterator[RefusalRule]:
    """One rule for each way to word the same refusal."""
    for words, example in examples.items():
        pattern = re.compile(words, re.IGNORECASE | re.DOTALL)
        yield RefusalRule(cause, pattern, steps, example, source, lasting, kind, relayed, omits)
