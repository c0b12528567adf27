"""What a client's Messages request says, and what is refused or lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwproxy.translate.anthropic import request
from gwproxy.translate.hub import (
    Cache,
    Call,
    Dialect,
    Identity,
    Media,
    Opaque,
    OutputFormat,
    Reasoning,
    Request,
    Result,
    Sampling,
    Seal,
    Search,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolReference,
    Turn,
)
from gwproxy.translate.losses import Losses
from gwproxy.translate.quirks import Quirks
from gwproxy.translate.wire import seal
from gwproxy.translate.wire.fields import Malformed, Rejected, Unsupported
from support.bridges import bridge_of

SUMMARY = "Summary of the earlier conversation: "

HELLO = [{"role": "user", "content": "hello"}]
PNG = "iVBORw0KGgoAAAA"


def body(messages: Any = HELLO, **members: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 100, "messages": messages} | members


def parsed(value: dict[str, Any], *lost: str) -> Request:
    losses = Losses()
    result = request.parse(json.dumps(value).encode(), losses)
    assert list(losses) == list(lost)
    return result


def blocks_of(content: Any, *lost: str, role: str = "user") -> tuple[Any, ...]:
    return parsed(body([{"role": role, "content": content}]), *lost).turns[0].blocks


def rejected(value: Any) -> Rejected:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(Rejected) as caught:
        request.parse(data, Losses())
    return caught.value


# --- the whole body ------------------------------------------------------------------------------


def test_a_small_request() -> None:
    assert parsed(body(stream=True)) == Request(
        "m",
        (Turn("user", (Text("hello"),)),),
        max_tokens=100,
        stream=True,
    )


def test_sampling_stop_and_tier() -> None:
    found = parsed(
        body(temperature=0.5, top_p=0.9, top_k=5, stop_sequences=["A"], service_tier="auto")
    )

    assert found.sampling == Sampling(0.5, 0.9, 5)
    assert found.stop == ("A",)
    assert found.service_tier == "auto"


def test_whole_numbers_may_be_written_as_fractions() -> None:
    found = parsed(body(max_tokens=100.0, top_k=5.0))

    assert (found.max_tokens, found.sampling.top_k) == (100, 5)


def test_nulls_are_absent() -> None:
    names = ["system", "tools", "tool_choice", "thinking", "output_config", "metadata", "stream"]
    names += ["temperature", "stop_sequences", "context_management", "container", "mcp_servers"]

    assert parsed(body(**dict.fromkeys(names))) == parsed(body())


def test_max_tokens_is_demanded_in_the_official_words() -> None:
    value = body()
    del value["max_tokens"]

    assert str(rejected(value)) == "max_tokens: Field required"
    assert request.parse_countable(json.dumps(value).encode(), Losses()).max_tokens is None


def test_a_message_is_demanded_in_the_official_words() -> None:
    """Anthropic's SDKs count on the refusal; an answer to nothing would be billed."""
    assert str(rejected(body([]))) == "messages: at least one message is required"
    assert request.parse_countable(json.dumps(body([])).encode(), Losses()).turns == ()


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", ""),
        (b'{"model":"m","max_tokens":1,"messages":[]} trailing', ""),
        (body(messages={}), "messages"),
        (body(model=None), "model"),
        (body(max_tokens="many"), "max_tokens"),
        (body(max_tokens=-1), "max_tokens"),
        (body(max_tokens=1.5), "max_tokens"),
        (body(top_k=1.5), "top_k"),
        (body([{"role": "tool", "content": "x"}]), "messages[0].role"),
        (body([{"role": "user"}]), "messages[0].content"),
        (body([{"role": "user", "content": 5}]), "messages[0].content"),
        (body([{"role": "user", "content": ["x"]}]), "messages[0].content[0]"),
        (body([{"role": "user", "content": [{"text": "x"}]}]), "messages[0].content[0].type"),
        (
            body([*HELLO, {"role": "user", "content": [{"type": "text", "text": 5}]}]),
            "messages[1].content[0].text",
        ),
        (
            body([{"role": "user", "content": [{"type": "tool_use", "name": "x", "input": {}}]}]),
            "messages[0].content[0].id",
        ),
        (
            body(
                [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "a"},
                            {"type": "tool_use", "id": "i", "name": "x", "input": {}},
                        ],
                    }
                ]
            ),
            "messages[0].content[1]",
        ),
        (
            body([{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "i"}]}]),
            "messages[0].content[0]",
        ),
        (
            body(
                [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "tool_result",
                                "tool_use_id": "i",
                                "content": [{"type": "image", "source": {"type": "base64"}}],
                            }
                        ],
                    }
                ]
            ),
            "messages[0].content[0].content[0].source.media_type",
        ),
        (body(tools=[{"name": "a", "input_schema": []}]), "tools[0].input_schema"),
        (body(tools=[{"input_schema": {}}]), "tools[0].name"),
        (body(tools=[{"name": "", "input_schema": {}}]), "tools[0].name"),
        (body(tools=[5]), "tools[0]"),
        (body(tool_choice={"type": "tool"}), "tool_choice.name"),
        (body(tool_choice={"type": "some"}), "tool_choice.type"),
        (body(thinking={"type": "maybe"}), "thinking.type"),
        (body(output_config={"effort": 3}), "output_config.effort"),
        (body(metadata={"user_id": 5}), "metadata.user_id"),
        (body(context_management={"edits": 5}), "context_management"),
        (body(system=5), "system"),
    ],
)
def test_a_wrong_member_is_named_with_its_place(value: Any, field: str) -> None:
    error = rejected(value)

    assert isinstance(error, Malformed)
    assert error.field == field


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("container.skills", {"container": {"skills": [{"skill_id": "pdf"}]}}),
        ("inference_geo", {"inference_geo": "eu"}),
        ("billing_policy", {"billing_policy": {"type": "x", "bill_to": "user_profile"}}),
        ("thread", {"thread": {"type": "create"}}),
        ("compaction", {"compaction": {"type": "summarize"}}),
        (
            "context_management.edits",
            {"context_management": {"edits": [{"type": "compact_20260112", "trigger": {}}]}},
        ),
        ("mcp_servers", {"mcp_servers": [{"name": "x", "url": "https://x.test", "type": "url"}]}),
    ],
)
def test_what_would_change_the_answer_is_refused(member: str, value: dict[str, Any]) -> None:
    error = rejected(body(**value))

    assert isinstance(error, Unsupported)
    assert error.field == member


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("container", {"container": "c_1"}),
        ("speed", {"speed": "fast"}),
        ("diagnostics", {"diagnostics": {"previous_message_id": "m"}}),
        ("fallbacks", {"fallbacks": "default"}),
        ("betas", {"betas": ["x"]}),
        ("output_config.task_budget", {"output_config": {"task_budget": {"total": 1}}}),
        ("future", {"future": {"a": [1]}}),
        ("metadata.future", {"metadata": {"future": 1}}),
        ("context_management", {"context_management": {"edits": []}}),
    ],
)
def test_what_only_changes_cost_or_comfort_is_a_loss(member: str, value: dict[str, Any]) -> None:
    parsed(body(**value), f"drop:{member}")


