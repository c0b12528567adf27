"""The list of dialects: a line for each, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from gwproxy.translate import anthropic, chat, responses
from gwproxy.translate.dialect_facts import Dialect, DialectFacts

if TYPE_CHECKING:
    from gwproxy.translate.codec import Codec

_FOLDERS: Final[tuple[tuple[DialectFacts, Callable[[], Codec]], ...]] = (
    (anthropic.FACTS, anthropic.codec),
    (chat.FACTS, chat.codec),
    (responses.FACTS, responses.codec),
)

FACTS: Final[Mapping[Dialect, DialectFacts]] = MappingProxyType(
    {facts.name: facts for facts, _ in _FOLDERS}
)

DIALECTS: Final = tuple(FACTS)


def codecs() -> Mapping[Dialect, Codec]:
    """Every dialect's codec, by name; their folders are imported for it."""
    return MappingProxyType({facts.name: codec() for facts, codec in _FOLDERS})
