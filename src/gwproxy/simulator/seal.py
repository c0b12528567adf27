"""Reasoning as only its provider can vouch for it: signatures and sealed text. Pure.

A simulated seal is no secret, it only has to be recognisable: a signature that comes back on
other words, or a sealed text of another provider, must be noticed.
"""

from __future__ import annotations

import base64
import hashlib

MARK = b"simulated:"


def signature(thinking: str) -> str:
    """The signature of a thinking block: a digest of its text."""
    digest = hashlib.sha256(MARK + thinking.encode("utf-8", "replace"))
    return base64.b64encode(digest.digest()).decode()


def sealed(thinking: str) -> str:
    """The reasoning in the form of an `encrypted_content`."""
    return base64.b64encode(MARK + thinking.encode("utf-8", "replace")).decode()


def unsealed(content: object) -> str | None:
    """The reasoning in an `encrypted_content`, or None where it is not one of ours."""
    if not isinstance(content, str):
        return None
    try:
        opened = base64.b64decode(content, validate=True)
    except ValueError:
        return None
    if not opened.startswith(MARK):
        return None
    return opened.removeprefix(MARK).decode("utf-8", "replace")