def test_members_that_say_nothing_are_no_loss() -> None:
    parsed(body(speed="standard", billing_policy={"type": "x", "bill_to": "self"}, mcp_servers=[]))


def test_an_unknown_member_costs_nothing_else() -> None:
    """The whole body is then read member by member, numbers in input and schema as they came."""
    data = (
        b'{"model":"m","max_tokens":1,"new":1,"tools":[{"name":"a","input_schema":'
        b'{"type":"object","properties":{"n":{"maximum":1.10}}}}],"messages":['
        b'{"role":"user","content":"x"},{"role":"assistant","content":['
        b'{"type":"tool_use","id":"i","name":"a","input":{"n":1.10,"big":12345678901234567890123},'
        b'"caller":{"type":"direct"},"extra":1}]},'
        b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":['
        b'{"type":"text","text":"r","cache_control":{"type":"ephemeral","scope":"global"}}]}]}]}'
    )
    losses = Losses()
    found = request.parse(data, losses)

    assert list(losses) == [
        "drop:new",
        "drop:messages.content.extra",
        "drop:messages.content.content.cache_control.scope",
    ]
    assert found.turns[1].blocks == (Call("i", "a", '{"n":1.10,"big":12345678901234567890123}'),)
    assert found.turns[2].blocks == (Result("i", (Text("r"),), cache=Cache()),)
    assert found.tools[0].schema.endswith('"maximum":1.10}}}')


