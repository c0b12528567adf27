"""`gwproxy models`: what the provider offers, asked for nothing; else what the profile knows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from gwproxy.cli.drawing import Table
from gwproxy.cli.options import PROFILE_METAVAR, CsvFlag, JsonFlag, QuietFlag
from gwproxy.cli.output import Output, output_of
from gwproxy.cli.sheet import Sheet
from gwproxy.errors import UpstreamError

if TYPE_CHECKING:
    from gwproxy.profiles.profile import Profile
    from gwproxy.profiles.store import Config


def register(app: typer.Typer) -> None:
    app.command("models")(models)


def models(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar=PROFILE_METAVAR, show_default=False, help="The profile."),
    ] = None,
    csv: CsvFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """List the models of a profile."""
    from gwproxy.profiles import store

    output = output_of(context)
    config = store.load()
    profile = config.profile(name)
    if profile.is_built_in:
        offered = list(profile.all_models)
    else:
        offered = asyncio.run(_ask(config, profile))
    names = list(dict.fromkeys(offered or profile.all_models))
    listed = [{"id": model, "default": model == profile.model} for model in names]
    source = "provider" if offered else "profile"
    data = {"profile": profile.name, "source": source, "models": listed}
    output.result(
        data,
        lambda: _print(output, profile, names, from_provider=bool(offered)),
        sheet=Sheet([{"profile": profile.name, **one} for one in listed]),
    )


async def _ask(config: Config, profile: Profile) -> list[str]:
    """The provider's list; empty where it has none. Raises CredentialError and UpstreamError."""
    from gwproxy.profiles import credentials

    found = await asyncio.to_thread(credentials.resolve_for_use, profile)
    key = found.secret.reveal() if found.secret is not None else None
    # Imported late: where there is no key there is nothing to ask.
    from gwproxy.proxy.failures import Failed
    from gwproxy.proxy.limits import Limits
    from gwproxy.proxy.probe.asking import ask_free, listing_way, model_names, ways_of
    from gwproxy.proxy.probe.verdicts import fault, hint_for
    from gwproxy.proxy.routing.route import Routes
    from gwproxy.proxy.upstream.client import Upstream

    upstream = Upstream(Limits())
    try:
        way = listing_way(ways_of(Routes(config), profile, key, found.source))
        body = await ask_free(upstream, way, "models")
    except Failed as failed:
        failure = failed.failure
        raise UpstreamError(
            f"{profile.name} does not list its models",
            why=failure.message if failed.nothing_sent else fault(failure),
            hint=hint_for(failure, profile, None, found.source)
            or f"gwproxy test {profile.name} --free",
        ) from failed
    finally:
        await upstream.close()
    return model_names(body) if body is not None else []


def _print(output: Output, profile: Profile, names: list[str], *, from_provider: bool) -> None:
    if not from_provider:
        output.talk(f"{profile.name} has no list of its models; this is what the profile knows")
    if output.columns() is None:  # for a program: ids alone
        for model in names:
            output.line(model)
    else:
        rows = tuple((f"{model} *" if model == profile.model else model,) for model in names)
        output.table(Table((f"MODELS OF {profile.name}",), rows))
    if profile.model not in names:
        output.talk(f"the profile asks for {profile.model}, which is not among them")
        output.next(f"gwproxy profile set {profile.name} model=MODEL")
