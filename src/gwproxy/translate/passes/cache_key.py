"""The `prompt_cache_key` of a conversation; one that changes from turn to turn costs the cache
(https://platform.openai.com/docs/guides/prompt-caching).
"""

from __future__ import annotations

import hashlib
from typing import Final

from gwproxy.translate.hub import Request

_CHARACTERS: Final = 32


def cache_key(request: Request) -> str:
    """The client's own key, or a digest of its session or of what stays the same in every turn."""
    identity = request.identity
    return identity.cache_key or digest(identity.session or _opening(request))[:_CHARACTERS]


def _opening(request: Request) -> str:
    first = request.turns[0].blocks if request.turns else ()
    return repr((first, [tool.name for tool in request.tools]))


def digest(text: str) -> str:
    """The SHA-256 of `text` in hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
