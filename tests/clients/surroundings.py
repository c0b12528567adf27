"""Endpoints and places for the tests of single clients."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gwproxy.clients.endpoint import TokenCommand, ToolEndpoint, through_gateway
from gwproxy.clients.plan import Places
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.record import make_profile
from gwproxy.profiles.secret import Secret
from gwproxy.profiles.store import ServeSettings

TOKEN = Secret("gw-" + "t" * 36 + "WXYZ")
KEY = Secret("sk-kimi-" + "k" * 36 + "ABCD")
TOKEN_FILE = Path("/home/me/.local/state/gwproxy/token")
COMMAND = TokenCommand(("/opt/my tools/gwproxy", "token"), {"GWPROXY_HOME": "/srv/gw"})

KIMI = make_profile("kimi", {"preset": "kimi-code"})
CHAT_ONLY = make_profile(
    "local", {"preset": "custom", "openai_url": "http://127.0.0.1:9/v1", "model": "m-1"}
)
CLAUDE = make_profile(
    "claude", {"preset": "claude-gateway", "anthropic_url": "https://claude.example"}
)


def gateway(
    profile: Profile = KIMI,
    *,
    pinned: bool = False,
    command: TokenCommand | None = None,
    file: Path | None = None,
) -> ToolEndpoint:
    return through_gateway(
        profile, ServeSettings(), TOKEN, pinned=pinned, token_command=command, token_file=file
    )


def places(
    environ: Mapping[str, str] | None = None,
    *,
    files: Mapping[str, str] | None = None,
    platform: str = "linux",
    work_tree: str = "",
) -> Places:
    """A machine with these files and variables."""
    texts = {Path(name): text for name, text in (files or {}).items()}
    return Places(
        home=Path("/home/me"),
        project=Path("/projects/app"),
        environ=environ or {},
        platform=platform,
        read=texts.get,
        entries=lambda folder: sorted(path for path in texts if path.parent == folder),
        work_tree=Path(work_tree) if work_tree else None,
    )
