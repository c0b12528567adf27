"""The prompt that the person's own Codex gives to a model that it does not know.

A list of models for Codex must bring the prompt of each. It is Codex's to say what that is, and
changes with it: so it is started once, in an empty folder, with a model that nobody has and a
provider that is a listener of ours. What it asks there is heard and refused; nothing goes further.
Takes about a second, and is kept until the program changes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from gwproxy import paths
from gwproxy.errors import ConfigError

_PATIENCE_S: Final = 15.0
_MOST_BYTES: Final = 4 * 1024 * 1024
_MODEL: Final = "a-model-that-nobody-has"
_NEEDED: Final = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG")
"""Of the environment; no key is among them."""


def prompt_of(program: str) -> str:
    """The prompt, or "" where `program` is not here or does not say it. Never raises."""
    found = shutil.which(program)
    if found is None:
        return ""
    try:
        file = Path(found).resolve()
        status = file.stat()
        stamp = [str(file), status.st_mtime_ns, status.st_size]
        prompt = _kept(stamp)
        if not prompt and (prompt := _asked(found)):
            content = json.dumps({"program": stamp, "prompt": prompt}).encode()
            paths.write_private_file(_file(), content)
        return prompt
    except (OSError, ConfigError):
        return ""


def _file() -> Path:
    return paths.state_dir() / "codex-prompt.json"


def _kept(stamp: list[Any]) -> str:
    try:
        with paths.open_regular(_file()) as file:
            known = json.loads(file.read(_MOST_BYTES))
        return str(known["prompt"]) if known["program"] == stamp else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _asked(program: str) -> str:
    with _listening() as (url, heard), tempfile.TemporaryDirectory() as folder:
        provider = f'{{name="x",base_url="{url}",wire_api="responses",request_max_retries=0}}'
        settings = (f"model_providers.x={provider}", 'model_provider="x"', f'model="{_MODEL}"')
        flags = [word for setting in settings for word in ("-c", setting)]
        environ = {name: os.environ[name] for name in _NEEDED if name in os.environ}
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [program, "exec", "--skip-git-repo-check", *flags, "hello"],
                cwd=folder,
                env={**environ, "HOME": folder, "CODEX_HOME": folder, "NO_PROXY": "127.0.0.1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_PATIENCE_S,
                check=False,
            )
        return next(filter(None, map(_prompt_in, heard)), "")


@contextlib.contextmanager
def _listening() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a provider that refuses everything, and what it has heard."""
    heard: list[bytes] = []

    class Refuser(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            heard.append(self.rfile.read(min(size, _MOST_BYTES)))
            self.send_response(400)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Nothing: it is nobody's log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuser) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", heard
        finally:
            server.shutdown()
            thread.join()


def _prompt_in(body: bytes) -> str:
    """Older ones say it as `instructions`, newer ones in the first message of a developer."""
    try:
        asked = json.loads(body)
        if isinstance(said := asked.get("instructions"), str) and said:
            return said
        first = asked["input"][0]
        text = first["content"][0]["text"] if first["role"] == "developer" else ""
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return ""
    return text if isinstance(text, str) else ""
