"""What a row of the tables of refusals is: words, their source, and the changes that avoid it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from gwproxy.translate.errors.remedies import Changes, Steps
from gwproxy.translate.hub import FailureKind


class RefusalRule(Struct, frozen=True):
    """One row: `words` of a refusal of this `kind`, and the changes that avoid it.

    `omits` are members to leave out. `steps` are tried from the mildest on, or made of what the
    words capture; a step in force already did not help, so the next one is tried. A relayed request
    begins with step number `relayed`, as in it the client's own blocks cannot be told from others;
    with None it is left alone.
    `lasting`: whether, or for which quirks, the host wants it for every request; else the one
    request was at fault. `example` is a message with the words, `source` says whose they are,
    `cause` is for people.
    """

    cause: str
    words: re.Pattern[str]
    steps: Steps | Callable[[str], Steps]
    example: str
    source: str
    lasting: bool | tuple[str, ...] = True
    kind: FailureKind = FailureKind.INVALID
    relayed: int | None = 0
    omits: tuple[str, ...] = ()

    def lasts(self, changes: Changes) -> bool:
        """Whether `changes`, if they helped, are kept for later requests."""
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
    relayed: int | None = 0,
    omits: tuple[str, ...] = (),
) -> Iterator[RefusalRule]:
    """One rule for each wording of the same refusal; `examples` maps words to an example."""
    for words, example in examples.items():
        pattern = re.compile(words, re.IGNORECASE | re.DOTALL)
        yield RefusalRule(cause, pattern, steps, example, source, lasting, kind, relayed, omits)
