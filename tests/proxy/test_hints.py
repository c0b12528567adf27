"""A refusal that means something else than it says gets a word in the log, and only there; one of
ours names the command that lifts it."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from msgspec import structs

from gwproxy.profiles.quirks import parse_quirk
from gwproxy.profiles.record import make_profile
from gwproxy.proxy.routing.route import Route
from gwproxy.proxy.upstream import hints
from gwproxy.simulator import KIMI_CODE, PlayedRefusal, client_gate
from gwproxy.translate.hub import Dialect, Failure, FailureKind
from gwproxy.translate.quirks import Quirks
from support.gateway import StartGateway, messages
from support.provider import StartProvider
from support.scripted import StartScripted, whole

OVERLOADED = Failure(
    FailureKind.OVERLOADED, "The engine is currently overloaded", 529, upstream_status=429
)
GATE = Failure(FailureKind.PERMISSION, str(client_gate().message), 403)


def route(dialect: Dialect = Dialect.CHAT, **record: Any) -> Route:
    profile = make_profile("up", {"preset": "kimi-code", **record})
    return Route(profile, "kimi-k2.5", dialect, "https://x.example", Quirks())


def hint(failure: Failure, way: Route, *, ever_answered: bool = False) -> str:
    return hints.hint(failure, way, "curl/8", ever_answered=ever_answered)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (GATE, "tools that it knows by their User-Agent, not 'curl/8'; gwproxy profile set up"),
        (
            Failure(FailureKind.PERMISSION, "Access terminated. Review our Guidelines", 403),
            "a forged User-Agent",
        ),
        (OVERLOADED, "may mean that 'curl/8' is not let in"),
        (
            Failure(FailureKind.NOT_FOUND, "Not found the model k9 or Permission denied", 404),
            "gwproxy models up lists",
        ),
    ],
)
def test_what_is_behind_a_refusal(failure: Failure, words: str) -> None:
    assert words in hint(failure, route())


def test_there_is_not_always_something_behind_it() -> None:
    assert hint(OVERLOADED, route(), ever_answered=True) == ""
    for status in (503, 529):  # these mean what they say
        assert hint(structs.replace(OVERLOADED, upstream_status=status), route()) == ""
    assert hint(Failure(FailureKind.NOT_FOUND, "no such page", 404), route()) == ""
    assert hint(Failure(FailureKind.INVALID, "temperature: too high", 400), route()) == ""
    assert "dialects=anthropic" not in hint(GATE, route(Dialect.ANTHROPIC))


def test_a_refused_key_is_told_where_keys_come_from() -> None:
    words = hints.key_words(route().profile, 401)
    assert "https://www.kimi.com/code/console, and begins with sk-kimi-" in words
    plain = make_profile("mine", {"openai_url": "https://x.example", "model": "m"})
    assert hints.key_words(plain, 401) == (
        "the provider refuses the key of the profile mine with HTTP 401; "
        "gwproxy profile key mine sets another"
    )


async def test_the_client_hears_the_upstream_and_the_log_says_more(
    start_gateway: StartGateway, start_provider: StartProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider = await start_provider(KIMI_CODE)
    record = {"preset": "kimi-code", "anthropic_url": provider.anthropic_url}
    gateway = await start_gateway({"up": record})
    overload = PlayedRefusal(429, OVERLOADED.message, error_type="engine_overloaded_error")
    told = []
    for planned in (overload, client_gate(), None, overload):
        if planned is not None:
            provider.will(planned)
        caplog.clear()
        agent = {"user-agent": "odd/1"}
        with caplog.at_level(logging.INFO, "gwproxy"):
            async with gateway.post("/v1/messages", messages(), headers=agent) as got:
                answer = await got.text()
        assert "let in" not in answer
        told.append((got.status, "let in" in caplog.text or "lets in" in caplog.text))
    assert told == [(529, True), (403, True), (200, False), (529, False)]
    assert {one.header("user-agent") for one in provider.generations} == {"odd/1"}


PDF = "JVBERi0xLg=="
FILE = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
DOCUMENT = {"type": "base64", "media_type": "application/pdf", "data": PDF}
WITH_A_PDF: dict[str, dict[str, Any]] = {
    "/v1/messages": {
        "max_tokens": 64,
        "messages": [{"role": "user", "content": [{"type": "document", "source": DOCUMENT}]}],
    },
    "/v1/chat/completions": {
        "messages": [{"role": "user", "content": [{"type": "file", "file": FILE}]}],
    },
    "/v1/responses": {
        "input": [{"role": "user", "content": [{"type": "input_file", **FILE}]}],
    },
}


@pytest.mark.parametrize("path", WITH_A_PDF)
async def test_a_refusal_of_ours_names_the_exact_command_that_lifts_it(
    start_gateway: StartGateway, start_scripted: StartScripted, path: str
) -> None:
    upstream = await start_scripted(whole)
    quirks = {"documents": False, "rebuild": True}
    record = {"openai_url": upstream.url, "model": "m", "dialects": ["chat"], "quirks": quirks}
    gateway = await start_gateway({"up": record})
    async with gateway.post(path, {"model": "m", **WITH_A_PDF[path]}) as response:
        answer = await response.json()
        assert response.status == 400
    assert not upstream.visits
    assert ("type" in answer) is (path == "/v1/messages")
    command = re.search(r"gwproxy profile set up quirk\.(\S+)", answer["error"]["message"])
    assert command is not None, answer
    name, value = parse_quirk(command[1])
    lifted = await start_gateway({"up": record | {"quirks": quirks | {name: value}}})
    async with lifted.post(path, {"model": "m", **WITH_A_PDF[path]}) as response:
        assert response.status == 200, await response.text()
    assert PDF in upstream.visits[0].body.decode()
