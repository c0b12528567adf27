"""Fixtures of the gateway's tests: a gateway, and providers to put behind it."""

from __future__ import annotations

from support.gateway import start_gateway
from support.provider import provider, start_provider
from support.scripted import start_scripted

__all__ = ["provider", "start_gateway", "start_provider", "start_scripted"]
