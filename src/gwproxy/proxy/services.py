"""What all exchanges of a gateway share."""

from __future__ import annotations

from dataclasses import dataclass

from gwproxy.proxy.calibration import Calibration
from gwproxy.proxy.captures import Captures
from gwproxy.proxy.conversations import Conversations
from gwproxy.proxy.counters import Counters
from gwproxy.proxy.healing import Healing
from gwproxy.proxy.images import Images
from gwproxy.proxy.keys import Keys
from gwproxy.proxy.lanes import Lanes
from gwproxy.proxy.ledger import Ledger
from gwproxy.proxy.limits import Limits
from gwproxy.proxy.standing import Standing
from gwproxy.proxy.thoughts import ThoughtMemory
from gwproxy.proxy.upstream import Upstream
from gwproxy.proxy.worker import Worker


@dataclass(frozen=True, slots=True)
class Services:
    """Made once, when the gateway starts."""

    upstream: Upstream
    keys: Keys
    limits: Limits
    calibration: Calibration
    counters: Counters
    ledger: Ledger
    conversations: Conversations
    healing: Healing
    thoughts: ThoughtMemory
    standing: Standing
    lanes: Lanes
    captures: Captures
    images: Images
    recording: Worker
    """Over what is done with an exchange that has been answered."""
    workers: tuple[Worker, ...]
    """Those in the background, for `status`."""
