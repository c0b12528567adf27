"""Rows of the table of `refusals`: an effort is refused."""

from __future__ import annotations

from typing import Final

from gwproxy.translate.errors.remedies import REBUILD, off, steps_of_efforts
from gwproxy.translate.errors.rules import rules

_EVERY: Final = ("output_config.effort", "reasoning_effort", "reasoning.effort")

EFFORTS: Final = (
    # Subagents of Claude Code name an effort and switch thinking off. What was switched off stays
    # so; an effort is how hard to try.
    *rules(
        "thinking and effort exclude each other",
        off("adaptive_thinking"),
        "HKUDS/nanobot#3939, anthropics/claude-code#65863, ding113/claude-code-hub#1257",
        {
            r"cannot be disabled when \W?[\w.]*effort\W? is set": "thinking options type cannot "
            "be disabled when reasoning_effort is set",
            "cannot specify both '?thinking'? and '?reasoning_effort": "cannot specify both "
            "'thinking' and 'reasoning_effort'",
        },
        lasting=False,
        omits=_EVERY,
    ),
    *rules(
        "an effort is refused",
        REBUILD,
        "anthropics/claude-code#29531, anthropics/claude-code#53855",
        {
            "does(?: not|n't) support the (?:reasoning )?effort parameter": "This model does not "
            "support the effort parameter."
        },
        omits=_EVERY,
    ),
    # Lists of what is taken, as the writers of `grammars` print them.
    *rules(
        "other efforts are taken",
        steps_of_efforts,
        "liliMozi/openhanako#2092, Kilo-Org/cloud PR#3807, "
        "https://docs.pydantic.dev/latest/errors/validation_errors/#literal_error, "
        "https://zod.dev/error-formatting, https://help.aliyun.com/zh/model-studio/error-code",
        {
            r"unsupported value: \W?[\w.]*effort\W.*supported values are:([^.\n]*)": "Unsupported "
            "value: 'reasoning_effort' does not support 'medium' with this model. Supported values "
            "are: 'low', 'high', and 'max'.",
            r"effort: input should be ([^.\n]*)": "output_config.effort: Input should be 'low', "
            "'medium' or 'high'",
            r"effort: unknown variant \W\w+\W, expected ([^.\n]*)": "reasoning_effort: unknown "
            "variant `xhigh`, expected one of `low`, `medium`, `high` at line 1 column 90",
            r"effort: invalid (?:enum value\.|option:) expected (?:one of )?([^,\n]*)": (
                "reasoning_effort: Invalid enum value. Expected 'low' | 'medium' | 'high', "
                "received 'xhigh'"
            ),
            r"effort\W.{0,60}?invalid value:? \W?\w+\W+supported values are:?([^.\n]*)": (
                "The parameter `reasoning_effort` specified in the request are not valid: invalid "
                "value: `xhigh`, supported values are: `low`, `medium` and `high`."
            ),
            r"\w+\W is not one of (\[[^\]]*\])\W+[\w.]*effort\b": "'xhigh' is not one of ['low', "
            "'medium', 'high'] - 'reasoning_effort'",
            r"effort: \W?\w+\W? is not one of (\[[^\]]*\])": "reasoning_effort: 'xhigh' is not one "
            "of ['low', 'medium', 'high']",
            r"effort\W+(?:must|should) be (?:one of|either)\b([^.\n]*)": "reasoning_effort must "
            "be one of: low, medium, high",
            r"invalid (?:value for )?\W?[\w.]*effort\b.{0,40}?one of\b([^.\n]*)": "Invalid "
            "reasoning_effort: xhigh. Must be one of: low, medium, high",
        },
    ),
)
