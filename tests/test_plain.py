"""What is shown of texts from outside."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.plain import harmless, json_text, one_line


def steers(char: str) -> bool:
    if unicodedata.category(char) in ("Cc", "Zl", "Zp"):
        return True
    name = unicodedata.name(char, "")
    return name.startswith(("LEFT-TO-RIGHT ", "RIGHT-TO-LEFT ", "POP DIRECTIONAL")) or name in (
        "ARABIC LETTER MARK",
        "FIRST STRONG ISOLATE",
    )


EVERYTHING = "".join(map(chr, range(0x3000)))


def test_nothing_that_steers_is_left_and_nothing_else_is_lost() -> None:
    for char in EVERYTHING:
        text = f"a{char}b"
        assert one_line(text) == ("a b" if steers(char) else text), ascii(char)
        kept = char in "\n\t" or not steers(char)
        assert harmless(text) == (text if kept else "a b"), ascii(char)


@given(st.text())
def test_json_tells_a_machine_everything_and_a_terminal_nothing(text: str) -> None:
    told = json_text({"x": text})
    assert json.loads(told) == {"x": text}
    assert not any(map(steers, told))


@pytest.mark.parametrize("text", ["👩‍👩‍👧 café 漢字", "שלום", "a\tb\nc"])
def test_what_people_write_stays(text: str) -> None:
    assert harmless(text) == text
