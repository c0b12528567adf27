"""Images and documents as the upstream can take them."""

from __future__ import annotations

from typing import Any

import pytest

from gwproxy.translate.hub import Block, Dialect, Media, Request, Result, Text, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes import media
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from gwproxy.translate.wire.fields import Unsupported
from support.conversations import PNG

IMAGE = Media("image", "base64", PNG, "image/png")
BY_URL = Media("image", "url", "https://example.com/x.png")
PDF = Media("document", "base64", "JVBERi0xLjQK", "application/pdf", name="r.pdf")
NOTES = Media("document", "text", "plain", "text/plain", name="n.txt", context="Read this.")
SVG = Media("image", "base64", "PHN2Zy8+", "image/svg+xml")


def asked(*blocks: Block) -> Request:
    return Request("kimi-k2.5", (Turn("user", blocks),))


def shown(*blocks: Block) -> Request:
    return asked(Result("a", blocks))


def fitted(request: Request, upstream: Dialect = Dialect.CHAT, **flags: Any) -> Any:
    losses = Losses()
    return media.fit_media(request, FACTS[upstream], Quirks(**flags), losses), list(losses)


@pytest.mark.parametrize(
    ("block", "flags", "words"),
    [
        (IMAGE, {"vision": False}, "image input not supported by kimi-k2.5"),
        (BY_URL, {"image_urls": False}, "images by URL are not supported by kimi-k2.5"),
        (SVG, {}, "images of type image/svg"),
        (
            PDF,
            {"documents": False},
            "document input not supported by kimi-k2.5: it is known not to",
        ),
        (Media("image", "file", "f"), {}, "images by file id are not supported by kimi-k2.5"),
        (
            Media("document", "file", "f"),
            {"documents": True},
            "documents by URL or file id are not supported by kimi-k2.5",
        ),
    ],
    ids=["no vision", "address", "type", "document", "image's id", "document's id"],
)
def test_what_a_person_shows_is_refused_and_what_a_tool_shows_is_noted(
    block: Media, flags: dict[str, Any], words: str
) -> None:
    with pytest.raises(Unsupported, match=words):
        fitted(asked(Text("Look"), block), **flags)
    out, losses = fitted(shown(Text("1"), block), **flags)
    (result,) = out.turns[0].blocks
    assert result.blocks[0] == Text("1")
    assert words in result.blocks[1].text
    assert losses == [f"drop:messages.{block.kind}"]


@pytest.mark.parametrize("upstream", list(FACTS))
@pytest.mark.parametrize("block", [IMAGE, PDF])
def test_what_an_answer_showed_is_a_line_and_named(upstream: Dialect, block: Media) -> None:
    turns = (Turn("user", (Text("a"),)), Turn("assistant", (Text("b"), block)))
    out, losses = fitted(Request("m", (*turns, turns[0])), upstream)
    text, line = out.turns[1].blocks
    assert text == Text("b")
    assert "left out: it was part of an answer" in line.text
    assert losses == [f"drop:messages.{block.kind}"]


def test_what_was_shown_before_the_latest_answer_is_noted_and_ends_no_session() -> None:
    """It was refused when it was new, or another model has seen it."""
    answer, more = Turn("assistant", (Text("a PDF"),)), Turn("user", (Text("go on"),))
    begun = Turn("assistant", (Text("{"),))
    refuses: dict[str, Any] = {"documents": False}
    out, losses = fitted(Request("m", (*asked(PDF).turns, answer, more)), **refuses)
    assert out.turns[0].blocks[0].text.startswith("[document r.pdf left out: document input not")
    assert (out.turns[1:], losses) == ((answer, more), ["drop:messages.document"])
    for later in ((), (begun,)):
        with pytest.raises(Unsupported, match="document input"):
            fitted(Request("m", (more, answer, *asked(PDF).turns, *later)), **refuses)


WORD = Media("document", "base64", "0M8R", "application/msword")
SOUND = Media("audio", "base64", "AAAA", "audio/wav")
BY_ID = Media("image", "file", "f")


@pytest.mark.parametrize(
    ("block", "takes", "refuses"),
    [
        (SOUND, [Dialect.CHAT], [Dialect.ANTHROPIC, Dialect.RESPONSES]),
        (BY_ID, [Dialect.RESPONSES], [Dialect.CHAT, Dialect.ANTHROPIC]),
        (WORD, [Dialect.CHAT, Dialect.RESPONSES], [Dialect.ANTHROPIC]),
    ],
)
def test_what_a_dialect_has_no_part_for(
    block: Media, takes: list[Dialect], refuses: list[Dialect]
) -> None:
    for upstream in takes:
        request = asked(block)
        assert fitted(request, upstream, documents=True)[0] is request
    for upstream in refuses:
        with pytest.raises(Unsupported, match="not supported"):
            fitted(asked(block), upstream, tool_extras=False)
    request = asked(BY_ID)
    assert fitted(request, Dialect.ANTHROPIC, tool_extras=True)[0] is request


def test_what_the_host_takes_stays() -> None:
    request = asked(IMAGE, BY_URL, PDF)
    assert fitted(request, documents=True)[0] is request


