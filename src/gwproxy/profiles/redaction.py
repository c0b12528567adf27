"""Taking secrets out of text that a person or a log will see.

Pure. Whoever knows the secret in play passes it; the shapes of the keys that the presets name
are taken out as well, for a text that comes from somewhere else. This is the second wall: the
first is not to put a secret into a text at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "[masked]"

# sk-… (OpenAI, Moonshot, kimi-k25), sk-kimi-…, sk-ant-…, cc_user_… (Claude gateways)
_KEY_SHAPES: Final = re.compile(r"\b(?:sk-|cc_user_)[A-Za-z0-9_\-]{6,}")

# What stands behind the name of a header or variable for keys: as a header line, an assignment, or
# JSON, also JSON inside JSON. The key itself has no backslash: that belongs to the quote behind it.
_NAMED_KEYS: Final = re.compile(
    r"((?i:bearer +|(?:x-api-key|anthropic-auth-token)\\*[\"']?[:=] ?\\*[\"']?)"
    r"|[A-Z](?:_API_KEY|_AUTH_TOKEN)=\\*[\"']?)"
    r"[^\s\"'\\,;]{6,}"
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with every one of `secrets`, and whatever looks like a key, replaced by MASK."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return _NAMED_KEYS.sub(rf"\1{MASK}", _KEY_SHAPES.sub(MASK, text))
