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
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_PI_LIST: Final = "badlogic/pi-mono packages/ai/src/utils/overflow.ts"


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


def is_overflow(message: str, status: int) -> bool:
    """Whether the upstream says that the window is full. Some say it as a server's error, where
    the words may as well be part of a request that is quoted: there they count outside of quotes,
    or with the figures that belong to them."""
    if status < 500:
        return kind_in(message, FailureKind.CONTEXT)
    return kind_in(_QUOTED.sub("", message), FailureKind.CONTEXT) or bool(figures_in(message))


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


_MAXIMUM_CONTEXT: Final = "maximum context length (?:is|of) |exceed.{0,40}maximum context length"

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
        _MAXIMUM_CONTEXT,
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens "
        "(8500 in the messages, 500 in the completion). Please reduce the length.",
        "vllm-project/vllm#20409",
        r"context length is {limit} tokens.*?\({input} in the messages,.*?{output} in the "
        "completion",
    ),
    _full(
        _MAXIMUM_CONTEXT,
        "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum "
        "context length is 40960 tokens and your request has 12000 input tokens "
        "(32000 > 40960 - 12000).",
        "stepfun-ai/Step-Audio-R1#3",
        r"context length is {limit} tokens.*?request has {input} input tokens \({output} >",
    ),
    _full(
        _MAXIMUM_CONTEXT,
        "Requested token count exceeds the model's maximum context length of 131072 tokens. You "
        "requested a total of 135168 tokens: 103168 tokens from the input messages and 32000 "
        "tokens for the completion.",
        "https://github.com/sgl-project/sglang (tokenizer_manager.py)",
        "context length of {limit} tokens.*?: {input} tokens from the input messages and {output} ",
    ),
    _full(
        "longer than the model'?s context length",
        "The input (345516 tokens) is longer than the model's context length (262144 tokens).",
        "Alishahryar1/free-claude-code#263, fuergaosi233/claude-code-proxy#60",
        r"input \({input} tokens\) is longer than the model'?s context length \({limit} tokens",
    ),
    _full(
        r"decoder prompt.{0,40}longer than the maximum model length",
        "The decoder prompt (length 70000) is longer than the maximum model length of 65536. Make "
        "sure that `max_model_len` is no smaller than the number of text tokens.",
        "unslothai/unsloth#2666",
        r"prompt \(length {input}\) is longer than the maximum model length of {limit}",
    ),
    _full(
        "context length (?:is|of) only",
        "You passed 40961 input tokens and requested 1 output tokens. However, the model's context "
        "length is only 40960 tokens, resulting in a maximum input length of 40959 tokens.",
        "https://github.com/vllm-project/vllm (serving_engine.py)",
        "passed {input} input tokens and requested {output} .*?context length is only {limit} ",
    ),
    # What is left for the answer, once the prompt has taken more than there is.
    _full(
        r"max_tokens must be at least 1, got -\d",
        "max_tokens must be at least 1, got -3912.",
        "vllm-project/vllm#5700",
    ),
    _full(
        _MAXIMUM_CONTEXT,
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
        _MAXIMUM_CONTEXT,
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
        "prompt too long: .{1,20} tokens",
        "Prompt too long: 32799 tokens exceeds max context window of 32768 tokens",
        "jundot/omlx#26",
        "too long: {input} tokens exceeds max context window of {limit} tokens",
    ),
    _full(
        "exceeds the available context size",
        "request (124071 tokens) exceeds the available context size (123904 tokens), try "
        "increasing it",
        "can1357/oh-my-pi#3752",
        r"context (?:window|size)[^.]{0,20}?{limit} tokens",
    ),
    _full(
        r"range of input length should be \[1,",
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 258048]",
        "https://www.alibabacloud.com/help/en/model-studio/error-code, QwenLM/qwen-code#3652",
        r"input length should be \[1, ?{limit}\]",
    ),
    _full(
        "prompt exceeds max(?:imum)? length",
        "Prompt exceeds max length",
        "https://docs.z.ai/api-reference/api-code (1261)",
    ),
    _full(
        "context window exceeds limit",
        "invalid params, context window exceeds limit (2013)",
        f"{_PI_LIST} (MiniMax)",
    ),
    _full(
        r"maximum prompt length is \d",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        f"{_PI_LIST} (xAI)",
        "maximum prompt length is {limit} but the request contains {input} tokens",
    ),
    _full(
        "prompt token count of .{1,20} exceeds the limit",
        "prompt token count of 130000 exceeds the limit of 128000",
        f"{_PI_LIST} (GitHub Copilot)",
        "token count of {input} exceeds the limit of {limit}",
    ),
    _full(
        "greater than the context length",
        "The number of tokens to keep from the initial prompt is greater than the context length.",
        f"{_PI_LIST} (LM Studio)",
    ),
    _full(
        "context length of only",
        "Trying to keep the first 14231 tokens when context the overflows. However, the model is "
        "loaded with context length of only 4096 tokens, which is not enough.",
        "lmstudio-ai/lmstudio-bug-tracker#237",
        "keep the first {input} tokens.*?context length of only {limit} tokens",
    ),
    _full(
        "prompt too long; exceeded (?:max )?context length",
        "prompt too long; exceeded max context length by 1043 tokens",
        "https://github.com/ollama/ollama/blob/main/llm/server.go",
    ),
    _full(
        "total tokens of (?:image and )?text exceed max message tokens",
        "Total tokens of image and text exceed max message tokens. Request id: 0217",
        "https://www.volcengine.com/docs/82379/1299023",
    ),
    _full(
        "input length .{1,20} exceeds the maximum",
        "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
        f"{_PI_LIST} (OpenRouter), https://www.volcengine.com/docs/82379/1299023",
        "input length {input} exceeds the maximum (?:allowed input )?length (?:of )?{limit}",
    ),
    _full(
        "reduce the length of the messages or completion",
        "Please reduce the length of the messages or completion.",
        f"{_PI_LIST} (Groq)",
    ),
    _full(
        r"too large for model with {limit} maximum context length",
        "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 maximum "
        "context length",
        f"{_PI_LIST} (Mistral)",
        "prompt contains {input} tokens.*?too large for model with {limit} maximum context length",
    ),
    _full(
        "input is too long",
        "Input is too long for requested model.",
        "aws-samples/bedrock-chat#95",
    ),
    _full(
        "(?:model_)?context(?:_window|[_ ]length)[_ ]exceeded",
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
