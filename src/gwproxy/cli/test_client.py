"""`gwproxy test --client claude-code`: the way that the tool is really set up to go.

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
from gwproxy.clients.effective import Effective, claude_code_now
from gwproxy.profiles.endpoints import is_loopback
from gwproxy.profiles.local_token import local_token
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.probe import GatewayProbe, Outcome, Verdict
from gwproxy.proxy.upstream import Upstream

if TYPE_CHECKING:
    from gwproxy.profiles.secret import Secret

_SETUP = "gwproxy setup claude-code"


async def check_client(output: Output, *, ask: bool) -> list[Verdict]:
    """The verdicts on Claude Code's configuration, shown as they come."""
    if ask:
        output.talk("claude-code: at most 1 tiny question, which the provider may bill")
    now = claude_code_now(places_of(None))
    upstream = Upstream(Limits())
    verdicts = []
    try:
        with checklist(output) as shown:
            async for verdict in _verdicts(now, upstream, local_token(), ask=ask):
                verdicts.append(verdict)
                shown.show(verdict)
    finally:
        await upstream.close()
    return verdicts


async def _verdicts(
    now: Effective, upstream: Upstream, token: Secret, *, ask: bool
) -> AsyncIterator[Verdict]:
    for file in now.unreadable:
        yield Verdict("settings", Outcome.BAD, f"{file} cannot be parsed", f"mend {file}")
    base = now.base_url
    parts = urlsplit(base.value)
    if not is_loopback(parts.hostname or ""):
        words = f"Claude Code goes to {parts.hostname} ({base.source}), not through gwproxy"
        yield Verdict("address", Outcome.BAD, words, _SETUP)
        return
    yield Verdict("address", Outcome.GOOD, f"{base.value} ({base.source})")
    secret = _secret_verdict(now, token)
    yield secret
    gateway = GatewayProbe(upstream, f"{parts.scheme}://{parts.netloc}", token)
    alive = await gateway.alive()
    if alive.outcome is not Outcome.GOOD:
        yield Verdict("gateway", Outcome.BAD, alive.words, alive.hint)
        return
    yield alive
    if ask and secret.outcome is not Outcome.BAD:
        credential = now.credential() or {"authorization": f"Bearer {token.reveal()}"}
        yield await gateway.question(base.value.rstrip("/"), now.model, credential)


def _secret_verdict(now: Effective, token: Secret) -> Verdict:
    """Whether what it presents is the local token, and nothing else goes along with it."""
    presented = now.credential()
    if now.helper is not None:
        # Not run here: it is the person's command, and `gwproxy token` is checked as such.
        words = f"comes from the helper {now.helper.value!r} ({now.helper.source})"
        if presented:
            words += ", and a variable adds another one"
            return Verdict("token", Outcome.NOTE, words, _SETUP)
        return Verdict("token", Outcome.GOOD, words)
    if not presented:
        return Verdict("token", Outcome.BAD, "Claude Code presents none", _SETUP)
    wrong = [
        name for name, value in presented.items() if value.removeprefix("Bearer ") != token.reveal()
    ]
    if len(wrong) == len(presented):
        words = f"what it presents ({' and '.join(wrong)}) is not the local token"
        return Verdict("token", Outcome.BAD, words, _SETUP)
    if wrong:
        words = f"the local token, but another secret goes along in {wrong[0]}"
        return Verdict("token", Outcome.NOTE, words, _SETUP)
    return Verdict("token", Outcome.GOOD, "the local token")
