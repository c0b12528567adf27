"""What only Codex does: tools in a namespace and free-form ones, pictures and other bytes as tool
output."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gwproxy.clients.codex_models import KEY
from gwproxy.simulator import PlayedAnswer, PlayedQuestion, Rule, toolbox
from gwproxy.simulator.conversation import Called, PlayedResult, PlayedSaying
from real_clients.coding_tools import CODEX
from real_clients.installed import needs
from real_clients.stage import SetStage
from real_clients.tasks import FILE, IMAGE, PICTURE, PNG, WRITE_AND_REPORT, with_patch, with_tool
from support.upstreams import CHAT_ONLY, RESPONSES_ONLY, UPSTREAMS, Upstream

pytestmark = [pytest.mark.clients, needs("codex")]

WARNING = "Model metadata for"
UPSTREAM = pytest.mark.parametrize("upstream", UPSTREAMS)


@UPSTREAM
async def test_a_tool_in_a_namespace_is_called(set_stage: SetStage, upstream: str) -> None:
    """Only Responses has namespaces; elsewhere the tool has a name of both, and back again."""
    native = upstream == "responses-only"
    name = "close_agent" if native else "multi_agent_v1__close_agent"
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up("codex")
    task = replace(with_tool(name, target="nobody-9a"), shows=("nobody-9a",))
    await stage.perform(CODEX, task)


@UPSTREAM
async def test_a_picture_is_viewed(set_stage: SetStage, upstream: str) -> None:
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up("codex")
    task = with_tool("view_image", path=str(stage.work / PICTURE))
    await stage.perform(CODEX, replace(task, given=IMAGE.given))
    assert stage.has_shown(PNG)


@UPSTREAM
async def test_control_characters_in_output_do_no_harm(set_stage: SetStage, upstream: str) -> None:
    """Codex has no tool for reading files, so the shell prints the picture's bytes."""
    stage = await set_stage(UPSTREAMS[upstream])
    stage.set_up("codex")
    await stage.perform(CODEX, replace(IMAGE, shows=("IHDR",)))


def words_of(asked: PlayedQuestion) -> str:
    return "\n".join(
        entry.text for entry in asked.entries if isinstance(entry, PlayedSaying | PlayedResult)
    )


def calling(asked: PlayedQuestion, ending: str, **arguments: object) -> PlayedAnswer:
    """A call of the tool that is called so, under whatever namespace."""
    tool = next(tool for tool in asked.tools if tool.name.endswith(ending))
    return PlayedAnswer(thinking="So be it.", calls=(toolbox.filled(tool, **arguments),))


def compacting(asked: PlayedQuestion) -> PlayedAnswer:
    """One tool turn, a summary for whoever wants one, and an answer to who brings it back."""
    if not asked.tools:
        return PlayedAnswer("SUMMARY-77: all was done")
    if "SUMMARY-77" in words_of(asked):
        return PlayedAnswer("WENT ON")
    return calling(asked, "exec_command", cmd="echo hi")


@UPSTREAM
async def test_it_compacts_under_a_provider_named_openai(
    set_stage: SetStage, upstream: str
) -> None:
    """Then it orders compaction of its provider, and its session is dead without the one item that
    it waits for (openai/codex#22809). The Responses host does not heed the order at first."""
    stage = await set_stage(UPSTREAMS[upstream], compacting)
    stage.set_up("codex")
    flags = ["-c", "model_providers.gwproxy.name=OpenAI", "-c", "model_auto_compact_token_limit=50"]
    ran = await stage.run([*CODEX.command("go", stage.home)[:-1], *flags, "go"])
    assert (ran.code, CODEX.final_text(ran.stdout)) == (0, "WENT ON"), ran
    assert b"Summary of the earlier conversation: SUMMARY-77" in stage.provider.generations[-1].raw


TASK = "CHILDTASK-42: say the word pineapple"


def delegating(asked: PlayedQuestion) -> PlayedAnswer:
    """The parent hands a task to an agent and waits for it; the agent says whether it has it."""
    words = words_of(asked)
    if "DELEGATE" not in words:
        return PlayedAnswer("PINEAPPLE-1" if TASK in words else "NO TASK HERE")
    made = sum(isinstance(entry, Called) for entry in asked.entries)
    if made == 0:
        return calling(asked, "spawn_agent", message=TASK, task_name="fruit", fork_turns="none")
    if "PINEAPPLE-1" in words:
        return PlayedAnswer("THE AGENT HAS ANSWERED")
    return calling(asked, "wait_agent") if made < 4 else PlayedAnswer("NO ANSWER")


