"""What all exchanges of a gateway share."""

from __future__ import annotations

from dataclasses import dataclass

from gwproxy.proxy.exchange.healing import Healing
from gwproxy.proxy.feed import Feed
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.queries.calibration import Calibration
from gwproxy.proxy.queries.counters import Counters
from gwproxy.proxy.records.captures import Captures
from gwproxy.proxy.records.conversations import Conversations
from gwproxy.proxy.records.ledger import Ledger
from gwproxy.proxy.records.prompt_cache.watch import CacheWatch
from gwproxy.proxy.records.thoughts import ThoughtMemory
from gwproxy.proxy.routing.concurrency import Concurrency
from gwproxy.proxy.routing.health import ProfileHealth
from gwproxy.proxy.upstream.client import Upstream
from gwproxy.proxy.upstream.images import Images
from gwproxy.proxy.upstream.keys import Keys
from gwproxy.proxy.worker import Worker


@dataclass(frozen=True, slots=True)
class Services:
    """Made once, when the gateway starts."""

    feed: Feed
    upstream: Upstream
    keys: Keys
    limits: Limits
    calibration: Calibration
    counters: Counters
    ledger: Ledger
    conversations: Conversations
    healing: Healing
    thoughts: ThoughtMemory
    health: ProfileHealth
    concurrency: Concurrency
    captures: Captures
    cache_watch: CacheWatch
    images: Images
    recording: Worker
    """Over what is done with an exchange that has been answered."""
    workers: tuple[Worker, ...]
    """Those in the background, for `status`."""
