"""From wishes to edits, and what a person is shown of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwproxy.clients.document import ABSENT, pointer
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.plan import (
    SetupPlan,
    SetupWish,
    Target,
    diff,
    plan_setup,
    plan_undo,
    restore,
    shown,
)
from gwproxy.clients.undo import Claim

TARGET = Target("claude-code", "user", Path("/home/me/.claude/settings.json"), JSON)
TOKEN = "gw-" + "t" * 30 + "WXYZ"
WISHES = [
    SetupWish(("env", "ANTHROPIC_BASE_URL"), "http://127.0.0.1:4979"),
    SetupWish(("env", "ANTHROPIC_AUTH_TOKEN"), TOKEN, secret=True),
]


def claim_of(plan: SetupPlan) -> Claim:
    return Claim("claude-code", "user", "kimi", "", None, (), plan.members)


def test_a_first_setup_adds_what_is_wished() -> None:
    plan = plan_setup(TARGET, '{"model": "opus"}', WISHES)
    assert JSON.read(plan.after or "") == {
        "model": "opus",
        "env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:4979", "ANTHROPIC_AUTH_TOKEN": TOKEN},
    }
    assert [edit.path[-1] for edit in plan.edits] == ["ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"]


def test_a_second_setup_is_empty() -> None:
    after = plan_setup(TARGET, None, WISHES).after
    plan = plan_setup(TARGET, after, WISHES)
    assert plan.is_empty
    assert plan.edits == ()


def test_no_wish_makes_no_file() -> None:
    assert plan_setup(TARGET, None, []).after is None


def test_another_setup_takes_back_what_it_does_not_wish() -> None:
    """A switch to a profile of real Claude models must not leave another model's name behind."""
    before = '{"env": {"ANTHROPIC_MODEL": "sonnet", "MINE": "1"}}'
    first = plan_setup(
        TARGET,
        before,
        [
            SetupWish(("env", "ANTHROPIC_MODEL"), "kimi-k2.5"),
            SetupWish(("env", "WINDOW"), "262144"),
            SetupWish(("providers", "gwproxy"), {"models": {"kimi": 1}, "url": "u"}),
        ],
    )
    second = plan_setup(
        TARGET,
        first.after,
        [SetupWish(("providers", "gwproxy"), {"models": {"claude": 1}, "url": "u"})],
        claim_of(first),
        before,
    )
    assert JSON.read(second.after or "") == {
        "env": {"ANTHROPIC_MODEL": "sonnet", "MINE": "1"},
        "providers": {"gwproxy": {"models": {"claude": 1}, "url": "u"}},
    }


def test_another_setup_keeps_what_the_user_made_of_ours() -> None:
    first = plan_setup(TARGET, "{}", [SetupWish(("env", "WINDOW"), "262144")])
    edited = JSON.assign(first.after or "", ("env", "WINDOW"), "100000")
    second = plan_setup(TARGET, edited, [], claim_of(first), "{}")
    assert second.is_empty


def test_an_object_is_merged_into_the_users_own() -> None:
    wish = SetupWish(("provider", "gwproxy"), {"options": {"baseURL": "u"}, "models": {}})
    plan = plan_setup(TARGET, '{"provider": {"gwproxy": {"options": {"timeout": 5}}}}', [wish])
    assert JSON.read(plan.after or "") == {
        "provider": {"gwproxy": {"options": {"timeout": 5, "baseURL": "u"}, "models": {}}}
    }


def test_a_wish_for_an_empty_object_empties_none() -> None:
    plan = plan_setup(
        TARGET, '{"models": {"m": {"alias": "mine"}}}', [SetupWish(("models", "m"), {})]
    )
    assert plan.is_empty


def test_a_wish_for_absence_is_undone_as_well() -> None:
    before = '{"env": {"ANTHROPIC_API_KEY": "sk-ant-mine"}}'
    wish = SetupWish(("env", "ANTHROPIC_API_KEY"), ABSENT)
    first = plan_setup(TARGET, before, [wish])
    assert JSON.read(first.after or "") == {"env": {}}
    again = plan_setup(TARGET, first.after, [wish], claim_of(first), before)
    assert again.is_empty
    undo = plan_undo(TARGET, again.after or "", claim_of(again), before)
    assert JSON.read(undo.after or "") == JSON.read(before)


@pytest.mark.parametrize("rest", ["", "\n", " { } \n"])
def test_an_undo_removes_the_file_that_we_had_made(rest: str) -> None:
    first = plan_setup(TARGET, None, WISHES)
    reformatted = rest if rest else first.after or ""
    assert plan_undo(TARGET, reformatted, claim_of(first), None).after is None


def test_an_undo_keeps_the_file_that_the_user_has_used_since() -> None:
    first = plan_setup(TARGET, None, WISHES)
    used = JSON.assign(first.after or "", ("theme",), "dark")
    undo = plan_undo(TARGET, used, claim_of(first), None)
    assert JSON.read(undo.after or "") == {"theme": "dark"}


