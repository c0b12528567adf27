"""What comes next, and what is worth a warning, out of the state that this machine is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gwproxy.cli.output import Output
from gwproxy.errors import ConfigError

if TYPE_CHECKING:
    from gwproxy.profiles.profile import Profile
    from gwproxy.profiles.store import Config


def chosen_profile(config: Config, name: str | None = None) -> Profile:
    """The profile called `name`, or the default one; where there is none yet, the demo if a
    gateway runs with it. Raises ConfigError."""
    try:
        return config.profile(name)
    except ConfigError:
        if name or config.profiles or not _demo_runs(config):
            raise
        return config.profile("demo")


def _demo_runs(config: Config) -> bool:
    import asyncio

    from gwproxy.cli.running import gateway_url
    from gwproxy.profiles.local_token import local_token
    from gwproxy.proxy import holder

    async def told() -> object:
        if not (url := await gateway_url(config)):
            return None
        return (await holder.ask(url, "/v1/status", local_token().reveal())).get("default")

    return asyncio.run(told()) == "demo"


def warn_of_window(output: Output, profile: Profile) -> None:
    """Say that nobody knows how much the model can read: a tool then believes what it likes (Claude
    Code: 200,000 tokens, or a million) and does not sum its conversation up in time."""
    if profile.context_window is None and not profile.is_built_in:
        output.warn(f"nobody here knows the context window of {profile.model}; tools guess then")
        output.next(f"gwproxy profile set {profile.name} context_window=TOKENS")


def tools_set_up() -> list[str]:
    """The names of the tools that setup has pointed at the gateway."""
    from gwproxy.clients import ledger  # and not what changes files: `serve` starts with this

    try:
        return sorted({claim.client for claim in ledger.claims().values()})
    except ConfigError:
        return []  # setup itself says what is wrong with the record


def tool_here() -> str:
    """A tool that is on this machine; the most used one where none is."""
    import shutil

    from gwproxy.clients.known import CLIENTS

    here = (name for name, client in CLIENTS.items() if shutil.which(client.PROGRAM))
    return next(here, "claude-code")


def gateway_runs() -> str:
    """Where a gateway of this home answers; "" where none does."""
    import asyncio

    from gwproxy.cli.running import config_or_none, gateway_url

    return asyncio.run(gateway_url(config_or_none()))


def say_standing(output: Output) -> None:
    """Where one stands, in a line or two, and what is next. Raises ConfigError."""
    from gwproxy.profiles import store

    config = store.load()
    url, tools = gateway_runs(), tools_set_up()
    if not config.profiles and not url:
        output.line("no provider is set up yet")
        output.next("gwproxy init")
    elif not url:
        output.line(f"{config.default or 'no profile'} is the default; the gateway does not run")
        output.next("gwproxy serve" if config.default else "gwproxy profile use NAME")
    elif not tools:
        output.line(f"the gateway runs at {url}; no tool is set up for it")
        output.next(f"gwproxy setup {tool_here()}")
    else:
        output.line(f"the gateway runs at {url}, and is set up for {', '.join(tools)}")
        output.next("gwproxy status")
    output.talk("gwproxy --help lists the commands")
