"""The official JavaScript SDKs, in node, through the gateway, against every kind of provider.

The same conversation is held in whole answers and streamed, and what the SDKs' accumulators make
of the streams must be what the whole answers say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from gwproxy.simulator.conversation import DialectName
from real_clients.installed import JS_SDKS, PROGRAMS, needs
from real_clients.processes import run_limited
from real_clients.weather import CALLS, MODEL, PROMPT, TEXTS
from support.gateway import KEY, TOKEN, StartGateway
from support.provider import StartProvider
from support.upstreams import EVERY_UPSTREAM

pytestmark = [pytest.mark.clients, needs("node")]

SCRIPT: Final = Path(__file__).with_name("js_sdks.mjs")
DIALECTS: Final[tuple[DialectName, ...]] = ("anthropic", "chat", "responses")
LIMIT_S: Final = 60


async def talk(
    url: str, dialect: DialectName, *, streamed: bool, network: Mapping[str, str], folder: Path
) -> Any:
    question = {
        "base": url,
        "token": TOKEN,
        "model": MODEL,
        "prompt": PROMPT,
        "dialect": dialect,
        "streamed": streamed,
    }
    ran = await run_limited(
        [str(PROGRAMS / "node"), str(SCRIPT), str(JS_SDKS)],
        environment={"PATH": "/usr/bin:/bin", "HOME": str(folder), **network},
        folder=folder,
        limit_s=LIMIT_S,
        stdin=json.dumps(question),
    )
    assert ran.code == 0, ran.stderr
    return list(json.loads(ran.stdout))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("upstream", EVERY_UPSTREAM)
async def test_streams_add_up_to_whole_answers(
    network: Mapping[str, str],
    start_gateway: StartGateway,
    start_provider: StartProvider,
    tmp_path: Path,
    upstream: str,
    dialect: DialectName,
) -> None:
    kind = EVERY_UPSTREAM[upstream]
    heard = {}
    for streamed in (False, True):
        provider = await start_provider(kind.manners, key=KEY)
        gateway = await start_gateway({"p": kind.record(provider)})
        turns = await talk(
            gateway.url, dialect, streamed=streamed, network=network, folder=tmp_path
        )
        assert [turn["calls"] for turn in turns] == CALLS
        assert tuple(turn["text"] for turn in turns) == TEXTS
        assert len(provider.requests) == provider.billed == len(CALLS)
        heard[streamed] = turns
    if (upstream, dialect) == ("always-streams", "chat"):
        # Who does not ask for a stream cannot ask for its usage, and gets a stream without it.
        for turn in heard[True]:
            turn["usage"] = None
    assert heard[True] == heard[False]
