"""The page's own thinking: what differs in two bodies, and events out of text in any pieces.

The modules run in the browser that runs the page: there is no second JavaScript here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.browser import Tab
from support.gateway import TestGateway
from support.looking import opened

pytestmark = pytest.mark.browser

COMPARED = """
import("/ui/json.js").then((json) => {
  const [how, before, after] = %s;
  const value = { before: json.parse(before), after: json.parse(after) };
  const marks = json[how](value.before, value.after);
  const told = (side) => {
    const found = {};
    const walk = (one, path) => {
      if (marks[side].of(path)) found[path] = marks[side].of(path);
      for (const [name, inner] of json.members(one) ?? []) walk(inner, json.pathTo(path, name));
    };
    walk(value[side], "");
    return found;
  };
  return [told("before"), told("after")];
})
"""

CASES: list[tuple[str, str, str, dict[str, str], dict[str, str]]] = [
    ("byPath", '{"a":1,"b":2}', '{"b":2,"a":1}', {}, {}),
    ("byPath", '{"a":1}', '{"a":2,"c":3}', {"/a": "changed"}, {"/a": "changed", "/c": "added"}),
    ("byPath", "[1,2,3]", "[1,3]", {"/1": "removed"}, {}),
    ("byPath", "[1,3]", "[0,1,2,3]", {}, {"/0": "added", "/2": "added"}),
    ("byPath", '[{"x":1},{"y":1}]', '[{"x":2},{"y":1}]', {"/0/x": "changed"}, {"/0/x": "changed"}),
    ("byPath", '{"a/b":{"~":1}}', '{"a/b":{}}', {"/a~1b/~0": "removed"}, {}),
    ("byPath", '{"__proto__":1}', "{}", {"/__proto__": "removed"}, {}),
    ("byPath", "[[1],[2]]", "{}", {"": "changed"}, {"": "changed"}),
    # Figures that a JavaScript number cannot hold.
    ("byPath", '{"n":12345678901234567890}', '{"n":12345678901234567891}',
     {"/n": "changed"}, {"/n": "changed"}),
    ("byPath", '{"n":12345678901234567890}', '{"n":12345678901234567890}', {}, {}),
    ("byValue", '{"max_tokens":64,"seed":77}', '{"max_completion_tokens":64}',
     {"/seed": "removed"}, {}),
    ("byValue", '{"stream":true,"store":true}', '{"stream":true}', {"/store": "removed"}, {}),
    ("byValue", '{"input":{"path":"a.md"}}', '{"arguments":"{\\"path\\": \\"a.md\\"}"}', {}, {}),
    ("byValue", '{"role":"user","content":[{"type":"text","text":"hi there"}]}',
     '{"role":"tool","content":"hi there"}', {}, {}),
    ("byValue", '["You are a helpful assistant of many words."]',
     '["Before. You are a helpful assistant of many words. After."]', {}, {"/0": "changed"}),
    ("byValue", '["What is on this picture?"]',
     '["What is on this picture? (a picture was here, and was left out)"]', {}, {"/0": "changed"}),
    ("byValue", '["%s"]' % ("a long text " * 50),
     '["%s and an afterthought"]' % ("a long text " * 50), {}, {"/0": "changed"}),
    ("byValue", '["The first of two texts","The second of them"]',
     '["The first of two texts\\n\\nThe second of them"]', {}, {}),
    ("byValue", '["What is on this picture?"]',
     '["What is on this picture?","Something else entirely"]', {}, {"/1": "added"}),
    ("byValue", '{"source":{"type":"base64","media_type":"image/png","data":"%s"}}' % ("Ab0/" * 9),
     '{"image_url":{"url":"data:image/png;base64,%s"}}' % ("Ab0/" * 9), {}, {}),
    ("byValue", '{"cache_control":{"type":"ephemeral"}}', "{}",
     {"/cache_control/type": "removed"}, {}),
]  # fmt: skip


async def test_what_differs_in_two_bodies(tab: Tab, gateway: TestGateway) -> None:
    await opened(tab, gateway)
    for how, before, after, removed, added in CASES:
        found = await tab.evaluate(COMPARED % json.dumps([how, before, after]))
        assert found == [removed, added], (how, before, after)


async def test_large_bodies_are_compared_in_no_time_to_speak_of(
    tab: Tab, gateway: TestGateway
) -> None:
    """What is walked more often than a few times would not come back at all."""
    await opened(tab, gateway)
    turns: list[Any] = [{"role": "user", "content": f"turn {n} " + "x" * 300} for n in range(5000)]
    shifted = [{"role": "user", "content": "new"}, *turns[:2500], *turns[2501:]]
    for how in ("byPath", "byValue"):
        found = await tab.evaluate(
            COMPARED % json.dumps([how, json.dumps(turns), json.dumps(shifted)])
        )
        assert found[0] and found[1], how


STREAM = (
    'event: one\r\ndata: {"a":\r\ndata: 1}\r\n\r\n: a comment\n\ndata:two é \U0001f600\n\n'
    "id: 3\rdata: three\r\revent: lost\n\n\nevent: cut\ndata: of"
)


IN_PIECES = """
import("/ui/events.js").then(({ EventReader, eventsOf }) => {
  const text = %s;
  const told = (events) => events.map(({ name, data }) => [name, data]);
  const whole = eventsOf(text);
  const complete = JSON.stringify(told(whole.slice(0, -1)));
  const odd = [];
  for (let cut = 0; cut <= text.length; cut++) {
    const reader = new EventReader();
    const events = [...reader.push(text.slice(0, cut)), ...reader.push(text.slice(cut))];
    if (JSON.stringify(told(events)) !== complete) odd.push(cut);
  }
  const last = whole.at(-1);
  return { events: told(whole), cut: last.cut, odd, end: last.end === text.length };
})
"""


async def test_the_same_events_in_whatever_pieces_they_come(tab: Tab, gateway: TestGateway) -> None:
    await opened(tab, gateway)
    found = await tab.evaluate(IN_PIECES % json.dumps(STREAM))
    assert found == {
        "events": [["one", '{"a":\n1}'], ["", "two é \U0001f600"], ["", "three"], ["cut", "of"]],
        "cut": True,
        "odd": [],
        "end": True,
    }


async def test_each_event_has_the_time_of_its_last_byte(tab: Tab, gateway: TestGateway) -> None:
    await opened(tab, gateway)
    found = await tab.evaluate(
        """import("/ui/events.js").then(({ eventsOf, withTimes }) => {
          const text = "data: é\\n\\ndata: b\\n\\ndata: c\\n\\n";
          const times = [[10, 9], [20, 4], [30, 6], [40, 9]];
          return withTimes(eventsOf(text), text, times).map(({ ms }) => ms);
        })"""
    )
    assert found == [20, 30, 40]


async def test_words_for_figures(tab: Tab, gateway: TestGateway) -> None:
    await opened(tab, gateway)
    found = await tab.evaluate(
        """import("/ui/words.js").then(({ span, brief, money, percent, tool, plural }) => [
          [0, 812, 2900, 59960, 192000, 7260000, null].map(span),
          [0, 999, 12400, 999600, 3100000, null].map(brief),
          [money(0, "USD"), money(6234, "USD"), money(1500000, "credits"), money(31200, "USD"),
            money(1, "USD"), money(null, "USD")],
          [0.996, 1, 0].map(percent),
          ["claude-cli/2.1", "curl/8/x", "", null].map((one) => Object.values(tool(one)).join("|")),
          [plural(1, "event"), plural(1200, "event")],
        ])"""
    )
    assert found == [
        ["0 ms", "812 ms", "2.9 s", "1 min 0 s", "3 min 12 s", "2 h 1 min", "–"],
        ["0", "999", "12.4k", "1.0M", "3.1M", "–"],
        ["$0", "$0.0062", "1.50 credits", "$0.031", "$0.0000…", "–"],
        ["99 %", "100 %", "0 %"],
        ["Claude Code|2.1", "curl|8/x", "unnamed|", "unnamed|"],
        ["1 event", "1,200 events"],
    ]
