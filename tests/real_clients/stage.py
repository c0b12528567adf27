"""The stage of one test: a simulated provider, `gwproxy serve`, and a client's own machine.

    stage = await set_stage(CHAT_ONLY)
    stage.set_up("claude-code")
    finished = await stage.perform(CLAUDE_CODE, WRITE_AND_REPORT)

Everything is as a person has it, but for the provider: the profile by `gwproxy profile add`, the
key in the environment of the gateway alone, the client's settings by `gwproxy setup`, sockets and
processes real. `perform` holds every run to the same promises: the files, the words, one request
for each turn, nothing refused, the thinking back where it was thought, and no key where the
client could read it.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from gwproxy.simulator import PlayedKind, Recorded, RunningSimulator
from gwproxy.simulator.conversation import (
    DialectName,
    PlayedQuestion,
    PlayedResult,
    PlayedThought,
    assistant_turns,
)
from gwproxy.simulator.play import DIALECTS
from gwproxy.simulator.script import THINKING
from real_clients.coding_tools import TIME_LIMIT_S, CodingTool
from real_clients.installed import PROGRAMS, SYSTEM_PATH
from real_clients.processes import Gateway, run_limited
from real_clients.tasks import Task
from support.cli import Ran
from support.upstreams import Upstream

PROFILE: Final = "up"
KEY_VARIABLE: Final = "KEY_OF_THE_PROVIDER"
KEY: Final = "sk-provider-canary-0123456789abcdef"

_DIALECT_OF: Final[Mapping[PlayedKind | None, DialectName]] = {
    PlayedKind.MESSAGES: "anthropic",
    PlayedKind.CHAT: "chat",
    PlayedKind.RESPONSES: "responses",
}


@dataclass(frozen=True, slots=True)
class Finished:
    """What a client did: its last words, and the turns as the provider saw them."""

    ran: Ran
    final_text: str
    turns: tuple[PlayedQuestion, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """`home` and `work` are the client's; `network` are variables that keep it off the network."""

    upstream: Upstream
    provider: RunningSimulator
    gateway: Gateway
    home: Path
    work: Path
    network: Mapping[str, str]

    def set_up(self, client: str, *flags: str) -> None:
        """`gwproxy setup CLIENT`, for the client's home."""
        self.gateway.command("setup", client, "--yes", "--home", str(self.home), *flags)

    def set_up_for(self, client: str, dialect: DialectName) -> None:
        """Set up while the default profile speaks `dialect`, and go back to the real one then.

        So the client speaks it too, whatever the provider does. Nothing ever asks at the address
        of that other profile.
        """
        url = "--anthropic-url" if dialect == "anthropic" else "--openai-url"
        self.gateway.command(
            *("profile", "add", "other", "--preset", "custom", url, "http://127.0.0.1:9/v1"),
            *("--dialects", dialect, "--model", "other-model", "--no-key"),
        )
        self.gateway.command("profile", "use", "other")
        self.set_up(client)
        self.gateway.command("profile", "use", PROFILE)

    def by_hand(self) -> dict[str, str]:
        """What people export who do not use `gwproxy setup`, for Claude Code."""
        return {
            "ANTHROPIC_BASE_URL": self.gateway.url,
            "ANTHROPIC_AUTH_TOKEN": self.gateway.token,
            "ANTHROPIC_MODEL": self.upstream.model,
        }

    def own_gateway(self) -> tuple[list[str], dict[str, str]]:
        """`gwproxy run --`, and the variables with which the client's owner calls it."""
        ours = ("GWPROXY_HOME", KEY_VARIABLE)
        variables = {name: self.gateway.environment[name] for name in ours}
        return [sys.executable, "-m", "gwproxy", "run", "--"], variables

    async def run(self, command: list[str], variables: Mapping[str, str] | None = None) -> Ran:
        """Run a program of the client's machine, in its work folder."""
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        environment = {
            "PATH": f"{PROGRAMS}:{SYSTEM_PATH}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "TMPDIR": str(temporary),  # or their litter stays in the machine's own
            **self.network,
            **(variables or {}),
        }
        return await run_limited(
            command,
            environment=environment,
            folder=self.work,
            limit_s=TIME_LIMIT_S,
        )

    async def perform(
        self,
        tool: CodingTool,
        task: Task,
        variables: Mapping[str, str] | None = None,
        *,
        by_way_of: Sequence[str] = (),
    ) -> Finished:
        """Have the client do the task, and hold it and the gateway to every promise.

        `by_way_of` are words before the client's command.
        """
        for name, content in task.given.items():
            (self.work / name).write_bytes(content)
        ran = await self.run(
            [*by_way_of, *tool.command(task.prompt, self.home)],
            {**tool.environment, **(variables or {})},
        )
        assert ran.code == 0, self._account(ran)
        finished = Finished(ran, tool.final_text(ran.stdout), self.turns())
        self._check_work(task, finished)
        self._check_requests(task, finished, tool.side_requests)
        self._check_thinking(finished)
        self._check_cache(finished)
        self.check_no_key_with_the_client()
        return finished

    def turns(self) -> tuple[PlayedQuestion, ...]:
        """The requests that belong to a task: those that offer tools."""
        seen = [self._seen(recorded) for recorded in self.provider.generations]
        return tuple(asked for asked in seen if asked.tools)

    def has_shown(self, picture: bytes) -> bool:
        """Whether the model got this picture."""
        encoded = base64.b64encode(picture)
        return any(encoded in recorded.raw for recorded in self.provider.requests)

    def spoken(self) -> set[str]:
        """In which dialects the client spoke, by the gateway's own account."""
        return set(re.findall(r"  (\w+) → up:", self.gateway.log))

    def check_no_key_with_the_client(self) -> None:
        """The provider's key is in no file of the client's, and the token went no further."""
        for root in (self.home, self.work):
            for path in root.rglob("*"):
                if path.is_file() and not path.is_symlink():
                    assert KEY.encode() not in path.read_bytes(), path
        token = self.gateway.token.encode()
        for recorded in self.provider.requests:
            assert token not in recorded.raw
            assert KEY.encode() not in recorded.raw
            assert token not in repr(recorded.headers).encode()
        assert KEY not in self.gateway.log

    def _seen(self, recorded: Recorded) -> PlayedQuestion:
        return DIALECTS[_DIALECT_OF[recorded.kind]].view(recorded.body)

    def _check_work(self, task: Task, finished: Finished) -> None:
        for name, text in task.writes.items():
            assert (self.work / name).read_text(encoding="utf-8") == text, self._account(
                finished.ran
            )
        for words in task.says:
            assert words in finished.final_text
        shown = "\n".join(
            entry.text
            for asked in finished.turns
            for entry in asked.entries
            if isinstance(entry, PlayedResult)
        )
        for words in task.shows:
            assert words in shown

    def _check_requests(self, task: Task, finished: Finished, side_requests: int) -> None:
        refused = [each for each in self.provider.requests if each.status != 200]
        assert not refused, self._account(finished.ran)
        assert len(finished.turns) == task.turns, self._account(finished.ran)
        assert len(self.provider.requests) == task.turns + side_requests
        assert self.provider.billed == task.turns + side_requests

    def _check_thinking(self, finished: Finished) -> None:
        """Each turn's thinking came back, in order, word for word."""
        manners = self.upstream.manners
        if not manners.thinks:
            return
        # Claude Code wants to see nothing of it; what comes back then is the seal alone.
        words = "" if manners.omits_thinking else THINKING
        for asked in finished.turns:
            back = [entry.text for entry in asked.entries if isinstance(entry, PlayedThought)]
            turns = assistant_turns(asked.entries)
            assert back == [words.format(step=step) for step in range(turns)]

    def _check_cache(self, finished: Finished) -> None:
        """What a real tool does never rings the cache alarm."""
        assert "prompt cache" not in self.gateway.log, self._account(finished.ran)

    def _account(self, ran: Ran) -> str:
        """All that was said, for a test that fails."""
        lines = [f"client: {ran.code}\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"]
        lines += [
            f"{each.method} {each.path} {each.status} {each.outcome}"
            for each in self.provider.requests
        ]
        return "\n".join([*lines, self.gateway.log])


SetStage: TypeAlias = Callable[..., Awaitable[Stage]]
