"""What refusals name, by the grammar of the parser or validator that wrote them."""

from __future__ import annotations

import json

import pytest

from gwproxy.translate.errors import complaints
from gwproxy.translate.errors.grammars import (
    GRAMMARS,
    RefusalGrammar,
    RefusalReading,
    RefusedPath,
    read,
)

STRICT = RefusedPath(("tools", 0, "strict"))
MANAGEMENT = RefusedPath(("context_management",))


def named(message: str, param: str | None = None) -> tuple[RefusedPath, ...]:
    found = read(message, param)
    return () if found is None else found.named


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda grammar: grammar.example[:40])
def test_a_grammar_reads_its_example(grammar: RefusalGrammar) -> None:
    assert grammar.source
    assert read(grammar.example) == RefusalReading(grammar.writer, grammar.named)


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda grammar: grammar.example[:40])
@pytest.mark.parametrize(
    "before",
    [
        "litellm.BadRequestError: AnthropicException - ",
        "Error code: 400 - ",
        "Error from provider: Invalid request: ",
        "<400> InternalError.Algo.InvalidParameter: ",
        "Failed to deserialize the JSON body into the target type: ",
    ],
)
def test_what_a_reseller_puts_before_the_words_hides_nothing(
    grammar: RefusalGrammar, before: str
) -> None:
    assert named(before + grammar.example) == grammar.named


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda grammar: grammar.example[:40])
@pytest.mark.parametrize(
    "prose",
    [
        "Your prompt was flagged: {}",
        "We could not process this:\n{}",
        'The message "{}" was refused',
        "Content policy; {}",
    ],
)
def test_a_quoted_refusal_is_no_refusal(grammar: RefusalGrammar, prose: str) -> None:
    assert read(prose.format(grammar.example)) is None


@pytest.mark.parametrize(
    ("message", "param", "expected"),
    [
        (
            "2 validation errors for CreateMessageRequest\n"
            "context_management\n"
            "  Extra inputs are not permitted [type=extra_forbidden, input_value={'edits': []}, "
            "input_type=dict]\n"
            "    For further information visit https://errors.pydantic.dev/2.9/v/extra_forbidden\n"
            "tools.0.strict\n"
            "  Extra inputs are not permitted [type=extra_forbidden, input_value=True]",
            None,
            (MANAGEMENT, STRICT),
        ),
        (
            '[{"code": "unrecognized_keys", "keys": ["strict"], "path": ["tools", 0], '
            '"message": "Unrecognized key"}, {"code": "invalid_enum_value", "received": "original",'
            ' "options": ["low"], "path": ["detail"], "message": "Invalid"}]',
            None,
            (STRICT, RefusedPath(("detail",), "original")),
        ),
        (
            "Invalid value: 'original'. Supported values are: 'low', 'high', and 'auto'.",
            "input[0].content[1].detail",
            (RefusedPath(("input", 0, "content", 1, "detail"), "original"),),
        ),
        ("Invalid value: 'original'. Supported values are: 'low'.", None, ()),
        ("Unknown parameter: 'tools[0].strict'.", "tools[0].strict", (STRICT,)),
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            None,
            (RefusedPath(("max_tokens",)),),
        ),
        ("tools.0.strict: Extra inputs are not permitted\ncontext_management: Oh", None, (STRICT,)),
        ('✖ Unrecognized key: "strict"\n  → at tools[0]', None, (STRICT,)),
        ('※ Unrecognized key: "x"', None, ()),
        (
            "2 validation errors for Request\nbody -> context_management\n"
            "  extra fields not permitted (type=value_error.extra)\nbody -> tools -> 0 -> strict\n"
            "  extra fields not permitted (type=value_error.extra)",
            None,
            (MANAGEMENT, STRICT),
        ),
        (
            "1 validation error:\n  {'type': 'extra_forbidden', 'loc': ('body', 'tools', 0, "
            "'strict'), 'msg': 'Extra inputs are not permitted', 'input': True}",
            None,
            (STRICT,),
        ),
        (
            '[{"instancePath": "/tools/0", "schemaPath": "#/additionalProperties", "keyword": '
            '"additionalProperties", "params": {"additionalProperty": "strict"}, "message": '
            '"must NOT have additional properties"}]',
            None,
            (STRICT,),
        ),
        ("Unsupported parameter", "tools[0].strict", (STRICT,)),
        ("Unsupported parameter", None, ()),
    ],
)
def test_other_spellings(
    message: str, param: str | None, expected: tuple[RefusedPath, ...]
) -> None:
    assert named(message, param) == expected


@pytest.mark.parametrize(
    "body",
    [
        # FastAPI: https://fastapi.tiangolo.com/tutorial/handling-errors/
        {
            "detail": [
                {"loc": ["body", "context_management"], "msg": "Extra inputs are not permitted"},
                {"loc": ["body", "tools", 0, "strict"], "msg": "Extra inputs are not permitted"},
            ]
        },
        # Mistral, Gage-Technologies/mistral-go PR#2
        {
            "message": {
                "detail": [
                    {
                        "loc": ["body", "context_management"],
                        "msg": "Extra inputs are not permitted",
                    },
                    {
                        "loc": ["body", "tools", 0, "strict"],
                        "msg": "Extra inputs are not permitted",
                    },
                ]
            }
        },
        # Gemini, MinLL/SkyrimNet-GamePlugin#77
        [
            {
                "error": {
                    "code": 400,
                    "message": 'Invalid JSON payload received. Unknown name "context_management": '
                    "Cannot find field.\nInvalid JSON payload received. Unknown name "
                    "\"strict\" at 'tools[0]': Cannot find field.",
                }
            }
        ],
    ],
)
def test_envelopes_keep_the_places(body: object) -> None:
    failure = complaints.failure(422, {}, json.dumps(body).encode())
    assert set(named(failure.message, failure.param)) == {MANAGEMENT, STRICT}
