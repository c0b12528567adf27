"""Rejections of a request, and checked access to JSON that has no fixed shape.

Rejected                 a 400 in the client's dialect, naming the field
├── Malformed            the field is not what its dialect says
└── Unsupported          the field is right, but the upstream cannot do it and leaving it out
                         would change the kind of answer
    └── Declined         so says the upstream itself, and the client knows what to do then
"""

from __future__ import annotations

from typing import Any


class Rejected(Exception):
    """A request is refused; `field` is a JSON path such as `messages[3].content`, `why` the
    reason."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}" if field else why)
        self.field = field
        self.why = why


class Malformed(Rejected):
    """The field is not what its dialect says."""


class Unsupported(Rejected):
    """The upstream cannot do it. `quirk` is the setting that would send it all the same, as
    `profile set` takes it, or ""."""

    def __init__(self, field: str, why: str, quirk: str = "") -> None:
        super().__init__(field, why)
        self.quirk = quirk


class Declined(Unsupported):
    """The upstream does not carry out an order that the client carries out itself once refused."""


def kind_of(value: object) -> str:
    """The JSON name of a value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
        case dict():
            return "object"
    return type(value).__name__


def get_object(value: Any, path: str) -> dict[str, Any]:
    """`value`, if it is a JSON object. Raises Malformed."""
    if isinstance(value, dict):
        return value
    raise Malformed(path, f"expected object, got {kind_of(value)}")


def get_string(value: Any, path: str) -> str:
    """`value`, if it is text. Raises Malformed."""
    if isinstance(value, str):
        return value
    raise Malformed(path, f"expected string, got {kind_of(value)}")


def count_of(value: Any) -> int | None:
    """`value` as a whole number of at most 64 bits, also where it is text or `5.0`; None for
    anything else, also for true and false."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if abs(value) < 2**63 else None


def optional_int(value: Any, path: str) -> int | None:
    """`value` as a whole number, None for null; `5.0` is one, as JSON Schema has it. Raises
    Malformed."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise Malformed(path, f"expected integer, got {kind_of(value)}")
    return int(value)


def optional_limit(value: Any, path: str) -> int | None:
    """Of an answer's length, or of the tokens to choose from. A negative number says that there is
    none (the -1 of LM Studio, llama.cpp and vLLM: https://lmstudio.ai/docs/developer/openai-compat).
    """
    limit = optional_int(value, path)
    return None if limit is None or limit < 0 else limit
