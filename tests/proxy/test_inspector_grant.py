"""Codes and secrets of the inspector: how often, how long and how many."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import pytest

from gwproxy.proxy.inspector import grant
from gwproxy.proxy.inspector.grant import Grants, NotAdmitted, TooManyTries


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def grants(clock: Clock) -> Grants:
    grants = Grants(clock)
    grants.follow("the local token")
    return grants


def refused(enter: Callable[[str], str], code: str) -> bool:
    try:
        enter(code)
    except NotAdmitted:
        return True
    return False


def test_a_code_is_good_once(grants: Grants) -> None:
    code = grants.code()
    secret = grants.enter(code)
    assert grants.admits(secret) and secret != code
    assert refused(grants.enter, code)
    assert grants.admits(secret), "who tries a used code does the page no harm"


def test_a_code_is_good_for_a_minute(grants: Grants, clock: Clock) -> None:
    early, late = grants.code(), grants.code()
    clock.now_s += grant.CODE_S - 0.001
    assert grants.enter(early)
    clock.now_s += 0.001
    assert refused(grants.enter, late)
    assert grant.CODE_S == 60


def test_codes_and_secrets_are_256_bits_of_chance(grants: Grants) -> None:
    codes = [grants.code() for _ in range(20)]
    found = {*codes, grants.enter(codes[-1])}
    assert len(found) == 21
    assert all(len(one) >= 43 for one in found)
    assert all(one.replace("-", "").replace("_", "").isalnum() for one in found), "in a fragment"


@pytest.mark.parametrize("odd", ["", "x", "é", "\udcff", "a" * 100_000])
def test_nothing_else_is_a_code_or_a_secret(grants: Grants, odd: str) -> None:
    code = grants.code()
    assert refused(grants.enter, odd)
    assert not grants.admits(odd)
    assert not grants.admits(code), "a code is no secret"
    secret = grants.enter(code)
    assert refused(grants.enter, secret), "and a secret no code"
    for almost in (secret[:-1], secret + "x", secret.swapcase(), f" {secret}"):
        assert not grants.admits(almost)


def test_how_long_it_takes_says_nothing_of_code_or_secret(
    grants: Grants, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that there is is compared, by what takes as long whatever differs, found or not."""
    secret = grants.enter(grants.code())
    other = grants.enter(grants.code())
    codes = [grants.code(), grants.code()]
    compared: list[bytes] = []
    compare = hmac.compare_digest

    def watched(given: bytes, expected: bytes) -> bool:
        compared.append(expected)
        return compare(given, expected)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for given in ("wrong", secret):
        compared.clear()
        grants.admits(given)
        assert sorted(compared) == sorted([secret.encode(), other.encode()])
    compared.clear()
    grants.enter(codes[0])
    assert sorted(compared) == sorted(code.encode() for code in codes)


def test_wrong_codes_are_bounded_by_the_minute(grants: Grants, clock: Clock) -> None:
    for _ in range(grant.MOST_WRONG):
        assert refused(grants.enter, "guess")
        clock.now_s += 1
    code = grants.code()
    with pytest.raises(TooManyTries):
        grants.enter(code)
    clock.now_s += grant.WRONG_S - grant.MOST_WRONG
    assert grants.enter(code), "the refusals in between have not made it longer"


def test_only_so_many_codes_wait(grants: Grants) -> None:
    codes = [grants.code() for _ in range(grant.MOST_CODES + 1)]
    assert refused(grants.enter, codes[0])
    assert all(grants.enter(code) for code in codes[1:])


def test_only_so_many_pages_are_in_and_the_one_that_is_silent_goes(grants: Grants) -> None:
    pages = [grants.enter(grants.code()) for _ in range(grant.MOST_SECRETS)]
    assert grants.admits(pages[0])  # it is used
    newest = grants.enter(grants.code())
    assert not grants.admits(pages[1])
    assert all(grants.admits(page) for page in (pages[0], *pages[2:], newest))


def test_a_page_that_is_silent_for_long_is_out(grants: Grants, clock: Clock) -> None:
    secret = grants.enter(grants.code())
    for _ in range(3):
        clock.now_s += grant.SECRET_S - 1
        assert grants.admits(secret)
    clock.now_s += grant.SECRET_S
    assert not grants.admits(secret)


def test_another_local_token_lets_everybody_out(grants: Grants) -> None:
    secret, code = grants.enter(grants.code()), grants.code()
    grants.follow("the local token")
    assert grants.admits(secret)
    grants.follow("its successor")
    assert not grants.admits(secret)
    assert refused(grants.enter, code)
