"""Rows of the table of `refusals`: a kind of tool, of item or of content block is refused."""

from __future__ import annotations

from typing import Final

from gwproxy.translate.errors.remedies import KINDS, REBUILD, off, steps_of_kind
from gwproxy.translate.errors.rules import rules

FUNCTIONS_ONLY: Final = (
    *rules(
        "tools of the kind {} are refused",
        steps_of_kind,
        "duolahypercho/codex-router#78, Alishahryar1/free-claude-code#859, "
        "vllm-project/vllm#49493, github/gh-aw-firewall#8350, envoyproxy/ai-gateway#2586",
        {
            rf"^\W?({KINDS})\W? tools are not (?:supported|allowed)": "`custom` tools are not "
            "supported on this endpoint",
            rf"(?:unsupported|unknown|invalid) (?:responses )?tool type:? \W?({KINDS})\b": (
                "Unsupported Responses tool type: 'custom'"
            ),
            rf"^tool type \W?({KINDS})\W? (?:is )?(?:not (?:supported|allowed)|unsupported)": (
                "tool type namespace not supported"
            ),
            rf"^(?:the )?\W?({KINDS})\W? tool type is not (?:supported|allowed)": (
                "The 'custom' tool type is not supported"
            ),
            rf"^invalid value:? '({KINDS})'": "Invalid value: 'custom'. Supported values are: "
            "'function', 'web_search'.",
            rf"unknown input (?:item )?type:? \W?({KINDS})\b": "malformed request: failed to parse "
            "JSON for /v1/responses: cannot unmarshal unknown input type: additional_tools",
        },
    ),
    *rules(
        "functions are the only tools that are taken",
        off("custom_tools", "namespaces", "client_tools", "hosted_tools"),
        "ggml-org/llama.cpp#20156",
        {
            "'type' of tool must be 'function'": "'type' of tool must be 'function'",
            r"only \W?function\W? (?:type )?tool(?: type)?s? (?:is|are) (?:supported|allowed)": (
                "Only function tools are supported"
            ),
            # zod's and pydantic's words for a union of one.
            "invalid (?:discriminator|literal) value.* expected 'function'": "Invalid "
            "discriminator value. Expected 'function'",
            r"^tools\.\d+\.type: Input should be 'function'": "tools.0.type: Input should be "
            "'function'",
        },
    ),
    *(
        rule
        for kind in ("web_search", "image_generation")
        for rule in rules(
            f"the tool {kind} is not served",
            REBUILD,
            "https://platform.openai.com/docs/guides/error-codes, github/gh-aw-firewall#8350",
            {
                rf"(?:unsupported|unknown|invalid) (?:tool(?: type)?|value):?\W+{kind}\b": (
                    f"Unsupported tool type: {kind}"
                ),
                rf"\btool(?: type)?\W+{kind}\W+is not (?:supported|allowed)": (
                    f"Hosted tool '{kind}' is not supported with this model."
                ),
            },
            omits=(f"tools[type={kind}]",),
        )
    ),
    *rules(
        "the client's own tools are the only ones that are taken",
        off("hosted_tools"),
        "https://docs.pydantic.dev/latest/errors/validation_errors/#literal_error",
        {r"^tools\.\d+\.type: Input should be 'custom'": "tools.4.type: Input should be 'custom'"},
    ),
)

KINDS_OF_ITEMS: Final = (
    *rules(
        "items of the kind {} are refused",
        steps_of_kind,
        "lidge-jun/opencodex#4454, openai/codex#45393",
        {
            rf"(?:unknown|unsupported|invalid) item type:? \W?({KINDS})\b": (
                'input[5]: unknown item type "agent_message"; expected one of: message, reasoning'
            ),
            rf"item type \W*({KINDS})\W* is not supported": 'input.12: item type "memory" is not '
            "supported",
        },
    ),
    # Which one, the host does not say.
    *rules(
        "a newer kind of item is refused",
        off("agent_items", "compaction"),
        "openai/codex#33551",
        {
            r"invalid '?input'?: value did not match any expected variant": "invalid request body: "
            "Invalid 'input': value did not match any expected variant"
        },
    ),
    *rules(
        "a kind of item is refused",
        off("hosted_tools"),
        "openai/codex#45393, router-for-me/CLIProxyAPI#5647",
        {
            r"item type \W*\w+\W* is not supported": 'input.12: item type "compaction" is not '
            "supported"
        },
    ),
    *rules(
        "a kind of block is refused",
        REBUILD,
        "https://docs.pydantic.dev/latest/errors/validation_errors/#union_tag_invalid",
        {
            r"input tag '\w+' found using": "messages.1.content.0: Input tag 'server_tool_use' "
            "found using 'type' does not match any of the expected tags"
        },
    ),
)

IN_OUTPUTS: Final = (
    # They are moved behind it. A host that takes no images at all then says so in other words.
    *rules(
        "images in what a tool gave back are refused",
        off("tool_media"),
        "ggml-org/llama.cpp#23890, MoonshotAI/Kimi-K2.5#27, farion1231/cc-switch 6c9d444c8",
        {
            "output of tool call should be 'input text'": "Output of tool call should be 'Input "
            "text'",
            r"tool_result\S*: input tag '(?:image|document)' found": "messages.2.content.0."
            "tool_result.content.1: Input tag 'image' found using 'type' does not match any of "
            "the expected tags: 'text'",
            r"image urls are only allowed for messages with role 'user'": "Invalid 'messages[2]'. "
            "Image URLs are only allowed for messages with role 'user', but this message with "
            "role 'tool' contains an image URL.",
            r"\.output\S*: unknown variant `input_(?:image|file)": "input[2].output[1]: "
            "unknown variant `input_image`, expected `input_text`",
            "tool (?:message|result|output)s? (?:only supports?|must be) text": "tool messages "
            "only support text content",
        },
    ),
)
"""Images and files in tool results."""
