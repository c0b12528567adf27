"""Which documented refusal means that an upstream wants to be spoken to otherwise.

A refusal is recognised by its words and answered by a change of `Manners`: flags and values, data
like the manners themselves. Nothing here touches a request. The renderers and repair passes do
what the changed manners say, for one repetition and, where the host and not the one request is
the reason, for all requests that follow.

Sources: https://docs.claude.com/en/api/errors, https://platform.openai.com/docs/guides/error-codes,
https://platform.moonshot.ai/docs/api/errors, and the threads beside the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec import Struct, structs

from gwproxy.translate.hub import Failure, FailureKind
from gwproxy.translate.manners import Manners

Flag: TypeAlias = bool | int | str | tuple[str, ...]
Flags: TypeAlias = Mapping[str, Flag]
Steps: TypeAlias = tuple[Flags, ...]

# A refusal of the request as it is: nothing was worked on, so nothing was billed. FastAPI's
# validation, which many hosts have in front of them, says 422 (https://fastapi.tiangolo.com).
_STATUSES: Final[Mapping[FailureKind, frozenset[int]]] = {
    FailureKind.INVALID: frozenset({400, 422}),
    FailureKind.TOO_LARGE: frozenset({413}),
}
REFUSED: Final = frozenset().union(*_STATUSES.values())

_NOTHING: Final[Flags] = MappingProxyType({})
# What to do when the hub already sends the thing in no form: let it render what was relayed.
_REBUILD: Final[Steps] = (_NOTHING,)


class Remedy(Struct, frozen=True):
    """`cause` in a few words for people, `changes` of manners by the flag's name. `lasting`: it is
    the host that wants it so; else the one request was at fault."""

    cause: str
    changes: dict[str, Flag]
    lasting: bool

    def applied(self, manners: Manners) -> Manners:
        return structs.replace(manners, **self.changes)

    @property
    def named(self) -> list[str]:
        return [f"{name}={flag_text(value)}" for name, value in self.changes.items()]

    def __str__(self) -> str:
        return ", ".join(self.named)


def flag_text(value: Flag) -> str:
    """A flag's value as a person types it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "|".join(value)
    return repr(value) if isinstance(value, str) and not value.strip() else str(value)


class Symptom(Struct, frozen=True):
    """Words of a refusal of this `kind`, and the manners that spare it: `steps` from the mildest
    on, or read out of the words. A step that is in force already did not help; the next one may."""

    cause: str
    words: re.Pattern[str]
    steps: Steps | Callable[[re.Match[str]], Steps]
    lasting: bool = True
    kind: FailureKind = FailureKind.INVALID


def heal(failure: Failure, manners: Manners, *, faithful: bool) -> Remedy | None:
    """What to change before asking again, or None when nothing is known that could help.

    `faithful`: the body was relayed as it came, so that the manners had no part in it.
    """
    if failure.status not in _STATUSES.get(failure.kind, ()):
        return None
    for symptom in SYMPTOMS:
        match = symptom.words.search(failure.message)
        if match is None or symptom.kind is not failure.kind:
            continue
        steps = symptom.steps(match) if callable(symptom.steps) else symptom.steps
        changes = _next_step(steps, manners, faithful=faithful)
        if changes is not None:
            return Remedy(symptom.cause.format(*match.groups()), changes, symptom.lasting)
    return None


def _next_step(steps: Steps, manners: Manners, *, faithful: bool) -> dict[str, Flag] | None:
    """The changes of the first step after those in force; in a relayed request none was."""
    reached = [number for number, step in enumerate(steps) if _is_in_force(step, manners)]
    if faithful:
        first = {} if reached or not steps else steps[0]
        return {"rebuild": True, **first}
    following = reached[-1] + 1 if reached else 0
    if following >= len(steps):
        return None
    step = steps[following]
    return {name: value for name, value in step.items() if getattr(manners, name) != value}


def _is_in_force(step: Flags, manners: Manners) -> bool:
    return all(getattr(manners, name) == value for name, value in step.items())


# --- fields that an upstream does not know ---------------------------------------------------


def _off(*names: str) -> Steps:
    return (dict.fromkeys(names, False),)


_FIELDS: Final[Mapping[str, Steps]] = {
    "cache_control": _off("cache_marks"),
    "prompt_cache_key": _off("prompt_cache_key"),
    "stream_options": _off("usage_in_stream"),
    "include_usage": _off("usage_in_stream"),
    "parallel_tool_calls": _off("parallel_flag"),
    "disable_parallel_tool_use": _off("parallel_flag"),
    "strict": _off("strict_tools", "tool_extras"),
    "input_examples": _off("tool_extras"),
    "eager_input_streaming": _off("tool_extras"),
    "allowed_callers": _off("tool_extras"),
    "defer_loading": _off("tool_extras", "tool_references"),
    "output_config": _off("adaptive_thinking"),
    "stop": _off("stop_sequences"),
    "stop_sequences": _off("stop_sequences"),
    "user": ({"user_id": "drop"},),
    "user_id": ({"user_id": "hash"}, {"user_id": "drop"}),
    "metadata": ({"user_id": "drop"},),
    "safety_identifier": ({"user_id": "drop"},),
    "response_format": ({"json_schema": "prompt"},),
    "reasoning_content": ({"reasoning_in": "none"},),
    "reasoning_effort": ({"thinking_switch": "none"},),
    "thinking": ({"thinking_switch": "none"},),
    # Which of the two a host takes is not to be told from its name (can1357/oh-my-pi#2289).
    "max_tokens": ({"max_tokens_field": "max_completion_tokens"},),
    "max_completion_tokens": ({"max_tokens_field": "max_tokens"},),
    **dict.fromkeys(
        (
            "temperature",
            "top_p",
            "top_k",
            "n",
            "seed",
            "frequency_penalty",
            "presence_penalty",
        ),
        ({"sampling": "drop"},),
    ),
}