def test_what_nobody_knows_to_be_refused_stays() -> None:
    request = asked(PDF)
    for upstream in (Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES):
        assert fitted(request, upstream)[0] is request


@pytest.mark.parametrize(
    ("block", "quirk", "acted_upon"),
    [
        (PDF, "documents", "does not support PDF input"),
        (IMAGE, "vision", "could not process image"),
        (BY_URL, "image_urls", ""),
    ],
    ids=["document", "image", "address"],
)
def test_a_refusal_names_the_setting_that_lifts_it_in_words_that_claude_code_acts_upon(
    block: Media, quirk: str, acted_upon: str
) -> None:
    refuses: dict[str, Any] = {quirk: False}
    takes: dict[str, Any] = {quirk: True}
    with pytest.raises(Unsupported) as refused:
        fitted(asked(block), **refuses)
    assert acted_upon in refused.value.why
    assert refused.value.quirk == f"{quirk}=true"
    assert fitted(asked(block), **takes)[0].turns[0].blocks == (block,)


def test_what_stands_beside_a_result_is_the_tools_and_ends_no_session() -> None:
    """An older Claude Code puts a PDF that it has read there."""
    out, losses = fitted(asked(Result("a", (Text("read"),)), PDF), documents=False)
    assert out.turns[0].blocks[1].text.startswith("[document r.pdf left out: ")
    assert losses == ["drop:messages.document"]


def test_a_text_document_is_text_where_there_are_no_documents() -> None:
    out, losses = fitted(asked(NOTES), Dialect.ANTHROPIC, documents=False)
    said = '<document title="n.txt">\nRead this.\nplain\n</document>'
    assert out.turns[0].blocks == (Text(said),)
    assert losses == ["emu:messages.document"]
    request = asked(NOTES)
    assert fitted(request, Dialect.ANTHROPIC, documents=True)[0] is request


def test_an_image_has_the_type_of_its_data() -> None:
    wrong = Media("image", "base64", PNG, "image/jpeg")
    out, losses = fitted(asked(wrong))
    assert out.turns[0].blocks == (IMAGE,)
    assert losses == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        ("/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA==", "image/jpeg"),
        ("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAE=", "image/gif"),
        ("UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAE=", "image/webp"),
        ("PHN2Zy8+", None),
        ("!", None),
    ],
)
def test_types_are_told_by_their_first_bytes(data: str, kind: str | None) -> None:
    assert media.sniffed(data) == kind


# --- fetched by the shell ------------------------------------------------------------------------


def test_addresses_are_asked_for_once_and_filled_in() -> None:
    request = Request("m", (asked(BY_URL).turns[0], shown(BY_URL, IMAGE).turns[0]))
    quirks = Quirks(image_urls=False)
    assert media.pending_urls(request, quirks) == (BY_URL.data,)
    found = {BY_URL.data: media.Fetched("image/png", PNG)}
    losses = Losses()
    filled = media.with_media(request, found, losses)
    assert list(losses) == ["emu:messages.image"]
    assert filled.turns[0].blocks == (IMAGE,)
    assert media.pending_urls(filled, quirks) == ()
    assert media.fit_media(filled, FACTS[Dialect.CHAT], quirks, Losses()) is filled


def test_an_address_is_told_without_what_may_be_secret() -> None:
    address = "https://me:s3cret@example.com/x.png?signature=s3cret"
    found = {address: media.Fetched(why="HTTP 404")}
    request = asked(Media("image", "url", address))
    with pytest.raises(Unsupported, match=r"https://example\.com/x\.png cannot") as refused:
        media.with_media(request, found, Losses())
    assert "s3cret" not in refused.value.why
    out = media.with_media(shown(Media("image", "url", address)), found, Losses())
    assert "s3cret" not in repr(out)


@pytest.mark.parametrize("flags", [{"image_urls": True}, {"vision": False}])
def test_nothing_is_fetched_for_a_host_that_fetches_or_cannot_see(flags: dict[str, Any]) -> None:
    assert media.pending_urls(asked(BY_URL), Quirks(**flags)) == ()


def test_images_of_tools_and_earlier_turns_can_be_left_out() -> None:
    before = (*asked(IMAGE).turns, Turn("assistant", (Text("A cat."),)))
    request = Request("m", (*before, *shown(IMAGE).turns, *asked(IMAGE).turns))
    out, losses = fitted(request, old_media=False)
    note = Text("[image left out: the upstream refused it]")
    assert out.turns[0].blocks == (note,)
    assert out.turns[2].blocks == (Result("a", (note,)),)
    assert out.turns[3] is request.turns[3]
    assert losses == ["drop:messages.image"]


@pytest.mark.parametrize(
    ("block", "flags"),
    [(IMAGE, {"vision": False}), (PDF, {"documents": False}), (BY_URL, {"image_urls": False})],
)
def test_what_was_answered_once_never_ends_the_session(block: Media, flags: dict[str, Any]) -> None:
    turns = (*asked(block).turns, Turn("assistant", (Text("A cat."),)), *asked(Text("Why?")).turns)
    out, losses = fitted(Request("text-only", turns), **flags)
    (note,) = out.turns[0].blocks
    assert note.text.startswith(f"[{block.kind}")
    assert losses == [f"drop:messages.{block.kind}"]
