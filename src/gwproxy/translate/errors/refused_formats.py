"""Rows of the table of `refusals`: the format that an answer is to have is refused.

Two causes look alike. A host that does not know the format is asked in the prompt from then on; one
that knows it and does not take this schema, for this request alone. (MFJS, a schema dialect that
can be spoken, has its row among those of tools.)
"""

from __future__ import annotations

from typing import Final

from gwproxy.translate.errors.rules import rules

FORMATS: Final = (
    # LM Studio takes schemas and no plain JSON; to the word that OpenAI misses, the prompt says it.
    *rules(
        "an answer of any JSON cannot be asked for so",
        ({"json_schema": "prompt"},),
        "lmstudio-ai/lmstudio-bug-tracker#173, "
        "https://platform.openai.com/docs/guides/structured-outputs",
        {
            r"response_format\.type\W+must be \W?json_schema": "'response_format.type' must be "
            "'json_schema' or 'text'",
            r"must contain the word \W?json": "'messages' must contain the word 'json' in some "
            "form, to use 'response_format' of type 'json_object'.",
        },
        lasting=False,
    ),
    *rules(
        "an answer's format is refused",
        ({"json_schema": "prompt"},),
        "decolua/9router#4050, BerriAI/litellm#21407, openai/openai-dotnet#276, "
        "ggml-org/llama.cpp (common/chat)",
        {
            r"response_format(?: type)?\W+is (?:unavailable|not (?:supported|available))": "This "
            "response_format type is unavailable now",
            "does(?: not|n't) support (?:output|response)[ _]formats?": "'claude-3-5-haiku' does "
            "not support output format.",
            r"structured[ _]outputs? (?:is|are) not (?:supported|available)": "Structured outputs "
            "are not supported on this model.",
            r"json_schema\W+is not supported": "Invalid parameter: 'response_format' of type "
            "'json_schema' is not supported with this model.",
            r"^invalid value:? \W?json_schema": "Invalid value: 'json_schema'. Supported values "
            "are: 'json_object' and 'text'.",
            r"response_format(?:\.type| type)\W+must be (?:one of )?\W?(?:text|json_object)": (
                'response_format type must be one of "text" or "json_object", but got: json_schema'
            ),
        },
    ),
    *rules(
        "an answer's schema is refused",
        ({"json_schema": "prompt"},),
        "future-agi/future-agi PR#411, veryfront/veryfront-code#3918, google/adk-go PR#1178, "
        "vllm-project/vllm (structured outputs), ggml-org/llama.cpp (json-schema-to-grammar), "
        "https://docs.claude.com/en/docs/build-with-claude/structured-outputs",
        {
            r"\boutput_(?:config\.)?format\.schema\b": "output_config.format.schema: For 'object' "
            "type, 'additionalProperties' must be explicitly set to false",
            r"invalid (?:json )?schema for \W?(?:response_format|text\.format)": "Invalid schema "
            "for response_format 'person': In context=(), 'additionalProperties' is required to be "
            "supplied and to be false.",
            r"schema is too complex|grammar is too large": "The compiled grammar is too large, "
            "which would cause performance issues.",
            r"schema contains features not supported": "The provided JSON schema contains features "
            "not supported by xgrammar.",
            r"json schema conversion failed": "JSON schema conversion failed:\nUnrecognized "
            'schema: {"type":"any"}',
        },
        lasting=False,
    ),
)
