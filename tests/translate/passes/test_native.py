"""Blocks of one dialect alone, for upstreams that know them and that do not."""

from __future__ import annotations

import pytest

from gwproxy.translate.hub import Block, Dialect, Opaque, Request, Result, Text, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.native import fit_native
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS, FACTS
from gwproxy.translate.wire.fields import Unsupported

WORDED = Opaque(Dialect.ANTHROPIC, "server_tool_use", "{}", '[web_search "q"]')
MUTE = Opaque(Dialect.ANTHROPIC, "container_upload", "{}")
IN_WORDS = Text('[web_search "q"]', apart=True)
EXTENDED = Quirks(tool_extras=True)


def fitted(
    *turns: Turn, upstream: Dialect = Dialect.CHAT, quirks: Quirks | None = None
) -> tuple[tuple[Turn, ...], list[str]]:
    losses = Losses()
    out = fit_native(Request("m", turns), FACTS[upstream], quirks or Quirks(), losses)
    return out.turns, list(losses)


def said(*blocks: Block) -> Turn:
    return Turn("assistant", blocks)


def told(*blocks: Block) -> Turn:
    return Turn("user", blocks)


def test_a_host_of_their_dialect_that_has_the_tools_gets_them_as_they_came() -> None:
    turns = (told(Text("u"), MUTE), said(WORDED, MUTE), told(Result("a", (MUTE,))))
    assert fitted(*turns, upstream=Dialect.ANTHROPIC, quirks=EXTENDED) == (turns, [])


@pytest.mark.parametrize("upstream", list(DIALECTS))
def test_others_get_them_in_words_or_not_at_all(upstream: Dialect) -> None:
    refuses = Quirks(tool_extras=False)
    turns, losses = fitted(said(WORDED, MUTE), told(WORDED), upstream=upstream, quirks=refuses)
    assert turns == (said(IN_WORDS), told(IN_WORDS))
    assert losses == ["emu:messages.server_tool_use", "drop:messages.container_upload"]


def test_what_a_tool_gave_back_is_data_where_no_words_say_it() -> None:
    turns, losses = fitted(said(), told(Result("a", (WORDED, MUTE))))
    assert turns[1] == told(Result("a", (IN_WORDS, Text("{}", apart=True))))
    assert losses == ["emu:messages.server_tool_use", "emu:messages.container_upload"]


def test_what_a_person_shows_now_is_refused_and_what_was_answered_is_left_out() -> None:
    """Left out, it would make the model invent what it shows."""
    with pytest.raises(Unsupported, match="`container_upload` blocks cannot"):
        fitted(told(Text("see"), MUTE))
    turns, losses = fitted(told(Text("see"), MUTE), said(Text("a")), told(Text("v")))
    assert turns[0] == told(Text("see"))
    assert losses == ["drop:messages.container_upload"]


def test_a_host_without_the_tools_of_its_own_dialect_does_without_what_they_gave() -> None:
    output = Opaque(Dialect.RESPONSES, "computer_call_output", "{}")
    turns, losses = fitted(
        told(Text("a"), output), upstream=Dialect.RESPONSES, quirks=Quirks(hosted_tools=False)
    )
    assert (turns, losses) == ((told(Text("a")),), ["drop:messages.computer_call_output"])
