"""The doors between the rooms: who may import whom, which library lives where, what the pure room
may use, and how large a file may grow. What may be is listed, so that what nobody thought of is
refused.

That every quirk is obeyed is tested in translate/test_every_quirk.py; that every refusal is read,
in translate/errors/test_healing.py and translate/errors/test_grammars.py. They go through the whole
tables.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from gwproxy.translate.quirks import Quirks
from support.readme import is_made, table

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "gwproxy"
DIALECTS = ("anthropic", "chat", "responses")

# The simulator is the independent judge of our translators: it borrows nothing of theirs.
MAY_IMPORT: Mapping[str, Set[str]] = {
    "translate": set(),
    "profiles": {"errors", "paths", "translate"},
    "proxy": {"translate", "profiles", "errors", "paths", "plain"},
    "clients": {"profiles", "translate", "errors", "paths"},
    "simulator": set(),
    "cli": {"translate", "proxy", "profiles", "clients", "simulator", "errors", "paths", "plain"},
    "__main__.py": {"cli", "errors", "profiles"},
    "errors.py": set(),
    "plain.py": set(),
    "paths.py": {"errors"},
    "__init__.py": set(),
}

# What the others may open of the pure room; the longest path that fits holds, with those above it.
DOORS_OF_TRANSLATE: Mapping[str, Set[str]] = {
    # What a dialect is called, where it is spoken and how it takes a key.
    "clients": {"dialect_facts", "registry"},
    # And what quirks there are.
    "profiles": {"dialect_facts", "registry", "quirks", "omittable"},
    "proxy": {
        "bridge", "codec", "dialect_facts", "registry", "quirks", "hub", "events",
        "loss_words", "wire.fields", "wire.jsonio", "wire.sse",
    },
    # What the shell keeps for the pure room, one file for each.
    "proxy/upstream/headers.py": {"omittable"},
    "proxy/upstream/images.py": {"passes.media"},
    "proxy/record.py": {"expected"},
    "proxy/queries/passthrough.py": {"relay"},
    "proxy/records/prompt_cache": {"prefix"},
    "proxy/records/thoughts.py": {"passes.recall"},
    "proxy/queries/calibration.py": {"passes.tokens"},
    "proxy/queries/compaction.py": {"responses.compaction"},
    "proxy/queries/counters.py": {"losses", "passes.tokens"},
    "proxy/queries/counting.py": {"passes.tokens"},
    "proxy/exchange/healing.py": {"errors.healing"},
    "proxy/exchange/question.py": {"errors.healing"},
    # Answers that a server remembers are a thing of Responses alone.
    "proxy/records/conversations": {
        "responses.kept.record", "responses.kept.state",
    },
    "proxy/queries/retrieval.py": {"responses.kept.replay", "responses.kept.state"},
    "cli": {"dialect_facts", "registry", "quirks", "loss_words"},
    "cli/test.py": {"hub"},
    # The pure room on the command line: a body in, a body out.
    "cli/translate.py": {"bridge", "omittable", "passes.media", "wire.fields", "wire.jsonio"},
}  # fmt: skip

# What the pure room may use, and which names of it: nothing here knows a clock, a socket, a file,
# a thread or chance.
PURE_LIBRARIES: Mapping[str, Set[str] | None] = {
    "__future__": None,
    "base64": None,
    "binascii": None,
    "collections.abc": None,
    "dataclasses": None,
    "email.utils": {"parsedate_to_datetime"},
    "enum": None,
    "functools": None,
    "hashlib": {"sha256"},
    "html": {"unescape"},
    "itertools": None,
    "json": {"loads", "dumps"},
    "math": None,
    "msgspec": None,
    "msgspec.structs": None,
    "operator": None,
    "re": None,
    "struct": None,
    "types": None,
    "typing": None,
    "unicodedata": None,
    "urllib.parse": {"unquote"},
    "zlib": None,
}
NOT_PURE = {"open", "print", "input", "exec", "eval", "compile", "globals", "__import__"}

LIBRARIES: Mapping[str, Set[str]] = {
    "aiohttp": {"proxy", "simulator", "cli/replay.py"},
    "backports": {"proxy/inbound/body.py"},
    "compression": {"proxy/inbound/body.py"},
    "keyring": {"profiles/oskeyring.py"},
    "msgspec": {"translate", "proxy"},
    "multidict": {"proxy"},
    "platformdirs": {"paths.py"},
    "rich": {"cli"},
    "sqlite3": {"proxy/records/storage.py"},
    "tomli_w": {"profiles/store.py"},
    "tomlkit": {"profiles/store.py"},
    "typer": {"cli", "__main__.py"},
    "yarl": {"proxy"},
}

IN_EACH_DIALECT = {
    "__init__", "wire", "blocks", "history", "tools", "settings", "request", "frames",
    "assembly", "reader", "writer", "ending", "reply", "remade", "sealed",
    "failure", "relay",
}  # fmt: skip
LAYOUT: Mapping[str, Set[str]] = {
    "": {
        "__init__", "hub", "events", "codec", "losses", "loss_words", "quirks",
        "omittable", "omit", "dialect_facts", "registry", "bridge", "outgoing", "respell",
        "settle", "tailor", "expected", "streams", "relay", "reading", "prefix",
        "remembered",
    },
    "wire": {
        "__init__", "jsonio", "sse", "shapes", "lenient", "fields", "data_urls", "seal",
        "tool_outputs", "arguments", "splice", "sieve", "growing", "embedded",
    },
    "passes": {
        "__init__", "compaction", "names", "recall", "media", "native", "history", "tools",
        "format", "thinking", "effort", "sampling", "limits", "omit", "marks", "cache_key",
        "content", "tokens",
    },
    "passes/schema": {
        "__init__", "normaliser", "references", "roots", "combine", "siblings", "shapes", "values",
        "vocabulary", "endings", "size", "checker",
    },
    "stages": {
        "__init__", "sequencer", "leaked", "calls", "stops", "fitted", "summary", "listener",
    },
    "errors": {
        "__init__", "rules", "refusals", "refused_kinds", "refused_formats", "refused_efforts",
        "refused_settings", "refused_spelling",
        "remedies", "reports", "grammars", "failure_words", "healing", "complaints", "openai_error",
    },
    "anthropic": IN_EACH_DIALECT | {"marks", "schemas", "hosted"},
    "chat": IN_EACH_DIALECT | {"calls", "think", "thoughts"},
    "responses": IN_EACH_DIALECT | {
        "items", "output", "drafts", "echo", "flat", "hosted", "restored", "compaction",
    },
    "responses/kept": {"__init__", "record", "replay", "state"},
}  # fmt: skip
PROXY: Mapping[str, Set[str]] = {
    "": {
        "__init__", "app", "serving", "services", "live", "worker", "threads", "holder", "limits",
        "incoming", "record", "log", "failures", "feed",
    },
    "inbound": {
        "__init__", "listener", "connection", "guard", "endpoints", "body", "client_stream",
        "answers",
    },
    "routing": {"__init__", "route", "health", "concurrency"},
    "exchange": {
        "__init__", "failover", "exchange", "question", "prepared", "healing", "ageing",
    },
    "queries": {
        "__init__", "counting", "counters", "calibration", "models", "usage", "status",
        "passthrough", "compaction", "exchanges", "retrieval", "remote",
    },
    "upstream": {
        "__init__", "client", "request", "pool", "headers", "keys", "hints", "images", "sniff",
        "surroundings",
    },
    "records": {"__init__", "storage", "captures", "said", "thoughts", "prices"},
    "records/ledger": {
        "__init__", "entry", "database", "writer", "report", "latest", "listing", "shape",
    },
    "records/prompt_cache": {"__init__", "turn", "verdict", "words", "watch"},
    "records/conversations": {"__init__", "kept", "database", "store", "turn"},
    "probe": {"__init__", "addresses", "asking", "gateway", "provider", "questions", "verdicts"},
    "inspector": {"__init__", "asking", "files", "grant", "inspector", "views"},
}  # fmt: skip
# Which rooms of the proxy a room may know, beside what stands in its hall.
MAY_KNOW_IN_PROXY: Mapping[str, Set[str]] = {
    "inbound": {"upstream"},
    "routing": set(),
    "upstream": {"routing"},
    "records": {"upstream"},
    "exchange": {"inbound", "routing", "records", "upstream"},
    "queries": {"inbound", "routing", "records", "upstream", "exchange"},
    "probe": {"inbound", "routing", "upstream", "queries"},
    "inspector": {"inbound", "queries", "records", "routing"},
}
LONGEST_FILE = 450
LONGEST_FUNCTION = 60

VENDORS = re.compile(
    r"kimi|moonshot|strongwall|claude|openai|anthropic|gpt|codex|deepseek|gemini|qwen|glm|minimax"
    r"|grok|mistral|openrouter|litellm|vllm|ollama",
    re.IGNORECASE,
)
# The tables of the pure room, which say whose words and wishes they hold.
TABLES = {
    "translate/quirks.py",
    "translate/omittable.py",
    "translate/dialect_facts.py",
    "translate/errors/refusals.py",
    "translate/errors/refused_kinds.py",
    "translate/errors/refused_efforts.py",
    "translate/errors/refused_settings.py",
    "translate/errors/refused_spelling.py",
    "translate/errors/refused_formats.py",
    "translate/errors/failure_words.py",
    "translate/errors/grammars.py",
    "translate/errors/reports.py",
    *(f"translate/{dialect}/__init__.py" for dialect in DIALECTS),
}
NAMED_TO_PEOPLE = {
    "hosts of Kimi take a JSON Schema dialect only",
    "skills run on Anthropic's servers only",
    "this conversation was compacted on OpenAI's servers",
}
# How a client marks its own bookkeeping: no name of who is asked.
NAMED_ON_THE_WIRE = {"x-anthropic-billing-header:"}

FILES = sorted(SOURCE.rglob("*.py"))
PURE = [path for path in FILES if path.relative_to(SOURCE).parts[0] == "translate"]
PURE_PREFIX = "gwproxy.translate."
PROXY_ROOMS = [path for path in FILES if (SOURCE / "proxy") in path.parent.parents]


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(tree_of(path)))


def module_of(path: Path) -> str:
    parts = ("gwproxy", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def taken(path: Path) -> Iterator[tuple[str, str]]:
    """Every import of the file, wherever it stands: the module and the name taken out of it, "" for
    the module itself."""
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{name_of(path)}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner, "") if inner in MODULES else (node.module, alias.name)


@cache
def imports_of(path: Path) -> Set[str]:
    return {module for module, _ in taken(path)}


def used(path: Path) -> Iterator[tuple[str, str]]:
    """What the file takes out of modules, by import or by attribute."""
    aliases: dict[str, str] = {}
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[alias.asname or alias.name] = alias.name
    for module, name in taken(path):
        if name:
            yield module, name
    for node in nodes_of(path):
        if isinstance(node, ast.Attribute):
            base = ast.unparse(node.value)
            if base in aliases:
                yield aliases[base], node.attr


def stands_in(name: str, places: Iterable[str]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


def law_of(paths: Iterable[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """A test that asserts the same of every file, and tells of each that breaks it."""

    def of_all(law: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            broken = []
            for path in paths:
                try:
                    law(path)
                except AssertionError as error:
                    broken.append(f"{name_of(path)}: {error}")
            assert not broken, "\n".join(broken)

        test.__doc__ = law.__doc__
        return test

    return of_all


@law_of(FILES)
def test_a_room_imports_only_through_its_doors(path: Path) -> None:
    name = name_of(path)
    room = name.split("/")[0]
    others = {m.split(".")[1] for m in imports_of(path) if m.startswith("gwproxy.")} - {room}
    assert others <= MAY_IMPORT[room]
    if room == "translate":
        return
    doors = {
        door
        for place, doors in DOORS_OF_TRANSLATE.items()
        if stands_in(name, [place])
        for door in doors
    }
    opened = {m for m in imports_of(path) if f"{m}.".startswith(PURE_PREFIX)}
    assert {m.removeprefix(PURE_PREFIX) for m in opened} <= doors


def test_no_door_is_there_that_nobody_uses() -> None:
    for place, doors in DOORS_OF_TRANSLATE.items():
        inside = [path for path in FILES if stands_in(name_of(path), [place])]
        opened = {
            module.removeprefix(PURE_PREFIX) for path in inside for module in imports_of(path)
        }
        assert doors <= opened, place


@law_of(FILES)
def test_a_library_lives_in_its_room(path: Path) -> None:
    for module in imports_of(path):
        library = module.split(".")[0]
        if library in LIBRARIES:
            assert stands_in(name_of(path), LIBRARIES[library]), module
        else:
            assert library == "gwproxy" or library in sys.stdlib_module_names, module


@law_of(PURE)
def test_the_pure_room_uses_what_is_pure(path: Path) -> None:
    for module in imports_of(path):
        assert module.startswith("gwproxy.") or module in PURE_LIBRARIES, module
    for module, name in used(path):
        if not module.startswith("gwproxy."):
            names = PURE_LIBRARIES[module]
            assert names is None or name in names, f"{module}.{name}"
    for node in nodes_of(path):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            assert node.id not in NOT_PURE, f"{node.lineno}: {node.id}"


# --- nothing is kept -------------------------------------------------------------------------

DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
CHANGES = {
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem",
    "remove", "reverse", "setdefault", "sort", "update",
}  # fmt: skip
KEEPERS = {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict"}


def can_change(value: ast.expr | None) -> bool:
    makes = isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in KEEPERS
    return makes or isinstance(value, DISPLAYS)


def bound(tree: ast.Module) -> Iterator[tuple[ast.stmt, str, ast.expr | None, str]]:
    """The names that a module binds: the statement, the name, its value and its annotation."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign):
            yield node, ast.unparse(node.target), node.value, ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield node, ast.unparse(target), node.value, ""
        elif isinstance(node, ast.AugAssign):
            yield node, ast.unparse(node.target), node, ""  # type: ignore[misc]


