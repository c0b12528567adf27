"""The clients that gwproxy can set up, each a module of one shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from gwproxy.clients import claude_code, codex, openclaw, opencode, vscode
from gwproxy.clients.document import MemberPath, Tree
from gwproxy.clients.endpoint import ToolEndpoint
from gwproxy.clients.launch import Launch
from gwproxy.clients.plan import FileBeside, Places, SetupWish, Target
from gwproxy.profiles.profile import Profile


class Client(Protocol):
    """What such a module has: names, the scopes from the weakest to the strongest, and eight
    pure functions."""

    @property
    def NAME(self) -> str: ...
    @property
    def TITLE(self) -> str: ...
    @property
    def PROGRAM(self) -> str: ...
    @property
    def SCOPES(self) -> tuple[str, ...]: ...

    def target(self, scope: str, places: Places) -> Target:
        """The file of a scope."""

    def traces(self, tree: Tree) -> list[MemberPath]:
        """What in such a file nobody but gwproxy writes."""

    def wishes(self, endpoint: ToolEndpoint, tree: Tree, *, default: bool) -> list[SetupWish]:
        """What that file, whose values are `tree`, should say. Raises ConfigError."""

    def beneath(self, scope: str, places: Places) -> Tree:
        """What the files say that this scope's outranks, and that it would take the place of."""

    def environment(self, endpoint: ToolEndpoint) -> dict[str, str]:
        """The same as environment variables. Raises UsageError where there are none."""

    def remarks(self, scope: str, mine: Iterable[SetupWish], places: Places) -> list[str]:
        """What on this machine would get in the way of it."""

    def notes(self, profile: Profile) -> list[str]:
        """What some way of using it comes to with this profile."""

    def launch(
        self, endpoint: ToolEndpoint, arguments: Sequence[str], places: Places, scratch: Path
    ) -> Launch:
        """How to start it once with this endpoint, no file of the user touched."""

    def start(self, endpoint: ToolEndpoint, kept: Sequence[MemberPath]) -> str:
        """The command that uses it; `kept` are defaults that stayed the user's."""


_ALL: Final[tuple[Client, ...]] = (claude_code, openclaw, opencode, codex)

BESIDE: Final[Mapping[str, Callable[..., FileBeside | None]]] = MappingProxyType(
    {codex.NAME: codex.beside}
)
"""Of the clients that want a file of ours beside theirs: what is in it, called as `wishes` is."""

CLIENTS: Final[Mapping[str, Client]] = MappingProxyType({each.NAME: each for each in _ALL})


VSCODE: Final[Client] = vscode
"""Claude Code once more, by the settings of the editor that it runs in."""


def client_of(name: str, scope: str) -> Client | None:
    """The client that a claim belongs to; None for one that nobody knows here."""
    return VSCODE if (name, scope) == (VSCODE.NAME, *VSCODE.SCOPES) else CLIENTS.get(name)