# What may be meant inside a message: `thinking` and `user` are other things there.
_IN_MESSAGES: Final = frozenset({"cache_control", "reasoning_content"})


def _steps_of_field(match: re.Match[str]) -> Steps:
    """By the innermost member that is known: `tools.0.custom.defer_loading`. Members that the hub
    sends to nobody, such as `context_management`, are gone once the request is rebuilt."""
    path = re.split(r"[.\[\]]+", match[1])
    inside = path[0] in ("messages", "input")
    for member in reversed(path):
        if member in _FIELDS and (not inside or member in _IN_MESSAGES):
            return _FIELDS[member]
    return _REBUILD


def _steps_of_efforts(match: re.Match[str]) -> Steps:
    listed = tuple(re.findall(r"'([a-z]+)'", match[1]))
    return ({"efforts": listed},) if listed else ()


def _steps_of_number(flag: str) -> Callable[[re.Match[str]], Steps]:
    return lambda match: ({flag: int(match[1])},)


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)


def _symptoms() -> Iterable[Symptom]:
    # anomalyco/opencode#10996, QuantumNous/new-api#3121, MoonshotAI/Kimi-K2.5#13. What we remember
    # of the genuine reasoning is in the request already; a space is the least that hosts take
    # (BerriAI/litellm, moonshot), and only hosts that say these words get it.
    yield Symptom(
        "reasoning is missing on a call",
        _words(r"reasoning_content is missing in assistant tool call"),
        ({"reasoning_placeholder": " "},),
    )
    # jundot/omlx#56, anthropics/claude-code#29531
    yield Symptom(
        "adaptive thinking is refused",
        _words(
            r"'adaptive'\W+is not supported",
            r"adaptive thinking is not supported",
            r"does not support the effort parameter",
            r"thinking\S*: input should be 'enabled' or 'disabled'",
        ),
        _off("adaptive_thinking"),
    )
    # https://platform.kimi.ai/docs/api/models-overview
    yield Symptom(
        "thinking cannot be switched off",
        _words(r"only type=enabled is allowed"),
        ({"thinking_always": True},),
    )
    # HKUDS/nanobot#3939: of the two, the hub sends one
    yield Symptom(
        "thinking and effort exclude each other",
        _words(r"cannot specify both '?thinking'? and '?reasoning_effort"),
        _REBUILD,
    )
    # liliMozi/openhanako#2092, Kilo-Org/cloud PR#3807
    yield Symptom(
        "other efforts are taken",
        _words(r"unsupported value: '[a-z_.]*effort'.*supported values are:(.*)"),
        _steps_of_efforts,
    )
    # can1357/oh-my-pi#1077, can1357/oh-my-pi#341
    yield Symptom(
        "a forced tool excludes thinking",
        _words(
            r"tool_choice\W+\w+\W+is incompatible with thinking",
            r"thinking may not be enabled when tool_choice forces",
        ),
        ({"forced_tools": "no_thinking"}, {"forced_tools": "auto"}),
    )
    # anomalyco/opencode#10811; OpenAI's reasoning models word it the second way
    yield Symptom(
        "sampling is fixed",
        _words(
            r"invalid (?:temperature|top_p|top_k|n|presence_penalty|frequency_penalty): only",
            r"unsupported value: '(?:temperature|top_p|presence_penalty|frequency_penalty)'",
        ),
        ({"sampling": "drop"},),
    )
    yield from _of_fields()
    yield from _of_content()
    yield from _of_tools()
    # cc-switch#2941, EYHN/kwwk#142, MoonshotAI/kimi-code#2378: any content that Kimi Code does not
    # know, unnamed. All that is known to cause it is left out at once.
    yield Symptom(
        "something unnamed is refused",
        _words(r"^invalid request error\.?$"),
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
    )


