"""How the simulator reads request bodies and writes JSON and server-sent events.

Deliberately its own: the simulator judges the gateway, so it shares no code with the
translators that it judges. Nothing here knows a dialect.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

Json: TypeAlias = dict[str, Any]


class WireRefused(Exception):
    """This provider refuses the request; `status` and `message` fill its dialect's own envelope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Event(NamedTuple):
    """One server-sent event: its `event:` name, or none, and its data.

    A string as data goes out as it stands (`[DONE]`); everything else as compact JSON.
    """

    name: str | None
    data: Json | str


Events: TypeAlias = list[Event]
EventsPass: TypeAlias = Callable[[Events], Events]
BodyPass: TypeAlias = Callable[[Json], Json]


def compact(value: object) -> str:
    """JSON without spaces and with real characters, so that cuts fall inside UTF-8 sequences."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def to_bytes(text: str) -> bytes:
    """`text` in UTF-8. A lone surrogate, which a client's cut emoji leaves behind, becomes `?`."""
    return text.encode("utf-8", "replace")


def frame(event: Event) -> bytes:
    """One event as the vendors send it: `event:` where there is a name, one `data:` line, LF."""
    data = event.data if isinstance(event.data, str) else compact(event.data)
    head = f"event: {event.name}\n" if event.name else ""
    return to_bytes(f"{head}data: {data}\n\n")


def pieces(text: str, size: int) -> list[str]:
    """`text` cut into parts of `size` characters; an empty list for an empty text."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def record(value: object, path: str) -> Json:
    """`value` as a JSON object.

    Raises:
        WireRefused: 400 naming `path`.
    """
    if not isinstance(value, dict):
        raise WireRefused(400, f"{path}: Input should be an object")
    return value


def records(value: object, path: str) -> list[Json]:
    """`value` as a list of JSON objects; absent and null are the empty list.

    Raises:
        WireRefused: 400 naming `path` or the member that is no object.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise WireRefused(400, f"{path}: Input should be a valid array")
    return [record(member, f"{path}.{index}") for index, member in enumerate(value)]


def string(value: object, path: str) -> str:
    """`value` as text; absent and null are empty.

    Raises:
        WireRefused: 400 naming `path`.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WireRefused(400, f"{path}: Input should be a valid string")
    return value


def count(value: object, path: str) -> int | None:
    """`value` as a whole number, or None where it is absent or null.

    Raises:
        WireRefused: 400 naming `path`.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise WireRefused(400, f"{path}: Input should be a valid integer")
    return value


def blocks(content: object, path: str) -> list[Json]:
    """Message content as blocks: a string is one text block, null is none."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return records(content, path)


def text_of(content: object, path: str) -> str:
    """The text in a content value of any dialect; media become a word in brackets."""
    return "\n".join(_texts(blocks(content, path), path))


def _texts(members: Iterable[Json], path: str) -> Iterable[str]:
    for member in members:
        if "text" in member:
            yield string(member["text"], f"{path}.text")
        elif "refusal" in member:
            yield string(member["refusal"], f"{path}.refusal")
        else:
            yield f"[{member.get('type', 'unknown')}]"
