"""`gwproxy test --client claude-code`: the way that a tool is really set up to go.

Reads the tool's own files as the tool does, then asks the gateway with the address, the secret
and the model that stand there. Changes nothing, and never claims to be the tool.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gwproxy.cli.checklist import checklist
from gwproxy.cli.output import Output
from gwproxy.cli.setup_inputs import places_of
from gwproxy.clients.known import Client
from gwproxy.clients.ways import WAYS, ToolWay
from gwproxy.profiles.endpoints import is_loopback
from gwproxy.profiles.local_token import local_token
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.probe import GatewayProbe, Outcome, Verdict
from gwproxy.proxy.upstream.client import Upstream

if TYPE_CHECKING:
    from gwproxy.profiles.secret import Secret


async def check_client(output: Output, client: Client, *, ask: bool) -> list[Verdict]:
    """The verdicts on the tool's configuration, shown as they come."""
    if ask:
        output.talk(f"{client.NAME}: at most 1 tiny question, which the provider may bill")
    way = WAYS[client.NAME](places_of(None))
    upstream = Upstream(Limits())
    verdicts = []
    try:
        with checklist(output) as shown:
            async for verdict in _verdicts(way, client, upstream, local_token(), ask=ask):
                verdicts.append(verdict)
                shown.show(verdict)
    finally:
        await upstream.close()
    return verdicts


async def _verdicts(
    way: ToolWay, client: Client, upstream: Upstream, token: Secret, *, ask: bool
) -> AsyncIterator[Verdict]:
    set_up = f"gwproxy setup {client.NAME}"
    for file in way.unreadable:
        words = f"{client.TITLE} does not read {file}"
        yield Verdict("settings", Outcome.BAD, words, f"mend that line, then: {set_up}")
    if way.remark:
        yield Verdict("model", Outcome.NOTE, way.remark, f"{set_up} --default")
    if way.others:
        yield Verdict("agents", Outcome.NOTE, way.others)
    base = way.base
    parts = urlsplit(base.value)
    if not is_loopback(parts.hostname or ""):
        where = f"{parts.hostname} ({base.source})" if parts.hostname else base.source
        words = f"{client.TITLE} goes to {where}, not through gwproxy"
        yield Verdict("address", Outcome.BAD, words, set_up)
        return
    yield Verdict("address", Outcome.GOOD, f"{base.value} ({base.source})")
    if way.web_proxy:
        hint = f"{set_up}, or add 127.0.0.1 to NO_PROXY there"
        yield Verdict("web proxy", Outcome.BAD, way.web_proxy, hint)
    secret = _secret_verdict(way, client, token, set_up)
    yield secret
    gateway = GatewayProbe(upstream, f"{parts.scheme}://{parts.netloc}", token)
    alive = await gateway.alive()
    if alive.outcome is not Outcome.GOOD:
        yield Verdict("gateway", Outcome.BAD, alive.words, alive.hint)
        return
    yield alive
    if ask and secret.outcome is not Outcome.BAD:
        credential = way.credential or {"authorization": f"Bearer {token.reveal()}"}
        yield await gateway.question(way.url, way.model, credential, way.dialect)


def _secret_verdict(way: ToolWay, client: Client, token: Secret, set_up: str) -> Verdict:
    """Whether what it presents is the local token, and nothing else goes along with it."""
    presented = way.credential
    if way.helper is not None:
        # Not run here: it is the person's command, and `gwproxy token` is checked as such.
        words = f"comes from the helper {way.helper.value!r} ({way.helper.source})"
        if presented:
            words += ", and another one goes along"
            return Verdict("token", Outcome.NOTE, words, set_up)
        return Verdict("token", Outcome.GOOD, words)
    if not presented:
        return Verdict("token", Outcome.BAD, f"{client.TITLE} presents none", set_up)
    wrong = [
        name for name, value in presented.items() if value.removeprefix("Bearer ") != token.reveal()
    ]
    if len(wrong) == len(presented):
        words = f"what it presents ({' and '.join(wrong)}) is not the local token"
        return Verdict("token", Outcome.BAD, words, set_up)
    if wrong:
        words = f"the local token, but another secret goes along in {wrong[0]}"
        return Verdict("token", Outcome.NOTE, words, set_up)
    return Verdict("token", Outcome.GOOD, "the local token")
