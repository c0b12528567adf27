"""The name by which a host finds the prompt cache of a conversation again: a key that changes from
turn to turn costs the cache (https://platform.openai.com/docs/guides/prompt-caching).
"""

from __future__ import annotations

import hashlib
from typing import Final

from gwproxy.translate.hub import Request

_CHARACTERS: Final = 32


def cache_key(request: Request) -> str:
    """What the client calls it, or a digest of what stays the same from one turn to the next."""
    identity = request.identity
    return identity.cache_key or digest(identity.session or _opening(request))[:_CHARACTERS]


def _opening(request: Request) -> str:
    first = request.turns[0].blocks if request.turns else ()
    return repr((first, [tool.name for tool in request.tools]))


def digest(text: str) -> str:
    """Letters and digits that stand for `text` and do not tell it."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
