"""The file of kept responses: private, bounded, whole, and no danger to any answer."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gwproxy.proxy.records import storage
from gwproxy.proxy.records.conversations import Conversations, Kept, Unknown, database
from gwproxy.proxy.records.conversations import store as keeping
from gwproxy.proxy.records.conversations.database import ConversationsFile
from gwproxy.proxy.records.conversations.store import ConversationTooLong
from gwproxy.proxy.records.storage import StorageTrouble

DAY_S = 24 * 3600
NOW_S = 1_800_000_000


def kept(name: str, after: Kept | None = None, *, pad: int = 0) -> Kept:
    """A response called `name`, in the conversation of `after`."""
    given = b'{"type":"message","role":"user","content":"%b"}' % (b"x" * pad)
    output = b'{"type":"message","id":"msg_%b","content":[]}' % name.encode()
    return Kept(
        id=name,
        conversation=after.conversation if after else name,
        previous_id=after.id if after else "",
        maker="p",
        response=b'{"id":"%b","output":[%b]}' % (name.encode(), output),
        given=(given,),
        output=(output,),
    )


def silent(trouble: StorageTrouble, aside: Path) -> None:
    raise AssertionError(f"no damage was expected: {trouble}")


@pytest.fixture
def path(gwproxy_home: Path) -> Path:
    return gwproxy_home / "responses.db"


@pytest.fixture
def file(path: Path) -> Iterator[ConversationsFile]:
    opened = ConversationsFile.open(path, silent)
    yield opened
    opened.close()


@pytest.fixture
def start(path: Path) -> Iterator[Callable[..., Conversations]]:
    """A function that starts to keep; all are ended at the end."""
    started: list[Conversations] = []

    def make(where: Path = path, *, pause_s: float = 0.0) -> Conversations:
        started.append(Conversations(where, pause_s=pause_s))
        return started[-1]

    yield make
    for each in started:
        each.close()


def put_in_the_way(path: Path) -> None:
    """A folder where the file should be."""
    path.parent.mkdir(mode=0o700)
    path.mkdir()


def ids(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM responses")}


# --- one file ---------------------------------------------------------------------------------


def test_what_was_kept_comes_back_as_it_was(file: ConversationsFile) -> None:
    first = kept("a", pad=3)
    second = kept("b", first)
    assert file.keep(first, NOW_S)
    assert file.keep(second, NOW_S)
    assert file.find("a") == first
    assert file.chain("b") == [first, second]
    assert file.items(["msg_a", "msg_none"]) == {"msg_a": ("p", first.output[0])}
    assert file.knows("b")
    assert not file.knows("c")
    assert file.find("c") is None
    assert file.chain("c") == []


def test_an_id_is_kept_once(file: ConversationsFile) -> None:
    assert file.keep(kept("a"), NOW_S)
    assert not file.keep(kept("a", pad=9), NOW_S)
    assert file.find("a") == kept("a")


def test_only_its_owner_can_read_it(path: Path) -> None:
    previous = os.umask(0)
    try:
        opened = ConversationsFile.open(path, silent)
        opened.keep(kept("a"), NOW_S)
        modes = {p.name: p.stat().st_mode & 0o777 for p in path.parent.glob("responses.db*")}
        opened.close()
    finally:
        os.umask(previous)
    assert modes == dict.fromkeys(modes, 0o600)
    assert "responses.db-wal" in modes
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_is_written_through_a_planted_link(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"")
    path.parent.mkdir(mode=0o700)
    path.symlink_to(target)
    with pytest.raises(StorageTrouble):
        ConversationsFile.open(path, silent)
    assert target.read_bytes() == b""


def test_a_file_of_a_newer_gwproxy_is_left_alone(path: Path) -> None:
    ConversationsFile.open(path, silent).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(StorageTrouble, match="a newer gwproxy made") as raised:
        ConversationsFile.open(path, silent)
    assert raised.value.newer
    assert path.exists()


# --- bounds -----------------------------------------------------------------------------------


def test_the_conversation_left_alone_for_longest_goes_whole(
    file: ConversationsFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST_RESPONSES", 4)
    old, other = kept("old"), kept("other")
    for number, response in enumerate((old, other, kept("old-2", old), kept("other-2", other))):
        assert file.keep(response, NOW_S + number)
    assert file.keep(kept("new"), NOW_S + 9)
    assert ids(path) == {"other", "other-2", "new"}
    assert file.items(["msg_old", "msg_other"]).keys() == {"msg_other"}


def test_a_conversation_that_goes_on_keeps_its_beginning(
    file: ConversationsFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST_RESPONSES", 3)
    old, other = kept("old"), kept("other")
    for number, response in enumerate((old, other, kept("old-2", old), kept("old-3", old))):
        assert file.keep(response, NOW_S + number)
    assert ids(path) == {"old", "old-2", "old-3"}


def test_bytes_are_bounded(
    file: ConversationsFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST_BYTES", 3000)
    for number in range(5):
        assert file.keep(kept(f"r{number}", pad=900), NOW_S + number)
    assert ids(path) == {"r3", "r4"}


def test_a_conversation_that_would_fill_the_file_alone_harms_no_other(
    file: ConversationsFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST_BYTES", 3000)
    assert file.keep(kept("other"), NOW_S)
    long = kept("long", pad=1000)
    assert file.keep(long, NOW_S)
    assert file.keep(kept("long-2", long, pad=1000), NOW_S)
    assert not file.keep(kept("long-3", long, pad=1000), NOW_S)
    assert not file.keep(kept("huge", pad=3000), NOW_S)
    assert ids(path) >= {"long", "long-2"}
    assert file.keep(kept("small"), NOW_S + 1)


def test_what_was_left_alone_for_a_month_is_forgotten(file: ConversationsFile, path: Path) -> None:
    stays = kept("stays")
    assert file.keep(stays, NOW_S)
    assert file.keep(kept("goes"), NOW_S)
    assert file.keep(kept("stays-2", stays), NOW_S + 20 * DAY_S)
    assert file.keep(kept("new"), NOW_S + 31 * DAY_S)
    assert ids(path) == {"stays", "stays-2", "new"}


def test_what_is_too_old_goes_at_the_start_too(
    file: ConversationsFile, path: Path, start: Callable[..., Conversations]
) -> None:
    assert file.keep(kept("old"), NOW_S - 1000 * DAY_S)
    assert ids(path) == {"old"}
    began = start()
    began.prune()
    began.close()
    assert ids(path) == set()
    nowhere = start(path.with_name("none.db"))
    nowhere.prune()
    nowhere.close()
    assert not path.with_name("none.db").exists()


def test_a_conversation_is_read_back_so_far(
    file: ConversationsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = None
    for number in range(database.MOST_TURNS + 1):
        response = kept(f"r{number}", last)
        assert file.keep(response, NOW_S)
        last = response
    chain = file.chain(f"r{database.MOST_TURNS}")
    assert [each.id for each in chain] == [f"r{n}" for n in range(1, database.MOST_TURNS + 1)]


def test_what_is_forgotten_is_gone(file: ConversationsFile, path: Path) -> None:
    first = kept("a")
    file.keep(first, NOW_S)
    file.keep(kept("b", first), NOW_S)
    assert file.forget("a")
    assert not file.forget("a")
    assert file.items(["msg_a"]) == {}
    assert ids(path) == {"b"}
    assert file.forget("b")
    with closing(sqlite3.connect(path)) as connection:
        for table in ("conversations", "responses", "items"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


# --- the thread, and trouble ----------------------------------------------------------------------


async def test_it_is_kept_for_other_servers_at_once(start: Callable[..., Conversations]) -> None:
    one, other = start(), start()
    first = kept("a")
    assert await one.keep(first)
    assert await other.find("a") == first
    await other.forget("a")
    with pytest.raises(Unknown):
        await one.find("a")
    with pytest.raises(Unknown):
        await one.forget("a")


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be taken away there")
async def test_a_file_that_was_taken_away_is_begun_anew(
    start: Callable[..., Conversations], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = start()
    assert await one.keep(kept("a"))
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    with pytest.raises(Unknown):
        await one.find("a")
    assert await one.keep(kept("b"))
    assert await start().find("b") == kept("b")
    assert "was taken away" in caplog.text


async def test_a_broken_chain_names_what_is_missing(start: Callable[..., Conversations]) -> None:
    conversations = start()
    first = kept("a")
    second = kept("b", first)
    for response in (first, second, kept("c", second)):
        assert await conversations.keep(response)
    assert [each.id for each in await conversations.chain("c")] == ["a", "b", "c"]
    await conversations.forget("a")
    with pytest.raises(Unknown) as raised:
        await conversations.chain("c")
    assert raised.value.response_id == "a"


async def test_a_conversation_without_end_is_not_read(
    start: Callable[..., Conversations], monkeypatch: pytest.MonkeyPatch
) -> None:
    conversations = start()
    monkeypatch.setattr(
        database, "_CHAIN", database._CHAIN.replace(str(database.MOST_TURNS_BYTES), "300")
    )
    last = None
    for number in range(9):
        last = kept(f"r{number}", last)
        assert await conversations.keep(last)
    with pytest.raises(ConversationTooLong):
        await conversations.chain("r8")


async def test_a_single_giant_is_not_kept(
    start: Callable[..., Conversations], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LARGEST_BYTES", 500)
    conversations = start()
    assert not await conversations.keep(kept("big", pad=500))
    assert conversations.accepting
    assert await conversations.keep(kept("small"))


async def test_trouble_is_told_once_and_ends(
    start: Callable[..., Conversations], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gwproxy")
    put_in_the_way(path)
    conversations = start(pause_s=0.0)
    for _ in range(3):
        assert not await conversations.keep(kept("a"))
    with pytest.raises(StorageTrouble):
        await conversations.find("a")
    assert caplog.text.count("responses cannot be kept") == 1
    await asyncio.to_thread(path.rmdir)
    assert conversations.accepting
    assert await conversations.keep(kept("a"))
    assert "responses are kept again" in caplog.text


async def test_one_that_cannot_be_written_is_told_and_the_next_is_kept(
    start: Callable[..., Conversations], caplog: pytest.LogCaptureFixture
) -> None:
    conversations = start(pause_s=1000.0)
    assert not await conversations.keep(replace(kept("a"), maker="caf\udce9"))
    assert conversations.accepting, "the file is well"
    assert await conversations.keep(kept("b"))
    assert conversations.worker.state.failed == 1
    assert "responses cannot be kept: a is left out (UnicodeEncodeError" in caplog.text


async def test_after_trouble_nothing_is_promised_for_a_while(
    start: Callable[..., Conversations], path: Path
) -> None:
    put_in_the_way(path)
    conversations = start(pause_s=1000.0)
    assert conversations.accepting
    assert not await conversations.keep(kept("a"))
    assert not conversations.accepting


async def test_a_held_file_does_not_hold_an_answer(
    start: Callable[..., Conversations], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_S", 0.05)
    conversations = start()
    assert await conversations.keep(kept("a"))
    await asyncio.to_thread(conversations.close)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        again = start()
        assert not await again.keep(kept("b"))
        other.execute("ROLLBACK")
    assert await again.keep(kept("b"))


async def test_a_slow_disk_does_not_hold_an_answer(
    start: Callable[..., Conversations], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_KEEPING_S", 0.01)
    conversations = start()
    gate = threading.Event()

    def slow(self: ConversationsFile, response: Kept, now_s: int) -> bool:
        return gate.wait()

    monkeypatch.setattr(ConversationsFile, "keep", slow)
    assert not await conversations.keep(kept("a"))
    gate.set()


async def test_a_damaged_file_is_kept_aside(
    start: Callable[..., Conversations], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = start()
    assert await before.keep(kept("a"))
    await asyncio.to_thread(before.close)
    garbage = b"this is no database, but it is long enough " * 200
    await asyncio.to_thread(path.write_bytes, garbage)
    conversations = start()
    assert await conversations.keep(kept("b"))
    assert ids(path) == {"b"}
    (aside,) = await asyncio.to_thread(lambda: list(path.parent.glob("responses.db.corrupt-*")))
    assert await asyncio.to_thread(aside.read_bytes) == garbage
    assert "was damaged" in caplog.text


async def test_damage_under_way_is_met_with_a_new_file(
    start: Callable[..., Conversations], path: Path
) -> None:
    conversations = start()
    for number in range(50):
        assert await conversations.keep(
            kept(f"r{number}", pad=100_000)
        )  # more than the page cache holds
    await asyncio.to_thread(conversations.close)

    def overwrite() -> None:
        with path.open("r+b") as data:
            data.seek(4096)
            data.write(b"\xff" * (path.stat().st_size - 4096))

    again = start()
    with pytest.raises(Unknown):
        await again.find("none")  # open, and sound so far
    await asyncio.to_thread(overwrite)
    with pytest.raises(StorageTrouble):
        for number in range(50):
            await again.find(f"r{number}")
    assert await again.keep(kept("new"))
    assert ids(path) == {"new"}


def test_a_reader_sees_no_file_that_is_only_being_made(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch()
    assert storage.open_for_reading(path, patience_s=1) is None
