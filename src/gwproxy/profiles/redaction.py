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

# The key itself has no backslash: in JSON that belongs to the quote behind it.
_VALUE: Final = r"[^\s\"'\\,;]{6,}"
# What may stand between a name and its key: in a header line, an assignment, JSON, JSON in JSON.
_BETWEEN: Final = r"\\*[\"']?[:=] ?\\*[\"']?"


def _any_case(word: str) -> str:
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in word)


# One after the other, each beginning with a letter or two that can be searched for: as one pattern
# they take ten times as long, and whole exchanges go through here.
_KEYS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # sk-… (OpenAI, Moonshot, kimi-k25), sk-kimi-…, sk-ant-…, cc_user_… (Claude gateways)
        r"()sk-(?<!\wsk-)[A-Za-z0-9_\-]{6,}",
        r"()cc_user_(?<!\wcc_user_)[A-Za-z0-9_\-]{6,}",
        # an Authorization header, and the vendors' own
        rf"({_any_case('bearer')} +){_VALUE}",
        rf"({_any_case('x-api-key')}{_BETWEEN}){_VALUE}",
        rf"({_any_case('anthropic-auth-token')}{_BETWEEN}){_VALUE}",
        # variables, as a shell exports them
        rf"(_API_KEY=(?<=[A-Z]_API_KEY=)\\*[\"']?){_VALUE}",
        rf"(_AUTH_TOKEN=(?<=[A-Z]_AUTH_TOKEN=)\\*[\"']?){_VALUE}",
    )
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with every one of `secrets`, and whatever looks like a key, replaced by MASK."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    for shape in _KEYS:
        text = shape.sub(rf"\1{MASK}", text)
    return text
