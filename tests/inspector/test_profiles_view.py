"""The profiles on the page, and the one thing about them that it changes: a lesson is forgotten."""

from __future__ import annotations

import json

import pytest

from gwproxy.simulator import RunningSimulator
from support.browser import Tab
from support.gateway import KEY, TOKEN, Start, StartGateway, TestGateway, chat, messages
from support.looking import asked, opened, says
from support.scripted import Visit, whole

pytestmark = pytest.mark.browser


async def test_a_key_is_shown_by_where_it_is_and_its_end(tab: Tab, gateway: TestGateway) -> None:
    await asked(gateway, chat())
    await opened(tab, gateway)
    await tab.evaluate("location.hash = '#/profiles'")
    await tab.until(says("main", "keyring"))
    shown = await tab.evaluate("document.documentElement.outerHTML")
    assert KEY not in shown and TOKEN not in shown
    assert KEY[-4:] in shown


async def test_who_reads_is_not_disturbed_by_what_happens(
    tab: Tab, start_gateway: StartGateway, provider: RunningSimulator
) -> None:
    record = {"anthropic_url": provider.anthropic_url, "quirks": {"vision": False}}
    gateway = await start_gateway({"up": {**record, "model": "demo-1"}})
    await opened(tab, gateway)
    await tab.evaluate("location.hash = '#/profiles'")
    await tab.until(says("main", "none yet"))
    await tab.evaluate("document.querySelector('.more-of summary').focus()")
    await tab.key("Enter")
    await tab.until(says(".more-of", "vision"))
    await asked(gateway, messages())
    await tab.until(says("main", "just now"))
    assert await tab.evaluate("document.querySelector('.more-of').open")
    assert await tab.evaluate("document.activeElement.localName") == "summary"


async def test_a_lesson_is_forgotten_after_a_second_word(tab: Tab, start: Start) -> None:
    async def learns(visit: Visit) -> None:
        if "seed" in visit.json:
            error = {"message": "Unknown parameter: 'seed'.", "param": "seed"}
            await visit.answer(json.dumps({"error": error}).encode(), status=400)
        else:
            await whole(visit)

    gateway, upstream = await start(learns)
    await asked(gateway, chat(seed=7))
    await opened(tab, gateway)
    await tab.evaluate("location.hash = '#/profiles'")
    await tab.until(says(".lessons", "seed"))
    await tab.click(".lessons .actions button")
    await tab.until("document.activeElement.innerText === 'Keep it'")
    await tab.key("Enter")
    await tab.until(says(".lessons .actions", "Forget"))
    assert await tab.evaluate("document.activeElement.innerText") == "Forget"
    await tab.key("Enter")
    await tab.click(".lessons .danger")
    await tab.until(
        "document.querySelector('.profile-card') && !document.querySelector('.lessons')"
    )
    sent = len(upstream.visits)
    await asked(gateway, chat(seed=7))
    assert len(upstream.visits) == sent + 2, "it was asked for anew"
