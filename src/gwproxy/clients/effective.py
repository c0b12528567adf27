"""What Claude Code would do on this machine now: the variables in force, and where each is from.

Pure. The order is the client's own: a settings file outranks the shell, a project's file the
user's, and an administrator's all of them (https://code.claude.com/docs/en/settings).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gwproxy.clients import claude_code, web_proxy
from gwproxy.clients.document import Uneditable, lookup
from gwproxy.clients.plan import Places
from gwproxy.profiles.endpoints import is_loopback

SHELL: Final = "the shell"

_OFFICIAL: Final = "https://api.anthropic.com"

_DEFAULT_MODEL: Final = "claude-sonnet-4-6"
"""Any of its names does where nothing is said: the gateway maps it."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A value and the file, or the shell, that sets it."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Effective:
    """`variables` in force, by name; `helper` is the key helper's, where there is one.
    `unreadable` are settings files that the client ignores: place and reason."""

    variables: Mapping[str, InForce]
    helper: InForce | None
    unreadable: tuple[str, ...] = ()

    def value(self, name: str) -> str:
        found = self.variables.get(name)
        return found.value if found else ""

    @property
    def base_url(self) -> InForce:
        """The address that requests go to."""
        found = self.variables.get("ANTHROPIC_BASE_URL")
        return found if found and found.value else InForce(_OFFICIAL, "its default")

    @property
    def model(self) -> str:
        """The model that it asks for first."""
        return self.value("ANTHROPIC_MODEL") or _DEFAULT_MODEL

    def web_proxy(self, base: str) -> tuple[str, InForce] | None:
        """The variable of a web proxy that would get its requests to `base`, the token with them.

        It takes every one of them for an address on loopback (seen with 2.1.330 and 2.1.332).
        """
        host = urlsplit(base).hostname or ""
        if not is_loopback(host) or web_proxy.exempts(host, *map(self.value, web_proxy.NO_PROXY)):
            return None
        return next(((name, self.variables[name]) for name in self._proxies()), None)

    def no_proxy(self, base: str, written: Path) -> str:
        """What `NO_PROXY` has to say in the settings file `written`: the list in force, which this
        one replaces for the client and all that it starts, and loopback. "" where no web proxy is
        in force, or where the shell keeps it out already."""
        own = [self.variables.get(name) for name in web_proxy.NO_PROXY]
        is_written = any(found and found.source == str(written) for found in own)
        if not (is_written and any(self._proxies())) and self.web_proxy(base) is None:
            return ""
        return web_proxy.with_loopback(*(found.value for found in own if found))

    def _proxies(self) -> Iterator[str]:
        return (name for name in web_proxy.VARIABLES if self.value(name))

    def credential(self) -> dict[str, str]:
        """The headers of its requests that bear a secret; none where a helper makes them."""
        headers = {}
        if token := self.value("ANTHROPIC_AUTH_TOKEN"):
            headers["authorization"] = f"Bearer {token}"
        if key := self.value("ANTHROPIC_API_KEY"):
            headers["x-api-key"] = key
        return headers


def claude_code_now(places: Places) -> Effective:
    """What is in force for Claude Code in `places.project`."""
    variables = {
        name: InForce(value, SHELL)
        for name, value in places.environ.items()
        if name.startswith(("ANTHROPIC_", "CLAUDE_CODE_"))
        or name in (*web_proxy.VARIABLES, *web_proxy.NO_PROXY)
    }
    helper = None
    unreadable = []
    for file in claude_code.settings_files(places):
        text = places.read(file)
        if text is None:
            continue
        try:
            tree = claude_code.READING.form.read(text)
        except Uneditable as error:
            unreadable.append(f"{file}:{error}")
            continue
        block = lookup(tree, ("env",))
        if isinstance(block, dict):
            variables |= {
                name: InForce(value, str(file))
                for name, value in block.items()
                if isinstance(value, str)
            }
        command = lookup(tree, ("apiKeyHelper",))
        if isinstance(command, str):
            helper = InForce(command, str(file)) if command else None
    return Effective(variables, helper, tuple(unreadable))