@law_of(PURE)
def test_a_module_of_the_pure_room_binds_its_names_for_good(path: Path) -> None:
    tree = tree_of(path)
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    for node, name, value, kind in bound(tree):
        constant = (
            kind.startswith(("Final", "TypeAlias"))
            or name == "__all__"
            or (isinstance(value, ast.Call) and ast.unparse(value.func) == "TypeVar")
            or (name.split(".")[0] in classes and not can_change(value))
            or isinstance(value, ast.Subscript | ast.Name | ast.BinOp)  # a type by another name
        )
        assert constant and not isinstance(node, ast.AugAssign), f"{node.lineno}: {name}"


@law_of(FILES)
def test_nobody_changes_what_a_module_holds(path: Path) -> None:
    """A module's list or dict is shared by all streams: it is a table, or it is a fault."""
    held = {name for _, name, value, _ in bound(tree_of(path)) if value is not None}
    for function in nodes_of(path):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        inside = list(ast.walk(function))
        own = {node.arg for node in inside if isinstance(node, ast.arg)} | {
            node.id
            for node in inside
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        for node in inside:
            base = None
            if isinstance(node, ast.Subscript | ast.Attribute):
                if isinstance(node.ctx, ast.Store | ast.Del):
                    base = node.value
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                base = node.func.value if node.func.attr in CHANGES else None
            if isinstance(base, ast.Name):
                assert base.id not in held - own, f"{base.lineno}: {base.id}"


def test_nobody_keeps_state_on_a_class() -> None:
    """A list or dict on a class is shared by all streams; LiteLLM mixed answers up that way."""
    for path in FILES:
        for node in nodes_of(path):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    value = getattr(item, "value", None)
                    assert not can_change(value), f"{name_of(path)}:{item.lineno}"


# --- quirks are data -------------------------------------------------------------------------


def values_of_quirks() -> set[object]:
    hints = typing.get_type_hints(Quirks)
    return {value for hint in hints.values() for value in typing.get_args(hint)}


def prose(tree: ast.AST) -> set[ast.expr]:
    """Docstrings, and what stands like one below a name."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


LOOKS = (".startswith", ".endswith", ".find", ".index", ".count", ".get")


def conditions(tree: ast.AST) -> Iterator[ast.AST]:
    """Whatever code decides by: a test, a comparison, a pattern, a look into a text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
            yield node.test
        elif isinstance(node, ast.Compare | ast.match_case):
            yield node if isinstance(node, ast.Compare) else node.pattern
        elif isinstance(node, ast.comprehension):
            yield from node.ifs
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(LOOKS):
            yield from node.args


@law_of(PURE)
def test_nothing_depends_on_who_the_provider_is(path: Path) -> None:
    """A quirk is data with a source; a condition on a name is a quirk that nobody can look up. So
    no text in the code has such a name in it but for the tables; and there, no condition."""
    tree = tree_of(path)
    known = values_of_quirks() | NAMED_TO_PEOPLE | NAMED_ON_THE_WIRE
    looked_at = conditions(tree) if name_of(path) in TABLES else [tree]
    words = prose(tree)
    for node in (inner for outer in looked_at for inner in ast.walk(outer)):
        if isinstance(node, ast.Constant) and node not in words and node.value not in known:
            assert not VENDORS.search(str(node.value)), f"{node.lineno}: {node.value!r}"


# --- who knows whom in the pure room ---------------------------------------------------------


def test_no_circle_in_the_pure_room() -> None:
    """Of imports wherever they stand, also behind `TYPE_CHECKING` or in a function."""
    edges = {
        module_of(path): {m for m in imports_of(path) if m in MODULES and m != "gwproxy.translate"}
        for path in PURE
    }
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_knows_no_other(dialect: str) -> None:
    others = tuple(f"{PURE_PREFIX}{other}" for other in DIALECTS if other != dialect)
    for path in PURE:
        if stands_in(name_of(path), [f"translate/{dialect}"]):
            assert not any(module.startswith(others) for module in imports_of(path)), name_of(path)


def test_what_all_dialects_share_knows_none_of_them() -> None:
    """But for the registry, which has a line for each."""
    inner = tuple(f"{PURE_PREFIX}{dialect}" for dialect in DIALECTS)
    folders = {f"translate/{dialect}" for dialect in DIALECTS}
    for path in PURE:
        if not stands_in(name_of(path), folders | {"translate/registry.py"}):
            assert not any(module.startswith(inner) for module in imports_of(path)), name_of(path)


# --- one name, one thing ---------------------------------------------------------------------


def test_a_class_name_stands_for_one_thing() -> None:
    """But in the dialects, which have the same names for the same things, and in what they share
    with the codec that says what a dialect is. A name with a line before it is its file's own."""
    dialects = tuple(f"translate/{dialect}/" for dialect in DIALECTS)
    codec = {
        one.name for one in nodes_of(SOURCE / "translate/codec.py") if isinstance(one, ast.ClassDef)
    }
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in nodes_of(path):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name_of(path))
    several = {
        name: found
        for name, found in places.items()
        if len(found) > 1
        and not all(
            place.startswith(dialects) or (place == "translate/codec.py" and name in codec)
            for place in found
        )
    }
    assert not several


