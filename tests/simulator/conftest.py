"""Fixtures and requests of the simulator's tests."""

from __future__ import annotations

from support.provider import provider, start_provider

__all__ = ["provider", "start_provider"]
