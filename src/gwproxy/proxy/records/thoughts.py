"""The memory of reasoning for one server: bounded, in memory only, apart for each profile.

Only clients that lose the reasoning of their tool calls need it, and only within a conversation;
so nothing is written down, and the oldest goes first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, MutableMapping
from typing import Final

from gwproxy.translate.passes.recall import Thoughts

MOST_ENTRIES: Final = 1000
"""A long session makes a few hundred calls."""

MOST_CHARACTERS: Final = 16 * 1024 * 1024
"""Of all thoughts together: a thinking model writes some thousand characters before a call."""


class ThoughtMemory:
    """Thoughts by profile and call; the least recently used go when there are too many."""

    def __init__(
        self, most_entries: int = MOST_ENTRIES, most_characters: int = MOST_CHARACTERS
    ) -> None:
        self._most_entries = most_entries
        self._most_characters = most_characters
        self._entries: OrderedDict[tuple[str, str], Thoughts] = OrderedDict()
        self._characters = 0
        # Large requests are translated in threads.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def of(self, profile: str) -> MutableMapping[str, Thoughts]:
        """What is remembered of `profile`, by call."""
        return _View(self, profile)

    def get(self, place: tuple[str, str]) -> Thoughts:
        """The thoughts before that call of that profile. Raises KeyError."""
        with self._lock:
            thoughts = self._entries[place]
            self._entries.move_to_end(place)
            return thoughts

    def put(self, place: tuple[str, str], thoughts: Thoughts) -> None:
        with self._lock:
            self._drop(place)
            self._entries[place] = thoughts
            self._characters += _size(thoughts)
            while len(self._entries) > self._most_entries or (
                self._characters > self._most_characters
            ):
                self._drop(next(iter(self._entries)))

    def drop(self, place: tuple[str, str]) -> bool:
        """Forget the thoughts before that call, and say whether there were any."""
        with self._lock:
            return self._drop(place)

    def _drop(self, place: tuple[str, str]) -> bool:
        thoughts = self._entries.pop(place, None)
        self._characters -= _size(thoughts or ())
        return thoughts is not None

    def knows(self, profile: str) -> bool:
        """Whether anything is remembered of `profile`."""
        with self._lock:
            return any(owner == profile for owner, _ in self._entries)

    def keys(self, profile: str) -> list[str]:
        with self._lock:
            return [key for owner, key in self._entries if owner == profile]


class _View(MutableMapping[str, Thoughts]):
    __slots__ = ("_memory", "_profile")

    def __init__(self, memory: ThoughtMemory, profile: str) -> None:
        self._memory = memory
        self._profile = profile

    def __getitem__(self, key: str) -> Thoughts:
        return self._memory.get((self._profile, key))

    def __setitem__(self, key: str, thoughts: Thoughts) -> None:
        self._memory.put((self._profile, key), thoughts)

    def __delitem__(self, key: str) -> None:
        if not self._memory.drop((self._profile, key)):
            raise KeyError(key)

    def __bool__(self) -> bool:
        return self._memory.knows(self._profile)

    def __iter__(self) -> Iterator[str]:
        return iter(self._memory.keys(self._profile))

    def __len__(self) -> int:
        return len(self._memory.keys(self._profile))


def _size(thoughts: Thoughts) -> int:
    return sum(len(one.text) + (len(one.seal.data) if one.seal else 0) for one in thoughts)
