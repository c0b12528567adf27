"""The list of exchanges, as a person with a keyboard looks at it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gwproxy.simulator import RunningSimulator
from support.browser import Tab
from support.gateway import Start, StartGateway, TestGateway, chat, messages
from support.looking import asked, kept, opened, row_of, rows, says
from support.scripted import Visit, whole

pytestmark = pytest.mark.browser


def stands_on(number: int) -> str:
    """True of the page when the focus is in that row of its list."""
    shown = "[...document.querySelectorAll('tr[data-id]')]"
    return f"{shown}.findIndex((row) => row.contains(document.activeElement)) === {number}"


FOCUSED = "document.activeElement.closest('tr')?.dataset.id"


async def test_who_has_nothing_yet_is_told_what_to_do(tab: Tab, gateway: TestGateway) -> None:
    await opened(tab, gateway)
    await tab.until(says("main", "Nothing has come through yet"))
    await tab.click("button[aria-label='Copy: gwproxy setup claude-code']")
    await tab.until(says("#live", "Copied"))
    assert await tab.evaluate("navigator.clipboard.readText()") == "gwproxy setup claude-code"


async def test_a_row_is_there_while_its_exchange_runs_and_then_says_how_it_ended(
    tab: Tab, start: Start, tmp_path: Path
) -> None:
    visits: list[Visit] = []

    async def waits(visit: Visit) -> None:
        visits.append(visit)
        await visit.go_on.wait()
        await whole(visit)

    gateway, _ = await start(waits, options=kept(tmp_path))
    await opened(tab, gateway)
    exchange = asyncio.create_task(asked(gateway, chat(), **{"user-agent": "opencode/1.18.33 x"}))
    await tab.until(rows(1))
    await tab.until(says(".exchanges td.status", "Waiting"))
    await tab.until("document.title.startsWith('(1) ')")
    assert await tab.text(".exchanges td.tool") == "OpenCode\n1.18.33"
    model = (await tab.text(".exchanges td.model")).split()
    assert model == ["m", "→", "answered", "by", "up-model"]
    assert "127.0.0.1" in await tab.text(".exchanges td.profile")
    visits[0].go_on.set()
    request_id = await exchange
    await tab.until(says(f"{row_of(request_id)} .status", "Done\n200"))
    await tab.until("document.title === 'Exchanges · gwproxy'")
    await tab.until(says("#today", "1 exchange"))


async def test_a_failure_says_why_in_the_row(tab: Tab, start: Start, tmp_path: Path) -> None:
    async def refuses(visit: Visit) -> None:
        await visit.answer(b'{"error":{"message":"your account is empty"}}', status=402)

    gateway, _ = await start(refuses, options=kept(tmp_path))
    await opened(tab, gateway)
    request_id = await asked(gateway, chat())
    await tab.until(says(f"{row_of(request_id)} .status", "Failed"))
    await tab.until(says(f"{row_of(request_id)} .notes", "your account is empty"))


async def test_the_keyboard_walks_opens_and_comes_back(tab: Tab, gateway: TestGateway) -> None:
    for _ in range(3):
        await asked(gateway, chat())
    await opened(tab, gateway)
    await tab.until(rows(3))
    for key, wanted in zip("jjjjk", (0, 1, 2, 2, 1), strict=True):
        await tab.key(key)
        await tab.until(stands_on(wanted))
    middle = await tab.evaluate(FOCUSED)
    await tab.key("Enter")
    await tab.until(f"location.hash === '#/exchange/{middle}'")
    await tab.until("document.activeElement.localName === 'h1'")
    await tab.key("j")
    await tab.until(f"!['', '#/exchange/{middle}'].includes(location.hash)")
    await tab.until("document.activeElement.localName === 'h1'")
    await tab.key("Escape")
    await tab.until(stands_on(2))


async def test_the_row_that_is_stood_on_stays_so_when_others_come(
    tab: Tab, gateway: TestGateway
) -> None:
    first = await asked(gateway, chat())
    await opened(tab, gateway)
    await tab.until(rows(1))
    await tab.key("j")
    await tab.until(f"{FOCUSED} === {first!r}")
    for _ in range(3):
        await asked(gateway, chat())
    await tab.until(rows(4))
    assert await tab.evaluate(FOCUSED) == first


async def test_filters_by_text_errors_profile_and_tool(
    tab: Tab, start_gateway: StartGateway, provider: RunningSimulator, tmp_path: Path
) -> None:
    records = {
        "one": {"anthropic_url": provider.anthropic_url, "model": "demo-1"},
        "two": {"openai_url": "http://127.0.0.1:9", "model": "demo-1"},
    }
    gateway = await start_gateway(records, options=kept(tmp_path))
    claude = await asked(gateway, messages(), **{"user-agent": "claude-cli/2.1.330 (external)"})
    await asked(gateway, messages(model="two/x"), **{"user-agent": "codex_cli_rs/0.104.0"})
    await opened(tab, gateway)
    await tab.until(rows(2))
    await tab.key("/")
    await tab.write("claude code")
    await tab.until(rows(1))
    assert await tab.evaluate(f"Boolean(document.querySelector('{row_of(claude)}'))")
    await tab.until(says("#live", "1 exchange"))
    await tab.write(" and nothing else")
    await tab.until(says("main", "No exchange on this page matches"))
    await tab.click(".empty button")
    await tab.until(rows(2))
    await tab.click(".tick input")
    await tab.until(rows(1))
    assert await tab.text(".exchanges td.tool") == "Codex\n0.104.0"
    await tab.click(".tick input")
    pick = "const one = document.querySelector('select[aria-label={}]');"
    pick += "one.value = {!r}; one.dispatchEvent(new Event('change'))"
    await tab.evaluate("{" + pick.format("Profile", "one") + "}")
    await tab.until(rows(1))
    await tab.evaluate("{" + pick.format("Tool", "Codex") + "}")
    await tab.until(rows(0))


TAKEN = """
import("/ui/store.js").then(({ take }) => take(%s.map((n) =>
  ({ request_id: `req_${n}`, started_ms: n, state: "failed", losses: [], changes: [] }))))
"""


async def test_at_most_five_hundred_rows_are_kept(tab: Tab, gateway: TestGateway) -> None:
    await opened(tab, gateway)
    await tab.evaluate(TAKEN % "Array.from({ length: 700 }, (_, n) => n)")
    await tab.until(rows(500))
    shown = "[...document.querySelectorAll('tr[data-id]')].map((row) => row.dataset.id)"
    found = await tab.evaluate(shown)
    assert (found[0], found[-1]) == ("req_699", "req_200")
    # An old one that was asked for (only errors, say) is there all the same.
    await tab.evaluate(TAKEN % "[7]")
    await tab.until(f"{shown}.at(-1) === 'req_7'")
    assert await tab.evaluate(rows(500))
