"""Whose an entry of the keyring is, and to which hosts its key may go."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gwproxy.errors import ConfigError, CredentialError
from gwproxy.profiles import changes, credentials, key_hosts, store
from gwproxy.profiles.credentials import resolve
from gwproxy.profiles.keyring_trouble import KeyringTroubleKind
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.record import make_profile
from gwproxy.profiles.secret import Secret
from support.keyrings import MemoryKeyring

KEY = "sk-kimi-canary-0123456789abcd"

OF_0_1_0 = """\
[profiles.kimi]
preset = "kimi-code"

[profiles.both]
preset = "custom"
model = "m"
anthropic_url = "https://A.example:443"
openai_url = "http://127.0.0.1:8080/v1"
key_env = "BOTH"

[profiles.broken]
preset = "kimi-code"
anthropic_url = "nowhere"

[profiles.demo]
preset = "demo"
"""


def leading_to(url: str, *hosts: str) -> Profile:
    record = {"preset": "custom", "model": "m", "anthropic_url": url}
    return make_profile("k", record, hosts or None)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.example", "api.example"),
        ("https://api.example:443/v1", "api.example"),
        ("https://API.example:8443", "api.example:8443"),
        ("http://127.0.0.1:80", "127.0.0.1"),
        ("http://127.0.0.1:4000", "127.0.0.1:4000"),
        ("http://[::1]:4000", "[::1]:4000"),
    ],
)
def test_another_port_is_another_server(url: str, host: str) -> None:
    assert key_hosts.hosts_of(leading_to(url)) == (host,)


def test_what_0_1_0_stored_is_adopted_once() -> None:
    document: dict[str, Any] = tomllib.loads(OF_0_1_0)
    key_hosts.adopt(document)
    adopted = {"kimi": ["api.kimi.com"], "both": ["a.example", "127.0.0.1:8080"]}
    assert document["key_hosts"] == adopted
    document["profiles"]["later"] = {"preset": "strongwall"}
    document["profiles"]["kimi"]["anthropic_url"] = "https://elsewhere.example"
    key_hosts.adopt(document)
    assert document["key_hosts"] == adopted


def test_the_first_change_of_a_file_of_0_1_0_notes_the_hosts_from_before_it(
    gwproxy_home: Path,
) -> None:
    gwproxy_home.mkdir()
    path = gwproxy_home / "config.toml"
    path.write_text('# mine\n[profiles.kimi]\npreset = "kimi-code"\n', encoding="utf-8")
    assert store.load().is_of_0_1_0
    assert store.load().profile("kimi").key.hosts == ("api.kimi.com",)
    assignment = (("anthropic_url",), "https://elsewhere.example")
    store.edit(partial(changes.set_values, name="kimi", assignments=[assignment]))
    assert path.read_text(encoding="utf-8").startswith("# mine\n")
    assert not store.load().is_of_0_1_0
    assert key_hosts.strangers(store.load().profile("kimi")) == ("elsewhere.example",)


@pytest.mark.parametrize("before", ["", '[profiles.old]\npreset = "strongwall"\n'])
def test_a_profile_that_is_added_has_no_entry_until_it_writes_one(
    gwproxy_home: Path, before: str, memory_keyring: MemoryKeyring
) -> None:
    gwproxy_home.mkdir()
    (gwproxy_home / "config.toml").write_text(before, encoding="utf-8")
    memory_keyring.keys["kimi"] = "left-by-somebody-else"
    record = {"preset": "kimi-code"}
    store.edit(partial(changes.add_profile, name="kimi", record=record))
    added = store.load().profile("kimi")
    with pytest.raises(CredentialError, match="there is no key for the profile kimi") as caught:
        resolve(added, memory_keyring, environ={})
    assert caught.value.hint == "gwproxy profile key kimi"
    credentials.give_key(added, Secret(KEY), memory_keyring, lambda document: None)
    assert resolve(store.load().profile("kimi"), memory_keyring, environ={}).secret == Secret(KEY)


@pytest.mark.parametrize(
    "record",
    [
        {"anthropic_url": "https://b.example"},
        {"anthropic_url": "https://a.example:444"},
        {"anthropic_url": "https://a.example", "openai_url": "https://b.example/v1"},
        {"anthropic_url": "https://b.example", "key_env": "UNSET"},
    ],
)
def test_a_key_does_not_follow_to_another_host(
    memory_keyring: MemoryKeyring, record: dict[str, str]
) -> None:
    memory_keyring.keys["k"] = KEY
    moved = make_profile("k", {"preset": "custom", "model": "m", **record}, ("a.example",))
    with pytest.raises(CredentialError, match=r"the key of k was given for a\.example") as caught:
        resolve(moved, memory_keyring, environ={})
    assert "gwproxy profile key k --confirm" in caught.value.hint


def test_a_key_that_the_record_names_goes_where_the_record_says(
    memory_keyring: MemoryKeyring,
) -> None:
    record = {"preset": "custom", "model": "m", "anthropic_url": "https://b.example"}
    moved = make_profile("k", record | {"key_env": "SET"}, ("a.example",))
    assert resolve(moved, memory_keyring, environ={"SET": KEY}).secret == Secret(KEY)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ('key_hosts = "a.example"', r"key_hosts must be a table: \[key_hosts\]"),
        ('[key_hosts]\nkimi = "sk-canary"', r"key_hosts\.kimi must be a list of hosts$"),
        ("[key_hosts]\nkimi = [1]", r"key_hosts\.kimi must be a list of hosts$"),
    ],
)
def test_a_slip_in_the_table_is_named(table: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        store.parse(table, Path("config.toml"))


@pytest.fixture
def left(gwproxy_home: Path, memory_keyring: MemoryKeyring) -> store.Config:
    """Two profiles were removed while the keyring was locked."""
    gwproxy_home.mkdir()
    (gwproxy_home / "config.toml").write_text(
        '[profiles.kimi]\npreset = "kimi-code"\n[key_hosts]\na = []\nkimi = ["api.kimi.com"]\n'
        "b = []\n",
        encoding="utf-8",
    )
    memory_keyring.keys |= {"a": "left-a", "kimi": KEY}
    return store.load()


def test_what_was_left_is_deleted_when_the_keyring_answers(
    left: store.Config, memory_keyring: MemoryKeyring
) -> None:
    memory_keyring.trouble = KeyringTroubleKind.LOCKED
    with pytest.raises(CredentialError, match="the keyring is locked"):
        credentials.delete_left(left, memory_keyring)
    assert store.load().left_keys == ("a", "b")
    memory_keyring.trouble = None
    assert credentials.delete_left(left, memory_keyring) == ("a",)
    assert memory_keyring.keys == {"kimi": KEY}
    assert store.load().left_keys == ()
    assert store.load().profile("kimi").key.hosts == ("api.kimi.com",)


def test_a_key_given_meanwhile_is_not_taken_for_the_one_that_was_left(
    left: store.Config, memory_keyring: MemoryKeyring
) -> None:
    again = make_profile("a", {"preset": "kimi-code"})
    add_it = partial(changes.add_profile, name="a", record={"preset": "kimi-code"})
    credentials.give_key(again, Secret("new-a"), memory_keyring, add_it)
    credentials.delete_left(left, memory_keyring)
    assert memory_keyring.keys == {"a": "new-a", "kimi": KEY}


def test_a_key_that_cannot_be_noted_is_not_kept(
    left: store.Config, memory_keyring: MemoryKeyring
) -> None:
    kimi = left.profile("kimi")
    add_it = partial(changes.add_profile, name="kimi", record={})
    with pytest.raises(ConfigError, match="already"):
        credentials.give_key(kimi, Secret("another"), memory_keyring, add_it)
    assert "kimi" not in memory_keyring.keys
