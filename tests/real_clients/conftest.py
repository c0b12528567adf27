"""Fixtures of the tests with real clients: the stage, and the gateway in the test's process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from gwproxy.simulator.conversation import Conversation
from gwproxy.simulator.play import converse
from real_clients.isolation import leave_the_network
from real_clients.processes import Gateway
from real_clients.stage import KEY, KEY_VARIABLE, PROFILE, SetStage, Stage
from support.gateway import start_gateway
from support.provider import StartProvider, start_provider
from support.upstreams import Upstream

__all__ = ["start_gateway", "start_provider"]


@pytest.fixture(scope="session")
def network() -> Mapping[str, str]:
    """What keeps clients off the network; see `isolation`."""
    return leave_the_network()


@pytest.fixture
async def set_stage(
    network: Mapping[str, str], tmp_path: Path, start_provider: StartProvider
) -> AsyncIterator[SetStage]:
    """A function that sets the stage for one kind of provider."""
    gateways: list[Gateway] = []

    async def set_up(upstream: Upstream, conversation: Conversation = converse) -> Stage:
        provider = await start_provider(upstream.manners, conversation, key=KEY)
        gateway = Gateway(tmp_path, {KEY_VARIABLE: KEY})
        gateways.append(gateway)
        gateway.command(
            *("profile", "add", PROFILE, "--key-env", KEY_VARIABLE),
            *upstream.flags(provider),
        )
        await gateway.start()
        home, work = tmp_path / "home", tmp_path / "work"
        home.mkdir()
        work.mkdir()
        return Stage(upstream, provider, gateway, home, work, network)

    yield set_up
    for gateway in gateways:
        await gateway.stop()
