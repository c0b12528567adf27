"""What a check says: what was seen, what is wrong, what to do, what could be stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gwproxy.profiles.endpoints import host_of, is_loopback
from gwproxy.profiles.keyring_trouble import renewal
from gwproxy.profiles.profile import Profile
from gwproxy.profiles.secret import Source
from gwproxy.proxy.failures import Failed
from gwproxy.translate.hub import Dialect, Failure, FailureKind
from gwproxy.translate.registry import FACTS


class Outcome(StrEnum):
    GOOD = "ok"
    NOTE = "note"
    BAD = "failed"


@dataclass(frozen=True, slots=True)
class Learned:
    """A setting that the provider's own behaviour suggests, as `gwproxy profile set` takes it."""

    setting: str
    value: str

    def __str__(self) -> str:
        return f"{self.setting}={self.value}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`check` is what was looked at; `words` what was seen, `hint` what to do about it.

    `kind` and `status` are the failure's where there is one; `reached` is false where no byte got
    through. `calls` is how many questions were sent for it that a provider may bill. `seconds` is
    how long it took.
    """

    check: str
    outcome: Outcome
    words: str
    hint: str = ""
    dialect: Dialect | None = None
    kind: FailureKind | None = None
    status: int | None = None
    reached: bool = True
    calls: int = 0
    seconds: float | None = None
    learned: Learned | None = None


HOPELESS: Final = frozenset(
    {FailureKind.BILLING, FailureKind.RATE_LIMIT, FailureKind.OVERLOADED, FailureKind.TIMEOUT}
)
"""After these the same provider would say the same to the next question."""

_FAULTS: Final[Mapping[FailureKind, str]] = {
    FailureKind.AUTHENTICATION: "the key is refused",
    FailureKind.BILLING: "no credit, or the plan is used up",
    FailureKind.PERMISSION: "the provider does not let this in",
    FailureKind.NOT_FOUND: "there is nothing at this address",
    FailureKind.RATE_LIMIT: "too many requests",
    FailureKind.OVERLOADED: "the provider is overloaded",
    FailureKind.TIMEOUT: "no answer in time",
    FailureKind.UPSTREAM: "what came back is not an answer in this format",
    FailureKind.INTERNAL: "the provider failed",
    FailureKind.INVALID: "the provider refuses the request",
    FailureKind.UNSUPPORTED: "the provider does not offer this",
    FailureKind.TOO_LARGE: "the provider finds this too large",
    FailureKind.CONTEXT: "the provider finds this too long",
}

_WRONG_METHOD: Final = 405


def failed(
    check: str, error: Failed, profile: Profile, *, dialect: Dialect | None, source: Source
) -> Verdict:
    """The verdict on a check that ended in `error`; the key for it came from `source`."""
    failure = error.failure
    words = failure.message if error.nothing_sent else fault(failure)
    hint = hint_for(failure, profile, dialect, source)
    if error.nothing_sent:
        hint = _unreached_hint(failure, profile)
    return Verdict(
        check,
        Outcome.BAD,
        words,
        hint,
        dialect,
        kind=failure.kind,
        status=failure.upstream_status or failure.status,
        reached=not error.nothing_sent,
    )


def _unreached_hint(failure: Failure, profile: Profile) -> str:
    """What to do where no byte got through."""
    name = profile.name
    if failure.retryable is False:  # of these, only a certificate stays bad
        return (
            "name the file of the authority that signed the certificate:\n"
            f"SSL_CERT_FILE=PATH gwproxy test {name}"
        )
    for setting, base in (
        ("anthropic_url", profile.anthropic_url),
        ("openai_url", profile.openai_url),
    ):
        if base and "TLS" in failure.message and is_loopback(host_of(base)):
            plain = base.replace("https://", "http://")
            return f"if it speaks no TLS:\ngwproxy profile set {name} {setting}={plain}"
    return f"is the network there, and the address right?\ngwproxy profile show {name}"


def fault(failure: Failure) -> str:
    """What is wrong, then the upstream's own words."""
    plain = _FAULTS.get(failure.kind, "the provider refuses")
    if names_model(failure):
        plain = "the provider does not know the model"
    elif failure.status == _WRONG_METHOD:
        plain = "this address takes no questions"
    wait = f" (it asks to wait {failure.retry_after_s:g} s)" if failure.retry_after_s else ""
    return f"{plain} ({failure.upstream_status or failure.status}): {failure.message}{wait}"


def names_model(failure: Failure) -> bool:
    """Whether it is the model that was not found, and not the address."""
    return failure.kind is FailureKind.NOT_FOUND and "model" in failure.message.lower()


def hint_for(failure: Failure, profile: Profile, dialect: Dialect | None, source: Source) -> str:
    """The next commands, or where to look; one on each line."""
    name = profile.name
    if names_model(failure):
        return f"gwproxy models {name}\ngwproxy profile set {name} model=MODEL"
    if failure.status == _WRONG_METHOD or failure.kind is FailureKind.NOT_FOUND:
        return _address_hint(profile, dialect)
    match failure.kind:
        case FailureKind.AUTHENTICATION:
            return renewal(name, source)
        case FailureKind.UPSTREAM:
            return _address_hint(profile, dialect)
        case FailureKind.PERMISSION:
            return (
                "some providers let in certain tools only. gwproxy passes a tool's own name on, "
                "so the tool itself may get in where this check does not"
            )
        case FailureKind.BILLING:
            return "look at your account on the provider's page"
        case FailureKind.RATE_LIMIT | FailureKind.OVERLOADED | FailureKind.TIMEOUT:
            return "try again in a while"
    return ""


def _address_hint(profile: Profile, dialect: Dialect | None) -> str:
    setting = profile.lister.base if dialect is None else FACTS[dialect].base
    now = profile.base(setting)
    return f"the address is {now} now:\ngwproxy profile set {profile.name} {setting}=URL"


def learned_from(profile: Profile, verdicts: Iterable[Verdict]) -> tuple[Learned, ...]:
    """What is worth storing: settings on which all checks that speak of them agree, and the
    dialects that are left when one of them is not there at all."""
    verdicts = list(verdicts)
    found: dict[str, set[str]] = {}
    for verdict in verdicts:
        if verdict.learned is not None:
            found.setdefault(verdict.learned.setting, set()).add(verdict.learned.value)
    if any(_streams_well(verdict) for verdict in verdicts):
        found.pop("stream", None)  # one of its dialects does stream; the setting is for all
    agreed = [Learned(setting, *values) for setting, values in found.items() if len(values) == 1]
    addresses = [learned for learned in agreed if learned.setting.endswith("_url")]
    if addresses:
        return tuple(addresses)  # what was seen at the wrong one means nothing
    missing = {verdict.dialect for verdict in verdicts if means_no_route(verdict)}
    kept = [dialect for dialect in profile.dialects if dialect not in missing]
    if missing and kept:
        agreed.append(Learned("dialects", ",".join(kept)))
    return tuple(agreed)


def _streams_well(verdict: Verdict) -> bool:
    return (
        verdict.check.endswith("a stream") and verdict.outcome is Outcome.GOOD and verdict.calls > 0
    )


def means_no_route(verdict: Verdict) -> bool:
    """Whether it says that there is no route for its dialect at this address."""
    if verdict.outcome is not Outcome.BAD or verdict.dialect is None:
        return False
    return verdict.status in (404, _WRONG_METHOD) and "model" not in verdict.words.lower()


def timed(verdict: Verdict, seconds: float, calls: int) -> Verdict:
    """`verdict` with how long it took, and what it may cost."""
    return replace(verdict, seconds=seconds, calls=calls)
