"""Starting and stopping: sockets, signals, and everything that lives as long as the server.

    async with running(Options(port=0)) as server:
        server.url

Start: bind, build the services, answer. Stop: no new connections, let running answers end, close.
Talks to nobody; whoever starts a server says so to the person.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Final

from aiohttp import web

from gwproxy import __version__, paths
from gwproxy.errors import EXIT_INTERRUPTED, ConfigError, GwproxyError, UsageError
from gwproxy.profiles import credentials, key_hosts, local_token, store
from gwproxy.profiles.credentials import FoundKey
from gwproxy.profiles.endpoints import is_loopback
from gwproxy.profiles.key_command import KeyCommands
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.secret import Secret
from gwproxy.profiles.store import DEFAULT_HOST, DEFAULT_PORT, Config, ServeSettings
from gwproxy.proxy import holder
from gwproxy.proxy.app import Gateway, PlanInForce
from gwproxy.proxy.exchange.healing import Healing
from gwproxy.proxy.feed import Feed
from gwproxy.proxy.inbound.connection import Server
from gwproxy.proxy.inbound.listener import BACKLOG, bind, raise_file_limit, shortage_told
from gwproxy.proxy.inspector.inspector import Site
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.live import Live
from gwproxy.proxy.log import LOGGER
from gwproxy.proxy.queries.calibration import Calibration
from gwproxy.proxy.queries.counters import Counters
from gwproxy.proxy.records.captures import Captures
from gwproxy.proxy.records.conversations import Conversations
from gwproxy.proxy.records.ledger import Ledger
from gwproxy.proxy.records.prompt_cache.watch import CacheWatch
from gwproxy.proxy.records.thoughts import ThoughtMemory
from gwproxy.proxy.routing.concurrency import Concurrency
from gwproxy.proxy.routing.health import ProfileHealth
from gwproxy.proxy.services import Services
from gwproxy.proxy.upstream.client import Upstream
from gwproxy.proxy.upstream.images import Address, Images, is_public
from gwproxy.proxy.upstream.keys import Keys
from gwproxy.proxy.worker import Worker
from gwproxy.translate.wire import jsonio

_GC_THRESHOLDS: Final = (10_000, 20, 20)
"""Exchanges make few cycles; the default looks for them after every 700 objects."""

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
"""Names of mallopt(3)."""

_KEPT_BYTES: Final = 64 * 1024**2
"""Free memory that waits for the next request: one of 10 MB takes six times as much, as bytes that
came, text, and bytes that go."""

_ONE_BLOCK_BYTES: Final = 32 * 1024**2
"""What is larger than this alone goes back to the kernel at once; glibc knows no more."""

_GIVES_WAY_S: Final = 0.0002 if sys.platform != "win32" else 0.001  # there a wait is 1 ms, or none
"""How soon a thread gives Python's lock to another that waits for it. It is 5 ms by default, and a
loop beside a thread that works on a long body waits for it at each read and write: while sessions
of 2.2 MB were translated, half of the events of other streams came more than 13 ms late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to serve. `port` 0 takes a free one. `default_profile` and `built_in` come before what
    config.toml says. `ledger` is the file that usage is recorded in, `responses` the one of kept
    responses; without them, as in the demo, nothing is written. The callables are where
    configuration, token and keys come from."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    allow_remote: bool = False
    default_profile: str = ""
    built_in: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({}))
    limits: Limits = field(default_factory=Limits)
    ledger: Path | None = None
    learns: bool = False
    """Whether what upstreams teach by refusing outlasts this server."""
    responses: Path | None = None
    captures: Path | None = None
    """Where whole exchanges are kept, if config.toml or `capture` says that they are."""
    capture: bool = False
    load: Callable[[], Config] = store.load
    read_token: Callable[[], Secret] = local_token.local_token
    find_key: Callable[[Profile], FoundKey] | None = None
    """Another way to a profile's key than the one that it names."""
    may_reach: Callable[[Address], bool] = is_public
    """Where images are fetched from."""


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A server that listens. `keys` knows where each key came from."""

    host: str
    port: int
    gateway: Gateway
    keys: Keys

    @property
    def url(self) -> str:
        """The base URL for clients, without `/v1`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def secrets(self) -> Iterator[str]:
        """What must not show up in a log."""
        yield self.gateway.token.reveal()
        yield from self.keys.ever_seen()


