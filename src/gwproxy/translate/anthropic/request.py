"""Parses a Messages request into the hub's, and renders one.

The common path is what Claude Code and the SDKs send: known members only, decoded at once. Anything
else is read block by block. Unsupported members are losses where the answer stays what it is; those
that change it (its kind, where data may be kept, the bill) are refused by name.

https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, structs

from gwproxy.translate.anthropic import blocks, history, marks, settings, tools
from gwproxy.translate.anthropic.settings import Format, OutputConfig, ThinkingConfig
from gwproxy.translate.anthropic.tools import Choice
from gwproxy.translate.anthropic.wire import (
    ABSENT,
    CacheControl,
    Draft,
    Effort,
    Message,
    TextBlock,
    Wire,
    decode_content,
)
from gwproxy.translate.dialect_facts import ATTRIBUTION
from gwproxy.translate.hub import (
    Block,
    Call,
    Identity,
    Media,
    OutputFormat,
    Request,
    Result,
    Sampling,
    Text,
    Thinking,
    Tool,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Declined, Malformed, Unsupported, optional_int
from gwproxy.translate.wire.shapes import Shape, present, text_only
from gwproxy.translate.wire.splice import found

# After a 400 that names the member, Claude Code checks tool calls by requests of its own. Were the
# order dropped, or a verdict made up, it would run calls that nobody has judged.
_UNJUDGED: Final = "tool calls are not judged here, so they have to be checked by the client itself"


class Metadata(Wire):
    user_id: str | None = None


class _Fields(Wire, kw_only=True):
    """All members of a body but the messages, in the order in which they are sent."""

    model: str
    max_tokens: int | float | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | float | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    metadata: Metadata | None = None
    stop_sequences: list[str] | None = None
    service_tier: str | None = None
    cache_control: CacheControl | None = None
    tool_choice: Choice | None = None
    # read, and never sent
    output_format: Format | None = None  # the name of `output_config.format` in its beta
    context_management: Raw = ABSENT
    container: Raw = ABSENT
    inference_geo: Raw = ABSENT
    billing_policy: Raw = ABSENT
    safeguards: Raw = ABSENT
    thread: Raw = ABSENT
    compaction: Raw = ABSENT
    mcp_servers: Raw = ABSENT
    speed: Raw = ABSENT
    diagnostics: Raw = ABSENT
    fallbacks: Raw = ABSENT
    fallback_credit_token: Raw = ABSENT
    user_profile_id: Raw = ABSENT
    workspace_id: Raw = ABSENT
    betas: Raw = ABSENT
    # what a prompt cache hashes, from its beginning to its end
    tools: Raw = ABSENT
    system: str | list[TextBlock] | None = None


class Body(_Fields, kw_only=True):
    messages: list[Message]


class _LooseBody(_Fields, kw_only=True):
    messages: list[Raw]


class _LooseMessage(Message):
    content: Raw = ABSENT  # type: ignore[assignment]


class _Sent(_Fields, kw_only=True):
    messages: list[Draft]


_body: Final = msgspec.json.Decoder(Body)
_loose_body: Final = Shape(_LooseBody)
_loose_message: Final = Shape(_LooseMessage)

# --- parse -------------------------------------------------------------------------------------


def parse(body: bytes, losses: Losses) -> Request:
    """The hub request in a body. Raises Malformed and Unsupported, which name the field."""
    fields = _decode(body, losses)
    if fields.max_tokens is None:
        raise Malformed("max_tokens", "Field required")
    if not fields.messages:
        raise Malformed("messages", "at least one message is required")
    if _is_order(bytes(fields.safeguards)):
        raise Declined("safeguards", _UNJUDGED)
    return _request(fields, losses)


def parse_countable(body: bytes, losses: Losses) -> Request:
    """The same for a body of `count_tokens`, which needs no `max_tokens` and no messages."""
    return _request(_decode(body, losses), losses)


def refuse_orders(body: bytes) -> None:
    """Raises Declined where verdicts on tool calls are asked for."""
    if any(_is_order(value) for _, value in found(body, ("safeguards",))):
        raise Declined("safeguards", _UNJUDGED, "safeguards=true")


def _is_order(safeguards: bytes) -> bool:
    return safeguards.strip(b"[] \r\n\t") not in (b"", b"null")


def _request(fields: Body, losses: Losses) -> Request:
    if _rare(fields) != _NOTHING_RARE:
        _refuse(fields)
        _leave_out(fields, losses)
    offered = tools.parse_tools(fields.tools, losses)
    turns, offered, spoken_effort = _turns(fields, offered, losses)
    choice = tools.parse_choice(fields.tool_choice)
    sampling = Sampling(fields.temperature, fields.top_p, optional_int(fields.top_k, "top_k"))
    return Request(
        fields.model,
        turns if fields.cache_control is None else _mark_last(turns, fields.cache_control),
        offered,
        choice,
        _limit(fields.max_tokens),
        tuple(fields.stop_sequences or ()),
        sampling,
        _thinking(fields, spoken_effort, losses),
        _output_format(fields),
        bool(fields.stream),
        identity=_identity(fields.metadata),
        service_tier=fields.service_tier,
    )


def _decode(body: bytes, losses: Losses) -> Body:
    try:
        return _body.decode(text_only(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        loose = _loose_body.read(body, losses)
    messages = [
        _decode_message(raw, f"messages[{index}]", losses)
        for index, raw in enumerate(loose.messages)
    ]
    return Body(**(structs.asdict(loose) | {"messages": messages}))


def _decode_message(raw: Raw, path: str, losses: Losses) -> Message:
    loose = _loose_message.read(raw, losses, path)
    members: dict[str, Any] = structs.asdict(loose)
    has_content = present(loose.content)
    members["content"] = (
        decode_content(members["content"], f"{path}.content", losses) if has_content else None
    )
    return Message(**members)


def _refuse(fields: Body) -> None:
    """Raises Unsupported for another kind of answer, place where data is kept, or bill."""
    if present(fields.container) and b'"skills"' in bytes(fields.container):
        raise Unsupported("container.skills", "skills run on Anthropic's servers only")
    if present(fields.inference_geo):
        raise Unsupported("inference_geo", "this upstream does not promise a region")
    if present(fields.billing_policy) and b'"user_profile"' in bytes(fields.billing_policy):
        raise Unsupported("billing_policy", "this upstream cannot bill a user profile")
    if present(fields.thread):
        raise Unsupported("thread", "threads are not kept here; send the whole conversation")
    if present(fields.compaction):
        raise Unsupported("compaction", "this upstream cannot compact; ask for a summary instead")
    if present(fields.mcp_servers) and bytes(fields.mcp_servers).strip(b"[] \r\n\t"):
        raise Unsupported("mcp_servers", "this upstream cannot call MCP servers")


_LEFT_OUT: Final = (
    "container",
    "diagnostics",
    "fallbacks",
    "fallback_credit_token",
    "user_profile_id",
    "workspace_id",
    "betas",
)


_rare: Final = operator.attrgetter(
    *("inference_geo", "billing_policy", "thread", "compaction", "mcp_servers", "speed"),
    *("output_config", "thinking", *_LEFT_OUT),
)
_NOTHING_RARE: Final = _rare(Body(model="", messages=[]))


def _leave_out(fields: Body, losses: Losses) -> None:
    for name in _LEFT_OUT:
        if present(getattr(fields, name)):
            losses.drop(name)
    if present(fields.speed) and bytes(fields.speed) != b'"standard"':
        losses.drop("speed")
    if fields.output_config is not None and present(fields.output_config.task_budget):
        losses.drop("output_config.task_budget")
    if fields.thinking is not None and present(fields.thinking.block_binding):
        losses.drop("thinking.block_binding")


def _limit(wanted: int | float | None) -> int | None:
    limit = optional_int(wanted, "max_tokens")
    if limit is not None and limit < 0:
        raise Malformed("max_tokens", "Input should be greater than or equal to 0")
    return limit


# --- turns -------------------------------------------------------------------------------------


def _turns(
    fields: Body, offered: tuple[Tool, ...], losses: Losses
) -> tuple[tuple[Turn, ...], tuple[Tool, ...], str | None]:
    """The turns; the tools, as the conversation has changed them; the effort it last asked for."""
    turns: list[Turn] = []
    effort = None
    prompt = _prompt(fields.system, losses)
    if prompt:
        turns.append(Turn("system", prompt))
    for index, message in enumerate(fields.messages):
        content = blocks.read_content(message.content, losses)  # type: ignore[arg-type]
        if message.role == "system":
            effort = _spoken_effort(message.output_config, effort, losses)
            content, offered = tools.changed(content, offered, losses)
            if message.clear_at == "next_user_message" and _is_heard(fields.messages, index):
                losses.emulate("clear_at")
                continue
            if not content:
                continue
        elif message.content is None:
            raise Malformed(f"messages[{index}].content", "Field required")
        _check_place(message.role, content, index)
        turns.append(Turn(message.role, content))
    return tuple(turns), offered, effort


def _is_heard(messages: Sequence[Message], index: int) -> bool:
    """Whether a user message follows."""
    return any(message.role == "user" for message in messages[index + 1 :])


def _check_place(role: str, content: Sequence[Block], index: int) -> None:
    wrong = Result if role == "assistant" else Call
    if wrong not in map(type, content):
        return
    for position, block in enumerate(content):
        if type(block) is wrong:
            kind = "tool_result" if wrong is Result else "tool_use"
            why = f"`{kind}` blocks cannot stand in a message of the role {role}"
            raise Malformed(f"messages[{index}].content[{position}]", why)


def _spoken_effort(config: Effort | None, before: str | None, losses: Losses) -> str | None:
    if config is None or config.effort is None:
        return before
    losses.emulate("messages.output_config")
    return config.effort


def _prompt(system: str | list[TextBlock] | None, losses: Losses) -> tuple[Block, ...]:
    content = blocks.read_content(system, losses)  # type: ignore[arg-type]
    if not content or not isinstance(content[0], Text):
        return content
    first = content[0]
    if not first.text.startswith(ATTRIBUTION):
        return content
    losses.drop("system.billing_header")
    _, _, rest = first.text.partition("\n")
    return (structs.replace(first, text=rest), *content[1:]) if rest.strip() else content[1:]


def _mark_last(turns: tuple[Turn, ...], mark: CacheControl) -> tuple[Turn, ...]:
    """The turns with the request's own cache mark on the last block that can have one."""
    for position in reversed(range(len(turns))):
        content = turns[position].blocks
        if content and isinstance(content[-1], Text | Media | Call | Result):
            last = structs.replace(content[-1], cache=blocks.cache(mark))
            turn = structs.replace(turns[position], blocks=(*content[:-1], last))
            return (*turns[:position], turn, *turns[position + 1 :])
    return turns


