"""What the page lets in, what it lets out, and what it does with words that want to be more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from support.browser import Tab
from support.gateway import Start, TestGateway, chat, messages
from support.inspector import Page
from support.looking import LIVE, asked, kept, link, opened, rows, says
from support.scripted import Visit

pytestmark = pytest.mark.browser

HOSTILE = (
    "<img src=x onerror=\"window.hacked=1\"><svg onload='window.hacked=1'></svg>"
    "</script><script>window.hacked=1</script>{{7*7}}${window.hacked=1}"
    "javascript:window.hacked=1 \u202egnp.exe\u2066 \x1b[31m"
)
LONG = "w" * 5000


# --- the pass ------------------------------------------------------------------------------------


async def test_a_code_works_once_and_its_secret_survives_a_reload(
    tab: Tab, gateway: TestGateway
) -> None:
    address = await link(gateway)
    tab.home = gateway.url
    await tab.go(address)
    await tab.until(LIVE)
    assert await tab.evaluate("location.hash") == "#/"
    history = (await tab.call("Page.getNavigationHistory"))["entries"]
    assert [entry["url"] for entry in history if "code=" in entry["url"]] == []
    assert await tab.evaluate("document.cookie") == ""
    assert await tab.evaluate("localStorage.length") == 0
    await tab.call("Page.reload")
    await tab.until(LIVE)
    # A tab of its own has a session storage of its own: there the link is worth nothing any more.
    await tab.evaluate("sessionStorage.clear()")
    await tab.go("about:blank")
    await tab.go(address)
    await tab.until(says("main", "That link was not taken"))
    assert "gwproxy ui makes a new one" in await tab.text("main")
    assert await tab.evaluate("sessionStorage.length") == 0
    tab.console.clear()  # the browser tells of the 403


async def test_without_a_link_there_is_nothing_to_see(tab: Tab, gateway: TestGateway) -> None:
    await asked(gateway, chat())
    tab.home = gateway.url
    await tab.go(f"{gateway.url}/ui/#/profiles")
    await tab.until(says("main", "Open it with gwproxy ui"))
    assert not [one for one in tab.requests if "/api/" in one["url"]]


async def test_the_secret_goes_in_a_header_and_in_no_address(
    tab: Tab, gateway: TestGateway
) -> None:
    await opened(tab, gateway)
    secret = await tab.evaluate("sessionStorage.getItem('gwproxy-page')")
    for view in ("usage", "profiles", ""):
        await tab.evaluate(f"location.hash = '#/{view}'")
        await tab.until("Boolean(document.querySelector('main h1'))")
    assert all(secret not in one["url"] for one in tab.requests)
    asked_of_api = [one for one in tab.requests if "/ui/api/" in one["url"]]
    assert {one["headers"].get("x-gwproxy-page") for one in asked_of_api[1:]} == {secret}


# --- pages of others -----------------------------------------------------------------------------


@pytest.fixture
async def another_site() -> AsyncIterator[str]:
    """A page of another port of this host."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>other</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/"
    await runner.cleanup()


REACH = """
(async () => {
  const [home, secret, code] = %s;
  const got = {};
  const reading = async (name, path, options) => {
    try {
      const answer = await fetch(home + path, options);
      got[name] = answer.type === "opaque" ? "opaque" : await answer.text();
    } catch { got[name] = null; }
  };
  const mine = { headers: { "x-gwproxy-page": secret } };
  await reading("read", "/ui/api/exchanges");
  await reading("read with the secret", "/ui/api/exchanges", mine);
  await reading("read without cors", "/ui/api/exchanges", { mode: "no-cors" });
  await reading("events", "/ui/api/events", mine);
  await reading("the page", "/ui/");
  await reading("enter", "/ui/api/enter", { method: "POST", body: JSON.stringify({ code }) });
  await reading("enter without cors", "/ui/api/enter",
    { method: "POST", mode: "no-cors", body: JSON.stringify({ code }) });
  await reading("capture", "/ui/api/capture", { ...mine, method: "POST", body: '{"on":true}' });
  try {
    got.module = Object.keys(await import(home + "/ui/session.js"));
  } catch { got.module = null; }
  got.script = await new Promise((done) => {
    const one = document.createElement("script");
    one.src = home + "/ui/words.js";
    one.onload = () => done("loaded");
    one.onerror = () => done(null);
    document.head.append(one);
  });
  got.frame = await new Promise((done) => {
    const one = document.createElement("iframe");
    one.src = home + "/ui/";
    one.onload = () => {
      try { done(one.contentDocument.title); } catch { done(null); }
    };
    document.body.append(one);
  });
  return got;
})()
"""


