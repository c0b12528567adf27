"""What the real tools take of their settings files, and what they merge, as `gwproxy setup` has it.

A new version of a tool that reads otherwise is found here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gwproxy.clients import claude_code, opencode
from gwproxy.clients.document import Tree, Uneditable
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.tomltext import TOML
from real_clients.coding_tools import CLAUDE_CODE, CODEX, OPENCLAW, OPENCODE, CodingTool
from real_clients.installed import needs
from real_clients.stage import SetStage
from real_clients.tasks import WRITE_AND_REPORT
from support.upstreams import CHAT_ONLY

pytestmark = pytest.mark.clients

JSON_TEXTS = {
    "strict": '{"username": "x"}',
    "BOM, CRLF": '\ufeff{\r\n"username": "x"\r\n}\r\n',
    "comment": '{ // mine\n"username": "x"}',
    "trailing comma": '{"username": "x",}',
    "bare key": '{username: "x"}',
    "single quotes": "{'username': 'x'}",
    "hexadecimal": '{"username": "x", "y": 0x1F}',
}

JSON5_TEXTS = {
    "strict": '{"gateway": {"port": 4321}}',
    "CRLF": '{\r\n"gateway": {"port": 4321}\r\n}\r\n',
    "comments": "/* mine */ {gateway: { // mine\nport: 4321}}",
    "all of JSON5": "{'gateway': {port: +0x10E1, auth: {token: 'a\\\nb',},},}",
    "a blank of Unicode": "{gateway:\u00a0{port: 4321}}",
    "two commas": "{gateway: {port: 4321,,}}",
    "an escaped digit": "{gateway: {port: 4321, auth: {token: '\\1'}}}",
    "no end": "{gateway: {port: 4321}",
}

TOML_TEXTS = {
    "BOM, CRLF": '\ufeffmodel = "m"\r\n',
    "inline table over lines": 'x = {\n  a = "b", # c\n  d = [1,\n2],\n}\n',
    "line end around the sign": "x = { a\n=\n1\n, b = 2 }\n",
    "escapes": 'x = "\\e[0m\\x41"\n"\\x41" = 1\n',
    "no seconds": "x = 07:32\ny = 1979-05-27T07:32Z\n",
    "two commas": "x = { a = 1,, }\n",
    "no value": "x = \n",
    "bare letters of others": "é = 1\n",
}


def is_taken(read: Callable[[str], Tree], text: str) -> bool:
    try:
        read(text)
    except Uneditable:
        return False
    return True


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())


@needs("claude")
@pytest.mark.parametrize("text", [*JSON_TEXTS.values()], ids=[*JSON_TEXTS])
async def test_claude_code_takes_what_we_say(set_stage: SetStage, text: str) -> None:
    """A file that it does not take is as if it were not there: nobody comes."""
    stage = await set_stage(CHAT_ONLY)
    settings = {"env": stage.by_hand() | {"CLAUDE_CODE_MAX_RETRIES": "0"}}
    inside = json.dumps(settings)[1:-1]
    # Behind the first brace, so that the oddity stays.
    write(stage.home / ".claude" / "settings.json", text.replace("{", f"{{{inside},", 1))
    await stage.run(["claude", "-p", "hi"], CLAUDE_CODE.environment)
    came = bool(stage.provider.requests)
    assert came == is_taken(claude_code.READING.form.read, text)


@needs("opencode")
@pytest.mark.parametrize("text", [*JSON_TEXTS.values()], ids=[*JSON_TEXTS])
async def test_opencode_takes_what_we_say(set_stage: SetStage, text: str) -> None:
    stage = await set_stage(CHAT_ONLY)
    write(stage.home / ".config" / "opencode" / "opencode.json", text)
    ran = await stage.run(["opencode", "debug", "config"], OPENCODE.environment)
    assert (ran.code == 0) == is_taken(opencode.READING.form.read, text), ran


@needs("openclaw")
@pytest.mark.parametrize("text", [*JSON5_TEXTS.values()], ids=[*JSON5_TEXTS])
async def test_openclaw_takes_what_we_say(set_stage: SetStage, text: str) -> None:
    stage = await set_stage(CHAT_ONLY)
    write(stage.home / ".openclaw" / "openclaw.json", text)
    ran = await stage.run(["openclaw", "config", "get", "gateway.port"])
    assert (ran.code == 0 and "4321" in ran.stdout) == is_taken(JSON.read, text), ran


@needs("codex")
@pytest.mark.parametrize("text", [*TOML_TEXTS.values()], ids=[*TOML_TEXTS])
async def test_codex_takes_what_we_say(set_stage: SetStage, text: str) -> None:
    stage = await set_stage(CHAT_ONLY)
    write(stage.home / ".codex" / "config.toml", text)
    ran = await stage.run(["codex", "mcp", "list"])
    assert (ran.code == 0) == is_taken(TOML.read, text), ran


ODD = [
    (OPENCLAW, ".openclaw/openclaw.json", "{ // mine\n  gateway: {port: 0x10E1,},\n}\n"),
    (CLAUDE_CODE, ".claude/settings.json", '\ufeff{\r\n\t"env": {}\r\n}\r\n'),
    (OPENCODE, ".config/opencode/opencode.jsonc", '{ // mine\n  "share": "disabled",\n}\n'),
    (
        CODEX,
        ".codex/config.toml",
        'model_providers = {\n  p = { name = "p", base_url = "http://127.0.0.1:9/v1" }, # mine\n}\n'
        'analytics.enabled = false # "\\e"\n',
    ),
]


@needs("claude", "opencode", "openclaw", "codex")
@pytest.mark.parametrize(("tool", "file", "text"), ODD, ids=[tool.name for tool, _, _ in ODD])
async def test_a_task_is_done_with_an_odd_file(
    set_stage: SetStage, tool: CodingTool, file: str, text: str
) -> None:
    stage = await set_stage(CHAT_ONLY)
    write(stage.home / file, text)
    stage.set_up(tool.name)
    await stage.perform(tool, WRITE_AND_REPORT)


@needs("opencode")
async def test_opencode_merges_the_files_that_we_know_in_our_order(set_stage: SetStage) -> None:
    stage = await set_stage(CHAT_ONLY)
    home, project = stage.home, stage.work
    ranked = [
        home / ".config" / "opencode" / "config.json",
        home / ".config" / "opencode" / "opencode.json",
        home / ".config" / "opencode" / "opencode.jsonc",
        project.parent / "opencode.json",
        project / "opencode.json",
        project / ".opencode" / "opencode.json",
        home / ".opencode" / "opencode.json",
    ]
    for rank, file in enumerate(ranked):
        write(file, json.dumps({"username": f"rank {rank}"}))
        ran = await stage.run(["opencode", "debug", "config"], OPENCODE.environment)
        assert json.loads(ran.stdout)["username"] == f"rank {rank}", file
