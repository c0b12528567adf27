"""Text that is typed is taken as text, without pydantic, which typer would load for it.

It loads pydantic for each option that is not a flag, given or not: a tenth of a second and ten
megabytes, in `gwproxy serve` too. Numbers, choices and files are left to it.
"""

from __future__ import annotations

from typing import Any, Final

_TEXT: Final = (str, list[str])


class _Light:
    """In the place of what typer makes to read the values of one parameter."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value that the command is given for what was typed."""
        many = param.multiple or param.nargs == -1
        kind = param.type_descriptor
        parser = kind.parameter_info.parser
        if value is None:
            return () if many else None
        if parser is None and kind.annotation in _TEXT and not kind.choices:
            return list(value) if many else value
        if parser is not None and not many:
            return parser(value)
        param._runtime_param = None  # typer's own is made where it is asked for
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def spare(parameter: Any) -> None:
    """Have what is typed for `parameter` read as text, without pydantic."""
    if hasattr(parameter, "_runtime_param") and hasattr(parameter, "get_runtime_param"):
        parameter._runtime_param = _Light()
