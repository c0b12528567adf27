"""Which members of a request a refusal names, read by the grammar of the validator that wrote it.

Hosts differ in their sentences; the parsers and validators behind them are few, and each has one
way to say what it refuses, and where. A table: a form, an example of it with what it names, and its
source. A form is read at the beginning of a complaint and nowhere else: a moderation's words may
quote anything, also a prompt that talks of refusals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from gwproxy.translate.errors.reports import PATH, complaints_in
from gwproxy.translate.wire import jsonio
from gwproxy.translate.wire.jsonio import NotJson
from gwproxy.translate.wire.splice import Path


class RefusedPath(Struct, frozen=True):
    """A refused member: its path as the host writes it (validators put names of variants between
    the steps), and the `value` that is refused, where it is named. With `header` it is one value of
    that header."""

    path: Path
    value: str | None = None
    header: str = ""


class RefusalGrammar(Struct, frozen=True):
    """One row: `form` matches a complaint; its groups are `path`, or `at` with `names` below it,
    and `value`, `header`. `example` is one that names `named`, `writer` is whose grammar it is."""

    writer: str
    form: re.Pattern[str]
    example: str
    named: tuple[RefusedPath, ...]
    source: str


class RefusalReading(Struct, frozen=True):
    """The members that a refusal names, and whose grammar was read."""

    writer: str
    named: tuple[RefusedPath, ...]


_QUOTE: Final = r"[`'\"]"
# `{path}`, `{at}`, `{value}` and `{names}` in a form.
_PARTS: Final = {
    "{path}": rf"{_QUOTE}?(?P<path>{PATH}){_QUOTE}?",
    "{at}": rf"{_QUOTE}?(?P<at>{PATH}){_QUOTE}?",
    "{pointer}": r"#?(?P<at>(?:/[\w$-]+)*)",
    "{value}": rf"{_QUOTE}?(?P<value>[\w.:-]+){_QUOTE}?",
    "{names}": r"(?P<names>[`'\"]?[\w$-]+[`'\"]?(?:(?:, | and )[`'\"]?[\w$-]+[`'\"]?)*)",
    "{keys}": r"\[(?P<names>[\w$-]+)\]",
}


def _grammar(
    writer: str, form: str, example: str, named: RefusedPath | tuple[RefusedPath, ...], source: str
) -> RefusalGrammar:
    for part, pattern in _PARTS.items():
        form = form.replace(part, pattern)
    listed = named if isinstance(named, tuple) else (named,)
    return RefusalGrammar(writer, re.compile(form, re.IGNORECASE), example, listed, source)


_PYDANTIC: Final = "https://docs.pydantic.dev/latest/errors/validation_errors/"
_SERDE: Final = "https://docs.rs/serde/latest/serde/de/trait.Error.html"

GRAMMARS: Final[tuple[RefusalGrammar, ...]] = (
    # FastAPI's 422 is a list; `complaints` writes it as pydantic would, under `body`.
    _grammar(
        "FastAPI",
        r"body\.{path}: (?:Extra inputs are|extra fields) not permitted",
        "body.messages.31.assistant.reasoning_content: Extra inputs are not permitted",
        RefusedPath(("messages", 31, "assistant", "reasoning_content")),
        "https://fastapi.tiangolo.com/tutorial/handling-errors/, charmbracelet/crush#1590",
    ),
    _grammar(
        "pydantic",
        r"{path}: (?:Extra inputs are|extra fields) not permitted",
        "system.0.cache_control.ephemeral.scope: Extra inputs are not permitted",
        RefusedPath(("system", 0, "cache_control", "ephemeral", "scope")),
        f"{_PYDANTIC}#extra_forbidden, horselock/claude-code-proxy#14",
    ),
    _grammar(
        "pydantic",
        r"Extra inputs are not permitted, field: {path}",
        "Extra inputs are not permitted, field: 'client_metadata', value: {}",
        RefusedPath(("client_metadata",)),
        "decolua/9router#1442",
    ),
    _grammar(
        "pydantic",
        r"{path}: Input tag '(?P<value>[\w.-]+)' found using",
        "tools.1: Input tag 'advisor_20260301' found using 'type' does not match any of the "
        "expected tags: 'custom', 'web_search_20250305'",
        RefusedPath(("tools", 1), "advisor_20260301"),
        f"{_PYDANTIC}#union_tag_invalid, MoonshotAI/Kimi-K2.5#27",
    ),
    _grammar(
        "pydantic",
        r"{path}: Input should be '",
        "messages.3.content.1.image_url.detail: Input should be 'auto', 'low' or 'high'",
        RefusedPath(("messages", 3, "content", 1, "image_url", "detail")),
        f"{_PYDANTIC}#literal_error",
    ),
    _grammar(
        "serde",
        r"{path}: unknown variant {value}, expected",
        "tools[1]: unknown variant `advisor_20260301`, expected `web_search_20250305` or "
        "`web_search_20260209` at line 1 column 143873",
        RefusedPath(("tools", 1), "advisor_20260301"),
        f"{_SERDE}#method.unknown_variant, SaladDay/cc-switch-cli#468",
    ),
    _grammar(
        "serde",
        r"(?:{at}: )?unknown field {names}, (?:expected|there are no fields)",
        "tools[0]: unknown field `strict`, expected one of `name`, `description`, `input_schema`",
        RefusedPath(("tools", 0, "strict")),
        f"{_SERDE}#method.unknown_field",
    ),
    _grammar(
        "a discriminated union",
        r"{path}: unknown discriminator value: {value}",
        "tools[0]: unknown discriminator value: custom",
        RefusedPath(("tools", 0), "custom"),
        "duolahypercho/codex-router#450",
    ),
    _grammar(
        "Go",
        r"(?:json|proto): (?:\(line \d+:\d+\): )?unknown field \"(?P<path>[\w.-]+)\"",
        'proto: (line 1:12): unknown field "context_management"',
        RefusedPath(("context_management",)),
        "https://pkg.go.dev/encoding/json#Decoder.DisallowUnknownFields, "
        "https://pkg.go.dev/google.golang.org/protobuf/encoding/protojson#UnmarshalOptions",
    ),
    _grammar(
        ".NET",
        r"The JSON property {path} could not be mapped to any \.NET member",
        "The JSON property 'context_management' could not be mapped to any .NET member contained "
        "in type 'Request'.",
        RefusedPath(("context_management",)),
        "https://learn.microsoft.com/dotnet/standard/serialization/system-text-json/"
        "missing-members",
    ),
    _grammar(
        "Python",
        r"(?:[\w.]+\(\) got an )?unexpected keyword argument {path}",
        "AsyncCompletions.create() got an unexpected keyword argument 'store'",
        RefusedPath(("store",)),
        "https://docs.python.org/3/tutorial/controlflow.html#keyword-arguments",
    ),
    _grammar(
        "Rails",
        r"found unpermitted parameters?: (?P<names>:\w+(?:, :\w+)*)",
        "found unpermitted parameters: :store, :metadata",
        (RefusedPath(("store",)), RefusedPath(("metadata",))),
        "https://api.rubyonrails.org/classes/ActionController/UnpermittedParameters.html",
    ),
    _grammar(
        "Jackson",
        r"Unrecognized field \"(?P<path>[\w.-]+)\" \(class ",
        'Unrecognized field "tool_calls" (class host.ChatMessage), not marked as ignorable',
        RefusedPath(("tool_calls",)),
        "JiRaska/open-bank-oss PR#6256",
    ),
    _grammar(
        "zod",
        r"Unrecognized key(?:s|\(s\))?(?: in object)?: {names}(?: at {at})?",
        "Unrecognized key(s) in object: 'strict', 'defer_loading' at \"tools[0]\"",
        (RefusedPath(("tools", 0, "strict")), RefusedPath(("tools", 0, "defer_loading"))),
        "https://zod.dev/error-formatting",
    ),
    _grammar(
        "zod",
        r"{path}: Invalid (?:enum|discriminator) value\. Expected [^,]*, received {value}",
        "tools[1].type: Invalid enum value. Expected 'custom' | 'web_search_20250305', received "
        "'advisor_20260301'",
        RefusedPath(("tools", 1, "type"), "advisor_20260301"),
        "https://zod.dev/error-formatting",
    ),
    _grammar(
        "OpenAI",
        r"(?:unknown|unsupported|unrecognized) parameters?: {path}",
        "Unsupported parameter: metadata",
        RefusedPath(("metadata",)),
        "https://platform.openai.com/docs/guides/error-codes, tiylabs/tiygate#52",
    ),
    _grammar(
        "OpenAI",
        r"(?:invalid|unexpected) (?:parameter|argument|field|property)s?:? {path}\.?\s*$",
        "Invalid parameter: store",
        RefusedPath(("store",)),
        "https://platform.openai.com/docs/guides/error-codes",
    ),
    _grammar(
        "xAI",
        r"Argument not supported(?: on this model)?: {path}\.?\s*$",
        "Argument not supported on this model: presencePenalty",
        RefusedPath(("presencePenalty",)),
        "https://docs.x.ai/docs/api-reference",
    ),
    _grammar(
        "OpenAI",
        r"Unrecognized request arguments? supplied: {names}",
        "Unrecognized request arguments supplied: prompt_cache_key, store",
        (RefusedPath(("prompt_cache_key",)), RefusedPath(("store",))),
        "zed-industries/zed#52000",
    ),
    _grammar(
        "OpenAI",
        r"Unsupported value: {path} does not support {value}",
        "Unsupported value: 'messages[0].content[1].image_url.detail' does not support 'original' "
        "with this model.",
        RefusedPath(("messages", 0, "content", 1, "image_url", "detail"), "original"),
        "https://platform.openai.com/docs/guides/error-codes, liliMozi/openhanako#2092",
    ),
    _grammar(
        "JSON Schema",
        r"Additional properties are not allowed \({names} (?:was|were) unexpected\)(?: - {at})?",
        "Additional properties are not allowed ('parsed', 'refusal' were unexpected) - "
        "'messages.2'",
        (RefusedPath(("messages", 2, "parsed")), RefusedPath(("messages", 2, "refusal"))),
        "openai/openai-node#1161",
    ),
    _grammar(
        "JSON Schema",
        r"{at}: Additional properties are not allowed \({names} (?:was|were) unexpected\)",
        "tools.0: Additional properties are not allowed ('strict' was unexpected)",
        RefusedPath(("tools", 0, "strict")),
        "https://python-jsonschema.readthedocs.io/en/stable/errors/",
    ),
    _grammar(
        "Zhipu",
        "(?:不支持的?|未知的?)参数[:： ]*{path}",
        "不支持的参数: context_management",
        RefusedPath(("context_management",)),
        "https://docs.bigmodel.cn/cn/api/api-code (1210)",
    ),
    _grammar(
        "class-validator",
        r"property {path} should not exist",
        "property context_management should not exist",
        RefusedPath(("context_management",)),
        "https://github.com/typestack/class-validator#whitelisting",
    ),
    _grammar(
        "DashScope",
        r"{path}: invalid value:? {value}, supported values are",
        "messages[3].content[1].image_url.detail: invalid value 'original', supported values are: "
        "'low', 'high', 'auto'",
        RefusedPath(("messages", 3, "content", 1, "image_url", "detail"), "original"),
        "https://help.aliyun.com/zh/model-studio/error-code",
    ),
    _grammar(
        "Ark",
        r"The parameter {path} specified in the request (?:is|are) not valid: "
        r"invalid value: {value}, supported values are",
        "The parameter `messages.content.type` specified in the request are not valid: invalid "
        "value: `document`, supported values are: `text`, `image` and `tool_result`.",
        RefusedPath(("messages", "content", "type"), "document"),
        "farion1231/cc-switch#1519",
    ),
    _grammar(
        "Gemini",
        r"Invalid JSON payload received\. Unknown name {names}(?: at {at})?: Cannot find field",
        "Invalid JSON payload received. Unknown name \"strict\" at 'tools[0]': Cannot find field.\n"
        'Invalid JSON payload received. Unknown name "store": Cannot find field.',
        (RefusedPath(("tools", 0, "strict")), RefusedPath(("store",))),
        "liliMozi/openhanako#394, MinLL/SkyrimNet-GamePlugin#77",
    ),
    _grammar(
        "Bedrock",
        r"Malformed input request: (?:{pointer}: )?extraneous key {keys} is not permitted",
        "Malformed input request: #/tools/0: extraneous key [strict] is not permitted#: extraneous "
        "key [context_management] is not permitted, please reformat your input and try again.",
        (RefusedPath(("tools", 0, "strict")), RefusedPath(("context_management",))),
        "crmne/ruby_llm#586, BerriAI/litellm#9106",
    ),
    _grammar(
        "Groq",
        r"(?:for 'role:\w+' the following must be satisfied\[\()?{at} : property {names} is "
        "unsupported",
        "'messages.0' : for 'role:user' the following must be satisfied[('messages.0' : property "
        "'cache_control' is unsupported)]",
        RefusedPath(("messages", 0, "cache_control")),
        "https://console.groq.com/docs/errors",
    ),
    _grammar(
        "Groq",
        r"property {path} is unsupported",
        "property 'reasoning' is unsupported",
        RefusedPath(("reasoning",)),
        "https://console.groq.com/docs/errors",
    ),
    _grammar(
        "Anthropic",
        r"Unexpected value\(s\) (?P<names>`[\w.-]+`(?:,? (?:and )?`[\w.-]+`)*) for the "
        r"`(?P<header>[\w-]+)` header",
        "Unexpected value(s) `effort-2025-11-24`, `x-2026-01-01` for the `anthropic-beta` header.",
        (
            RefusedPath((), "effort-2025-11-24", "anthropic-beta"),
            RefusedPath((), "x-2026-01-01", "anthropic-beta"),
        ),
        "anthropics/claude-code#11672, #21625, #53855",
    ),
)

_NAME: Final = re.compile(r"[\w$.-]+")
_STEP: Final = re.compile(r"[^.\[\]/]+")
_BARE_VALUE: Final = re.compile(
    rf"invalid value:? {_QUOTE}(?P<value>[\w.:-]+){_QUOTE}[.,]? supported values are", re.IGNORECASE
)
_BARE_NAME: Final = re.compile(
    r"(?:unknown|unsupported|unrecogni[sz]ed|unexpected) (?:request )?(?:parameter|argument|field)"
    r"s?\.?",
    re.IGNORECASE,
)
_MOST_NAMED: Final = 64
_REFUSES: Final = re.compile(
    r"not (?:supported|allowed|permitted|recogni[sz]ed|accepted|available|expected|implemented)"
    r"|unsupported|unknown|unrecogni[sz]ed|unexpected|unavailable|(?:does|do)(?: not|n't) support"
    r"|prohibited|forbidden|could not find|cannot find|no field|不支持|不允许|未知|无效",
    re.IGNORECASE,
)
# Who refuses what was said, or who pays for it, may speak of anything.
_OF_CONTENT: Final = re.compile(
    r"\b(?:polic\w+|moderat\w+|flagged|safety|unsafe|risk|sensitive|prompt|quot\w+|plan|guardrail"
    r"|message|read\w*|declined|permit discussion|injection|terms|violat\w+|tokens?)\b",
    re.IGNORECASE,
)
# A word of two, a path; a word of one only where it is quoted, or stands where a name would.
_IDENTIFIER: Final = re.compile(
    r"(?<![\w/.])[a-z]+(?:_[a-z]+)+(?:\.[a-z_]+)*(?![\w/(])"
    r"|(?<![\w/.])[a-z_]+(?:\[\d+\]|\.\d+)(?:\.[a-z_]+)+"
    r"|(?<=[`'\"])[a-z]+(?:\.[a-z]+)*(?=[`'\"])"
    r"|(?<=: )[a-z]+(?=\.?$)|(?<=support )[a-z]+(?=\.?$)"
    r"|(?<=parameter )[a-z]+(?= specified)|(?<=[Tt]he )[a-z]+(?= field )"
    r"|^[a-z]+(?= (?:is|are) not )|(?<=参数 )[a-z]+",
    re.ASCII,
)
_LONGEST_MENTION: Final = 200


def read(message: str, param: str | None = None) -> RefusalReading | None:
    """The members that `message` names, None where no grammar reads it. `param` is the path that a
    host gives beside the message."""
    text = message.strip()
    if (issues := _issues(text)) is not None:
        return issues
    writer = ""
    named: list[RefusedPath] = []
    for complaint in complaints_in(text):
        found = _form_of(complaint) or _bare_value(complaint, param)
        if found is None:
            break  # what follows is prose, and prose may quote
        writer = writer or found.writer
        named += [one for one in found.named if one not in named]
        if len(named) >= _MOST_NAMED:
            break
    return RefusalReading(writer, tuple(named)) if named else None


def _form_of(complaint: str) -> RefusalReading | None:
    for grammar in GRAMMARS:
        match = grammar.form.match(complaint)
        if match is not None:
            return RefusalReading(grammar.writer, tuple(_named(match)))
    return None


def _named(match: re.Match[str]) -> Iterator[RefusedPath]:
    groups = match.groupdict()
    if header := groups.get("header"):
        for value in _NAME.findall(groups["names"].replace(" and ", " ")):
            yield RefusedPath((), value, header.lower())
    elif path := groups.get("path"):
        yield RefusedPath(_steps(path), groups.get("value"))
    else:
        above = _steps(groups.get("at") or "")
        for name in _NAME.findall(groups["names"].replace(" and ", " ")):
            yield RefusedPath((*above, name))


def _bare_value(complaint: str, param: str | None) -> RefusalReading | None:
    """The refused value of OpenAI's `Invalid value: 'original'. Supported values are: …`, whose
    path is in `param` (https://platform.openai.com/docs/guides/error-codes)."""
    if not param or re.fullmatch(PATH, param) is None:
        return None
    if _BARE_NAME.fullmatch(complaint):
        return RefusalReading("OpenAI", (RefusedPath(_steps(param)),))
    match = _BARE_VALUE.match(complaint)
    return match and RefusalReading("OpenAI", (RefusedPath(_steps(param), match["value"]),))


def _steps(path: str) -> Path:
    steps = [int(step) if step.isdigit() else step for step in _STEP.findall(path)]
    return tuple(steps[1:] if steps[:1] in (["body"], ["root"]) else steps)


def _issues(text: str) -> RefusalReading | None:
    """The members in zod's and Ajv's own lists of issues, which servers send on as JSON messages
    (https://zod.dev/error-formatting, https://ajv.js.org/api.html#error-objects)."""
    if not text.startswith("[") or not ('"path"' in text or '"instancePath"' in text):
        return None
    try:
        issues = jsonio.loads(text)
    except NotJson:
        return None
    named = tuple(one for issue in issues if isinstance(issue, dict) for one in _of_issue(issue))
    writer = "zod" if '"path"' in text else "Ajv"
    return RefusalReading(writer, named[:_MOST_NAMED]) if named else None


def _of_issue(issue: Mapping[str, object]) -> Iterator[RefusedPath]:
    pointer, params = issue.get("instancePath"), issue.get("params")
    if isinstance(pointer, str) and isinstance(params, dict):
        extra = params.get("additionalProperty")
        if isinstance(extra, str):
            yield RefusedPath((*_steps(pointer), extra))
        return
    steps, keys = issue.get("path"), issue.get("keys")
    if not isinstance(steps, list):
        return
    path = tuple(step for step in steps if isinstance(step, str | int))
    if issue.get("code") == "unrecognized_keys" and isinstance(keys, list):
        yield from (RefusedPath((*path, key)) for key in keys if isinstance(key, str))
    elif issue.get("code") in ("invalid_enum_value", "invalid_value"):
        received = issue.get("received")
        yield RefusedPath(path, received if isinstance(received, str) else None)


def mentioned(message: str) -> tuple[str, ...]:
    """The members that a short refusal mentions without any grammar; leaving one out may be
    tried."""
    if len(message) > _LONGEST_MENTION or _OF_CONTENT.search(message):
        return ()
    if not _REFUSES.search(message):
        return ()
    return tuple(dict.fromkeys(_IDENTIFIER.findall(message)))
