"""A table of the words for a full context window, an empty account or a busy server.

Each row has an example of the words, and their source. Clients act upon these kinds of failure
(they compact, stop, wait), and no status or type shows them reliably.
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
    """One row: `words` mean `kind`; `example` is a message with them, `source` says whose it is."""

    kind: FailureKind
    words: re.Pattern[str]
    example: str
    source: str


def kind_in(message: str, kind: FailureKind) -> bool:
    """Whether `message` has known words for `kind`."""
    if kind is FailureKind.CONTEXT and _NOT_FULL.search(message):
        return False
    return any(rule.kind is kind and rule.words.search(message) for rule in KIND_RULES)


def is_overflow(message: str, status: int) -> bool:
    """Whether `message` says that the context window is full. In a server's error (5xx) the words
    may be part of a quoted request: there they count outside of quotes, or with their figures."""
    if status < 500:
        return kind_in(message, FailureKind.CONTEXT)
    return kind_in(_QUOTED.sub("", message), FailureKind.CONTEXT) or bool(figures_in(message))


def figures_in(message: str) -> dict[str, int]:
    """`input`, `output` and `limit` in tokens, as far as `message` names them."""
    for words, _ in FIGURES:
        if found := words.search(message):
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


def _of(kind: FailureKind, rows: Mapping[str, tuple[str, str]]) -> Iterator[KindRule]:
    for words, (example, source) in rows.items():
        yield KindRule(kind, _pattern(words), example, source)


# How a full window is said, whoever says it: too long a prompt, more than a window, a count of
# tokens and its bound, a code.
_FULL: Final = {
    r"\b(?:prompt|input|conversation|context)s?(?: (?:token )?(?:tokens?|length))?"
    r"(?: \([^)]{1,60}\))? (?:is |are )?too (?:long|large)\b": (
        "The prompt (total length 25938) is too long to fit into the model (context length 4096). "
        "Make sure that `max_model_len` is no smaller than the number of text tokens.",
        "vllm-project/vllm (tests of context_length_too_short)",
    ),
    r"(?:exceed\w*|(?:greater|longer|more) than|too large for)\W+(?:[\w']+\W+){0,6}?"
    r"(?:context (?:window|size|length|limit)|max_(?:seq|model)_len|max_prompt_tokens"
    r"|max(?:imum)? (?:allowed )?(?:input|prompt|model|message|sequence) (?:length|tokens)"
    r"|model token limit|(?:number of|max) tokens allowed)": (
        "Your input exceeds the model's context window. Please adjust your input and try again.",
        "code-yeongyu/senpi PR#1466",
    ),
    r"\b(?:input|prompt|message)s?\W{0,2}[ _]tokens?\b[^.]{0,60}?\b(?:exceed\w*|cannot|only "
    r"supports|must (?:be|have) (?!at least|greater|more))": (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 1887 "
        "`inputs` tokens and 1024 `max_new_tokens`",
        "opea-project/GenAIInfra#487",
    ),
    r"\b(?:input|prompt) length [^.]{1,20} exceed|`inputs` must have less than": (
        "Input validation error: `inputs` must have less than 1024 tokens. Given: 1168.",
        "huggingface/text-generation-inference#695",
    ),
    "token(?: length|s of image and text) exceeds? (?:max message|model limit)": (
        "Total message token length exceed model limit (8000 tokens).",
        "https://help.aliyun.com/zh/model-studio/error-code",
    ),
    r"range of input length should be \[1,": (
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 258048]",
        "https://www.alibabacloud.com/help/en/model-studio/error-code, QwenLM/qwen-code#3652",
    ),
    r"total number of tokens\b.{0,40} cannot exceed": (
        "too many tokens: total number of tokens (prompt and prediction) cannot exceed 2048 - "
        "received 6354. Try using a shorter prompt or a smaller max_tokens value.",
        "cohere-ai/sandbox-topically#4",
    ),
    r"maximum (?:context length (?:is|of)|prompt length is|supported sequence length is) \S"
    "|context length (?:is|of) only": (
        "Trying to keep the first 14231 tokens when context the overflows. However, the model is "
        "loaded with context length of only 4096 tokens, which is not enough.",
        "lmstudio-ai/lmstudio-bug-tracker#237",
    ),
    # What is left for the answer, once the prompt has taken more than there is.
    r"max_tokens must be at least 1, got -\d": (
        "max_tokens must be at least 1, got -3912.",
        "vllm-project/vllm#5700",
    ),
    "prompt exceeds max(?:imum)? length|prompt token count of .{1,20} exceeds the limit": (
        "Prompt exceeds max length",
        "https://docs.z.ai/api-reference/api-code (1261)",
    ),
    "context(?:_window|[_ ](?:length|window))[_ ]exceed(?:ed|s)": (
        "invalid params, context window exceeds limit (2013)",
        f"{_PI_LIST} (MiniMax), anomalyco/opencode#8089",
    ),
    "reduce the length of the (?:messages|input)": (
        "Please reduce the length of the messages or completion.",
        f"{_PI_LIST} (Groq)",
    ),
    r"(?:\bprompt|上下文|输入(?:内容|长度)|tokens?.{0,10}).{0,12}(?:超出|超过|超长|过长)": (
        "Prompt 超长",
        "https://docs.bigmodel.cn/cn/api/api-code (1261)",
    ),
}
# Tokens by the minute or by the contract, an image's or an answer's bound.
_NOT_FULL: Final = re.compile(
    r"\b(?:per|a) (?:second|min|hour|day|month)|\b[tr]p[mdh]\b|rate[_ ]?limit|\bquota|please wait"
    "|(?:每分钟|速率|频率|额度|配额)",
    re.IGNORECASE,
)

# The figures of a full window, each way with an example; the first that finds some is believed.
# vllm-project/vllm#20409, stepfun-ai/Step-Audio-R1#3, anthropics/claude-code#476, jundot/omlx#26,
# can1357/oh-my-pi#1618, #3752, earendil-works/pi PR#5929, openclaw/openclaw#85921,
# anomalyco/opencode#23713, fuergaosi233/claude-code-proxy#60, unslothai/unsloth#2666,
# langgenius/dify#19394, leookun/cursor-byok#129, MoonshotAI/kimi-cli#2011,
# google-gemini/gemini-cli#6678, earendil-works/pi#4943, huggingface/huggingface_hub#2763
FIGURES: Final = tuple(
    (_pattern(words), example)
    for words, example in {
        "too long: {input} tokens(?: >| exceeds max context window of) {limit}": (
            "prompt is too long: 219558 tokens > 200000 maximum"
        ),
        "too long: {input}, model maximum context length: {limit}": (
            "The prompt is too long: 267657, model maximum context length: 262143"
        ),
        r"context limit: {input} \+ {output} > {limit}": (
            "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease "
            "input length or `max_tokens` and try again"
        ),
        "context length is {limit} tokens.*?you requested {output} output tokens and your prompt "
        "contains at least {input} input": (
            "This model's maximum context length is 202752 tokens. However, you requested 64000 "
            "output tokens and your prompt contains at least 138753 input tokens, for a total of "
            "at least 202753 tokens."
        ),
        r"context length is {limit} tokens.*?\({input} in the messages,.*?{output} in the "
        "completion": (
            "This model's maximum context length is 8192 tokens. However, you requested 9000 "
            "tokens (8500 in the messages, 500 in the completion). Please reduce the length."
        ),
        r"context length is {limit} tokens.*?\({input} of text input, .*?{output} in the output": (
            "This endpoint's maximum context length is 262144 tokens. However, you requested about "
            "284283 tokens (262963 of text input, 21320 in the output)."
        ),
        r"context length is {limit} tokens.*?request has {input} input tokens \({output} >": (
            "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum "
            "context length is 40960 tokens and your request has 12000 input tokens "
            "(32000 > 40960 - 12000)."
        ),
        "context length of {limit} tokens.*?: {input} tokens from the input messages and "
        "{output} ": (
            "Requested token count exceeds the model's maximum context length of 131072 tokens. "
            "You requested a total of 135168 tokens: 103168 tokens from the input messages and "
            "32000 tokens for the completion."
        ),
        r"input \({input} tokens\) is longer than the model'?s context length \({limit} tokens": (
            "The input (345516 tokens) is longer than the model's context length (262144 tokens)."
        ),
        r"prompt \(length {input}\) is longer than the maximum model length of {limit}": (
            "The decoder prompt (length 70000) is longer than the maximum model length of 65536."
        ),
        r"prompt \(total length {input}\) is too long .*?context length {limit}\)": (
            "The prompt (total length 25938) is too long to fit into the model (context length "
            "4096)."
        ),
        "passed {input} input tokens and requested {output} .*?context length is only {limit} ": (
            "You passed 40961 input tokens and requested 1 output tokens. However, the model's "
            "context length is only 40960 tokens, resulting in a maximum input length of 40959."
        ),
        r"must be <= {limit}\. Given: {input} `inputs` tokens and {output} ": (
            "`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 1887 `inputs` tokens and "
            "1024 `max_new_tokens`"
        ),
        r"must have less than {limit} tokens\. Given: {input}\b": (
            "`inputs` must have less than 1024 tokens. Given: 1168."
        ),
        r"tokens \({input}\) (?:must be less than|has exceeded) max_\w+ \({limit}\)": (
            "length of prompt_tokens (57535) must be less than max_seq_len (32768)"
        ),
        r"context length is {limit} tokens.*?(?:requested|resulted in|request has) {input} ": (
            "This model's maximum context length is 4,097 tokens. However, your messages resulted "
            "in 5,000 tokens."
        ),
        r"model token limit: {limit} \(requested: {input}": (
            "Invalid request: Your request exceeded model token limit: 262144 (requested: 300001)"
        ),
        r"token count \({input}\) exceeds the maximum number of tokens allowed \({limit}": (
            "The input token count (1200000) exceeds the maximum number of tokens allowed "
            "(1048576)."
        ),
        "context length is {limit} tokens": "This model's maximum context length is 8192 tokens.",
        r"context (?:window|size)[^.]{0,20}?{limit} tokens": (
            "request (124071 tokens) exceeds the available context size (123904 tokens), try "
            "increasing it"
        ),
        r"input length should be \[1, ?{limit}\]": ("Range of input length should be [1, 258048]"),
        "maximum prompt length is {limit} but the request contains {input} tokens": (
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens."
        ),
        "token count of {input} exceeds the limit of {limit}": (
            "prompt token count of 130000 exceeds the limit of 128000"
        ),
        "keep the first {input} tokens.*?context length of only {limit} tokens": (
            "Trying to keep the first 14231 tokens when context the overflows. However, the model "
            "is loaded with context length of only 4096 tokens, which is not enough."
        ),
        "input length {input} exceeds the maximum (?:allowed input )?length (?:of )?{limit}": (
            "Input length 131393 exceeds the maximum allowed input length of 131040 tokens."
        ),
        "prompt contains {input} tokens.*?too large for model with {limit} maximum context "
        "length": (
            "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 "
            "maximum context length"
        ),
    }.items()
)

KIND_RULES: Final[tuple[KindRule, ...]] = (
    *_of(FailureKind.CONTEXT, _FULL),
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
