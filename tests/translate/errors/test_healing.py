"""Refusals and what they teach: words of real providers in, changes of quirks out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwproxy.profiles.quirks import QUIRKS, typed
from gwproxy.translate.dialect_facts import Dialect
from gwproxy.translate.errors import complaints, grammars
from gwproxy.translate.errors.healing import Remedy, heal, is_refused_again
from gwproxy.translate.errors.refusals import REFUSAL_RULES
from gwproxy.translate.errors.remedies import OF_KINDS
from gwproxy.translate.errors.rules import RefusalRule
from gwproxy.translate.hub import Failure, FailureKind
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import DIALECTS
from support.mutated import mutated

FIXTURES = Path(__file__).parents[2] / "fixtures" / "refusals"


def refusal(message: str, status: int = 400) -> Failure:
    return Failure(FailureKind.INVALID, message, status)


def remedy(message: str, *, faithful: bool = False, **quirks: Any) -> Remedy | None:
    return first(refusal(message), Quirks(**quirks), faithful=faithful)


def first(failure: Failure, quirks: Quirks, *, faithful: bool) -> Remedy | None:
    return next(heal(failure, quirks, upstream=Dialect.CHAT, faithful=faithful), None)


def changes(message: str, *, faithful: bool = False, **quirks: Any) -> dict[str, Any] | None:
    found = remedy(message, faithful=faithful, **quirks)
    return None if found is None else found.changes


MISSING = (
    "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2"
)
EFFORTS = (
    "Unsupported value: 'reasoning_effort' does not support 'medium' with this model. "
    "Supported values are: 'low', 'high', and 'max'."
)

# What hosts say, the quirks they say it to, and what is changed.
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (EFFORTS, {}, {"efforts": ("low", "high", "max")}),
    ("response_format of type json_schema is not supported", {}, {"json_schema": "prompt"}),
    (
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        {},
        {"max_tokens_field": "max_completion_tokens"},
    ),
    (
        "Extra inputs are not permitted, field: 'max_completion_tokens'",
        {"max_tokens_field": "max_completion_tokens"},
        {"max_tokens_field": "max_tokens"},
    ),
    ("output_format: Extra inputs are not permitted", {}, {"json_schema": "prompt"}),
    (
        "tool_choice 'specified' is incompatible with thinking enabled",
        {"forced_tools": "no_thinking"},
        {"forced_tools": "auto"},
    ),
    (
        "Only 'enabled' and 'disabled' are supported for thinking; 'adaptive' is not supported.",
        {"adaptive_thinking": True},
        {"adaptive_thinking": False},
    ),
    (
        "adaptive thinking is not supported on this model",
        {"adaptive_thinking": True},
        {"adaptive_thinking": False},
    ),
    (
        "thinking.type: Input should be 'enabled' or 'disabled'",
        {"adaptive_thinking": True},
        {"adaptive_thinking": False},
    ),
    (
        "Invalid request: role 'developer' is not allowed",
        {"system_role": "developer"},
        {"system_role": "system"},
    ),
    (
        "Invalid request: role 'developer' is not allowed",
        {"system_role": "system"},
        {"mid_system": "wrap"},
    ),
    (
        "Invalid request: tools.function.parameters is not a valid moonshot flavored json schema, "
        "details: <At path 'properties.a': type is not defined>",
        {},
        {"schema": "moonshot"},
    ),
    (
        "tools.function.parameters is not a valid moonshot flavored json schema",
        {"schema": "moonshot"},
        {"schema": "moonshot_plain"},
    ),
    (
        "tools.function.parameters is not a valid moonshot flavored json schema",
        {"schema": "moonshot_plain"},
        {"schema": "words"},
    ),
    (
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        {"signed_thinking": True},
        {"reasoning_in": "none"},
    ),
    (
        "Invalid 'user_id': string does not match pattern.",
        {"user_id": "keep"},
        {"user_id": "hash"},
    ),
    ("Invalid 'user_id': too long", {"user_id": "hash"}, {"user_id": "drop"}),
    (
        "failed to convert tool result content: unsupported content type in "
        "ContentBlockParamUnion: tool_reference",
        {"tool_references": True, "tool_extras": True},
        {"tool_references": False},
    ),
    ("Invalid request: the number of tools must not exceed 128", {}, {"max_tools": 128}),
    ("Invalid request: stop must have at most 5 items", {}, {"max_stops": 5}),
    ("Invalid request: stop must not exceed 32 bytes", {}, {"max_stop_bytes": 32}),
    (
        "Invalid request Error",
        {"hosted_tools": False},
        {
            "tool_references": False,
            "tool_extras": False,
            "documents": False,
            "adaptive_thinking": False,
            "mid_system": "wrap",
        },
    ),
]


@pytest.mark.parametrize(("message", "quirks", "expected"), CASES)
def test_a_documented_refusal_changes_the_quirks(
    message: str, quirks: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert changes(message, **quirks) == expected


@pytest.mark.parametrize(("message", "quirks", "expected"), CASES)
def test_what_did_not_help_is_not_tried_again(
    message: str, quirks: dict[str, Any], expected: dict[str, Any]
) -> None:
    tried = Quirks(**{**quirks, **expected})
    again = first(refusal(message), tried, faithful=False)
    assert again is None or again.applied(tried) not in (tried, Quirks(**quirks))


@pytest.mark.parametrize("rule", REFUSAL_RULES, ids=lambda rule: rule.words.pattern)
def test_every_rule_knows_its_example_and_changes_what_a_person_can(rule: RefusalRule) -> None:
    knowing = [r for r in REFUSAL_RULES if r.kind is rule.kind and r.words.search(rule.example)]
    assert knowing[0] is rule
    assert "/" in rule.source
    match = rule.words.search(rule.example)
    assert match is not None
    steps = rule.steps(match[1]) if callable(rule.steps) else rule.steps
    assert steps
    for step in steps:
        for name, value in step.items():
            assert typed(QUIRKS[name], value) == value
    status = {FailureKind.TOO_LARGE: 413, FailureKind.NOT_FOUND: 404}.get(rule.kind, 400)
    failure = Failure(rule.kind, rule.example, status)
    upstream = Dialect.RESPONSES if any(OF_KINDS & step.keys() for step in steps) else Dialect.CHAT
    faithful = rule.relayed is not None
    found = next(heal(failure, Quirks(), upstream=upstream, faithful=faithful), None)
    assert found is not None
    assert any(found.changes.items() <= {"rebuild": True, **step}.items() for step in steps)
    assert found.lasting is rule.lasts(found.changes)
    tried = found.applied(Quirks())
    built_anew = bool(found.changes.get("rebuild"))
    again = next(heal(failure, tried, upstream=upstream, faithful=not built_anew), None)
    assert again is None or again.applied(tried) not in (tried, Quirks())


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (
            "messages.0.role must be one of: system, user, assistant, tool",
            {"system_role": "system"},
        ),
        (
            "1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'messages', 0, "
            "'role'), 'msg': \"Input should be 'system', 'user' or 'tool'\", 'input': 'developer'}",
            {"system_role": "system"},
        ),
        ("messages.1.role must be either user or assistant", {"mid_system": "wrap"}),
        ("/messages/0/content must be string", {"text_parts": "plain"}),
        ("thinking: unknown variant `adaptive`, expected `enabled`", {"adaptive_thinking": False}),
        ("tool_choice only supports auto", {"forced_tools": "auto"}),
        ("Too many tools: 150 > 128", {"max_tools": 128}),
        ("'stop' is not supported with this model", {"stop_sequences": False}),
    ],
)
@pytest.mark.parametrize("faithful", [True, False])
def test_what_a_host_takes_is_read_whoever_says_it(
    message: str, changes: dict[str, Any], faithful: bool
) -> None:
    found = next(heal(refusal(message), Quirks(), upstream=Dialect.ANTHROPIC, faithful=faithful))
    assert found.changes == changes


def test_the_length_of_an_answer_is_the_host_s_but_not_of_a_relayed_request() -> None:
    words = refusal("Range of max_tokens should be [1, 8192]")
    (found,) = heal(words, Quirks(), upstream=Dialect.CHAT, faithful=False)
    assert (found.changes, found.lasting) == ({"max_output": 8192}, True)
    assert not list(heal(words, Quirks(), upstream=Dialect.CHAT, faithful=True))


@pytest.mark.parametrize("faithful", [True, False])
@pytest.mark.parametrize(
    ("words", "omits", "lasting"),
    [
        ("Encrypted content is not supported with this model.", ("include",), True),
        (
            "reasoning `encrypted_content` was not issued to this caller",
            ("input[type=reasoning]",),
            False,
        ),
    ],
)
def test_sealed_reasoning_goes_where_it_is_refused(
    words: str, omits: tuple[str, ...], lasting: bool, faithful: bool
) -> None:
    upstream = Dialect.RESPONSES
    found = next(heal(refusal(words), Quirks(), upstream=upstream, faithful=faithful))
    assert (found.omits, found.lasting) == (omits, lasting)


@pytest.mark.parametrize("faithful", [True, False])
def test_tools_that_a_host_cannot_load_later_lose_that_mark_alone(faithful: bool) -> None:
    words = (
        "Deferred custom tools are only supported on Anthropic models and on Anthropic-compatible "
        "provider endpoints that implement deferral."
    )
    found, *others = heal(refusal(words), Quirks(), upstream=Dialect.ANTHROPIC, faithful=faithful)
    assert (found.omits, found.changes) == (("tools[].defer_loading",), {})
    assert found.lasting
    (then,) = heal(
        refusal(words), found.applied(Quirks()), upstream=Dialect.ANTHROPIC, faithful=faithful
    )
    assert [then] == others
    assert then.changes["tool_extras"] is False


EFFORT_OF = {
    Dialect.ANTHROPIC: "output_config.effort",
    Dialect.CHAT: "reasoning_effort",
    Dialect.RESPONSES: "reasoning.effort",
}


@pytest.mark.parametrize("upstream", list(EFFORT_OF))
@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize(
    ("words", "lasting"),
    [
        ("thinking cannot be disabled when 'output_config.effort' is set", False),
        ("cannot specify both 'thinking' and 'reasoning_effort'", False),
        ("This model does not support the effort parameter.", True),
    ],
)
def test_an_effort_goes_before_anything_else_does(
    upstream: Dialect, faithful: bool, words: str, lasting: bool
) -> None:
    """Whoever takes none beside thinking that is off takes them elsewhere."""
    found = next(heal(refusal(words), Quirks(), upstream=upstream, faithful=faithful))
    assert (found.omits, found.changes) == ((EFFORT_OF[upstream],), {})
    assert found.lasting is lasting


LISTS = [rule for rule in REFUSAL_RULES if rule.cause == "other efforts are taken"]


@pytest.mark.parametrize("rule", LISTS, ids=lambda rule: rule.words.pattern)
@pytest.mark.parametrize("upstream", list(EFFORT_OF))
def test_a_list_of_efforts_is_taken_at_its_word(rule: RefusalRule, upstream: Dialect) -> None:
    """It makes of each the nearest one, where no effort at all would do, too."""
    found = next(heal(refusal(rule.example), Quirks(), upstream=upstream, faithful=True))
    efforts = ("low", "high", "max") if "'max'" in rule.example else ("low", "medium", "high")
    assert (found.omits, found.changes, found.lasting) == ((), {"efforts": efforts}, True)
    again = heal(refusal(rule.example), found.applied(Quirks()), upstream=upstream, faithful=True)
    assert not any(one.changes.keys() - {"rebuild"} and one.lasting for one in again)


def test_a_place_beside_the_words_says_of_which_member_they_are() -> None:
    words = "Invalid value: 'xhigh'. Supported values are: 'low', 'medium', and 'high'."
    for param, efforts in (("reasoning.effort", ("low", "medium", "high")), ("verbosity", None)):
        failure = Failure(FailureKind.INVALID, words, 400, param=param)
        found = next(heal(failure, Quirks(), upstream=Dialect.RESPONSES, faithful=True))
        assert found.changes.get("efforts") == efforts


@pytest.mark.parametrize("upstream", list(EFFORT_OF))
def test_without_a_list_the_strongest_efforts_become_a_weaker_one(upstream: Dialect) -> None:
    path = EFFORT_OF[upstream]
    for effort, omit in (("xhigh", f"{path}=xhigh>high"), ("high", path)):
        words = f"Unsupported value: '{path}' does not support '{effort}' with this model."
        found = next(heal(refusal(words), Quirks(), upstream=upstream, faithful=True))
        assert found.omits == (omit,)


NAMING: list[tuple[Dialect, str, tuple[str, ...]]] = [
    (
        Dialect.ANTHROPIC,
        "context_management: Extra inputs are not permitted",
        ("context_management",),
    ),
    (
        Dialect.ANTHROPIC,
        "system.0.cache_control.ephemeral.scope: Extra inputs are not permitted\n"
        "tools.0.custom.strict: Extra inputs are not permitted",
        ("system[].cache_control.scope", "tools[].strict"),
    ),
    (
        Dialect.ANTHROPIC,
        "Unexpected value(s) `effort-2025-11-24` for the `anthropic-beta` header.",
        ("anthropic-beta:effort-2025-11-24",),
    ),
    (
        Dialect.ANTHROPIC,
        "tools[1]: unknown variant `advisor_20260301`, expected `web_search_20250305`",
        ("tools[type=advisor_20260301]",),
    ),
    (
        Dialect.CHAT,
        "messages[3].content[1].image_url.detail: invalid value 'original', supported values are: "
        "'low', 'high', 'auto'",
        ("messages[].content[].image_url.detail=original>high",),
    ),
    (Dialect.CHAT, "Unrecognized request argument supplied: stream_options", ("stream_options",)),
    (Dialect.RESPONSES, "Unsupported parameter: metadata", ("metadata",)),
]


@pytest.mark.parametrize(("upstream", "message", "omits"), NAMING)
@pytest.mark.parametrize("faithful", [False, True])
def test_all_members_that_a_refusal_names_are_left_out_and_nothing_else(
    upstream: Dialect, message: str, omits: tuple[str, ...], faithful: bool
) -> None:
    found = next(heal(refusal(message), Quirks(), upstream=upstream, faithful=faithful))
    assert (found.omits, found.changes, found.lasting) == (omits, {}, True)
    quirks = found.applied(Quirks(omit=("user",)))
    assert quirks.omit == ("user", *omits)
    # Left out already, and refused all the same: a host is not believed twice.
    again = list(heal(refusal(message), quirks, upstream=upstream, faithful=faithful))
    assert [one.changes for one in again] == ([{"rebuild": True}] if faithful else [])
    assert not any(one.lasting for one in again)


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize(
    "message",
    [
        "safeguards: Extra inputs are not permitted",
        "safeguards.0.type: Input should be 'none'",
        "Unexpected value(s) `dangerous-tool-use-2026-09-03` for the `anthropic-beta` header.",
    ],
)
def test_verdicts_are_never_left_out(message: str, faithful: bool) -> None:
    """The client is told that there are none, and it does not matter how the body was made."""
    found = next(heal(refusal(message), Quirks(), upstream=Dialect.ANTHROPIC, faithful=faithful))
    assert (found.omits, found.changes, found.lasting) == ((), {"safeguards": False}, True)


@pytest.mark.parametrize("member", ["tool_choice", "model", "messages", "tools", "inference_geo"])
def test_what_means_something_is_never_left_out(member: str) -> None:
    for message in (f"{member}: Extra inputs are not permitted", f"Unknown parameter: '{member}'."):
        found = heal(refusal(message), Quirks(), upstream=Dialect.ANTHROPIC, faithful=True)
        assert [(one.omits, one.lasting) for one in found] == [((), False)]


@pytest.mark.parametrize("param", ["tools.1", "input", "input[3].type"])
def test_where_it_stumbled_is_enough_for_a_guess(param: str) -> None:
    failure = Failure(FailureKind.INVALID, "Invalid input", 400, param=param)
    kinds = dict.fromkeys(("custom_tools", "namespaces", "client_tools"), False)
    found = list(heal(failure, Quirks(), upstream=Dialect.RESPONSES, faithful=True))
    assert [(one.changes, one.guessed) for one in found] == [(kinds, True)]
    quirks = found[0].applied(Quirks())
    again = next(heal(failure, quirks, upstream=Dialect.RESPONSES, faithful=True))
    assert list(again.changes) == ["hosted_tools" if param == "tools.1" else "added_tools"]
    assert not list(heal(failure, Quirks(), upstream=Dialect.CHAT, faithful=True))
    said = Failure(FailureKind.INVALID, "Your prompt was flagged", 400, param=param)
    assert not list(heal(said, Quirks(), upstream=Dialect.RESPONSES, faithful=True))


@pytest.mark.parametrize("faithful", [False, True])
def test_a_format_that_is_unknown_is_no_schema_that_is_refused(faithful: bool) -> None:
    """The one teaches how the host is asked; another schema may be taken by it."""
    for message, lasting in (
        ("output_config: Extra inputs are not permitted", True),
        ("output_config.format: Extra inputs are not permitted", True),
        ("output_config.format.schema: For 'object' type, 'additionalProperties' must be", False),
        ("output_config.format.schema.properties.a.pattern: Extra inputs are not permitted", False),
    ):
        found = list(
            heal(refusal(message), Quirks(), upstream=Dialect.ANTHROPIC, faithful=faithful)
        )
        asked = [one for one in found if one.changes.get("json_schema") == "prompt"]
        assert [one.lasting for one in asked] == [lasting] * len(asked) != []


def test_what_an_upstream_does_not_remember_is_remembered_here() -> None:
    message = "previous_response_id: Extra inputs are not permitted"
    found = next(heal(refusal(message), Quirks(), upstream=Dialect.RESPONSES, faithful=True))
    assert (found.changes, found.lasting) == ({"keeps_responses": False}, True)


def test_a_member_that_no_grammar_names_is_a_guess() -> None:
    message = "This model does not support service_tier"
    found = remedy(message)
    assert found is not None
    assert (found.omits, found.guessed) == (("service_tier",), True)


@pytest.mark.parametrize(
    "message",
    [
        "store is not supported",
        "This model does not support store",
        "Parameter 'store' is not allowed",
        '"store" is not allowed',
        "Argument not supported on this deployment: store",
        "The parameter store specified in the request is not supported by model m.",
        "The store field is prohibited.",
        "参数 store 不支持",
    ],
)
def test_a_member_of_one_word_is_known_by_its_place(message: str) -> None:
    found = next(heal(refusal(message), Quirks(), upstream=Dialect.CHAT, faithful=True))
    assert (found.omits, found.guessed) == (("store",), True)


def test_a_word_in_prose_is_no_member() -> None:
    for message in ("We do not support users of this store here", "Unknown user of the store."):
        assert not list(heal(refusal(message), Quirks(), upstream=Dialect.CHAT, faithful=True))


CORPUS: list[tuple[int, str]] = json.loads((FIXTURES / "teach_nothing.json").read_text())


@pytest.mark.parametrize(("status", "message"), CORPUS)
@pytest.mark.parametrize("upstream", [Dialect.ANTHROPIC, Dialect.CHAT, Dialect.RESPONSES])
def test_moderation_quota_and_quoted_prompts_teach_nothing(
    status: int, message: str, upstream: Dialect
) -> None:
    failure = complaints.failure(status, {}, json.dumps({"error": {"message": message}}).encode())
    for faithful in (False, True):
        found = heal(failure, Quirks(), upstream=upstream, faithful=faithful)
        assert [one for one in found if one.lasting] == []


def test_the_corpus_is_a_hundred_refusals() -> None:
    assert len({message for _, message in CORPUS}) >= 100


def test_a_relayed_request_gets_the_change_and_the_rebuilding() -> None:
    words = "Invalid 'user_id': too long"
    for known in ("keep", "drop"):
        found = remedy(words, faithful=True, user_id=known)
        assert found is not None
        assert found.changes == {"rebuild": True, "user_id": "hash" if known == "keep" else "drop"}
        assert found.lasting


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("Invalid request: role 'developer' is not allowed", {"system_role": "system"}),
        ("System message must be at the beginning.", {"mid_system": "wrap"}),
        ("messages.0.content: Input should be a valid string", {"text_parts": "plain"}),
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model.",
            {"max_tokens_field": "max_completion_tokens"},
        ),
    ],
)
def test_what_can_be_respelled_is_not_rebuilt(message: str, change: dict[str, Any]) -> None:
    found = remedy(message, faithful=True)
    assert found is not None
    assert (found.changes, found.lasting) == (change, True)
    again = remedy(message, faithful=True, **change)
    assert again is None or again.lasting is ("rebuild" not in again.changes)


def test_the_rebuilding_alone_is_for_one_request() -> None:
    found = remedy("tokenization failed", faithful=True)
    assert found is not None
    assert (found.changes, found.lasting) == ({"rebuild": True}, False)


def test_the_fault_of_one_request_is_not_held_against_the_host() -> None:
    for message in (
        "Unsupported image. Please try another one.",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "Invalid request: the message at position 3 with role 'assistant' must not be empty",
    ):
        found = remedy(message, faithful=True)
        assert found is not None
        assert not found.lasting


@pytest.mark.parametrize("status", [401, 402, 403, 404, 408, 409, 413, 429, 500, 502, 503, 529])
def test_only_a_refusal_that_cost_nothing_is_healed(status: int) -> None:
    assert first(refusal(MISSING, status), Quirks(), faithful=True) is None


def test_a_request_too_large_is_asked_again_without_old_images() -> None:
    failure = Failure(FailureKind.TOO_LARGE, "Request Entity Too Large", 413)
    remedy = first(failure, Quirks(), faithful=False)
    assert remedy is not None
    assert (remedy.changes, remedy.lasting) == ({"old_media": False}, False)
    assert first(failure, Quirks(old_media=False), faithful=False) is None


def test_a_full_window_is_the_client_s_to_heal() -> None:
    full = Failure(FailureKind.CONTEXT, f"prompt is too long. {MISSING}", 400)
    assert first(full, Quirks(), faithful=True) is None


def test_a_remedy_reads_as_a_person_would_set_it() -> None:
    efforts = remedy(EFFORTS)
    assert str(efforts) == "efforts=low|high|max"
    assert str(remedy(MISSING)) == "reasoning_placeholder=' '"
    assert str(remedy("invalid n: only 1 is allowed")) == "sampling=drop"


@given(st.text(), st.booleans())
def test_other_words_teach_nothing_and_break_nothing(message: str, faithful: bool) -> None:
    found = first(refusal(message), Quirks(), faithful=faithful)
    read = grammars.read(message) is not None or grammars.mentioned(message)
    assert found is None or read or any(r.words.search(message) for r in REFUSAL_RULES)


@given(st.sampled_from(CASES), st.booleans())
def test_a_remedy_always_changes_something(
    case: tuple[str, dict[str, Any], dict[str, Any]], faithful: bool
) -> None:
    message, known, _ = case
    quirks = Quirks(**known)
    found = first(refusal(message), quirks, faithful=faithful)
    assert found is not None
    assert found.applied(quirks) != quirks


WORDS = [words.encode() for words in (*(case[0] for case in CASES), *(text for _, text in CORPUS))]
WORDS += [rule.example.encode() for rule in REFUSAL_RULES]


@settings(max_examples=50, deadline=None)
@given(mutated(WORDS), st.integers(1, 2000), st.sampled_from(DIALECTS), st.booleans())
def test_hostile_words_are_read_to_their_end(
    words: bytes, times: int, upstream: Dialect, faithful: bool
) -> None:
    """As the body of a refusal and as its message, said again and again."""
    words = (words * times)[:20_000]
    body = json.dumps({"error": {"message": words.decode("utf-8", "replace")}}).encode()
    for said in (words, body):
        failure = complaints.failure(400, {}, said)
        for found in heal(failure, Quirks(), upstream=upstream, faithful=faithful, ordered=True):
            assert isinstance(found.applied(Quirks()), Quirks)
            is_refused_again(found, failure, upstream)
