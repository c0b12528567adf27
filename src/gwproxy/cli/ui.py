"""`gwproxy ui`: the inspector of the running gateway, in a browser.

The page is let in by a one-time code. It must be in no command line, which every user of the
machine can read: a small file leads the browser to it, in the fragment of its address, and the file
is ours alone. It is written anew each time; the code in it is worth nothing after a minute.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer

from gwproxy import paths
from gwproxy.cli.options import JsonFlag, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.errors import GwproxyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gwproxy.profiles.store import Config

_LEADING_THERE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={link}">
<title>gwproxy</title>
</head>
<body><p><a href="{link}">The inspector of gwproxy</a></p></body>
</html>
"""


def register(app: typer.Typer) -> None:
    app.command("ui")(ui)


def ui(
    context: typer.Context,
    no_browser: Annotated[
        bool,
        typer.Option("--no-browser", help="Open nothing; print the file that leads there."),
    ] = False,
    link: Annotated[
        bool,
        typer.Option("--link", help="Print the address with its code, good once and for a minute."),
    ] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Look at what passes through, in your browser."""
    from gwproxy.cli.running import config_or_none

    output = output_of(context)
    if no_browser and link:
        raise UsageError("--no-browser and --link are two ways", hint="gwproxy ui --link")
    told = asyncio.run(_ask(config_or_none()))
    url, address = told["url"], f"{told['url']}#code={told['code']}"
    if link:
        output.result(_data(url, link=address), lambda: output.line(address))
        _say_how_from_elsewhere(output, url, here=False)
        return
    file = _write(address)
    if not no_browser and _open(file):
        output.result(
            _data(url, file=file, opened=True),
            lambda: output.line(f"{url} is open in your browser"),
        )
        output.talk("if it may not read the file that leads there: gwproxy ui --link")
        return
    output.result(_data(url, file=file), lambda: output.line(str(file)))
    if not no_browser:
        output.talk("no browser could be opened here; this file leads there, for a minute")
    _say_how_from_elsewhere(output, url, here=True)


async def _ask(config: Config) -> Mapping[str, str]:
    """A fresh code, and where the page is. Raises GwproxyError."""
    from gwproxy.cli.running import find_gateway
    from gwproxy.profiles.local_token import local_token
    from gwproxy.proxy import holder

    url, health = await find_gateway(config)
    if health.get("name") != "gwproxy":
        raise GwproxyError(
            f"gwproxy does not run at {url}",
            why="it is the running gateway that shows the page",
            hint="gwproxy serve",
        )
    return await holder.ask(url, "/v1/ui", local_token().reveal(), method="POST")


def _data(
    url: str, *, file: Path | None = None, opened: bool = False, link: str | None = None
) -> dict[str, object]:
    return {"url": url, "file": str(file) if file else None, "opened": opened, "link": link}


def _write(address: str) -> Path:
    """The file that leads to `address`, for this user alone. Raises ConfigError."""
    import html

    file = paths.ui_file()
    content = _LEADING_THERE.format(link=html.escape(address, quote=True))
    paths.write_private_file(file, content.encode())
    return file


def _open(file: Path) -> bool:
    """Whether a browser was given `file`."""
    if not _has_a_screen(os.environ, sys.platform):
        return False  # what would be found is a browser in this terminal, without scripts
    import webbrowser

    try:
        return webbrowser.open(file.as_uri())
    except (webbrowser.Error, OSError):
        return False


def _has_a_screen(environ: Mapping[str, str], platform: str) -> bool:
    """Whether a browser can show itself, or a person says what opens pages (`BROWSER`)."""
    named = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return platform in ("darwin", "win32") or any(environ.get(name) for name in named)


def _say_how_from_elsewhere(output: Output, url: str, *, here: bool) -> None:
    """How another machine gets here. The gateway is asked by the name that it knows itself by, so
    the port there has to be the same."""
    address = urlsplit(url)
    forward = f"{address.port}:{address.netloc}"
    output.talk(f"from another machine, first there: ssh -L {forward} {_this_machine(os.environ)}")
    if here:
        output.next("gwproxy ui --link")


def _this_machine(environ: Mapping[str, str]) -> str:
    """As somebody may reach it by SSH: `me@192.0.2.7`."""
    import getpass
    import socket

    # https://man.openbsd.org/ssh#ENVIRONMENT: both ends, with their ports
    ends = environ.get("SSH_CONNECTION", "").split()
    host = ends[2] if len(ends) == 4 else socket.gethostname()
    try:
        return f"{getpass.getuser()}@{host}"
    except (ImportError, KeyError, OSError):  # nobody knows who we are; it differs by version
        return host