async def test_a_page_of_another_port_gets_nothing(
    tab: Tab, gateway: TestGateway, another_site: str
) -> None:
    """Not even with a secret and a code that are right, which it cannot know."""
    await asked(gateway, messages("words that are nobody's business"))
    page = Page(gateway)
    await page.enter()
    code = await page.code()
    await tab.go(another_site)
    await tab.until("document.title === 'other'")
    got = await tab.evaluate(REACH % json.dumps([gateway.url, page.secret, code]))
    assert {name: found for name, found in got.items() if found not in (None, "opaque")} == {}
    assert (await page.swap(code)).status == 200, "the code was not used up"
    told = (await page.get("/ui/api/profiles")).json
    assert told["captures"] is False
    tab.console.clear()  # every try was told of


# --- words that want to be more ------------------------------------------------------------------


async def test_hostile_words_are_read_and_nothing_else(
    tab: Tab, start: Start, tmp_path: Path
) -> None:
    async def hostile(visit: Visit) -> None:
        message = {"role": "assistant", "content": HOSTILE + LONG}
        answer = {"model": HOSTILE, "choices": [{"index": 0, "message": message}]}
        answer["choices"][0]["finish_reason"] = "stop"  # type: ignore[index]
        if b"fail" in visit.body:
            await visit.answer(
                json.dumps({"error": {"message": HOSTILE + LONG}}).encode(), status=400
            )
        else:
            await visit.answer(json.dumps(answer).encode())

    gateway, _ = await start(hostile, options=kept(tmp_path, capture=True))
    agent = {"user-agent": "<img/src=x>"}
    body: dict[str, Any] = {**chat(HOSTILE + LONG), HOSTILE: HOSTILE}
    body["model"] = "<b>bold</b>" + LONG
    ids = [await asked(gateway, body, **agent), await asked(gateway, chat("fail"), **agent)]
    await tab.size(360, 740)
    await opened(tab, gateway)
    await tab.until(rows(2))
    await unharmed(tab)
    for request_id in ids:
        await tab.evaluate(f"location.hash = '#/exchange/{request_id}'")
        await tab.until("document.querySelectorAll('.pane').length === 4")
        await tab.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        await tab.until(says("main", "onerror"))
        await tab.until(says("main", "U+202E"))
        await unharmed(tab)
    for view in ("usage", "profiles"):
        await tab.evaluate(f"location.hash = '#/{view}'")
        await tab.until("Boolean(document.querySelector('main h1'))")
        await unharmed(tab)


async def unharmed(tab: Tab) -> None:
    assert await tab.evaluate("window.hacked === undefined")
    strange = "main img, main script, main b, main svg [onload], main iframe"
    assert await tab.evaluate(f"document.querySelectorAll('{strange}').length") == 0
    assert "\u202e" not in await tab.evaluate("document.body.innerText")
    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_policy_is_in_force(tab: Tab, gateway: TestGateway) -> None:
    """Nobody's words become markup; and even then nothing of them would run."""
    await opened(tab, gateway)
    refused = await tab.evaluate(
        """["innerHTML", "outerHTML"].map((how) => {
          const one = document.createElement("div");
          document.body.append(one);
          try {
            one[how] = '<img src="http://127.0.0.1:9/x" onerror="window.hacked=1">';
          } catch (error) {
            return error.name;
          }
        })"""
    )
    assert refused == ["TypeError", "TypeError"]
    await tab.evaluate(
        """{
          const one = document.createElement("img");
          one.setAttribute("src", "http://127.0.0.1:9/x");
          document.body.append(one);
          const style = document.createElement("style");
          style.textContent = "main { display: none }";
          document.body.append(style);
        }"""
    )
    await tab.until("new Promise((go) => setTimeout(() => go(true), 200))")
    assert await tab.evaluate("window.hacked === undefined")
    assert await tab.evaluate("getComputedStyle(document.querySelector('main')).display !== 'none'")
    assert any("Content Security Policy" in words for words in tab.console)
    assert any("TrustedHTML" in words for words in tab.console)
    tab.console.clear()
    tab.home = ""
