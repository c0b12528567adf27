"""CPU of the gateway for each request and each event, beside a bare relay in the same run.

    python tests/bench/bench_gateway.py [W1 W2 …] [--requests 200] [--connections 16] [--watched]

Not a test: figures depend on the machine, only the ratio to the relay means something, and only
on a quiet one. Provider, relay and gateway run in processes of their own; the CPU is the process'
own account of it. `--paced` sends an event every 10 ms on each connection, else all come at once;
`--watched` does the same once more while a page of the inspector follows what happens.

W1 Messages stream → Chat stream        W2 Messages stream → Messages stream, relayed
W3 Messages, 2 MB → Chat, whole         W4 Chat stream → Messages stream
W5 Messages stream → Chat, whole only   W6 Messages, small → Chat, whole
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

TOKEN: Final = "bench-token-0123456789"
EVENTS: Final = 500
LONGER: Final = (2000, 8000)
NUMBER: Final = b"request 000000000000"
PACE_S: Final = 0.01


# --- what is said --------------------------------------------------------------------------------


def turns(size: int) -> list[dict[str, Any]]:
    text = "Lorem ipsum dolor sit amet, consectetur “adipiscing” elit.\n" * (size // 60 // 10)
    roles = ("user", "assistant")
    told = [{"role": roles[n % 2], "content": f"{n}: {text}"} for n in range(9)]
    told[0]["content"] = f"{NUMBER.decode()} {text}"  # in the first: nothing is known before it
    return told


def tools(dialect: str) -> list[dict[str, Any]]:
    schema = {
        "type": "object",
        "properties": {f"p{n}": {"type": "string", "description": "words " * 20} for n in range(8)},
        "required": ["p0"],
    }
    named = [(f"tool_{n}", "does things " * 20, schema) for n in range(20)]
    if dialect == "anthropic":
        return [{"name": n, "description": d, "input_schema": s} for n, d, s in named]
    return [
        {"type": "function", "function": {"name": n, "description": d, "parameters": s}}
        for n, d, s in named
    ]


def request(dialect: str, size: int, *, stream: bool, with_tools: bool = True) -> bytes:
    body: dict[str, Any] = {"model": "bench-1", "max_tokens": 1000, "stream": stream}
    body["messages"] = turns(size)
    if with_tools:
        body["tools"] = tools(dialect)
    return json.dumps(body).encode()


def data(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def chat_events(count: int = EVENTS) -> list[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up-1"}
        return data(head | {"choices": [choice]})

    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"content": f"word {n} "}) for n in range(count - 100)]
    call: dict[str, Any] = {"index": 0, "id": "call_1", "type": "function"}
    call["function"] = {"name": "tool_1", "arguments": '{"p0":"'}
    events.append(chunk({"tool_calls": [call]}))
    for n in range(97):
        events.append(chunk({"tool_calls": [{"index": 0, "function": {"arguments": f"x{n}"}}]}))
    events.append(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"}'}}]}))
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    done = chunk({}, "tool_calls")[:-3] + b',"usage":' + json.dumps(usage).encode() + b"}\n\n"
    return [*events, done, b"data: [DONE]\n\n"]


def messages_events() -> list[bytes]:
    def event(name: str, **more: Any) -> bytes:
        return f"event: {name}\n".encode() + data({"type": name, **more})

    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant"}
    message |= {"model": "up-1", "content": [], "stop_reason": None, "usage": {"input_tokens": 100}}
    events = [event("message_start", message=message)]
    text = {"type": "text", "text": ""}
    events.append(event("content_block_start", index=0, content_block=text))
    for n in range(EVENTS - 100):
        delta = {"type": "text_delta", "text": f"word {n} "}
        events.append(event("content_block_delta", index=0, delta=delta))
    events.append(event("content_block_stop", index=0))
    call = {"type": "tool_use", "id": "toolu_1", "name": "tool_1", "input": {}}
    events.append(event("content_block_start", index=1, content_block=call))
    pieces = ['{"p0":"', *(f"x{n}" for n in range(97)), '"}']
    for piece in pieces:
        delta = {"type": "input_json_delta", "partial_json": piece}
        events.append(event("content_block_delta", index=1, delta=delta))
    events.append(event("content_block_stop", index=1))
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append(event("message_delta", delta=stop, usage={"output_tokens": 10}))
    return [*events, event("message_stop")]


def chat_whole() -> bytes:
    message = {"role": "assistant", "content": "A short answer. " * 20}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    head = {"id": "c1", "object": "chat.completion", "created": 1, "model": "up-1"}
    return json.dumps(head | {"choices": [choice], "usage": usage}).encode()


@dataclass(frozen=True)
class Workload:
    """`path` is the client's; `provider` names the canned answer of the upstream."""

    path: str
    body: Callable[[], bytes]
    provider: str
    bare_path: str
    events: int
    ending: bytes


