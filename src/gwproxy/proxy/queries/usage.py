"""`GET /v1/usage/{request_id}`: what one exchange used and cost, by our id or the upstream's.

From the ledger, or where that knows nothing of it, from the upstream: a gateway to Claude has the
same route, and the exchange may have been another program's.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from aiohttp import web

from gwproxy.profiles.profile import Profile
from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.inbound.endpoints import Address
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.routing.route import Route, Routes
from gwproxy.proxy.services import Services
from gwproxy.proxy.upstream.request import request_to
from gwproxy.translate.wire import jsonio

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_LARGEST_ANSWER_BYTES: Final = 64 * 1024


async def answer(incoming: Incoming) -> web.Response:
    """The usage of one exchange. Raises Failed (404)."""
    request_id = incoming.address.request_id
    entry = await asyncio.to_thread(incoming.services.ledger.find, request_id)
    found: dict[str, Any] | None
    if entry is not None:
        incoming.record.profile = entry.profile
        found = entry.usage_answer()
    else:
        found = await _ask(incoming.services, incoming.routes, incoming.address)
    if found is None:
        raise Failed(failures.unknown_request(request_id))
    return incoming.answer(found)


async def _ask(services: Services, routes: Routes, address: Address) -> dict[str, Any] | None:
    """What the upstream knows; None where it has no such route, or nothing to say."""
    if not _REQUEST_ID.fullmatch(address.request_id):
        return None
    profile = routes.profile(address.profile)
    models_url = profile.url("models")
    if models_url is None:
        return None
    route = _route(routes, profile)
    url = f"{models_url.removesuffix('/models')}/usage/{address.request_id}"
    try:
        async with asyncio.timeout(services.limits.count_s):
            key = await services.keys.get(profile)
            call = request_to(route, b"", key, url=url, method="GET")
            answer = await services.upstream.send(call)
            try:
                if not answer.ok:
                    return None
                value = jsonio.loads(await answer.read_whole(_LARGEST_ANSWER_BYTES))
            finally:
                answer.close()
    except (Failed, jsonio.NotJson, TimeoutError):
        return None
    return value if isinstance(value, dict) and "output_tokens" in value else None


def _route(routes: Routes, profile: Profile) -> Route:
    """How the profile wants to be asked at the address where its list of models is."""
    dialect = profile.lister.name
    return Route(profile, profile.model, dialect, "", routes.quirks_of(profile, profile.model))
