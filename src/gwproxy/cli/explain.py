"""`gwproxy explain`: what a code means that stands in `x-gwproxy-loss`, a log or --json."""

from __future__ import annotations

from typing import Annotated

import typer

from gwproxy.cli.options import CsvFlag, JsonFlag, QuietFlag
from gwproxy.cli.output import output_of
from gwproxy.cli.sheet import Sheet
from gwproxy.errors import UsageError
from gwproxy.profiles.suggest import did_you_mean
from gwproxy.translate.loss_words import CODES, in_words, reason


def register(app: typer.Typer) -> None:
    app.command("explain")(explain)


def explain(
    context: typer.Context,
    codes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CODE", show_default=False, help="As in drop:top_k; all of them without."
        ),
    ] = None,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Say in words what was lost on the way."""
    output = output_of(context)
    # A whole header may be pasted: `drop:top_k, clamp:temperature=1`.
    asked = [code for word in codes or () for code in word.replace(",", " ").split()]
    told = {code: _told(code) for code in asked or CODES}

    def human() -> None:
        width = max(map(len, told)) + 2
        for code, meaning in told.items():
            output.item(f"{code:<{width}}{meaning}", width)

    rows = [{"code": code, "meaning": meaning} for code, meaning in told.items()]
    output.result({"codes": told}, human, sheet=Sheet(rows))


def _told(code: str) -> str:
    """Raises UsageError."""
    name, colon, _ = code.partition(":")
    if name not in CODES:
        raise UsageError(
            f"{code!r} is no code of a loss",
            why=did_you_mean(name, CODES),
            hint="gwproxy explain",
        )
    if not colon:
        return CODES[name]
    why = reason(code)
    return f"{in_words(code)}{f': {why}' if why else ''}. That is, {CODES[name]}"
