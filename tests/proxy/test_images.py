"""Images by address reach upstreams that take only data, and no address inside the house does."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gwproxy.proxy.upstream.images import Images, is_public
from gwproxy.simulator import DEMO, KIMI_CODE, KIMI_K25, Rule, strictly
from support.conversations import PNG
from support.gateway import KEY, QUICK, TOKEN, StartGateway, TestGateway, messages
from support.provider import StartProvider, record
from support.scripted import ScriptedUpstream, StartScripted, Visit

PICTURE = base64.b64decode(PNG)
ANYWHERE: dict[str, Any] = {"may_reach": lambda _: True}


async def show(visit: Visit) -> None:
    await visit.answer(PICTURE, content_type="application/octet-stream")


def nothing_there(visit: Visit) -> Awaitable[None]:
    return visit.answer(b"gone", status=404)


def redirecting(location: str) -> Callable[[Visit], Awaitable[None]]:
    def script(visit: Visit) -> Awaitable[None]:
        return visit.answer(b"", status=302, extra=f"location: {location}\r\n")

    return script


# --- what may be reached -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # where clouds keep the keys of a machine
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:192.168.1.1",
        "64:ff9b::7f00:1",
        "::7f00:1",
        "2002:7f00:1::",
        "fec0::1",
        "feff::1",
        "64:ff9b:1::7f00:1",
        "64:ff9b:1:ffff::808:808",
        "::ffff:0:127.0.0.1",
        "::ffff:0:10.0.0.1",
    ],
)
def test_addresses_of_this_machine_and_its_network_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "93.184.215.14",
        "::ffff:0:8.8.8.8",
        "2606:2800:21f:cb07::1",
        "64:ff9b::5db8:d70e",
        "::ffff:8.8.8.8",
        "2002:808:808::",
    ],
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "127.1"]
)
async def test_no_spelling_of_this_machine_is_connected_to(
    start_scripted: StartScripted, host: str
) -> None:
    inside = await start_scripted(show)
    images = Images(QUICK)
    address = f"http://{host}:{inside.port}/x.png"
    found = (await images.fetch([address]))[address]
    await images.close()
    assert found.why
    assert inside.connections == 0


async def test_a_redirect_into_the_house_is_not_followed(start_scripted: StartScripted) -> None:
    inside = await start_scripted(show)
    outside = await start_scripted(redirecting(f"http://[::ffff:127.0.0.1]:{inside.port}/x.png"))
    public = ipaddress.ip_address("127.0.0.1")
    images = Images(QUICK, lambda address: address == public)
    found = (await images.fetch([outside.url]))[outside.url]
    await images.close()
    assert found.why
    assert (outside.connections, inside.connections) == (1, 0)


# --- what comes back -----------------------------------------------------------------------------


async def fetched(
    start_scripted: StartScripted, script: Callable[[Visit], Awaitable[None]], **limits: Any
) -> tuple[str, ScriptedUpstream]:
    """Why the image of `script` cannot be had."""
    host = await start_scripted(script)
    images = Images(replace(QUICK, **limits), lambda _: True)
    found = (await images.fetch([host.url]))[host.url]
    await images.close()
    return found.why, host


async def test_an_image_too_large_is_not_read_to_its_end(start_scripted: StartScripted) -> None:
    async def endless(visit: Visit) -> None:
        await visit.open_stream()
        while True:
            await visit.chunk(PICTURE + bytes(65_536))

    why, host = await fetched(start_scripted, endless, image_bytes=100_000)
    assert why == "it has more than 100000 bytes"
    assert not host.errors


async def test_a_slow_image_is_not_waited_for(start_scripted: StartScripted) -> None:
    async def never(visit: Visit) -> None:
        await visit.wait_until_gone()

    why, host = await fetched(start_scripted, never, images_s=0.05)
    assert why == "it took longer than 0.05 s"
    await host.visits[0].gone.wait()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (nothing_there, "HTTP 404"),
        (lambda visit: visit.answer(b"<svg/>", content_type="image/svg+xml"), "is no PNG"),
        (lambda visit: visit.answer(b"", content_type="image/png"), "is no PNG"),
        (redirecting("/again"), "more than 4 redirects"),
        (redirecting("file:///etc/passwd"), "no address"),
        (lambda visit: visit.send(b"nonsense\r\n\r\n"), "did not answer in HTTP"),
    ],
    ids=["missing", "svg", "empty", "circle", "other scheme", "not HTTP"],
)
async def test_what_is_no_image_says_why(
    start_scripted: StartScripted, script: Callable[[Visit], Awaitable[None]], words: str
) -> None:
    why, _ = await fetched(start_scripted, script)
    assert words in why


@pytest.mark.parametrize("address", ["http://", "http://[::", "http://a b/", "http://x:99999/"])
async def test_what_is_no_address_says_so(address: str) -> None:
    images = Images(QUICK, lambda _: True)
    found = (await images.fetch([address]))[address]
    await images.close()
    assert found.why


async def test_what_nobody_foresaw_costs_one_image(
    start_scripted: StartScripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(encoded: str) -> str:
        raise ZeroDivisionError("nobody foresaw it")

    monkeypatch.setattr("gwproxy.proxy.upstream.images.sniffed", stumble)
    upstream = await start_scripted(show)
    images = Images(QUICK, **ANYWHERE)
    found = await images.fetch([f"{upstream.url}/a", "http://["])
    await images.close()
    assert [one.why for one in found.values()] == [
        "it cannot be fetched (ZeroDivisionError)",
        "that is no address",
    ]
    assert "nobody foresaw it" in caplog.text


async def test_images_are_kept_for_the_next_turn_and_not_without_end(
    start_scripted: StartScripted,
) -> None:
    host = await start_scripted(show)
    limits = replace(QUICK, kept_images_bytes=2 * len(PNG) + 100)
    images = Images(limits, lambda _: True)
    one, two, three = (f"{host.url}/{name}" for name in "123")
    await images.fetch([one, two])
    await images.fetch([one, two])
    assert len(host.visits) == 2
    await images.fetch([three])
    await images.fetch([two, three])
    assert len(host.visits) == 3
    await images.fetch([one])
    assert len(host.visits) == 4
    await images.close()


async def test_an_image_that_two_ask_for_at_once_is_kept_once(
    start_scripted: StartScripted,
) -> None:
    host = await start_scripted(show)
    images = Images(replace(QUICK, kept_images_bytes=2 * len(PNG)), lambda _: True)
    both = await asyncio.gather(images.fetch([host.url]), images.fetch([host.url]))
    assert [found[host.url].data for found in both] == [PNG, PNG]
    before = len(host.visits)
    await images.fetch([host.url])
    assert len(host.visits) == before
    await images.close()


async def test_no_more_are_fetched_at_once_than_a_request_may_have(
    start_scripted: StartScripted,
) -> None:
    host = await start_scripted(show)
    images = Images(replace(QUICK, images=2), lambda _: True)
    found = await images.fetch([f"{host.url}/{number}" for number in range(3)])
    await images.close()
    assert [one.why for one in found.values()] == ["", "", "more than 2 at once"]
    assert len(host.visits) == 2


# --- through the gateway -------------------------------------------------------------------------


def by_address(address: str) -> list[dict[str, Any]]:
    return [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "source": {"type": "url", "url": address}},
    ]


async def answered(
    gateway: TestGateway, path: str, body: dict[str, Any]
) -> tuple[int, str, dict[str, Any]]:
    async with gateway.post(path, body) as response:
        lost = response.headers.get("x-gwproxy-loss", "")
        return response.status, lost, await response.json()


async def test_the_strictest_kimi_gets_the_image_itself(
    start_gateway: StartGateway, start_provider: StartProvider, start_scripted: StartScripted
) -> None:
    provider = await start_provider(strictly(KIMI_CODE))
    up = {"preset": "kimi-code", "anthropic_url": provider.anthropic_url}
    host = await start_scripted(show)
    gateway = await start_gateway({"up": up}, options=ANYWHERE)
    address = f"{host.url}/x.png?signature=s3cret"
    url = {"type": "image_url", "image_url": {"url": address}}
    asked = {
        "/v1/messages": messages()
        | {"messages": [{"role": "user", "content": by_address(address)}]},
        "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": [url]}]},
        "/v1/responses": {
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_image", "image_url": address}]}],
        },
    }
    for path, body in asked.items():
        status, lost, answer = await answered(gateway, path, body)
        assert status == 200, answer
        assert "emu:messages.image" in lost
        sent = json.dumps(provider.generations[-1].body)
        assert PNG in sent
        assert "s3cret" not in sent
    # One for all three; and nothing of ours or the client's went to whoever keeps the image.
    (visit,) = host.visits
    assert TOKEN.encode() not in visit.head
    assert KEY.encode() not in visit.head


async def test_an_image_that_is_not_there_is_refused_at_first_and_noted_later(
    start_gateway: StartGateway, start_provider: StartProvider, start_scripted: StartScripted
) -> None:
    provider = await start_provider(strictly(KIMI_K25))
    host = await start_scripted(nothing_there)
    gateway = await start_gateway({"up": record(provider, "kimi-k25")}, options=ANYWHERE)
    address = f"{host.url}/x.png?signature=s3cret"
    asked = {"role": "user", "content": by_address(address)}
    status, _, answer = await answered(gateway, "/v1/messages", messages() | {"messages": [asked]})
    assert status == 400
    assert f"{host.url}/x.png cannot be fetched: HTTP 404" in answer["error"]["message"]
    assert "s3cret" not in answer["error"]["message"]
    assert not provider.generations
    # The address has expired meanwhile: that must not be the end of the session.
    turns = [asked, {"role": "assistant", "content": "A cat."}, {"role": "user", "content": "Why?"}]
    status, lost, _ = await answered(gateway, "/v1/messages", messages() | {"messages": turns})
    assert status == 200
    assert "drop:messages.image" in lost
    assert "cannot be fetched: HTTP 404" in json.dumps(provider.generations[-1].body)


async def test_nothing_is_fetched_for_an_upstream_that_fetches_for_itself(
    start_gateway: StartGateway, start_provider: StartProvider, start_scripted: StartScripted
) -> None:
    provider = await start_provider()
    host = await start_scripted(show)
    up = record(provider, "custom", model="demo-1", dialects=["chat"])
    gateway = await start_gateway({"up": up}, options=ANYWHERE)
    asked = {"role": "user", "content": by_address(host.url)}
    status, _, _ = await answered(gateway, "/v1/messages", messages() | {"messages": [asked]})
    assert status == 200
    assert host.url in json.dumps(provider.generations[-1].body)
    assert not host.visits


async def test_why_the_image_was_not_sent_instead_stands_in_the_log(
    start_gateway: StartGateway, start_provider: StartProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider = await start_provider(replace(DEMO, rules=frozenset({Rule.IMAGES})))
    gateway = await start_gateway({"up": record(provider, "custom", model="demo-1")})
    content = by_address("http://127.0.0.1:9/x.png")
    body = messages() | {"messages": [{"role": "user", "content": content}]}
    status, _, answer = await answered(gateway, "/v1/messages", body)
    assert status == 400
    assert "unsupported image url" in answer["error"]["message"]
    assert "not mended: messages: the image at http://127.0.0.1:9/x.png cannot" in caplog.text


async def test_a_host_that_turns_out_to_fetch_nothing_is_asked_once_more_with_the_image(
    start_gateway: StartGateway, start_provider: StartProvider, start_scripted: StartScripted
) -> None:
    provider = await start_provider(replace(DEMO, rules=frozenset({Rule.IMAGES})))
    host = await start_scripted(show)
    gateway = await start_gateway(
        {"up": record(provider, "custom", model="demo-1")}, options=ANYWHERE
    )
    body = messages() | {"messages": [{"role": "user", "content": by_address(host.url)}]}
    status, lost, _ = await answered(gateway, "/v1/messages", body)
    assert (status, "image_urls=false" in lost) == (200, True)
    status, lost, _ = await answered(gateway, "/v1/messages", body)
    assert (status, "heal" in lost) == (200, False)
    assert [one.status for one in provider.generations] == [400, 200, 200]
    assert all(PNG in json.dumps(one.body) for one in provider.generations[1:])
