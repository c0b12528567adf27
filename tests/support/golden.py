"""Golden files: the expected output stands beside its input, and one listing shows both.

`UPDATE_GOLDEN=1 pytest …` writes what the code says today; read the diff before it is committed.
Where CI is set nothing is ever written.
"""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures"


def agrees(path: Path, actual: str) -> None:
    """Asserts that `actual` is what `path` holds; or makes it so, when asked to."""
    if os.environ.get("UPDATE_GOLDEN") and not os.environ.get("CI"):
        path.write_text(actual, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing: write it with UPDATE_GOLDEN=1, then read it"
    expected = path.read_text(encoding="utf-8")
    lines = difflib.unified_diff(
        expected.splitlines(), actual.splitlines(), path.name, "today", lineterm="", n=1
    )
    assert actual == expected, "\n" + "\n".join(lines)


def readable(body: bytes) -> str:
    """A JSON body as a person reads it, members in their order."""
    return json.dumps(json.loads(body), indent=1, ensure_ascii=False) + "\n"