_MESSAGES, _CHAT = "/v1/messages", "/v1/chat/completions"


def _streamed(dialect: str) -> Callable[[], bytes]:
    return lambda: request(dialect, 40_000, stream=True)


WORKLOADS: Final = {
    "W1": Workload(_MESSAGES, _streamed("anthropic"), "chat-stream", _CHAT, EVENTS, b"stop"),
    "W2": Workload(_MESSAGES, _streamed("anthropic"), "anthropic-stream", _MESSAGES, EVENTS, b""),
    "W3": Workload(
        _MESSAGES,
        lambda: request("anthropic", 2_000_000, stream=False),
        "chat-whole",
        _CHAT,
        0,
        b"end_turn",
    ),
    "W4": Workload(_CHAT, _streamed("chat"), "anthropic-stream", _MESSAGES, EVENTS, b"[DONE]"),
    "W5": Workload(_MESSAGES, _streamed("anthropic"), "chat-whole", _CHAT, 0, b"message_stop"),
    "W6": Workload(
        _MESSAGES,
        lambda: request("anthropic", 600, stream=False, with_tools=False),
        "chat-whole",
        _CHAT,
        0,
        b"end_turn",
    ),
}


# --- the three servers, each a process -----------------------------------------------------------


class Canned(asyncio.Protocol):
    """The provider: answers `/NAME/…` with the canned bytes of that name."""

    def __init__(self, answers: dict[bytes, list[bytes]], paced: bool) -> None:
        self._answers = answers
        self._paced = paced
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, separator, body = self._seen.partition(b"\r\n\r\n")
        if not separator:
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(length):
            return
        name = head.split(b"/", 2)[1]
        self._seen = body[int(length) :]
        pieces = self._answers[name]
        if self._paced and len(pieces) > 2:
            self._send_paced(list(pieces))
        else:
            self._transport.write(b"".join(pieces))

    def _send_paced(self, pieces: list[bytes]) -> None:
        self._transport.write(pieces.pop(0))
        if pieces and not self._transport.is_closing():
            asyncio.get_running_loop().call_later(PACE_S, self._send_paced, pieces)


def canned() -> dict[bytes, list[bytes]]:
    def stream(events: list[bytes]) -> list[bytes]:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        head += b"transfer-encoding: chunked\r\n\r\n"
        chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
        return [head, *chunks[:-1], chunks[-1] + b"0\r\n\r\n"]

    body = chat_whole()
    whole = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    longer = {b"chat-stream-%d" % count: stream(chat_events(count)) for count in LONGER}
    return longer | {
        b"chat-stream": stream(chat_events()),
        b"anthropic-stream": stream(messages_events()),
        b"chat-whole": [whole % len(body) + body],
    }


async def serve_provider(paced: bool) -> None:
    answers = canned()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Canned(answers, paced), "127.0.0.1", 0, backlog=512)
    await stand_by(server.sockets[0].getsockname()[1])


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
                data=aiohttp.payload.BytesIOPayload(_reader(body)),
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


def _reader(body: bytes) -> Any:
    import io

    return io.BytesIO(body)


async def serve_gateway(provider: str) -> None:
    from gwproxy.profiles import store
    from gwproxy.profiles.secret import Secret
    from gwproxy.proxy.serving import Options, running, settle_memory

    addresses = {
        name: f'anthropic_url = "{provider}/{name}"'
        if name.startswith("anthropic")
        else f'openai_url = "{provider}/{name}/v1"'
        for name in map(bytes.decode, canned())
    }
    text = "".join(
        f'[profiles.{name}]\n{address}\nmodel = "up-1"\nkey = "none"\n'
        for name, address in addresses.items()
    )
    text = f'default = "chat-stream"\n{text}'
    config = store.parse(text, Path("config.toml"))
    options = Options(port=0, load=lambda: config, read_token=lambda: Secret(TOKEN))
    async with running(options) as server:
        settle_memory()
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


async def stand_by(port: int) -> None:
    """Say the port, then the CPU time whenever a line comes in; end when stdin does."""
    print(port, flush=True)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for _ in sys.stdin:
            print(time.process_time(), flush=True)
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=listen, daemon=True).start()
    await over.wait()


