"""The carrier of sealed reasoning through a client that cannot name it.

A client returns a thinking block's `signature` (or a reasoning item's `encrypted_content`) as it
got it and never reads it. There we put who made the reasoning and what its maker wants back: an
envelope, `gw1.` and base64url of a small JSON object. What comes back without our mark is a
foreign signature and stays one.

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
_BEGUN: Final = b'"' + MARK.encode()
# As the value of a member: quotes inside texts are escaped, so a quotation of one is no match.
_CARRIED: Final = re.compile(rb":\s*" + re.escape(_BEGUN))
# A thousand lines of thought; beyond this the client's history would carry more seal than text.
MAX_BYTES: Final = 256 * 1024
_DEFLATE_ABOVE_BYTES: Final = 1024


class _Envelope(Struct, omit_defaults=True):
    u: str
    k: Literal["signature", "redacted", "encrypted", "text"]
    d: str = ""
    i: str = ""
    t: str | None = None


_decode: Final = jsonio.decoder(_Envelope)


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
    if len(data) > _DEFLATE_ABOVE_BYTES:
        packed = zlib.compress(data, 6)
        return MARK + "z" + base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return MARK + base64.urlsafe_b64encode(data).decode().rstrip("=")


def is_in(body: bytes) -> bool:
    """Whether a JSON text carries an envelope."""
    return _BEGUN in body and _CARRIED.search(body) is not None


def unwrap(carried: str) -> Opened | None:
    """The opened envelope, or None for anything that is not a whole one of ours."""
    if not carried.startswith(MARK) or len(carried) > 2 * MAX_BYTES:
        return None
    payload = carried[len(MARK) :]
    deflated = payload.startswith("z")
    payload = payload.removeprefix("z")
    try:
        data = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True)
        if deflated:
            unpacking = zlib.decompressobj()
            data = unpacking.decompress(data, MAX_BYTES)
            if unpacking.unconsumed_tail:
                return None
        envelope = _decode(data)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return Opened(Seal(envelope.u, envelope.k, envelope.d, envelope.i or None), envelope.t)
