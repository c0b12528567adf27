"""config.toml: what it means, and that changing it never costs anybody anything."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwproxy import paths
from gwproxy.errors import ConfigError, UsageError
from gwproxy.profiles import changes, store
from support.cli import gwproxy
from support.golden import FIXTURES
from support.mutated import TOKENS, mutated

BY_HAND = """\
# my gateway
default = "kimi"   # for now
future_setting = [1, 2]

[serve]
port = 5000 # not 4979, that is taken

# the good one
[profiles.kimi]
preset = "kimi-code"
later = { a = 1 }  # a newer version wrote this

[profiles.kimi.quirks]
vision = false

[profiles.wall]
preset = "strongwall"
fallback = ["kimi"]

[[routes]]
match = "claude-haiku-*"
profile = "kimi"

[key_hosts]
kimi = ["api.kimi.com"]
"""


@pytest.fixture
def config_file(gwproxy_home: Path) -> Path:
    gwproxy_home.mkdir()
    path = gwproxy_home / "config.toml"
    path.write_text(BY_HAND, encoding="utf-8")
    return path


def test_no_file_is_an_empty_configuration(gwproxy_home: Path) -> None:
    config = store.load()
    assert config == store.Config()
    assert (config.serve.host, config.serve.port) == ("127.0.0.1", 4979)
    assert config.store_responses is True
    assert not gwproxy_home.exists()


def test_a_slip_outside_the_profiles_is_told(gwproxy_home: Path) -> None:
    gwproxy_home.mkdir()
    (gwproxy_home / "config.toml").write_text(
        'defualt = "kimi"\n[serve]\ncaptures = true\n'
        '[profiles.kimi]\npreset = "kimi-code"\n'
        '[[routes]]\nmatch = "x"\nprofile = "kimi"\nmodels = "y"\n'
    )
    assert store.load().remarks == (
        "defualt is not a setting; did you mean default?",
        "serve.captures is not a setting; did you mean capture?",
        "routes[0].models is not a setting; did you mean model?",
    )


def test_a_file_is_read_whole(config_file: Path) -> None:
    config = store.load()
    assert list(config.profiles) == ["kimi", "wall"]
    assert config.profile().name == "kimi"
    assert config.profile("wall").fallback == ("kimi",)
    assert config.serve.port == 5000
    assert config.routes == (store.RouteRule("claude-haiku-*", "kimi"),)
    remark, other = config.remarks
    assert remark.startswith("profiles.kimi.later is not a setting; ")
    assert other.startswith("future_setting is not a setting; ")


def test_routes_match_as_globs() -> None:
    rule = store.RouteRule("claude-haiku-*", "kimi")
    assert rule.fits("claude-haiku-4-5")
    assert not rule.fits("claude-sonnet-4-6")
    assert not rule.fits("Claude-haiku-4-5")


def test_the_only_profile_is_the_default() -> None:
    config = store.parse('[profiles.a]\npreset = "kimi-code"\n', Path("config.toml"))
    assert config.profile().name == "a"


def test_of_several_profiles_none_is_taken_by_chance() -> None:
    text = '[profiles.a]\npreset = "demo"\n[profiles.b]\npreset = "demo"\n'
    with pytest.raises(ConfigError, match="no profile is the default") as caught:
        store.parse(text, Path("config.toml")).profile()
    assert caught.value.why == "there are a, b"


def test_a_missing_profile_is_told_what_was_probably_meant(config_file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        store.load().profile("kimmi")
    assert caught.value.what == "there is no profile called 'kimmi'"
    assert caught.value.why == "did you mean kimi?"


def test_without_profiles_the_next_command_is_named(gwproxy_home: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        store.load().profile()
    assert "gwproxy profile add" in caught.value.hint


def test_the_demo_is_always_there(gwproxy_home: Path) -> None:
    assert store.load().profile("demo").is_built_in


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('default = "nobody"', "default: there is no profile called 'nobody'"),
        ("default = 7", "default must be text"),
        ("profiles = 7", "profiles must be a table"),
        ("[profiles]\nkimi = 7", "profiles.kimi must be a table"),
        ('[profiles.Kimi]\npreset = "kimi-code"', "a profile cannot be called 'Kimi'"),
        (
            '[profiles.a]\npreset = "kimi-code"\nfallback = ["b"]',
            "profiles.a.fallback: there is no profile called 'b'",
        ),
        ("[serve]\nport = 0", "serve.port must be a number from 1 to 65535"),
        ("[serve]\nport = true", "serve.port must be a number"),
        ('[serve]\nlog_level = "loud"', "serve.log_level must be one of debug, info"),
        ('[serve]\nallowed_hosts = "x"', "serve.allowed_hosts must be a list"),
        ("[serve]\njson_logs = 1", "json_logs must be true or false"),
        ("routes = 7", "routes must be a list"),
        ("routes = [7]", "routes[0] must be a table"),
        ("[[routes]]\nprofile = 'demo'", "routes[0].match is needed"),
        ("[[routes]]\nmatch = '*'", "routes[0].profile is needed"),
        ("[[routes]]\nmatch = '*'\nprofile = 'b'", "routes[0].profile: there is no profile"),
        ('store_responses = "no"', "store_responses must be true or false"),
    ],
)
def test_a_wrong_value_is_named(text: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        store.parse(text, Path("config.toml"))
    assert caught.value.what.startswith(what)
    assert caught.value.why


def test_a_broken_file_is_reported_with_its_line_and_never_rewritten(config_file: Path) -> None:
    broken = "default = 'kimi'\n[serve\n"
    config_file.write_text(broken, encoding="utf-8")
    for attempt in (store.load, lambda: store.edit(lambda document: document.clear())):
        with pytest.raises(ConfigError) as caught:
            attempt()
        assert str(config_file) in caught.value.what
        assert "line 2" in caught.value.why
    assert config_file.read_text(encoding="utf-8") == broken


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, "x = " + "9" * 5000, "x = 1\0"])
def test_what_the_parser_chokes_on_is_a_broken_file(text: str) -> None:
    with pytest.raises(ConfigError, match="is not valid TOML"):
        store.parse(text, Path("config.toml"))


OLD = (FIXTURES / "home-0.1.0/home/.gwproxy/config.toml").read_bytes()
HAD = [BY_HAND.encode(), OLD.replace(b"@PROVIDER@", b"http://127.0.0.1:1")]
VALUES = [*TOKENS, b"0", b"-1", b'""', b"[]", b"{}", b"[1]", b'{a = "b"}', b"1979-05-27", b"inf"]


@settings(deadline=None)
@given(mutated(HAD), st.integers(0), st.sampled_from(VALUES))
def test_any_text_is_a_configuration_or_told(text: bytes, line: int, value: bytes) -> None:
    lines = text.split(b"\n")
    name, equals, _ = lines[line % len(lines)].partition(b"=")
    if equals:  # another type, most of all, than the one that is wanted there
        lines[line % len(lines)] = name + equals + value
    try:
        store.parse(b"\n".join(lines).decode("utf-8", "replace"), Path("config.toml"))
    except ConfigError as error:
        assert error.what


def test_a_file_in_another_encoding_is_not_guessed_at(config_file: Path) -> None:
    config_file.write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        store.load()


@pytest.mark.skipif(os.name != "posix", reason="owners are a thing of POSIX")
def test_a_file_of_another_user_is_not_trusted(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = config_file.stat().st_uid
    if owner == 0:
        os.chown(config_file, 12345, -1)
        owner = 12345
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        store.load()


def test_a_change_keeps_comments_order_and_unknown_settings(config_file: Path) -> None:
    store.edit(lambda document: changes.set_values(document, "kimi", [(("stream",), "never")]))
    expected = BY_HAND.replace(
        "# a newer version wrote this\n", '# a newer version wrote this\nstream = "never"\n'
    )
    assert config_file.read_text(encoding="utf-8") == expected


def test_an_empty_change_writes_nothing(config_file: Path) -> None:
    before = config_file.stat().st_mtime_ns
    store.edit(lambda document: changes.use_profile(document, "kimi"))
    assert config_file.stat().st_mtime_ns == before


def test_a_change_that_makes_it_invalid_is_not_written(config_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"profiles\.kimi\.stream"):
        store.edit(lambda document: changes.set_values(document, "kimi", [(("stream",), "yes")]))
    assert config_file.read_text(encoding="utf-8") == BY_HAND


def test_files_are_private_whatever_the_umask(gwproxy_home: Path) -> None:
    old = os.umask(0)
    try:
        store.edit(lambda document: changes.add_profile(document, "a", {"preset": "demo"}))
    finally:
        os.umask(old)
    assert stat.S_IMODE(gwproxy_home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in gwproxy_home.iterdir()} == {0o600}


def test_a_symlinked_file_stays_a_link(config_file: Path, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    config_file.rename(dotfiles / "gwproxy.toml")
    config_file.symlink_to(dotfiles / "gwproxy.toml")
    store.edit(lambda document: changes.use_profile(document, "wall"))
    assert config_file.is_symlink()
    assert 'default = "wall"' in (dotfiles / "gwproxy.toml").read_text(encoding="utf-8")


def test_a_crash_while_writing_leaves_the_old_file(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="cannot write") as caught:
        store.edit(lambda document: changes.use_profile(document, "wall"))
    assert caught.value.why == "No space left on device"
    assert config_file.read_text(encoding="utf-8") == BY_HAND
    assert sorted(path.name for path in config_file.parent.iterdir()) == [
        "config.lock",
        "config.toml",
    ]


def test_an_editor_that_saves_meanwhile_is_not_overwritten(config_file: Path) -> None:
    saves = iter(["# saved by an editor\n"])

    def change(document: MutableMapping[str, Any]) -> None:
        for text in saves:
            config_file.write_text(text + BY_HAND, encoding="utf-8")
        changes.use_profile(document, "wall")

    store.edit(change)
    text = config_file.read_text(encoding="utf-8")
    assert text.startswith("# saved by an editor\n")
    assert 'default = "wall"' in text


def test_an_editor_that_never_stops_saving_wins(config_file: Path) -> None:
    def change(document: MutableMapping[str, Any]) -> None:
        text = config_file.read_text(encoding="utf-8")
        config_file.write_text(text + "#\n", encoding="utf-8")
        changes.use_profile(document, "wall")

    with pytest.raises(ConfigError, match="keeps changing"):
        store.edit(change)
    assert 'default = "kimi"' in config_file.read_text(encoding="utf-8")


def test_many_writers_lose_nothing(gwproxy_home: Path) -> None:
    def add(number: int) -> int:
        return gwproxy("profile", "add", f"p{number}", "--preset", "demo").code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(add, range(12))) == [0] * 12
    document = tomllib.loads(paths.config_file().read_text(encoding="utf-8"))
    assert sorted(document["profiles"]) == sorted(f"p{number}" for number in range(12))


def test_the_values_of_the_environment_are_not_stored(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GWPROXY_KEY_KIMI", "sk-kimi-canary-0123456789")
    monkeypatch.setenv("GWPROXY_TOKEN", "canary-token-0123456789")
    store.edit(lambda document: changes.use_profile(document, "wall"))
    assert "canary" not in config_file.read_text(encoding="utf-8")


def test_the_error_of_a_change_is_the_callers(config_file: Path) -> None:
    def change(document: MutableMapping[str, Any]) -> None:
        raise UsageError("no")

    with pytest.raises(UsageError):
        store.edit(change)
    assert config_file.read_text(encoding="utf-8") == BY_HAND