def test_half_characters_are_mended() -> None:
    """anthropics/claude-code#56064: tool output cut in the middle of an emoji."""
    data = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result",'
        b'"tool_use_id":"i","content":"cut \\ud83d and \\ud83d\\ude00"}]}]}'
    )
    found = request.parse(data, Losses())

    assert found.turns[0].blocks == (Result("i", (Text("cut \ufffd and 😀"),)),)


# --- system --------------------------------------------------------------------------------------


def test_the_prompt() -> None:
    marked = {"type": "ephemeral", "ttl": "1h"}
    parts = [
        {"type": "text", "text": "a", "cache_control": marked},
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
    ]

    assert parsed(body(system=parts)).turns[0] == Turn(
        "system", (Text("a", Cache("1h")), Text("b", Cache()))
    )
    assert parsed(body(system="a")).turns[0] == Turn("system", (Text("a"),))
    assert parsed(body(system="")).turns[0].role == "user"
    assert parsed(body(system=[])).turns[0].role == "user"


@pytest.mark.parametrize(
    ("system", "kept"),
    [
        (["x-anthropic-billing-header: cc_version=1; cch=1;", "S"], ["S"]),
        (["x-anthropic-billing-header: cch=2;\nS", "T"], ["S", "T"]),
        (["S", "x-anthropic-billing-header: quoted"], ["S", "x-anthropic-billing-header: quoted"]),
    ],
)
def test_the_changing_attribution_line_is_left_out(system: list[str], kept: list[str]) -> None:
    """anthropics/claude-code#68900: it spoils every prefix cache."""
    parts = [{"type": "text", "text": text} for text in system]
    lost = ["drop:system.billing_header"] if kept != system else []

    assert parsed(body(system=parts), *lost).turns[0].blocks == tuple(map(Text, kept))


def test_system_turns_stay_where_they_are() -> None:
    messages = [
        *HELLO,
        {"role": "system", "content": "plain"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "u"},
        {
            "role": "system",
            "content": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        },
    ]

    assert [(t.role, t.blocks) for t in parsed(body(messages)).turns] == [
        ("user", (Text("hello"),)),
        ("system", (Text("plain"),)),
        ("assistant", (Text("a"),)),
        ("user", (Text("u"),)),
        ("system", (Text("s", Cache()),)),
    ]


def test_a_system_turn_that_is_cleared_by_the_next_user_message() -> None:
    note = {"role": "system", "content": "x", "clear_at": "next_user_message"}
    last = parsed(body([*HELLO, note]))
    passed = parsed(body([*HELLO, note, *HELLO]), "emu:clear_at")

    assert [turn.role for turn in last.turns] == ["user", "system"]
    assert [turn.role for turn in passed.turns] == ["user", "user"]


def test_the_effort_that_a_system_turn_asks_for() -> None:
    note = {"role": "system", "output_config": {"effort": "low"}}
    found = parsed(
        body([*HELLO, note], output_config={"effort": "high"}), "emu:messages.output_config"
    )

    assert found.thinking.effort == "low"
    assert len(found.turns) == 1


# --- content -------------------------------------------------------------------------------------


def test_results() -> None:
    content = [
        {"tool_use_id": "a", "type": "tool_result", "content": "out", "is_error": True},
        {"tool_use_id": "b", "type": "tool_result"},
        {"tool_use_id": "c", "type": "tool_result", "content": []},
        {
            "tool_use_id": "d",
            "type": "tool_result",
            "content": [
                {"type": "text", "text": "t"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                },
                {"type": "tool_reference", "tool_name": "WebFetch"},
            ],
            "cache_control": {"type": "ephemeral"},
        },
    ]

    assert blocks_of(content) == (
        Result("a", (Text("out"),), is_error=True),
        Result("b"),
        Result("c"),
        Result(
            "d",
            (Text("t"), Media("image", "base64", PNG, "image/png"), ToolReference("WebFetch")),
            cache=Cache(),
        ),
    )


