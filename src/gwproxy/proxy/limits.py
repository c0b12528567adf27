"""Every limit and timeout of the gateway, each with its reason. Values only.

They are one value so that tests can play a silent ten minutes in a tenth of a second. The
upstream's own patience (`first_byte_timeout_s`, `idle_timeout_s`) belongs to its profile.
"""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds end in `_s`, sizes in `_bytes`."""

    # --- towards the client

    early_status_s: float = 4.0
    """How long a stream's status is held back. Providers refuse (401, 429, 529) well within this;
    Claude Code shows its "still waiting" banner after 20 s of silence."""

    ping_gap_s: float = 10.0
    """Longest silence of an open stream. Clients give up after 300 s (Claude Code) and proxies in
    between after 60 s (nginx) or 100 s (Cloudflare); 15 s is what other gateways promise."""

    head_s: float = 20.0
    """For a whole request head, once its first byte came: a dripping client holds a socket."""

    body_grace_s: float = 30.0
    """For a request body, and then one second more for each `body_bytes_per_s` that came."""

    body_bytes_per_s: int = 64 * 1024
    """The slowest upload we wait for; a drip of single bytes ends after `body_grace_s`."""

    keepalive_s: float = 300.0
    """Idle client connections: a person reads and types for minutes between two turns."""

    linger_s: float = 5.0
    """How long the rest of a refused body is read and thrown away, so that the client reads the
    refusal instead of a reset."""

    request_line_bytes: int = 16 * 1024
    header_bytes: int = 32 * 1024
    headers: int = 256
    """Claude Code's beta lists and long tokens exceed aiohttp's 8190 bytes and 128 headers."""

    # --- towards the upstream

    connect_s: float = 10.0
    """TCP and TLS; a provider that takes longer is down."""

    resolve_and_connect_s: float = 20.0
    """The same with the name look-up before it."""

    retry_delay_s: float = 0.2
    """Before the one repeat of a connection that was never made."""

    pool_keepalive_s: float = 15.0
    """How long an idle upstream connection is trusted. A POST is never repeated, so a connection
    that the other side closes just now costs the client an error (aio-libs/aiohttp#850)."""

    dns_cache_s: int = 600

    upstream_header_bytes: int = 64 * 1024
    """Content-Security-Policy alone can have 12 kB."""

    whole_answer_bytes: int = 64 * _MIB
    """A whole answer; the longest real ones hold an image."""

    error_body_bytes: int = 1 * _MIB
    """More of an error page than anybody reads."""

    leftover_s: float = 0.25
    """After the last event of a stream: how long the end of the HTTP body may take, so that the
    connection can be used again. It mostly comes in the same packet."""

    count_s: float = 4.0
    """For an upstream's own `count_tokens`; Claude Code asks 25 at once and a person waits."""

    # --- images by address, for upstreams that take only data

    image_bytes: int = 10 * _MIB
    """Of one image; vendors take 5 to 20 MB."""

    images: int = 20
    """In one request, of those that are not here yet."""

    images_s: float = 10.0
    """For all images of a request, which are fetched together while the client hears nothing."""

    kept_images_bytes: int = 64 * _MIB
    """Of all that are kept for the next turns, in base64."""

    # --- ourselves

    thread_bytes: int = 4 * _MIB
    """Bodies from here on are translated in a thread: the loop must not stand still for 20 ms, and
    takes 4 to 5 ms for each megabyte."""

    thread_objects: int = 3_000
    """And those that hold so many objects: about 15 µs each (`threads`)."""

    file_look_s: float = 0.02
    """How old the last look at a file that is followed may be: no person saves a file and asks
    within that time, and a burst of requests looks once."""

    edit_look_s: float = 2.0
    """How often config.toml is looked at while no request comes: whoever has just saved it looks at
    the log."""

    drain_s: float = 30.0
    """How long running answers may go on after the first signal to stop."""
