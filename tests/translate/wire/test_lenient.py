"""What upstreams send in another shape than their dialect's, member by member."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw, Struct

from gwproxy.translate.anthropic import ending
from gwproxy.translate.wire import jsonio, lenient


class Inner(Struct):
    name: str | None = None
    arguments: str | None = None


class Outer(Struct):
    text: str = "default"
    count: int | None = None
    either: str | int | None = None
    inner: Inner | None = None
    listed: list[Inner] | None = None
    raw: Raw = Raw()


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        ({"text": [{"text": "a"}, "b", 3]}, Outer("ab")),
        ({"text": 5}, Outer("5")),
        ({"text": True}, Outer()),
        ({"text": {"x": 1}}, Outer()),
        ({"text": None}, Outer()),
        ({"text": "\ud83d"}, Outer("\ud83d")),
        ({"count": "17"}, Outer(count=17)),
        ({"count": 3.0}, Outer(count=3)),
        ({"count": True}, Outer()),
        ({"count": "9" * 19}, Outer()),
        ({"count": float("inf")}, Outer()),
        ({"either": "5"}, Outer(either="5")),
        ({"inner": [], "count": 1}, Outer(count=1)),
        ({"inner": {"arguments": {"a": [1]}}}, Outer(inner=Inner(arguments='{"a":[1]}'))),
        ({"listed": {"name": "f"}}, Outer(listed=[Inner("f")])),
        ({"listed": [1, {"name": "f"}, None]}, Outer(listed=[Inner("f")])),
        ({"raw": {"a": 1}, "more": 2}, Outer(raw=Raw(b'{"a":1}'))),
    ],
)
def test_a_member_is_understood_as_far_as_it_can_be(sent: Any, understood: Outer) -> None:
    assert lenient.lenient(sent, Outer) == understood


@pytest.mark.parametrize("data", [b"[]", b"5", b'"x"', b"{", b""])
def test_what_is_no_object_is_none_of_it(data: bytes) -> None:
    with pytest.raises(jsonio.NotJson):
        lenient.read(data, Outer)


def test_one_odd_figure_does_not_take_the_others_along() -> None:
    usage = ending.usage_of(Raw(b'{"input_tokens":7,"output_tokens":"9","cache_creation":[]}'))
    assert usage is not None and (usage.fresh, usage.output) == (7, 9)