def test_what_else_a_result_may_hold_is_text() -> None:
    content = [
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [
                {
                    "type": "search_result",
                    "source": "https://x.test",
                    "title": "X",
                    "content": [{"type": "text", "text": "found"}],
                },
                {"type": "browser_state", "tabs": []},
            ],
        }
    ]
    (result,) = blocks_of(content, "emu:search_result")

    assert result.blocks == (
        Text('<search_result source="https://x.test" title="X">\nfound\n</search_result>'),
        Text('{"type": "browser_state", "tabs": []}'),
    )


def test_images_and_documents() -> None:
    content = [
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0"},
            "title": "T",
            "context": "C",
            "cache_control": {"type": "ephemeral"},
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "words"},
        },
        {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}},
    ]

    assert blocks_of(content) == (
        Media("image", "url", "https://x.test/a.png"),
        Media("image", "file", "file_1"),
        Media("document", "base64", "JVBERi0", "application/pdf", "T", "C", cache=Cache()),
        Media("document", "text", "words", "text/plain"),
        Media("document", "url", "https://x.test/a.pdf"),
    )


def test_a_document_of_blocks() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "u"}}
    source = {"type": "content", "content": [{"type": "text", "text": "a"}, image]}
    content = [{"type": "document", "source": source, "citations": {"enabled": True}}]

    assert blocks_of(content, "drop:citations", "emu:document.content") == (
        Media("document", "text", "a", "text/plain"),
        Media("image", "url", "u"),
    )


def test_citations_of_an_answer_are_a_loss() -> None:
    assert blocks_of([{"type": "text", "text": "a", "citations": None}]) == (Text("a"),)
    cited = [{"type": "text", "text": "a", "citations": [{"type": "char_location"}]}]
    assert blocks_of(cited, "drop:citations") == (Text("a"),)


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ({"thinking": "t"}, Reasoning("t")),
        ({"thinking": "t", "signature": None}, Reasoning("t")),
        ({"thinking": "t", "signature": ""}, Reasoning("t")),
        ({"thinking": "t", "signature": "EqQB"}, Reasoning("t", foreign_signature="EqQB")),
        (
            {"thinking": "t", "signature": seal.wrap(Seal("kimi", "text", ""))},
            Reasoning("t", Seal("kimi", "text", "")),
        ),
        (
            {"thinking": "", "signature": seal.wrap(Seal("kimi", "text", ""), "hidden")},
            Reasoning("hidden", Seal("kimi", "text", "")),
        ),
        ({"thinking": "t", "signature": "gw1.broken"}, Reasoning("t", None, "gw1.broken")),
    ],
)
def test_thoughts(block: dict[str, Any], found: Reasoning) -> None:
    assert blocks_of([{"type": "thinking", **block}], role="assistant") == (found,)


def test_redacted_thoughts() -> None:
    ours = seal.wrap(Seal("kimi", "redacted", "D"))
    content = [
        {"type": "redacted_thinking", "data": "theirs"},
        {"type": "redacted_thinking", "data": ours},
    ]

    assert blocks_of(content, role="assistant") == (
        Reasoning("", foreign_signature="theirs", hidden=True),
        Reasoning("", Seal("kimi", "redacted", "D"), hidden=True),
    )


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
            '[web_search "q"]',
        ),
        (
            {
                "type": "web_search_tool_result",
                "tool_use_id": "s",
                "content": [
                    {"type": "web_search_result", "url": "https://x.test", "title": "X"},
                    {"type": "web_search_result", "url": "https://y.test"},
                ],
            },
            "- X (https://x.test)\n- https://y.test",
        ),
        (
            {
                "type": "web_search_tool_result",
                "tool_use_id": "s",
                "content": {
                    "type": "web_search_tool_result_error",
                    "error_code": "max_uses_exceeded",
                },
            },
            "error: max_uses_exceeded",
        ),
        (
            {
                "type": "code_execution_tool_result",
                "content": {"stdout": "1\n", "stderr": "", "return_code": 0, "content": []},
            },
            "1\n",
        ),
        (
            {
                "type": "web_fetch_tool_result",
                "content": {
                    "type": "web_fetch_result",
                    "url": "https://x.test",
                    "content": {
                        "type": "document",
                        "source": {"type": "text", "data": "page"},
                    },
                },
            },
            "- https://x.test\npage",
        ),
        ({"type": "mcp_tool_use", "name": "do", "input": {"a": 1, "b": 2}}, '[do {"a":1,"b":2}]'),
        (
            {"type": "mcp_tool_result", "content": [{"type": "text", "text": "done"}]},
            "done",
        ),
        ({"type": "mcp_tool_result"}, "(no output)"),
        ({"type": "compaction", "content": "sum"}, f"{SUMMARY}sum"),
        ({"type": "compaction", "content": [{"type": "text", "text": "sum"}]}, f"{SUMMARY}sum"),
        ({"type": "container_upload", "file_id": "f"}, None),
    ],
)
def test_blocks_that_only_this_dialect_has(block: dict[str, Any], words: str | None) -> None:
    (found,) = blocks_of([block], role="assistant")

    search = Search("ws_s", "q") if block.get("name") == "web_search" else None
    native = json.dumps(block)
    assert found == Opaque(Dialect.ANTHROPIC, block["type"], native, words, search=search)


