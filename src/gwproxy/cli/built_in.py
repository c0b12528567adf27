"""The provider inside gwproxy, running for as long as a command needs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from gwproxy.profiles.profile import Profile


@asynccontextmanager
async def with_address(profile: Profile) -> AsyncIterator[Profile]:
    """`profile` as it is, or with the address of the built-in provider, which then runs."""
    if not profile.is_built_in:
        yield profile
        return
    from gwproxy import simulator

    async with await simulator.serve() as provider:
        yield replace(profile, anthropic_url=provider.anthropic_url, openai_url=provider.openai_url)
