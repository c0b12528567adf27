"""A provider on raw sockets, for what no HTTP library would ever send.

    upstream = await start_scripted(script)

`script` is called once for each request, with a `Visit`: the request as it came, and ways to
answer byte by byte, to fall silent, to cut and to reset. The connection goes on for another
request when the script returns without having closed it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import pytest

_PATIENCE_S: Final = 30.0
"""How long a test waits for what must happen, before it fails."""


@dataclass
class Visit:
    """One request and its connection. `gone` is set by `wait_until_gone`; `go_on` is for tests
    that decide when the script continues."""

    connection: int
    head: bytes
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode()

    @property
    def headers(self) -> dict[str, str]:
        pairs = [line.split(b":", 1) for line in self.head.split(b"\r\n")[1:] if line]
        return {name.decode().lower(): value.strip().decode() for name, value in pairs}

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self,
        body: bytes,
        *,
        status: int = 200,
        content_type: str = "application/json",
        extra: str = "",
    ) -> None:
        """A complete answer."""
        await self.send(
            f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\n"
            f"content-length: {len(body)}\r\n{extra}\r\n".encode()
            + body
        )

    async def open_stream(self, extra: str = "") -> None:
        await self.send(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            f"transfer-encoding: chunked\r\n{extra}\r\n".encode()
        )

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        await self.send(b"0\r\n\r\n")

    def close(self) -> None:
        """End the connection in order (FIN)."""
        self.writer.close()

    def reset(self) -> None:
        """End it as a dying machine does (RST)."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def wait_until_gone(self) -> None:
        """Return when the other side has closed the connection; fail when it does not."""
        async with asyncio.timeout(_PATIENCE_S):
            while await self.reader.read(65536):
                pass
        self.gone.set()


Script: TypeAlias = Callable[[Visit], Awaitable[None]]


class ScriptedUpstream:
    """Listens on a free loopback port and keeps what came."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.visits: list[Visit] = []
        self.connections = 0
        self.errors: list[BaseException] = []
        self._came = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def visit(self, count: int = 1) -> Visit:
        """The `count`-th request, as soon as it has come."""
        async with asyncio.timeout(_PATIENCE_S), self._came:
            await self._came.wait_for(lambda: len(self.visits) >= count)
        return self.visits[count - 1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._converse(self.connections, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the gateway closed; whether it should have is the test's to say
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 -- told when the test ends
            self.errors.append(error)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while not writer.is_closing():
            head = await reader.readuntil(b"\r\n\r\n")
            visit = Visit(number, head[:-4], b"", reader, writer)
            visit.body = await reader.readexactly(int(visit.headers.get("content-length", "0")))
            async with self._came:
                self.visits.append(visit)
                self._came.notify_all()
            await self.script(visit)


StartScripted: TypeAlias = Callable[[Script], Awaitable[ScriptedUpstream]]


@pytest.fixture
async def start_scripted() -> AsyncIterator[StartScripted]:
    """A function that starts a scripted provider."""
    running: list[ScriptedUpstream] = []

    async def start(script: Script) -> ScriptedUpstream:
        upstream = ScriptedUpstream(script)
        await upstream.start()
        running.append(upstream)
        return upstream

    yield start
    for upstream in running:
        await upstream.close()
    assert not [error for upstream in running for error in upstream.errors]


def frames(*values: Any) -> bytes:
    """Values as `data:` events."""
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def chat_chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One chunk of a Chat stream."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "up-model",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def chat_stream(*words: str) -> bytes:
    """A complete Chat stream that says `words`."""
    chunks = [chat_chunk({"role": "assistant", "content": ""})]
    chunks += [chat_chunk({"content": word}) for word in words]
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    chunks.append(chat_chunk({}, "stop") | {"usage": usage})
    return frames(*chunks) + b"data: [DONE]\n\n"


def chat_answer(text: str) -> bytes:
    """A whole Chat answer."""
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "up-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
    }
    return json.dumps(answer).encode()


async def whole(visit: Visit) -> None:
    """Answers "hello" at once."""
    await visit.answer(chat_answer("hello"))


async def stream(visit: Visit) -> None:
    """Says "Hel", "lo"."""
    await visit.open_stream()
    await visit.chunk(chat_stream("Hel", "lo"))
    await visit.end_stream()