def test_a_compacted_history_that_only_its_maker_can_open_is_kept_or_refused() -> None:
    (found,) = blocks_of([{"type": "compaction", "encrypted_content": "x"}], role="assistant")
    assert isinstance(found, Opaque)
    assert found.needed is not None
    history = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "compaction", "encrypted_content": "x"}]},
        {"role": "user", "content": "b"},
    ]
    request = json.dumps(body(messages=history)).encode()
    for upstream in (Dialect.CHAT, Dialect.RESPONSES):
        bridge = bridge_of(Dialect.ANTHROPIC, upstream, Quirks(), stream=False)
        with pytest.raises(Unsupported, match=r"compacted elsewhere.*begin a new conversation"):
            bridge.request(request)


# --- tools ---------------------------------------------------------------------------------------


def tools_of(*tools: dict[str, Any], lost: tuple[str, ...] = ()) -> tuple[Tool, ...]:
    return parsed(body(tools=list(tools)), *lost).tools


def test_functions() -> None:
    found = tools_of(
        {
            "name": "a",
            "description": "d",
            "input_schema": {"type": "object"},
            "type": "custom",
            "strict": True,
            "eager_input_streaming": True,
            "allowed_callers": ["direct"],
            "cache_control": {"type": "ephemeral"},
        },
        {"name": "b", "input_schema": None, "defer_loading": True},
    )

    assert found == (
        Tool("a", description="d", schema='{"type": "object"}', strict=True, cache=Cache()),
        Tool("b", deferred=True),
    )


def test_examples_go_into_the_description() -> None:
    (found,) = tools_of(
        {"name": "a", "description": "d", "input_schema": {}, "input_examples": [{"n": 1}, {}]},
        lost=("emu:tools.input_examples",),
    )

    assert found.description == 'd\nExamples:\n{"n": 1}\n{}'


def test_callers_other_than_the_model_are_lost() -> None:
    tools_of(
        {"name": "a", "input_schema": {}, "allowed_callers": ["code_execution_20250825"]},
        lost=("drop:tools.allowed_callers",),
    )


@pytest.mark.parametrize(
    ("kind", "name", "member"),
    [
        ("bash_20250124", "bash", "restart"),
        ("text_editor_20250124", "str_replace_editor", "undo_edit"),
        ("text_editor_20250728", "str_replace_based_edit_tool", "insert_text"),
        ("memory_20250818", "memory", "new_path"),
        ("computer_20251124", "computer", "scroll_amount"),
    ],
)
def test_tools_with_a_known_schema_are_functions(kind: str, name: str, member: str) -> None:
    (found,) = tools_of({"type": kind, "name": name, "max_characters": 5})

    assert (found.kind, found.name) == ("function", name)
    assert member in found.schema
    assert json.loads(found.schema)["type"] == "object"
    assert json.loads(found.native or "")["type"] == kind


