"""`gwproxy translate`: a request in, what would be sent out, and every loss said aloud.

A pure filter: nothing is sent, no key is asked for, no model is billed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gwproxy.cli.options import JsonFlag, ProfileOption, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.errors import UsageError
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.loss_words import in_words, reason
from gwproxy.translate.registry import DIALECTS

if TYPE_CHECKING:
    from gwproxy.profiles.store import Config
    from gwproxy.proxy.routing.route import Route
    from gwproxy.translate.bridge import Bridge

_DIALECTS: Final = "|".join(DIALECTS)
_MOST_BYTES: Final = 64 * 1024 * 1024
_SHOWN: Final = 60
"""Characters of a value that took another's place."""


def register(app: typer.Typer) -> None:
    app.command("translate")(translate)


def translate(
    context: typer.Context,
    source: Annotated[
        str, typer.Option("--from", metavar=_DIALECTS, help="The dialect of the request.")
    ] = "anthropic",
    target: Annotated[
        str | None,
        typer.Option("--to", metavar=_DIALECTS, help="The provider's; by default the profile's."),
    ] = None,
    profile: ProfileOption = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Show what would be sent, and every loss.

    What the provider has taught, each repair and each edit are named too, with the path of what
    was changed.
    """
    output = output_of(context)
    client = _dialect(source, "--from")
    wanted = _dialect(target, "--to") if target else None
    if wanted is None and profile is None:
        profile = _default_profile()
    request = _read()
    bridge, route = _bridge(client, wanted, profile, request)
    tally = bridge.tally
    tally.edits = []
    body = _translated(bridge, request)
    data = {
        "from": client,
        "to": bridge.upstream,
        "model": route.model if route is not None else body.get("model"),
        "relayed": bridge.relays,
        "body": body,
        "lessons": _lessons(route),
        "passes": [{"name": name, "why": why} for name, why in tally.repaired],
        "edits": [{"path": one.path, "now": one.now, "why": one.why} for one in tally.edits],
        "betas_left_out": _betas(route) if bridge.relays else [],
        "losses": list(tally.losses),
    }
    output.result(data, lambda: _print(output, data))


def _default_profile() -> str:
    """The default profile's name, whose rules are meant where none are named."""
    from gwproxy.errors import ConfigError
    from gwproxy.profiles import store

    try:
        return store.load().profile().name
    except ConfigError as error:
        raise UsageError(
            "translated into what?",
            why=error.what,
            hint="--to chat, or --profile NAME for that provider's rules",
        ) from None


def _dialect(name: str, flag: str) -> Dialect:
    if name not in DIALECTS:
        raise UsageError(f"{name!r} is not a dialect", hint=f"{flag} {_DIALECTS}")
    return Dialect(name)


def _read() -> bytes:
    """The request on stdin. Raises UsageError."""
    if sys.stdin.isatty():
        raise UsageError(
            "this reads a request from stdin",
            hint="gwproxy translate --from anthropic --to chat < request.json",
        )
    stream: Any = getattr(sys.stdin, "buffer", sys.stdin)
    data = stream.read(_MOST_BYTES + 1)
    request = data if isinstance(data, bytes) else data.encode()
    if len(request) > _MOST_BYTES:
        raise UsageError("the request is larger than 64 MB")
    return request


def _bridge(
    client: Dialect, wanted: Dialect | None, profile: str | None, request: bytes
) -> tuple[Bridge, Route | None]:
    from gwproxy.profiles import store
    from gwproxy.translate.bridge import Bridge, request_head
    from gwproxy.translate.quirks import Quirks
    from gwproxy.translate.wire.fields import Rejected

    try:
        asked = request_head(request)
    except Rejected as error:
        raise UsageError("the request cannot be read", why=str(error)) from None
    quirks, model, dialect, streams = Quirks(), asked.model, wanted, asked.stream
    route = None
    if profile is not None:
        route = _route(store.load(), profile, asked.model, client)
        quirks, model, streams = route.quirks, route.model, route.streams(asked.stream)
        dialect = wanted or route.dialect
    assert dialect is not None
    bridge = Bridge(
        client,
        dialect,
        quirks,
        asked=asked,
        model=model,
        streams=streams,
        # Fixed: the same request gives the same bytes, as it does in the gateway's own history.
        new_id=lambda prefix: f"{prefix}0",
        created=0,
        request_id="req_0",
    )
    return bridge, route


def _lessons(route: Route | None) -> list[dict[str, str]]:
    """What the provider has taught the gateway and is followed here."""
    from gwproxy.profiles import learned

    if route is None:
        return []
    return [
        {"name": ",".join(learned.names(one)), "since": one.day, "why": one.why}
        for one in learned.in_force(learned.load(), route.profile)
        if one.model == route.model
    ]


def _betas(route: Route | None) -> list[str]:
    from gwproxy.translate.omittable import betas_gone

    return [] if route is None else list(betas_gone(route.quirks.omit))


def _route(config: Config, profile: str, model: str, client: Dialect) -> Route:
    from gwproxy.errors import ConfigError
    from gwproxy.proxy.exchange.healing import Healing
    from gwproxy.proxy.failures import Failed
    from gwproxy.proxy.routing.route import Routes

    config.profile(profile)  # says what was probably meant
    try:
        return Healing(keeps=True).informed(Routes(config).find(profile, model, client))
    except Failed as failed:
        raise ConfigError(failed.failure.message) from failed


def _translated(bridge: Bridge, request: bytes) -> Any:
    from gwproxy.translate.passes.media import Fetched
    from gwproxy.translate.wire import jsonio
    from gwproxy.translate.wire.fields import Rejected

    try:
        # Nothing is fetched here: what the server would put there is said in words.
        images = {
            address: Fetched("image/png", f"(the image at {address})")
            for address in bridge.image_addresses(request)
        }
        return jsonio.loads(bridge.request(request, images))
    except Rejected as error:
        raise UsageError(
            f"{error.field}: {error.why}", why="the gateway would answer with a 400"
        ) from None
    except jsonio.NotJson as error:
        raise UsageError("the request is not JSON", why=str(error)) from None


def _print(output: Output, data: dict[str, Any]) -> None:
    output.json(data["body"])
    if data["relayed"]:
        output.talk("relayed as it came" + (", but for these edits" if data["edits"] else ""))
    for one in data["lessons"]:
        output.talk(f"learned: {one['name']}, since {one['since']} ({one['why']})")
    for one in data["passes"]:
        output.talk(f"repaired: {one['name']} ({one['why']})")
    for one in data["edits"]:
        change = "left out" if one["now"] is None else f"is now {_short(one['now'])}"
        output.talk(f"edited: {one['path']} {change} ({one['why']})")
    for beta in data["betas_left_out"]:
        output.talk(f"edited: {beta} left out of anthropic-beta")
    for loss in data["losses"]:
        why = f": {reason(loss)}" if reason(loss) else ""
        output.talk(f"not carried: {in_words(loss)}{why} ({loss})")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
