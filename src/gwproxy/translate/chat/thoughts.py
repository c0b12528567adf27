"""What a Chat host wants back with its reasoning: the text in the member in which it came, and
members that it alone can read.

    Gemini      `extra_content` of a call, of the first of several, or of content without a call:
                https://ai.google.dev/gemini-api/docs/thought-signatures
    OpenRouter  `reasoning_details`, encrypted, as a summary, or as text with a signature:
                https://openrouter.ai/docs/use-cases/reasoning-tokens
    Magistral   thinking parts in the content:
                https://docs.mistral.ai/capabilities/reasoning/

The members of an answer become a seal of the kind `members`: JSON that goes back to the place where
they stood, with null for the member that held the text. What a client carries is not trusted: only
these names are taken from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Raw, Struct

from gwproxy.translate.chat.blocks import GAP
from gwproxy.translate.chat.frames import ABSENT
from gwproxy.translate.hub import Block, Reasoning, Seal
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.growing import Growing, elements_of, members_of, says

DETAILS: Final = "reasoning_details"
EXTRA: Final = "extra_content"
PARTS: Final = "content"
"""The member in which reasoning came that was a part of the content."""

_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_text", PARTS)
_NOTHING: Final = b"null"


class _Detail(Struct):
    text: str | None = None
    summary: str | None = None


class _Google(Struct):
    thought: bool | None = None


class _Extra(Struct):
    google: _Google | None = None


_details: Final = jsonio.decoder(list[_Detail])
_extra: Final = jsonio.decoder(_Extra)


# --- of an answer --------------------------------------------------------------------------------


def words_of(details: Raw) -> str:
    """The text in `reasoning_details`, for hosts that send it nowhere else."""
    try:
        return "".join(one.text or one.summary or "" for one in _details(bytes(details)))
    except jsonio.NotJson:
        return ""


def is_thought(extra: Raw) -> bool:
    """Whether `extra_content` marks the content beside it as reasoning, as Gemini does."""
    try:
        google = _extra(bytes(extra)).google
    except jsonio.NotJson:
        return False
    return google is not None and bool(google.thought)


class HostState:
    """The `reasoning_details` and `extra_content` of an answer, or of one of its calls, as they
    come."""

    __slots__ = ("_details", "_extra")

    def __init__(self) -> None:
        self._details: Growing | None = None
        self._extra: Growing | None = None

    def __bool__(self) -> bool:
        return self._details is not None or self._extra is not None

    def add(self, details: Raw = ABSENT, extra: Raw = ABSENT) -> None:
        """Adds deltas of both; what is no JSON of the right form is ignored."""
        try:
            if says(details) and elements_of(bytes(details)):
                self._details = self._details or Growing()
                self._details.add(details)
            if says(extra) and members_of(bytes(extra)):
                self._extra = self._extra or Growing(joins=False)
                self._extra.add(extra)
        except jsonio.NotJson:
            return

    def seal(self, family: str, *, field: str = "", call: int | None = None) -> Seal:
        """All that has come as a seal, with the member that held the text (`field`) and the number
        of its call; nothing is left after it."""
        members: dict[str, Any] = {field: None} if field else {}
        if self._details is not None:
            members[DETAILS] = self._details.value
        if self._extra is not None:
            members[EXTRA] = self._extra.value
        self._details = self._extra = None
        data = jsonio.dumps(members).decode()
        return Seal(family, "members", data, None if call is None else str(call))


# --- into a history ------------------------------------------------------------------------------


class ReturnedReasoning:
    """The reasoning of one assistant turn as its host gets it back: `members` of the message,
    `parts` at the beginning of its content, and the members of its nth call (`of_call`). `lost`:
    some of it has neither text nor a seal that the host can open."""

    def __init__(self, blocks: Iterable[Block], quirks: Quirks) -> None:
        self.lost = False
        self.parts: list[dict[str, Any]] = []
        self._words: dict[str, str] = {}
        self._beside: dict[str | None, Growing] = {}
        self._quirks = quirks
        for block in blocks:
            if type(block) is Reasoning:
                self._take(block)

    def _take(self, block: Reasoning) -> None:
        made = block.seal
        field: str = self._quirks.reasoning_field
        if made is not None and made.family == self._quirks.family:
            if made.kind == "text" and made.data in _FIELDS:
                field = made.data
            elif made.kind == "members":
                field = self._unsealed(made)
        if not block.text or not field:
            self.lost |= made is None or made.family != self._quirks.family
            return
        if field == PARTS:
            text = [{"type": "text", "text": block.text}]
            self.parts.append({"type": "thinking", "thinking": text})
        else:
            said = self._words.get(field)
            self._words[field] = block.text if said is None else said + GAP + block.text

    def _unsealed(self, made: Seal) -> str:
        """Adds the members in a seal; returns the member that held the text, "" for none."""
        try:
            members = members_of(made.data)
        except jsonio.NotJson:
            return ""
        known = {name: value for name, value in members.items() if name in (DETAILS, EXTRA)}
        if known:
            beside = self._beside.setdefault(made.item_id, Growing())
            beside.add(Raw(jsonio.dumps(known)))
        return next((name for name in _FIELDS if bytes(members.get(name, b"")) == _NOTHING), "")

    @property
    def members(self) -> dict[str, Any]:
        """The members of the message."""
        return {**self._words, **self.of_call(None)}

    def of_call(self, number: int | None) -> dict[str, Any]:
        """The members of the answer's call with this number; None: those beside its text."""
        beside = self._beside.get(None if number is None else str(number))
        return {} if beside is None else beside.value
