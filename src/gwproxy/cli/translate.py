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
from gwproxy.plain import json_text
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.registry import DIALECTS

if TYPE_CHECKING:
    from gwproxy.profiles.store import Config
    from gwproxy.proxy.route import Route
    from gwproxy.translate.bridge import Bridge

_DIALECTS: Final = "|".join(DIALECTS)
_MOST_BYTES: Final = 64 * 1024 * 1024


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
    """Show what would be sent, and every loss."""
    output = output_of(context)
    client = _dialect(source, "--from")
    wanted = _dialect(target, "--to") if target else None
    if wanted is None and profile is None:
        raise UsageError(
            "translated into what?", hint="--to chat, or --profile NAME for that provider's rules"
        )
    request = _read()
    bridge, model = _bridge(client, wanted, profile, request)
    body = _translated(bridge, request)
    data = {
        "from": client,
        "to": bridge.upstream,
        "model": model,
        "relayed": bridge.relays,
        "body": body,
        "passes": [{"name": name, "why": why} for name, why in bridge.tally.repaired],
        "losses": list(bridge.tally.losses),
    }
    output.result(data, lambda: _print(output, bridge, body))


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
) -> tuple[Bridge, str]:
    from gwproxy.profiles import store
    from gwproxy.translate.bridge import Bridge, request_head
    from gwproxy.translate.quirks import Quirks
    from gwproxy.translate.wire.fields import Rejected

    try:
        asked = request_head(request)
    except Rejected as error:
        raise UsageError("the request cannot be read", why=str(error)) from None
    quirks, model, dialect, streams = Quirks(), asked.model, wanted, asked.stream
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
    return bridge, model


def _route(config: Config, profile: str, model: str, client: Dialect) -> Route:
    from gwproxy.errors import ConfigError
    from gwproxy.proxy.failures import Failed
    from gwproxy.proxy.route import Routes

    config.profile(profile)  # says what was probably meant
    try:
        return Routes(config).find(profile, model, client)
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


def _print(output: Output, bridge: Bridge, body: Any) -> None:
    output.document(json_text(body, indent=2))
    if bridge.relays:
        output.talk("relayed as it came, but for the model's name")
    for name, why in bridge.tally.repaired:
        output.talk(f"repaired: {name} ({why})")
    for loss in bridge.tally.losses:
        output.talk(f"not carried: {loss}")
