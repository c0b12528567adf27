"""The turns of a hub request as a system prompt and messages.

    system prompt, then [user, assistant, user, assistant …], the first of them a user's

The passes have put the turns in order (`passes/history.py`); here neighbours of one role become one
message. A longer conversation keeps the shorter one's bytes.

https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Sequence

from gwproxy.translate.anthropic.blocks import write_block
from gwproxy.translate.anthropic.wire import Draft, TextBlock
from gwproxy.translate.hub import Request, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks


def system_text(request: Request, quirks: Quirks, losses: Losses) -> list[TextBlock]:
    """The system prompt: the text blocks of the leading system turns."""
    written: list[TextBlock] = []
    for turn in _leading(request.turns):
        for block in turn.blocks:
            wire = write_block(block, quirks, losses)
            if isinstance(wire, TextBlock):
                written.append(wire)
    return written


def _leading(turns: Sequence[Turn]) -> Sequence[Turn]:
    count = next((i for i, turn in enumerate(turns) if turn.role != "system"), len(turns))
    return turns[:count]


def messages(request: Request, quirks: Quirks, losses: Losses) -> list[Draft]:
    """The messages after the system prompt. Raises Unsupported for content that cannot be sent."""
    drafts: list[Draft] = []
    for turn in request.turns[len(_leading(request.turns)) :]:
        written = (write_block(block, quirks, losses) for block in turn.blocks)
        blocks = [wire for wire in written if wire is not None]
        if drafts and drafts[-1].role == turn.role:
            drafts[-1].blocks.extend(blocks)
        elif blocks:
            drafts.append(Draft(turn.role, blocks))
    _trim_prefill(drafts)
    return drafts


def _trim_prefill(drafts: list[Draft]) -> None:
    """Trims the end of a last assistant message, which the model continues: "final assistant
    content cannot end with trailing whitespace"."""
    last = drafts[-1].blocks[-1] if drafts and drafts[-1].role == "assistant" else None
    if isinstance(last, TextBlock):
        last.text = last.text.rstrip()
