"""From the command line of `gwproxy setup` to what the clients' modules work with.

It checks which flags go together, finds out where things are on this machine, and says what is
worth a warning there.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from gwproxy import paths
from gwproxy.cli.hints import chosen_profile
from gwproxy.cli.options import PATH_METAVAR, ProfileOption, YesFlag
from gwproxy.cli.running import configured_url, settings_in_use
from gwproxy.clients import claude_code, codex, files, vscode, web_proxy
from gwproxy.clients.effective import claude_code_now
from gwproxy.clients.endpoint import (
    TokenCommand,
    ToolEndpoint,
    straight_to_provider,
    through_gateway,
)
from gwproxy.clients.known import CLIENTS, VSCODE, Client
from gwproxy.clients.plan import Places, SetupWish, Target
from gwproxy.clients.shell import SHELLS
from gwproxy.errors import ConfigError, CredentialError, UsageError
from gwproxy.profiles import credentials, store
from gwproxy.profiles.local_token import TOKEN_VARIABLE, local_token
from gwproxy.profiles.suggest import did_you_mean

_FORMATS: Final = ("settings", "env")
_SCOPES: Final = "user|project|local"


@dataclass(frozen=True, slots=True)
class SetupFlags:
    """How a tool is to be set up, and what of that is to be done now."""

    profile: ProfileOption = None
    scope: Annotated[
        str | None,
        typer.Option(metavar=_SCOPES, help="Whose settings to change; the user's by default."),
    ] = None
    vscode: Annotated[
        bool, typer.Option("--vscode", help="Claude Code by the user settings of VS Code.")
    ] = False
    default: Annotated[
        bool, typer.Option("--default", help="Also replace the default model you have chosen.")
    ] = False
    helper: Annotated[
        bool, typer.Option("--helper", help="Let the tool run `gwproxy token` for the token.")
    ] = False
    direct: Annotated[
        bool,
        typer.Option("--direct", help="Past the gateway: the provider's key goes into the file."),
    ] = False
    print_only: Annotated[
        bool, typer.Option("--print", help="Print what belongs into the settings; change nothing.")
    ] = False
    form: Annotated[
        str, typer.Option("--format", metavar="|".join(_FORMATS), help="What to print.")
    ] = "settings"
    shell: Annotated[
        str | None,
        typer.Option(metavar="|".join(SHELLS), help="The shell of --format env; yours by default."),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the difference; change nothing.")
    ] = False
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back what setup wrote; your own edits stay.")
    ] = False
    everything: Annotated[
        bool,
        typer.Option("--all", help="Write all that is set up anew; with --undo, take all back."),
    ] = False
    show_list: Annotated[
        bool, typer.Option("--list", help="Which tools are here, and what is set up where.")
    ] = False
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Overwrite the file: for one that is a mount point.")
    ] = False
    home: Annotated[
        Path | None,
        typer.Option(metavar=PATH_METAVAR, help="Take this folder for your home folder."),
    ] = None
    yes: YesFlag = False


@dataclass(frozen=True, slots=True)
class SetupInputs:
    """The command line: which tool, if one is named, where its files are, and the flags."""

    client: Client | None
    places: Places
    flags: SetupFlags

    @property
    def renews(self) -> bool:
        """Whether all that is set up is to be written anew."""
        return self.flags.everything and not self.flags.undo


def find_client(name: str) -> Client:
    """The client of this name. Raises UsageError."""
    if name not in CLIENTS:
        raise UsageError(
            f"gwproxy does not know {name!r}",
            why=did_you_mean(name, CLIENTS),
            hint="any other tool works with ANTHROPIC_BASE_URL or OPENAI_BASE_URL and the token "
            "that `gwproxy token` prints",
        )
    return CLIENTS[name]


def scope_flag(scope: str) -> str:
    """The flag that means this scope, with a blank before it; "" for the usual one."""
    if scope == vscode.SCOPE:
        return " --vscode"
    return "" if scope == "user" else f" --scope {scope}"


def in_vscode(client: Client | None) -> Client:
    """The same client by the settings of VS Code. Raises UsageError."""
    if client is None or client.NAME != VSCODE.NAME:
        raise UsageError(f"--vscode goes with {VSCODE.NAME} only", hint="gwproxy setup --help")
    return VSCODE


def check_vscode(target: Target) -> None:
    """Raises ConfigError where nobody has started a VS Code: it makes the folder itself."""
    if target.scope == vscode.SCOPE and not target.file.parent.is_dir():
        raise ConfigError(
            "there is no VS Code of this user here",
            why=f"{target.file.parent} is not there",
            hint="start it once; or see what belongs into its settings.json: "
            "gwproxy setup claude-code --vscode --print",
        )


def places_of(home: Path | None, folder: Path | None = None) -> Places:
    """This machine, with the user's own home folder or another one, seen from `folder`, which is
    the current one by default."""
    project = folder or Path.cwd()
    return Places(
        home=home.absolute() if home else Path.home(),
        project=project,
        # The variables of this shell say nothing about another home.
        environ={} if home else os.environ,
        platform=sys.platform,
        read=files.peek,
        entries=files.entries,
        work_tree=files.git_work_tree(project / "any"),
    )


def check_flags(asked: SetupInputs, *, json_mode: bool) -> None:
    """Raises UsageError for flags that do not go together."""
    flags = asked.flags
    modes = {
        "--print": flags.print_only,
        "--dry-run": flags.dry_run,
        "--list": flags.show_list,
    }
    given = [name for name, is_given in modes.items() if is_given]
    for_one_tool = {
        "--print": flags.print_only,
        "--dry-run": flags.dry_run and not flags.everything and not flags.undo,
        "--scope": flags.scope is not None,
        # One envelope tells of one tool.
        "--yes with --json": flags.yes
        and json_mode
        and not (flags.undo or flags.everything or flags.show_list),
    }
    bare = SetupFlags(vscode=flags.vscode, dry_run=flags.dry_run, everything=True, yes=flags.yes)
    needy = [name for name, is_given in for_one_tool.items() if is_given and not asked.client]
    rules = [
        (len(given) > 1, f"{' and '.join(given)} do not go together"),
        (flags.undo and flags.print_only, "--undo does not go with --print"),
        (flags.undo and flags.show_list, "--undo does not go with --list"),
        (flags.undo and not (asked.client or flags.everything), "--undo needs a tool, or --all"),
        (bool(needy), f"{' and '.join(needy)} needs the name of a tool"),
        (flags.everything and flags.show_list, "--all does not go with --list"),
        (asked.renews and flags != bare, "--all writes each as it was asked for before"),
        (flags.form not in _FORMATS, f"--format is one of {', '.join(_FORMATS)}"),
        (flags.form == "env" and not flags.print_only, "--format env goes with --print only"),
        (flags.shell is not None and flags.form != "env", "--shell goes with --format env only"),
        (
            flags.shell is not None and flags.shell not in SHELLS,
            f"--shell is one of {', '.join(SHELLS)}",
        ),
        (flags.helper and flags.direct, "--helper and --direct do not go together"),
        (flags.helper and flags.form == "env", "a variable cannot hold a helper"),
    ]
    for is_broken, what in rules:
        if is_broken:
            raise UsageError(what, hint="gwproxy setup --help")
    if asked.client is VSCODE and (flags.scope or flags.helper):
        raise UsageError("--vscode goes with neither --scope nor --helper")
    if asked.client and flags.scope and flags.scope not in asked.client.SCOPES:
        raise UsageError(
            f"{asked.client.TITLE} has no {flags.scope} scope",
            hint=f"--scope {' or '.join(asked.client.SCOPES)}",
        )


def no_profile(asked: SetupInputs) -> ConfigError | None:
    """Why there is no profile to set a tool up for; None where there is one."""
    try:
        chosen_profile(store.load(), asked.flags.profile)
    except ConfigError as error:
        return error
    return None


def endpoint_of(asked: SetupInputs, scope: str) -> ToolEndpoint:
    """The address, secret and profile that the client is to be told. Raises ConfigError and
    CredentialError."""
    config = store.load()
    profile = chosen_profile(config, asked.flags.profile)
    if asked.flags.direct:
        found = credentials.resolve(profile, credentials.keyring_of(config))
        if found.secret is None:
            raise CredentialError(
                f"{profile.name!r} has no key to write", hint="leave out --direct"
            )
        return straight_to_provider(profile, found.secret)
    # A project's settings are shared: they may say how to get a token, but not the token.
    is_claude_code = asked.client is not None and asked.client.NAME == claude_code.NAME
    helper = asked.flags.helper or (scope == "project" and is_claude_code)
    endpoint = through_gateway(
        profile,
        settings_in_use(config),
        local_token(),
        pinned=profile.name != config.default,
        token_command=_token_command(scope) if helper else None,
        token_file=None if os.environ.get(TOKEN_VARIABLE) else paths.token_file(),
    )
    # A project's file is for others too, or for one folder: what a machine's hosts are called
    # does not belong there.
    if is_claude_code and scope in ("user", vscode.SCOPE):
        return past_web_proxies(endpoint, asked.places)
    return with_prompt(endpoint, asked.client)


def with_prompt(endpoint: ToolEndpoint, client: Client | None) -> ToolEndpoint:
    """`endpoint` with what Codex tells its model, for Codex and a model that it does not know."""
    if client is not CLIENTS[codex.NAME]:
        return endpoint
    from gwproxy.cli.codex_prompt import prompt_of  # with a web server, for that question alone

    return replace(endpoint, tool_prompt=prompt_of(codex.PROGRAM, endpoint.profile.model))


def past_web_proxies(endpoint: ToolEndpoint, places: Places) -> ToolEndpoint:
    """The endpoint with what Claude Code has to be told of web proxies on the way to it."""
    own = claude_code.target("user", places).file
    listed = claude_code_now(places).no_proxy(endpoint.anthropic or "", own)
    return replace(endpoint, no_proxy=listed)


def _web_proxy_words(client: Client, endpoint: ToolEndpoint, places: Places) -> list[str]:
    base = endpoint.anthropic or endpoint.openai or ""
    if client.NAME != claude_code.NAME:
        words = web_proxy.warning(base, places.environ, client.NAME)
        return [words] if words else []
    found = claude_code_now(places).web_proxy(base)
    if found is None:
        return []
    name, proxy = found
    if endpoint.no_proxy:
        return [
            f"{name} ({proxy.source}) is a web proxy: NO_PROXY is written too, the present list "
            "and this machine; for Claude Code and all that it starts it replaces the shell's"
        ]
    host = urlsplit(base).hostname
    return [f"{name} ({proxy.source}) takes requests to a web proxy: add {host} to NO_PROXY"]


def _token_command(scope: str) -> TokenCommand:
    if scope == "project":
        return TokenCommand(("gwproxy", "token"))
    started_as = Path(sys.argv[0])
    program = started_as if started_as.stem.lower() == "gwproxy" else None
    found = shutil.which(program or "gwproxy")
    # Resolved: OpenClaw runs no command that is a link, as pipx and uv make them.
    words = (str(Path(found).resolve()),) if found else (sys.executable, "-m", "gwproxy")
    home = os.environ.get(paths.HOME_VARIABLE)
    return TokenCommand(
        (*words, "token"),
        {paths.HOME_VARIABLE: str(Path(home).absolute())} if home else {},
        windows=sys.platform == "win32",
    )


def warnings_of(
    asked: SetupInputs,
    client: Client,
    endpoint: ToolEndpoint,
    target: Target,
    wishes: list[SetupWish],
) -> list[str]:
    """What a person should know before this is written. Raises ConfigError."""
    snapshot = files.read(target.file)
    found = list(snapshot.warnings)
    found += client.remarks(target.scope, wishes, asked.places)
    base = endpoint.anthropic or endpoint.openai or ""
    configured = configured_url(store.load())
    if not endpoint.direct and urlsplit(base).netloc != urlsplit(configured).netloc:
        found.append(
            f"the gateway runs at {urlsplit(base).netloc}, and that is written; config.toml says "
            f"{urlsplit(configured).netloc}: start it in the same way next time"
        )
    found += _web_proxy_words(client, endpoint, asked.places)
    if endpoint.direct:
        found.append(
            f"--direct: the key of {endpoint.profile.name!r} will stand in {target.file}, "
            "readable by every program that you run"
        )
    if any(wish.secret for wish in wishes):
        what = "the provider's key" if endpoint.direct else "the local token"
        if tree := files.git_work_tree(target.file):
            found.append(f"{target.file} is in the git work tree {tree}: {what} could be committed")
        if snapshot.content is not None and snapshot.mode & 0o077 and os.name == "posix":
            found.append(f"others can read {target.file}, and {what} with it: chmod 600")
    return found