def test_a_diff_masks_every_secret_and_shows_the_rest() -> None:
    before = (
        '{\n  "env": {\n    "GITHUB_TOKEN": "ghp_0123456789abcdefCDEF",\n'
        '    "ANTHROPIC_AUTH_TOKEN": "sk-ant-0123456789abcdefOLD1",\n    "A_KEY": "k"\n  }\n}\n'
    )
    plan = plan_setup(TARGET, before, WISHES)
    text = diff(plan)
    assert "+++ /home/me/.claude/settings.json" in text
    assert '+    "ANTHROPIC_AUTH_TOKEN": "…WXYZ",' in text
    assert '-    "ANTHROPIC_AUTH_TOKEN": "…OLD1",' in text
    assert '"GITHUB_TOKEN": "…CDEF"' in text
    assert '"A_KEY": "…"' in text
    assert '+    "ANTHROPIC_BASE_URL": "http://127.0.0.1:4979"' in text
    assert TOKEN not in text
    token, address = plan.edits
    assert (shown(token, token.old), shown(token, token.new)) == ("…OLD1", "…WXYZ")
    assert (shown(address, address.old), shown(address, address.new)) == (
        None,
        "http://127.0.0.1:4979",
    )


def test_keys_are_masked_where_no_name_tells_of_them() -> None:
    key, bearer = "sk-proj-0123456789abcdef", "eyJhbGciOiJIUzI1NiJ9"
    before = (
        f'{{"env": {{"A": "1", "ANTHROPIC_CUSTOM_HEADERS": "Authorization: Bearer {bearer}"}},\n'
        f' "mcpServers": {{"x": {{"args": ["--api-key", "{key}"]}}}}}}'
    )
    plan = plan_setup(TARGET, before, [SetupWish(("env", "ANTHROPIC_CUSTOM_HEADERS"), "X-Mine: 1")])
    (edit,) = plan.edits
    assert shown(edit, edit.old) == "Authorization: Bearer [masked]"
    for secret in (key, bearer):
        assert secret not in diff(plan)
    assert "[masked]" in diff(plan)


def test_a_reference_to_a_secret_and_a_number_are_shown() -> None:
    wishes = [
        SetupWish(("apiKey",), "{file:~/.local/state/gwproxy/token}"),
        SetupWish(("TOKEN",), "262144"),
    ]
    edits = plan_setup(TARGET, "", wishes).edits
    assert [shown(edit, edit.new) for edit in edits] == [wish.value for wish in wishes]


def test_a_new_file_and_a_removed_one_are_told_apart() -> None:
    new = plan_setup(TARGET, None, WISHES)
    assert diff(new).startswith("--- /dev/null\n+++ /home/me")
    assert "+++ /dev/null\n" in diff(restore(TARGET, new.after or "", None))
    assert diff(plan_setup(TARGET, "{}", [])) == ""


def test_a_path_reads_as_people_write_it() -> None:
    assert pointer(("models", "kimi-k2.5", "x y")) == 'models."kimi-k2.5"."x y"'


def test_a_wish_inside_another_ones_object_belongs_to_it() -> None:
    wishes = [
        SetupWish(("provider", "gwproxy"), {"url": "u"}),
        SetupWish(("provider", "gwproxy", "apiKey"), TOKEN, secret=True),
    ]
    first = plan_setup(TARGET, '{"provider": {"mine": {}}}', wishes)
    undo = plan_undo(TARGET, (first.after or "") + "\n", claim_of(first), first.before)
    assert JSON.read(undo.after or "") == {"provider": {"mine": {}}}
    assert undo.kept == ()


DEFAULTS = [
    SetupWish(("model",), "kimi-k2.5", yielding="default"),
    SetupWish(("model_provider",), "gwproxy", yielding="default"),
    SetupWish(("url",), "u"),
]


def test_a_default_that_the_user_chose_is_not_replaced() -> None:
    plan = plan_setup(TARGET, '{"model": "mine"}', DEFAULTS)
    assert JSON.read(plan.after or "") == {"model": "mine", "url": "u"}
    assert plan.kept == (("model",),)


def test_a_default_that_nobody_chose_is_set_and_follows_the_profile() -> None:
    first = plan_setup(TARGET, "{}", DEFAULTS)
    assert JSON.read(first.after or "")["model"] == "kimi-k2.5"
    newer = [SetupWish(("model",), "kimi-k3", yielding="default"), *DEFAULTS[1:]]
    second = plan_setup(TARGET, first.after, newer, claim_of(first), "{}")
    assert JSON.read(second.after or "")["model"] == "kimi-k3"
    assert second.kept == ()


def test_a_default_that_the_user_changed_since_stays_with_its_kin() -> None:
    first = plan_setup(TARGET, "{}", DEFAULTS)
    changed = JSON.assign(first.after or "", ("model",), "kimi-k3")
    second = plan_setup(TARGET, changed, DEFAULTS, claim_of(first), "{}")
    assert second.is_empty
    assert second.kept == (("model",),)
