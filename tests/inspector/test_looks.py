"""The page for every eye, size and hand: names, contrast, room, motion."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from support.browser import Tab
from support.gateway import StartGateway, TestGateway, chat, messages
from support.looking import asked, kept, opened, rows
from support.scripted import StartScripted, Visit, whole

pytestmark = pytest.mark.browser

CONTROLS: Final = {"button", "link", "searchbox", "combobox", "checkbox", "textbox"}

CONTRAST: Final = """
(() => {
  const channel = (c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const pixel = (...layers) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const layer of layers) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const found = [];
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const text = words.currentNode.textContent.trim();
    const element = words.currentNode.parentElement;
    if (!text || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest("option, script, noscript, .unseen")) continue;
    const style = getComputedStyle(element);
    const grounds = ["#ffffff"];
    const below = [];
    for (let one = element; one; one = one.parentElement) {
      below.unshift(getComputedStyle(one).backgroundColor);
    }
    grounds.push(...below);
    const ground = pixel(...grounds);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const value = ratio(light(pixel(...grounds, ink)), light(ground));
    const where = element.className?.baseVal ?? element.className;
    if (value < 4.5) found.push(`${value.toFixed(2)} ${text.slice(0, 40)} ${where}`);
  }
  return found;
})()
"""


async def seed(visit: Visit) -> None:
    """A provider that refuses `seed`, answers otherwise, and fails where that is asked for."""
    if b"fail" in visit.body:
        await visit.answer(b'{"error":{"message":"it is out of order"}}', status=500)
    elif "seed" in visit.json:
        error = {"message": "Unknown parameter: 'seed'.", "param": "seed"}
        await visit.answer(json.dumps({"error": error}).encode(), status=400)
    else:
        await whole(visit)


@pytest.fixture
async def house(
    start_gateway: StartGateway, start_scripted: StartScripted, tmp_path: Path
) -> AsyncIterator[tuple[TestGateway, list[str]]]:
    """A gateway with something to see in every view; the exchanges, the newest last."""
    upstream = await start_scripted(seed)
    prices = {"input": 3.0, "output": 15.0}
    records: dict[str, dict[str, Any]] = {
        "up": {"openai_url": upstream.url, "model": "up-model", "prices": prices},
        "kimi": {"preset": "kimi-code"},
    }
    options = kept(tmp_path, capture=True)
    gateway = await start_gateway(records, options=options)
    agents = ["claude-cli/2.1.330", "codex_cli_rs/0.104.0", "opencode/1.18.33"]
    bodies = [chat(seed=7), messages("hi", top_k=4), chat("fail")]
    ids = [
        await asked(gateway, body, **{"user-agent": agent})
        for body, agent in zip(bodies, agents, strict=True)
    ]
    yield gateway, ids


async def views(tab: Tab, house: tuple[TestGateway, list[str]]) -> AsyncIterator[str]:
    """Shows every view after another, with its name."""
    gateway, ids = house
    if not tab.home:
        await opened(tab, gateway)
    await tab.evaluate("location.hash = '#/'")
    await tab.until(rows(3))
    yield "exchanges"
    for name, request_id in zip(("healed", "translated", "failed"), ids, strict=True):
        await tab.evaluate(f"location.hash = '#/exchange/{request_id}'")
        await tab.until("document.querySelectorAll('.pane').length === 4")
        yield name
    await tab.evaluate("location.hash = '#/usage'")
    await tab.until("document.querySelectorAll('.plain tbody tr').length > 0")
    yield "usage"
    await tab.evaluate("location.hash = '#/profiles'")
    await tab.until("document.querySelectorAll('.profile-card').length === 2")
    await tab.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    yield "profiles"


async def test_everything_has_a_role_and_a_name(
    tab: Tab, house: tuple[TestGateway, list[str]]
) -> None:
    async for view in views(tab, house):
        tree = await tab.tree()
        roles = [role for role, _ in tree]
        assert [name for role, name in tree if role in CONTROLS and not name.strip()] == [], view
        for landmark in ("banner", "main", "navigation"):
            assert landmark in roles, (view, landmark)
        assert await tab.evaluate("document.querySelectorAll('h1').length") == 1, view
        assert ("link", "Usage") in tree and ("link", "Profiles") in tree
        current = await tab.texts("nav [aria-current]")
        assert len(current) == 1, view
        if view == "exchanges":
            heads = [name for role, name in tree if role == "columnheader"]
            assert heads == [
                "Time", "Tool", "Profile", "Model", "Status", "Wait", "Tokens", "Cost",
                "Lost or changed",
            ]  # fmt: skip
            assert roles.count("row") == 4
            assert ("searchbox", "Search model, tool, error, loss") in tree
        if view in ("healed", "translated"):
            images = [name for role, name in tree if role in ("image", "img")]
            assert any(re.search(r"gwproxy's own work: \d+ ms", name) for name in images), images
    # A small window changes the drawing and not the words.
    await tab.size(360, 740)
    await tab.evaluate("location.hash = '#/'")
    await tab.until(rows(3))
    roles = [role for role, _ in await tab.tree()]
    assert (roles.count("columnheader"), roles.count("row")) == (9, 4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_word_stands_out_enough(
    tab: Tab, house: tuple[TestGateway, list[str]], scheme: str
) -> None:
    """4.5 : 1, WCAG 2.2 AA, against what is really behind it."""
    await tab.prefer(scheme)
    weak = {}
    async for view in views(tab, house):
        weak[view] = await tab.evaluate(CONTRAST)
    assert {view: words for view, words in weak.items() if words} == {}
    # The measure itself can fail.
    await tab.evaluate("document.querySelector('h1').style.color = '#777'")
    assert await tab.evaluate(CONTRAST)


@pytest.mark.parametrize("width", [360, 800, 1280])
async def test_there_is_room_for_it_on_every_screen(
    tab: Tab, house: tuple[TestGateway, list[str]], width: int
) -> None:
    await tab.size(width, 800)
    async for view in views(tab, house):
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), view


async def test_nothing_moves_where_that_is_asked_for(tab: Tab, gateway: TestGateway) -> None:
    await opened(tab, gateway)
    moving = """(() => {
      const one = document.createElement("span");
      one.className = "state running";
      document.querySelector("main").append(one);
      return getComputedStyle(one, "::before").animationName;
    })()"""
    assert await tab.evaluate(moving) == "breathe"
    await tab.prefer("light", motion="reduce")
    assert await tab.evaluate(moving) == "none"


async def test_the_focus_can_be_seen_wherever_it_goes(
    tab: Tab, house: tuple[TestGateway, list[str]]
) -> None:
    gateway, _ = house
    await opened(tab, gateway)
    await tab.until(rows(3))
    seen = set()
    for _ in range(14):
        await tab.key("Tab")
        seen.add(
            await tab.evaluate(
                """(() => {
                  const one = document.activeElement;
                  const style = getComputedStyle(one);
                  return [one.localName, style.outlineStyle, style.outlineWidth].join();
                })()"""
            )
        )
    assert {one.partition(",")[2] for one in seen if not one.startswith("body")} == {"solid,2px"}
    assert {one.partition(",")[0] for one in seen} >= {"a", "input", "select"}


async def test_a_bar_of_the_chart_says_its_figures_to_hand_and_key(
    tab: Tab, house: tuple[TestGateway, list[str]]
) -> None:
    gateway, _ = house
    await opened(tab, gateway)
    await tab.evaluate("location.hash = '#/usage'")
    await tab.until("document.querySelectorAll('.column[tabindex]').length === 1")
    await tab.evaluate("document.querySelector('.column[tabindex]').focus()")
    words = await tab.text(".readout")
    assert re.search(r"^\d{4}-\d\d-\d\d: 3 exchanges, \d+ tokens in", words), words
    assert words == await tab.evaluate("document.activeElement.getAttribute('aria-label')")
    for by, wanted in (("Profile", "up"), ("Tool", "Claude Code 2.1.330"), ("Model", "up-model")):
        button = f"[...document.querySelectorAll('.choice button')].find({having(by)})"
        await tab.evaluate(f"{button}.focus()")
        await tab.key("Enter")
        await tab.until(f"[...document.querySelectorAll('.plain tbody th')].some({having(wanted)})")
        assert await tab.evaluate("document.activeElement.innerText") == by
        assert await tab.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"


def having(words: str) -> str:
    return f"(one) => one.innerText === {words!r}"
