"""The table of known refusals, and the quirk changes that avoid each.

Each row has the words, an example of them, their source, and the remedy. Hosts differ only in
words; what to do about them (`healing`) asks for no host's name. Sources are vendor pages or public
threads (owner/repository#number).
"""

from __future__ import annotations

from typing import Final

from gwproxy.translate.errors.refused_efforts import EFFORTS
from gwproxy.translate.errors.refused_formats import FORMATS
from gwproxy.translate.errors.refused_kinds import FUNCTIONS_ONLY, IN_OUTPUTS, KINDS_OF_ITEMS
from gwproxy.translate.errors.refused_settings import OF_LIMITS, OF_THINKING_MODES
from gwproxy.translate.errors.refused_spelling import OF_SPELLING
from gwproxy.translate.errors.remedies import (
    REBUILD,
    off,
    steps_of_number,
)
from gwproxy.translate.errors.rules import RefusalRule, rules
from gwproxy.translate.hub import FailureKind

# --- the table -------------------------------------------------------------------------------

_OF_THINKING: Final = (
    # What we remember of the genuine reasoning is in the request already; a space is the least
    # that hosts take (BerriAI/litellm, moonshot), and only hosts that say these words get it.
    *rules(
        "reasoning is missing on a call",
        ({"reasoning_placeholder": " "},),
        "anomalyco/opencode#10996, QuantumNous/new-api#3121, MoonshotAI/Kimi-K2.5#13",
        {
            r"reasoning_content\W+is (?:missing|required)": (
                "thinking is enabled but reasoning_content is missing in assistant tool call "
                "message at index 2"
            ),
            r"(?:missing|must (?:include|have|contain))\W+(?:the )?reasoning_content": "Missing "
            "`reasoning_content` field in the assistant message at message index 2.",
            r"`?reasoning_content`? in the thinking mode must be passed back": "The "
            "`reasoning_content` in the thinking mode must be passed back to the API.",
        },
    ),
    # Of a call that Gemini has not made it takes these words instead.
    *rules(
        "a thought signature is missing on a call",
        ({"call_signature": "skip_thought_signature_validator"},),
        "https://ai.google.dev/gemini-api/docs/thought-signatures, Gitlawb/openclaude#67",
        {
            "missing a `?thought_?signature": "Function call is missing a thought_signature in "
            "functionCall parts. This is required for tools to work correctly"
        },
    ),
    # The thoughts of a loop that was begun without any, or elsewhere, cannot come back: of that
    # loop's requests alone, thinking is switched off.
    *rules(
        "thinking is missing on a call",
        ({"signed_thinking": True},),
        "openclaw/openclaw#71998, TencentCloud/TencentDB-Agent-Memory#990, SuperJJ007/CSSwitch#73",
        {
            r"thinking`? in the thinking mode must be passed back": "The `content[].thinking` in "
            "the thinking mode must be passed back to the API.",
            r"expected\W+thinking\W+.*but found": "messages.1.content.0.type: Expected `thinking` "
            "or `redacted_thinking`, but found `tool_use`",
            "must start with a thinking block": "a final `assistant` message must start with a "
            "thinking block",
        },
        lasting=False,
    ),
    *OF_THINKING_MODES,
    *EFFORTS,
)

_OF_FIELDS: Final = (
    *OF_LIMITS,
    # Which of them, the host does not say (Bedrock). Only relayed requests bear a client's betas.
    *rules(
        "a beta is refused",
        REBUILD,
        "anthropics/claude-code#11672",
        {"invalid beta flag": "invalid beta flag"},
    ),
    *rules(
        "the user's id is refused",
        ({"user_id": "hash"}, {"user_id": "drop"}),
        "anthropics/claude-code#56643",
        {
            "invalid '?user_id": "Invalid 'user_id': string does not match pattern.",
            r"^metadata\.user_id": "metadata.user_id: should match pattern",
        },
        omits=("metadata.user_id",),
    ),
)