# --- settings ------------------------------------------------------------------------------------


def _thinking(fields: Body, spoken_effort: str | None, losses: Losses) -> Thinking:
    config = fields.output_config
    effort = spoken_effort or (config.effort if config is not None else None)
    keep = _kept_turns(fields.context_management, losses)
    asked = fields.thinking
    if asked is None:
        return Thinking(None, effort, keep_turns=keep)
    if asked.type == "disabled":
        return Thinking("off", effort, keep_turns=keep)
    if asked.type == "between_tools":
        losses.clamp("thinking", "adaptive")
    show = {"summarized": "summary", "updates": "summary", "omitted": "omitted"}
    return Thinking(
        "budget" if asked.type == "enabled" and asked.budget_tokens is not None else "on",
        effort,
        asked.budget_tokens if asked.type == "enabled" else None,
        show.get(asked.display or ""),  # type: ignore[arg-type]
        keep,
    )


class _Edit(Struct):
    type: str = ""
    keep: Any = None


class _ContextManagement(Struct):
    edits: tuple[_Edit, ...] = ()


_context_management: Final = jsonio.decoder(_ContextManagement)


def _kept_turns(raw: Raw, losses: Losses) -> int | None:
    """How many earlier turns keep their thinking, None for all. Other edits run on the server only:
    they are losses, but one to compact, which replaces the client's history, is Unsupported."""
    if not present(raw):
        return None
    try:
        edits = _context_management(bytes(raw)).edits
    except jsonio.NotJson as error:
        raise Malformed("context_management", str(error)) from None
    keep = None
    for edit in edits:
        if edit.type.startswith("compact_"):
            why = f"this upstream cannot compact ({edit.type}); ask for a summary instead"
            raise Unsupported("context_management.edits", why)
        if not edit.type.startswith("clear_thinking_"):
            losses.drop(f"context_management.{edit.type}")
            continue
        losses.emulate("context_management.clear_thinking")
        if edit.keep is None:
            keep = 0
        elif isinstance(edit.keep, dict) and isinstance(edit.keep.get("value"), int):
            keep = max(0, edit.keep["value"] - 1)  # the hub does not count the current turn
    if not edits:
        losses.drop("context_management")
    return keep


