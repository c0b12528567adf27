"""A dialect's name, and what is true of it as data: all that the rooms ask which do not speak it.

Light on purpose: the profiles read it at every start of the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal


class Dialect(str):
    """The name of one wire format. Open, unlike an enumeration: a new folder brings its own."""

    __slots__ = ()

    ANTHROPIC: ClassVar[Dialect]
    CHAT: ClassVar[Dialect]
    RESPONSES: ClassVar[Dialect]


Dialect.ANTHROPIC = Dialect("anthropic")
Dialect.CHAT = Dialect("chat")
Dialect.RESPONSES = Dialect("responses")

Base = Literal["anthropic_url", "openai_url"]
"""The setting of a profile that says where a dialect is spoken."""

X_API_KEY: Final = "x-api-key"
BEARER: Final = "bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectFacts:
    """What is true of one dialect, whoever speaks it; `FACTS` in the `__init__` of its folder.

    Where it is spoken: `paths` below `base` by the name of the endpoint, the one that gives answers
    first; `prefixes` under which hosts offer it; `auth`, how the vendor takes a key (`x-api-key` or
    `bearer`). Upstreams are tried by `preference`, the least first, after a client's own dialect.

    Headers: `version` and its default, which every request bears; `request_id`, where the vendor's
    SDK looks for our id; `relayed`, how those begin that a client has for its own upstream, but for
    the ones `not_relayed`; `query`, name and value, what a client appends to the address.

    Calls: `id_length`, `plain_ids` (letters, digits, `_` and `-` alone) and `name_length`; whether
    it knows `custom_tools` and `namespaces`; `arguments` as an object, as JSON text, or raw: text
    that a client parses on its own, and expects as the model wrote it.

    Settings: `stops`, whether it takes stop sequences, and `names_stop`, whether an answer says
    which one it was; `think_tags`, whether upstreams leave reasoning in the text; `effort`, the
    field's path in the name of a loss. `counted` are the fields that its `count_tokens` route
    takes.
    """

    name: Dialect
    base: Base
    paths: Mapping[str, str]
    auth: str
    prefixes: tuple[str, ...]
    preference: int
    request_id: str
    version: tuple[str, str] | None = None
    relayed: tuple[str, ...] = ()
    not_relayed: frozenset[str] = frozenset()
    query: tuple[str, str] | None = None
    id_length: int
    plain_ids: bool = False
    name_length: int
    custom_tools: bool = False
    namespaces: bool = False
    arguments: Literal["object", "json", "raw"]
    stops: bool = True
    names_stop: bool = False
    think_tags: bool = False
    effort: str
    counted: frozenset[str] = frozenset()

    @property
    def endpoint(self) -> str:
        """The name of the endpoint that gives answers."""
        return next(iter(self.paths))

    @property
    def path(self) -> str:
        """What is added to the base for an answer."""
        return self.paths[self.endpoint]
