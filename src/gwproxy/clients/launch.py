"""How to start a program so that it uses an endpoint for this one run. Pure.

Each client's module knows its own way (`launch` there); `launch_other` is for every program that
follows the variables of the official SDKs. The token never stands in an argument, which every
user of the machine could read: it goes into the environment or into a private file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gwproxy.clients import web_proxy
from gwproxy.clients.endpoint import ToolEndpoint

RUN_SCOPE: Final = "run"
"""In place of a settings file's scope: what is handed over at the start, above all of those."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Arguments behind the program's name, variables to set, and private files to write first."""

    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    files: Mapping[Path, str] = field(default_factory=dict)


def launch_other(endpoint: ToolEndpoint, arguments: Sequence[str]) -> Launch:
    """How to start any program on an Anthropic or OpenAI SDK.

    https://docs.anthropic.com/en/api/client-sdks, https://platform.openai.com/docs/libraries
    """
    token = endpoint.secret.reveal()
    environ = {
        "ANTHROPIC_BASE_URL": endpoint.anthropic or "",
        "ANTHROPIC_API_KEY": token,
        "ANTHROPIC_MODEL": endpoint.profile.model,
        "OPENAI_BASE_URL": endpoint.openai or "",
        "OPENAI_API_KEY": token,
        "OPENAI_MODEL": endpoint.profile.model,
    }
    return Launch(tuple(arguments), environ)


def replaced_option(
    arguments: Sequence[str], name: str, value: str
) -> tuple[str | None, tuple[str, ...]]:
    """The old value of an option, None where it is not given, and the arguments with the new one.

    Both `--name value` and `--name=value` count, but nothing behind `--`.
    """
    for at, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == name and at + 1 < len(arguments):
            return arguments[at + 1], (*arguments[: at + 1], value, *arguments[at + 2 :])
        if argument.startswith(f"{name}="):
            old = argument.partition("=")[2]
            return old, (*arguments[:at], f"{name}={value}", *arguments[at + 1 :])
    return None, tuple(arguments)


def child_environment(
    outer: Mapping[str, str], launch: Launch, hidden: Sequence[str]
) -> dict[str, str]:
    """The child's whole environment: ours, without what starts with one of `hidden`."""
    environ = {name: value for name, value in outer.items() if not name.startswith(tuple(hidden))}
    for name in web_proxy.NO_PROXY:
        environ[name] = web_proxy.with_loopback(environ.get(name, ""))
    return environ | dict(launch.environ)
