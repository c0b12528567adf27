"""What is known of an answer from its request, and the tally of an exchange.

`outgoing` makes an `Expected` when it has rendered the request; the streams and collectors read it.
The `Tally` fills as request and answer pass.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct, structs

from gwproxy.translate.codec import Codec, ReplyContext
from gwproxy.translate.events import Event, Finish, Start, UsageUpdate
from gwproxy.translate.hub import UNTOLD, OutputFormat, Request, Stop
from gwproxy.translate.losses import Edited, Losses
from gwproxy.translate.passes import tokens
from gwproxy.translate.passes.names import Flattened, Names
from gwproxy.translate.passes.recall import NOWHERE, RecallPlace, Thoughts, place_of
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio, splice
from gwproxy.translate.wire.fields import Rejected

NOTED: Final = frozenset({UsageUpdate, Finish, Start})
"""The events that a tally takes."""

_NOTHING_WRAPPED: Final[Mapping[str, str]] = MappingProxyType({})


def reads_words(upstream: Codec, quirks: Quirks) -> bool:
    """Whether the text of an answer is searched for leaked tool calls or `<think>` tags."""
    return quirks.leaked_tools or (quirks.inline_think and upstream.facts.think_tags)


class Tally:
    """What the log and the ledger read of one exchange: the losses and repairs of the request, and
    the answer's usage, stop reason and model as the upstream gave them. `edits` are those of the
    body, kept only where somebody has put a list there."""

    __slots__ = ("edits", "losses", "model", "repaired", "stop", "usage")

    def __init__(self) -> None:
        self.losses = Losses()
        self.edits: list[Edited] | None = None
        self.repaired: list[tuple[str, str]] = []
        self.usage = UNTOLD
        self.stop: Stop | None = None
        self.model = ""

    def edited(self, why: str, before: bytes, after: bytes, *paths: str) -> bytes:
        """`after`; where it differs from `before` at `paths`, that is noted in `edits`."""
        if self.edits is not None and after is not before:
            for path in map(splice.path_of, paths):
                was, now = (dict(splice.found(body, path)) for body in (before, after))
                self.edits += [
                    Edited.of(place, now.get(place), why)
                    for place in {**was, **now}
                    if was.get(place) != now.get(place)
                ]
        return after

    def note(self, event: Event) -> None:
        match event:
            case UsageUpdate(usage=usage):
                self.usage = self.usage.merged(usage)
            case Finish(stop=stop):
                self.stop = stop
            case Start(model=model):
                self.model = model


class Expected(Struct, frozen=True, kw_only=True):
    """What is known of an answer before it comes, for reading it and writing it to the client.

    `relays`: the request's bytes pass, but for edits; `relayed` is then the client's body.
    `faithful`: the answer's bytes pass, too, but for the calls of tools that were `flattened` in
    the request. `names` maps tool names and call ids, `stops` are the stop sequences looked for
    here, `wrapped` the tools whose arguments stand in one property, `leaks` those whose calls may
    stand in the text. `prompted_format` is the output format that the prompt alone asks for.
    `thoughts` keeps the reasoning before calls, at `place`; None where nothing is to be kept.
    `input_factor` calibrates estimates of tokens. With `summarises` the answer's text is a summary,
    which the client gets sealed; with `ordered` the upstream is to give one itself.
    """

    client: Codec
    upstream: Codec
    quirks: Quirks
    context: ReplyContext
    relays: bool
    faithful: bool
    names: Names
    input_factor: float = 1.0
    relayed: bytes = b""
    flattened: Flattened | None = None
    stops: tuple[str, ...] = ()
    wrapped: Mapping[str, str] = _NOTHING_WRAPPED
    leaks: frozenset[str] = frozenset()
    prompted_format: OutputFormat | None = None
    thoughts: MutableMapping[str, Thoughts] | None = None
    place: RecallPlace = NOWHERE
    summarises: bool = False
    ordered: bool = False

    def of(self, request: Request) -> Expected:
        """A copy for a translated answer, with what `request` asks of it: a Chat client's usage
        chunk, the fields that a Responses answer repeats."""
        context = structs.replace(
            self.context,
            input_estimate=self.calibrated(request.estimate or tokens.estimate(request)),
            include_usage=request.include_usage,
            legacy_functions=request.legacy_functions,
            show_reasoning=request.thinking.show != "omitted",
            echo=request.echo,
        )
        return structs.replace(self, context=context, relays=False, faithful=False)

    @property
    def keeps_members(self) -> bool:
        """Whether an answer between equals keeps its members as they are when it is turned from a
        stream into a body or back: nothing looks for calls or reasoning in its text, or makes it
        fit a format."""
        reads = reads_words(self.upstream, self.quirks) or self.prompted_format is not None
        return bool(self.relayed) and not reads

    def restored(self, body: bytes) -> bytes:
        """A whole answer between equals with the calls of flattened tools as the client's own."""
        if self.flattened is None or self.upstream.restoring is None:
            return body
        return self.upstream.restoring(self.flattened).whole(body)

    def translated(self) -> Expected:
        """A copy for an answer that is translated, though its request may have been relayed."""
        if not self.relayed:
            return self
        names, leaks = Names(self.upstream.facts, self.quirks, keeps_ids=True), self.leaks
        if self.flattened is not None:
            names = self.flattened.names
        try:
            request = self.client.read(self.relayed, Losses())
        except (Rejected, jsonio.NotJson):  # the upstream took it; the answer does without
            expected = structs.replace(self, relays=False, faithful=False)
        else:
            expected = self.of(request)
            if self.quirks.leaked_tools:
                leaks = frozenset(tool.name for tool in request.tools if tool.kind == "function")
        hears = self.thoughts is not None and self.upstream.put_back is not None
        return structs.replace(
            expected,
            relayed=b"",
            names=names,
            leaks=leaks,
            thoughts=self.thoughts if hears else None,
            place=self.answer_place if hears else NOWHERE,
        )

    @property
    def answer_place(self) -> RecallPlace:
        """Where in the conversation the answer to a relayed request stands, for `thoughts`."""
        try:
            return place_of(self.client.parse_request(self.relayed, Losses()))
        except (Rejected, jsonio.NotJson):
            return NOWHERE

    def calibrated(self, estimate: int) -> int:
        """`estimate` times `input_factor`, at least 1 token."""
        return max(1, round(estimate * self.input_factor))
