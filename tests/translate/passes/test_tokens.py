"""The local estimate: everything counts, nothing counts absurdly."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gwproxy.translate.hub import Call, Media, Request, Result, Text, Tool, Turn
from gwproxy.translate.passes import tokens


def png(width: int, height: int) -> str:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )
    return base64.b64encode(data).decode()


def asking(*blocks: object, **fields: object) -> Request:
    request = Request("m", (Turn("user", blocks),))  # type: ignore[arg-type]
    return structs.replace(request, **fields)


# Counts of these texts by the vendors' public tokenizers, rounded; the estimate is held to ±35 %.
@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 20, 200),
        ("def add(a: int, b: int) -> int:\n    return a + b\n" * 20, 380),
        ("敏捷的棕色狐狸跳过了懒狗。" * 20, 260),
    ],
)
def test_the_estimate_is_near(text: str, real: int) -> None:
    assert tokens.of_text(text) == pytest.approx(real, rel=0.35)


def test_tools_results_and_calls_count() -> None:
    small = tokens.estimate(asking(Text("hi")))
    tool = Tool("search", description="d" * 400, schema='{"type":"object"}' * 50)
    assert tokens.estimate(asking(Text("hi"), tools=(tool,) * 20)) > small + 20 * 250
    assert tokens.estimate(asking(Text("hi"), Result("c", (Text("x" * 4000),)))) > small + 900
    assert tokens.estimate(asking(Text("hi"), Call("c", "f", "x" * 4000))) > small + 900


def test_images_count_by_pixels_and_never_by_base64() -> None:
    def image(data: str) -> int:
        return tokens.estimate(asking(Media("image", "base64", data, "image/png")))

    assert image(png(300, 250)) == pytest.approx(100 + 8, abs=5)
    assert image(png(5000, 5000)) < 1700
    assert image("A" * 4_000_000) < 1700


@given(st.lists(st.text(max_size=50), max_size=5), st.text(max_size=50))
def test_more_text_never_costs_less(texts: list[str], more: str) -> None:
    blocks = [Text(text) for text in texts]
    assert tokens.estimate(asking(*blocks, Text(more))) >= tokens.estimate(asking(*blocks))


def test_calibration_follows_the_upstream_and_ignores_nonsense() -> None:
    factor = 1.0
    for _ in range(40):
        factor = tokens.calibrated(factor, 1000, 1300)
    assert factor == pytest.approx(1.3, rel=0.01)
    assert tokens.calibrated(factor, 1000, 5) == factor
    assert tokens.calibrated(factor, 0, 100) == factor
