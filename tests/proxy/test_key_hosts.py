"""A running server and the keyring: a key goes where it was given for, whatever is edited."""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gwproxy.profiles import changes, credentials, key_hosts, store
from gwproxy.profiles.local_token import local_token
from gwproxy.profiles.secret import Secret
from gwproxy.proxy.serving import Options, running
from support.gateway import KEY, QUICK, chat, messages
from support.keyrings import stored
from support.scripted import (
    ScriptedUpstream,
    StartScripted,
    whole,
)

REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/messages": messages(),
    "/v1/chat/completions": chat(),
    "/v1/responses": {"model": "m", "input": "hi"},
}


@dataclass
class Live:
    """A server on config.toml and the keyring of the test, and two providers."""

    url: str
    session: aiohttp.ClientSession
    first: ScriptedUpstream
    second: ScriptedUpstream
    config: Path

    async def ask(self, path: str, *, stream: bool = False) -> tuple[int, Any]:
        body = REQUESTS[path] | {"stream": stream}
        async with self.session.post(self.url + path, json=body) as response:
            return response.status, await response.json(content_type=None)

    def edit(self, old: str, new: str) -> None:
        text = self.config.read_text(encoding="utf-8")
        assert old in text
        self.config.write_text(text.replace(old, new), encoding="utf-8")


def in_keyring(key_file: Path, **keys: str) -> None:
    entries = {f"gwproxy:{name} api-key": key for name, key in keys.items()}
    key_file.write_text(json.dumps(entries), encoding="utf-8")


@pytest.fixture
async def live(key_file: Path, start_scripted: StartScripted) -> AsyncIterator[Live]:
    """The profile `up` of 0.1.0, its key in the keyring."""
    first, second = await start_scripted(whole), await start_scripted(whole)
    in_keyring(key_file, up=KEY)
    config = key_file.parent / "gwproxy" / "config.toml"
    with config.open("a", encoding="utf-8") as file:
        file.write(f'[profiles.up]\nopenai_url = "{first.url}"\nmodel = "m"\n')
    async with (
        running(Options(port=0, limits=QUICK)) as server,
        aiohttp.ClientSession(headers={"x-api-key": local_token().reveal()}) as session,
    ):
        yield Live(server.url, session, first, second, config)


def keys_of(upstream: ScriptedUpstream) -> set[str]:
    return {visit.headers.get("authorization", "") for visit in upstream.visits}


@pytest.mark.parametrize("path", REQUESTS)
async def test_an_edited_host_gets_no_key_until_somebody_says_so(
    live: Live, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await live.ask(path))[0] == 200
    live.edit(live.first.url, live.second.url)
    for stream in (False, True):
        status, answer = await live.ask(path, stream=stream)
        assert status == 503
        assert ("type" in answer) is (path == "/v1/messages")
        said = answer["error"]["message"]
        assert "the key of up was given for 127.0.0.1:" in said
        assert "gwproxy profile key up --confirm" in said
    assert not live.second.visits
    assert caplog.text.count("now (gwproxy profile key up takes a new key") == 1  # when edited

    up = store.load().profile("up")
    store.edit(partial(key_hosts.give, name="up", hosts=key_hosts.hosts_of(up)))
    assert (await live.ask(path))[0] == 200
    assert keys_of(live.second) == {f"Bearer {KEY}"}


@pytest.mark.parametrize("path", REQUESTS)
async def test_a_broken_edit_leaves_the_key_where_it_was(live: Live, path: str) -> None:
    """The first request of a profile asks the keyring by the configuration in force."""
    live.edit("[profiles.up]", "[profiles.up")
    assert (await live.ask(path))[0] == 200
    assert keys_of(live.first) == {f"Bearer {KEY}"}


async def test_a_new_key_goes_to_the_new_host_and_the_old_one_nowhere(live: Live) -> None:
    assert (await live.ask("/v1/messages"))[0] == 200
    config = store.load()
    url = (("openai_url",), live.second.url)
    config = store.edit(partial(changes.set_values, name="up", assignments=[url]))
    assert (await live.ask("/v1/messages"))[0] == 503
    up, keyring = config.profile("up"), credentials.keyring_of(config)
    credentials.give_key(up, Secret("a-key-of-the-second"), keyring, lambda document: None)
    assert (await live.ask("/v1/messages"))[0] == 200
    assert keys_of(live.second) == {"Bearer a-key-of-the-second"}


async def test_what_0_1_0_stored_is_noted_with_the_first_request(
    live: Live, key_file: Path
) -> None:
    live.edit("[profiles.up]", '[profiles.other]\npreset = "strongwall"\n[profiles.up]')
    live.edit("keyring_backend", 'default = "up"\nkeyring_backend')
    assert store.load().is_of_0_1_0
    assert (await live.ask("/v1/messages"))[0] == 200
    hosts = tomllib.loads(live.config.read_text(encoding="utf-8"))["key_hosts"]
    assert hosts == {
        "other": ["api.strongwall.ai"],
        "up": [live.first.url.removeprefix("http://").removesuffix("/v1")],
    }


async def test_a_server_deletes_what_a_locked_keyring_kept(live: Live, key_file: Path) -> None:
    in_keyring(key_file, up=KEY, gone="left")
    store.edit(partial(key_hosts.give, name="gone", hosts=()))
    assert (await live.ask("/v1/messages"))[0] == 200
    assert stored(key_file) == {"gwproxy:up api-key": KEY}
    assert store.load().left_keys == ()


async def test_a_profile_made_anew_gets_nothing_of_the_one_before(live: Live) -> None:
    assert (await live.ask("/v1/messages"))[0] == 200
    store.edit(partial(changes.remove_profile, name="up"))
    record = {"model": "m", "openai_url": live.second.url}
    store.edit(partial(changes.add_profile, name="up", record=record))
    status, answer = await live.ask("/v1/messages")
    assert (status, live.second.visits) == (503, [])
    assert "there is no key for the profile up" in answer["error"]["message"]
