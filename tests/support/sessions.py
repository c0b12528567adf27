"""Long sessions of real shape, held by each agent with a simulated model: ten turns of thinking,
parallel calls, an interrupted call, an image, a tool search and a compaction.
"""

from __future__ import annotations

import json
from typing import Final

from gwproxy.simulator import PlayedAnswer, PlayedQuestion, call
from gwproxy.simulator.caller import CODECS, CallerAnswer
from gwproxy.simulator.caller.answers import unframed
from gwproxy.simulator.conversation import fresh_results, last_question
from support.agents import (
    Agent,
    ClaudeCode,
    Codex,
    ForgetfulCodex,
    OpenClaw,
    OpenCode,
    Sanitizing,
)
from support.gateway import TestGateway

AGENTS: dict[str, type[Agent]] = {
    "claude-code": ClaudeCode,
    "opencode": OpenCode,
    "openclaw": OpenClaw,
    "codex": Codex,
    "sanitizing": Sanitizing,
    "forgetful codex": ForgetfulCodex,
}

# What the person says; the simulated model does what the words name.
SAID: Final = (
    "good morning",
    "one file, please",
    "two files in parallel",
    "one more file",
    "INTERRUPTED",
    "never mind, two files in parallel",
    "a picture",
    "a search",
    "COMPACT one file, please",
    "thank you",
)


def converse(asked: PlayedQuestion) -> PlayedAnswer:
    """The simulated model."""
    if fresh_results(asked.entries):
        return PlayedAnswer("I have read it.", thinking="Now I know what it says.")
    said = last_question(asked.entries)
    thinking = f"They say: {said[:20]}"
    if "parallel" in said:
        calls = (call("Read", path="a.py"), call("Read", path="b.py"))
        return PlayedAnswer("Both.", thinking=thinking, calls=calls)
    if "picture" in said:
        return PlayedAnswer(thinking=thinking, calls=(call("Screenshot", path="x"),))
    if "search" in said:
        return PlayedAnswer(thinking=thinking, calls=(call("ToolSearch", path="tickets"),))
    if "file" in said:
        return PlayedAnswer(thinking=thinking, calls=(call("Read", path="a.py"),))
    return PlayedAnswer("You are welcome.", thinking=thinking)


async def ask(gateway: TestGateway, agent: Agent, *, streamed: bool) -> CallerAnswer:
    codec = CODECS[agent.dialect]
    path = codec.path
    for _ in range(1 + agent.patience):
        async with gateway.post(path, agent.body(streamed), headers=agent.headers) as response:
            body = await response.read()
        if response.status == 200:
            break
    assert response.status == 200, body
    heard = codec.streamed(unframed(body)) if streamed else codec.whole(json.loads(body))
    agent.heard(heard)
    return heard


async def hold_session(gateway: TestGateway, agent: Agent) -> None:
    for number, said in enumerate(SAID):
        if said == "INTERRUPTED":
            agent.say("one file that never comes")
            assert (await ask(gateway, agent, streamed=True)).calls
            continue
        if said.startswith("COMPACT"):
            agent.compact()
        agent.say(said)
        heard = await ask(gateway, agent, streamed=number % 2 == 0)
        while heard.calls:
            agent.give(heard.calls, image="picture" in said)
            heard = await ask(gateway, agent, streamed=number % 3 == 0)
        assert heard.text
