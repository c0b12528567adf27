"""The routes of kept responses: read one, play it again, delete it, list what it was given.

What is not kept here the upstream is asked for, see `remote.py`.

https://platform.openai.com/docs/api-reference/responses/get
https://platform.openai.com/docs/api-reference/responses/input-items
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from msgspec import Raw

from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.inbound import answers
from gwproxy.proxy.inbound.endpoints import Address, Endpoint
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.queries import remote
from gwproxy.proxy.records.conversations.kept import Kept
from gwproxy.proxy.records.conversations.store import Conversations, ConversationTooLong, Unknown
from gwproxy.proxy.records.storage import StorageTrouble
from gwproxy.translate.bridge import rejection
from gwproxy.translate.responses.kept import state
from gwproxy.translate.responses.kept.replay import replay
from gwproxy.translate.wire import jsonio

# The API's own page.
_ITEMS: Final = 20
_MOST_ITEMS: Final = 100


async def answer(incoming: Incoming) -> web.StreamResponse:
    """The answer of one of these routes. Raises Failed."""
    address, request = incoming.address, incoming.request
    response_id, conversations = address.response_id, incoming.services.conversations
    try:
        if not (incoming.routes.config.store_responses and conversations.exists):
            raise Unknown(response_id)
        kept = await conversations.find(response_id)
        if remote.may_keep(incoming, kept):
            found = await remote.ask(incoming)
            if found is not None:
                if request.method == "DELETE":
                    await conversations.forget(response_id)
                return found
        body, content_type = await _say(conversations, address, request)
    except Unknown:
        found = await remote.ask(incoming)
        if found is None:
            raise Failed(failures.unknown_response(response_id)) from None
        return found
    except StorageTrouble as trouble:
        raise Failed(failures.unreadable_responses(str(trouble))) from None
    return answers.whole(body, incoming.head(content_type))


async def _say(
    conversations: Conversations, address: Address, request: web.BaseRequest
) -> tuple[bytes, str]:
    response_id = address.response_id
    if address.endpoint is Endpoint.INPUT_ITEMS:
        return _page(await _input_items(conversations, response_id), request.query), answers.JSON
    if request.method == "DELETE":
        await conversations.forget(response_id)
        gone = {"id": response_id, "object": "response.deleted", "deleted": True}
        return jsonio.dumps(gone), answers.JSON
    kept = await conversations.find(response_id)
    if address.endpoint is Endpoint.CANCEL:
        raise Failed(failures.not_in_background())
    if request.query.get("stream", "").lower() == "true":
        return replay(kept.response, _starting_after(request.query)), answers.EVENT_STREAM
    return kept.response, answers.JSON


def _starting_after(query: Mapping[str, str]) -> int:
    return -1 if "starting_after" not in query else _number(query, "starting_after")


def _number(query: Mapping[str, str], name: str) -> int:
    text = query[name]
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Failed(rejection(name, "expected a number"))
    return int(text)


async def _input_items(conversations: Conversations, response_id: str) -> dict[str, bytes]:
    """All that the answer was made from, by item id, the oldest first."""
    chain = await _chain(conversations, response_id)
    items: dict[str, bytes] = {}
    for kept in chain:
        given = (*kept.given, *(kept.output if kept is not chain[-1] else ()))
        ids = state.item_ids(given, kept.id)
        items |= zip(ids, state.listed(given, kept.id), strict=True)
    return items


async def _chain(conversations: Conversations, response_id: str) -> list[Kept]:
    """What is left of it: an earlier response may have been deleted."""
    try:
        return await conversations.chain(response_id)
    except ConversationTooLong:
        return [await conversations.find(response_id)]
    except Unknown as missing:
        if missing.response_id == response_id:
            raise
        return [await conversations.find(response_id)]


def _page(items: Mapping[str, bytes], query: Mapping[str, str]) -> bytes:
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise Failed(rejection("order", "expected asc or desc"))
    limit = _number(query, "limit") if "limit" in query else _ITEMS
    if not 1 <= limit <= _MOST_ITEMS:
        raise Failed(rejection("limit", f"expected 1 to {_MOST_ITEMS}"))
    ids = list(items) if order == "asc" else list(items)[::-1]
    start = 0
    if "after" in query:
        if query["after"] not in items:
            raise Failed(rejection("after", "there is no such item"))
        start = ids.index(query["after"]) + 1
    chosen = ids[start : start + limit]
    return jsonio.dumps(
        {
            "object": "list",
            "data": [Raw(items[item_id]) for item_id in chosen],
            "first_id": chosen[0] if chosen else None,
            "last_id": chosen[-1] if chosen else None,
            "has_more": start + len(chosen) < len(ids),
        }
    )
