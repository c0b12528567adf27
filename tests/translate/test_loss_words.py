"""Each loss is said in words, whatever it is about."""

from __future__ import annotations

import inspect

import pytest

from gwproxy.translate import loss_words
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ("drop:top_k", "top_k was left out"),
        ("clamp:temperature=1", "temperature went as 1"),
        ("raise:max_tokens=16000", "max_tokens was raised to 16000"),
        ("emu:stop", "gwproxy does stop itself"),
        ("drop:tools[].x=y", "tools[].x=y was left out"),
        ("new:thing", "new:thing"),
        ("more", "more"),
    ],
)
def test_a_loss_in_words(loss: str, words: str) -> None:
    assert loss_words.in_words(loss) == words


def test_every_code_has_words() -> None:
    losses = Losses()
    for name, method in inspect.getmembers(Losses, inspect.isfunction):
        taken = list(inspect.signature(method).parameters)[1:]
        if not name.startswith("_") and taken and name not in ("also", "back_to"):
            method(losses, *["x", "2"][: len(taken)])
    codes = {loss.partition(":")[0] for loss in losses}
    assert codes == set(loss_words.CODES)
    for loss in losses:
        assert not loss_words.in_words(loss).startswith(loss.partition(":")[0] + ":")


def test_the_gist_names_what_was_left_out_once() -> None:
    losses = ("drop:top_k", "clamp:max_tokens=1", "drop:user")
    assert loss_words.gist(losses) == "left out: top_k, user; max_tokens went as 1"
    assert loss_words.gist(()) == ""
    assert loss_words.gist((*losses, "new:thing"), codes=True) == (
        "left out (drop): top_k, user; max_tokens went as 1 (clamp); new:thing"
    )


def test_a_gist_where_there_is_no_room() -> None:
    assert loss_words.gist_by_number(("drop:a", "emu:b", "drop:c")) == "3 not as sent"
    assert loss_words.gist_by_number(("drop:a", "drop:c")) == "2 left out"
    assert loss_words.gist_by_number(("emu:b",)) == "1 changed"
    assert loss_words.gist_by_number(()) == ""


def test_the_usual_reason_is_that_of_the_last_word() -> None:
    assert loss_words.reason("drop:top_k") == loss_words.reason("drop:metadata.top_k") != ""
    assert loss_words.reason("drop:nobody.knows") == ""


def test_the_quirks_that_may_be_why_are_quirks() -> None:
    for names in loss_words._QUIRKS.values():
        assert names
        for name in names:
            assert hasattr(Quirks(), name)
    assert loss_words.quirks_behind("clamp:temperature=1") == ("sampling",)
    assert loss_words.quirks_behind("heal:tool_media=false") == ("tool_media",)
    assert loss_words.quirks_behind("drop:never_heard_of") == ()
