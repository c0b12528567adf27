"""Coming and going: clients that leave, a server that stops, edits while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from gwproxy import paths
from gwproxy.errors import ConfigError, UsageError
from gwproxy.profiles import store
from gwproxy.profiles.credentials import FoundKey
from gwproxy.profiles.local_token import local_token, rotate_token
from gwproxy.profiles.secret import Secret, Source
from gwproxy.profiles.store import Config, ServeSettings
from gwproxy.proxy.log import LOGGER, ExchangeLine, JsonFormatter, fields_of
from gwproxy.proxy.record import GONE, ExchangeOutcome, ExchangeRecord
from gwproxy.proxy.serving import Options, announced, running
from support.gateway import KEY, QUICK, TOKEN, Start, chat, messages
from support.raw import connected, free_port
from support.scripted import (
    Script,
    ScriptedUpstream,
    StartScripted,
    Visit,
    chat_chunk,
    chat_stream,
    frames,
    stream,
    whole,
)


class Journal(logging.Handler):
    """The log: records of exchanges as they are written, and all of it as text."""

    def __init__(self) -> None:
        super().__init__()
        self.records: asyncio.Queue[ExchangeRecord] = asyncio.Queue()
        self.text = ""
        self._written = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.text += JsonFormatter(lambda: []).format(record) + f"\n{record.getMessage()}\n"
        self._written.set()
        if isinstance(record.msg, ExchangeLine):
            self.records.put_nowait(record.msg.record)

    async def says(self, words: str) -> None:
        """Return when `words` are in it."""
        async with asyncio.timeout(10):
            while words not in self.text:
                self._written.clear()
                await self._written.wait()

    async def exchange(self) -> ExchangeRecord:
        """The record of the next exchange that ends."""
        async with asyncio.timeout(10):
            return await self.records.get()


@pytest.fixture
async def journal() -> AsyncIterator[Journal]:
    handler = Journal()
    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    yield handler
    LOGGER.setLevel(level)
    LOGGER.removeHandler(handler)


async def before_the_head(visit: Visit) -> None:
    await visit.wait_until_gone()


async def in_the_middle(visit: Visit) -> None:
    await visit.open_stream()
    await visit.chunk(frames(chat_chunk({"role": "assistant", "content": "half"})))
    await visit.wait_until_gone()


async def while_it_streams(visit: Visit) -> None:
    await visit.open_stream()
    with contextlib.suppress(ConnectionError):
        while True:
            await visit.chunk(frames(chat_chunk({"content": "more"})))
            await asyncio.sleep(0.01)
    visit.gone.set()


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("script", [before_the_head, in_the_middle, while_it_streams])
async def test_a_client_that_leaves_stops_the_provider(
    start: Start,
    script: Script,
    streamed: bool,
    path: str,
    journal: Journal,
) -> None:
    gateway, upstream = await start(script)
    body = json.dumps(messages(stream=streamed)).encode()
    async with connected(gateway.server.port) as client:
        await client.send(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {TOKEN}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        visit = await upstream.visit()
        if streamed and script is not before_the_head:
            await client.reader.readuntil(b"half" if script is in_the_middle else b"more")
    async with asyncio.timeout(1):  # the promise; a second is long on loopback
        await visit.gone.wait()
    record = await journal.exchange()
    assert record.outcome == GONE
    assert len(upstream.visits) == 1


async def test_a_client_that_leaves_after_the_last_event_was_answered(
    start: Start, journal: Journal
) -> None:
    """Codex hangs up at `response.completed`, a moment before the provider ends its body."""

    async def slow_to_end(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(chat_stream("hello"))
        await visit.go_on.wait()
        await visit.end_stream()

    gateway, upstream = await start(slow_to_end, limits=replace(QUICK, leftover_s=30))
    async with gateway.post("/v1/chat/completions", chat(stream=True)) as response:
        await response.content.readuntil(b"[DONE]")
        response.close()
    record = await journal.exchange()
    assert record.outcome == ExchangeOutcome(200)
    assert record.usage.output == 3
    visit = await upstream.visit()
    visit.go_on.set()
    pool = gateway.server.gateway._services.upstream
    async with asyncio.timeout(10):
        await asyncio.gather(*pool._reclaiming)
    upstream.script = stream
    async with gateway.post("/v1/chat/completions", chat(stream=True)) as response:
        assert b"[DONE]" in await response.read()
    assert upstream.connections == 1


async def test_an_answer_that_breaks_off_is_a_warning_in_the_log(
    start: Start, journal: Journal
) -> None:
    async def breaks_off(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(frames(chat_chunk({"role": "assistant", "content": "half"})))
        visit.close()

    gateway, _ = await start(breaks_off)
    async with gateway.post("/v1/chat/completions", chat(stream=True)) as response:
        await response.read()
    assert (await journal.exchange()).outcome.status == 200
    levels = [json.loads(line)["level"] for line in journal.text.splitlines() if '"path"' in line]
    assert levels == ["warning"]


async def test_a_client_that_leaves_while_it_is_kept_alive(start: Start) -> None:
    gateway, upstream = await start(
        before_the_head, limits=replace(QUICK, early_status_s=0.02, ping_gap_s=0.05)
    )
    async with gateway.post("/v1/messages", messages(stream=True)) as response:
        await response.content.readuntil(b"ping")
        response.close()
    visit = await upstream.visit()
    async with asyncio.timeout(1):
        await visit.gone.wait()


async def test_running_answers_may_end_and_new_ones_are_refused(
    start_scripted: StartScripted,
) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(frames(chat_chunk({"role": "assistant", "content": "begun"})))
        await visit.go_on.wait()
        await visit.chunk(frames(chat_chunk({}, "stop")) + b"data: [DONE]\n\n")
        await visit.end_stream()

    upstream = await start_scripted(script)
    stop = asyncio.Event()
    ready: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with running(options(upstream, drain_s=10)) as server:
            ready.set_result((server.url, server.port))
            await stop.wait()

    serving = asyncio.create_task(serve())
    url, port = await ready
    async with aiohttp.ClientSession(headers={"x-api-key": TOKEN}) as session:
        responses = [
            await session.post(f"{url}/v1/messages", json=messages(stream=True)) for _ in range(5)
        ]
        for response in responses:
            await response.content.readuntil(b"begun")
        stop.set()
        async with asyncio.timeout(10):
            while await accepts(port):  # noqa: ASYNC110 -- a listener closes without a word
                await asyncio.sleep(0.01)
        assert not serving.done()
        for visit in upstream.visits:
            visit.go_on.set()
        for response in responses:
            assert b"message_stop" in await response.content.read()
    await serving


async def accepts(port: int) -> bool:
    try:
        async with connected(port):
            return True
    except ConnectionError:
        return False


async def test_answers_that_do_not_end_are_cut_and_do_not_look_finished(
    start_scripted: StartScripted,
) -> None:
    upstream = await start_scripted(in_the_middle)
    async with aiohttp.ClientSession(headers={"x-api-key": TOKEN}) as session:
        async with running(options(upstream, drain_s=0.1)) as server:
            response = await session.post(f"{server.url}/v1/messages", json=messages(stream=True))
            await response.content.readuntil(b"half")
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.content.read()
        response.close()
    assert upstream.visits[0].gone.is_set()


def options(upstream: ScriptedUpstream, *, drain_s: float) -> Options:
    text = f'[profiles.up]\nopenai_url = "{upstream.url}"\nmodel = "up-model"\n'
    config = store.parse(text, Path("config.toml"))
    return Options(
        port=0,
        limits=replace(QUICK, drain_s=drain_s),
        load=lambda: config,
        read_token=lambda: Secret(TOKEN),
        find_key=lambda profile: FoundKey(Secret(KEY), Source("keyring")),
    )


@pytest.fixture
async def edited(gwproxy_home: Path) -> Callable[[str], None]:
    """Writes config.toml, each time with a stamp of its own."""
    edits = 0

    def write(text: str) -> None:
        nonlocal edits
        edits += 1
        path = gwproxy_home / "config.toml"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)
        os.utime(path, ns=(edits, edits))

    return write


async def test_an_edit_of_config_toml_takes_effect_and_a_broken_one_does_not(
    edited: Callable[[str], None],
    start_scripted: StartScripted,
    journal: Journal,
) -> None:
    upstream = await start_scripted(whole)

    def profile(name: str) -> str:
        return (
            f'[profiles.{name}]\nopenai_url = "{upstream.url}"\nmodel = "{name}-1"\nkey = "none"\n'
        )

    edited(profile("first"))
    async with (
        running(Options(port=0, limits=QUICK)) as server,
        aiohttp.ClientSession(headers={"x-api-key": local_token().reveal()}) as session,
    ):

        async def model() -> str:
            url = f"{server.url}/v1/chat/completions"
            async with session.post(url, json=chat()) as response:
                assert response.status == 200, await response.text()
            return str(upstream.visits[-1].json["model"])

        assert await model() == "first-1"
        edited(profile("second"))
        assert await model() == "second-1"
        edited("[profiles.third\nbroken")
        assert await model() == "second-1"
        assert "the last good configuration stays in force" in journal.text
        edited(profile("fourth"))
        assert await model() == "fourth-1"


async def test_an_edit_is_noticed_without_a_request(
    edited: Callable[[str], None], journal: Journal
) -> None:
    edited('[profiles.first]\npreset = "demo"\n')
    async with running(Options(port=0, limits=replace(QUICK, edit_look_s=0.01))):
        edited("[profiles.second\nbroken")
        await journal.says("the last good configuration stays in force")
        edited('[profiles.third]\npreset = "demo"\nmodle = "x"\n')
        await journal.says("config.toml was changed, and is in force")
        await journal.says("profiles.third.modle is not a setting; did you mean model?")


async def test_an_edit_that_changes_nothing_is_not_told(
    edited: Callable[[str], None], journal: Journal
) -> None:
    demo = '[profiles.first]\npreset = "demo"\n'
    edited(demo)
    async with running(Options(port=0, limits=QUICK)) as server:
        told = []
        for text in ("# a word\n" + demo, f"{demo}model = 'x'\n", f"{demo}broken", demo):
            before = len(journal.text)
            edited(text)
            assert server.gateway.routes, "which looks at the file"
            told.append(journal.text[before:])
        assert told[0] == ""
        assert "config.toml was changed, and is in force" in told[1]
        assert "the last good configuration stays in force" in told[2]
        assert "config.toml was changed, and is in force" in told[3]


async def test_an_edit_of_the_address_is_told_to_need_a_restart(
    edited: Callable[[str], None], journal: Journal
) -> None:
    port = free_port()
    demo = '[profiles.first]\npreset = "demo"\n'
    edited(f"[serve]\nport = {port}\n{demo}")
    async with (
        running(Options(port=port, limits=replace(QUICK, edit_look_s=0.01))) as server,
        aiohttp.ClientSession(headers={"x-api-key": local_token().reveal()}) as session,
    ):

        async def moved() -> object:
            async with session.get(f"{server.url}/v1/status") as response:
                return (await response.json())["moved"]

        assert await moved() is None
        edited(f"[serve]\nport = 4\n{demo}")
        await journal.says("to listen at 127.0.0.1:4, gwproxy serve must be started again")
        assert await moved() == "127.0.0.1:4"
        edited(f"[serve]\nport = {port}\n{demo}")
        assert await moved() is None


async def test_an_edit_of_an_address_that_a_flag_has_set_needs_nothing(
    edited: Callable[[str], None],
) -> None:
    edited('[profiles.first]\npreset = "demo"\n')
    async with (
        running(Options(port=0, limits=QUICK)) as server,
        aiohttp.ClientSession(headers={"x-api-key": local_token().reveal()}) as session,
    ):
        edited('[serve]\nport = 4\n[profiles.first]\npreset = "demo"\n')
        async with session.get(f"{server.url}/v1/status") as response:
            assert (await response.json())["moved"] is None


async def test_a_rotated_token_is_in_force_at_once(gwproxy_home: Path) -> None:
    async with (
        running(Options(port=0, limits=QUICK)) as server,
        aiohttp.ClientSession() as session,
    ):

        async def status(token: str) -> int:
            url = f"{server.url}/v1/models"
            async with session.get(url, headers={"x-api-key": token}) as response:
                return response.status

        old = local_token().reveal()
        assert await status(old) == 503  # let in; there is no profile yet
        new = rotate_token().reveal()
        assert await status(old) == 401
        assert await status(new) == 503


async def test_a_taken_port_says_by_whom(gwproxy_home: Path) -> None:
    async with running(Options(port=0, limits=QUICK)) as server:
        with pytest.raises(ConfigError) as caught:
            async with running(Options(port=server.port, limits=QUICK)):
                pass
    assert f"port {server.port} of 127.0.0.1 is taken" in caught.value.what
    assert "a gwproxy" in caught.value.why
    assert caught.value.hint.startswith("gwproxy stop, or")
    assert "--port" in caught.value.hint


async def test_a_port_taken_by_somebody_else(gwproxy_home: Path, start_scripted: Any) -> None:
    async def not_ours(visit: Visit) -> None:
        await visit.answer(b'{"name":"something"}')

    other = await start_scripted(not_ours)
    with pytest.raises(ConfigError) as caught:
        async with running(Options(port=other.port, limits=QUICK)):
            pass
    assert "another program listens there" in caught.value.why
    assert caught.value.hint.startswith("stop that, or")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.7.7", "::", "example.org"])
async def test_other_machines_are_kept_out_unless_asked_for(host: str) -> None:
    with pytest.raises(UsageError):
        async with running(Options(host=host, port=0)):
            pass


async def test_only_loopback_is_listened_on(gwproxy_home: Path) -> None:
    async with running(Options(port=0, limits=QUICK)) as server:
        assert server.host == "127.0.0.1"


async def test_word_is_left_of_a_running_server(gwproxy_home: Path) -> None:
    path = gwproxy_home / "server.json"
    async with running(Options(port=0, limits=QUICK)) as server:
        with announced(server):
            word = json.loads(path.read_text())
            assert word["url"] == server.url
            assert word["pid"] == os.getpid()
            assert path.stat().st_mode & 0o077 == 0
        assert not path.exists()


async def test_the_line_of_an_exchange(start: Start, journal: Journal) -> None:
    async def script(visit: Visit) -> None:
        await visit.open_stream("x-request-id: up-9\r\n")
        await visit.chunk(chat_stream("Hel", "lo"))
        await visit.end_stream()

    gateway, _ = await start(script)
    body = messages("SECRET WORDS", stream=True, top_k=3)
    headers = {"User-Agent": "claude-cli/2.1.330 (external, cli)"}
    async with gateway.post("/v1/messages?beta=true&k=QUERY", body, headers=headers) as response:
        await response.read()
    record = await journal.exchange()
    fields = fields_of(record)
    assert fields["first_byte_s"] <= fields["duration_s"]
    expected = {
        "event": "exchange",
        "request_id": response.headers["x-gwproxy-request-id"],
        "client": "claude-cli/2.1.330",
        "path": "/v1/messages",
        "profile": "up",
        "client_dialect": "anthropic",
        "upstream_dialect": "chat",
        "model_asked": "m",
        "model_used": "up-model",
        "stream": True,
        "status": 200,
        "input_tokens": 11,
        "cached_tokens": None,
        "output_tokens": 3,
        "losses": ["drop:top_k"],
        "upstream_request_id": "up-9",
        "remark": None,
        "error": None,
    }
    assert {name: fields[name] for name in expected} == expected
    for secret in (TOKEN, KEY, "SECRET", "QUERY", "Hello"):
        assert secret not in journal.text


async def test_who_holds_the_line_of_an_exchange_holds_no_bodies(
    start: Start, journal: Journal, gwproxy_home: Path
) -> None:
    serve, kept = ServeSettings(capture=True), gwproxy_home / "captures"
    gateway, _ = await start(whole, serve=serve, options={"captures": kept})
    async with gateway.post("/v1/chat/completions", chat()) as response:
        assert response.status == 200
    record = await journal.exchange()
    await gateway.server.gateway.drain(5.0)
    assert (record.tape, record.put) == (None, None)


async def test_an_error_that_was_relayed_stands_in_the_line(start: Start, journal: Journal) -> None:
    """The client reads it in the upstream's own bytes; the log must not call it a success."""
    error = frames({"error": {"message": "no more", "type": "server_error"}})

    async def script(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(frames(chat_chunk({"content": "half"})) + error)
        await visit.end_stream()

    gateway, _ = await start(script)
    async with gateway.post("/v1/chat/completions", chat(stream=True)) as response:
        assert response.status == 200
        assert (await response.read()).endswith(error)
    record = await journal.exchange()
    assert (record.outcome.error, record.outcome.error_kind) == ("no more", "internal")


async def test_nothing_is_lost_in_silence_and_strictly_nothing_at_all(start: Start) -> None:
    gateway, upstream = await start(whole)
    body = messages(top_k=3)
    async with gateway.post("/v1/messages", body) as response:
        assert response.headers["x-gwproxy-loss"] == "drop:top_k"
    async with gateway.post("/v1/messages", body, headers={"x-gwproxy-strict": "1"}) as response:
        assert response.status == 400
        assert "drop:top_k" in (await response.json())["error"]["message"]
    async with gateway.post(
        "/v1/messages", messages(), headers={"x-gwproxy-strict": "1"}
    ) as response:
        assert response.status == 200
    assert len(upstream.visits) == 2


async def test_the_follower_of_edits_outlives_what_nobody_foresaw(
    journal: Journal, gwproxy_home: Path
) -> None:
    """It alone notices an edit while nobody asks for anything."""
    paths.write_private_file(paths.config_file(), b"")
    odd = Config(remarks=cast(Any, None))
    configs = [Config(), Config(), odd, Config(default="demo")]
    options = Options(
        port=0,
        limits=replace(QUICK, edit_look_s=0.01),
        load=lambda: configs.pop(0),
        read_token=lambda: Secret(TOKEN),
    )
    async with running(options) as server:
        paths.write_private_file(paths.config_file(), b"# an edit")
        await journal.says("edits of config.toml cannot be followed (TypeError: ")
        paths.write_private_file(paths.config_file(), b"# another one")
        await journal.says("edits of config.toml are followed again")
        (worker,) = (one for one in server.gateway._services.workers if one.state.failed)
        assert worker.state.trouble == ""
        assert configs == []
