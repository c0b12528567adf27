"""The refusals of how an answer is to be made, its thinking, length and randomness, and what each
asks to be changed: rows of the table of `refusals`.
"""

from __future__ import annotations

from typing import Final

from gwproxy.translate.errors.remedies import REBUILD, off, steps_of_number
from gwproxy.translate.errors.rules import rules

OF_THINKING_MODES: Final = (
    *rules(
        "adaptive thinking is refused",
        off("adaptive_thinking"),
        "jundot/omlx#56, anthropics/claude-code#29531",
        {
            r"\badaptive\W+is not supported": "Only 'enabled' and 'disabled' are supported for "
            "thinking; 'adaptive' is not supported.",
            "adaptive thinking is not supported": "adaptive thinking is not supported on this "
            "model",
            r"thinking\S*: input should be 'enabled' or 'disabled'": "thinking.type: Input should "
            "be 'enabled' or 'disabled'",
            r"(?:unknown variant|input tag|received|thinking type\W+) ?\W?adaptive\b": (
                "thinking: Input tag 'adaptive' found using 'type' does not match any of the "
                "expected tags: 'disabled'"
            ),
        },
    ),
    *rules(
        "thinking cannot be switched off",
        ({"thinking_always": True},),
        "https://platform.kimi.ai/docs/api/models-overview",
        {
            "only type=enabled is allowed": "invalid thinking: only type=enabled is allowed for "
            "this model"
        },
    ),
    *rules(
        "thinking has to be adaptive",
        ({"adaptive_thinking": True, "thinking_budgets": False},),
        "https://docs.claude.com/en/docs/build-with-claude/adaptive-thinking",
        {
            r"thinking\.type\.enabled\W+is not supported": (
                '"thinking.type.enabled" is not supported for this model. Use '
                '"thinking.type.adaptive" and "output_config.effort".'
            ),
        },
    ),
    # Thinking was switched off, by the client or for a forced tool.
    *rules(
        "nothing is left of thinking to clear",
        REBUILD,
        "PostHog/posthog#73838",
        {
            r"clear_thinking\w*\W+strategy requires": "`clear_thinking_20251015` strategy requires "
            "`thinking` to be enabled or adaptive"
        },
        lasting=False,
        omits=("context_management",),
    ),
    *rules(
        "a forced tool excludes thinking",
        ({"forced_tools": "no_thinking"}, {"forced_tools": "auto"}),
        "can1357/oh-my-pi#1077, can1357/oh-my-pi#341, deepseek-ai/DeepSeek-V3#1376",
        {
            "thinking mode does not support (?:this )?tool_choice": "Thinking mode does not "
            "support this tool_choice",
            r"tool_choice\W+\w+\W+is incompatible with thinking": "tool_choice 'required' is "
            "incompatible with thinking enabled",
            "thinking may not be enabled when tool_choice forces": "Thinking may not be enabled "
            "when tool_choice forces tool use.",
            r"tool_choice\b[^.]{0,80}\bthinking": (
                "The tool_choice parameter does not support being set to required or object in "
                "thinking mode"
            ),
        },
    ),
    *rules(
        "no tool can be forced",
        ({"forced_tools": "auto"},),
        "https://docs.pydantic.dev/latest/errors/validation_errors/#literal_error, "
        "https://help.aliyun.com/zh/model-studio/error-code",
        {
            r"tool_choice\b\W.{0,16}\bonly (?:supports? )?\W?(?:auto|none)\b": "tool_choice: only "
            "'auto' and 'none' are supported",
            r"tool_choice: input should be \W(?:none|auto)\W(?: or \W(?:none|auto)\W|$)": (
                "tool_choice: Input should be 'none' or 'auto'"
            ),
            "not support (?:a )?forced tool": "This model does not support forced tool choice",
        },
    ),
)

OF_LIMITS: Final = (
    *rules(
        "sampling is fixed",
        ({"sampling": "drop"},),
        "anomalyco/opencode#10811, QwenLM/qwen-code#921",
        {
            "invalid (?:temperature|top_p|top_k|n|presence_penalty|frequency_penalty): only": (
                "invalid temperature: only 1 is allowed for this model"
            ),
            "unsupported value: '(?:temperature|top_p|presence_penalty|frequency_penalty)'": (
                "Unsupported value: 'temperature' does not support 0.2 with this model. Only the "
                "default (1) value is supported."
            ),
        },
    ),
    # Of a relayed request the limit is its client's own.
    *rules(
        "an answer of that length is refused",
        steps_of_number("max_output"),
        "TokenRhythm/opensquilla#807, anomalyco/models.dev#5824, "
        "https://help.aliyun.com/zh/model-studio/error-code, "
        "https://platform.openai.com/docs/guides/error-codes",
        {
            r"max_(?:completion_)?tokens is too large\b.*supports at most (\d+)": (
                "max_tokens is too large: 100000. This model supports at most 16384 completion "
                "tokens."
            ),
            r"max_tokens: \d+ > (\d+)": "max_tokens: 64000 > 32000, which is the maximum allowed "
            "number of output tokens",
            r"range of max_tokens (?:should be|is) \[1, ?(\d+)\]": "Range of max_tokens should be "
            "[1, 8192]",
            r"\bmax_\w*tokens\W+(?:should|must) be (?:less than or equal to|less or equal to|<=) "
            r"\W?(\d+)": "Exceeding the limiting length: [max_tokens should be less or equal to "
            "131072]",
            r"'max_\w*tokens': integer above maximum value\. expected a value <= (\d+)": (
                "Invalid 'max_output_tokens': integer above maximum value. Expected a value <= "
                "8192, but got 9."
            ),
            r"maximum tokens you requested exceeds the model limit of (\d+)": (
                "The maximum tokens you requested exceeds the model limit of 4096."
            ),
        },
        relayed=None,
    ),
    *rules(
        "this temperature is refused",
        REBUILD,
        "https://docs.claude.com/en/api/messages, "
        "https://docs.claude.com/en/docs/build-with-claude/extended-thinking",
        {
            r"\btemperature\W+(?:range|must be|may only be|should be)": "temperature: range: 0..1",
            r"\btemperature\W+is deprecated": "`temperature` is deprecated for this model",
        },
        lasting=False,
        omits=("temperature",),
    ),
    *rules(
        "temperature and top_p exclude each other",
        REBUILD,
        "https://docs.claude.com/en/api/messages",
        {
            r"temperature\W+and\W+top_p\W+cannot both": "`temperature` and `top_p` cannot both be "
            "specified for this model. Please use only one."
        },
        omits=("top_p",),
    ),
)
