"""Words by which an upstream says that a window is full, an account empty or a server busy.

A table: each row with an example of the words, and their source. Clients act upon these kinds
(they compact, stop, wait), and no status or type tells them reliably.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from gwproxy.translate.hub import FailureKind

_NUMBER: Final = r"\d[\d,]*"


class KindRule(Struct, frozen=True):
    """`words` mean `kind`; `example` is a text that has them, `source` says whose they are.
    `figures` finds the groups `input`, `output` and `limit`, in tokens, as far as the text has
    them."""

    kind: FailureKind
    words: re.Pattern[str]
    example: str
    source: str
    figures: re.Pattern[str] | None = None


def kind_in(message: str, kind: FailureKind) -> bool:
    """Whether `message` says `kind` in words that are known."""
    return any(rule.kind is kind and rule.words.search(message) for rule in KIND_RULES)


def figures_in(message: str) -> dict[str, int]:
    """`input`, `output` and `limit` of a full window, as far as `message` names them."""
    for rule in KIND_RULES:
        if rule.figures is not None and (found := rule.figures.search(message)):
            return {
                name: int(number.replace(",", ""))
                for name, number in found.groupdict().items()
                if number is not None
            }
    return {}


def _pattern(words: str) -> re.Pattern[str]:
    """`words` compiled; `{name}` in them stands for a number, in the group of that name."""
    for name in ("input", "output", "limit"):
        words = words.replace(f"{{{name}}}", f"(?P<{name}>{_NUMBER})")
    return re.compile(words, re.IGNORECASE | re.DOTALL)


def _full(words: str, example: str, source: str, figures: str | None = None) -> KindRule:
    numbers = None if figures is None else _pattern(figures)
    return KindRule(FailureKind.CONTEXT, _pattern(words), example, source, numbers)


def _of(kind: FailureKind, rows: Mapping[str, tuple[str, str]]) -> Iterator[KindRule]:
    for words, (example, source) in rows.items():
        yield KindRule(kind, _pattern(words), example, source)


# Where several name figures, the first that finds some is believed.
_OVERFLOWS: Final = (
    _full(
        "prompt is too long",
        "prompt is too long: 219558 tokens > 200000 maximum",
        "https://docs.claude.com/en/docs/build-with-claude/context-windows",
        "too long: {input} tokens > {limit} maximum",
    ),
    _full(
        "exceed context limit",
        "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease "
        "input length or `max_tokens` and try again",
        "anthropics/claude-code#476",
        r"context limit: {input} \+ {output} > {limit}",
    ),
    _full(
        "maximum context length",
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens "
        "(8500 in the messages, 500 in the completion). Please reduce the length.",
        "vllm-project/vllm#20409",
        r"context length is {limit} tokens.*?\({input} in the messages,.*?{output} in the "
        "completion",
    ),
    _full(
        "maximum context length",
        "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum "
        "context length is 40960 tokens and your request has 12000 input tokens "
        "(32000 > 40960 - 12000).",
        "stepfun-ai/Step-Audio-R1#3",
        r"context length is {limit} tokens.*?request has {input} input tokens \({output} >",
    ),
    _full(
        "maximum context length",
        "This model's maximum context length is 4,097 tokens. However, your messages resulted in "
        "5,000 tokens.",
        "https://platform.openai.com/docs/guides/error-codes",
        "context length is {limit} tokens.*?(?:requested|resulted in|request has) {input} ",
    ),
    _full(
        "exceeded model token limit",
        "Invalid request: Your request exceeded model token limit: 262144 (requested: 300001)",
        "MoonshotAI/kimi-cli#2011",
        r"model token limit: {limit} \(requested: {input}",
    ),
    _full(
        "input token length too long",
        "Input token length too long",
        "https://platform.moonshot.ai/docs/api/errors",
    ),
    _full(
        "input token count.{0,40}exceeds the maximum",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "google-gemini/gemini-cli#6678",
        r"token count \({input}\) exceeds the maximum number of tokens allowed \({limit}",
    ),
    _full(
        "maximum context length",
        "This model's maximum context length is 8192 tokens.",
        "https://platform.openai.com/docs/guides/error-codes",
        "context length is {limit} tokens",
    ),
    _full(
        "exceeds? the context window",
        "Your input exceeds the context window of this model. Please adjust your input.",
        "code-yeongyu/oh-my-openagent#96",
    ),
    _full(
        "exceeds the available context size",
        "request (124071 tokens) exceeds the available context size (123904 tokens), try "
        "increasing it",
        "can1357/oh-my-pi#3752",
        r"context (?:window|size)[^.]{0,20}?{limit} tokens",
    ),
    _full(
        "input is too long",
        "Input is too long for requested model.",
        "aws-samples/bedrock-chat#95",
    ),
    _full(
        "context length exceeded|context_length_exceeded",
        "Error code: 400 (context_length_exceeded)",
        "anomalyco/opencode#8089",
    ),
)

KIND_RULES: Final[tuple[KindRule, ...]] = (
    *_OVERFLOWS,
    *_of(
        FailureKind.BILLING,
        {
            "exceeded (?:your|the) current quota": (
                "You exceeded your current quota, please check your plan and billing details.",
                "https://platform.openai.com/docs/guides/error-codes",
            ),
            "insufficient (?:balance|quota|credit|fund)|please recharge": (
                "Insufficient balance or no resource package. Please recharge.",
                "zai-org/GLM-5#148",
            ),
            "credit balance is too low": (
                "Your credit balance is too low to access the Anthropic API.",
                "anthropics/claude-code#4208",
            ),
            "reached your usage limit|usage limit for this (?:billing|period)": (
                "You've reached your usage limit for this billing cycle.",
                "https://www.kimi.com/code/docs/en/error-reference.html",
            ),
            "membership benefits": (
                "We're unable to verify your membership benefits at this time.",
                "https://www.kimi.com/code/docs/en/error-reference.html",
            ),
            "account (?:is )?(?:in )?arrears": (
                "The request failed because the account is in arrears.",
                "HKUDS/nanobot#4048",
            ),
            "billing hard limit": (
                "Billing hard limit has been reached",
                "dfinke/PowerShellAI#127",
            ),
        },
    ),
    *_of(
        FailureKind.OVERLOADED,
        {
            "engine is currently overloaded": (
                "The engine is currently overloaded, please try again later",
                "https://platform.moonshot.ai/docs/api/errors",
            ),
            "(?:server|model|service) is (?:currently )?overloaded|temporarily overloaded": (
                "The model is overloaded. Please try again later.",
                "google-gemini/gemini-cli#5191",
            ),
        },
    ),
)
