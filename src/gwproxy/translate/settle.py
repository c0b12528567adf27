"""Edits of a relayed body's thinking, effort, sampling and forced tool, for hosts that refuse them.

The decision is that of a rendered request (`passes/effort.py`), made on a request of these members
alone; every byte outside of them stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from msgspec import Raw, Struct

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import EFFORTS, Request, Text, Thinking, ToolChoice
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.effort import (
    force_tools,
    nearest_effort,
    set_budget,
    set_thinking,
    switched_off,
)
from gwproxy.translate.passes.sampling import FIXED, asks_nothing
from gwproxy.translate.quirks import Quirks, known_to_refuse
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Rejected
from gwproxy.translate.wire.splice import Edit, edited, found, path_of

Parse: TypeAlias = Callable[[bytes, Losses], Request]

_ANY_EFFORT: Final = EFFORTS[1:]


class ToolPaths(Struct, frozen=True):
    """The paths of a tool's name, schema and description, and of a body's output schema."""

    name: str
    schema: str
    description: str
    answer: str


class SettledSettings(Struct, frozen=True):
    """Where and how a dialect writes these settings: the members they stand in (`read`), that of
    the conversation (`turns`), the paths of efforts, and those within a `tool`. `think` writes
    thinking into a body, `choose` a tool choice that names no tool; `lacks_thoughts` says whether a
    call of the running tool loop lacks the thinking block that a budget demands. `fill_in` puts the
    placeholder on calls without reasoning, `name_references` turns tool references into text."""

    turns: str
    read: tuple[str, ...]
    efforts: tuple[str, ...]
    tool: ToolPaths
    think: Callable[[bytes, Thinking, Quirks], bytes]
    choose: Callable[[bytes, ToolChoice], bytes]
    lacks_thoughts: Callable[[bytes], bool] = lambda _body: False
    fill_in: Callable[[bytes, Quirks], bytes] | None = None
    name_references: Callable[[bytes], bytes] | None = None


def settled(
    body: bytes,
    settings: SettledSettings,
    parse: Parse,
    facts: DialectFacts,
    quirks: Quirks,
    losses: Losses,
) -> bytes:
    """`body` with the settings that its host refuses by `quirks` replaced by what it takes; the
    same object where there are none. `parse` is the dialect's own. Raises NotJson."""
    adapts = facts.thinking == "budget" and (
        known_to_refuse(quirks.adaptive_thinking) or not quirks.thinking_budgets
    )
    forces = quirks.forced_tools != "allow" or not quirks.named_tool
    always = quirks.thinking_always and (b'"disabled"' in body or b'"none"' in body)
    wishes = (adapts and b'"thinking"' in body) or (forces and b'"tool_choice"' in body)
    if wishes or always or quirks.thinking_switch == "none":
        body = _with_wishes(body, settings, parse, facts, quirks, losses)
    if quirks.efforts is not None and quirks.thinking_switch == "effort":
        body = _with_known_efforts(body, settings, quirks, losses)
    if quirks.sampling == "drop":
        body = _without_sampling(body, losses)
    if quirks.reasoning_placeholder and settings.fill_in is not None:
        asked = _asked(body, settings, parse, facts, quirks)
        if asked is not None and asked.thinking.mode != "off":
            filled = settings.fill_in(body, quirks)
            if filled is not body:
                losses.synthesize("messages.thinking")
            body = filled
    return body


def _with_known_efforts(
    body: bytes, settings: SettledSettings, quirks: Quirks, losses: Losses
) -> bytes:
    def nearest(value: bytes) -> bytes | None:
        asked = _string(value)
        if asked not in EFFORTS:
            return value
        effort = nearest_effort(asked, quirks)
        if effort == asked:
            return value
        if effort is None:
            losses.drop("reasoning_effort")
            return None
        losses.clamp("reasoning_effort", effort)
        return jsonio.text(effort)

    return edited(body, [Edit(path_of(path), nearest) for path in settings.efforts])


def _without_sampling(body: bytes, losses: Losses) -> bytes:
    def rest(name: str, value: bytes) -> bytes | None:
        if asks_nothing(name, jsonio.loads(value)):
            return value
        losses.drop(name)
        return None

    names = [name for name in FIXED if f'"{name}"'.encode() in body]
    return edited(body, [Edit((name,), partial(rest, name)) for name in names])


