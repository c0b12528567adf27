"""The fast way to the names of the profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwproxy.profiles.names import profile_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[profiles.b]\n[profiles.a]\npreset = 'no such thing'\n", ["b", "a"]),
        ("", []),
        ("[profiles.'$(touch x)']\n[profiles.ok]\n[profiles.'a;b']\n", ["ok"]),
        ("profiles = 7", []),
        ("[broken", []),
        ("# \udcff", []),
    ],
)
def test_names_are_listed_and_nothing_complains(
    gwproxy_home: Path, text: str, names: list[str]
) -> None:
    gwproxy_home.mkdir()
    (gwproxy_home / "config.toml").write_bytes(text.encode(errors="surrogateescape"))
    assert profile_names() == names


def test_no_file_has_no_names(gwproxy_home: Path) -> None:
    assert profile_names() == []
