"""The table of words that mean a full window, an empty account or a busy server."""

from __future__ import annotations

import json
import re

import pytest

from gwproxy.translate.bridge import CODECS
from gwproxy.translate.errors import complaints
from gwproxy.translate.errors.failure_words import FIGURES, KIND_RULES, KindRule, figures_in
from gwproxy.translate.hub import Dialect, FailureKind

OVERFLOWS = [
    *(rule.example for rule in KIND_RULES if rule.kind is FailureKind.CONTEXT),
    *(example for _, example in FIGURES),
    "Prompt length (5000) exceeds maximum input length (4096). Set log level to info",
    "Prompt length 5000 is greater than max_seq_len 4096",
    "length of prompt_tokens (68957) must be less than max_seq_len (65536).",
    "number of input tokens (204703) has exceeded max_prompt_tokens (202752) limit.",
    "tokens in request more than max tokens allowed",
    "AiError: The estimated number of input and maximum output tokens (445000) exceeded this model "
    "context window limit (262144).",
    "Unable to submit request because the input token count is 1048600 but model only supports up "
    "to 1048576. Reduce the input token count and try again.",
    "The input token count exceeds the maximum number of tokens allowed 1048576.",
    "Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
    "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 280000.",
    "messages token length must be in (0, 28672], but got 30000",
    "Requested generation length 100 is not possible! The provided prompt is 5000 tokens long, but "
    "the maximum supported sequence length is just 4096!",
    "The number of tokens to keep from the initial prompt is greater than the context length.",
    "prompt too long; exceeded max context length by 1043 tokens",
    "Total tokens of image and text exceed max message tokens. Request id: 0217",
    "Input length (5000 tokens) exceeds the maximum allowed length (4096 tokens).",
    "Input token length too long",
    "Input is too long for requested model.",
    "Prompt tokens too long",
    "Please reduce the length of the messages or completion. Current length is 8500.",
    "The context length exceeded the limit of the model",
    "输入内容过长，超出模型上下文长度限制",
    "请求的 tokens 数量超过模型上下文窗口限制",
    "输入token数超过模型最大限制",
]


@pytest.mark.parametrize("rule", KIND_RULES, ids=lambda rule: rule.example[:40])
def test_every_rule_knows_its_example(rule: KindRule) -> None:
    assert rule.words.search(rule.example)
    assert "/" in rule.source
    found = complaints.failure(400, {}, json.dumps({"message": rule.example}).encode())
    assert found.kind is rule.kind


@pytest.mark.parametrize(("words", "example"), FIGURES, ids=lambda value: str(value)[:40])
def test_the_first_way_that_finds_figures_is_the_example_s(
    words: re.Pattern[str], example: str
) -> None:
    match = words.search(example)
    assert match is not None
    numbers = {name: int(text.replace(",", "")) for name, text in match.groupdict().items()}
    assert numbers == figures_in(example)


@pytest.mark.parametrize("status", [400, 413, 422, 500])
@pytest.mark.parametrize("example", OVERFLOWS, ids=lambda example: example[:40])
def test_every_client_is_told_to_compact_in_its_own_words(example: str, status: int) -> None:
    found = complaints.failure(status, {}, json.dumps({"message": example}).encode())

    told, body = CODECS[Dialect.ANTHROPIC].render_failure(found, "req_1")
    message = json.loads(body)["error"]["message"]
    assert told == 400
    assert message.startswith(("prompt is too long", "input length and `max_tokens` exceed"))
    for dialect in (Dialect.CHAT, Dialect.RESPONSES):
        told, body = CODECS[dialect].render_failure(found, "req_1")
        assert (told, json.loads(body)["error"]["code"]) == (400, "context_length_exceeded")
        assert json.loads(body)["error"]["message"] == example


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (429, "Rate limit reached for tokens per min (TPM): Limit 30000, Used 29000."),
        (429, "Request too large for m on tokens per min (TPM): Limit 30000, Requested 46000."),
        (400, "max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens"),
        (400, "Range of max_tokens should be [1, 65536]"),
        (400, "max_tokens must be at least 1, got 0."),
        (400, "Invalid 'tools[0].function.name': string too long. Expected at most 64 characters."),
        (400, "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum"),
        (400, "Too many images: the prompt exceeds the limit of 20 images"),
        (400, "max_tokens (70000) exceeds the maximum number of output tokens allowed (65536)"),
        (400, "The maximum tokens you requested exceeds the model limit of 4096."),
        (429, "This request would exceed your rate limit of 40,000 input tokens per minute."),
        (429, "Number of input tokens per minute has exceeded your limit"),
        (429, "Too many tokens, please wait before trying again."),
        (429, "tokens 数量超过每分钟限制"),
        (400, "input_tokens must be at least 1"),
        (400, "The prompt_cache_key is too long"),
        (400, "Exceeding the limiting length: [max_tokens should be less or equal to 131072]"),
        (500, "The decoder crashed."),
    ],
)
def test_other_limits_are_no_overflow(status: int, message: str) -> None:
    found = complaints.failure(status, {}, json.dumps({"message": message}).encode())
    assert found.kind is not FailureKind.CONTEXT
