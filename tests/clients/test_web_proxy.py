"""A web proxy between a tool and the gateway: told where it is in the way, and kept out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.surroundings import gateway, places
from gwproxy.clients import claude_code, web_proxy
from gwproxy.clients.effective import claude_code_now
from gwproxy.clients.ways import claude_code_way

BASE = "http://127.0.0.1:4979"
USER = "/home/me/.claude/settings.json"
LOOPBACK = "127.0.0.1,localhost,::1"


@pytest.mark.parametrize(
    ("base", "environ", "warned"),
    [
        ("http://127.0.0.1:1", {}, False),
        ("http://127.0.0.1:1", {"HTTP_PROXY": "http://p"}, True),
        ("http://127.0.0.1:1", {"all_proxy": "http://p", "NO_PROXY": "example.com"}, True),
        ("http://127.0.0.1:1", {"HTTP_PROXY": "http://p", "NO_PROXY": "x, 127.0.0.1"}, False),
        ("http://127.0.0.1:1", {"HTTP_PROXY": "http://p", "no_proxy": "*"}, False),
        ("http://localhost:1", {"HTTP_PROXY": "http://p", "no_proxy": "127.0.0.1"}, True),
        ("https://api.kimi.com", {"HTTP_PROXY": "http://p"}, False),
    ],
)
def test_a_web_proxy_in_the_way_is_warned_of(
    base: str, environ: dict[str, str], warned: bool
) -> None:
    assert (web_proxy.warning(base, environ) is not None) is warned


lists = st.lists(st.sampled_from(["corp.example", "127.0.0.1", " .x ", "", "*"])).map(",".join)


@given(lists, lists)
def test_a_list_with_loopback_loses_no_host_and_names_none_twice(one: str, other: str) -> None:
    whole = web_proxy.with_loopback(one, other).split(",")
    assert {each.strip() for each in f"{one},{other}".split(",")} - {""} <= set(whole)
    assert len(set(whole)) == len(whole)
    assert web_proxy.exempts("127.0.0.1", ",".join(whole))
    assert web_proxy.with_loopback(*whole) == ",".join(whole)


def test_each_tool_is_warned_of_what_takes_it_away() -> None:
    for tool, names in web_proxy.TAKEN_BY.items():
        warned = {
            name for name in web_proxy.VARIABLES if web_proxy.warning(BASE, {name: "p"}, tool)
        }
        assert warned == set(names), tool
    assert web_proxy.warning(BASE, {"HTTP_PROXY": "p", "no_proxy": "127.0.0.1"}, "codex") is None


@pytest.mark.parametrize("name", web_proxy.VARIABLES)
@pytest.mark.parametrize("where", ["the shell", USER, "/projects/app/.claude/settings.local.json"])
def test_claude_code_takes_every_one_of_them_for_loopback(name: str, where: str) -> None:
    """Also HTTPS_PROXY, for an address that begins with http: (seen with 2.1.330)."""
    told = {} if where == "the shell" else {where: f'{{"env": {{"{name}": "http://p:1"}}}}'}
    environ = {"ANTHROPIC_BASE_URL": BASE} | ({} if told else {name: "http://p:1"})
    here = places(environ, files=told)
    assert claude_code_way(here).web_proxy.startswith(f"{name} ({where}) takes its requests")
    assert claude_code_now(here).no_proxy(BASE, Path(USER)) == LOOPBACK
    exempt = places(environ | {"no_proxy": "a,127.0.0.1"}, files=told)
    assert claude_code_way(exempt).web_proxy == ""
    assert claude_code_now(exempt).no_proxy(BASE, Path(USER)) == ""


@pytest.mark.parametrize(
    ("shell", "written", "wanted"),
    [
        ({}, "", ""),
        ({"NO_PROXY": "corp"}, "", ""),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "corp"}, "", f"corp,{LOOPBACK}"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a", "no_proxy": "b"}, "", f"a,b,{LOOPBACK}"),
        ({"HTTPS_PROXY": "", "NO_PROXY": "corp"}, "", ""),
        # What stands in the file is in force, whatever the shell says; and it stays there.
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "mine", f"mine,{LOOPBACK}"),
        ({"HTTPS_PROXY": "http://p:1"}, f"x,{LOOPBACK}", f"x,{LOOPBACK}"),
        ({}, f"x,{LOOPBACK}", ""),
    ],
)
def test_the_list_in_force_is_written_with_loopback(
    shell: dict[str, str], written: str, wanted: str
) -> None:
    text = f'{{"env": {{"NO_PROXY": "{written}", "no_proxy": "{written}"}}}}' if written else "{}"
    found = claude_code_now(places(shell, files={USER: text})).no_proxy(BASE, Path(USER))
    assert found == wanted


def test_no_list_is_written_where_no_web_proxy_is_in_force() -> None:
    assert not claude_code.environment(gateway()).keys() & set(web_proxy.NO_PROXY)
