"""The neutral request and answer, as values: what all three dialects have in common.

Every request is parsed into a `Request` and rendered out of one; every answer is a `Reply`,
which is *defined* as the fold of its event stream (`events.fold`). Wire dictionaries never
leave their dialect's folder. Rules that hold everywhere:

- Position is meaning: turns and blocks keep the order in which they came.
- Tool arguments and JSON Schemas are raw JSON *text*, never re-printed: `1.10` and twenty-digit
  integers survive, and the same history gives the same bytes (prompt caches live on that).
- `None` means absent. An empty string is a value.
- What one dialect alone can say travels as `Opaque` and returns verbatim to that dialect; to
  another it is a named loss or a refusal, never silence.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, TypeAlias

from msgspec import Struct, structs

from gwproxy.translate.dialect_facts import Condition, DialectFacts
from gwproxy.translate.dialect_facts import Dialect as Dialect

# --- blocks ----------------------------------------------------------------------------------


class Cache(Struct, frozen=True):
    """A prompt-cache mark after the block that bears it; `ttl` is `5m`, `1h` or None (default)."""

    ttl: str | None = None


class Seal(Struct, frozen=True):
    """Reasoning state that only the model family which made it can read.

    `family` names who made it (`Quirks.family`); `kind` is `signature` (Anthropic thinking),
    `redacted` (Anthropic redacted thinking), `encrypted` (Responses `encrypted_content`),
    `members` (JSON that stands beside the words of a Chat message, or on one of its calls) or
    `text` (plain reasoning text whose only home is the client's copy; `data` is then the member in
    which it came, where that is not the usual one). `item_id` is the Responses item that `data`
    belongs to, or which of the answer's calls. Never sent to another family: foreign ciphertext is
    a 400 there.
    """

    family: str
    kind: Literal["signature", "redacted", "encrypted", "text", "members"]
    data: str
    item_id: str | None = None


class Text(Struct, frozen=True):
    """A text block. With `apart` it stands in place of another kind of block, and is not joined
    with its neighbours as the parts of one text are."""

    text: str
    cache: Cache | None = None
    apart: bool = False


class Refusal(Struct, frozen=True):
    """The model's refusal, as text."""

    text: str


class Media(Struct, frozen=True):
    """An image, a document, or sound.

    `source` says what `data` is: `base64` (no `data:` prefix), `url`, `file` (an upstream's file
    id) or `text` (a plain-text document). `media_type` is a MIME type, or None for a URL.
    """

    kind: Literal["image", "document", "audio"]
    source: Literal["base64", "url", "file", "text"]
    data: str
    media_type: str | None = None
    name: str | None = None
    context: str | None = None
    detail: str | None = None
    cache: Cache | None = None


class Reasoning(Struct, frozen=True):
    """One reasoning block: a `thinking` block, a reasoning item, a `reasoning_content`.

    `hidden` blocks have no text for the client (redacted thinking). `foreign_signature` is a
    signature that we did not make and whose family is unknown; it goes back to an Anthropic
    upstream verbatim and nowhere else.
    """

    text: str
    seal: Seal | None = None
    foreign_signature: str | None = None
    hidden: bool = False

    @property
    def is_sealed(self) -> bool:
        """Whether it names its maker, by a seal or a signature; else it is a copy of the text."""
        return self.seal is not None or bool(self.foreign_signature)

    @property
    def is_state(self) -> bool:
        """Whether it has no text, only the state that a host puts beside a message (`members`)."""
        return not self.text and self.seal is not None and self.seal.kind == "members"

    def is_state_of(self, family: str) -> bool:
        """Whether it is such a state of `family`'s."""
        return self.is_state and self.seal is not None and self.seal.family == family

    @property
    def is_signed(self) -> bool:
        """Whether its maker wants more of it back than the text: a signature or ciphertext."""
        return bool(self.foreign_signature) or (self.seal is not None and self.seal.kind != "text")


class Call(Struct, frozen=True):
    """A tool call. `arguments` is JSON text, for `custom` free text."""

    id: str
    name: str
    arguments: str
    custom: bool = False
    namespace: str | None = None
    cache: Cache | None = None


class Result(Struct, frozen=True):
    """A tool result. `blocks` holds Text, Media, ToolReference or Opaque."""

    call_id: str
    blocks: tuple[Block, ...] = ()
    is_error: bool = False
    custom: bool = False
    cache: Cache | None = None


class ToolReference(Struct, frozen=True):
    """A deferred tool that Claude Code's tool search found (`tool_reference` in a tool result)."""

    name: str


class Page(Struct, frozen=True):
    """A page that a web search found."""

    url: str
    title: str | None = None


