"""Text from outside that is shown to a person: shown, not obeyed.

A provider's words, a client's name or a line of a file may hold what steers a terminal, forges a
line of the log or turns its letters round (CVE-2021-42574). Everything that goes to a terminal, the
log or into JSON for one passes here, once.
"""

from __future__ import annotations

import json
import re
from typing import Final

# DEL, C1, the line separators of Unicode, and what changes the direction of writing. A joiner
# (U+200D) is no harm: many emoji have one.
_STEERING: Final = "\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_HARMFUL: Final = re.compile(f"[\x00-\x08\x0b-\x1f{_STEERING}]+")
_NOT_OF_A_LINE: Final = re.compile(f"[\x00-\x1f{_STEERING}]+")
_NOT_OF_JSON: Final = re.compile(f"[{_STEERING}]")


def harmless(text: str) -> str:
    """`text` in its lines, with a blank for whatever steers a terminal."""
    return _HARMFUL.sub(" ", text)


def one_line(text: str) -> str:
    """The same in one line."""
    return _NOT_OF_A_LINE.sub(" ", text)


def json_text(value: object, *, indent: int | None = None) -> str:
    """`value` as JSON that can be read by a person too; what steers a terminal is escaped, so that
    a machine loses nothing."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _NOT_OF_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
