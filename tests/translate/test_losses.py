"""The loss header: said once, in order, printable, bounded."""

from __future__ import annotations

from gwproxy.translate.losses import MAX_HEADER_BYTES, Losses


def test_each_loss_is_said_once_and_in_order() -> None:
    losses = Losses()
    losses.drop("seed")
    losses.clamp("temperature", 1)
    losses.drop("seed")
    assert losses.header() == "drop:seed, clamp:temperature=1"
    assert "drop:seed" in losses


def test_the_header_is_printable_and_bounded() -> None:
    losses = Losses()
    losses.drop("evil\r\nx-injected: 1, é")
    for number in range(500):
        losses.drop(f"field{number}")
    header = losses.header()
    assert header.isprintable()
    assert header.isascii()
    assert len(header) <= MAX_HEADER_BYTES + 10
    assert header.endswith("more")
