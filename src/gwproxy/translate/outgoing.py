"""The upstream's body out of the client's: parsed, repaired and rendered; or relayed, with the
model's name spliced in.

With the body comes an `Expected`: what is known of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct, structs

from gwproxy.translate import omit, relay
from gwproxy.translate.expected import Expected, Tally, reads_words
from gwproxy.translate.hub import OutputFormat, Request, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import compaction, repair_steps, tokens
from gwproxy.translate.passes.format import instruction_for
from gwproxy.translate.passes.media import Fetched, pending_urls, with_media
from gwproxy.translate.passes.names import Names
from gwproxy.translate.passes.recall import (
    NOWHERE,
    Thoughts,
    is_more_than_name,
    name_in,
    place_of,
    recalled,
)
from gwproxy.translate.passes.sampling import FIXED, takes_stops
from gwproxy.translate.passes.tools import wrapped_tools
from gwproxy.translate.quirks import known_to_refuse
from gwproxy.translate.respell import respelled
from gwproxy.translate.settle import settled
from gwproxy.translate.tailor import has_to_be_rebuilt, tailored
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.fields import Rejected
from gwproxy.translate.wire.tool_outputs import move_media

# Nearly no request has an image by URL; in texts about URLs the quotes are escaped.
_NAMES_ADDRESS: Final = re.compile(rb'url"\s*:\s*"\s*http')
# Where output formats stand, and the instructions that take their place.
_OF_FORMATS: Final = (
    *("output_config", "output_format", "response_format", "text"),
    *("system", "messages[]", "instructions"),
)


class Outgoing(Struct, frozen=True):
    """The request side of one exchange. `unread` is what is known of its answer before the request
    is read, `model` the upstream's name for the model, `streams` whether it is asked to stream,
    `remade` whether the client asks otherwise.

    Whatever takes a body raises fields.Rejected and jsonio.NotJson.
    """

    unread: Expected
    model: str
    streams: bool
    remade: bool

    def image_addresses(self, body: bytes) -> tuple[str, ...]:
        """URLs of images that `request` needs fetched."""
        if self.unread.relays and not self._is_beyond_edits(body):
            return ()
        return self._addresses(body)

    def _addresses(self, body: bytes) -> tuple[str, ...]:
        client, quirks = self.unread.client, self.unread.quirks
        if quirks.image_urls or not _NAMES_ADDRESS.search(body):
            return ()
        return pending_urls(client.parse_request(body, Losses()), quirks)

    def request(
        self,
        body: bytes,
        images: Mapping[str, Fetched],
        tally: Tally,
        most_tokens: int | None = None,
    ) -> tuple[bytes, Expected]:
        """The body for the upstream, and what is known of its answer. At most `most_tokens` of a
        history that is to be summarised are sent."""
        if self.unread.relays and not self._summarises(body) and not self._is_beyond_edits(body):
            self._refuse_orders(body)
            return self._relayed(body, tally)
        request = _estimated(self.unread.client.parse_request(body, tally.losses))
        if images:
            request = with_media(request, images, tally.losses)
            tally.repaired.append(("images", "hosts that take an image only as data"))
        if request.summarises:
            fitting = compaction.most_tokens(self.unread.quirks)
            most = fitting if most_tokens is None else min(fitting, most_tokens)
            request = compaction.summarising(request, most / self.unread.input_factor, tally.losses)
            tally.repaired.append(("compaction", "hosts that cannot summarise a conversation"))
        return self._rendered(request, tally)

    def _summarises(self, body: bytes) -> bool:
        """Whether `body` asks for a summary that the upstream cannot give, so that it is made
        here."""
        summaries = self.unread.client.summaries
        refused = known_to_refuse(self.unread.quirks.compaction)
        return refused and summaries is not None and summaries.ordered(body)

    def _is_beyond_edits(self, body: bytes) -> bool:
        """Whether the body has to be rebuilt, or has images to be fetched."""
        upstream = self.unread.upstream
        settings = upstream.settings
        if settings is None:
            return False
        flattens = upstream.flatten is not None
        quirks = self.unread.quirks
        if has_to_be_rebuilt(body, settings, upstream.facts, quirks, flattens=flattens):
            return True
        try:
            return bool(self._addresses(body))
        except Rejected:  # the upstream answers the error
            return False

    def count_request(self, body: bytes, tally: Tally) -> tuple[bytes, Expected]:
        """The body for the upstream's `count_tokens` route, with its fields only
        (`facts.counted`)."""
        if self.unread.relays:
            return self._relayed(body, tally)
        rendered, expected = self._rendered(self._countable(body, tally), tally)
        fields = msgspec.json.decode(rendered, type=dict[str, msgspec.Raw])
        counted = expected.upstream.facts.counted
        return jsonio.dumps({k: v for k, v in fields.items() if k in counted}), expected

    def estimate(self, body: bytes, tally: Tally) -> int:
        """Estimated input tokens of a `count_tokens` body."""
        return self.unread.calibrated(tokens.estimate(self._countable(body, tally)))

    def _countable(self, body: bytes, tally: Tally) -> Request:
        return self.unread.client.read(body, tally.losses)

    def _refuse_orders(self, body: bytes) -> None:
        upstream, quirks = self.unread.upstream, self.unread.quirks
        if upstream.refuse_orders is not None and (
            known_to_refuse(quirks.safeguards) or reads_words(upstream, quirks)
        ):
            upstream.refuse_orders(body)

    def _relayed(self, body: bytes, tally: Tally) -> tuple[bytes, Expected]:
        same = self.unread.context.model == self.model
        named = body if same else relay.replace_model(body, self.model)
        outgoing = tally.edited("the provider's name for the model", body, named, "model")
        unread, quirks = self.unread, self.unread.quirks
        if self.remade:
            usage = unread.upstream.facts.stream_usage if quirks.usage_in_stream else ""
            asked = relay.with_stream(outgoing, streams=self.streams, usage=usage)
            why = "streams are asked for" if self.streams else "no streams are asked for"
            outgoing = tally.edited(why, outgoing, asked, "stream", "stream_options")
        if seal.is_in(outgoing):
            opened = unread.upstream.open_seals(outgoing, quirks, tally.losses)
            why = "thoughts that we sealed: opened for their maker, or left out"
            paths = ("thinking", "messages[].content[]", "messages[].reasoning_seal", "input[]")
            outgoing = tally.edited(why, outgoing, opened, *paths)
        remembered = self._with_thoughts(outgoing)
        why = "what a client has lost of thoughts, from memory"
        outgoing = tally.edited(why, outgoing, remembered, "messages[]")
        if unread.upstream.outputs is not None and known_to_refuse(quirks.tool_media):
            moved = move_media(outgoing, unread.upstream.outputs)
            why = "a host that takes text alone of a tool"
            outgoing = tally.edited(why, outgoing, moved, "messages[]", "input[]")
        flattened = None
        if unread.upstream.flatten is not None:
            names = Names(unread.upstream.facts, quirks, keeps_ids=True)
            flat, flattened = unread.upstream.flatten(outgoing, quirks, names, tally.losses)
            why = "a host that takes functions only"
            outgoing = tally.edited(why, outgoing, flat, "tools[]", "tool_choice", "input[]")
        instructed, wanted = self._with_format_in_words(outgoing, tally.losses)
        why = "a host that knows no format of an answer, or not this one"
        outgoing = tally.edited(why, outgoing, instructed, *_OF_FORMATS)
        facts = unread.upstream.facts
        outgoing = self._settled(outgoing, tally)
        spelled = respelled(outgoing, facts, quirks, tally.losses)
        why = "a host that takes other roles and names, or text as a string"
        outgoing = tally.edited(why, outgoing, spelled, "messages[]", "input[]", *facts.limit_names)
        outgoing = omit.without(outgoing, quirks.omit, tally.losses, tally.edits)
        ordered = unread.client.summaries is not None and unread.client.summaries.ordered(body)
        return outgoing, structs.replace(
            unread,
            relayed=body,
            flattened=flattened,
            ordered=ordered,
            prompted_format=wanted,
            faithful=unread.faithful and wanted is None,
        )

    def _with_format_in_words(
        self, body: bytes, losses: Losses
    ) -> tuple[bytes, OutputFormat | None]:
        """A relayed `body` that asks for its output format in the prompt, where the host takes
        none; and that format, else None."""
        upstream = self.unread.upstream
        if self.unread.quirks.json_schema == "native" or not upstream.take_format:
            return body, None
        try:
            rest, wanted = upstream.take_format(body)
        except (Rejected, jsonio.NotJson):
            return body, None  # the upstream answers the error
        if wanted is None or upstream.instruct is None:
            return body, None
        losses.emulate("response_format")
        return upstream.instruct(rest, instruction_for(wanted)), wanted

    def _with_thoughts(self, body: bytes) -> bytes:
        """A relayed `body` with the reasoning that its client has lost put back from memory."""
        upstream, memory = self.unread.upstream, self.unread.thoughts
        if not memory or upstream.put_back is None:
            return body
        answers, name = self._lost(body, memory), name_in(memory)
        if not answers and not name:
            return body
        return upstream.put_back(body, answers, name, self.unread.quirks)

    def _lost(self, body: bytes, memory: Mapping[str, Thoughts]) -> list[Turn | None]:
        """The assistant turns of `body` as they were, None for those of which nothing is lost."""
        if not is_more_than_name(memory):
            return []
        try:
            request = self.unread.client.read(body, Losses())
        except (Rejected, jsonio.NotJson):
            return []  # the upstream answers the error
        again = recalled(request, memory)
        if again is request:
            return []
        return [
            new if new is not old else None
            for new, old in zip(again.turns, request.turns, strict=True)
            if old.role == "assistant"
        ]

    def _settled(self, body: bytes, tally: Tally) -> bytes:
        upstream = self.unread.upstream
        if upstream.settings is None:
            return body
        fitted = settled(
            body,
            upstream.settings,
            upstream.parse_request,
            upstream.facts,
            self.unread.quirks,
            tally.losses,
        )
        fitted = tailored(fitted, upstream.settings, self.unread.quirks, tally.losses)
        why = "a host that takes no such thinking, effort, sampling, choice or schema"
        paths = ("thinking", "output_config", "reasoning", "reasoning_effort", "tool_choice")
        return tally.edited(why, body, fitted, *paths, "tools[]", upstream.settings.turns, *FIXED)

    def _rendered(self, request: Request, tally: Tally) -> tuple[bytes, Expected]:
        expected, losses = self.unread.of(request), tally.losses
        upstream = expected.upstream
        quirks = expected.quirks.decided(own=expected.client is upstream)
        stops = request.stop if self._matches(request.stop) else ()
        if stops:
            losses.emulate("stop")
            request = structs.replace(request, stop=())
        request = structs.replace(
            request, model=self.model, stream=self.streams, client=expected.client.facts
        )
        place = NOWHERE
        if expected.thoughts is not None:
            place = place_of(request)
            request = recalled(request, expected.thoughts)
        request = expected.names.inward(request, losses)
        wraps = expected.client.facts.arguments != "object"
        leaks: frozenset[str] = expected.leaks
        if quirks.leaked_tools:
            leaks = frozenset(tool.name for tool in request.tools if tool.kind == "function")
        expected = structs.replace(
            expected,
            stops=stops,
            place=place,
            wrapped=wrapped_tools(request, quirks) if wraps else expected.wrapped,
            leaks=leaks,
        )
        for step, changed in repair_steps(request, upstream.facts, quirks, losses):
            tally.repaired.append((step.name, step.why))
            request = changed
        context = structs.replace(expected.context, answer_tool=request.answer_tool)
        expected = structs.replace(
            expected,
            context=context,
            prompted_format=request.prompted_format,
            summarises=request.summarises,
        )
        rendered = upstream.render_request(request, quirks, losses)
        rendered = respelled(rendered, upstream.facts, quirks, losses)
        return omit.without(rendered, quirks.omit, losses, tally.edits), expected

    def _matches(self, stops: tuple[str, ...]) -> bool:
        """Whether stop sequences are looked for here: some upstreams know none, some take few, and
        some do not name the one that matched to a client that wants it."""
        upstream, quirks = self.unread.upstream.facts, self.unread.quirks
        if not takes_stops(stops, upstream, quirks):
            return True
        return self.unread.client.facts.names_stop and not upstream.names_stop


def _estimated(request: Request) -> Request:
    """`request` with its input tokens estimated: once, before a pass has changed it."""
    return structs.replace(request, estimate=tokens.estimate(request))
