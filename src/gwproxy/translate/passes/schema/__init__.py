"""Rewrites tool schemas into Moonshot's JSON Schema dialect, and maps arguments back.

    normalise(text) -> text        any schema; the same string where it is legal already
    parameters(text) -> Parameters a tool's schema: an object at the root
    wrap_arguments, unwrap_arguments, ValueUnwrapper
                                   for the rare tool whose schema had to go into a property
    misfit(value, text)            the first keyword of a schema that a value does not satisfy

Rules and limits are the public validator's, https://github.com/MoonshotAI/walle, at the level its
page calls what the server needs ("strict"), and stricter wherever a host is known to have refused
more. Results are cached by content: the tools of a session are rewritten once.

The steps: `references` moves every definition to the root, `shapes` rewrites schema by schema
(`values`: types, enums, ranges; `combine`: allOf, oneOf, anyOf), `siblings` settles keywords beside
references, `endings` lets recursion end, `size` keeps the limits, `roots` makes an object of it.
"""

from __future__ import annotations

from gwproxy.translate.passes.schema.checker import misfit
from gwproxy.translate.passes.schema.normaliser import EMPTY, normalise
from gwproxy.translate.passes.schema.roots import (
    Parameters,
    ValueUnwrapper,
    parameters,
    unwrap_arguments,
    wrap_arguments,
)
from gwproxy.translate.passes.schema.vocabulary import SchemaLimits

__all__ = [
    "EMPTY",
    "Parameters",
    "SchemaLimits",
    "ValueUnwrapper",
    "misfit",
    "normalise",
    "parameters",
    "unwrap_arguments",
    "wrap_arguments",
]
