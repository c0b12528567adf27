"""One request upstream, whole: where it goes, its headers with the key in them, and its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from gwproxy.profiles.profile import Profile
from gwproxy.proxy.routing.route import Route
from gwproxy.proxy.upstream import headers

Method: TypeAlias = Literal["POST", "GET", "DELETE"]

NO_QUERY: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One request upstream, ready to be sent. `key` is what `headers` bear, to be masked;
    `streams` says that a stream is asked for. Only what costs nothing is a GET or a DELETE."""

    profile: Profile
    url: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str]
    key: str | None
    streams: bool
    method: Method = "POST"


def request_to(
    route: Route,
    body: bytes,
    key: str | None,
    *,
    client: Mapping[str, str] = NO_QUERY,
    faithful: bool = False,
    streams: bool = False,
    url: str = "",
    query: Mapping[str, str] = NO_QUERY,
    method: Method = "POST",
) -> UpstreamRequest:
    """The request to `route`, or as it goes to another `url` of its profile. `client` are the
    headers that came, of which more are passed on where the body is, too (`faithful`)."""
    sent = headers.towards_upstream(client, route, faithful=faithful, streams=streams, key=key)
    return UpstreamRequest(route.profile, url or route.url, sent, body, query, key, streams, method)
