"""Maps call ids, tool names and tool kinds of an exchange, and maps them back in its answer.

One side refuses what the other side's model was trained to see, so the mapping is reversible:
`functions.ls:0` reaches an Anthropic client as `gwx_functions-2Els-3A0` and is itself again in the
next request. The mapping needs no memory: it is rebuilt from the request.

The facts of each dialect say how long ids and names may be; Moonshot wants a letter first.
Replacing illegal characters by `_` collides and loses the id style that Kimi was trained on
(BerriAI/litellm#21114); storing data in ids made one of 1324 characters (openai/codex#14355).
"""

from __future__ import annotations

import hashlib
import operator
import re
from typing import Final

import msgspec
from msgspec import structs

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import Block, Call, Request, Result, Tool, ToolReference, Turn
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks, known_to_refuse
from gwproxy.translate.remembered import remembered
from gwproxy.translate.wire import arguments

MARK: Final = "gwx_"
_LEGAL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+\Z")
_LEGAL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+\Z")
_REPEAT: Final = re.compile(r"--[0-9]+\Z")
_ESCAPE: Final = re.compile(r"-([0-9A-F]{2})")
_KEPT_NAME_CHARACTERS: Final = 52
_NAMED: Final = frozenset({Call, Result})
_NAMESPACE_JOINT: Final = "__"
_INPUT_SCHEMA: Final = (
    '{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'
)


def escape_id(native: str) -> str:
    """The id for a client: a legal one unchanged; others, and those that look escaped, as
    `gwx_…`."""
    if _LEGAL_ID.match(native) and not native.startswith(MARK):
        return native
    return MARK + "".join(
        chr(byte) if (byte < 128 and chr(byte).isalnum()) or byte == 0x5F else f"-{byte:02X}"
        for byte in native.encode("utf-8", "replace")
    )


def unescape_id(carried: str) -> str:
    """The upstream's own id; ids that are not escaped stay as they are."""
    if not carried.startswith(MARK):
        return carried
    body = _REPEAT.sub("", carried[len(MARK) :])
    data = bytearray()
    position = 0
    while position < len(body):
        match = _ESCAPE.match(body, position)
        if match is not None:
            data.append(int(match[1], 16))
            position = match.end()
        else:
            data += body[position].encode()
            position += 1
    return data.decode("utf-8", "replace")


def _fit_id(native: str, limit: int, pattern: bool) -> str:
    if len(native) <= limit and (not pattern or _LEGAL_ID.match(native)):
        return native
    return "call_" + hashlib.sha256(native.encode("utf-8", "replace")).hexdigest()[:32]


def fit_name(name: str, limit: int, letter_first: bool) -> str:
    """A legal tool name of at most `limit` characters; equal names give equal results."""
    if letter_first and name.startswith("$"):  # Moonshot's own tools, such as $web_search
        return name
    legal = len(name) <= limit and _LEGAL_NAME.match(name) is not None
    if legal and (name[0].isalpha() or not letter_first):
        return name
    kept = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_KEPT_NAME_CHARACTERS]
    if letter_first and not kept[:1].isalpha():
        kept = "t_" + kept[: _KEPT_NAME_CHARACTERS - 2]
    return f"{kept}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


class Known(msgspec.Struct, frozen=True):
    """A tool as the client knows it, which the upstream knows by another name."""

    name: str
    namespace: str | None = None
    custom: bool = False


class Flattened(msgspec.Struct, frozen=True):
    """The tools of a relayed request that became functions: `names` maps their calls back, `typed`
    are those whose calls are items of a type of their own, and `repeated` the members of the answer
    that repeat the request, as the client sent them."""

    names: Names
    typed: frozenset[str]
    repeated: tuple[tuple[str, bytes], ...]


