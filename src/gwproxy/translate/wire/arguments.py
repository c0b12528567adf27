"""Tool arguments as they arrive from a model: guarded, mended, unwrapped.

A client parses the concatenated arguments as one JSON object and fails, or runs the wrong thing,
when they are not. `Guard` lets the legal prefix through at once and withholds what is not JSON.
`Unwrapper` takes `{"input": "…"}` apart while it streams, for free-form tools that a plain upstream
knows as functions.

Both hold only one call's state, and neither raises: models produce anything.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

import msgspec

from gwproxy.translate.wire import jsonio

_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING_RUN: Final = re.compile(r'[^"\\\x00-\x1f]+')
_SPACE: Final = " \t\r\n"
_ESCAPES: Final = '"\\/bfnrt'
_LITERAL_START: Final = "-0123456789tfn"
_LITERAL_END: Final = re.compile(r"[,}\]\s]")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z")
_PAIR: Final = r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE: Final = re.compile(rf'\\(?:{_PAIR}|u[0-9a-fA-F]{{4}}|["\\/bfnrt])')
# More may make an escape of it, or the second half of a pair.
_UNFINISHED: Final = re.compile(
    r"\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?)?\Z"
)
_INPUT_HEAD: Final = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_INPUT_HEAD_PREFIX: Final = re.compile(
    r'\s*(?:\{\s*(?:"(?:i(?:n(?:p(?:u(?:t(?:"\s*(?::\s*)?)?)?)?)?)?)?)?)?\Z'
)
_NUMBER_START: Final = re.compile(r"-?(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][+-]?\d*)?\Z")

# Of "unknown" ones only the reason to stop says whether the model was done with them.
ArgumentsEnd: TypeAlias = Literal["whole", "half", "unknown"]

# Models that run away print blanks between tokens for ever (farion1231/cc-switch stops at 500).
_MAX_BLANKS: Final = 2000


class Guard:
    """The arguments of one call as one JSON object: `feed` and `close` give what the client gets.

    Raw control characters inside strings are escaped, what follows the object is cut, and the rest
    is withheld from the first character that no JSON object could have there. A call that was cut
    short stays cut short: completed, `rm -rf /tmp/x` might become a command that the model never
    meant, whereas every client refuses to run arguments that do not parse.

    `mended` is True afterwards when anything was escaped, cut or wrapped.
    """

    __slots__ = (
        "_after",
        "_blanks",
        "_broken",
        "_buffer",
        "_escape",
        "_length",
        "_literal",
        "_mode",
        "_stack",
        "mended",
        "whole_members",
    )

    def __init__(self) -> None:
        # start, first_key, key, colon, first_value, value, next, string, literal, done, other
        self._mode = "start"
        self._stack: list[str] = []
        self._buffer = ""  # what is not an object: judged whole at the end
        self._escape = ""
        self._literal = ""
        self._after = ""
        self._blanks = 0
        self._broken = False
        self._length = 0
        self.mended = False
        self.whole_members = 0  # characters given out up to the last complete top-level member

    def feed(self, fragment: str) -> str:
        """The part of `fragment` that continues a legal object."""
        inside = self._mode == "string" and not self._escape and not self._broken
        if inside and _STRING_RUN.fullmatch(fragment):
            self._length += len(fragment)
            return fragment
        if self._mode == "start":
            fragment = fragment.lstrip()
            if fragment:
                self._mode = "value" if fragment[0] == "{" else "other"
        if self._mode == "other":
            self._buffer += fragment
            return ""
        if self._mode == "start" or self._broken:
            return ""
        return self._scan(fragment)

    def _scan(self, text: str) -> str:
        parts: list[str] = []
        begin = position = 0
        given = self._length
        while position < len(text):
            if self._mode == "string" and not self._escape:
                run = _STRING_RUN.match(text, position)
                if run is not None:
                    position = run.end()
                    continue
                if text[position] < " ":
                    escaped = jsonio.text(text[position]).decode()[1:-1]
                    parts += (text[begin:position], escaped)
                    given += position - begin + len(escaped)
                    position += 1
                    begin = position
                    self.mended = True
                    continue
            self._length = given + position - begin
            if not self._accept(text[position]):
                self.mended = self.mended or self._broken or bool(text[position:].strip())
                break
            position += 1
        parts.append(text[begin:position])
        self._length = given + position - begin
        if self._mode == "next" and len(self._stack) == 1:
            self.whole_members = self._length
        return "".join(parts)

    def _accept(self, char: str) -> bool:
        """Whether `char` may stand here; the state stays as it was where it may not."""
        if self._mode == "done":
            return False
        before = self._mode, self._escape, self._literal
        if self._mode == "next" and len(self._stack) == 1:
            self.whole_members = self._length
        if self._step(char):
            return True
        self._mode, self._escape, self._literal = before
        self._broken = True
        return False

    def _step(self, char: str) -> bool:
        if self._mode == "string":
            return self._step_string(char)
        if self._mode == "literal":
            if _LITERAL_END.match(char) is None:
                self._literal += char
                return _begins_literal(self._literal)
            if not _is_literal(self._literal):
                return False
            self._literal = ""
            self._mode = "next"
            if len(self._stack) == 1:
                self.whole_members = self._length
        if char in _SPACE:
            self._blanks += 1
            return self._blanks <= _MAX_BLANKS
        self._blanks = 0
        return self._step_structure(char)

    def _step_string(self, char: str) -> bool:
        if self._escape:
            self._escape += char
            if self._escape[1] != "u":
                legal = char in _ESCAPES
                self._escape = ""
                return legal
            if len(self._escape) > 2 and char not in "0123456789abcdefABCDEF":
                return False
            if len(self._escape) == 6:
                self._escape = ""
            return True
        if char == "\\":
            self._escape = char
        elif char == '"':
            self._mode = self._after
        return True

    def _step_structure(self, char: str) -> bool:
        mode = self._mode
        if mode in ("value", "first_value"):
            return self._step_value(char)
        if mode in ("key", "first_key"):
            if char == '"':
                self._mode, self._after = "string", "colon"
                return True
            return char == "}" and mode == "first_key" and self._leave()
        if mode == "colon":
            self._mode = "value"
            return char == ":"
        if mode == "next":
            top = self._stack[-1]
            if char == ",":
                self._mode = "key" if top == "}" else "value"
                return True
            return char == top and self._leave()
        return False

    def _step_value(self, char: str) -> bool:
        if char in "{[":
            self._stack.append("}" if char == "{" else "]")
            self._mode = "first_key" if char == "{" else "first_value"
            return True
        if char == '"':
            self._mode, self._after = "string", "next"
            return True
        if char == "]" and self._mode == "first_value":
            return self._leave()
        if char in _LITERAL_START:
            self._mode, self._literal = "literal", char
            return True
        return False

    def _leave(self) -> bool:
        self._stack.pop()
        self._mode = "next" if self._stack else "done"
        return True

    @property
    def complete(self) -> bool:
        return self._mode == "done"

    @property
    def end(self) -> ArgumentsEnd:
        """Whether the arguments are whole: "half" is the beginning of an object; "unknown" is an
        empty one, which Messages hosts also send for a call that was cut before its first
        argument."""
        if self.complete and self.whole_members:
            return "whole"
        begun = self._mode not in ("start", "other", "done")
        return "half" if begun and not self._broken else "unknown"

    def close(self) -> str:
        """The rest of the arguments: those that are no object come here, as the object they
        mean."""
        if self._mode == "start":
            return "{}"
        if self._mode != "other":
            return ""
        text = self._buffer.strip()
        if text == "null":
            return "{}"
        self.mended = True
        try:
            value = jsonio.loads(text)
        except jsonio.NotJson:
            return jsonio.dumps({"value": text}).decode()
        if isinstance(value, str) and value.lstrip().startswith("{"):
            inner = Guard()
            return inner.feed(value) + inner.close()
        return '{"value":' + jsonio.raw(text) + "}"


def as_object(arguments: str) -> str:
    """`arguments` as one JSON object: unchanged where they are one; of broken ones the members that
    are whole (what the vendors' own accumulators give)."""
    return whole_object(arguments)[0]


def whole_object(arguments: str) -> tuple[str, bool]:
    """`arguments` as one JSON object, as `as_object` gives it, and whether it holds all of them."""
    try:
        _object.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    else:
        return arguments, True
    guard = Guard()
    text = guard.feed(arguments) + guard.close()
    if guard.complete:
        return text, len(text) >= len(arguments.strip())
    if jsonio.is_json(text):
        return text, True
    if guard.whole_members == 0:
        return "{}", False
    return text[: guard.whole_members] + "}", False


def _begins_literal(text: str) -> bool:
    if text[0] in "tfn":
        return any(word.startswith(text) for word in ("true", "false", "null"))
    return _NUMBER_START.match(text) is not None


def _is_literal(text: str) -> bool:
    return text in ("true", "false", "null") or _NUMBER.match(text) is not None


class Unguarded:
    """Arguments as they come, for clients that parse them on their own."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[str] = []

    def feed(self, fragment: str) -> str:
        self._parts.append(fragment)
        return fragment

    @property
    def end(self) -> ArgumentsEnd:
        return end_of("".join(self._parts))

    def close(self) -> str:
        return ""


class FreeText:
    """A free-form tool's text as it comes; nothing in it says whether it is whole."""

    __slots__ = ()

    end: Final = "unknown"

    def feed(self, fragment: str) -> str:
        return fragment

    def close(self) -> str:
        return ""


def end_of(text: str) -> ArgumentsEnd:
    """Whether `text`, which should be one JSON object, is whole, half or unknown (`Guard.end`)."""
    guard = Guard()
    guard.feed(text)
    return guard.end


class Unwrapper:
    """The text inside `{"input":"text"}`, given as its fragments come.

    A model that answers with another shape loses nothing: the whole arguments are given at close.
    """

    __slots__ = ("_buffer", "_state")

    def __init__(self) -> None:
        self._buffer = ""
        self._state = "head"  # head, text, done, other

    def feed(self, fragment: str) -> str:
        if self._state == "done":
            return ""
        self._buffer += fragment
        if self._state == "head":
            head = _INPUT_HEAD.match(self._buffer)
            if head is not None:
                self._buffer = self._buffer[head.end() :]
                self._state = "text"
            elif _INPUT_HEAD_PREFIX.match(self._buffer) is None:
                self._state = "other"
        return self._take_text() if self._state == "text" else ""

    def _take_text(self) -> str:
        end = 0
        text = self._buffer
        while end < len(text):
            run = _STRING_RUN.match(text, end)
            if run is not None:
                end = run.end()
            elif text[end] == "\\":
                if _UNFINISHED.match(text, end) is not None:
                    break
                escape = _ESCAPE.match(text, end)
                end = end + 2 if escape is None else escape.end()
            elif text[end] == '"':
                self._state = "done"
                break
            else:  # a raw control character: models print newlines unescaped
                end += 1
        piece, self._buffer = text[:end], text[end:]
        return _unescape(piece)

    @property
    def end(self) -> ArgumentsEnd:
        if self._state == "text":
            return "half"
        return "whole" if self._state == "done" else end_of(self._buffer)

    def close(self) -> str:
        return "" if self._state in ("text", "done") else self._other()

    def _other(self) -> str:
        """The one string in arguments of another shape, else their raw text."""
        try:
            value = jsonio.loads(self._buffer)
        except jsonio.NotJson:
            return self._buffer
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            texts = [v for v in value.values() if isinstance(v, str)]
            if isinstance(value.get("input"), str):
                return str(value["input"])
            if len(texts) == 1:
                return texts[0]
            if not value:
                return ""
        return self._buffer


def _unescape(piece: str) -> str:
    if "\\" not in piece:
        return piece
    clean = re.sub(r"(?<!\\)[\x00-\x1f]", lambda match: f"\\u{ord(match[0]):04x}", piece)
    try:
        return str(jsonio.loads('"' + clean + '"'))
    except jsonio.NotJson:  # `C:\dir`: what is no escape stands for itself
        return _ESCAPE.sub(lambda match: str(jsonio.loads('"' + match[0] + '"')), piece)


def wrap_input(text: str) -> str:
    """Free-form tool input as the arguments of the function that stands in for the tool."""
    return jsonio.dumps({"input": text}).decode()
