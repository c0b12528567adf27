"""What is remembered of a turn, and what an alarm says, as values. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio

LEAST_TOKENS: Final = 1024
"""No provider caches a shorter prompt (https://platform.openai.com/docs/guides/prompt-caching,
https://docs.claude.com/en/docs/build-with-claude/prompt-caching), and none is worth a word."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of bodies that nobody else holds any more: some hundred long conversations."""

_STILL_READ: Final = 0.8
"""Of what the cache held. It is read in blocks, and the last turn's end may have been a passing
word of the tool's; a break is seldom that far behind."""

ChangedBy: TypeAlias = Literal[
    "the tool", "the attribution block", "a lesson", "a failover", "gwproxy", "the provider"
]


@dataclass(frozen=True, slots=True)
class Put:
    """What was asked of an upstream: the body as it `came`, with its history, and as it was `sent`,
    both by reference. `own_quirks` are those of the profile, `quirks` with what it has learned;
    `strand` is the client's name for a conversation beside others of its session."""

    came: bytes
    sent: bytes
    quirks: Quirks
    own_quirks: Quirks
    strand: str = ""


@dataclass(slots=True, eq=False)
class CachedTurn:
    """A turn that was answered. `chosen` is the profile that it was for, `profile` the one that
    took it. `sent_s` and `heard_s` are of one clock. Of `total` input tokens, `read` came from the
    cache and `written` went into it, as far as is told; `expected` are those that the next turn is
    to find there: these, or what a turn before had and this one lacked."""

    request_id: str
    upstream_request_id: str
    client: str
    client_dialect: str
    chosen: str
    profile: str
    host: str
    dialect: str
    model: str
    put: Put
    sent_s: float
    heard_s: float
    total: int
    read: int
    written: int
    expected: int

    @property
    def size(self) -> int:
        """The bytes that it keeps in memory."""
        put = self.put
        return len(put.came) + (0 if put.sent is put.came else len(put.sent))

    def lacks(self, before: CachedTurn) -> int:
        """How many tokens were not read that `before` had in the cache; 0 for no fall."""
        lost = before.expected - self.read
        return lost if lost >= LEAST_TOKENS and self.read < _STILL_READ * before.expected else 0

    def may_continue(self, before: CachedTurn) -> bool:
        """Whether it is long enough for that; what a tool asks beside a conversation is not."""
        return 2 * self.total >= before.total

    def seems_to_follow(self, before: CachedTurn) -> bool:
        """Whether it found in the cache what `before` had there."""
        return self.total >= before.total and not self.lacks(before)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheAlarm:
    """`was` is the share of the turn `before` that the cache had, `now` that of this turn which was
    read from it. The request, as sent, parts from that one at the byte `parts_at_byte`, which is in
    `parts_at`; None where it does not. `lost_tokens` are paid anew; `words` say it all."""

    was: float
    now: float
    input_tokens: int
    lost_tokens: int
    changed_by: ChangedBy
    before: str
    parts_at: str | None = None
    parts_at_byte: int | None = None
    words: str = ""

    def as_told(self) -> dict[str, Any]:
        """Its members as they are shown."""
        told = asdict(self)
        return {"was": told.pop("was"), "is": told.pop("now"), **told}

    def text(self) -> str:
        """As the ledger keeps it."""
        return jsonio.dumps(self.as_told()).decode()
