"""What an Anthropic upstream gets: the plain surface for anybody, all of it for real Claude."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gwproxy.translate.anthropic import request
from gwproxy.translate.dialect_facts import DialectFacts
from gwproxy.translate.hub import (
    Block,
    Cache,
    Call,
    Dialect,
    Identity,
    Media,
    OutputFormat,
    Request,
    Result,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.registry import FACTS
from gwproxy.translate.wire.fields import Unsupported
from support.sending import sent

HELLO = (Turn("user", (Text("hello"),)),)
PLAIN = Quirks(family="kimi", mid_system="wrap")
CLAUDE = Quirks(
    family="claude",
    signed_thinking=True,
    adaptive_thinking=True,
    forced_tools="no_thinking",
    documents=True,
    tool_extras=True,
    tool_references=True,
    cache_marks=True,
    user_id="keep",
    max_output=64_000,
)
MANUAL = Quirks(family="claude", signed_thinking=True, max_output=64_000)
READ = Tool("Read", schema='{"type":"object","properties":{"n":{"maximum":1.10}}}')
BASH = Tool("Bash")


def rendered(
    quirks: Quirks = PLAIN,
    *lost: str,
    turns: tuple[Turn, ...] = HELLO,
    client: DialectFacts | None = FACTS[Dialect.ANTHROPIC],
    max_tokens: int | None = 9000,
    **members: Any,
) -> Any:
    losses = Losses()
    wanted = Request("m", turns, max_tokens=max_tokens, client=client, **members)
    data = sent(wanted, Dialect.ANTHROPIC, quirks, losses)
    assert list(losses) == list(lost)
    return json.loads(data)


def content(block: Block, quirks: Quirks = PLAIN) -> Any:
    wanted = Request("m", (Turn("user", (block,)),), client=FACTS[Dialect.ANTHROPIC])
    body = sent(wanted, Dialect.ANTHROPIC, quirks, Losses())
    return json.loads(body)["messages"][0]["content"]


def refused(block: Block, quirks: Quirks = PLAIN) -> str:
    with pytest.raises(Unsupported) as caught:
        content(block, quirks)
    return str(caught.value)


# --- the body ------------------------------------------------------------------------------------


def test_the_smallest_body_in_its_exact_bytes() -> None:
    """Members in one order, the conversation last: a longer one begins with a shorter one."""
    wanted = Request(
        "m", (Turn("system", (Text("s"),)), *HELLO), (READ,), max_tokens=9000, stream=True
    )

    assert request.render(wanted, PLAIN, Losses()) == (
        b'{"model":"m","max_tokens":9000,"stream":true,'
        b'"tools":[{"name":"Read","input_schema":{"type":"object","properties":'
        b'{"n":{"maximum":1.10}}}}],"system":[{"type":"text","text":"s"}],'
        b'"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}'
    )


@pytest.mark.parametrize(
    ("wanted", "sent", "lost"),
    [
        (None, 32_768, []),
        (100, 100, []),
        (128_000, 32_768, ["clamp:max_tokens=32768"]),
        (0, 1, ["raise:max_tokens=1"]),
    ],
)
def test_the_limit(wanted: int | None, sent: int, lost: list[str]) -> None:
    assert rendered(PLAIN, *lost, max_tokens=wanted)["max_tokens"] == sent


@pytest.mark.parametrize(
    ("wanted", "mode", "sent"), [(2000, "on", 16_000), (2000, "off", 2000), (1, None, 1)]
)
def test_a_small_limit_is_raised_where_thoughts_would_eat_it_up(
    wanted: int, mode: Any, sent: int
) -> None:
    lost = [f"raise:max_tokens={sent}"] if sent != wanted else []
    quirks = Quirks(min_output=16_000, adaptive_thinking=True)
    body = rendered(quirks, *lost, max_tokens=wanted, thinking=Thinking(mode))

    assert body["max_tokens"] == sent


def test_arguments_go_as_they_are() -> None:
    given = '{"n":1.10,"big":12345678901234567890123,"t":"\\u00e9"}'
    turns = (
        *HELLO,
        Turn("assistant", (Call("a", "A", given),)),
        Turn("user", (Result("a"),)),
    )
    data = request.render(Request("m", turns), PLAIN, Losses())

    assert b'"input":' + given.encode() in data


def test_results_always_have_content() -> None:
    """Kimi Code answers an opaque 400 to a result without the member."""
    turns = (
        *HELLO,
        Turn("assistant", (Call("a", "A", "{}"), Call("b", "B", "{}"), Call("c", "C", "{}"))),
        Turn(
            "user",
            (
                Result("a"),
                Result("b", (Text(""),), is_error=True),
                Result("c", (Text("x"), Text("y"))),
            ),
        ),
    )

    body = rendered(PLAIN, "drop:messages.empty_text", turns=turns)
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": ""},
        {"type": "tool_result", "tool_use_id": "b", "content": "", "is_error": True},
        {
            "type": "tool_result",
            "tool_use_id": "c",
            "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}],
        },
    ]


# --- media ---------------------------------------------------------------------------------------


def test_images() -> None:
    jpeg = Media("image", "base64", "/9j/4AAQ", "image/png")  # named after a wrong file ending

    assert content(jpeg) == [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"},
        }
    ]
    assert content(Media("image", "url", "https://x.test/a.png"))[0]["source"] == {
        "type": "url",
        "url": "https://x.test/a.png",
    }
    assert content(Media("image", "file", "f"), CLAUDE)[0]["source"]["file_id"] == "f"


def test_documents() -> None:
    pdf = Media("document", "base64", "JVBERi0", "application/pdf", "T", "C")
    words = Media("document", "text", "words", "text/plain", "T", "C")

    assert content(pdf, CLAUDE) == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0"},
            "title": "T",
            "context": "C",
        }
    ]
    assert content(words, CLAUDE)[0]["source"] == {
        "type": "text",
        "media_type": "text/plain",
        "data": "words",
    }
    assert content(words, Quirks(documents=False)) == [
        {"type": "text", "text": '<document title="T">\nC\nwords\n</document>'}
    ]


def test_tools_found_by_search() -> None:
    turns = (
        *HELLO,
        Turn("assistant", (Call("a", "ToolSearch", "{}"),)),
        Turn("user", (Result("a", (ToolReference("WebFetch"), ToolReference("Glob"))),)),
    )

    assert rendered(CLAUDE, turns=turns)["messages"][2]["content"][0]["content"] == [
        {"type": "tool_reference", "tool_name": "WebFetch"},
        {"type": "tool_reference", "tool_name": "Glob"},
    ]


# --- tools ---------------------------------------------------------------------------------------


def test_extras_of_tools_for_those_who_know_them() -> None:
    tool = Tool("a", description="d", strict=True, deferred=True)

    assert rendered(CLAUDE, tools=(tool,))["tools"] == [
        {
            "name": "a",
            "description": "d",
            "input_schema": {"type": "object", "properties": {}},
            "strict": True,
            "defer_loading": True,
        }
    ]
    rendered(PLAIN, tools=(Tool("a", strict=False),))  # what a tool is anyway
    plain = rendered(PLAIN, "emu:tools.defer_loading", "drop:tools.strict", tools=(tool,))
    assert set(plain["tools"][0]) == {"name", "description", "input_schema"}


def test_tools_of_the_server() -> None:
    native = '{"type":"web_search_20250305","name":"web_search"}'
    search = Tool("web_search", "hosted", native=native, native_dialect=Dialect.ANTHROPIC)

    assert rendered(CLAUDE, tools=(search, READ))["tools"][0] == json.loads(native)
    assert rendered(tools=(search,))["tools"] == [json.loads(native)]
    without = Quirks(hosted_tools=False)
    among = rendered(without, "drop:tools.web_search", tools=(search, READ))
    assert [tool["name"] for tool in among["tools"]] == ["Read"]
    with pytest.raises(Unsupported, match="web_search"):
        rendered(without, tools=(search,))
    with pytest.raises(Unsupported, match="web_search"):
        rendered(without, tools=(search, READ), tool_choice=ToolChoice("tool", "web_search"))


def test_a_tool_with_a_known_schema_is_native_where_it_is_known() -> None:
    native = '{"type":"bash_20250124","name":"bash"}'
    bash = Tool("bash", native=native, native_dialect=Dialect.ANTHROPIC)

    assert rendered(CLAUDE, tools=(bash,))["tools"] == [json.loads(native)]
    assert rendered(tools=(bash,))["tools"][0]["input_schema"]["type"] == "object"


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        (ToolChoice(), {"type": "auto"}),
        (ToolChoice("any"), {"type": "any"}),
        (ToolChoice("none"), {"type": "none"}),
        (ToolChoice("tool", "Read"), {"type": "tool", "name": "Read"}),
        (ToolChoice(parallel=False), {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("any", parallel=True), {"type": "any"}),
        (ToolChoice("none", parallel=False), {"type": "none"}),
    ],
)
def test_tool_choice(choice: ToolChoice | None, sent: Any) -> None:
    assert rendered(tools=(READ,), tool_choice=choice).get("tool_choice") == sent


def test_the_parallel_flag_is_left_out_where_it_is_not_known() -> None:
    quirks = Quirks(parallel_flag=False)
    choice = ToolChoice(parallel=False)

    body = rendered(quirks, "drop:parallel_tool_calls", tools=(READ,), tool_choice=choice)
    assert body["tool_choice"] == {"type": "auto"}


def test_without_tools_there_is_no_choice() -> None:
    body = rendered(PLAIN, "drop:tool_choice", tool_choice=ToolChoice("any"))

    assert "tool_choice" not in body
    assert "tools" not in body


def test_allowed_tools_are_those_that_are_left() -> None:
    choice = ToolChoice("any", allowed=("Bash",))
    body = rendered(PLAIN, "emu:tool_choice.allowed_tools", tools=(READ, BASH), tool_choice=choice)

    assert [tool["name"] for tool in body["tools"]] == ["Bash"]
    assert body["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize(
    ("schema", "sent", "lost"),
    [
        ('{"type":"object","x":1.10}', '{"type":"object","x":1.10}', False),
        ('{"properties":{"a":{}}}', '{"type":"object","properties":{"a":{}}}', False),
        ("{}", '{"type":"object","properties":{}}', False),
        (
            '{"anyOf":[{"properties":{"a":{"maximum":1.10}},"required":["a","c"]},'
            '{"properties":{"b":{},"a":{}},"required":["c","b"]}],"description":"d"}',
            '{"type":"object","description":"d","properties":{"a":{"maximum":1.10},"b":{}},'
            '"required":["c"]}',
            True,
        ),
        (
            '{"type":"object","properties":{"z":{}},"required":["z"],'
            '"allOf":[{"properties":{"a":{}},"required":["a"]}]}',
            '{"type":"object","properties":{"z":{},"a":{}},"required":["z","a"]}',
            True,
        ),
    ],
)
def test_schemas_have_an_object_at_their_root(schema: str, sent: str, lost: bool) -> None:
    losses = Losses()
    data = request.render(Request("m", HELLO, (Tool("a", schema=schema),)), PLAIN, losses)

    assert b'"input_schema":' + sent.encode() + b"}" in data
    assert ("drop:tools.input_schema.anyOf" in losses) == lost


def test_a_schema_that_is_none_becomes_the_empty_one() -> None:
    for schema in ('{"type":"object","properties":5,"anyOf":[{}]}', '{"anyOf":5}', "nonsense"):
        body = rendered(PLAIN, "drop:tools.input_schema", tools=(Tool("a", schema=schema),))
        assert body["tools"][0]["input_schema"] == {"type": "object", "properties": {}}


# --- thinking ------------------------------------------------------------------------------------

ADAPTIVE = Quirks(adaptive_thinking=True)
ONLY_THINKING = Quirks(thinking_always=True)
NO_SWITCH = Quirks(thinking_switch="none")
K3 = Quirks(adaptive_thinking=True, efforts=("low", "high", "max"))


@pytest.mark.parametrize(
    ("wish", "quirks", "sent", "effort", "lost"),
    [
        (Thinking(), PLAIN, None, None, []),
        (Thinking("off"), PLAIN, {"type": "disabled"}, None, []),
        (Thinking("off"), ONLY_THINKING, None, None, ["drop:thinking"]),
        (Thinking("on"), NO_SWITCH, None, None, ["drop:thinking"]),
        (Thinking("on"), ADAPTIVE, {"type": "adaptive"}, None, []),
        (Thinking("on", "max"), ADAPTIVE, {"type": "adaptive"}, "high", ["high"]),
        (Thinking("on", "minimal"), ADAPTIVE, {"type": "adaptive"}, "low", ["low"]),
        (Thinking("on", "medium"), K3, {"type": "adaptive"}, "high", ["high"]),
        (Thinking("on", "xhigh"), K3, {"type": "adaptive"}, "max", ["max"]),
        (Thinking("off", "high"), ADAPTIVE, {"type": "disabled"}, "high", []),
        (Thinking(None, "low"), ADAPTIVE, None, "low", []),
        (Thinking(None, "low"), PLAIN, None, None, ["drop:reasoning_effort"]),
        (Thinking("on", "low"), PLAIN, {"budget_tokens": 4096}, None, []),
        (Thinking("on", "medium"), PLAIN, {"budget_tokens": 12_288}, None, []),
        (Thinking("on"), PLAIN, {"budget_tokens": 24_576}, None, []),
        (Thinking("on", "max"), PLAIN, {"budget_tokens": 31_744}, None, []),
        # Claude Code weighs the two itself, and its budget stays
        (
            Thinking("budget", budget_tokens=32_767),
            PLAIN,
            {"budget_tokens": 32_767},
            None,
            [],
        ),
        (
            Thinking("budget", budget_tokens=40_000),
            PLAIN,
            {"budget_tokens": 31_744},
            None,
            ["clamp:thinking.budget_tokens=31744"],
        ),
        (
            Thinking("budget", budget_tokens=5),
            PLAIN,
            {"budget_tokens": 1024},
            None,
            ["raise:thinking.budget_tokens=1024"],
        ),
    ],
)
def test_thinking(
    wish: Thinking, quirks: Quirks, sent: Any, effort: str | None, lost: list[str]
) -> None:
    lost = [f"clamp:reasoning_effort={w}" if ":" not in w else w for w in lost]
    body = rendered(quirks, *lost, thinking=wish, max_tokens=32_768)
    if sent is not None and "budget_tokens" in sent:
        sent = {"type": "enabled", **sent}

    assert body.get("thinking") == sent
    assert body.get("output_config", {}).get("effort") == effort


def test_no_room_for_thought_no_thinking() -> None:
    least = rendered(thinking=Thinking("on", "medium"), max_tokens=1025)
    small = rendered(
        PLAIN,
        "drop:thinking",
        thinking=Thinking("budget", budget_tokens=4096),
        max_tokens=1000,
    )

    assert least["thinking"]["budget_tokens"] == 1024
    assert small["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize(("show", "display"), [("omitted", "omitted"), ("summary", "summarized")])
def test_display_is_for_those_who_know_it(show: Any, display: str) -> None:
    wish = Thinking("on", show=show)

    assert rendered(CLAUDE, thinking=wish)["thinking"]["display"] == display
    assert "display" not in rendered(ADAPTIVE, thinking=wish)["thinking"]


@pytest.mark.parametrize(
    ("effort", "sent"),
    [
        ("none", {"type": "disabled"}),
        ("medium", {"type": "enabled", "budget_tokens": 12_288}),
    ],
)
def test_an_effort_becomes_a_budget(effort: str, sent: Any) -> None:
    wish = Thinking("on", effort)

    assert rendered(thinking=wish, client=None, max_tokens=20_000)["thinking"] == sent


# --- a forced tool and thinking ------------------------------------------------------------------

FORCED = ToolChoice("tool", "Read")


@pytest.mark.parametrize("choice", [FORCED, ToolChoice("any")])
def test_a_forced_tool_wins_over_thinking(choice: ToolChoice) -> None:
    wish = Thinking("on", "high", show="omitted")
    for quirks in (CLAUDE, Quirks(forced_tools="no_thinking")):
        body = rendered(
            quirks, "drop:thinking", tools=(READ, BASH), tool_choice=choice, thinking=wish
        )
        assert body["thinking"] == {"type": "disabled"}
        assert body["tool_choice"]["type"] == choice.mode


def test_an_upstream_that_thinks_unasked_is_told_not_to() -> None:
    quirks = Quirks(forced_tools="no_thinking")

    told = rendered(quirks, "emu:tool_choice", tools=(READ,), tool_choice=FORCED)
    assert told["thinking"] == {"type": "disabled"}
    assert "thinking" not in rendered(CLAUDE, tools=(READ,), tool_choice=FORCED)


def test_both_where_both_are_allowed() -> None:
    body = rendered(ADAPTIVE, tools=(READ,), tool_choice=FORCED, thinking=Thinking("on"))

    assert body["thinking"] == {"type": "adaptive"}
    assert body["tool_choice"] == {"type": "tool", "name": "Read"}


@pytest.mark.parametrize(
    "quirks",
    [Quirks(forced_tools="auto"), Quirks(forced_tools="no_thinking", thinking_always=True)],
)
def test_where_neither_can_give_way_the_tool_is_asked_for_in_words(quirks: Quirks) -> None:
    turns = (Turn("system", (Text("s"),)), *HELLO)
    body = rendered(quirks, "emu:tool_choice", turns=turns, tools=(READ, BASH), tool_choice=FORCED)

    assert body["tool_choice"] == {"type": "auto"}
    assert [tool["name"] for tool in body["tools"]] == ["Read"]
    said = [b["text"] for b in body["messages"][-1]["content"]]
    assert said == ["hello", "Answer by calling the tool `Read`."]
    anything = rendered(
        quirks, "emu:tool_choice", tools=(READ, BASH), tool_choice=ToolChoice("any")
    )
    assert len(anything["tools"]) == 2


# --- the answer's format -------------------------------------------------------------------------

SCHEMA = '{"type":"object","properties":{"n":{"type":"integer","maximum":1.10}}}'
WANTED = OutputFormat("json_schema", SCHEMA, "name", "about", True)


def test_a_native_format() -> None:
    data = request.render(
        Request("m", HELLO, output_format=WANTED, client=FACTS[Dialect.ANTHROPIC]), PLAIN, Losses()
    )

    sent = b'"output_config":{"format":{"type":"json_schema","schema":' + SCHEMA.encode() + b"}}"
    assert sent in data


def test_a_schema_for_openai_follows_the_rules_here() -> None:
    schema = (
        '{"type":"object","description":"d","properties":{"pattern":{"type":"string",'
        '"pattern":"^a"},"u":{"oneOf":[{"type":"object","properties":{}},{"type":"null"}]}},'
        '"$defs":{"not":{"type":"string"}},"not":{"const":1},"enum":[{"oneOf":1}]}'
    )
    wanted = OutputFormat("json_schema", schema)
    body = rendered(output_format=wanted, client=FACTS[Dialect.CHAT])

    assert body["output_config"]["format"]["schema"] == {
        "type": "object",
        "description": 'd {"not":{"const":1}}',
        "properties": {
            "pattern": {"type": "string", "description": '{"pattern":"^a"}'},
            "u": {
                "anyOf": [
                    {"type": "object", "properties": {}, "additionalProperties": False},
                    {"type": "null"},
                ]
            },
        },
        "$defs": {"not": {"type": "string"}},
        "enum": [{"oneOf": 1}],
        "additionalProperties": False,
    }


def test_a_format_by_a_prompt() -> None:
    quirks = Quirks(json_schema="prompt")
    turns = (Turn("system", (Text("s"),)), *HELLO)
    body = rendered(quirks, "emu:response_format", turns=turns, output_format=WANTED)

    assert "output_config" not in body
    assert body["system"][0]["text"] == "s"
    assert body["system"][1]["text"].endswith(SCHEMA)


def test_a_format_by_a_tool() -> None:
    quirks = Quirks(json_schema="tool", forced_tools="no_thinking")
    body = rendered(
        quirks,
        "emu:response_format",
        "drop:thinking",
        output_format=WANTED,
        thinking=Thinking("on"),
    )

    assert body["tools"] == [
        {"name": "respond_json", "description": "about", "input_schema": json.loads(SCHEMA)}
    ]
    assert body["tool_choice"] == {"type": "tool", "name": "respond_json"}
    assert body["thinking"] == {"type": "disabled"}
    beside = rendered(
        quirks, "emu:response_format", "emu:tool_choice", tools=(READ,), output_format=WANTED
    )
    assert beside["tool_choice"] == {"type": "any"}


def test_any_json_object() -> None:
    body = rendered(
        PLAIN, "emu:response_format", output_format=OutputFormat("json_object"), client=None
    )

    assert body["system"][0]["text"].startswith("Answer with one JSON object and nothing else")


# --- sampling, identity, the rest ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("quirks", "wish", "thinking", "sent", "lost"),
    [
        (PLAIN, Sampling(0.7, 0.9, 5), None, {"temperature": 0.7, "top_p": 0.9, "top_k": 5}, []),
        (PLAIN, Sampling(1.7), None, {"temperature": 1.0}, ["clamp:temperature=1"]),
        (PLAIN, Sampling(seed=1), None, {}, ["drop:seed"]),
        (CLAUDE, Sampling(0.7, 0.9), None, {"temperature": 0.7}, ["drop:top_p"]),
        (
            PLAIN,
            Sampling(0.7, 0.9, 5),
            Thinking("on"),
            {},
            ["drop:temperature", "drop:top_p", "drop:top_k"],
        ),
        (Quirks(sampling="drop"), Sampling(0.7), None, {}, ["drop:temperature"]),
        (
            PLAIN,
            Sampling(frequency_penalty=1, presence_penalty=1),
            None,
            {},
            ["drop:frequency_penalty", "drop:presence_penalty"],
        ),
    ],
)
def test_sampling(
    quirks: Quirks, wish: Sampling, thinking: Thinking | None, sent: Any, lost: list[str]
) -> None:
    body = rendered(quirks, *lost, sampling=wish, thinking=thinking or Thinking())

    assert {k: body[k] for k in ("temperature", "top_p", "top_k") if k in body} == sent


def test_the_user() -> None:
    somebody = Identity('{"session_id":"s"}', "s")

    kept = rendered(Quirks(user_id="keep"), identity=somebody)
    assert kept["metadata"] == {"user_id": '{"session_id":"s"}'}
    hashed = rendered(Quirks(user_id="hash"), identity=somebody)
    assert re.fullmatch("[0-9a-f]{64}", hashed["metadata"]["user_id"])
    dropped = rendered(Quirks(), "drop:user", identity=somebody)
    assert "metadata" not in dropped
    rendered(Quirks(), "drop:prompt_cache_key", identity=Identity(cache_key="k"))


def test_stop_sequences() -> None:
    assert rendered(stop=("A", "B"))["stop_sequences"] == ["A", "B"]
    blank = rendered(PLAIN, "drop:stop", stop=(" ", "A"))
    assert blank["stop_sequences"] == ["A"]
    unknown = rendered(Quirks(stop_sequences=False), "drop:stop", stop=("A",))
    assert "stop_sequences" not in unknown


@pytest.mark.parametrize(
    ("tier", "sent", "lost"),
    [
        ("auto", "auto", []),
        ("standard_only", "standard_only", []),
        ("default", "standard_only", []),
        ("flex", "auto", ["clamp:service_tier=auto"]),
    ],
)
def test_service_tiers_are_the_apis_own(tier: str, sent: str, lost: list[str]) -> None:
    assert rendered(CLAUDE, *lost, service_tier=tier)["service_tier"] == sent
    plain = () if tier in ("auto", "default") else ("drop:service_tier",)
    assert "service_tier" not in rendered(PLAIN, *plain, service_tier=tier)


def test_verbosity_is_lost() -> None:
    rendered(PLAIN, "drop:verbosity", verbosity="low")


# --- cache marks ---------------------------------------------------------------------------------

MARKED = Quirks(cache_marks=True)


def marks(body: Any) -> list[Any]:
    blocks = [*body.get("tools", []), *body.get("system", [])]
    blocks += [block for message in body["messages"] for block in message["content"]]
    return [block.get("cache_control") for block in blocks]


def texts(*ttls: str | None) -> tuple[Turn, ...]:
    return (Turn("user", tuple(Text("x", Cache(ttl)) for ttl in ttls)),)


SHORT, LONG = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}


def test_marks_are_left_out_where_they_are_not_known() -> None:
    body = rendered(PLAIN, "drop:cache_control", turns=texts(None, "1h"))

    assert marks(body) == [None, None]


def test_marks_on_everything_that_can_bear_one() -> None:
    turns = (
        Turn("system", (Text("s", Cache("1h")),)),
        *HELLO,
        Turn("assistant", (Call("a", "A", "{}", cache=Cache()),)),
        Turn("user", (Result("a", cache=Cache()),)),
    )
    tools = (Tool("a", cache=Cache("1h")),)

    assert marks(rendered(CLAUDE, turns=turns, tools=tools)) == [LONG, LONG, None, SHORT, SHORT]
    assert marks(rendered(MARKED, turns=turns, tools=tools)) == [SHORT, SHORT, None, SHORT, SHORT]


def test_the_last_four_marks_stay() -> None:
    body = rendered(
        MARKED, "clamp:cache_control=4", turns=texts("1h", None, None, None, None, None)
    )

    assert marks(body) == [None, None, SHORT, SHORT, SHORT, SHORT]


def test_long_marks_come_before_short_ones() -> None:
    assert marks(rendered(CLAUDE, turns=texts("1h", "5m", "1h"))) == [LONG, SHORT, SHORT]


def test_openai_clients_expect_caching_without_marks() -> None:
    claude = rendered(CLAUDE, client=FACTS[Dialect.CHAT])
    assert claude["cache_control"] == SHORT
    assert marks(claude) == [None]
    # Hosts that are not the API know marks on blocks only.
    other = rendered(MARKED, client=FACTS[Dialect.CHAT])
    assert "cache_control" not in other
    assert marks(other) == [SHORT]
    assert marks(rendered(MARKED, client=FACTS[Dialect.CHAT], turns=texts(None, None))) == [
        SHORT,
        SHORT,
    ]


def test_an_anthropic_client_marks_for_itself() -> None:
    body = rendered(CLAUDE)

    assert "cache_control" not in body
    assert marks(body) == [None]
