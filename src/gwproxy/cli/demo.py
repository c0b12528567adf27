"""`gwproxy demo`: everything the gateway does, shown in one second without a key or a network."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import typer

from gwproxy.cli.options import JsonFlag, QuietFlag
from gwproxy.cli.output import Output, Table, output_of
from gwproxy.errors import EXIT_FAILED

if TYPE_CHECKING:
    from gwproxy.cli.demo_run import Conversation

INTRODUCTION: Final = (
    "A simulated client asks for the weather in two cities, a simulated provider thinks and calls "
    "a tool twice,\nthe client runs it and sends the results back: in every dialect, whole and "
    "streamed, through a real gateway.\n"
)
NEXT_STEPS: Final = (
    ("gwproxy profile add kimi --preset kimi-code", "the provider that you pay for"),
    ("gwproxy serve", "the gateway, until Ctrl-C"),
    ("gwproxy setup claude-code", "tell your tool about it"),
    ("gwproxy serve --profile demo", "or first let a real tool talk to the simulated provider"),
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
        happened = list(dict.fromkeys((*whole.on_the_way, *streamed.on_the_way)))
        losses = whole.losses or streamed.losses
        if losses:
            happened.append(f"not carried: {losses}")
        rows.append(
            (
                whole.provider,
                whole.client_dialect,
                whole.upstream_dialect or streamed.upstream_dialect or "?",
                _verdict(whole),
                _verdict(streamed),
                "; ".join(happened),
            )
        )
    columns = ("provider", "your tool", "provider's", "whole", "streamed", "on the way")
    return Table(columns, tuple(rows))


def _verdict(told: Conversation) -> str:
    return "FAILED" if told.problems else "ok"


def _say_result(conversations: list[Conversation], output: Output) -> None:
    requests = sum(told.upstream_requests for told in conversations)
    tokens = sum(told.prompt_tokens + told.output_tokens for told in conversations)
    output.talk(
        f"\n{len(conversations)} conversations of two turns, {requests} upstream requests: one "
        f"for each turn, every one of {tokens} tokens accounted for.\nParallel tool calls, their "
        "results and the model's own thinking came through both ways.\n\nWhat to do next:"
    )
    width = max(len(command) for command, _ in NEXT_STEPS)
    for command, purpose in NEXT_STEPS:
        output.talk(f"  {command.ljust(width)}   {purpose}")
