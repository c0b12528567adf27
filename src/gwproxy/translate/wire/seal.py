"""Envelopes that carry an upstream's sealed reasoning, and summaries, through a client.

A client returns a thinking block's `signature` (or a reasoning item's `encrypted_content`) as it
got it and never reads it. There we put who made the reasoning and what its maker wants back: an
envelope, `gw1.` and base64url of a small JSON object. What comes back without our mark is a
foreign signature and stays one. A summary of a conversation, which a client keeps in its place, has
an envelope of its own, `gwc1:`: nobody's secret, so that any upstream may read it.

The envelope is untrusted input when it returns: size-capped, shape-checked, never executed.
Precedents: raine/claude-code-proxy#52, diegosouzapw/OmniRoute#9498.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Final, Literal

from msgspec import Struct

from gwproxy.translate.hub import Seal
from gwproxy.translate.wire import jsonio

MARK: Final = "gw1."
SUMMARY_MARK: Final = "gwc1:"
# As the value of a member: quotes inside texts are escaped, so a quotation of one is no match.
_CARRIED: Final = re.compile(rb':\s*"(?:gw1\.|gwc1:)')
# A thousand lines of thought; beyond this the client's history would carry more seal than text.
MAX_BYTES: Final = 256 * 1024
# No answer is as long; what unpacks to more is not ours.
_MAX_SUMMARY_BYTES: Final = 4 * 1024 * 1024
_DEFLATE_ABOVE_BYTES: Final = 1024


class _Envelope(Struct, omit_defaults=True):
    u: str
    k: Literal["signature", "redacted", "encrypted", "text", "members"]
    d: str = ""
    i: str = ""
    t: str | None = None


class _Summary(Struct):
    t: str


_decode: Final = jsonio.decoder(_Envelope)
_decode_summary: Final = jsonio.decoder(_Summary)


class Opened(Struct, frozen=True):
    """An opened envelope: the seal, and the reasoning text if the client was not to see it."""

    seal: Seal
    text: str | None


def wrap(seal: Seal, text: str | None = None) -> str:
    """`seal` as one opaque string; `text` goes inside when the client must not see it.

    A text too long for `MAX_BYTES` is left out: the reasoning is then lost to the next turn, which
    is a degradation and no error.
    """
    envelope = _Envelope(seal.family, seal.kind, seal.data, seal.item_id or "", text)
    data = jsonio.dumps(envelope)
    if len(data) > MAX_BYTES:
        data = jsonio.dumps(_Envelope(seal.family, "text"))
    return MARK + _packed(data)


def wrap_summary(text: str) -> str:
    """A summary as one opaque string."""
    return SUMMARY_MARK + _packed(jsonio.dumps(_Summary(text)))


def _packed(data: bytes) -> str:
    deflated = len(data) > _DEFLATE_ABOVE_BYTES
    packed = zlib.compress(data, 6) if deflated else data
    return "z" * deflated + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def is_in(body: bytes) -> bool:
    """Whether an envelope of ours is anywhere in a JSON text."""
    begun = b'"gw1.' in body or b'"gwc1:' in body
    return begun and _CARRIED.search(body) is not None


def unwrap(carried: str) -> Opened | None:
    """The opened envelope, or None for anything that is not a whole one of ours."""
    if not carried.startswith(MARK) or len(carried) > 2 * MAX_BYTES:
        return None
    try:
        envelope = _decode(_unpacked(carried[len(MARK) :], MAX_BYTES))
    except (binascii.Error, ValueError, zlib.error):
        return None
    return Opened(Seal(envelope.u, envelope.k, envelope.d, envelope.i or None), envelope.t)


def unwrap_summary(carried: str) -> str | None:
    """The summary in an envelope; None for anything that is not a whole one of ours."""
    if not carried.startswith(SUMMARY_MARK) or len(carried) > _MAX_SUMMARY_BYTES:
        return None
    try:
        return _decode_summary(_unpacked(carried[len(SUMMARY_MARK) :], _MAX_SUMMARY_BYTES)).t
    except (binascii.Error, ValueError, zlib.error):
        return None


def _unpacked(payload: str, most_bytes: int) -> bytes:
    """The bytes in an envelope's payload. Raises ValueError and zlib.error."""
    deflated = payload.startswith("z")
    payload = payload.removeprefix("z")
    data = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True)
    if not deflated:
        return data
    unpacking = zlib.decompressobj()
    data = unpacking.decompress(data, most_bytes)
    if unpacking.unconsumed_tail:
        raise ValueError("more than an envelope of ours holds")
    return data
