"""The doors between the rooms: who may import whom, and which room each library lives in."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "gwproxy"
ROOMS = ("translate", "proxy", "profiles", "clients", "simulator", "cli")

MAY_IMPORT = {
    "translate": set(),
    "profiles": {"errors", "paths", "translate"},
    "proxy": {"translate", "profiles", "errors", "paths"},
    "clients": {"profiles", "translate", "errors", "paths"},
    "simulator": {"translate"},
    "cli": {"translate", "proxy", "profiles", "clients", "simulator", "errors", "paths"},
}
# The simulator is the independent judge of our translators, so it may borrow their framing alone.
FRAMING = {"gwproxy.translate.wire.sse"}
# Profiles say which quirks an upstream has; what quirks there are is declared in the pure core.
DECLARATIONS = {"gwproxy.translate.quirks", "gwproxy.translate.omittable"}
# What a dialect is called, where it is spoken and how it takes a key.
NAMES = {"gwproxy.translate.dialect_facts", "gwproxy.translate.registry"}
PURE_FORBIDDEN = {
    "aiohttp",
    "asyncio",
    "datetime",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
}
HOMES = {
    "aiohttp": {"proxy", "simulator", "cli"},
    "keyring": {"profiles/oskeyring.py"},
    "msgspec": {"translate", "proxy"},
    "platformdirs": {"paths.py"},
    "rich": {"cli"},
    "sqlite3": {"proxy/storage.py"},
    "tomli_w": {"profiles/store.py"},
    "tomlkit": {"profiles/store.py"},
    "typer": {"cli", "__main__.py"},
}

FILES = sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def imports(path: Path) -> set[str]:
    """Every module that the file imports, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return found


def rooms_of(modules: set[str]) -> set[str]:
    return {m.split(".")[1] for m in modules if m.startswith("gwproxy.")} - {"__version__"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_room_imports_only_through_its_doors(path: Path) -> None:
    room = name_of(path).split("/")[0]
    if room not in ROOMS:
        assert rooms_of(imports(path)) <= {"errors", "cli", "profiles"}
        return
    modules = imports(path)
    narrow = {"simulator": FRAMING, "profiles": DECLARATIONS | NAMES, "clients": NAMES}
    if room in narrow:
        translate = {m for m in modules if m.startswith("gwproxy.translate.")}
        assert all(any(m.startswith(door) for door in narrow[room]) for m in translate)
    assert rooms_of(modules) - {room} <= MAY_IMPORT[room]


@pytest.mark.parametrize(
    "path", [p for p in FILES if name_of(p).startswith("translate/")], ids=name_of
)
def test_the_pure_core_touches_nothing(path: Path) -> None:
    assert not {module.split(".")[0] for module in imports(path)} & PURE_FORBIDDEN
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input", "exec", "eval")


@pytest.mark.parametrize("dialect", ["anthropic", "chat", "responses"])
def test_dialects_do_not_know_each_other(dialect: str) -> None:
    others = {"anthropic", "chat", "responses"} - {dialect}
    for path in (SOURCE / "translate" / dialect).rglob("*.py"):
        for module in imports(path):
            assert not any(module.startswith(f"gwproxy.translate.{other}") for other in others)


@pytest.mark.parametrize("dialect", ["anthropic", "chat", "responses"])
def test_every_dialect_has_the_same_rooms(dialect: str) -> None:
    names = {path.name for path in (SOURCE / "translate" / dialect).iterdir()}
    assert {
        "__init__.py",
        "blocks.py",
        "request.py",
        "reply.py",
        "reader.py",
        "writer.py",
        "failure.py",
    } <= names


@pytest.mark.parametrize("library", HOMES)
def test_one_library_has_one_home(library: str) -> None:
    homes = HOMES[library]
    for path in FILES:
        if library in {module.split(".")[0] for module in imports(path)}:
            name = name_of(path)
            assert any(name == home or name.startswith(home + "/") for home in homes), name


def test_nobody_keeps_state_on_a_class() -> None:
    """A list or dict on a class is shared by all streams; LiteLLM mixed answers up that way."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    value = getattr(item, "value", None)
                    assert not isinstance(value, ast.List | ast.Dict | ast.Set), (
                        f"{name_of(path)}:{item.lineno}"
                    )
