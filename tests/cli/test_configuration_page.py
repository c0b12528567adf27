""".github/CONFIGURATION.md has every key, variable, file and quirk that there is, and no other."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from gwproxy import paths
from gwproxy.profiles import prices, record, store
from gwproxy.profiles.quirks import Quirk, settable_quirks
from support.readme import README, ROOT, blocks, is_made, table, table_after

PAGE: Final = ROOT / ".github" / "CONFIGURATION.md"
SOURCE: Final = ROOT / "src" / "gwproxy"


def names(heading: str) -> list[str]:
    return [row[0] for row in table_after(PAGE, heading)]


@pytest.mark.parametrize(
    ("heading", "there"),
    [
        ("at the top", {*store._SETTINGS}),
        ("under `[serve]`", {one.name for one in fields(store.ServeSettings)}),
        ("under `[[routes]]`", {one.name for one in fields(store.RouteRule)}),
        ("under `[profiles.NAME]`", {*record.SETTINGS}),
        ("under `[profiles.NAME.prices]`", {*prices.SETTINGS}),
    ],
)
def test_every_key_of_config_toml(heading: str, there: set[str]) -> None:
    told = [re.sub(r"\W*(\w+).*", r"\1", name) for name in names(heading)]
    assert len(told) == len(set(told))
    assert set(told) == there


def test_the_example_is_one_that_is_read() -> None:
    (example,) = blocks(PAGE, "toml")
    config = store.parse(example, PAGE)
    assert list(config.profiles) == ["kimi", "wall"]
    assert not config.remarks


def test_every_variable_of_ours() -> None:
    words = {
        word
        for path in SOURCE.rglob("*.py")
        for word in re.findall(r'"(GWPROXY_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    # Between `gwproxy run` and the tool that it starts: nobody sets it by hand.
    words.discard("GWPROXY_RUN_TOKEN")
    told = {name.removesuffix("<PROFILE>") for name in names("variable")}
    assert told == words | {"NO_COLOR"}


def test_every_file_of_ours(gwproxy_home: Path) -> None:
    there = {
        paths.usage_db(),
        paths.responses_db(),
        paths.captures_dir(),
        paths.learned_file(),
        paths.token_file(),
        paths.backups_dir(),
        paths.run_logs_dir(),
        paths.service_log(),
        paths.server_file(),
        paths.ui_file(),
    }
    assert {path.name for path in there} | {"setup.json"} == set(names("file"))


@pytest.mark.parametrize("page", [README, PAGE], ids=lambda page: page.name)
def test_the_folders_are_where_platformdirs_has_them(page: Path) -> None:
    rows = {row[0]: row[1:] for row in table_after(page, "system")}
    home = str(Path.home())
    for system, dirs in {
        "Linux": Unix("gwproxy", appauthor=False),
        "macOS": MacOS("gwproxy", appauthor=False),
    }.items():
        config, state = dirs.user_config_dir, dirs.user_state_dir
        told = [text.replace("~", home) for text in rows[system]]
        assert told == [config, "the same" if state == config else state], system
    # Its folder is asked of Windows itself; both come from the one for local data.
    assert rows["Windows"] == ["%LOCALAPPDATA%\\gwproxy", "the same"]
    assert not Windows("gwproxy", appauthor=False).roaming


def _kind(quirk: Quirk) -> str:
    if quirk.choices:
        return " · ".join(f"`{choice}`" for choice in quirk.choices)
    return {"bool": "`true` · `false`", "int": "a number", "str": "text", "list": "a list"}[
        quirk.kind
    ]


def _default(quirk: Quirk) -> str:
    match quirk.default:
        case None:
            return "unknown"
        case bool() as known:
            return "`true`" if known else "`false`"
        case () | "":
            return "none"
        case known:
            return f"`{known}`"


def test_every_quirk() -> None:
    """When this fails: UPDATE_GOLDEN=1 pytest tests/cli/test_configuration_page.py"""
    rows = [
        (f"`{quirk.name}`", quirk.about.meaning, _kind(quirk), _default(quirk))
        for quirk in settable_quirks()
    ]
    is_made(PAGE, "quirks", table(("quirk", "what it says", "values", "without a word"), rows))