@contextlib.asynccontextmanager
async def running(options: Options) -> AsyncIterator[RunningGateway]:
    """A server for as long as the block runs; then it drains.

    Raises ConfigError, CredentialError or UsageError when it cannot start.
    """
    refuse_remote(options)
    listener = await bind(options.host, options.port)
    services = None
    try:
        host, port = listener.getsockname()[:2]
        first = options.load().serve
        look_s = options.limits.file_look_s
        plan = Live(
            paths.config_file(),
            lambda: _plan(options, port, first),
            _report,
            _welcome,
            look_s=look_s,
        )
        token = Live(paths.token_file(), options.read_token, _report, look_s=look_s)
        following = Worker(
            "edits of config.toml cannot be followed",
            "what was in force stays so",
            "edits of config.toml are followed again",
        )
        services = _services(options, following, lambda: plan.last_good.routes.config)
        # Whoever lets other machines in does not let them see what is said.
        page = None if options.allow_remote else Site.at(host, port)
        gateway = Gateway(services, plan, token, page)
        async with _answering(gateway, services, listener):
            follower = asyncio.create_task(_follow(plan, options.limits.edit_look_s, following))
            try:
                yield RunningGateway(host, port, gateway, services.keys)
            finally:
                follower.cancel()
    finally:
        listener.close()
        if services is not None:
            await services.upstream.close()
            await services.images.close()


@contextlib.asynccontextmanager
async def _answering(
    gateway: Gateway, services: Services, listener: socket.socket
) -> AsyncIterator[None]:
    """In the block, `gateway` answers what comes to `listener`; then what runs ends, and what is to
    be kept of it is written."""
    runner = web.ServerRunner(
        Server(gateway.handle, services.limits),
        # 60 s by default, for connections on which nothing runs any more.
        shutdown_timeout=1.0,
    )
    await runner.setup()
    site = web.SockSite(runner, listener, backlog=BACKLOG)
    await site.start()
    services.captures.prune()
    services.conversations.prune()
    try:
        with shortage_told(asyncio.get_running_loop()):
            yield
    finally:
        await site.stop()
        services.keys.close()
        await gateway.drain(services.limits.drain_s)
        await runner.cleanup()
        await services.cache_watch.settle()
        # After the last stream: its row is to be in it.
        await asyncio.to_thread(services.ledger.close)
        await asyncio.to_thread(services.conversations.close)
        await asyncio.to_thread(services.captures.close)


def _services(options: Options, following: Worker, in_force: Callable[[], Config]) -> Services:
    """What all exchanges share; `following` is the worker that does not belong to any of it, and
    `in_force` the configuration."""
    ledger = Ledger(options.ledger)
    conversations = Conversations(options.responses)
    captures = Captures(options.captures)
    cache_watch = CacheWatch()
    commands = KeyCommands()
    find_key = options.find_key or partial(
        credentials.resolve_for_use, commands=commands, in_force=in_force
    )
    healing = Healing(keeps=options.learns, look_s=options.limits.file_look_s)
    recording = Worker(
        "what came of an exchange cannot be written down",
        "answers go on",
        "what comes of exchanges is written down again",
    )
    return Services(
        Feed(recording),
        Upstream(options.limits),
        Keys(find_key, commands.end),
        options.limits,
        Calibration(),
        Counters(),
        ledger,
        conversations,
        healing=healing,
        thoughts=ThoughtMemory(),
        health=ProfileHealth(),
        concurrency=Concurrency(),
        captures=captures,
        cache_watch=cache_watch,
        images=Images(options.limits, options.may_reach),
        recording=recording,
        workers=(
            *(ledger.worker, conversations.worker, captures.worker, healing.worker),
            *(cache_watch.worker, recording, following),
        ),
    )


def _plan(options: Options, port: int, first: ServeSettings) -> PlanInForce:
    config = options.load()
    config = replace(
        config,
        default=options.default_profile or config.default,
        profiles=MappingProxyType({**config.profiles, **options.built_in}),
        serve=replace(config.serve, capture=config.serve.capture or options.capture),
    )
    # The address that the person asked us to listen on is a name of ours.
    declared = () if options.host in ("0.0.0.0", "::") else (_url_host(options.host),)
    return PlanInForce(config, declared, port, _moved(options, first, config.serve))


