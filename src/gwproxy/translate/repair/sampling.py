"""Sampling, stop sequences and the length of the answer, as the model takes them.

"invalid temperature: only 1 is allowed for this model" (anomalyco/opencode#10811); an answer of
nothing but "length", because the thoughts used up a small limit
(https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model); input and output together beyond
the window, which is an error and not clamped (https://platform.kimi.ai/docs/api/errors).
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from gwproxy.translate import tokens
from gwproxy.translate.hub import Dialect, Request, Sampling
from gwproxy.translate.losses import Losses
from gwproxy.translate.manners import Manners

# Values that ask for nothing: leaving them out loses nothing.
_NEUTRAL: Final = Sampling(temperature=1.0, top_p=1.0, frequency_penalty=0.0, presence_penalty=0.0)
_NAMES: Final = (
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "seed",
)

# What an estimate may be short of the upstream's own count.
_ESTIMATE_MARGIN: Final = 1.1
# With less room than this the prompt does not fit, and the client is to hear so and compact.
_LEAST_ROOM: Final = 1_024


def drop_sampling(request: Request, upstream: Dialect, manners: Manners, losses: Losses) -> Request:
    """Leaves out what the model fixes."""
    if manners.sampling == "pass" or request.sampling == Sampling():
        return request
    for name in _NAMES:
        value = getattr(request.sampling, name)
        if value is not None and value != getattr(_NEUTRAL, name):
            losses.drop(name)
    return structs.replace(request, sampling=Sampling())


def limit_stops(request: Request, upstream: Dialect, manners: Manners, losses: Losses) -> Request:
    """Stop sequences the upstream takes: no blank ones, no more and no longer ones than it knows.

    What is left out here is gone; who can match them in the answer takes them off before
    (`takes_stops`).
    """
    kept = tuple(stop for stop in request.stop if _takes_stop(stop, manners))
    most = manners.max_stops or len(kept)
    if not manners.stop_sequences:
        most = 0
    kept = kept[:most]
    if kept == request.stop:
        return request
    losses.drop("stop")
    return structs.replace(request, stop=kept)


def takes_stops(stops: tuple[str, ...], manners: Manners) -> bool:
    """Whether the upstream can be given all of these."""
    few = not manners.max_stops or len(stops) <= manners.max_stops
    return manners.stop_sequences and few and all(_takes_stop(stop, manners) for stop in stops)


def _takes_stop(stop: str, manners: Manners) -> bool:
    most = manners.max_stop_bytes
    return bool(stop.strip()) and (not most or len(stop.encode("utf-8", "replace")) <= most)


def raise_output(request: Request, upstream: Dialect, manners: Manners, losses: Losses) -> Request:
    """An output limit that thoughts do not use up, and none above the model's own.

    A limit of one token is a probe for a sign of life, and stays.
    """
    limit = request.max_tokens
    if limit is None:
        if not manners.min_output and upstream is not Dialect.ANTHROPIC:
            return request
        # Where small limits hurt, the upstream's own default is one of them; Anthropic's dialect
        # has none.
        return structs.replace(request, max_tokens=manners.max_output)
    thinks = request.thinking.mode != "off" or manners.thinking_always
    least = manners.min_output if thinks and limit > 1 else 0
    possible = min(max(limit, least), manners.max_output)
    if possible == limit:
        return request
    losses.clamp("max_tokens", possible)
    return structs.replace(request, max_tokens=possible)


def fit_window(request: Request, upstream: Dialect, manners: Manners, losses: Losses) -> Request:
    """An output limit that fits into the window beside the input."""
    limit = request.max_tokens
    if limit is None or limit <= _LEAST_ROOM:
        return request
    estimated = request.estimate or tokens.estimate(request)
    if estimated * _ESTIMATE_MARGIN + limit <= manners.context_window:
        return request
    room = int(manners.context_window - estimated * _ESTIMATE_MARGIN)
    fitting = min(limit, max(room, _LEAST_ROOM))
    if fitting == limit:
        return request
    losses.clamp("max_tokens", fitting)
    return structs.replace(request, max_tokens=fitting)