class Child:
    """One of the servers, as a process."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def cpu_s(self) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write("cpu\n")
        self.process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=10)


# --- the load ------------------------------------------------------------------------------------


class Load(asyncio.Protocol):
    """One connection that asks again as soon as it is answered, until `take` has nothing more."""

    def __init__(self, ending: bytes, take: Callable[[], bytes]) -> None:
        self._ending = ending
        self._take = take
        self._tail = b""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        self._tail = b""
        if request := self._take():
            self._transport.write(request)
        else:
            self._transport.close()
            self.over.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-65536:]
        if self._tail.startswith(b"HTTP/1.1 ") and not self._tail.startswith(b"HTTP/1.1 200"):
            raise SystemExit(self._tail.decode())
        if self._tail.endswith(b"0\r\n\r\n") or self._is_whole():
            if self._ending not in self._tail:
                raise SystemExit(f"not the expected answer: {self._tail[-300:]!r}")
            self._next()

    def _is_whole(self) -> bool:
        head, separator, body = self._tail.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return bool(separator and length) and len(body) == int(length)


async def drive(
    port: int, path: str, body: bytes, ending: bytes, connections: int, requests: int
) -> float:
    """Seconds for `requests` requests over `connections` connections."""
    return await drive_all(port, path, distinct(body, requests), ending, connections)


def distinct(body: bytes, requests: int) -> Iterator[bytes]:
    """`body` with another number in it each time: nobody can know an answer, or a part of one."""
    for number in range(requests):
        yield body.replace(NUMBER, b"request %012d" % number, 1)


def posted(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {TOKEN}\r\n"
    head += f"User-Agent: bench/1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def drive_all(
    port: int, path: str, bodies: Iterator[bytes], ending: bytes, connections: int
) -> float:
    """The same for these bodies, in their order."""

    def take() -> bytes:
        body = next(bodies, b"")
        return body and posted(path, body)

    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    loads = []
    for _ in range(connections):
        _, load = await loop.create_connection(lambda: Load(ending, take), "127.0.0.1", port)
        loads.append(load)
    await asyncio.gather(*(load.over for load in loads))
    return time.perf_counter() - started


def measure(
    child: Child, path: str, workload: Workload, body: bytes, ending: bytes, asked: Any
) -> tuple[float, float]:
    """CPU and wall-clock milliseconds for each request; the best of three rounds."""
    rounds = []
    for _ in range(asked.rounds):
        before = child.cpu_s()
        wall = asyncio.run(drive(child.port, path, body, ending, asked.connections, asked.requests))
        rounds.append(((child.cpu_s() - before) * 1000 / asked.requests, wall))
    cpu, wall = min(rounds)
    return cpu, wall * 1000 / asked.requests


def bench(asked: Any) -> None:
    provider = Child("--role", "provider", *(["--paced"] if asked.paced else []))
    base = f"http://127.0.0.1:{provider.port}"
    relay = Child("--role", "relay", "--provider", base)
    gateway = Child("--role", "gateway", "--provider", base)
    watched = f" {'watched':>9}" if asked.watched else ""
    print(f"{'':4} {'relay':>9} {'gateway':>9}{watched}  ratio   CPU ms/request, then us/event")
    for name in asked.workloads or WORKLOADS:
        workload = WORKLOADS[name]
        if asked.paced and not workload.events:
            continue
        body = workload.body()
        bare_path = f"/{workload.provider}{workload.bare_path}"
        path = f"/profiles/{workload.provider}{workload.path}"
        small = replace(workload)
        bare, _ = measure(relay, bare_path, small, body, b"", asked)
        ours, wall = measure(gateway, path, small, body, workload.ending, asked)
        seen = f" {_watched(gateway, path, small, body, asked):9.3f}" if asked.watched else ""
        line = f"{name:4} {bare:9.3f} {ours:9.3f}{seen}  {ours / bare:5.2f}"
        if workload.events:
            line += f"   {bare * 1000 / workload.events:7.1f} {ours * 1000 / workload.events:7.1f}"
        print(f"{line}   ({wall:.2f} ms/request wall)")
    for child in (gateway, relay, provider):
        child.close()


def _watched(gateway: Child, path: str, workload: Workload, body: bytes, asked: Any) -> float:
    """The CPU of the same, with a page open."""
    page = Child("--role", "page", "--provider", f"127.0.0.1:{gateway.port}")
    try:
        return measure(gateway, path, workload, body, workload.ending, asked)[0]
    finally:
        page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", choices=[*WORKLOADS, []])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--watched", action="store_true")
    parser.add_argument("--role", choices=["provider", "relay", "gateway", "page"])
    parser.add_argument("--provider", default="")
    asked = parser.parse_args()
    match asked.role:
        case "provider":
            asyncio.run(serve_provider(asked.paced))
        case "relay":
            asyncio.run(serve_relay(asked.provider))
        case "gateway":
            asyncio.run(serve_gateway(asked.provider))
        case "page":
            asyncio.run(serve_page(asked.provider))
        case _:
            bench(asked)


if __name__ == "__main__":
    main()
