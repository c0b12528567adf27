"""The providers that clients are tried against, and the profile a person would have for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from gwproxy.simulator import (
    CLAUDE_GATEWAY,
    DEMO,
    KIMI_CODE,
    KIMI_K25,
    STRONGWALL,
    Manners,
    Rule,
    RunningSimulator,
    Streaming,
    strictly,
)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider's manners, the preset for it, and what its profile says besides."""

    manners: Manners
    preset: str
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def model(self) -> str:
        """The model that its profile uses."""
        return self.manners.models[0]

    def record(self, provider: RunningSimulator) -> dict[str, Any]:
        """The profile as config.toml has it."""
        urls = {}
        if "anthropic" in self.manners.dialects:
            urls["anthropic_url"] = provider.anthropic_url
        if self.manners.dialects & {"chat", "responses"}:
            urls["openai_url"] = provider.openai_url
        return {"preset": self.preset, **urls, **self.settings}

    def flags(self, provider: RunningSimulator) -> list[str]:
        """The same for `gwproxy profile add`."""
        found: list[str] = []
        for name, value in self.record(provider).items():
            text = ",".join(value) if isinstance(value, list) else str(value)
            found += [f"--{name.replace('_', '-')}", text]
        return found


CHAT_ONLY: Final = Upstream(
    replace(DEMO, dialects=frozenset({"chat"}), thinks=False), "custom", {"model": "demo-1"}
)
CHAT_THAT_THINKS: Final = Upstream(
    strictly(replace(KIMI_K25, dialects=frozenset({"chat"}))), "kimi-k25", {"dialects": ["chat"]}
)
NO_STREAM: Final = Upstream(strictly(STRONGWALL), "strongwall")
ANTHROPIC_ONLY: Final = Upstream(strictly(KIMI_CODE), "kimi-code")
RESPONSES_ONLY: Final = Upstream(
    replace(DEMO, dialects=frozenset({"responses"})),
    "custom",
    {"model": "demo-1", "dialects": ["responses"]},
)
CLAUDE: Final = Upstream(CLAUDE_GATEWAY, "claude-gateway")
SIGNS_ITS_THINKING: Final = Upstream(
    replace(
        DEMO,
        dialects=frozenset({"anthropic"}),
        rules=frozenset({Rule.SIGNATURES, Rule.REASONING_REPLAY, Rule.CALLS_ANSWERED}),
    ),
    "custom",
    {"model": "demo-1"},
)

_EVERY_DIALECT: Final = {"model": "demo-1", "dialects": ["anthropic", "chat", "responses"]}

UPSTREAMS: Final[Mapping[str, Upstream]] = MappingProxyType(
    {
        "chat-only": CHAT_ONLY,
        "chat-that-thinks": CHAT_THAT_THINKS,
        "no-stream": NO_STREAM,
        "anthropic-only": ANTHROPIC_ONLY,
        "responses-only": RESPONSES_ONLY,
    }
)
"""What each coding tool must work with."""

EVERY_UPSTREAM: Final[Mapping[str, Upstream]] = MappingProxyType(
    {
        **UPSTREAMS,
        "claude": CLAUDE,
        "kimi-k25": Upstream(strictly(KIMI_K25), "kimi-k25"),
        "answers-whole": Upstream(
            replace(DEMO, streaming=Streaming.ANSWERS_WHOLE), "custom", _EVERY_DIALECT
        ),
        "always-streams": Upstream(
            replace(DEMO, streaming=Streaming.ALWAYS_STREAMS), "custom", _EVERY_DIALECT
        ),
        "refuses-whole": Upstream(
            replace(DEMO, streaming=Streaming.REFUSES_WHOLE),
            "custom",
            {**_EVERY_DIALECT, "stream": "always"},
        ),
        "refuses-streams": Upstream(
            replace(DEMO, streaming=Streaming.REFUSES_STREAMS),
            "custom",
            {**_EVERY_DIALECT, "stream": "never"},
        ),
    }
)
"""With every manner of streaming, for clients that start in no time."""
