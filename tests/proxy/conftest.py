"""Fixtures of the gateway's tests: a gateway, and providers to put behind it."""

from __future__ import annotations

from support.gateway import gateway, start, start_gateway, upstream
from support.provider import provider, start_provider
from support.scripted import start_scripted

__all__ = ["gateway", "provider", "start", "start_gateway"]
__all__ += ["start_provider", "start_scripted", "upstream"]