def _moved(options: Options, first: ServeSettings, now: ServeSettings) -> str:
    """The address that an edit asks for and only a restart can give; "" for none. What a flag
    has said at the start, the file does not decide."""
    has_host = options.host == first.host != now.host
    has_port = options.port == first.port != now.port
    if not (has_host or has_port):
        return ""
    host = now.host if has_host else options.host
    return f"{_url_host(host)}:{now.port if has_port else options.port}"


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _report(error: GwproxyError) -> None:
    words = ": ".join(part for part in (error.what, error.why) if part)
    LOGGER.error("%s; the last good configuration stays in force", words)


def _welcome(before: PlanInForce | None, plan: PlanInForce) -> None:
    config = plan.routes.config
    if before and replace(before.routes.config, is_of_0_1_0=config.is_of_0_1_0) == config:
        return  # a note of ours about the keyring, or a comment of the person's
    LOGGER.info("config.toml was changed, and is in force")
    if plan.moved:
        LOGGER.warning("to listen at %s, gwproxy serve must be started again", plan.moved)
    for remark in plan.routes.config.remarks:
        LOGGER.warning("%s", remark)
    for profile in plan.routes.config.profiles.values():
        if (objection := key_hosts.foreseen(profile)) is not None:
            LOGGER.warning("%s (%s)", objection.what, objection.hint)


async def _follow(plan: Live[PlanInForce], every_s: float, worker: Worker) -> None:
    """Notice edits between requests too, so that a broken one is told when it is made."""
    while True:
        await asyncio.sleep(every_s)
        with worker.piece_of_work():
            plan.look()


def refuse_remote(options: Options) -> None:
    """Raises UsageError when others could connect and nobody asked for that."""
    if options.allow_remote or is_loopback(options.host):
        return
    raise UsageError(
        f"{options.host} can be reached from other machines",
        why="whoever has the local token could spend your money; traffic would not be encrypted",
        hint="leave --host out, or add --allow-remote if you mean it",
    )


@contextlib.contextmanager
def announced(server: RunningGateway) -> Iterator[None]:
    """Leave word of `server` for `gwproxy status` and friends, for as long as the block runs."""
    path = paths.server_file(server.port if _another_is_announced() else None)
    word = {"pid": os.getpid(), "url": server.url, "host": server.host, "port": server.port}
    content = jsonio.dumps({**word, "version": __version__, "started": int(time.time())})
    try:
        paths.write_private_file(path, content)
    except ConfigError as error:
        words = "%s: %s; `gwproxy status` will not see this server"
        LOGGER.warning(words, error.what, error.why)
    try:
        yield
    finally:
        # Another server may have taken the place meanwhile, where nobody could tell that we run.
        with contextlib.suppress(OSError):
            if path.read_bytes() == content:
                path.unlink()


def _another_is_announced() -> bool:
    """Whether the first place is taken by a server that runs, as far as one can tell."""
    try:
        pid = jsonio.loads(paths.server_file().read_bytes())["pid"]
    except (OSError, jsonio.NotJson, KeyError, TypeError):
        return False
    return isinstance(pid, int) and pid != os.getpid() and holder.is_running(pid)


async def wait_for_signal(asked: asyncio.Event) -> None:
    """Return when `asked` is set, as it is by the first SIGINT or SIGTERM (Ctrl-Break on Windows).
    A second one ends the process at once."""
    loop = asyncio.get_running_loop()
    signals = 0

    def ask(number: int, _: FrameType | None) -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            os._exit(EXIT_INTERRUPTED)
        # Not `loop.add_signal_handler`, which Windows lacks; this wakes a sleeping loop too.
        loop.call_soon_threadsafe(asked.set)

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), ask)
    await asked.wait()


def prepare_process() -> None:
    """What a process that only serves does for itself: open files, no core dumps."""
    raise_file_limit()
    if sys.platform != "win32":
        import resource

        # A core dump would hold the keys.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def settle() -> None:
    """After the start: what is there now stays, so the collector need not look at it again; and
    what long requests need is kept, and stops nobody else."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    sys.setswitchinterval(_GIVES_WAY_S)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """What glibc does otherwise: blocks of 128 KB and more come from the kernel one by one, and the
    end of the heap goes back to it as soon as so much is free, of each thread's own heap too. Each
    request with a long history then has all its pages made and cleared anew, which takes as long as
    to translate it, and Python's lock is held for all of it."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # musl has no such thing
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_ARENA_MAX, 1)  # what a thread leaves is there for the loop
            mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
            mallopt(_M_MMAP_THRESHOLD, _ONE_BLOCK_BYTES)
