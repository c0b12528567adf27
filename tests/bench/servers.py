"""The servers of the benches, each a process: provider, relay, nginx, gateway, and who watches it.

    with Servers(paced=False) as servers:
        for one in servers.ways: …

nginx is measured where it is installed. Each accounts for its own CPU.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from load import TOKEN, drive
from said import STAMP, Workload, canned, request

PACE_S: Final = 0.01


# --- the provider --------------------------------------------------------------------------------


class Canned(asyncio.Protocol):
    """Answers `/NAME/…` with the canned bytes of that name."""

    def __init__(self, answers: dict[bytes, list[bytes]], paced: bool) -> None:
        self._answers = answers
        self._paced = paced
        self._head = b""
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            self._head, separator, data = (self._head + data).partition(b"\r\n\r\n")
            if not separator:
                return
            length = self._head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._missing = int(length)
        self._missing -= len(data)
        if self._missing:
            return
        name, self._head = self._head.split(b"/", 2)[1], b""
        pieces = self._answers[name]
        if self._paced and len(pieces) > 1:
            self._send_paced(list(pieces))
        else:
            self._transport.write(b"".join(pieces))

    def _send_paced(self, pieces: list[bytes]) -> None:
        stamp = b"@%016d" % (time.monotonic_ns() // 1000)
        self._transport.write(pieces.pop(0).replace(STAMP, stamp))
        if pieces and not self._transport.is_closing():
            asyncio.get_running_loop().call_later(PACE_S, self._send_paced, pieces)


async def serve_provider(paced: bool) -> None:
    answers = canned(paced=paced)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Canned(answers, paced), "127.0.0.1", 0, backlog=512)
    await stand_by(server.sockets[0].getsockname()[1])


# --- what stands between -------------------------------------------------------------------------


async def serve_relay(provider: str) -> None:
    """The bare relay: aiohttp on both sides, bytes as they come, nothing else."""
    import aiohttp
    from aiohttp import web

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), auto_decompress=False
    ) as session:

        async def relay(request: web.BaseRequest) -> web.StreamResponse:
            body = await request.content.read()
            async with session.post(
                f"{provider}{request.path}",
                data=aiohttp.payload.BytesIOPayload(io.BytesIO(body)),
                headers={"content-type": "application/json"},
            ) as answer:
                response = web.StreamResponse(status=answer.status)
                response.headers["content-type"] = answer.headers["content-type"]
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
            return response

        runner = web.ServerRunner(web.Server(relay, access_log=None))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=512)
        await site.start()
        await stand_by(runner.addresses[0][1])


async def serve_gateway(provider: str) -> None:
    from gwproxy.profiles import store
    from gwproxy.profiles.secret import Secret
    from gwproxy.proxy.serving import Options, running, settle

    text = ""
    for name in {**canned(paced=False), **canned(paced=True)}:
        host = f"{provider}/{name.decode()}"
        ours = name.startswith(b"anthropic")
        address = f'anthropic_url = "{host}"' if ours else f'openai_url = "{host}/v1"'
        text += f'[profiles.{name.decode()}]\n{address}\nmodel = "up-1"\nkey = "none"\n'
    config = store.parse(f'default = "chat-whole"\n{text}', Path("config.toml"))
    options = Options(port=0, load=lambda: config, read_token=lambda: Secret(TOKEN))
    async with running(options) as server:
        settle()
        await stand_by(server.port)


async def serve_page(gateway: str) -> None:
    """No server: a page of the inspector, which reads all that it is told."""
    connection = http.client.HTTPConnection(gateway)

    def ask(
        method: str, path: str, head: dict[str, str], body: str = ""
    ) -> http.client.HTTPResponse:
        connection.request(method, path, body, head)
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"{path}: {response.read().decode()}")
        return response

    code = json.loads(ask("POST", "/v1/ui", {"x-api-key": TOKEN}).read())["code"]
    entered = ask("POST", "/ui/api/enter", {}, json.dumps({"code": code}))
    head = {"x-gwproxy-page": json.loads(entered.read())["secret"]}
    events = ask("GET", "/ui/api/events", head)

    def follow() -> None:
        while events.read1(65536):
            pass

    threading.Thread(target=follow, daemon=True).start()
    await stand_by(0)


async def ask_for_ever(port: int, path: str, size: int) -> None:
    """No server either: large requests, one after the other, at a low priority of its own."""
    os.nice(10)
    body = request("anthropic", size, stream=False)
    over = asyncio.Event()
    bodies = itertools.takewhile(lambda _: not over.is_set(), itertools.repeat(body))
    asking = asyncio.create_task(drive(port, path, bodies, b"", 1))
    await stand_by(0)
    over.set()
    await asking


async def stand_by(port: int) -> None:
    """Say the port, then CPU and memory whenever a line comes in; end when stdin does."""
    import resource

    print(port, flush=True)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for _ in sys.stdin:
            most_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(time.process_time(), most_kib, flush=True)
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=listen, daemon=True).start()
    await over.wait()


# --- as processes --------------------------------------------------------------------------------


class Child:
    """One of the above, as a process."""

    def __init__(self, role: str, *of: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, role, *map(str, of)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def _figures(self) -> list[str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("figures\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def cpu_s(self) -> float:
        return float(self._figures()[0])

    def most_mib(self) -> float:
        """The most memory that it has had."""
        return int(self._figures()[1]) / 1024

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=10)


NGINX: Final = """
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  client_max_body_size 0; client_body_buffer_size 16m; keepalive_requests 1000000;
  upstream provider {{ server 127.0.0.1:{provider}; keepalive 512; }}
  server {{
    listen 127.0.0.1:{port} backlog=512;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off;
    }}
  }}
}}
"""


class Nginx:
    """nginx as a forwarder of bytes, as a process with a folder of its own."""

    def __init__(self, program: str, provider: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = tempfile.TemporaryDirectory(prefix="gwproxy-nginx-")
        config = Path(self._folder.name, "nginx.conf")
        config.write_text(NGINX.format(port=self.port, provider=provider))
        self.process = subprocess.Popen(
            [program, "-p", self._folder.name, "-c", config],
            stderr=subprocess.DEVNULL,  # its own path for errors before the config is read
        )
        while self.process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
        raise SystemExit("nginx does not start")

    def cpu_s(self) -> float:
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) / 1e9

    def most_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        self._folder.cleanup()


class Way:
    """One way to the provider, by its `name`."""

    def __init__(self, name: str, child: Child | Nginx) -> None:
        self.name = name
        self.child = child
        self.is_ours = name in ("gateway", "watched")

    def path(self, workload: Workload, provider: str) -> str:
        if self.is_ours:
            return f"/profiles/{provider}{workload.path}"
        return f"/{provider}{workload.upstream}"

    def ending(self, workload: Workload) -> bytes:
        return workload.ending if self.is_ours else b""


class Servers:
    """The provider and all ways to it, for as long as the block runs. `watched` is a second
    gateway, of which a page follows all that happens."""

    def __init__(self, *, paced: bool = False, watched: bool = False) -> None:
        self.provider = Child("provider", *(["paced"] if paced else []))
        base = f"http://127.0.0.1:{self.provider.port}"
        self.ways = [Way("direct", self.provider)]
        if program := shutil.which("nginx"):
            self.ways.append(Way("nginx", Nginx(program, self.provider.port)))
        self.ways.append(Way("relay", Child("relay", base)))
        self.ways.append(Way("gateway", Child("gateway", base)))
        self._page: Child | None = None
        if watched:
            gateway = Child("gateway", base)
            self.ways.append(Way("watched", gateway))
            self._page = Child("page", f"127.0.0.1:{gateway.port}")

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._page is not None:
            self._page.close()
        for way in reversed(self.ways):
            way.child.close()

    def those(self, *names: str) -> list[Way]:
        return [way for way in self.ways if way.name in names]


if __name__ == "__main__":
    role, *of = sys.argv[1:]
    match role:
        case "provider":
            asyncio.run(serve_provider(of == ["paced"]))
        case "relay":
            asyncio.run(serve_relay(*of))
        case "gateway":
            asyncio.run(serve_gateway(*of))
        case "page":
            asyncio.run(serve_page(*of))
        case "large":
            asyncio.run(ask_for_ever(int(of[0]), of[1], int(of[2])))
