"""The refusals that are known, and what each asks to be changed.

A table: the words, an example of them, their source, and the remedy as changes of quirks.
Hosts differ only in words; what to do about them (`healing`) asks for no host's name. Sources are
vendor pages or public threads (owner/repository#number).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec import Struct

from gwproxy.translate.hub import FailureKind
from gwproxy.translate.quirks import QuirkValue
from gwproxy.translate.wire.splice import Path

Changes: TypeAlias = Mapping[str, QuirkValue]
Steps: TypeAlias = tuple[Changes, ...]

_NOTHING: Final[Changes] = MappingProxyType({})
# What to do when the hub already sends the thing in no form: let it render what was relayed.
_REBUILD: Final[Steps] = (_NOTHING,)


class RefusalRule(Struct, frozen=True):
    """`words` of a refusal of this `kind`, and the changes that spare it: `steps` from the mildest
    on, or made of what the words capture. A step that is in force already did not help; the next
    one may. `example` is a text that has the words, `source` says whose they are. `lasting`: the
    host wants it so; else the one request was at fault. `cause` is for people."""

    cause: str
    words: re.Pattern[str]
    steps: Steps | Callable[[str], Steps]
    example: str
    source: str
    lasting: bool = True
    kind: FailureKind = FailureKind.INVALID


def _rules(
    cause: str,
    steps: Steps | Callable[[str], Steps],
    source: str,
    examples: Mapping[str, str],
    *,
    lasting: bool = True,
    kind: FailureKind = FailureKind.INVALID,
) -> Iterator[RefusalRule]:
    """One rule for each way to word the same refusal."""
    for words, example in examples.items():
        pattern = re.compile(words, re.IGNORECASE | re.DOTALL)
        yield RefusalRule(cause, pattern, steps, example, source, lasting, kind)


# --- remedies --------------------------------------------------------------------------------


def _off(*names: str) -> Steps:
    return (dict.fromkeys(names, False),)


def _steps_of_efforts(listed: str) -> Steps:
    efforts = tuple(re.findall(r"'([a-z]+)'", listed))
    return ({"efforts": efforts},) if efforts else ()


def _steps_of_number(quirk: str) -> Callable[[str], Steps]:
    return lambda number: ({quirk: int(number)},)


_MEMBERS: Final[Mapping[str, Steps]] = {
    "output_config": ({"json_schema": "prompt"},),
    "response_format": ({"json_schema": "prompt"},),
    "format": ({"json_schema": "prompt"},),
    "stop": _off("stop_sequences"),
    "stop_sequences": _off("stop_sequences"),
    "reasoning_content": ({"reasoning_in": "none"},),
    "thinking": ({"thinking_switch": "none"},),
    # Which of the two a host takes is not to be told from its name (can1357/oh-my-pi#2289).
    "max_tokens": ({"max_tokens_field": "max_completion_tokens"},),
    "max_completion_tokens": ({"max_tokens_field": "max_tokens"},),
    "n": ({"sampling": "drop"},),
}


# What may be meant inside a message: `thinking` is another thing there.
_IN_MESSAGES: Final = frozenset({"reasoning_content"})


def steps_of_member(path: Path) -> Steps:
    """What spares a refusal of the member at `path` that may not just be left out: by its innermost
    name that is known."""
    inside = path[:1] in (("messages",), ("input",))
    for step in reversed(path):
        if isinstance(step, str) and step in _MEMBERS and (not inside or step in _IN_MESSAGES):
            return _MEMBERS[step]
    return ()


# --- the table -------------------------------------------------------------------------------

_OF_THINKING: Final = (
    # What we remember of the genuine reasoning is in the request already; a space is the least
    # that hosts take (BerriAI/litellm, moonshot), and only hosts that say these words get it.
    *_rules(
        "reasoning is missing on a call",
        ({"reasoning_placeholder": " "},),
        "anomalyco/opencode#10996, QuantumNous/new-api#3121, MoonshotAI/Kimi-K2.5#13",
        {
            "reasoning_content is missing in assistant tool call": "thinking is enabled but "
            "reasoning_content is missing in assistant tool call message at index 2"
        },
    ),
    *_rules(
        "adaptive thinking is refused",
        _off("adaptive_thinking"),
        "jundot/omlx#56, anthropics/claude-code#29531",
        {
            r"'adaptive'\W+is not supported": "Only 'enabled' and 'disabled' are supported for "
            "thinking; 'adaptive' is not supported.",
            "adaptive thinking is not supported": "adaptive thinking is not supported on this "
            "model",
            "does not support the effort parameter": "This model does not support the effort "
            "parameter.",
            r"thinking\S*: input should be 'enabled' or 'disabled'": "thinking.type: Input should "
            "be 'enabled' or 'disabled'",
        },
    ),
    *_rules(
        "thinking cannot be switched off",
        ({"thinking_always": True},),
        "https://platform.kimi.ai/docs/api/models-overview",
        {
            "only type=enabled is allowed": "invalid thinking: only type=enabled is allowed for "
            "this model"
        },
    ),
    # Of the two, the hub sends one.
    *_rules(
        "thinking and effort exclude each other",
        _REBUILD,
        "HKUDS/nanobot#3939",
        {
            "cannot specify both '?thinking'? and '?reasoning_effort": "cannot specify both "
            "'thinking' and 'reasoning_effort'"
        },
    ),
    *_rules(
        "other efforts are taken",
        _steps_of_efforts,
        "liliMozi/openhanako#2092, Kilo-Org/cloud PR#3807",
        {
            "unsupported value: '[a-z_.]*effort'.*supported values are:(.*)": "Unsupported value: "
            "'reasoning_effort' does not support 'medium' with this model. Supported values are: "
            "'low', 'high', and 'max'."
        },
    ),
    *_rules(
        "a forced tool excludes thinking",
        ({"forced_tools": "no_thinking"}, {"forced_tools": "auto"}),
        "can1357/oh-my-pi#1077, can1357/oh-my-pi#341",
        {
            r"tool_choice\W+\w+\W+is incompatible with thinking": "tool_choice 'required' is "
            "incompatible with thinking enabled",
            "thinking may not be enabled when tool_choice forces": "Thinking may not be enabled "
            "when tool_choice forces tool use.",
        },
    ),
)

_OF_FIELDS: Final = (
    *_rules(
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
    # Which of them, the host does not say (Bedrock). Only relayed requests bear a client's betas.
    *_rules(
        "a beta is refused",
        _REBUILD,
        "anthropics/claude-code#11672",
        {"invalid beta flag": "invalid beta flag"},
    ),
    *_rules(
        "the user's id is refused",
        ({"user_id": "hash"}, {"user_id": "drop"}),
        "anthropics/claude-code#56643",
        {
            "invalid '?user_id": "Invalid 'user_id': string does not match pattern.",
            r"^metadata\.user_id": "metadata.user_id: should match pattern",
        },
    ),
)

_OF_CONTENT: Final = (
    *_rules(
        "instructions have the role developer",
        ({"system_role": "developer"},),
        "https://platform.openai.com/docs/guides/reasoning",
        {
            "role' does not support 'system'": "Unsupported value: 'messages[0].role' does not "
            "support 'system' with this model."
        },
    ),
    *_rules(
        "a role is refused",
        ({"system_role": "system", "mid_system": "wrap"},),
        "badlogic/pi-mono PR#8109, openclaw/openclaw#8579, farion1231/cc-switch 9d3570980",
        {
            r"role\W+(?:developer|system)\W+is not (?:allowed|supported)": "Invalid request: role "
            "'developer' is not allowed",
            "role_unspecified": "unsupported role ROLE_UNSPECIFIED",
            "role: input should be 'user' or 'assistant'": "messages.2.role: Input should be "
            "'user' or 'assistant'",
            "'developer' is not one of": "'developer' is not one of ['system', 'user']",
        },
    ),
    *_rules(
        "tool_reference is refused",
        _off("tool_references", "tool_extras"),
        "MoonshotAI/Kimi-K2#118, farion1231/cc-switch#2941",
        {
            "(?:unsupported content type|input tag).*tool_reference": "failed to convert tool "
            "result content: unsupported content type in ContentBlockParamUnion: tool_reference"
        },
    ),
    *_rules(
        "documents are refused",
        _off("documents"),
        "MoonshotAI/Kimi-K2.5#27",
        {
            "input tag 'document'": "messages.0.content.0: Input tag 'document' found using 'type' "
            "does not match any of the expected tags"
        },
    ),
    *_rules(
        "a kind of item is refused",
        _off("hosted_tools"),
        "openai/codex#45393, router-for-me/CLIProxyAPI#5647",
        {
            r"item type \W*\w+\W* is not supported": 'input.12: item type "compaction" is not '
            "supported"
        },
    ),
    *_rules(
        "a kind of block is refused",
        _REBUILD,
        "https://docs.pydantic.dev/latest/errors/validation_errors/#union_tag_invalid",
        {
            r"input tag '\w+' found using": "messages.1.content.0: Input tag 'server_tool_use' "
            "found using 'type' does not match any of the expected tags"
        },
    ),
    # Fetched here from then on.
    *_rules(
        "images by URL are refused",
        _off("image_urls"),
        "OpenHands/software-agent-sdk#3155",
        {
            "unsupported image url": "Invalid request: unsupported image url: "
            "https://example.com/x.png"
        },
    ),
    # It may be this one image, so the host is not thought blind. What a person shows just now is
    # not taken away: the refusal says why there is no answer.
    *_rules(
        "an image is refused",
        _off("old_media"),
        "MoonshotAI/kimi-code#2362",
        {
            "unsupported image": "Unsupported image. Please try another one.",
            "does(?: not|n't) support (?:image|vision)": "This model does not support image input",
            "image(?: input|_url|s)? (?:is|are) not supported": "image input is not supported",
            "invalid part type: (?:image|video)_url": "Invalid part type: image_url",
        },
        lasting=False,
    ),
    # A body of more than 100 MB, mostly screenshots.
    *_rules(
        "the request is too large",
        _off("old_media"),
        "MoonshotAI/kimi-cli#1222",
        {"": "Request Entity Too Large"},
        lasting=False,
        kind=FailureKind.TOO_LARGE,
    ),
    # Made by another model, or by nobody.
    *_rules(
        "a thinking block is refused",
        ({"reasoning_in": "none"},),
        "farion1231/cc-switch, thinking rectifier",
        {
            r"invalid\W+signature\W+in\W+thinking": "messages.1.content.0: Invalid `signature` in "
            "`thinking` block",
            "signature: field required": "messages.1.content.0.thinking.signature: Field required",
            "must start with a thinking block": "a final `assistant` message must start with a "
            "thinking block",
            r"expected\W+thinking\W+.*but found": "messages.1.content.0.type: Expected `thinking` "
            "or `redacted_thinking`, but found `tool_use`",
        },
        lasting=False,
    ),
    # The hub sends no such history.
    *_rules(
        "the history is out of order",
        _REBUILD,
        "MoonshotAI/kimi-code#1985, MoonshotAI/kimi-code#1292, lidge-jun/opencodex#4726, "
        "openclaw/openclaw PR#43867, moeru-ai/airi#1768",
        {
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

_OF_TOOLS: Final = (
    *_rules(
        "a tool's schema is refused",
        ({"schema": "moonshot"}, {"schema": "moonshot_plain"}, {"schema": "words"}),
        "https://github.com/MoonshotAI/walle",
        {
            "moonshot flavored json schema": "Invalid request: it is not a valid moonshot flavored "
            "json schema, details: <At path 'properties.a': type is not defined>",
            r"tools\.function\.parameters": "Invalid request: tools.function.parameters is not "
            "valid",
        },
    ),
    *_rules(
        "a tool's name is refused",
        ({"tool_names": "letter_first"},),
        "MoonshotAI/kimi-cli#1773",
        {
            "function name is invalid": "Invalid request: function name is invalid, must start "
            "with a letter"
        },
    ),
    *_rules(
        "too many tools",
        _steps_of_number("max_tools"),
        "https://platform.kimi.ai/docs/api/chat",
        {
            r"number of tools must not exceed (\d+)": "Invalid request: the number of tools must "
            "not exceed 128"
        },
    ),
    *_rules(
        "too many stop sequences",
        _steps_of_number("max_stops"),
        "https://platform.kimi.ai/docs/api/chat",
        {r"stop must have at most (\d+)": "Invalid request: stop must have at most 5 items"},
    ),
    *_rules(
        "a stop sequence is too long",
        _steps_of_number("max_stop_bytes"),
        "https://platform.kimi.ai/docs/api/chat",
        {r"stop must not exceed (\d+) bytes": "Invalid request: stop must not exceed 32 bytes"},
    ),
)

# Any content that Kimi Code does not know. All that is known to cause it is left out at once.
_UNNAMED: Final = _rules(
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
    *_OF_THINKING,
    *_OF_FIELDS,
    *_OF_CONTENT,
    *_OF_TOOLS,
    *_UNNAMED,
)
