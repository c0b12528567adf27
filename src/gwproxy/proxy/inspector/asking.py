"""What a request of the page asks for, and how it is refused in the page's own words."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from gwproxy.proxy.inbound.body import read_body
from gwproxy.proxy.limits import Limits
from gwproxy.translate.wire import jsonio

_MOST_BODY_BYTES: Final = 16 * 1024
"""A code, or the name of a lesson."""


class PageRefused(Exception):
    """Raised for what is answered with `status` and `{"error": words}`; `allowed` are the methods
    that it takes."""

    def __init__(self, status: int, words: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(words)
        self.status = status
        self.allowed = allowed


def only(request: web.BaseRequest, *methods: str) -> None:
    """Raises PageRefused (405) for another method."""
    if request.method not in methods:
        raise PageRefused(
            405, f"{request.method} is not for this; use {' or '.join(methods)}", methods
        )


def number_of(request: web.BaseRequest, name: str, default: int, most: int) -> int:
    """The whole number that the query has for `name`, from 1 to `most`. Raises PageRefused
    (400).
    """
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= most):
        raise PageRefused(400, f"{name} is a whole number from 1 to {most}")
    return int(text)


async def members_of(
    request: web.BaseRequest, limits: Limits, **kinds: type[object]
) -> dict[str, Any]:
    """The members of the JSON object that was sent, each of its kind. Raises PageRefused,
    Failed.
    """
    body = await read_body(request, _MOST_BODY_BYTES, limits)
    try:
        value = jsonio.loads(body)
    except jsonio.NotJson:
        value = None
    if not isinstance(value, dict):
        raise PageRefused(400, "the body is not a JSON object")
    for name, kind in kinds.items():
        if type(value.get(name)) is not kind:
            raise PageRefused(400, f"{name} is missing, or of another kind")
    return value
