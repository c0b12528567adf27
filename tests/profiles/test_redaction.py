"""Keys are taken out of texts that somebody will read."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gwproxy.profiles.redaction import MASK, Masker, redact

KEY = 'sk-kimi/"key"-+Zz~09'


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("key sk-kimi-abc_DEF-123456, done", f"key {MASK}, done"),
        ("cc_user_0123456789", MASK),
        ('{"x-api-key": "plainkey123"}', f'{{"x-api-key": "{MASK}"}}'),
        ("X-Api-Key: plainkey123\r\n", f"X-Api-Key: {MASK}\r\n"),
        ("authorization: Bearer plainkey123", f"authorization: Bearer {MASK}"),
        ('{"x-api-key":"plainkey123"}', f'{{"x-api-key":"{MASK}"}}'),
        # JSON in JSON stays JSON: the backslash is no part of the key.
        (r'"-H \"Authorization: Bearer $TOKEN\""', rf'"-H \"Authorization: Bearer {MASK}\""'),
        (r'"{\"x-api-key\": \"plainkey123\"}"', rf'"{{\"x-api-key\": \"{MASK}\"}}"'),
        (r'"export OPENAI_API_KEY=plainkey123\n"', rf'"export OPENAI_API_KEY={MASK}\n"'),
        ("api_key=settings.api_key", "api_key=settings.api_key"),
        ("nothing to see: task-force, disk-usage", "nothing to see: task-force, disk-usage"),
    ],
)
def test_what_looks_like_a_key_is_masked(text: str, clean: str) -> None:
    assert redact(text) == clean


@given(st.text("abc "), st.text("xyz", min_size=1), st.text("abc "))
def test_a_known_secret_never_survives(before: str, secret: str, after: str) -> None:
    assert redact(f"{before}{secret}{after}{secret}", [secret]) == f"{before}{MASK}{after}{MASK}"


def test_an_empty_secret_does_not_shred_the_text() -> None:
    assert redact("text", [""]) == "text"


def written(character: str, form: int) -> str:
    """`character` plain, or in one of the ways of JSON and of JSON in JSON."""
    code = f"u00{ord(character):02x}"
    short = [f"\\{character}", f"\\\\\\{character}"] if character in '"/' else []
    return [character, f"\\{code}", f"\\{code.upper()}".replace("U", "u"), f"\\\\{code}", *short][
        form % (4 + len(short))
    ]


ECHOES = st.tuples(*(st.integers(0, 5) | st.just(0) for _ in KEY)).map(
    lambda forms: "".join(map(written, KEY, forms))
)
# What could begin the key and does not go on like it; a backslash alone would be the echo's.
NOISE = st.one_of(
    st.text(), st.text("sk-\\u0736"), st.integers(1, len(KEY) - 1).map(lambda size: KEY[:size])
).map(lambda text: text + "." if text.endswith("\\") else text)


def fed(body: bytes, cuts: Iterable[int]) -> bytes:
    masker = Masker(KEY)
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    shown = [masker.feed(body[start:end]) for start, end in itertools.pairwise(edges)]
    return b"".join(shown) + masker.feed(b"", last=True)


@given(st.lists(st.tuples(NOISE, ECHOES)), st.lists(st.integers(0, 2000)))
def test_no_echo_of_the_key_survives_any_chunking_and_nothing_else_is_lost(
    parts: list[tuple[str, str]], cuts: list[int]
) -> None:
    def body(echoes: Iterable[str]) -> bytes:
        pairs = zip(parts, echoes, strict=True)
        return "".join(f"{noise}{echo}" for (noise, _), echo in pairs).encode() + b"."

    assert fed(body(echo for _, echo in parts), cuts) == body(MASK for _ in parts)


@given(ECHOES)
def test_a_key_is_masked_when_it_comes_byte_by_byte(echo: str) -> None:
    assert fed(echo.encode(), range(1, len(echo))) == MASK.encode()


@given(st.text("sk-im. \n"), st.integers(0, len(KEY) - 1))
@example("sk-ksk-", 0)
def test_only_what_could_begin_the_key_is_held(text: str, begun: int) -> None:
    body = text + KEY[:begun]
    held = max(size for size in range(len(KEY)) if body.endswith(KEY[:size]))
    masker = Masker(KEY)
    assert masker.feed(body.encode()).decode() == body[: len(body) - held]
    assert masker.holds is bool(held)
    assert masker.feed(b"!").decode() == f"{KEY[:held]}!"


def test_a_body_that_ends_inside_the_key_shows_little_of_it() -> None:
    assert fed(KEY[:5].encode(), ()) == KEY[:5].encode()
    assert fed(KEY[:-1].encode(), ()) == MASK.encode()


@given(ECHOES)
def test_a_known_secret_is_found_in_every_form(echo: str) -> None:
    assert redact(f"a{echo}b", [KEY]) == f"a{MASK}b"
