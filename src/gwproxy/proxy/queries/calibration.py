"""How far our token estimates are off, learned for each profile from the upstream's own figures.

Kept in memory: after a restart a few exchanges teach it again.
"""

from __future__ import annotations

from gwproxy.translate.passes import tokens


class Calibration:
    """The factor of each profile that has been asked."""

    def __init__(self) -> None:
        self._factors: dict[str, float] = {}

    def factor(self, profile: str) -> float:
        """By which to multiply an estimate for `profile`."""
        return self._factors.get(profile, 1.0)

    def learn(self, profile: str, factor_used: float, estimated: int, actual: int | None) -> None:
        """Correct the factor by what the upstream counted, `actual`, in place of `estimated`, which
        was made with `factor_used`."""
        if actual is not None:
            unscaled = round(estimated / factor_used)
            self._factors[profile] = tokens.calibrated(self.factor(profile), unscaled, actual)
