"""The refusals of how a conversation is spelled, its roles and its text, and what each asks to be
changed: rows of the table of `refusals`.
"""

from __future__ import annotations

from typing import Final

from gwproxy.translate.errors.rules import rules

OF_SPELLING: Final = (
    *rules(
        "instructions have the role developer",
        ({"system_role": "developer"},),
        "https://platform.openai.com/docs/guides/reasoning",
        {
            "role' does not support 'system'": "Unsupported value: 'messages[0].role' does not "
            "support 'system' with this model."
        },
    ),
    *rules(
        "the role developer is refused",
        ({"system_role": "system"}, {"system_role": "system", "mid_system": "wrap"}),
        "badlogic/pi-mono PR#8109, openclaw/openclaw#8579",
        {
            r"role\W+developer\W+is not (?:allowed|supported)": "Invalid request: role "
            "'developer' is not allowed",
            r"\bdeveloper\W+(?:role )?is not (?:a valid|supported|allowed)": (
                "'developer' role is not supported"
            ),
            r"(?:invalid|unknown|unsupported|unexpected)(?: message)? role\W+developer\b": (
                "Invalid role: developer"
            ),
            r"received \W?developer\b": (
                "Invalid enum value. Expected 'system' | 'user' | 'assistant', received 'developer'"
            ),
            r"\brole\W.{0,16}(?:should|must) be (?![^.\n]{0,80}developer)[^.\n]{0,50}\bsystem\b": (
                "messages.0.role must be one of: system, user, assistant, tool"
            ),
            r"role: unknown variant `developer`, expected": "messages[0].role: unknown variant "
            "`developer`, expected one of `system`, `user`, `assistant`, `tool`",
            "'developer' is not one of": "'developer' is not one of ['system', 'user']",
            "role_unspecified": "unsupported role ROLE_UNSPECIFIED",
        },
    ),
    *rules(
        "turns have to alternate",
        ({"alternate_turns": True, "mid_system": "wrap"},),
        "vllm-project/vllm#6862, microsoft/autogen#1037",
        {
            "conversation roles must alternate": "After the optional system message, conversation "
            "roles must alternate user/assistant/user/assistant/..."
        },
        lasting=("alternate_turns", "mid_system"),
    ),
    *rules(
        "instructions in mid-conversation are refused",
        ({"mid_system": "wrap"},),
        "farion1231/cc-switch 9d3570980, deepseek-ai/awesome-deepseek-integration#639, "
        "nashsu/llm_wiki#45, jundot/omlx#197",
        {
            r"role\W+system\W+is not (?:allowed|supported)": "Invalid request: role 'system' is "
            "not allowed here",
            'unexpected role "system"': 'messages: Unexpected role "system". The Messages API '
            "accepts a top-level `system` parameter",
            r"role: invalid enum value\. expected 'user' \| 'assistant'": "messages[1].role: "
            "Invalid enum value. Expected 'user' | 'assistant', received 'system'",
            "role: input should be 'user' or 'assistant'": "messages.2.role: Input should be "
            "'user' or 'assistant'",
            r"role: unknown variant `system`, expected": "Failed to deserialize the JSON body "
            "into the target type: messages[1].role: unknown variant `system`, expected `user` or "
            "`assistant` at line 1 column 33985",
            "system message (?:must|should) be (?:at the (?:beginning|start)|the first)": "System "
            "message must be at the beginning.",
            "only the first message (?:can|may) be system": "only the first message can be system",
            "'system' is not one of": (
                "messages.1.role: 'system' is not one of ['user', 'assistant']"
            ),
            r"\brole\W.{0,16}(?:should|must) be (?![^.\n]{0,80}system)[^.\n]{0,24}\buser\b": (
                "messages[1].role must be either user or assistant"
            ),
        },
    ),
    *rules(
        "text is taken only as a string",
        ({"text_parts": "plain"},),
        "musistudio/claude-code-router#1221, 0x676e67/duckai#16, moeru-ai/airi PR#1222, "
        "danny-avila/LibreChat#3111, nextcloud/integration_openai#236, vercel/ai#1754, "
        "jeffdapaz/VisualChatGPTStudio#66",
        {
            r"input should be a valid string\W+(?:\w+\.)*(?:messages|input)\.\d+\.content\b": (
                "Input error. Input should be a valid string: input.messages.0.content"
            ),
            r"\bcontent\W+(?:field |input )?(?:should|must) be (?:a |of type )?(?:valid )?string": (
                "messages.0.content: Input should be a valid string"
            ),
            r"\bcontent\W+(?:str type )?expected(?: a)?(?: string|$)": (
                "messages.0.content: Expected string, received array"
            ),
            r"expected string, received array at \S*\bcontent\b": "Invalid input: expected string, "
            "received array at messages[0].content",
            r"cannot unmarshal array into go struct field \S*\bcontent of type string": (
                "json: cannot unmarshal array into Go struct field ChatMessage.messages.content "
                "of type string"
            ),
            r"java\.lang\.string\W+from array value.{0,200}\bcontent\b": (
                "Cannot deserialize value of type `java.lang.String` from Array value (through "
                'reference chain: Req["messages"]->java.util.ArrayList[0]->Message["content"])'
            ),
            r"\b(?:messages|input)\W+\d+\W+(?:content\W+)?invalid type: sequence, expected a str": (
                "messages[0].content: invalid type: sequence, expected a string at line 1 column 9"
            ),
            r"expected string at field messages\.content": "JSON format issue: expected string at "
            "field messages.content got instead array",
            r"\bcontent'\)\W+msg\W+(?:input should be a valid string|str type expected)": (
                "[{'loc': ('body', 'messages', 0, 'content'), 'msg': 'str type expected'}]"
            ),
            r"\bcontent\W+proto field is not repeating": "invalid JSON payload: (messages[0]) "
            "content: Proto field is not repeating, cannot start list.",
        },
    ),
)