def _output_format(fields: Body) -> OutputFormat | None:
    config = fields.output_config
    wanted = config.format if config is not None and config.format else fields.output_format
    if wanted is None:
        return None
    return OutputFormat("json_schema", jsonio.raw(wanted.schema), strict=True)


class _ClaudeCodeUser(Struct):
    session_id: str | None = None


_claude_code_user: Final = jsonio.decoder(_ClaudeCodeUser)


def _identity(metadata: Metadata | None) -> Identity:
    """User and session: Claude Code has its own in `user_id`, as JSON, or after `_session_`."""
    user = metadata.user_id if metadata is not None else None
    if user is None:
        return Identity()
    if user.startswith("{"):
        try:
            return Identity(user, _claude_code_user(user).session_id or None)
        except jsonio.NotJson:
            return Identity(user)
    _, _, session = user.partition("_session_")
    return Identity(user, session or None)


# --- render --------------------------------------------------------------------------------------


def render(request: Request, quirks: Quirks, losses: Losses) -> bytes:
    """The body for an Anthropic upstream: what every server of this dialect takes, and what
    `quirks` says that this one takes. Raises Unsupported."""
    offered = tools.write_tools(request.tools, losses, extras=bool(quirks.tool_extras))
    system = history.system_text(request, quirks, losses)
    conversation = history.messages(request, quirks, losses)
    effort = request.thinking.effort
    wanted_format = settings.output_format(request)
    sampling = settings.sampling(request.sampling)
    user = settings.user_id(request, quirks)
    automatic = marks.automatic(system, conversation, request, quirks)
    return jsonio.dumps(
        _Sent(
            model=request.model,
            max_tokens=request.max_tokens,
            stream=True if request.stream else None,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            thinking=settings.thinking(request.thinking, quirks),
            output_config=OutputConfig(effort, wanted_format) if effort or wanted_format else None,
            metadata=Metadata(user) if user is not None else None,
            stop_sequences=list(request.stop) or None,
            service_tier=request.service_tier,
            cache_control=automatic,
            tool_choice=tools.write_choice(request.tool_choice) if request.tools else None,
            tools=offered,
            system=system or None,
            messages=conversation,
        )
    )