def test_editors_without_undo() -> None:
    (found,) = tools_of({"type": "text_editor_20250728", "name": "e"})

    assert "undo_edit" not in found.schema


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ({"type": "web_search_20250305", "name": "web_search", "max_uses": 5}, "web_search"),
        ({"type": "mcp_toolset", "mcp_server_name": "x"}, "x"),
        ({"type": "computer_toolset_20260801"}, "computer_toolset_20260801"),
    ],
)
def test_tools_of_the_server(tool: dict[str, Any], name: str) -> None:
    (found,) = tools_of(tool)

    assert (found.kind, found.name) == ("hosted", name)
    assert found.native == json.dumps(tool)
    assert found.native_dialect is Dialect.ANTHROPIC


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        (None, None),
        ({"type": "auto"}, ToolChoice()),
        ({"type": "any"}, ToolChoice("any")),
        ({"type": "none"}, ToolChoice("none")),
        ({"type": "tool", "name": "a"}, ToolChoice("tool", "a")),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(parallel=False)),
        ({"type": "auto", "disable_parallel_tool_use": False}, ToolChoice(parallel=True)),
    ],
)
def test_tool_choice(choice: Any, found: ToolChoice | None) -> None:
    tools = [{"name": "a", "input_schema": {}}]

    assert parsed(body(tools=tools, tool_choice=choice)).tool_choice == found


def test_tools_that_come_and_go() -> None:
    tools = [
        {"name": "a", "input_schema": {}},
        {"name": "b", "input_schema": {}, "defer_loading": True},
    ]
    changes = [
        {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "a"}},
        {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "b"}},
        {
            "type": "tool_addition",
            "tool": {"type": "tool_definition", "definition": {"name": "c", "input_schema": {}}},
        },
    ]
    found = parsed(
        body([*HELLO, {"role": "system", "content": changes}], tools=tools),
        "emu:tool_removal",
        "emu:tool_addition",
    )

    assert [(tool.name, tool.deferred) for tool in found.tools] == [("b", False), ("c", False)]
    assert len(found.turns) == 1


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, Thinking()),
        ({"thinking": {"type": "disabled"}}, Thinking("off")),
        ({"thinking": {"type": "adaptive"}}, Thinking("on")),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            Thinking("on", show="omitted"),
        ),
        (
            {"thinking": {"type": "adaptive", "display": "updates"}},
            Thinking("on", show="summary"),
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 31999, "display": "summarized"}},
            Thinking("budget", budget_tokens=31999, show="summary"),
        ),
        ({"thinking": {"type": "enabled"}}, Thinking("on")),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            Thinking("on", "max"),
        ),
        ({"output_config": {"effort": "low"}}, Thinking(None, "low")),
    ],
)
def test_thinking(members: dict[str, Any], found: Thinking) -> None:
    assert parsed(body(**members)).thinking == found


@pytest.mark.parametrize(
    ("keep", "turns"),
    [
        ({"keep": "all"}, None),
        ({"keep": {"type": "all"}}, None),
        ({"keep": {"type": "thinking_turns", "value": 2}}, 1),
        ({"keep": {"type": "thinking_turns", "value": 1}}, 0),
        ({}, 0),
    ],
)
def test_clearing_thoughts(keep: dict[str, Any], turns: int | None) -> None:
    edits = [{"type": "clear_thinking_20251015", **keep}]
    lost = "emu:context_management.clear_thinking"
    found = parsed(body(context_management={"edits": edits}), lost)

    assert found.thinking.keep_turns == turns


def test_other_edits_of_the_context_are_a_loss() -> None:
    edits = [{"type": "clear_tool_uses_20250919", "trigger": {"type": "tool_uses", "value": 3}}]

    parsed(
        body(context_management={"edits": edits}),
        "drop:context_management.clear_tool_uses_20250919",
    )


@pytest.mark.parametrize("member", ["output_config", "output_format"])
def test_structured_answers(member: str) -> None:
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    value = {"format": wanted} if member == "output_config" else wanted

    assert parsed(body(**{member: value})).output_format == OutputFormat(
        "json_schema", '{"type": "object"}', strict=True
    )


@pytest.mark.parametrize(
    ("user", "session"),
    [
        ('{"device_id":"d","account_uuid":"","session_id":"s-1"}', "s-1"),
        ("user_abc_account_def_session_s-2", "s-2"),
        ("somebody", None),
        ("{broken", None),
        ('{"session_id":5}', None),
    ],
)
def test_the_session_inside_the_user_id(user: str, session: str | None) -> None:
    found = parsed(body(metadata={"user_id": user}))

    assert found.identity == Identity(user, session)


def test_automatic_caching_marks_the_last_block() -> None:
    found = parsed(
        body([*HELLO, {"role": "user", "content": "more"}], cache_control={"type": "ephemeral"})
    )

    assert found.turns[0].blocks == (Text("hello"),)
    assert found.turns[1].blocks == (Text("more", Cache()),)