@pytest.mark.parametrize("upstream", ["chat-only", "anthropic-only"])
async def test_an_agent_gets_its_task_and_its_answer_comes_back(
    set_stage: SetStage, upstream: str
) -> None:
    stage = await set_stage(UPSTREAMS[upstream], delegating)
    stage.set_up("codex")
    prompt = "DELEGATE it"
    command = [*CODEX.command(prompt, stage.home)[:-1], "--enable", "multi_agent_v2", prompt]
    ran = await stage.run(command)
    assert (ran.code, CODEX.final_text(ran.stdout)) == (0, "THE AGENT HAS ANSWERED"), ran
    assert all(each.status == 200 for each in stage.provider.generations)


async def test_it_runs_a_command_for_the_token(set_stage: SetStage) -> None:
    stage = await set_stage(CHAT_ONLY)
    stage.set_up("codex", "--helper")
    settings = (stage.home / ".codex" / "config.toml").read_text(encoding="utf-8")
    assert stage.gateway.token not in settings
    finished = await stage.perform(CODEX, WRITE_AND_REPORT)
    # With a command it would also ask which models there are, had it not been told.
    assert "/v1/models" not in stage.gateway.log
    assert "failed to refresh available models" not in finished.ran.stderr


FUNCTIONS_ONLY = Upstream(
    replace(
        RESPONSES_ONLY.manners,
        models=("gpt-5.5",),
        rules=frozenset({Rule.FUNCTION_TOOLS}),
    ),
    "custom",
    {"model": "gpt-5.5", "dialects": ["responses"]},
)
PATCH = "*** Begin Patch\n*** Add File: hello.txt\n+first\n*** End Patch\n"


async def test_a_host_that_takes_functions_only_patches_files(set_stage: SetStage) -> None:
    """What it refuses in the first turn it is told in its way, and in later turns at once."""
    stage = await set_stage(FUNCTIONS_ONLY)
    stage.set_up("codex")
    task = with_patch(PATCH, "first\n")
    ran = await stage.run(CODEX.command(task.prompt, stage.home))
    assert '"type":"file_change"' in ran.stdout
    assert (stage.work / FILE).read_text(encoding="utf-8") == task.writes[FILE]
    assert task.says[0] in CODEX.final_text(ran.stdout)
    refused = ["custom", "tool_search", "web_search"]
    asked = stage.provider.generations
    assert [one.status for one in asked] == [400] * len(refused) + [200] * task.turns
    first = {tool["type"] for tool in asked[0].body["tools"]}
    assert first == {"function", *refused}
    assert "apply_patch" in {tool["name"] for tool in asked[-1].body["tools"]}


async def test_it_knows_the_model_and_is_prompted_as_if_it_did_not(set_stage: SetStage) -> None:
    """Without its entry Codex warns. The entry has to bring the prompt: it is Codex's own."""
    stage = await set_stage(CHAT_ONLY)
    stage.set_up("codex")
    settings = stage.home / ".codex" / "config.toml"
    named = settings.read_text(encoding="utf-8")
    unnamed = "".join(line for line in named.splitlines(keepends=True) if KEY not in line)
    assert unnamed != named
    by_way_of, variables = stage.own_gateway()
    command = [word for word in CODEX.command("hello", stage.home) if word != "--json"]
    for text, before, warns in ((named, [], False), (unnamed, [], True), ("", by_way_of, False)):
        settings.write_text(text, encoding="utf-8")
        ran = await stage.run([*before, *command], variables)
        assert ran.code == 0, ran
        assert (WARNING in ran.stderr) == warns, ran.stderr
    prompts = {
        asked.entries[0].text
        for asked in stage.turns()
        if isinstance(asked.entries[0], PlayedSaying)
    }
    assert len(prompts) == 1
    settings.write_text(named, encoding="utf-8")
    stage.gateway.command("setup", "codex", "--undo", "--yes", "--home", str(stage.home))
    assert not list(settings.parent.glob("*gwproxy*"))