def _of_fields() -> Iterable[Symptom]:
    # anthropics/claude-code#11672, #21625, #53855: only relayed requests bear a client's betas
    yield Symptom(
        "anthropic-beta is refused",
        _words(r"unexpected value\(s\).*anthropic-beta", r"invalid beta flag"),
        _REBUILD,
    )
    # anthropics/claude-code#56643
    yield Symptom(
        "the user's id is refused",
        _words(r"invalid '?user_id", r"metadata\.user_id"),
        ({"user_id": "hash"}, {"user_id": "drop"}),
    )
    # decolua/9router#1442 for the first; anthropics/claude-code#21612; OpenAI's own words
    for pattern in (
        r"extra inputs are not permitted, field: '([^']+)'",
        r"([\w.\[\]-]+): extra inputs are not permitted",
        r"unrecognized request arguments? supplied: ([\w.]+)",
        r"(?:unknown|unsupported|unrecognized) parameter: '([^']+)'",
    ):
        yield Symptom("the field {} is refused", _words(pattern), _steps_of_field)


def _of_content() -> Iterable[Symptom]:
    # OpenAI's reasoning models
    yield Symptom(
        "instructions have the role developer",
        _words(r"role' does not support 'system'"),
        ({"system_role": "developer"},),
    )
    # badlogic/pi-mono PR#8109, openclaw/openclaw#8579, farion1231/cc-switch 9d3570980
    yield Symptom(
        "a role is refused",
        _words(
            r"role\W+(?:developer|system)\W+is not (?:allowed|supported)",
            r"role_unspecified",
            r"role: input should be 'user' or 'assistant'",
            r"'developer' is not one of",
        ),
        ({"system_role": "system", "mid_system": "wrap"},),
    )
    # MoonshotAI/Kimi-K2#118, farion1231/cc-switch#2941
    yield Symptom(
        "tool_reference is refused",
        _words(r"(?:unsupported content type|input tag).*tool_reference"),
        _off("tool_references", "tool_extras"),
    )
    # MoonshotAI/Kimi-K2.5#27
    yield Symptom("documents are refused", _words(r"input tag 'document'"), _off("documents"))
    # openai/codex#45393, router-for-me/CLIProxyAPI#5647
    yield Symptom(
        "a kind of item is refused",
        _words(r"item type \W*\w+\W* is not supported"),
        _off("hosted_tools"),
    )
    yield Symptom("a kind of block is refused", _words(r"input tag '\w+' found using"), _REBUILD)
    # OpenHands/software-agent-sdk#3155: fetched here from then on
    yield Symptom(
        "images by URL are refused",
        _words(r"unsupported image url"),
        _off("image_urls"),
    )
    # MoonshotAI/kimi-code#2362: it may be this one image, so the host is not thought blind. What a
    # person shows just now is not taken away: the refusal says why there is no answer.
    yield Symptom(
        "an image is refused",
        _words(
            r"unsupported image",
            r"does(?: not|n't) support (?:image|vision)",
            r"image(?: input|_url|s)? (?:is|are) not supported",
            r"invalid part type: (?:image|video)_url",
        ),
        _off("old_media"),
        lasting=False,
    )
    # MoonshotAI/kimi-cli#1222: a body of more than 100 MB, mostly screenshots
    yield Symptom(
        "the request is too large",
        _words(r""),
        _off("old_media"),
        lasting=False,
        kind=FailureKind.TOO_LARGE,
    )
    # farion1231/cc-switch, thinking rectifier: made by another model, or by nobody
    yield Symptom(
        "a thinking block is refused",
        _words(
            r"invalid\W+signature\W+in\W+thinking",
            r"signature: field required",
            r"must start with a thinking block",
            r"expected\W+thinking\W+.*but found",
        ),
        ({"reasoning_in": "none"},),
        lasting=False,
    )
    # MoonshotAI/kimi-code#1985, #1292; lidge-jun/opencodex#4726; openclaw/openclaw PR#43867;
    # moeru-ai/airi#1768. The hub sends no such history.
    yield Symptom(
        "the history is out of order",
        _words(
            r"must not be empty",
            r"must decode to a json object",
            r"tokenization failed",
            r"text content (?:is empty|blocks must be non-empty)",
            r"tool_call_id\s+is not found",
            r"must be followed by tool messages",
            r"without `?tool_result`? blocks immediately after",
            r"unexpected `?tool_use_id`? found",
        ),
        _REBUILD,
        lasting=False,
    )


def _of_tools() -> Iterable[Symptom]:
    # https://github.com/MoonshotAI/walle
    yield Symptom(
        "a tool's schema is refused",
        _words(r"moonshot flavored json schema", r"tools\.function\.parameters"),
        ({"schema": "moonshot"}, {"schema": "moonshot_plain"}, {"schema": "words"}),
    )
    # MoonshotAI/kimi-cli#1773
    yield Symptom(
        "a tool's name is refused",
        _words(r"function name is invalid"),
        ({"tool_names": "letter_first"},),
    )
    # https://platform.kimi.ai/docs/api/chat
    yield Symptom(
        "too many tools",
        _words(r"number of tools must not exceed (\d+)"),
        _steps_of_number("max_tools"),
    )
    yield Symptom(
        "too many stop sequences",
        _words(r"stop must have at most (\d+)"),
        _steps_of_number("max_stops"),
    )
    yield Symptom(
        "a stop sequence is too long",
        _words(r"stop must not exceed (\d+) bytes"),
        _steps_of_number("max_stop_bytes"),
    )


SYMPTOMS: Final = tuple(_symptoms())
