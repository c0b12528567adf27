"""One exchange on the page: its times, losses and figures, and the four panes of a capture."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gwproxy.simulator import DEMO, PlayedAnswer, RunningSimulator
from support.browser import Tab
from support.gateway import TOKEN, Start, StartGateway, TestGateway, chat, messages
from support.looking import asked, kept, opened, row_of, says
from support.provider import StartProvider
from support.scripted import Visit, whole

pytestmark = pytest.mark.browser

UNFOLD = "document.querySelectorAll('details').forEach((one) => (one.open = true))"
PANES = "document.querySelectorAll('.pane').length === 4"


async def looked_at(tab: Tab, gateway: TestGateway, request_id: str) -> None:
    """The page of that exchange, with its panes."""
    await opened(tab, gateway)
    await tab.evaluate(f"location.hash = '#/exchange/{request_id}'")
    await tab.until(PANES)


async def marked(tab: Tab, pane: int, kind: str) -> list[str]:
    """What is marked so in one of the panes: names and values."""
    return [
        " ".join(words.split())
        for words in await tab.evaluate(
            f"""[...document.querySelectorAll('.pane')[{pane}].querySelectorAll('.leaf.{kind}')]
                .map((one) => one.innerText)"""
        )
    ]


async def test_of_a_translation_what_has_no_equal_on_the_other_side_is_marked(
    tab: Tab, start_gateway: StartGateway, provider: RunningSimulator, tmp_path: Path
) -> None:
    record = {"openai_url": provider.openai_url, "model": "demo-1", "dialects": ["chat"]}
    gateway = await start_gateway({"up": record}, options=kept(tmp_path, capture=True))
    tool = {"name": "Read", "description": "Reads.", "input_schema": {"type": "object"}}
    body = messages("What is it about?", stream=True, top_k=40, tools=[tool])
    body["system"] = "You are helpful, and you say so in one long line."
    request_id = await asked(gateway, body)
    await looked_at(tab, gateway, request_id)

    assert "Messages translated to Chat Completions, streamed" in await tab.text(".sentence")
    assert await tab.texts(".changes code") == ["drop:top_k"]
    assert "top_k was left out: only the Messages format has it" in await tab.text(".changes")
    sent = await marked(tab, 0, "removed")
    assert any(line.endswith("top_k: 40") for line in sent), sent
    assert not any("You are helpful" in line or "What is it" in line for line in sent), sent
    assert any(line.endswith("model: demo-1") for line in await marked(tab, 1, "added"))
    assert await tab.texts(".pane h3") == [
        "What the tool sent", "What the provider got", "What the provider answered",
        "What the tool got",
    ]  # fmt: skip
    assert "message_start" in await tab.text(".pane:nth-of-type(2) .events, .panes + .panes")
    assert await tab.evaluate("document.querySelectorAll('.events').length") == 2


async def test_a_turn_that_lost_its_picture_is_found_in_the_list_and_understood(
    tab: Tab, start_gateway: StartGateway, provider: RunningSimulator, tmp_path: Path
) -> None:
    quirks = {"vision": False}
    record = {"openai_url": provider.openai_url, "model": "demo-1", "quirks": quirks}
    gateway = await start_gateway({"up": record}, options=kept(tmp_path, capture=True))
    data = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
        "rkJggg=="
    )
    source = {"type": "base64", "media_type": "image/png", "data": data}
    shown = [{"type": "text", "text": "What is on it?"}, {"type": "image", "source": source}]
    body = messages("And what colour is it?")
    body["messages"][:0] = [
        {"role": "user", "content": shown},
        {"role": "assistant", "content": "A cat."},
    ]
    request_id = await asked(gateway, body)
    await opened(tab, gateway)
    await tab.until(says(f"{row_of(request_id)} .notes", "image"))
    await tab.click(f"{row_of(request_id)} td.model")
    await tab.until(PANES)
    assert "image" in await tab.text(".changes")
    assert any(data[:40] in line for line in await marked(tab, 0, "removed"))
    assert not any("What is on it?" in line for line in await marked(tab, 0, "removed"))


async def test_a_cache_that_is_lost_is_marked_and_leads_to_the_turn_before(
    tab: Tab, start_gateway: StartGateway, start_provider: StartProvider, tmp_path: Path
) -> None:
    provider = await start_provider(
        replace(DEMO, caching="marked"), lambda _: PlayedAnswer("Done.")
    )
    record = {"anthropic_url": provider.anthropic_url, "model": "demo-1"}
    gateway = await start_gateway({"up": record}, options=kept(tmp_path))

    async def ask(clock: str, *turns: str) -> str:
        mark = {"cache_control": {"type": "ephemeral"}}
        text = f"{clock} You write code, and you do it with care. " * 400
        body = messages(system=[{"type": "text", "text": text, **mark}])
        done = {"role": "assistant", "content": "Done."}
        body["messages"] = [
            part for turn in turns for part in ({"role": "user", "content": turn}, done)
        ][:-1]
        return await asked(gateway, body, **{"x-claude-code-session-id": "s-1"})

    before, broken = await ask("12:00", "one"), await ask("12:01", "one", "two")
    await opened(tab, gateway)
    await tab.until(says(f"{row_of(broken)} .notes", "Cache lost"))
    assert "Cache lost" not in await tab.text(row_of(before))
    await tab.evaluate(f"location.hash = '#/exchange/{broken}'")
    await tab.until(says(".callout.warn", "The prompt cache stopped working here"))
    assert "system[0].text" in await tab.text(".callout.warn")
    await tab.click(".callout.warn a")
    await tab.until(f"location.hash === '#/exchange/{before}'")


async def test_of_the_same_format_each_member_that_differs_is_marked(
    tab: Tab, start_gateway: StartGateway, provider: RunningSimulator, tmp_path: Path
) -> None:
    record = {"anthropic_url": provider.anthropic_url, "model": "demo-1", "dialects": ["anthropic"]}
    gateway = await start_gateway({"up": record}, options=kept(tmp_path, capture=True))
    request_id = await asked(gateway, messages(stream=True, model="claude-sonnet-4-6"))
    await looked_at(tab, gateway, request_id)
    assert [line.split(": ", 1)[1] for line in await marked(tab, 0, "changed")] == [
        "model: claude-sonnet-4-6"
    ]
    assert [line.split(": ", 1)[1] for line in await marked(tab, 1, "changed")] == ["model: demo-1"]
    assert await tab.evaluate("document.querySelectorAll('.leaf').length > 4"), "the rest is there"
    # Of the stream, too, only the event with the model's name.
    assert await tab.texts(".events .within") == ["differs", "differs"]
    await tab.click(".events details.changed summary")
    await tab.until(says(".events details.changed", "model: demo-1"))


async def test_every_try_can_be_looked_at(tab: Tab, start: Start, tmp_path: Path) -> None:
    async def learns(visit: Visit) -> None:
        if "seed" in visit.json:
            words = "Unknown parameter: 'seed'."
            error = {"message": words, "type": "invalid_request_error", "param": "seed"}
            await visit.answer(json.dumps({"error": error}).encode(), status=400)
        else:
            await whole(visit)

    gateway, upstream = await start(learns, options=kept(tmp_path, capture=True))
    request_id = await asked(gateway, chat(seed=7))
    assert len(upstream.visits) == 2
    await looked_at(tab, gateway, request_id)
    assert await tab.texts(".toolbar .choice button") == ["Try 1: up, 400", "Try 2: up, 200"]
    (gone,) = await marked(tab, 0, "removed")
    assert gone.endswith("seed: 7")
    await tab.click(".toolbar .choice button")
    await tab.until(says(".panes + .panes .pane", "Unknown parameter"))
    assert await marked(tab, 0, "removed") == []


async def test_the_events_of_a_stream_have_the_times_at_which_they_came(
    tab: Tab, start: Start, tmp_path: Path
) -> None:
    def piece(text: str) -> bytes:
        delta = {"choices": [{"index": 0, "delta": {"content": text}}]}
        return f"data: {json.dumps(delta)}\n\n".encode()

    async def slowly(visit: Visit) -> None:
        await visit.open_stream()
        await visit.chunk(piece("one "))
        await asyncio.sleep(0.25)
        await visit.chunk(piece("two"))
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        await visit.chunk(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
        await visit.end_stream()

    gateway, _ = await start(slowly, options=kept(tmp_path, capture=True))
    request_id = await asked(gateway, chat(stream=True))
    await looked_at(tab, gateway, request_id)
    gists = await tab.texts(".events .gist")
    assert [gist.strip() for gist in gists[:2]] == ["one", "two"]
    when = await tab.texts(".events .when")
    assert all(when), when
    first, second = (int(one.removesuffix(" ms")) for one in when[:2])
    assert second - first >= 200
    await tab.click(".spoken summary")
    await tab.until(says(".spoken .text", "one two"))


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
async def test_the_copied_command_asks_the_same_again(
    tab: Tab, start: Start, tmp_path: Path
) -> None:
    gateway, upstream = await start(whole, options=kept(tmp_path, capture=True))
    request_id = await asked(gateway, chat('it\'s "quoted" $HOME `id` \\ é\n'))
    await looked_at(tab, gateway, request_id)
    await tab.click(".toolbar > button")
    await tab.until(says("#live", "Copied"))
    command = await tab.evaluate("navigator.clipboard.readText()")
    assert TOKEN not in command and "$GWPROXY_TOKEN" in command
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f"{command} --noproxy '*'"),
        env={"PATH": os.environ["PATH"], "GWPROXY_TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, trouble = await process.communicate()
    assert process.returncode == 0, trouble
    assert json.loads(said)["choices"], said
    bodies: list[Any] = [visit.json for visit in upstream.visits]
    assert len(bodies) == 2 and bodies[0] == bodies[1]
    await tab.click(".toolbar > button + button")
    await tab.until(
        f"navigator.clipboard.readText().then((t) => t === 'gwproxy replay {request_id}')"
    )


async def test_without_captures_it_can_be_read_and_capturing_be_switched_on(
    tab: Tab,
    gateway: TestGateway,
    start_gateway: StartGateway,
    tmp_path: Path,
    provider: RunningSimulator,
) -> None:
    record = {"anthropic_url": provider.anthropic_url, "model": "demo-1"}
    gateway = await start_gateway({"up": record}, options=kept(tmp_path))
    first = await asked(gateway, messages("a secret plan"))
    await opened(tab, gateway)
    await tab.evaluate(f"location.hash = '#/exchange/{first}'")
    await tab.until(says(".words", "were not kept"))
    assert "at most 100 are kept" in await tab.text(".words")
    assert "secret plan" not in await tab.text("main")
    for title in ("Where the time went", "Lost or changed on the way", "Tokens and cost"):
        assert title in await tab.text(".facts")
    assert (await tab.evaluate("document.querySelector('.bar').ariaLabel")).startswith(
        ("gwproxy's own work", "Waiting")
    )
    await tab.click(".words button.primary")
    await tab.until(says(".words", "Capturing is on"))
    second = await asked(gateway, messages("a secret plan"))
    await tab.evaluate(f"location.hash = '#/exchange/{second}'")
    await tab.until(PANES)
    await tab.evaluate(UNFOLD)
    await tab.until(says("main", "a secret plan"))
    await tab.evaluate("location.hash = '#/profiles'")
    await tab.until(says("main", "on, for this run"))
    await tab.click(".capture button")
    await tab.until(says(".capture", "Capture from now on"))


async def test_an_exchange_that_nobody_knows(tab: Tab, gateway: TestGateway) -> None:
    await opened(tab, gateway)
    await tab.evaluate("location.hash = '#/exchange/req_nobody'")
    await tab.until(says("main", "There is no such exchange"))
    tab.console.clear()  # the browser tells of the 404
