"""Changes single variables in the settings of VS Code, where they stand in a list of pairs, and no
other byte:

    "claudeCode.environmentVariables": [{"name": "ANTHROPIC_MODEL", "value": "kimi-k2.5"}]

Read as an object, as if the names were its keys: plan and undo then work as with any other file.
The surgery on the list is that of `jsontext`, item for member.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Final

from gwproxy.clients import jsontext
from gwproxy.clients.document import (
    MemberPath,
    TextFormat,
    Tree,
    Value,
    lookup,
    proven,
    same,
    spliced,
    with_value,
    without,
)
from gwproxy.clients.jsonscan import (
    JSON5,
    JSONC,
    JsonGrammar,
    JsonNode,
    Member,
    items,
    scan,
    uneditable,
)
from gwproxy.clients.jsontext import JSON, JsonLayout, deletion

PAIRS: Final = "claudeCode.environmentVariables"

_NAME, _VALUE = "name", "value"


def read(text: str, grammar: JsonGrammar = JSON5) -> Tree:
    tree = jsontext.read(text, grammar)
    pairs = _pairs(tree.get(PAIRS))
    return tree if pairs is None else {**tree, PAIRS: pairs}


def assign(text: str, path: MemberPath, value: Value) -> str:
    """`text` with the member, or the variable, at `path` set. Raises `Uneditable`."""
    if path[0] != PAIRS or len(path) == 1:
        return JSON.assign(text, path, value)
    tree = read(text)
    if same(lookup(tree, path), value):
        return text
    node = _list(text)
    if node is None:
        return JSON.assign(text, path[:1], [_pair(path[1], value)])
    mine = [each for each in node.members or () if _is_called(each, path[1])]
    layout = JsonLayout.of(text, scan(text) or node)
    if not mine:
        splices = layout.insert(node, None, _pair(path[1], value))
    elif place := mine[-1].node.member(_VALUE):
        splices = layout.replace(place, value)
    else:
        splices = layout.insert(mine[-1].node, _VALUE, value)
    return proven(read, spliced(text, splices), with_value(tree, path, value))


def remove(text: str, path: MemberPath) -> str:
    """`text` without the member, or without every pair of that name. Raises `Uneditable`."""
    if path[0] != PAIRS or len(path) == 1:
        return JSON.remove(text, path)
    expected = without(read(text), path)
    while node := _list(text):
        mine = next((each for each in node.members or () if _is_called(each, path[1])), None)
        if mine is None:
            break
        text = spliced(text, deletion(text, node, mine))
    return proven(read, text, expected)


PAIRS_JSON: Final = TextFormat("json", read, assign, remove)

# How VS Code reads its settings.
PAIRS_WITH_COMMENTS: Final = replace(PAIRS_JSON, read=functools.partial(read, grammar=JSONC))


def _pairs(value: Value) -> Tree | None:
    """The variables by name, of two with one name the last; None for what is no list of pairs."""
    if not isinstance(value, list):
        return None
    named = [(each.get(_NAME), each.get(_VALUE, "")) for each in value if isinstance(each, dict)]
    found: Tree = {name: text for name, text in named if isinstance(name, str)}
    return found if len(named) == len(value) and all(isinstance(n, str) for n, _ in named) else None


def _pair(name: str, value: Value) -> Tree:
    return {_NAME: name, _VALUE: value}


def _list(text: str) -> JsonNode | None:
    """The list, with its items as members; None where there is none."""
    root = scan(text, (PAIRS,))
    member = root.member(PAIRS) if root else None
    if member is None:
        return None
    node = member.node
    if _pairs(node.value) is None:
        raise uneditable(text, node.start, f"{PAIRS} is no list of names and values")
    return replace(node, members=items(text, node.start, (_VALUE,)))


def _is_called(item: Member, name: str) -> bool:
    return isinstance(item.node.value, dict) and item.node.value.get(_NAME) == name
