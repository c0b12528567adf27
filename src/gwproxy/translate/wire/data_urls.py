"""Images and documents inside a body: `data:TYPE;base64,DATA`, both ways, and bare base64."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from gwproxy.translate.hub import Media
from gwproxy.translate.wire.fields import Malformed

_PDF: Final = "application/pdf"
_PDF_IN_BASE64: Final = "JVBERi0"


def data_url(media: Media) -> str:
    """The data URL of an image or document that holds its own data."""
    default = "image/png" if media.kind == "image" else _PDF
    return f"data:{media.media_type or default};base64,{media.data}"


def split_data_url(url: str, path: str) -> tuple[str | None, str]:
    """The media type that a data URL declares, or None, and its base64. Raises Malformed."""
    head, comma, data = url.removeprefix("data:").partition(",")
    if not comma or not head.endswith(";base64"):
        raise Malformed(path, "expected a base64 data URL")
    media_type = head.partition(";")[0].strip().lower()
    return media_type.replace("image/jpg", "image/jpeg") or None, data


def read_document(given: str, name: str | None, path: str) -> Media:
    """A document that came as a data URL or as bare base64; one of text is decoded. Clients label
    PDFs carelessly. Raises Malformed."""
    declared, data = split_data_url(given, path) if given.startswith("data:") else (None, given)
    kind = _PDF if data.startswith(_PDF_IN_BASE64) else declared
    if kind is not None and not kind.startswith("text/"):
        return Media("document", "base64", data, kind, name)
    try:
        text = base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        if kind is not None:
            raise Malformed(path, "expected base64 of UTF-8 text") from None
        return Media("document", "base64", data, None, name)
    return Media("document", "text", text, "text/plain", name)  # the one type that all hosts know