class Search(Struct, frozen=True):
    """A web search that an upstream ran itself. `id` is of its dialect; `asked` is the query, or
    with `opens` the URL of the page that was read. With `done` this block holds the result: the
    `pages` found, or the `error` (Anthropic's codes)."""

    id: str
    asked: str
    opens: bool = False
    done: bool = False
    pages: tuple[Page, ...] = ()
    error: str | None = None


class Opaque(Struct, frozen=True):
    """A block that only `dialect` knows, as its raw JSON text. `text` is a plain-text version for
    other upstreams, and `search` the web search that it holds. `taken` is when an upstream of its
    dialect takes it, where `DialectFacts.native` does not say so; `needed`, why a conversation
    without it is refused."""

    dialect: Dialect
    type: str
    native: str
    text: str | None = None
    taken: Condition | None = None
    search: Search | None = None
    needed: str | None = None


Block: TypeAlias = Text | Refusal | Media | Reasoning | Call | Result | ToolReference | Opaque

# --- requests --------------------------------------------------------------------------------


class Turn(Struct, frozen=True):
    """One message. A `system` turn may stand anywhere; the leading ones are the system prompt."""

    role: Literal["system", "user", "assistant"]
    blocks: tuple[Block, ...]


WEB_SEARCH: Final = "web_search"
"""The name of the tool that two vendors run on their own servers."""


class UserLocation(Struct, frozen=True):
    """Roughly where the user of a web search is; the vendors have the same members for it."""

    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None

    @property
    def known(self) -> dict[str, str]:
        """Its members that are set, by name."""
        return {name: value for name, value in structs.asdict(self).items() if value}


class WebSearch(Struct, frozen=True):
    """A client's settings of the upstream's own web search. `unsaid` names members that other
    dialects do not have; with `cached` it must not look at the web itself."""

    allowed: tuple[str, ...] = ()
    location: UserLocation = UserLocation()
    max_uses: int | None = None
    cached: bool = False
    unsaid: tuple[str, ...] = ()


class Tool(Struct, frozen=True):
    """A tool the client offers.

    `kind`: `function` (JSON Schema `schema`, raw text), `custom` (free text, optionally bound to a
    `grammar` = (syntax, definition)) or `hosted` (run by the upstream; `native` is its raw JSON in
    `native_dialect`, and `search` the settings of a web search). `deferred` tools are not shown to
    the model until it finds them by search (Anthropic `defer_loading`). `namespace` is a Responses
    tool namespace, and `namespace_description` what it is for.
    """

    name: str
    kind: Literal["function", "custom", "hosted"] = "function"
    description: str | None = None
    schema: str = '{"type":"object","properties":{}}'
    strict: bool | None = None
    grammar: tuple[str, str] | None = None
    deferred: bool = False
    namespace: str | None = None
    namespace_description: str | None = None
    native: str | None = None
    native_dialect: Dialect | None = None
    search: WebSearch | None = None
    cache: Cache | None = None


class ToolChoice(Struct, frozen=True):
    """A tool choice. `tool` forces `name`; `allowed` narrows it; `parallel` None = unsaid."""

    mode: Literal["auto", "any", "none", "tool"] = "auto"
    name: str | None = None
    allowed: tuple[str, ...] | None = None
    parallel: bool | None = None


EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""How hard a model can be asked to think, from the weakest to the strongest."""


class Thinking(Struct, frozen=True):
    """The client's thinking settings.

    `mode`: None unsaid, `off`, `on` (the upstream decides how much, or `effort` does), `budget`
    (`budget_tokens`). `effort` is one of `EFFORTS`.
    `show`: None unsaid, `summary` or `omitted`: whether the client wants to read it.
    `keep_turns`: None = all earlier reasoning, 0 = that of the current turn only.
    """

    mode: Literal["off", "on", "budget"] | None = None
    effort: str | None = None
    budget_tokens: int | None = None
    show: Literal["summary", "omitted"] | None = None
    keep_turns: int | None = None


class OutputFormat(Struct, frozen=True):
    """The output format. `schema` is raw JSON text, None for plain `json_object`."""

    kind: Literal["json_schema", "json_object"]
    schema: str | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Sampling(Struct, frozen=True):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None


class Identity(Struct, frozen=True):
    """The end user: `user` as the client named them; `session` stable over one conversation."""

    user: str | None = None
    session: str | None = None
    cache_key: str | None = None


class Request(Struct, frozen=True):
    """One request for one answer. `model` is what the client asked for until the bridge maps it.
    With `summarises` the answer is to be a summary of the conversation, sealed for the client."""

    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    sampling: Sampling = Sampling()
    thinking: Thinking = Thinking()
    output_format: OutputFormat | None = None
    stream: bool = False
    include_usage: bool = False  # Chat clients only: they must ask for the usage chunk
    legacy_functions: bool = False  # Chat clients only: they declared `functions`, not `tools`
    identity: Identity = Identity()
    service_tier: str | None = None
    verbosity: str | None = None
    estimate: int | None = None  # input tokens as the bridge has counted them
    answer_tool: str | None = None  # the upstream's tool whose call the client reads as text
    prompted_format: OutputFormat | None = None  # a format that the prompt alone asks for
    summarises: bool = False
    echo: str | None = None  # Responses clients: raw JSON of the fields the answer must repeat
    client: DialectFacts | None = None  # the dialect of the client, set by the bridge


# --- answers ---------------------------------------------------------------------------------


MOST_TOKENS: Final = 1_000_000_000
"""A hundred times the largest context window that is sold (ten million tokens, Llama 4)."""


class Usage(Struct, frozen=True):
    """Token counts, disjoint on the input side: total input = `fresh + cache_read + cache_write`.

    None means the upstream did not say, which is not zero. `reasoning` is a part of `output`.
    `searches` are web searches that it ran, which vendors bill apart.
    A figure that cannot be true, negative or above `MOST_TOKENS`, becomes None: it would spoil
    every sum that it gets into.
    """

    fresh: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    searches: int | None = None

    def __post_init__(self) -> None:
        for place, count in enumerate(structs.astuple(self)):
            if count is not None and not 0 <= count <= MOST_TOKENS:
                structs.force_setattr(self, self.__struct_fields__[place], None)

    def merged(self, newer: Usage) -> Usage:
        """Both figures in one: `newer`'s where it has one (streams send cumulative totals)."""
        if self is UNTOLD:
            return newer
        pairs = zip(structs.astuple(self), structs.astuple(newer), strict=True)
        return Usage(*[old if new is None else new for old, new in pairs])

    @property
    def input_total(self) -> int | None:
        """Input tokens in all, cached or not; None when none is known."""
        known = [n for n in (self.fresh, self.cache_read, self.cache_write) if n is not None]
        return sum(known) if known else None


UNTOLD: Final = Usage()
"""What is known before an upstream has said anything."""


class StopReason(StrEnum):
    END = "end"
    TOOL_USE = "tool_use"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    REFUSAL = "refusal"
    CONTEXT_FULL = "context_full"
    PAUSE = "pause"


class Stop(Struct, frozen=True):
    """The stop reason of an answer. `raw` is the upstream's own value, for the log."""

    reason: StopReason
    raw: str | None = None
    sequence: str | None = None
    explanation: str | None = None


class Reply(Struct, frozen=True):
    """A whole answer: the fold of its event stream. With `half_call` it ended within a tool call,
    which was left out."""

    id: str
    model: str
    blocks: tuple[Block, ...]
    stop: Stop
    usage: Usage = UNTOLD
    created: int | None = None
    half_call: bool = False


class FailureKind(StrEnum):
    INVALID = "invalid"  # 400: the request is wrong
    CONTEXT = "context"  # 400: the prompt does not fit the window
    AUTHENTICATION = "authentication"  # 401: the caller's own token; 400: our key for the upstream
    BILLING = "billing"  # 402: no money, or the plan is used up; waiting does not help
    PERMISSION = "permission"  # 403
    NOT_FOUND = "not_found"  # 404
    TIMEOUT = "timeout"  # 408, 504
    CONFLICT = "conflict"  # 409
    TOO_LARGE = "too_large"  # 413
    RATE_LIMIT = "rate_limit"  # 429
    INTERNAL = "internal"  # 500
    UPSTREAM = "upstream"  # 502: the upstream broke, or cannot be reached or understood
    OVERLOADED = "overloaded"  # 503, 529
    UNSUPPORTED = "unsupported"  # 501


UNHEEDED: Final = "order_not_heeded"
"""The error code of an answer without the summary that the request asked for."""


class Failure(Struct, frozen=True):
    """An API error as a value, of a whole answer or at the end of a stream.

    `message` is the upstream's own wherever it sent one. `status` is the HTTP status for
    the client, `raw_type`/`code`/`param` the upstream's own labels. `context_tokens` and
    `context_limit` hold the figures of a CONTEXT failure where the upstream named them.
    `retryable` None = as the client's SDK judges by status; False stops it at once.
    `upstream_status` is what the upstream itself refused with, None where it did not.
    """

    kind: FailureKind
    message: str
    status: int
    raw_type: str | None = None
    code: str | None = None
    param: str | None = None
    retry_after_s: float | None = None
    retryable: bool | None = None
    context_tokens: int | None = None
    context_output_tokens: int | None = None
    context_limit: int | None = None
    upstream_status: int | None = None
