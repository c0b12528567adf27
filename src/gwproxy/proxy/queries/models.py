"""The list of models, out of the profiles and without asking any upstream.

One shape that both families of SDKs read: Anthropic's members and OpenAI's side by side.
https://docs.anthropic.com/en/api/models-list
https://platform.openai.com/docs/api-reference/models/list
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from gwproxy.profiles.profile import Profile
from gwproxy.proxy import failures
from gwproxy.proxy.failures import Failed
from gwproxy.proxy.incoming import Incoming
from gwproxy.proxy.routing.route import Routes, strip_suffix

_ANTHROPIC_PAGE: Final = 20
_LARGEST_PAGE: Final = 1000

# No upstream is asked, so nobody knows when a model was made. Zero is what OpenAI-compatible
# servers send; it must not change from one answer to the next.
_CREATED: Final = 0
_CREATED_AT: Final = "1970-01-01T00:00:00Z"

_NOTHING_FOR_CODEX: Final[Mapping[str, list[Any]]] = {"models": []}
"""Codex asks with its `client_version` where a command gives it the token, and prints errors when
this member is missing (seen with 0.169.0). What would stand in it brings a prompt of its own for
each model (openai/codex, `ModelInfo.base_instructions`): without one Codex uses its own."""


async def answer(incoming: Incoming) -> web.Response:
    """The list, a page of it, or the one model of the path. Raises Failed."""
    request, address = incoming.request, incoming.address
    found = listed(incoming.routes, address.profile)
    if address.model:
        model = find(found, address.model)
        if model is None:
            raise Failed(failures.unknown_model(address.model))
        return incoming.answer(model)
    # https://docs.anthropic.com/en/api/models-list: pages of 20; OpenAI's list has no pages.
    by_default = _ANTHROPIC_PAGE if "anthropic-version" in request.headers else len(found)
    told = page(found, request.query, default_limit=by_default)
    if "client_version" in request.query:
        told |= _NOTHING_FOR_CODEX
    return incoming.answer(told)


def listed(routes: Routes, pinned: str) -> list[dict[str, Any]]:
    """The models of the profile `pinned`, or of all: the default profile's under their own names,
    the others' as `NAME/model`. Raises Failed when there is no such profile."""
    if pinned:
        return list(_of_profile(routes, routes.profile(pinned), prefix=""))
    default = routes.profile("")
    found = list(_of_profile(routes, default, prefix=""))
    for profile in routes.config.profiles.values():
        if profile.name != default.name:
            found += _of_profile(routes, profile, prefix=f"{profile.name}/")
    return found


def _of_profile(routes: Routes, profile: Profile, *, prefix: str) -> Iterable[dict[str, Any]]:
    for model in profile.all_models:
        quirks = routes.quirks_of(profile, model)
        yield {
            "id": prefix + model,
            "object": "model",
            "type": "model",
            "created": _CREATED,
            "created_at": _CREATED_AT,
            "owned_by": profile.name,
            "display_name": f"{model} ({profile.name})",
            "max_input_tokens": quirks.context_window,
            "max_tokens": quirks.max_output,
        }


def page(
    models: list[dict[str, Any]], query: Mapping[str, str], *, default_limit: int
) -> dict[str, Any]:
    """The part of the list that `after_id`, `before_id` and `limit` ask for.

    An id that is not in the list is ignored, and so is a limit that is no number.
    """
    ids = [model["id"] for model in models]
    limit = _limit(query.get("limit"), default_limit)
    start, end = 0, len(models)
    if query.get("after_id") in ids:
        start = ids.index(query["after_id"]) + 1
    if query.get("before_id") in ids:
        end = ids.index(query["before_id"])
        start = max(start, end - limit)
    chosen = models[start : min(end, start + limit)]
    before = "before_id" in query
    return {
        "object": "list",
        "data": chosen,
        "has_more": start > 0 if before else start + len(chosen) < len(models),
        "first_id": chosen[0]["id"] if chosen else None,
        "last_id": chosen[-1]["id"] if chosen else None,
    }


def _limit(text: str | None, default: int) -> int:
    if text is None or not text.isascii() or not text.isdigit():
        return default
    return min(max(int(text[:6]), 1), _LARGEST_PAGE)


def find(models: Iterable[dict[str, Any]], model_id: str) -> dict[str, Any] | None:
    """The model called `model_id`, which may name its profile too."""
    wanted = strip_suffix(model_id)
    for model in models:
        if wanted in (model["id"], f"{model['owned_by']}/{model['id']}"):
            return model
    return None
