"""Passes for sampling and stop sequences, as dialect and model take them.

"invalid temperature: only 1 is allowed for this model" (anomalyco/opencode#10811).
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Request, Sampling
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks

# Values that ask for nothing: leaving them out loses nothing.
_NEUTRAL: Final = Sampling(temperature=1.0, top_p=1.0, frequency_penalty=0.0, presence_penalty=0.0)
FIXED: Final = (
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "seed",
)
"""The members that a model with fixed sampling does not take."""


def fit_sampling(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops what the model fixes, and clamps what is out of range; nothing is rescaled: 0.7 must
    stay 0.7."""
    given = request.sampling
    if given == Sampling():
        return request
    thinks = request.thinking.mode in ("on", "budget")
    if quirks.sampling == "drop" or (facts.fixed_while_thinking and thinks):
        wanted = _without(given, FIXED, losses)
    else:
        wanted = _in_range(given, facts, quirks, losses)
    return request if wanted == given else structs.replace(request, sampling=wanted)


def _in_range(given: Sampling, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Sampling:
    given = _without(given, tuple(n for n in FIXED if n not in facts.sampling), losses)
    most = facts.most_temperature
    if most is not None and given.temperature is not None and given.temperature > most:
        losses.clamp("temperature", f"{most:g}")
        given = structs.replace(given, temperature=most)
    if quirks.signed_thinking and given.temperature is not None and given.top_p is not None:
        # "`temperature` and `top_p` cannot both be specified" (real Claude)
        given = _without(given, ("top_p",), losses)
    return given


def asks_nothing(name: str, value: object) -> bool:
    """Whether a value of a member of `FIXED` is the default, so that leaving it out is no loss."""
    return value is None or bool(value == getattr(_NEUTRAL, name))


def _without(given: Sampling, names: tuple[str, ...], losses: Losses) -> Sampling:
    for name in names:
        value = getattr(given, name)
        if not asks_nothing(name, value):
            losses.drop(name)
    return structs.replace(given, **dict.fromkeys(names))


def limit_stops(request: Request, facts: DialectFacts, quirks: Quirks, losses: Losses) -> Request:
    """Drops blank stop sequences, and those that are too many or too long for the upstream.

    A caller that can match them in the answer takes them off before (`takes_stops`).
    """
    kept = tuple(stop for stop in request.stop if _takes_stop(stop, quirks))
    kept = kept[: _most_stops(facts, quirks)]
    if kept == request.stop:
        return request
    losses.drop("stop")
    return structs.replace(request, stop=kept)


def takes_stops(stops: tuple[str, ...], facts: DialectFacts, quirks: Quirks) -> bool:
    """Whether the upstream takes all of these stop sequences."""
    most = _most_stops(facts, quirks)
    few = most is None or len(stops) <= most
    return few and all(_takes_stop(stop, quirks) for stop in stops)


def _most_stops(facts: DialectFacts, quirks: Quirks) -> int | None:
    """How many stop sequences are taken, None without a limit: by the upstream where it is known,
    else by its dialect's vendor."""
    if not quirks.stop_sequences or facts.most_stops == 0:
        return 0
    return quirks.max_stops or facts.most_stops


def _takes_stop(stop: str, quirks: Quirks) -> bool:
    most = quirks.max_stop_bytes
    return bool(stop.strip()) and (not most or len(stop.encode("utf-8", "replace")) <= most)