_OF_CONTENT: Final = (
    *OF_SPELLING,
    *rules(
        "tool_reference is refused",
        off("tool_references") + off("tool_references", "tool_extras"),
        "MoonshotAI/Kimi-K2#118, farion1231/cc-switch#2941",
        {
            "(?:unsupported content type|input tag).*tool_reference": "failed to convert tool "
            "result content: unsupported content type in ContentBlockParamUnion: tool_reference"
        },
    ),
    *IN_OUTPUTS,
    *rules(
        "documents are refused",
        off("documents"),
        "MoonshotAI/Kimi-K2.5#27, farion1231/cc-switch#1519",
        {
            "(?:invalid value: |unknown variant )`(?:document|file)`, (?:supported|expected)": (
                "The parameter `messages.content.type` specified in the request are not valid: "
                "invalid value: `document`, supported values are: `text`, `thinking`, `image`, "
                "'tool_use' and `tool_result`."
            ),
            "input tag 'document'": "messages.0.content.0: Input tag 'document' found using 'type' "
            "does not match any of the expected tags",
        },
    ),
    # Fetched here from then on.
    *rules(
        "images by URL are refused",
        off("image_urls"),
        "OpenHands/software-agent-sdk#3155",
        {
            "unsupported image url": "Invalid request: unsupported image url: "
            "https://example.com/x.png"
        },
    ),
    # It may be this one image, so the host is not thought blind. What a person shows just now is
    # not taken away: the refusal says why there is no answer.
    *rules(
        "an image is refused",
        off("old_media"),
        "MoonshotAI/kimi-code#2362",
        {
            "unsupported image": "Unsupported image. Please try another one.",
            "does(?: not|n't) support (?:image|vision)": "This model does not support image input",
            "image(?: input|_url|s)? (?:is|are) (?:not supported|only supported by)": (
                "Invalid content type. image_url is only supported by certain models."
            ),
            r"unknown variant .image(?:_url)?\W|input tag 'image(?:_url)?'": (
                "messages[0].content[1]: unknown variant `image_url`, expected `text`"
            ),
            "at most 0 image|not (?:a )?multimodal": "At most 0 image(s) may be provided in one "
            "request.",
            "invalid part type: (?:image|video)_url": "Invalid part type: image_url",
        },
        lasting=False,
    ),
    # A body of more than 100 MB, mostly screenshots.
    *rules(
        "the request is too large",
        off("old_media"),
        "MoonshotAI/kimi-cli#1222",
        {"": "Request Entity Too Large"},
        lasting=False,
        kind=FailureKind.TOO_LARGE,
    ),
    # Made by another model, or a client's copy of the words (OpenCode, OpenClaw in their OpenAI
    # mode): what bears a signature of the host's own is kept, if that is enough.
    *rules(
        "a thinking block is refused",
        ({"signed_thinking": True}, {"reasoning_in": "none"}),
        "farion1231/cc-switch, thinking rectifier; mistralai/mistral-vibe#965",
        {
            r"thinking`? blocks\b.{0,80}cannot be modified": "messages.1.content.0: `thinking` or "
            "`redacted_thinking` blocks in the latest assistant message cannot be modified.",
            r"thinking\b.{0,12}\bsignature\W.{0,20}(?:invalid|failed)": "thinking block signature "
            "verification failed",
            r"invalid\W+signature\W+in\W+thinking": "messages.1.content.0: Invalid `signature` in "
            "`thinking` block",
            "signature: field required": "messages.1.content.0.thinking.signature: Field required",
        },
        lasting=("signed_thinking",),
        relayed=1,
    ),
    # OpenAI's models that do not reason.
    *rules(
        "sealed reasoning is not given",
        REBUILD,
        "OpenHands/OpenHands#11406, NousResearch/hermes-agent PR#24234",
        {
            "encrypted content is not supported": "Encrypted content is not supported with this "
            "model."
        },
        omits=("include",),
    ),
    # Another account's, since nobody else can read it: all goes, for which it was is not said.
    *rules(
        "sealed reasoning cannot be read",
        REBUILD,
        "Wei-Shaw/sub2api#4986, can1357/oh-my-pi#11928, QwenLM/qwen-code PR#11596, "
        "experientiallabs/experiential PR#965",
        {
            r"encrypted[ _]content\b.{0,80}?\b(?:could not be|was not issued)": "The encrypted "
            "content gAAA...xyz= could not be verified. Reason: Encrypted content could not be "
            "decrypted or parsed.",
        },
        lasting=False,
        omits=("input[type=reasoning]",),
    ),
    # The hub sends no such history.
    *rules(
        "the history is out of order",
        REBUILD,
        "MoonshotAI/kimi-code#1985, MoonshotAI/kimi-code#1292, lidge-jun/opencodex#4726, "
        "openclaw/openclaw PR#43867, moeru-ai/airi#1768",
        {
            "roles must alternate": 'messages: roles must alternate between "user" and "assistant"',
            "must not be empty": "Invalid request: the message at position 3 with role "
            "'assistant' must not be empty",
            "must decode to a json object": "function arguments must decode to a JSON object",
            "tokenization failed": "tokenization failed",
            "text content (?:is empty|blocks must be non-empty)": "messages: text content blocks "
            "must be non-empty",
            r"tool_call_id\s+is not found": "Invalid request: tool_call_id is not found",
            "must be followed by tool messages": "An assistant message with 'tool_calls' must be "
            "followed by tool messages responding to each 'tool_call_id'.",
            "without `?tool_result`? blocks immediately after": "`tool_use` ids were found without "
            "`tool_result` blocks immediately after: call_1",
            "unexpected `?tool_use_id`? found": "unexpected `tool_use_id` found in `tool_result` "
            "blocks: call_1",
        },
        lasting=False,
    ),
)

