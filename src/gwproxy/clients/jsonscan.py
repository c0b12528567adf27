"""Reads JSON, JSONC and JSON5 into values that know where they stand in the text.

One scanner for the three: JSON5 is the largest of them, and edits are written as strict JSON
(`jsontext`), so a tool that takes less finds nothing new in its file. What the tool takes of what
stood there before is its `JsonGrammar`: a text must be in it before anybody says that the tool is
set up. It must accept no more than JSON5 either: a text it guessed at would be edited in the wrong
place.

Syntax: https://spec.json5.org and, for the strict part, RFC 8259.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, NoReturn

from gwproxy.clients.document import MemberPath, Tree, Uneditable, Value, match_end

# Deeper than any settings file a person wrote, and far from the interpreter's own limit.
NESTING_LIMIT = 200

# `int()` refuses more than 4300 digits; no setting is a number of this length, and its text is
# never printed again, so the exact value does not matter.
LONGEST_EXACT_INTEGER = 400

# JSON5 §8: these, and no other white space of Unicode (Python's \s is wider).
_BLANK = " \t\n\v\f\r\u00a0\ufeff\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
LINE_ENDS = "\n\r\u2028\u2029"

COMMENT = rf"//[^{LINE_ENDS}]*+|/\*(?s:.*?)\*/"
_SPACE = re.compile(rf"(?:[{_BLANK}]++|{COMMENT})*+")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F]+|Infinity|NaN|(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
)
_NAME = re.compile(r"(?:[$\w\u200c\u200d]|\\u[0-9a-fA-F]{4})++")
_STRINGS = {
    quote: re.compile(
        rf"{quote}([^{quote}\\\n\r]*+(?:\\(?:\r\n|(?s:.))[^{quote}\\\n\r]*+)*+){quote}"
    )
    for quote in "\"'"
}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|(?s:.)))")
_PLAIN_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None}

# The strict part of each, for a grammar that takes no more.
_STRICT_SPACE = re.compile(r"[ \t\n\r]*+")
_COMMENTED_SPACE = re.compile(rf"(?:[ \t\n\r]++|{COMMENT})*+")
_STRICT_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LOOSE_IN_STRING = re.compile(r"[\x00-\x1f]|\\(?![\"\\/bfnrt]|u[0-9a-fA-F]{4})(?s:.)")
_ESCAPED_PAIR = re.compile(r"\\\\")


def _no_such_number(word: str) -> NoReturn:
    raise ValueError(word)


_STRICT = json.JSONDecoder(parse_constant=_no_such_number)


@dataclass(frozen=True, slots=True)
class JsonGrammar:
    """What of JSON5 a tool takes beyond RFC 8259; `loose` is all but the first two: bare keys,
    single quotes, other numbers, escapes and white space. A byte order mark is always taken."""

    comments: bool
    trailing_commas: bool
    loose: bool


STRICT: Final = JsonGrammar(comments=False, trailing_commas=False, loose=False)
JSONC: Final = JsonGrammar(comments=True, trailing_commas=True, loose=False)
JSON5: Final = JsonGrammar(comments=True, trailing_commas=True, loose=True)


@dataclass(frozen=True, slots=True)
class Member:
    """`comma` is the offset of the comma behind the value, None where there is none."""

    key: str
    start: int
    key_end: int
    node: JsonNode
    comma: int | None


@dataclass(frozen=True, slots=True)
class JsonNode:
    """One value and its half-open span; `members` is None for everything but an object, and for
    an object off the way (`scan`)."""

    start: int
    end: int
    value: Value
    members: tuple[Member, ...] | None = None

    def member(self, key: str) -> Member | None:
        """The member that counts: of duplicates the last, as `JSON.parse` has it."""
        return next((each for each in reversed(self.members or ()) if each.key == key), None)


def scan(text: str, path: MemberPath = (), grammar: JsonGrammar = JSON5) -> JsonNode | None:
    """The root value; None for a text of nothing but blanks and comments.

    Only the objects on the way to the member at `path` are sure to have their `members`: where
    the others stand does not matter, and strict JSON is read ten times as fast without it.
    Raises `Uneditable` with line and column, also for what is not in `grammar`.
    """
    return _Scanner(text, grammar).root(path)


def items(text: str, start: int, path: MemberPath) -> tuple[Member, ...]:
    """The items of the list that begins at `start`, as members without a key; each is scanned for
    the member at `path`. Raises `Uneditable`."""
    return _Scanner(text, JSON5).items(start, path)


def uneditable(text: str, at: int, reason: str) -> Uneditable:
    """The error at an offset, as its line and column."""
    before = text[:at].replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    line_start = before.rfind("\n") + 1
    return Uneditable(reason, before.count("\n") + 1, len(before) - line_start + 1)


class _Scanner:
    def __init__(self, text: str, grammar: JsonGrammar) -> None:
        self._text = text
        self._grammar = grammar
        self._strict_space = _COMMENTED_SPACE if grammar.comments else _STRICT_SPACE

    def root(self, path: MemberPath) -> JsonNode | None:
        start = self._blank(1 if self._text.startswith("\ufeff") else 0)
        if start == len(self._text):
            return None
        node = self._value(start, 0, path)
        if (rest := self._blank(node.end)) != len(self._text):
            raise self._error(rest, "something follows the end of the document")
        return node

    def _error(self, at: int, reason: str) -> Uneditable:
        return uneditable(self._text, at, reason)

    def _blank(self, at: int) -> int:
        end = match_end(_SPACE, self._text, at)
        if self._text.startswith("/*", end):
            raise self._error(end, "this comment never ends")
        strict = end if self._grammar.loose else match_end(self._strict_space, self._text, at)
        if strict != end:
            is_comment = self._text[strict] == "/"
            raise self._error(strict, "a comment" if is_comment else "a blank that is no space")
        return end

    def _value(self, at: int, depth: int, path: MemberPath = ()) -> JsonNode:
        if depth > NESTING_LIMIT:
            raise self._error(at, f"nested deeper than {NESTING_LIMIT} levels")
        match self._text[at : at + 1]:
            case "{":
                return self._object(at, depth, path)
            case "[":
                return self._array(at, depth)
            case '"' | "'":
                value, end = self._string(at)
                return JsonNode(at, end, value)
            case "":
                raise self._error(at, "the document ends where a value should stand")
            case _:
                return self._bare(at)

    def _object(self, start: int, depth: int, path: MemberPath) -> JsonNode:
        if not path and (quick := _strict(self._text, start, NESTING_LIMIT - depth)):
            return quick
        members: list[Member] = []
        values: Tree = {}
        at = self._blank(start + 1)
        while self._text[at : at + 1] != "}":
            key, key_end = self._key(at)
            colon = self._blank(key_end)
            if self._text[colon : colon + 1] != ":":
                raise self._error(colon, "expected ':' after the key")
            way = path[1:] if path[:1] == (key,) else ()
            node = self._value(self._blank(colon + 1), depth + 1, way)
            behind, comma = self._comma(node.end, "}")
            members.append(Member(key, at, key_end, node, comma))
            values[key] = node.value
            at = behind
        return JsonNode(start, at + 1, values, tuple(members))

    def _array(self, start: int, depth: int) -> JsonNode:
        if quick := _strict(self._text, start, NESTING_LIMIT - depth):
            return quick
        values: list[Value] = []
        at = self._blank(start + 1)
        while self._text[at : at + 1] != "]":
            node = self._value(at, depth + 1)
            at, _ = self._comma(node.end, "]")
            values.append(node.value)
        return JsonNode(start, at + 1, values)

    def items(self, start: int, path: MemberPath) -> tuple[Member, ...]:
        found: list[Member] = []
        at = self._blank(start + 1)
        while self._text[at : at + 1] != "]":
            node = self._value(at, 1, path)
            behind, comma = self._comma(node.end, "]")
            found.append(Member("", at, at, node, comma))
            at = behind
        return tuple(found)

    def _comma(self, at: int, closing: str) -> tuple[int, int | None]:
        """Where the next item or the closing bracket stands, and the comma before it."""
        at = self._blank(at)
        following = self._text[at : at + 1]
        if following == ",":
            behind = self._blank(at + 1)
            if self._text[behind : behind + 1] == closing and not self._grammar.trailing_commas:
                raise self._error(at, f"a comma before the closing '{closing}'")
            return behind, at
        if following != closing:
            raise self._error(at, f"expected ',' or '{closing}'")
        return at, None

    def _key(self, at: int) -> tuple[str, int]:
        if self._text[at : at + 1] in _STRINGS:
            return self._string(at)
        name = _NAME.match(self._text, at)
        if name is None or name[0][0].isdigit():
            raise self._error(at, "expected a key")
        if not self._grammar.loose:
            raise self._error(at, "a key without double quotes")
        return self._unescaped(name[0], at), name.end()

    def _string(self, at: int) -> tuple[str, int]:
        match = _STRINGS[self._text[at]].match(self._text, at)
        if match is None:
            raise self._error(at, "this string never ends")
        if not self._grammar.loose:
            self._check_string(match, at)
        return self._unescaped(match[1], at), match.end()

    def _check_string(self, match: re.Match[str], at: int) -> None:
        if self._text[at] == "'":
            raise self._error(at, "single quotes around a text")
        # A backslash that is itself escaped begins nothing.
        raw = _ESCAPED_PAIR.sub("__", match[1])
        if loose := _LOOSE_IN_STRING.search(raw):
            is_escape = loose[0][0] == "\\"
            what = f"the escape {loose[0]!r}" if is_escape else "a control character"
            raise self._error(match.start(1) + loose.start(), f"{what} in a text")

    def _unescaped(self, raw: str, at: int) -> str:
        if "\\" not in raw:
            return raw

        def plain(match: re.Match[str]) -> str:
            if code := match[1] or match[2]:
                return chr(int(code, 16))
            character = match[3]
            if character in _PLAIN_ESCAPES:
                return _PLAIN_ESCAPES[character]
            if character in ("\r\n", *LINE_ENDS):
                return ""
            if character in "ux123456789":
                raise self._error(at, f"a bad escape, \\{character}, in this string")
            return character

        text = _ESCAPE.sub(plain, raw)
        # Two escaped halves are one character; a lone half is kept, as every JavaScript does.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    def _bare(self, at: int) -> JsonNode:
        """A number or one of the three words; the longest run of name characters decides."""
        number = _NUMBER.match(self._text, at)
        end = number.end() if number else at
        if number and not (self._grammar.loose or _STRICT_NUMBER.fullmatch(number[0])):
            raise self._error(at, f"{number[0]} is no number of JSON")
        word = _NAME.match(self._text, end)
        if number and word is None:
            return JsonNode(at, end, _number(number[0]))
        if number is None and word and word[0] in _WORDS:
            return JsonNode(at, word.end(), _WORDS[word[0]])
        raise self._error(at, "expected a value")


def _strict(text: str, start: int, levels: int) -> JsonNode | None:
    """A list or an object in strict JSON, by the standard library's C decoder; None for others."""
    try:
        value, end = _STRICT.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return JsonNode(start, end, value) if _is_within(value, levels) else None


def _is_within(value: Value, levels: int) -> bool:
    if not isinstance(value, (list, dict)):
        return True
    items = value.values() if isinstance(value, dict) else value
    return levels >= 0 and all(_is_within(item, levels - 1) for item in items)


def _number(text: str) -> int | float:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-")
    if digits[:2] in ("0x", "0X"):
        return sign * int(digits, 16)
    if digits.isdigit() and len(digits) <= LONGEST_EXACT_INTEGER:
        return sign * int(digits)
    return sign * float(digits)
