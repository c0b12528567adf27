"""Whole documents: each fixture beside what is made of it, in the hub and back on the wire."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gwproxy.translate.codec import ReplyContext
from gwproxy.translate.events import fold
from gwproxy.translate.hub import Dialect, Reply, Request
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.responses import reply, request
from gwproxy.translate.responses.reader import Reader
from gwproxy.translate.responses.writer import Writer
from gwproxy.translate.stages.sequencer import Sequencer
from gwproxy.translate.wire import jsonio
from support import golden, responses_grammar
from support.reading import checked
from support.responses_wire import UPSTREAM, read
from support.sending import sent

FIXTURES = golden.FIXTURES / "responses"
REQUESTS = sorted(
    path for path in (FIXTURES / "requests").glob("*.json") if len(path.suffixes) == 1
)
STREAMS = sorted(path for path in (FIXTURES / "streams").glob("*.sse") if len(path.suffixes) == 1)
REPLIES = sorted(path for path in (FIXTURES / "replies").glob("*.json") if len(path.suffixes) == 1)


def context(echo: str | None = None) -> ReplyContext:
    numbers = itertools.count(1)
    return ReplyContext(
        model="asked-for",
        new_id=lambda prefix: f"{prefix}{next(numbers)}",
        created=1_763_800_000,
        family="up",
        echo=echo,
    )


def beside(path: Path, name: str) -> Path:
    return path.with_name(f"{path.stem}.{name}")


def plain(value: Any) -> Any:
    """A hub value without what it leaves unsaid, under its own name."""
    if isinstance(value, msgspec.Struct):
        defaults = {f.name: f.default for f in msgspec.structs.fields(value)}
        said = {n: getattr(value, n) for n in defaults if getattr(value, n) != defaults[n]}
        return {type(value).__name__: {name: plain(member) for name, member in said.items()}}
    return [plain(member) for member in value] if isinstance(value, tuple | list) else value


def lines(values: list[Any]) -> str:
    return "".join(jsonio.dumps(plain(value)).decode() + "\n" for value in values)


def in_hub(parsed: Request, losses: Losses) -> str:
    top = plain(msgspec.structs.replace(parsed, turns=(), tools=()))
    return lines([list(losses), top, *parsed.turns, *parsed.tools])


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_a_request(path: Path) -> None:
    losses = Losses()
    parsed = request.parse(path.read_bytes(), losses)
    golden.agrees(beside(path, "hub.jsonl"), in_hub(parsed, losses))
    quirks = dataclasses.replace(
        UPSTREAM, prompt_cache_key=True, cache_marks=True, user_id="keep", efforts=("low", "high")
    )
    losses = Losses()
    rendered = sent(parsed, Dialect.RESPONSES, quirks, losses)
    header = f"// {losses.header()}\n" if len(losses) else ""
    golden.agrees(beside(path, "rendered.jsonc"), header + golden.readable(rendered))


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_stream(path: Path) -> None:
    events = read(path.read_bytes())
    golden.agrees(beside(path, "hub.jsonl"), lines(list(events)))
    written = Writer(context()).write(Sequencer().feed(events))
    responses_grammar.check(written)
    golden.agrees(beside(path, "rendered.sse"), written.decode())


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.stem)
def test_a_whole_answer(path: Path) -> None:
    events = checked(Reader(Quirks(family="up")).whole(path.read_bytes()))
    golden.agrees(beside(path, "hub.jsonl"), lines(list(events)))
    folded = fold(events)
    if isinstance(folded, Reply):
        golden.agrees(
            beside(path, "rendered.json"), golden.readable(reply.build(folded, context()))
        )
