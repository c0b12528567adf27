"""Images and files moved out of tool results, into a user message behind them, in a relayed body.

Some hosts take text alone in a tool result (ggml-org/llama.cpp#23890). In the image's place stands
a line that says where it is; every other byte stays. For a request that is rendered,
`passes/media.py` does the same.
"""

from __future__ import annotations

from msgspec import Struct

from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.jsonio import NotJson
from gwproxy.translate.wire.splice import Edit, Path, edited, found


class ToolOutputs(Struct, frozen=True):
    """How a dialect spells tool results: elements of the list at `path` whose `member` is one of
    `kinds`. Their member `parts` holds the content, `call` the id of the call; `shown` are the
    types of content that are moved, `text` is the type of text, `message` the user message for
    them."""

    path: Path
    member: str
    kinds: frozenset[str]
    parts: str
    call: str
    shown: frozenset[str]
    text: str
    message: bytes = b"%b"


def label(number: int, call_id: str) -> str:
    """The line before an image that was moved behind its tool result."""
    return f"[media {number} of tool result {call_id}]"


def place(number: int, call_id: str) -> str:
    """The line in the place of an image that was moved."""
    return f"{label(number, call_id)[:-1]}: next user message]"


def move_media(body: bytes, outputs: ToolOutputs) -> bytes:
    """`body` with the images of tool results moved behind them; the same object where there are
    none. Raises jsonio.NotJson."""
    return edited(body, [Edit(outputs.path, lambda value: _moved(value, outputs))])


def _moved(value: bytes, outputs: ToolOutputs) -> bytes:
    elements = [text for _, text in found(value, (None,))]
    results = [_string(text, outputs.member) in outputs.kinds for text in elements]
    order = zip(results, [*results[1:], False], strict=True)
    held: list[bytes] = []

    def element(text: bytes) -> bytes:
        is_result, goes_on = next(order)
        if is_result:
            text = _without(text, outputs, held)
        if held and not goes_on:
            text += b"," + outputs.message % b",".join(held)
            held.clear()
        return text

    return edited(value, [Edit((None,), element)])


def _without(result: bytes, outputs: ToolOutputs, held: list[bytes]) -> bytes:
    call_id, count = _string(result, outputs.call), 0

    def part(text: bytes) -> bytes:
        nonlocal count
        if _string(text, "type") not in outputs.shown:
            return text
        count += 1
        held.extend((_said(label(count, call_id), outputs), text))
        return _said(place(count, call_id), outputs)

    return edited(result, [Edit((outputs.parts, None), part)])


def _said(words: str, outputs: ToolOutputs) -> bytes:
    return jsonio.dumps({"type": outputs.text, "text": words})


def _string(text: bytes, member: str) -> str:
    for _, value in found(text, (member,)):
        try:
            said = jsonio.loads(value)
        except NotJson:
            return ""
        return said if isinstance(said, str) else ""
    return ""
