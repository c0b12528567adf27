"""`gwproxy demo`: everything the gateway does, shown in one second without a key or a network."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import typer

from gwproxy.cli.drawing import Table
from gwproxy.cli.options import JsonFlag, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.errors import EXIT_FAILED

if TYPE_CHECKING:
    from gwproxy.cli.demo_run import Conversation

INTRODUCTION: Final = (
    "A simulated tool asks for the weather in two cities. A simulated provider\n"
    "thinks, calls a function twice and reports the results: in every format, whole\n"
    "and streamed, through the real gateway.\n"
)
LEGEND: Final = (
    ("as it came", "the tool's own bytes, but for the model's name and the key"),
    ("translated", "into the provider's format, and its answer back into the tool's"),
    ("rewritten", "same format, without what this provider is known to refuse"),
    ("stream made", "the provider cannot stream; the tool gets one all the same"),
    ("model mapped", "to a name the provider knows, and back for the tool"),
    ("ids mapped", "call ids that tools refuse; the provider gets its own ones back"),
    ("not carried", "has no counterpart: named, never lost in silence (--json)"),
)
NEXT_STEPS: Final = (
    ("gwproxy profile add kimi --preset kimi-code", "the provider that you pay for"),
    ("gwproxy serve", "the gateway, until Ctrl-C"),
    ("gwproxy setup claude-code", "tell your tool about it"),
    ("gwproxy serve --profile demo", "or first a real tool without a key: the gateway,"),
    ("gwproxy setup claude-code --profile demo", "in another terminal, and the tool"),
)


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(context: typer.Context, json: JsonFlag = False, quiet: QuietFlag = False) -> int:
    """See it work: no key, no network."""
    # Imported late: gateway and simulator bring the HTTP library with them.
    from gwproxy.cli.demo_run import CAST, run_demo
    from gwproxy.proxy.log import LOGGER

    output = output_of(context)
    output.talk(INTRODUCTION)
    if not output.debug:
        # The table says what went wrong; a line for each exchange would bury it.
        LOGGER.addHandler(logging.NullHandler())
    conversations = asyncio.run(run_demo(CAST))
    failed = [conversation for conversation in conversations if conversation.problems]
    data = {"ok": not failed, "conversations": [asdict(told) for told in conversations]}
    output.result(data, lambda: output.table(_table(conversations)))
    for told in failed:
        way = "streamed" if told.streamed else "whole"
        for problem in told.problems:
            output.warn(f"{told.provider}, {told.client_dialect}, {way}: {problem}")
    if failed:
        output.talk(f"{len(failed)} of {len(conversations)} conversations went wrong")
        return EXIT_FAILED
    _say_result(conversations, output)
    return 0


def _table(conversations: list[Conversation]) -> Table:
    """One row for a provider and a dialect; whole and streamed side by side."""
    rows = []
    for whole, streamed in zip(conversations[::2], conversations[1::2], strict=True):
        spoken = whole.upstream_dialect or streamed.upstream_dialect or "?"
        happened = [step.what for step in (*whole.on_the_way, *streamed.on_the_way)]
        rows.append(
            (
                whole.provider,
                f"{whole.client_dialect} → {spoken}",
                _verdict(whole),
                _verdict(streamed),
                ", ".join(dict.fromkeys(happened)),
            )
        )
    return Table(("provider", "tool → provider", "whole", "stream", "on the way"), tuple(rows))


def _verdict(told: Conversation) -> str:
    return "FAILED" if told.problems else "ok"


def _say_result(conversations: list[Conversation], output: Output) -> None:
    requests = sum(told.upstream_requests for told in conversations)
    tokens = sum(told.prompt_tokens + told.output_tokens for told in conversations)
    output.talk("")
    happened = {step.what for told in conversations for step in told.on_the_way}
    _say_pairs([(word, meaning) for word, meaning in LEGEND if word in happened], output)
    output.talk(
        f"\n{len(conversations)} conversations of two turns, {requests} upstream requests: one "
        f"for each turn,\nevery one of {tokens} tokens accounted for. Parallel tool calls, their "
        "results\nand the model's own thinking came through both ways.\n\nWhat to do next:"
    )
    _say_pairs(NEXT_STEPS, output)


def _say_pairs(pairs: Sequence[tuple[str, str]], output: Output) -> None:
    width = max(len(first) for first, _ in pairs)
    for first, second in pairs:
        output.talk(f"  {first.ljust(width)}   {second}")