class Names:
    """The mapping of one exchange: `inward` maps the request, `call_id` and `known` the answer."""

    __slots__ = (
        "_customs",
        "_keeps_ids",
        "_known",
        "_letter_first",
        "_namespaces",
        "_natives",
        "_seed",
        "_turn_ids",
        "_upstream",
        "_used",
    )

    def __init__(self, upstream: DialectFacts, quirks: Quirks, *, keeps_ids: bool = False) -> None:
        self._upstream = upstream
        self._letter_first = quirks.tool_names == "letter_first"
        self._customs = upstream.custom_tools and not known_to_refuse(quirks.custom_tools)
        self._namespaces = upstream.namespaces and not known_to_refuse(quirks.namespaces)
        self._keeps_ids = keeps_ids  # in a relayed request they cannot be mapped back
        self._known: dict[str, Known] = {}
        self._used: set[str] = set()
        self._turn_ids: dict[str, str] = {}
        self._natives: dict[str, str] = {}
        self._seed = ""  # of the ids of calls that come without one

    # --- the request -----------------------------------------------------------------------

    def inward(self, request: Request, losses: Losses) -> Request:
        """The request for the upstream: with its own ids, legal names, and functions where it has
        no free-form tools or namespaces."""
        turns = tuple(
            [
                turn if _NAMED.isdisjoint(map(type, turn.blocks)) else self._turn(turn)
                for turn in request.turns
            ]
        )
        tools = request.tools
        if tools and not self._may_stay(tools):
            tools = tuple([self.offered(tool, losses) for tool in tools])
        choice = request.tool_choice
        if choice is not None and (choice.name is not None or choice.allowed is not None):
            choice = structs.replace(
                choice,
                name=None if choice.name is None else self._choice_name(choice.name, request),
                allowed=None
                if choice.allowed is None
                else tuple(self._choice_name(name, request) for name in choice.allowed),
            )
        # Not the request itself: it takes six times its size for as long as the answer comes.
        blocks = sum([len(turn.blocks) for turn in turns])
        self._seed = f"{request.model}:{len(turns)}:{blocks}"
        return structs.replace(request, turns=turns, tools=tools, tool_choice=choice)

    def _may_stay(self, tools: tuple[Tool, ...]) -> bool:
        length, letter_first = self._upstream.name_length, self._letter_first
        return _are_plain(tools, length, letter_first, self._customs)

    def _turn(self, turn: Turn) -> Turn:
        if turn.role == "assistant":
            self._turn_ids = {}
        blocks = tuple(map(self._block, turn.blocks))
        same = all(map(operator.is_, blocks, turn.blocks))
        return turn if same else structs.replace(turn, blocks=blocks)

    def _block(self, block: Block) -> Block:
        if type(block) is Call:
            return self.called(block)
        return self._result(block) if type(block) is Result else block

    def called(self, call: Call) -> Call:
        """A call of the history for the upstream."""
        self._used.add(call.id)
        flatten = call.custom and not self._customs
        native = self._native_call_id(call.id)
        name = self._fit(self._flat(call.name, call.namespace))
        namespace = call.namespace if self._namespaces else None
        if not flatten and (native, name, namespace) == (call.id, call.name, call.namespace):
            return call
        return structs.replace(
            call,
            id=native,
            name=name,
            namespace=namespace,
            custom=call.custom and not flatten,
            arguments=arguments.wrap_input(call.arguments) if flatten else call.arguments,
        )

    def _result(self, result: Result) -> Result:
        native = self._natives.get(result.call_id) or self._native_id(result.call_id)
        custom = result.custom and self._customs
        refers = ToolReference in map(type, result.blocks)
        if not refers and (native, custom) == (result.call_id, result.custom):
            return result
        blocks = tuple(
            ToolReference(self._fit(block.name)) if isinstance(block, ToolReference) else block
            for block in result.blocks
        )
        return structs.replace(result, call_id=native, blocks=blocks, custom=custom)

    def _native_call_id(self, carried: str) -> str:
        """The upstream's id of a call. Turns may repeat ids, as Kimi's do, but within one turn they
        must differ: where an upstream gave two calls one id, the second keeps its number. Ids that
        a client repeats itself are left to `history.distinct_ids`, which knows the results."""
        native = self._native_id(carried)
        if self._keeps_ids:
            return native
        if self._turn_ids.get(native, carried) != carried:
            number = 2
            while self._turn_ids.get(f"{native}--{number}", carried) != carried:
                number += 1
            native = f"{native}--{number}"
        self._turn_ids[native] = carried
        self._natives[carried] = native
        return native

    def _native_id(self, carried: str) -> str:
        if self._keeps_ids:
            return carried
        native = unescape_id(carried) if carried.startswith(MARK) else carried
        return _fit_id(native, self._upstream.id_length, self._upstream.plain_ids)

    def _flat(self, name: str, namespace: str | None) -> str:
        if namespace is None or self._namespaces:
            return name
        return namespace + _NAMESPACE_JOINT + name

    def _fit(self, name: str) -> str:
        return fit_name(name, self._upstream.name_length, self._letter_first)

    def _choice_name(self, name: str, request: Request) -> str:
        for tool in request.tools:
            if tool.name == name:
                return self._fit(self._flat(name, tool.namespace))
        return self._fit(name)

    def offered(self, tool: Tool, losses: Losses) -> Tool:
        """A tool for the upstream."""
        if tool.kind == "hosted":
            return tool
        name = self._fit(self._flat(tool.name, tool.namespace))
        plain = not self._namespaces
        custom = tool.kind == "custom" and not self._customs
        if name != tool.name or custom:
            self._known[name] = Known(tool.name, tool.namespace, tool.kind == "custom")
        if name == tool.name and not custom:
            return tool
        if custom:
            losses.emulate("tools.custom")
        elif tool.namespace is None:
            losses.rename(f"tools.{tool.name[:40]}")
        return structs.replace(
            tool,
            name=name,
            namespace=None if plain else tool.namespace,
            kind="function" if custom else tool.kind,
            schema=_INPUT_SCHEMA if custom else tool.schema,
            description=_describe(tool, plain=plain, custom=custom),
            grammar=None if custom else tool.grammar,
        )

    # --- the answer ------------------------------------------------------------------------

    def known(self, name: str) -> Known | None:
        """The tool of a call as the client knows it; None where the upstream knows it the same."""
        return self._known.get(name)

    def call_id(self, native: str, index: int) -> str:
        """The id of a call for the client: legal, and not used before in conversation and
        answer."""
        if not native:
            digest = hashlib.sha256(f"{self._seed}:{index}".encode()).hexdigest()[:24]
            native = f"call_{digest}"
        if self._keeps_ids:
            return native
        carried = escape_id(native)
        if carried in self._used:
            stem = carried if carried.startswith(MARK) else _force_escape(native)
            number = 2
            while f"{stem}--{number}" in self._used:
                number += 1
            carried = f"{stem}--{number}"
        self._used.add(carried)
        return carried


@remembered
def _are_plain(tools: tuple[Tool, ...], length: int, letter_first: bool, customs: bool) -> bool:
    """Whether an upstream may be offered all of them as they are."""
    return all(
        tool.kind == "hosted"
        or (
            tool.namespace is None
            and (customs or tool.kind != "custom")
            and fit_name(tool.name, length, letter_first) == tool.name
        )
        for tool in tools
    )


def _force_escape(native: str) -> str:
    return MARK + "".join(c if c.isalnum() or c == "_" else f"-{ord(c):02X}" for c in native)


def _describe(tool: Tool, *, plain: bool, custom: bool) -> str | None:
    """The tool's description with that of its namespace, where the upstream has none (`plain`), and
    for a free-form tool how to give its text."""
    about = tool.namespace_description if plain else None
    parts = [part for part in (about, tool.description) if part]
    if custom:
        parts.append("Put the raw text in `input`.")
        if tool.grammar is not None:
            syntax, definition = tool.grammar
            parts.append(f"It must match this {syntax} grammar:\n{definition}")
    return "\n\n".join(parts) or tool.description