# --- what can be held in mind ----------------------------------------------------------------


@pytest.mark.parametrize(("room", "plan"), [("translate", LAYOUT), ("proxy", PROXY)])
def test_a_room_holds_what_its_plan_says(room: str, plan: Mapping[str, Set[str]]) -> None:
    found: dict[str, set[str]] = {}
    for path in (SOURCE / room).rglob("*.py"):
        folder = path.parent.relative_to(SOURCE / room).as_posix()
        found.setdefault("" if folder == "." else folder, set()).add(path.stem)
    assert found == plan


@law_of(PROXY_ROOMS)
def test_a_room_of_the_proxy_knows_only_those_below_it(path: Path) -> None:
    inner = {m.split(".")[2] for m in imports_of(path) if m.startswith("gwproxy.proxy.")}
    room = path.relative_to(SOURCE / "proxy").parts[0]
    assert inner & MAY_KNOW_IN_PROXY.keys() <= MAY_KNOW_IN_PROXY[room] | {room}


@law_of(FILES)
def test_a_file_and_its_functions_can_be_held_in_mind(path: Path) -> None:
    """What the options of a command are is a table, so of functions it is the body that counts."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            start = node.body[0].lineno if name_of(path).startswith("cli/") else node.lineno
            lines = (node.end_lineno or 0) - start + 1
            assert lines <= LONGEST_FUNCTION, node.name


def test_every_room_says_what_it_is_and_stands_on_the_page() -> None:
    """When this fails: UPDATE_GOLDEN=1 pytest tests/test_architecture.py"""
    rows = []
    for path in (path for path in FILES if path.name == "__init__.py"):
        told = ast.get_docstring(tree_of(path))
        assert told, f"{name_of(path)} says nothing of its room"
        room = path.parent.relative_to(SOURCE).as_posix()
        rows.append((f"`{room}/`", " ".join(told.split("\n\n")[0].split())))
    page = TESTS.parent / ".github" / "ARCHITECTURE.md"
    is_made(page, "rooms", table(("room", "what is in it"), rows[1:]))


FILE_NAME = re.compile(r"(?<![\w./-])[\w/]+\.py\b")


def told(path: Path) -> Iterator[tuple[int, str]]:
    """Comments and docstrings, with their lines."""
    text = path.read_text(encoding="utf-8")
    if not FILE_NAME.search(text):
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in prose(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize("root", [SOURCE, TESTS], ids=["source", "tests"])
def test_a_file_that_somebody_names_is_there(root: Path) -> None:
    """HostState who names it, or in a folder around it."""
    missing = []
    for path in root.rglob("*.py"):
        around = [*path.parents][: len(path.relative_to(root).parts)]
        for line, words in told(path):
            for name in FILE_NAME.findall(words):
                if not any((folder / name).exists() for folder in (*around, SOURCE, TESTS.parent)):
                    missing.append(f"{path.relative_to(root)}:{line}: {name}")
    assert not missing
