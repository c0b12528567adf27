"""A dialect's name and its facts as data: all that the rooms outside its folder need of it.

Light on purpose: the profiles read it at every start of the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
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
"""The profile setting that holds a dialect's base URL."""

ATTRIBUTION: Final = "x-anthropic-billing-header:"
"""How Claude Code's first system block begins; its text changes from request to request and would
spoil every prefix cache but that of its own vendor (anthropics/claude-code#68900, sglang#21064).
"""

X_API_KEY: Final = "x-api-key"
BEARER: Final = "bearer"


Condition = Literal[
    "never",
    "always",
    "agent_items",
    "cache_marks",
    "compaction",
    "documents",
    "hosted_tools",
    "prefill",
    "prompt_cache_key",
    "strict_tools",
    "tool_extras",
]
"""When an upstream takes a feature of its dialect: never, always, or as the quirk of that name
says.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectFacts:
    """The facts of one dialect, alike for all hosts; `FACTS` in the `__init__` of its folder.

    Routes: `paths` below `base` by the name of the endpoint, the one that gives answers
    first; `prefixes` under which hosts offer it; `auth`, how the vendor takes a key (`x-api-key` or
    `bearer`). Upstreams are tried by `preference`, the least first, after a client's own dialect.

    Headers: `version` and its default, which every request bears; `request_id`, where the vendor's
    SDK looks for our id; `relayed`, how those begin that a client has for its own upstream, but for
    the ones `not_relayed`; `query`, name and value, what a client appends to the address.

    Calls: `id_length`, `plain_ids` (letters, digits, `_` and `-` alone) and `name_length`; whether
    it knows `custom_tools` and `namespaces`; `arguments` as an object, as JSON text, or raw: text
    that a client parses on its own, and expects as the model wrote it.

    Turns: with `strict_turns` a conversation begins with the user's, calls end the model's,
    instructions in between stand right before the model's, and one that ends with the model's is
    continued; `continues`, whether that can be asked for. `pairs_by_place`, whether results are
    matched by their place and not by the call's id.

    Content: `native`, blocks of its own; `sound`, `file_ids` of images, `text_documents`,
    `addressed_documents` (by URL or file id) and `pdf_only`, documents of no other type;
    `tool_media`, whether they may stand in a tool result.

    Reasoning in a history: `signatures`, whether a signature without text counts as reasoning;
    `reasoning_items`, whether it is an item of the server's own, followed by what it led to.

    Tools: `deferred`, to be loaded later; `searches`, a web search that upstreams run themselves,
    and `replays_searches`, whether they take those of others back in a history; `allowed_tools`, a
    choice among some of them; `strict`.

    Prompt cache: its prefix is made of the members `prompt`, in this order, the turns last, and
    holds as long as the members `steers` stay what they are. `marks` after a block, `most_marks` in
    a request, None without a limit, and `lasting_marks`, for an hour, and `tool_marks`, after a
    tool; `cache_key`, the name of a conversation.

    Thinking is asked for by a `budget`, or adaptively; by the `switch` that a host has for it
    (`Quirks.thinking_switch`); or by an `effort` alone. `think_tags`: whether upstreams leave
    reasoning in the text.

    Settings: the members of `sampling` that it has; `verbosity`; `needs_limit`, whether a request
    must limit its answer, and `least_limit`, below which is a 400 (Anthropic's own API takes 0, to
    warm a cache; nobody else does), `limit_names`, where that goes by more than one name;
    `most_stops` in a request, None without a limit, and `names_stop`, whether an answer says which
    one it was; `fixed_while_thinking`, whether models fix sampling then, and `most_temperature`;
    `plain_json`, whether JSON can be asked for without a schema; `tiers` of service, `tier_names`,
    what it calls those of others, and `other_tier`, what it takes for the rest. `counted` are the
    fields that its `count_tokens` route takes. `stream_usage`: the `stream_options` without which a
    stream holds no usage.

    Its clients: `begins_answers`, whether a last turn of the model's is meant to be continued;
    `sets_marks`, whether they set the marks of the prompt cache themselves, as far as they want
    any.
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
    strict_turns: bool = False
    continues: Condition = "never"
    pairs_by_place: bool = False
    native: Condition = "hosted_tools"
    sound: bool = False
    file_ids: Condition = "never"
    text_documents: Condition = "never"
    addressed_documents: bool = True
    pdf_only: bool = False
    tool_media: bool = True
    signatures: bool = False
    reasoning_items: bool = False
    deferred: Condition = "never"
    searches: bool = False
    replays_searches: bool = False
    allowed_tools: bool = False
    strict: Condition = "strict_tools"
    prompt: tuple[str, ...] = ()
    steers: tuple[str, ...] = ()
    marks: Condition = "never"
    most_marks: int | None = None
    lasting_marks: Condition = "always"
    tool_marks: bool = False
    cache_key: Condition = "never"
    thinking: Literal["budget", "switch", "effort"] = "effort"
    think_tags: bool = False
    sampling: frozenset[str] = frozenset({"temperature", "top_p"})
    verbosity: bool = False
    needs_limit: bool = False
    least_limit: int = 1
    limit_names: tuple[str, ...] = ()
    most_stops: int | None = None
    names_stop: bool = False
    fixed_while_thinking: bool = False
    most_temperature: float | None = None
    plain_json: bool = True
    tiers: Condition = "never"
    tier_names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    other_tier: str | None = None
    counted: frozenset[str] = frozenset()
    stream_usage: str = ""
    begins_answers: bool = False
    sets_marks: bool = False

    @property
    def endpoint(self) -> str:
        """The name of the endpoint that answers requests: the first of `paths`."""
        return next(iter(self.paths))

    @property
    def path(self) -> str:
        """The path of that endpoint below the base URL."""
        return self.paths[self.endpoint]