def _with_wishes(
    body: bytes,
    settings: SettledSettings,
    parse: Parse,
    facts: DialectFacts,
    quirks: Quirks,
    losses: Losses,
) -> bytes:
    asked = _asked(body, settings, parse, facts, quirks)
    if asked is None:  # the upstream answers the error
        return body
    known = replace(quirks.decided(own=True), efforts=quirks.efforts or _ANY_EFFORT)
    wanted = force_tools(asked, facts, known, losses)
    if wanted.thinking.mode == "on" and not known.adaptive_thinking and facts.thinking == "budget":
        wanted = set_budget(set_thinking(wanted, facts, known, losses), facts, known, losses)
    unsaid = known.thinking_always and wanted.thinking.mode == "off"
    by_budget = wanted.thinking.mode == "budget" and not known.thinking_budgets
    if unsaid or by_budget or known.thinking_switch == "none":
        wanted = set_thinking(wanted, facts, known, losses)
    body = _with_choice(body, settings, asked, wanted)
    if wanted.thinking == asked.thinking:
        return body
    after = settings.think(body, wanted.thinking, known)
    if known.signed_thinking and settings.lacks_thoughts(after):
        # "Expected `thinking`, but found `tool_use`" (farion1231/cc-switch)
        losses.drop("thinking")
        after = settings.think(body, switched_off(wanted.thinking, facts, known), known)
    return after


def _asked(
    body: bytes, settings: SettledSettings, parse: Parse, facts: DialectFacts, quirks: Quirks
) -> Request | None:
    """The settings of `body` as a request; None where they cannot be read."""
    try:
        limit = quirks.max_output if facts.needs_limit else None
        return parse(_only(body, settings, limit), Losses())
    except (Rejected, jsonio.NotJson):
        return None


def _only(body: bytes, settings: SettledSettings, limit: int | None) -> bytes:
    """A body of the settings of `body` alone and one dummy turn. A `limit` of None is left out, as
    in one that only counts tokens."""
    start = {"model": "", settings.turns: [{"role": "user", "content": "."}]}
    known = {name: Raw(value) for name in settings.read for _, value in found(body, (name,))}
    return jsonio.dumps(start | ({} if limit is None else {"max_tokens": limit}) | known)


# --- a forced tool -------------------------------------------------------------------------------


def _with_choice(body: bytes, settings: SettledSettings, asked: Request, wanted: Request) -> bytes:
    was, choice = asked.tool_choice, wanted.tool_choice
    if choice is None or was is None or choice == was or was.allowed is not None:
        return body
    body = settings.choose(body, choice)
    if was.name is not None and choice.name is None:
        body = _alone(body, settings, was.name)
    for turn in wanted.turns[len(asked.turns) :]:
        words = "".join(block.text for block in turn.blocks if isinstance(block, Text))
        body = _and_asked(body, settings, words)
    return body


def _alone(body: bytes, settings: SettledSettings, name: str) -> bytes:
    """`body` with the tool `name` alone, where there is one."""
    path = path_of(settings.tool.name)

    def is_it(tool: bytes) -> bool:
        return any(_string(value) == name for _, value in found(tool, path))

    if not any(is_it(tool) for _, tool in found(body, ("tools", None))):
        return body
    return edited(body, [Edit(("tools", None), lambda tool: tool if is_it(tool) else None)])


def _and_asked(body: bytes, settings: SettledSettings, words: str) -> bytes:
    """`body` with one more user turn of `words`."""
    asked = jsonio.dumps({"role": "user", "content": words})

    def longer(turns: bytes) -> bytes:
        if turns[:1] != b"[":
            return b'[{"role":"user","content":' + turns + b"}," + asked + b"]"
        rest = turns[:-1].rstrip()
        return rest + (b"" if rest == b"[" else b",") + asked + b"]"

    return edited(body, [Edit((settings.turns,), longer)])


def _string(value: bytes) -> str:
    try:
        read = jsonio.loads(value)
    except jsonio.NotJson:
        return ""
    return read if isinstance(read, str) else ""
