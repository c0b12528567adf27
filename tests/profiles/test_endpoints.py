"""What people paste as a base URL, and the addresses that come of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.profiles.endpoints import BadUrl, anthropic_base, host_of, is_loopback, openai_base


@pytest.mark.parametrize(
    ("pasted", "base"),
    [
        # as Strongwall's page prints it, with and without the slash
        ("https://api.strongwall.ai/", "https://api.strongwall.ai"),
        ("https://api.strongwall.ai", "https://api.strongwall.ai"),
        # kimi-k25.com prints its Anthropic base with /v1 in one place and without in another
        ("https://kimi-k25.com/api/anthropic/v1", "https://kimi-k25.com/api/anthropic"),
        ("https://kimi-k25.com/api/anthropic", "https://kimi-k25.com/api/anthropic"),
        # whole endpoints
        ("https://api.kimi.com/coding/v1/messages", "https://api.kimi.com/coding"),
        ("https://api.kimi.com/coding/v1/messages/count_tokens", "https://api.kimi.com/coding"),
        ("https://api.kimi.com/coding/v1/models", "https://api.kimi.com/coding"),
        ("  HTTPS://API.Kimi.COM/coding/  ", "https://api.kimi.com/coding"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/v1/", "http://[::1]:8080"),
    ],
)
def test_an_anthropic_base_has_no_version(pasted: str, base: str) -> None:
    assert anthropic_base(pasted) == base


@pytest.mark.parametrize(
    ("pasted", "base"),
    [
        ("https://api.strongwall.ai/v1", "https://api.strongwall.ai/v1"),
        ("https://api.strongwall.ai/", "https://api.strongwall.ai/v1"),
        ("https://api.strongwall.ai/v1/chat/completions", "https://api.strongwall.ai/v1"),
        ("https://kimi-k25.com/api/openai", "https://kimi-k25.com/api/openai/v1"),
        ("https://kimi-k25.com/api/openai/v1/responses", "https://kimi-k25.com/api/openai/v1"),
        ("https://kimi-k25.com/api/openai/v1/models", "https://kimi-k25.com/api/openai/v1"),
        # other version segments are versions too
        ("https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4"),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        ),
        # a whole endpoint without a version is taken at its word
        ("https://api.perplexity.ai/chat/completions", "https://api.perplexity.ai"),
        ("http://localhost:11434", "http://localhost:11434/v1"),
    ],
)
def test_an_openai_base_has_its_version(pasted: str, base: str) -> None:
    assert openai_base(pasted) == base


@pytest.mark.parametrize(
    ("pasted", "complaint"),
    [
        ("api.kimi.com/coding", "write https://api.kimi.com/coding"),
        ("ftp://api.kimi.com", "only https://"),
        ("http://api.kimi.com", "in the clear"),
        ("http://192.168.1.7:8080", "in the clear"),
        ("http://localhost.evil.example", "in the clear"),
        ("https://", "no host"),
        ("https://user:secret@api.kimi.com", "user name or password"),
        ("https://api.kimi.com/coding?key=1", "no ?query"),
        ("https://api.kimi.com/coding#top", "no #fragment"),
        ("https://api.kimi.com/a b", "no spaces"),
        ("https://api.kimi.com/\nx", "control characters"),
        ("https://api.kimi.com:notaport", "ort"),
    ],
)
def test_what_cannot_be_a_base_is_refused_with_the_reason(pasted: str, complaint: str) -> None:
    for normalise in (anthropic_base, openai_base):
        with pytest.raises(BadUrl, match=complaint.replace("?", r"\?")) as caught:
            normalise(pasted)
        assert "secret" not in str(caught.value)


def test_an_endpoint_of_the_other_dialect_names_the_right_setting() -> None:
    with pytest.raises(BadUrl, match="openai_url"):
        anthropic_base("https://api.strongwall.ai/v1/chat/completions")
    with pytest.raises(BadUrl, match="anthropic_url"):
        openai_base("https://api.strongwall.ai/v1/messages")
    with pytest.raises(BadUrl, match="/v1/messages"):
        anthropic_base("https://api.example.com/messages")


@given(
    st.lists(st.sampled_from(["api", "coding", "openai", "v1", "v4", "x-y"]), max_size=4),
    st.sampled_from(["", "/"]),
)
def test_a_base_stays_as_it_is_when_given_again(segments: list[str], slash: str) -> None:
    url = "/".join(["https://api.example.com", *segments]) + slash
    once = openai_base(url)
    assert openai_base(once) == once
    assert openai_base(f"{once}/chat/completions") == once
    bare = anthropic_base(url)
    assert anthropic_base(f"{bare}/v1/messages") == bare
    assert not bare.endswith("/")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "x.localhost"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "localhost.com", "127.0.0.1.nip.io", ""])
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_the_host_of_a_base() -> None:
    assert host_of("https://api.kimi.com:443/coding") == "api.kimi.com"
