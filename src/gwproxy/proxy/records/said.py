"""What a captured answer says and calls, read as its client read it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from gwproxy.proxy.records.captures import Captured
from gwproxy.proxy.upstream.sniff import is_event_stream
from gwproxy.translate.bridge import CODECS
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.events import fold
from gwproxy.translate.hub import Call, Failure, Reasoning, Refusal, Text
from gwproxy.translate.quirks import Quirks


@dataclass(frozen=True, slots=True)
class CapturedSaying:
    """One answer in words: its text, what the model thought, each call as `name {arguments}`, or
    why there is none."""

    text: str = ""
    thought: str = ""
    calls: tuple[str, ...] = ()
    error: str = ""


def said_in(captured: Captured) -> CapturedSaying:
    """What the client was answered."""
    if captured.facts["error_kind"]:
        return CapturedSaying(error=captured.facts["error"] or captured.facts["error_kind"])
    reader = CODECS[Dialect(captured.dialect)].reader(Quirks())
    body = captured.answer.encode()
    if is_event_stream(body[:64], "", bool(captured.facts["stream"])):
        events = [*reader.feed(body), *reader.finish()]
    else:
        events = list(reader.whole(body))
    reply = fold(events)
    if isinstance(reply, Failure):
        return CapturedSaying(error=reply.message)
    texts, thoughts, calls = [], [], []
    for block in reply.blocks:
        match block:
            case Text() | Refusal():
                texts.append(block.text)
            case Reasoning():
                thoughts.append(block.text)
            case Call():
                calls.append(f"{block.name} {_tidy(block.arguments)}")
    return CapturedSaying("\n".join(texts), "\n".join(thoughts), tuple(calls))


def _tidy(arguments: str) -> str:
    """The same JSON in one spelling: blanks and the order of members make no difference."""
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False, sort_keys=True)
    except ValueError:
        return arguments
