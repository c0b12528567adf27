"""A file of somebody's that is damaged is edited all the same, or refused in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import json_documents, toml_documents
from gwproxy.clients.document import ABSENT, Uneditable, lookup, same
from gwproxy.clients.jsontext import JSON
from gwproxy.clients.tomltext import TOML
from support.golden import FIXTURES
from support.mutated import mutated


def peoples(pattern: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((FIXTURES / "settings").glob(pattern))]


KINDS = {
    "json": (JSON, mutated(peoples("*/*.json*")), json_documents),
    "toml": (TOML, mutated(peoples("*/*.toml")), toml_documents),
}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_damaged_file_is_edited_or_refused(kind: str, data: st.DataObject) -> None:
    """With words for the person who has to look at it; an edit that went wrong is no edit."""
    form, files, documents = KINDS[kind]
    text = data.draw(files).decode("utf-8", "replace")
    path, value = data.draw(documents.paths), data.draw(documents.new_values)
    try:
        tree = form.read(text)
        edited = form.assign(text, path, value)
        assert same(lookup(form.read(edited), path), value)
        assert lookup(form.read(form.remove(edited, path)), path) is ABSENT
        assert same(form.read(text), tree)
    except Uneditable as error:
        assert str(error)
