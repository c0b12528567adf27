"""Edits on a body for hosts of one dialect that differ: the role of instructions, text as one
string, the name of the token limit, a placeholder for the signature of another model's call.

A relayed body is edited as it came, a rendered one after its last pass; every byte outside the
edits stays. The members are called alike in all dialects.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.losses import Losses
from gwproxy.translate.passes.history import reminder
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.fields import Malformed, get_string
from gwproxy.translate.wire.splice import Edit, edited, has, omit, put, renamed, with_member

_PLACES: Final = (("messages", None), ("input", None))
_INSTRUCTS: Final = frozenset({"system", "developer"})
_WORDS: Final = frozenset({"text", "input_text", "output_text"})
_GAP: Final = "\n\n"


class _Message(Struct):
    role: str = ""
    content: Raw = Raw()


_message: Final = msgspec.json.Decoder(_Message).decode
_parts: Final = msgspec.json.Decoder(list[dict[str, Raw]]).decode
_MISFITS: Final = (msgspec.MsgspecError, UnicodeDecodeError)


def respelled(body: bytes, facts: DialectFacts, quirks: Quirks, losses: Losses) -> bytes:
    """`body`, of the dialect of `facts`, with the roles, names and forms that its host takes by
    `quirks`. Raises NotJson."""
    wanted = quirks.max_tokens_field
    if wanted in facts.limit_names:
        for name in facts.limit_names:
            if name != wanted and has(body, (name,)):
                if has(body, (wanted,)):
                    losses.drop(name)
                    body = edited(body, [omit(name)])
                else:
                    losses.rename(name)
                    body = renamed(body, name, wanted)
    as_it_is = quirks.mid_system == "native" and quirks.text_parts != "plain"
    if as_it_is and not quirks.system_role and not quirks.call_signature:
        return body
    return edited(body, [Edit(place, _Speller(quirks, losses).message) for place in _PLACES])


class _Speller:
    def __init__(self, quirks: Quirks, losses: Losses) -> None:
        self._quirks = quirks
        self._losses = losses
        self._later = False

    def message(self, text: bytes) -> bytes:
        """The bytes of one message or item, edited; called in their order."""
        later, self._later = self._later, True
        try:
            message = _message(text)
        except _MISFITS:
            return text
        if message.role in _INSTRUCTS:
            text = self._instructions(text, message, later=later)
        if self._quirks.text_parts == "plain" and bytes(message.content)[:1] == b"[":
            text = edited(text, [Edit(("content",), self._joined)])
        if self._quirks.call_signature and message.role == "assistant":
            text = edited(text, [Edit(("tool_calls", 0), self._signed)])
        return text

    def _signed(self, call: bytes) -> bytes:
        """The first call of an answer with a placeholder signature; of parallel calls it alone has
        one."""
        if has(call, ("extra_content",)):
            return call
        self._losses.synthesize("messages.thinking")
        signed = {"google": {"thought_signature": self._quirks.call_signature}}
        return with_member(call, "extra_content", jsonio.dumps(signed))

    def _instructions(self, text: bytes, message: _Message, *, later: bool) -> bytes:
        role = self._quirks.system_role
        if later and self._quirks.mid_system == "wrap":
            self._losses.emulate("messages.system")
            is_text = bytes(message.content)[:1] == b'"'
            path = ("content",) if is_text else ("content", None, "text")
            return edited(text, [put("role", b'"user"'), Edit(path, _reminding)])
        if role is not None and role != message.role:
            self._losses.rename("messages.role")
            return edited(text, [put("role", jsonio.text(role))])
        return text

    def _joined(self, content: bytes) -> bytes:
        """A list of text blocks as one JSON string; with anything else in it, as it came."""
        try:
            parts = _parts(content)
            kinds = {get_string(jsonio.loads(bytes(part["type"])), "type") for part in parts}
            if not kinds or not kinds <= _WORDS:
                return content
            texts = [get_string(jsonio.loads(bytes(part["text"])), "text") for part in parts]
        except (*_MISFITS, jsonio.NotJson, Malformed, KeyError):
            return content
        for name in dict.fromkeys(name for part in parts for name in part):
            if name not in ("type", "text"):
                self._losses.drop(f"messages.content.{name}")
        return jsonio.text(_GAP.join(texts))


def _reminding(text: bytes) -> bytes:
    return jsonio.text(reminder(jsonio.loads(text))) if text[:1] == b'"' else text
