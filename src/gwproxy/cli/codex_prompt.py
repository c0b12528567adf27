"""The prompt that the person's own Codex gives to a model that it does not know.

A list of models for Codex must bring the prompt of each. It is Codex's to say what that is, and
changes with it: so it is started once, in an empty folder, with a model that nobody has and a
provider that is a listener of ours. What it asks there is heard and refused; nothing goes further.
Takes about a second, and is kept until the program changes. A model that Codex knows by itself is
left to it: its own entry has tools and a prompt of that model.
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


def prompt_of(program: str, model: str) -> str:
    """The prompt for `model`; "" where `program` is not here, does not say it, or knows the model.
    Never raises."""
    found = shutil.which(program)
    if found is None:
        return ""
    try:
        file = Path(found).resolve()
        status = file.stat()
        stamp = [str(file), status.st_mtime_ns, status.st_size]
        told = _kept(stamp)
        if told is None:
            told = {"program": stamp, "prompt": _asked(found), "knows": _known_to(found)}
            if told["prompt"]:
                paths.write_private_file(_file(), json.dumps(told).encode())
        return "" if model in told["knows"] else str(told["prompt"])
    except (OSError, ConfigError):
        return ""


def _file() -> Path:
    return paths.state_dir() / "codex-prompt.json"


def _kept(stamp: list[Any]) -> dict[str, Any] | None:
    try:
        with paths.open_regular(_file()) as file:
            told = json.loads(file.read(_MOST_BYTES))
        well = told["program"] == stamp and isinstance(told["knows"], list) and told["prompt"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(told) if well else None


def _known_to(program: str) -> list[str]:
    """The models that the program brings an entry for."""
    with tempfile.TemporaryDirectory() as folder:
        listed = _run([program, "debug", "models", "--bundled"], folder)
    try:
        return [str(entry["slug"]) for entry in json.loads(listed)["models"]]
    except (ValueError, KeyError, TypeError):
        return []


def _run(command: list[str], folder: str) -> bytes:
    """What `command` says on stdout, in an empty folder and with no key in its environment."""
    environ = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(
            command,
            cwd=folder,
            env={**environ, "HOME": folder, "CODEX_HOME": folder, "NO_PROXY": "127.0.0.1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        ).stdout
    return b""


def _asked(program: str) -> str:
    with _listening() as (url, heard), tempfile.TemporaryDirectory() as folder:
        provider = f'{{name="x",base_url="{url}",wire_api="responses",request_max_retries=0}}'
        settings = (f"model_providers.x={provider}", 'model_provider="x"', f'model="{_MODEL}"')
        flags = [word for setting in settings for word in ("-c", setting)]
        _run([program, "exec", "--skip-git-repo-check", *flags, "hello"], folder)
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
