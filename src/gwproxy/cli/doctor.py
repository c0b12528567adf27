"""`gwproxy doctor`: everything on this machine that can be in the way, and what mends it.

What it prints can be pasted into an issue: no key, no token, no prompt, and the home folder as ~.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from gwproxy.cli.options import CsvFlag, JsonFlag, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.sheet import Sheet
from gwproxy.errors import EXIT_FAILED
from gwproxy.profiles.redaction import redact


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    context: typer.Context,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Look for trouble on this machine."""
    from gwproxy.cli.doctor_checks import findings

    output = output_of(context)
    found = []
    for finding in findings():
        shown = {name: _shareable(text) for name, text in asdict(finding).items()}
        found.append(shown)
        if not output.for_program:
            _show(output, shown)
    bad = sum(one["level"] == "failed" for one in found)
    notes = sum(one["level"] == "note" for one in found)
    data = {"ok": not bad, "findings": found}
    output.result(data, lambda: _sum_up(output, bad, notes), sheet=Sheet(found))
    return EXIT_FAILED if bad else 0


def _shareable(text: str) -> str:
    home = str(Path.home())
    # Not the beginning of another name: /home/al is no part of /home/alice.
    hidden = re.sub(rf"{re.escape(home)}(?![\w-]|\.\w)", "~", text) if len(home) > 1 else text
    return redact(hidden)


def _show(output: Output, finding: dict[str, Any]) -> None:
    words = f"{finding['area']}: {finding['words']}"
    output.finding(finding["level"], words, finding["hint"].splitlines())


def _sum_up(output: Output, bad: int, notes: int) -> None:
    if bad:
        output.talk(f"{bad} to mend, {notes} to know")
    else:
        output.talk("nothing is wrong" + (f"; {notes} to know" if notes else ""))
