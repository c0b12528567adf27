"""What a simulated provider says: scenarios, scripts in prompts, the built-in conversation."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwproxy.simulator import PlayedAnswer, PlayedQuestion, call, in_prompt, scenario
from gwproxy.simulator.conversation import (
    Called,
    Entry,
    PlayedResult,
    PlayedSaying,
    PlayedThought,
    PlayedTool,
    PlayedToolChoice,
    assistant_turns,
    fitted,
    fresh_results,
)
from gwproxy.simulator.demo import demo_conversation
from gwproxy.simulator.figures import answer_tokens, tokens
from gwproxy.simulator.play import converse
from gwproxy.simulator.script import scripted
from gwproxy.simulator.wire import WireRefused


def tool(name: str, *parameters: str, required: bool = True) -> PlayedTool:
    properties = {parameter: {"type": "string"} for parameter in parameters}
    wanted = list(parameters) if required else []
    return PlayedTool(name, {"type": "object", "properties": properties, "required": wanted})


def asked(*entries: Entry, tools: tuple[PlayedTool, ...] = ()) -> PlayedQuestion:
    return PlayedQuestion(dialect="chat", model="demo-1", entries=entries, tools=tools)


HI = PlayedSaying("user", "hi")
WEATHER = tool("get_weather", "city")


# --- scenarios ----------------------------------------------------------------------------


def test_a_scenario_follows_the_history_and_not_the_number_of_requests() -> None:
    play = scenario("one", "two", "three")
    spoken = (PlayedThought("t"), PlayedSaying("assistant", "one"), Called("c", "n", "{}"))
    assert play(asked(HI)).text == "one"
    assert play(asked(HI)).text == "one"
    assert play(asked(HI, *spoken, PlayedResult("c", "r"))).text == "two"
    later = (PlayedSaying("assistant", "two"), HI, PlayedSaying("assistant", "three"), HI)
    assert play(asked(HI, *spoken, PlayedResult("c", "r"), *later)).text == "three"


def test_turns_are_counted_however_they_were_cut_up() -> None:
    assert assistant_turns(()) == 0
    assert (
        assistant_turns(
            (HI, PlayedThought("a"), PlayedSaying("assistant", "b"), Called("c", "d", "e"))
        )
        == 1
    )
    assert (
        assistant_turns((PlayedSaying("assistant", "a"), HI, HI, PlayedSaying("assistant", "b")))
        == 2
    )


def test_results_stay_fresh_when_a_client_adds_text_after_them() -> None:
    entries = (
        HI,
        Called("c", "n", "{}"),
        PlayedResult("c", "r"),
        PlayedSaying("system", "note"),
        HI,
    )
    assert fresh_results(entries) == (PlayedResult("c", "r"),)
    assert fresh_results((*entries, PlayedSaying("assistant", "done"), HI)) == ()


# --- limits -------------------------------------------------------------------------------

ANSWERS = st.builds(
    PlayedAnswer,
    text=st.text(max_size=60),
    thinking=st.text(max_size=60),
    calls=st.lists(st.builds(call, st.sampled_from(["a", "b"]), x=st.text(max_size=20))).map(tuple),
)


@given(ANSWERS, st.integers(0, 60))
def test_an_answer_keeps_within_the_limit_and_says_when_it_was_cut(
    answer: PlayedAnswer, limit: int
) -> None:
    cut = fitted(answer, replace(asked(HI), limit_tokens=limit), tokens)
    if cut is answer:
        assert cut.stop_reason in ("end", "calls")
    else:
        assert answer_tokens(cut) <= limit
        assert cut.stop_reason == "length"
        assert cut.calls == ()
        assert answer.thinking.startswith(cut.thinking)
        assert answer.text.startswith(cut.text)
        assert not cut.text or cut.thinking == answer.thinking, "thinking eats the budget first"


@given(st.text(max_size=30), st.text(min_size=1, max_size=3), st.text(max_size=30))
def test_a_stop_sequence_never_appears(before: str, stop: str, after: str) -> None:
    request = replace(asked(HI), stop_sequences=(stop,))
    cut = fitted(PlayedAnswer(before + stop + after), request, tokens)
    assert stop not in cut.text
    assert (cut.stop_reason, cut.stop_sequence) == ("stop_sequence", stop)


# --- the built-in conversation ------------------------------------------------------------


def test_the_demo_asks_the_weather_tool_about_every_place() -> None:
    question = PlayedSaying("user", "Weather in Paris and in São_Paulo?")
    answer = demo_conversation(asked(question, tools=(tool("Bash", "command"), WEATHER)))
    assert answer.calls == (
        call("get_weather", city="Paris"),
        call("get_weather", city="São_Paulo"),
    )
    assert answer.thinking
    calls = (Called("1", "get_weather", "{}"), Called("2", "get_weather", "{}"))
    results = (PlayedResult("1", "rain"), PlayedResult("2", "no such city", failed=True))
    told = demo_conversation(asked(question, *calls, *results, tools=(WEATHER,)))
    assert told.text == "The tool says: rain | It failed: no such city"
    assert told.calls == ()


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([tool("Write", "file_path", "content"), tool("Glob", "pattern")], {"pattern": "*"}),
        ([tool("delete_everything"), tool("list_files")], {}),
        ([tool("Bash", "command")], {"command": "echo 'The simulated provider says hello.'"}),
        ([tool("search_docs", "query")], {"query": "demo query"}),
    ],
)
def test_the_demo_prefers_tools_that_only_look(tools: list[PlayedTool], expected: object) -> None:
    answer = demo_conversation(asked(HI, tools=tuple(tools)))
    assert json.loads(answer.calls[0].arguments) == expected


@pytest.mark.parametrize("name", ["delete_everything", "Write", "targeting", "listener"])
def test_the_demo_does_not_touch_what_might_bite(name: str) -> None:
    answer = demo_conversation(asked(HI, tools=(tool(name, "path"),)))
    assert answer.calls == ()
    assert "“hi”" in answer.text


def test_the_demo_obeys_tool_choice() -> None:
    tools = (tool("delete_everything", "path"), WEATHER)
    request = asked(HI, tools=tools)
    forced = demo_conversation(
        replace(request, tool_choice=PlayedToolChoice("tool", tools[0].name))
    )
    assert forced.calls == (call("delete_everything", path="demo path"),)
    anything = demo_conversation(replace(request, tool_choice=PlayedToolChoice("any")))
    assert anything.calls[0].name == "get_weather"
    assert demo_conversation(replace(request, tool_choice=PlayedToolChoice("none"))).calls == ()


def test_the_demo_fills_the_schema_that_a_client_asks_for() -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "kind": {"enum": ["a", "b"]},
            "size": {"$ref": "#/$defs/size"},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "left_out": {"type": "string"},
            "either": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "done": {"type": "boolean"},
        },
        "required": ["title", "kind", "size", "tags", "either", "done"],
        "$defs": {"size": {"type": "integer", "minimum": 3}},
    }
    answer = demo_conversation(replace(asked(HI), answer_schema=schema))
    assert json.loads(answer.text) == {
        "title": "demo title",
        "kind": "a",
        "size": 3,
        "tags": ["demo tags", "demo tags"],
        "either": None,
        "done": False,
    }


def test_a_schema_without_end_is_not_followed_without_end() -> None:
    endless = {"type": "object", "properties": {"x": {"$ref": "#"}}, "required": ["x"]}
    assert demo_conversation(replace(asked(HI), answer_schema=endless)).text


# --- scripts in the prompt ----------------------------------------------------------------

CLAUDE_TOOLS = (
    tool("Write", "file_path", "content"),
    tool("Bash", "command", "description"),
    tool("Read", "file_path"),
)
CODEX_TOOLS = (
    PlayedTool("shell", {"type": "object", "properties": {"command": {"type": "array"}}}),
)
WORKING_DIRECTORY = PlayedSaying("system", "Working directory: /home/user/project\nBe good.")


def prompt(*steps: dict[str, object]) -> PlayedSaying:
    return PlayedSaying("user", f"Please do this: {in_prompt(list(steps))} Thank you.")


def arguments(request: PlayedQuestion) -> list[object]:
    answer = scripted(request)
    assert answer is not None
    return [json.loads(made.arguments) for made in answer.calls]


def test_a_script_uses_the_clients_own_tools() -> None:
    step: dict[str, object] = {"write": {"path": "a.txt", "content": "x\n"}}
    written = arguments(asked(WORKING_DIRECTORY, prompt(step), tools=CLAUDE_TOOLS))
    assert written == [{"file_path": "/home/user/project/a.txt", "content": "x\n"}]
    by_shell = arguments(asked(WORKING_DIRECTORY, prompt(step), tools=CODEX_TOOLS))
    command = "printf %s 'x\n' > /home/user/project/a.txt"
    assert by_shell == [{"command": ["bash", "-lc", command]}]
    read = arguments(asked(prompt({"read": "/etc/hostname"}), tools=CLAUDE_TOOLS))
    assert read == [{"file_path": "/etc/hostname"}]
    run = arguments(asked(prompt({"run": "ls"}), tools=CLAUDE_TOOLS))
    assert run == [{"command": "ls", "description": "demo description"}]
    exact = arguments(
        asked(prompt({"tool": "Read", "input": {"file_path": "b"}}), tools=CLAUDE_TOOLS)
    )
    assert exact == [{"file_path": "b"}]


def test_a_script_goes_step_by_step_and_quotes_the_results() -> None:
    steps: list[dict[str, object]] = [
        {"run": "one"},
        {"calls": [{"run": "two"}, {"run": "three"}]},
        {"text": "last {RESULT}, all {RESULTS}"},
    ]
    first = (prompt(*steps),)
    second = (*first, Called("1", "Bash", "{}"), PlayedResult("1", "r1"))
    third = (
        *second,
        PlayedThought("…"),
        Called("2", "Bash", "{}"),
        Called("3", "Bash", "{}"),
        PlayedResult("3", " r3\n"),
        PlayedResult("2", "r2"),
        PlayedSaying("system", "1000 tokens left"),
    )
    assert len(arguments(asked(*first, tools=CLAUDE_TOOLS))) == 1
    assert len(arguments(asked(*second, tools=CLAUDE_TOOLS))) == 2
    final = scripted(asked(*third, tools=CLAUDE_TOOLS))
    assert final is not None
    assert final.text == "last r3, all r2|r3"


def test_the_newest_script_counts() -> None:
    entries = (prompt({"run": "old"}), Called("1", "Bash", "{}"), prompt({"text": "new"}))
    assert converse(asked(*entries, tools=CLAUDE_TOOLS)).text == "new"


def test_a_side_request_without_tools_is_not_the_scripted_conversation() -> None:
    assert scripted(asked(prompt({"run": "one"}))) is None
    assert "Hello" in converse(asked(prompt({"run": "one"}))).text


def test_a_script_that_cannot_be_played_says_why() -> None:
    with pytest.raises(WireRefused, match=r"no shell tool; it offers get_weather"):
        scripted(asked(prompt({"run": "one"}), tools=(WEATHER,)))
    with pytest.raises(WireRefused, match=r"no 'Nope' tool"):
        scripted(asked(prompt({"tool": "Nope"}), tools=(WEATHER,)))
    with pytest.raises(WireRefused, match="damaged"):
        scripted(asked(PlayedSaying("user", "GWSCRIPT:bm90IGpzb24:END"), tools=(WEATHER,)))
    with pytest.raises(WireRefused, match="no known kind"):
        scripted(asked(prompt({"dance": 1}), tools=(WEATHER,)))
