"""Fixtures of the inspector's tests: a gateway, providers behind it, and a browser before it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.browser import Tab, chromium, tab_of
from support.gateway import StartGateway, gateway, start, start_gateway, upstream
from support.provider import provider, start_provider
from support.scripted import start_scripted

__all__ = ["chromium", "gateway", "provider", "start", "start_gateway"]
__all__ += ["start_provider", "start_scripted", "upstream"]


@pytest.fixture
async def tab(chromium: str, start_gateway: StartGateway) -> AsyncIterator[Tab]:
    """A page in a browser, which is closed before the gateways that it looks at."""
    async with tab_of(chromium) as page:
        yield page