# Whoever keeps no responses is asked again with the whole conversation, out of our own memory. One
# that is only not there may have been deleted by another program.
_OF_MEMORY: Final = (
    *rules(
        "responses are not kept",
        off("keeps_responses"),
        "ENTERPILOT/GoModel PR#916, Wei-Shaw/sub2api PR#6463",
        {
            r"store ?= ?true\W+is not supported": "Invalid request: store=true is not supported",
            r"previous_?response(?:_id)?\W+(?:is|are) (?:not|un)": "Invalid request: "
            "previous_response_id is not supported",
            "previous response cannot be used": "Previous response cannot be used for this "
            "organization due to Zero Data Retention.",
        },
    ),
    *(
        rule
        for kind in (FailureKind.INVALID, FailureKind.NOT_FOUND)
        for rule in rules(
            "an earlier response is not there",
            off("keeps_responses"),
            "vllm-project/vllm (serving of responses), https://platform.openai.com/docs/guides/"
            "conversation-state",
            {
                r"\bresponse with id \W?[\w-]+\W? not found": "Previous response with id 'resp_1' "
                "not found.",
                r"\bitem with id \W?[\w-]+\W? not found": "Item with id 'rs_1' not found. Items "
                "are not persisted when `store` is set to false.",
            },
            lasting=False,
            kind=kind,
        )
    ),
)

_OF_TOOLS: Final = (
    *rules(
        "deferred tools are refused",
        off("tool_extras", "tool_references"),
        "anthropics/claude-code#89211",
        {
            "deferred (?:custom )?tools are (?:only|not) supported": "Deferred custom tools are "
            "only supported on Anthropic models and on Anthropic-compatible provider endpoints "
            "that implement deferral."
        },
        omits=("tools[].defer_loading",),
    ),
    *rules(
        "a tool's schema is refused",
        ({"schema": "moonshot"}, {"schema": "moonshot_plain"}, {"schema": "words"}),
        "https://github.com/MoonshotAI/walle",
        {
            "moonshot flavored json schema": "Invalid request: it is not a valid moonshot flavored "
            "json schema, details: <At path 'properties.a': type is not defined>",
            r"tools\S*\.function\.parameters|function_declarations\[\d+\]\.parameters": "Invalid "
            "request: tools.function.parameters is not valid",
        },
    ),
    # One schema is at fault; others are taken. The hub sends no root of alternatives.
    *rules(
        "one tool's schema is refused",
        ({"schema": "moonshot"}, {"schema": "moonshot_plain"}, {"schema": "words"}),
        "https://platform.openai.com/docs/guides/function-calling",
        {
            "invalid schema for function": "Invalid schema for function 'ls': In context=(), "
            "'additionalProperties' is required to be supplied and to be false."
        },
        lasting=False,
    ),
    *rules(
        "one tool's schema is refused",
        REBUILD,
        "https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use",
        {
            r"\binput_schema\W.{0,24}(?:is invalid|does not support)": "tools.3.input_schema: "
            "input_schema does not support oneOf, allOf, or anyOf at the top level"
        },
        lasting=False,
    ),
    *rules(
        "a tool's name is refused",
        ({"tool_names": "letter_first"},),
        "MoonshotAI/kimi-cli#1773",
        {
            "function name is invalid": "Invalid request: function name is invalid, must start "
            "with a letter"
        },
    ),
    *rules(
        "too many tools",
        steps_of_number("max_tools"),
        "https://platform.kimi.ai/docs/api/chat",
        {
            r"number of tools must not exceed (\d+)": "Invalid request: the number of tools must "
            "not exceed 128",
            r"'tools': array too long\. expected an array with maximum length (\d+)": "Invalid "
            "'tools': array too long. Expected an array with maximum length 128, but got 150.",
            r"\btools: list should have at most (\d+) items": "tools: List should have at most 64 "
            "items after validation, not 100",
            r"too many tools: \d+ > (\d+)": "Too many tools: 150 > 128",
        },
    ),
    *rules(
        "too many stop sequences",
        steps_of_number("max_stops"),
        "https://platform.kimi.ai/docs/api/chat",
        {
            r"stop must have at most (\d+)": "Invalid request: stop must have at most 5 items",
            r"'stop': array too long\. expected an array with maximum length (\d+)": (
                "Invalid 'stop': array too long. Expected an array with maximum length 4, but got "
                "5."
            ),
            r"\bstop: list should have at most (\d+) items": (
                "stop: List should have at most 4 items"
            ),
        },
    ),
    *rules(
        "a stop sequence is too long",
        steps_of_number("max_stop_bytes"),
        "https://platform.kimi.ai/docs/api/chat",
        {r"stop must not exceed (\d+) bytes": "Invalid request: stop must not exceed 32 bytes"},
    ),
)

# Any content that Kimi Code does not know. All that is known to cause it is left out at once.
_UNNAMED: Final = rules(
    "something unnamed is refused",
    (
        {
            "tool_references": False,
            "tool_extras": False,
            "documents": False,
            "hosted_tools": False,
            "adaptive_thinking": False,
            "mid_system": "wrap",
        },
    ),
    "farion1231/cc-switch#2941, EYHN/kwwk#142, MoonshotAI/kimi-code#2378",
    {r"^invalid request error\.?$": "Invalid request Error"},
)

# The first that knows a remedy is believed.
REFUSAL_RULES: Final[tuple[RefusalRule, ...]] = (
    *FUNCTIONS_ONLY,
    *_OF_MEMORY,
    *_OF_THINKING,
    *_OF_FIELDS,
    *_OF_CONTENT,
    *KINDS_OF_ITEMS,
    *_OF_TOOLS,
    *FORMATS,
    *_UNNAMED,
)
