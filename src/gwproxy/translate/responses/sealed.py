"""Opens our envelopes in a relayed input: reasoning for the upstream that made it, summaries as
text; other upstreams' reasoning is taken away.

An upstream would take an envelope for ciphertext of its own that it cannot read: a 400
(Wei-Shaw/sub2api#4986). Every other item stays as it came.

https://platform.openai.com/docs/guides/reasoning
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.responses import compaction
from gwproxy.translate.responses.items import parse_reasoning, reasoning_shape, render_reasoning
from gwproxy.translate.wire import jsonio, seal
from gwproxy.translate.wire.splice import Edit, edited, omit, with_member

_ITEMS: Final = ("input", None)


class _Head(Struct):
    type: str | None = None
    encrypted_content: str | None = None


_head: Final = jsonio.decoder(_Head)


def open_seals(body: bytes, quirks: Quirks, losses: Losses) -> bytes:
    """`body` with our envelopes opened or taken away. Raises fields.Malformed and
    jsonio.NotJson."""

    def item(text: bytes) -> bytes | None:
        head = _head(text) if seal.is_in(text) else _Head()
        carried = head.encrypted_content or ""
        if head.type in compaction.KINDS:
            return _said(text, carried)
        if head.type != "reasoning" or not carried.startswith(seal.MARK):
            return text
        own = _reopened(text, quirks.family)
        if own is None:
            losses.drop("messages.thinking")
        return own

    return edited(body, [Edit(_ITEMS, item)])


def _said(text: bytes, carried: str) -> bytes:
    """The message item for our summary; another compaction item unchanged."""
    summary = compaction.opened(carried)
    if summary is None:
        return text
    part = {"type": "input_text", "text": summary}
    return jsonio.dumps({"type": "message", "role": "user", "content": [part]})


def _reopened(text: bytes, family: str) -> bytes | None:
    thought = parse_reasoning(reasoning_shape.read(text, Losses(), "input"))
    own = render_reasoning(thought, family)
    if own is None:
        return None
    if "encrypted_content" in own:
        del own["summary"]  # the client's copy of it
    else:
        text = edited(text, [omit("encrypted_content")])
    for name, value in own.items():
        text = with_member(text, name, jsonio.dumps(value))
    return text
