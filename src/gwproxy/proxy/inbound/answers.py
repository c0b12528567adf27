"""Whole answers: the headers that all of them bear, and refusals in the caller's dialect."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gwproxy.proxy.upstream import headers
from gwproxy.translate.bridge import ErrorAnswer, render_failure
from gwproxy.translate.hub import Dialect, Failure

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream; charset=utf-8"


def new_id(prefix: str) -> str:
    """A fresh id, such as `req_5f2c…`."""
    return prefix + secrets.token_hex(12)


def head(client: Dialect, request_id: str, content_type: str = JSON) -> dict[str, str]:
    """The headers of every answer."""
    return {
        "content-type": content_type,
        "server": "gwproxy",  # aiohttp's default names the versions of Python and of itself
        "x-gwproxy-request-id": request_id,
        headers.request_id_header(client): request_id,
    }


def whole(body: bytes, head: Mapping[str, str], status: int = 200) -> web.Response:
    """An answer in one piece."""
    return web.Response(status=status, body=body, headers=head)


def error(answer: ErrorAnswer, head: Mapping[str, str]) -> web.Response:
    """An error as the translation has put it."""
    return web.Response(status=answer.status, body=answer.body, headers={**head, **answer.headers})


def refusal(client: Dialect, failure: Failure, request_id: str) -> web.Response:
    """An error of the gateway itself, in the dialect of `client`."""
    return error(render_failure(client, failure, request_id), head(client, request_id))
