"""Random settings files of each tool, as people and other programs leave them, from a seed.

Written with a generator of its own, which shares nothing with the scanners that it tests. Each
piece that is none of ours (a comment, a foreign member with its spelling) is kept word for word:
it has to be found again, in its order, after whatever happens to the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

STRANGE = "{}[]\",':/*\\#=\n\r\t\x00\u00e9\ufeff\u2028 ,0"

TOOLS = ("claude-code", "openclaw", "opencode", "codex", "vscode")

_FLAVOURS = {"claude-code": "strict", "openclaw": "json5", "opencode": "jsonc", "vscode": "jsonc"}

# What JSON can say in more than one way; JSON5 has more of them.
_SPELLED = (
    "true",
    "null",
    "-0.50e+1",
    "1E5",
    '"a\\u00e9\\/\\n"',
    '"// no, }"',
    "[]",
    "{}",
    "[1, [2]]",
)
_SPELLED_5 = (
    "'it\\'s'",
    "+.5",
    "0x1F",
    "Infinity",
    "NaN",
    "[1, 'two',]",
    "{a: 1, 'b c': 2,}",
    "5.",
)
_SPELLED_TOML = (
    "0x1F",
    "1_000",
    "'lit\\eral'",
    '"plain # no comment"',
    "1979-05-27 07:32:00Z",
    "[1, 2,\n  # inside\n  3,\n]",
    '[{ a = 1 }, { "b]" = "}" }]',
    '{ "k.k" = "v", b.a = 3 }',
    '"""two\nlines = "quoted"\n[not.a.table]\n"""',
    "{\n  a = 1,\n  b = { a = 2, },\n}",
    '"\\e[0m \\x41"',
)


@dataclass
class Settings:
    """A file; `pieces` are those that are none of ours, in their order, None where the text was
    damaged on purpose."""

    text: str
    pieces: list[str] | None


def settings_of(tool: str, seed: str) -> Settings:
    """The file of that seed."""
    rng = Random(seed)
    found = _Toml(rng).document() if tool == "codex" else _Json(rng, tool).document()
    if rng.random() < 0.15:
        return Settings(_damaged(found.text, rng), None)
    return found


def _damaged(text: str, rng: Random) -> str:
    at = rng.randrange(len(text) + 1)
    match rng.randrange(4):
        case 0:
            return text[:at]
        case 1:
            return text[:at] + text[at + rng.randrange(1, 6) :]
        case 2:
            return text[:at] + rng.choice(STRANGE) + text[at:]
        case _:
            other = rng.randrange(len(text) + 1)
            return text[:at] + text[min(at, other) : max(at, other)] + text[at:]


@dataclass
class _Json:
    rng: Random
    tool: str
    pieces: list[str] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.flavour = _FLAVOURS[self.tool]
        if self.rng.random() < 0.1:
            self.flavour = self.rng.choice(("strict", "jsonc", "json5"))
        self.newline = self.rng.choice(("\n", "\n", "\r\n"))
        self.unit = self.rng.choice(("  ", "    ", "\t"))
        self.minified = self.rng.random() < 0.15

    def document(self) -> Settings:
        head = self.rng.choice(("", "", "", "\ufeff")) + self.gap()
        body = self.members(0, self.known())
        tail = self.gap() + self.rng.choice(("", self.newline))
        return Settings(head + body + tail, self.pieces)

    def known(self) -> list[tuple[str, Any]]:
        """What the tool itself knows of, and we may have something to say about: some of it."""
        url, rng = "https://mine.example/v1", self.rng
        provider = {"gwproxy": {"name": "mine"}, "other": {"npm": "x"}}
        every: dict[str, list[tuple[str, Any]]] = {
            "claude-code": [
                ("env", {"EDITOR": "vi", "ANTHROPIC_MODEL": "mine", "ANTHROPIC_BASE_URL": url}),
                ("apiKeyHelper", "pass show key"),
                ("model", "opus"),
                ("permissions", {"allow": ["Bash(ls:*)"]}),
            ],
            "opencode": [
                ("$schema", "https://opencode.ai/config.json"),
                ("model", "other/m"),
                ("small_model", "other/s"),
                ("provider", provider),
            ],
            "openclaw": [
                ("models", {"providers": {"gwproxy": {"baseUrl": url}, "other": {"api": "x"}}}),
                (
                    "agents",
                    {"defaults": {"model": {"primary": "other/m"}, "models": {"other/m": {}}}},
                ),
                ("secrets", {"providers": {"gwproxy": {"source": "env"}}}),
                ("gateway", {"port": 1}),
            ],
            "vscode": [
                ("claudeCode.environmentVariables", ["ANTHROPIC_MODEL", "EDITOR"]),
                ("claudeCode.disableLoginPrompt", False),
                ("editor.tabSize", 2),
            ],
        }
        chosen = [each for each in every[self.tool] if rng.random() < 0.6]
        rng.shuffle(chosen)
        return chosen

    def members(self, depth: int, known: Sequence[tuple[str, Any]]) -> str:
        """An object with these members, some of each left out, and foreign ones between them."""
        parts: list[Callable[[], str]] = [partial(self.ours, depth, *each) for each in known]
        for _ in range(self.rng.randrange(4 if depth < 3 else 2)):
            parts.insert(self.rng.randrange(len(parts) + 1), self.foreign)
        return self.listed("{", "}", depth, parts)

    def listed(
        self, opening: str, closing: str, depth: int, parts: Sequence[Callable[[], str]]
    ) -> str:
        broken = self.rng.random() < 0.7 and not self.minified
        text = opening
        for position, part in enumerate(parts):
            text += self.newline + self.unit * (depth + 1) if broken else self.gap()
            text += part() + self.gap()
            if position < len(parts) - 1 or (self.flavour != "strict" and self.rng.random() < 0.3):
                text += "," + self.gap(line_comment=True)
        return (
            text + (self.newline + self.unit * depth if broken and parts else self.gap()) + closing
        )

    def ours(self, depth: int, key: str, value: Any) -> str:
        colon = ":" if self.minified else self.rng.choice((":", ": ", " : "))
        if isinstance(value, dict):
            inside = [each for each in value.items() if self.rng.random() < 0.7]
            return json.dumps(key) + colon + self.members(depth + 1, inside)
        if isinstance(value, list) and self.tool == "vscode":
            return json.dumps(key) + colon + self.pairs(depth + 1, value)
        if self.rng.random() < 0.05:
            value = self.rng.choice((None, 3, [], "text", {}))  # of another kind than expected
        return json.dumps(key) + colon + json.dumps(value)

    def pairs(self, depth: int, names: Sequence[str]) -> str:
        parts = [partial(self.pair, name) for name in names]
        return self.listed("[", "]", depth, parts)

    def pair(self, name: str) -> str:
        members = [f'"name": {json.dumps(name)}', f'"value": {json.dumps("mine")}']
        self.rng.shuffle(members)
        text = "{" + f"{members[0]},{self.rng.choice(('', ' '))}{members[1]}" + "}"
        if name == "EDITOR":
            self.pieces.append(text)
        return text

    def foreign(self) -> str:
        self.count += 1
        key = f'"k{self.count}"'
        if self.flavour == "json5":
            key = self.rng.choice((key, f"k{self.count}", f"'k{self.count}'"))
        spelled = (*_SPELLED, *(_SPELLED_5 if self.flavour == "json5" else ()))
        text = f"{key}{self.rng.choice((':', ': ', ' : '))}{self.rng.choice(spelled)}"
        self.pieces.append(text)
        return text

    def gap(self, *, line_comment: bool = False) -> str:
        """White space, with or without a comment, legal between any two tokens."""
        kind = self.rng.randrange(12)
        if self.minified or kind < 6:
            return ""
        if kind < 10 or self.flavour == "strict":
            return self.rng.choice((" ", "  ", "\t", self.newline))
        self.count += 1
        if line_comment or kind == 11:
            text = f'// c{self.count}, }} "'
            self.pieces.append(text)
            return f" {text}{self.newline}"
        text = f'/* c{self.count}, }} ] " */'
        self.pieces.append(text)
        return f" {text} "


@dataclass
class _Toml:
    rng: Random
    pieces: list[str] = field(default_factory=list)
    count: int = 0

    def document(self) -> Settings:
        lines: list[str] = []
        self.statements(
            lines, ('model = "mine"', 'model_provider = "other"', "model_context_window = 7")
        )
        if self.rng.random() < 0.2:
            inside = self.foreign()
            lines.append(f"model_providers = {{ other = {{ {inside} }} }}")
        else:
            for name in self.rng.sample(("other", "gwproxy", '"with.dot"'), self.rng.randrange(4)):
                lines.append(f"[model_providers.{name}]{self.comment()}")
                self.statements(lines, ('name = "mine"', 'env_key = "MINE"', "auth.x = 1"))
        for _ in range(self.rng.randrange(3)):
            self.count += 1
            table = f"[t{self.count}]" if self.rng.random() < 0.7 else f"[[ t{self.count} . b ]]"
            self.pieces.append(table)
            lines.append(table + self.comment())
            self.statements(lines, ())
        newline = self.rng.choice(("\n", "\n", "\r\n"))
        text = "\n".join(lines) + self.rng.choice(("", "\n", "\n\n"))
        pieces = [piece.replace("\n", newline) for piece in self.pieces]
        return Settings(self.rng.choice(("", "", "\ufeff")) + text.replace("\n", newline), pieces)

    def statements(self, lines: list[str], known: Sequence[str]) -> None:
        """Some of the known ones, with foreign ones, comments and empty lines between them."""
        mine = [each for each in known if self.rng.random() < 0.5]
        while mine or self.rng.random() < 0.6:
            kind = self.rng.randrange(4)
            if kind == 0 and mine:
                lines.append(mine.pop())
            elif kind == 1:
                lines.append(self.comment().lstrip())
            elif kind == 2:
                lines.append("")
            else:
                lines.append(self.rng.choice(("", "  ")) + self.foreign() + self.comment())

    def foreign(self) -> str:
        self.count += 1
        key = self.rng.choice((f"k{self.count}", f'"k {self.count}"', f"k{self.count} . x"))
        text = f"{key}{self.rng.choice((' = ', '='))}{self.rng.choice(_SPELLED_TOML)}"
        self.pieces.append(text)
        return text

    def comment(self) -> str:
        if self.rng.random() < 0.7:
            return ""
        self.count += 1
        text = f'# c{self.count}. = "['
        self.pieces.append(text)
        return f" {text}"
