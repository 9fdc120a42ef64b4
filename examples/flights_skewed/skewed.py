"""The service of ../flights after a rewrite: five of its eight features are no longer right."""

from datetime import datetime

from features.batch import ALPHA, aircraft_batch
from features.log import NEW_YORK
from features.online import DAY, MONTH, WEEK, AircraftOnline, Delays
from features.views import TOLERANCE, WINDOWS, flights

import skewtest as sk


class SkewedDelays(Delays):
    """Each method reads well, and differs from what the model was trained on."""

    def flights_24h(self, as_of: datetime) -> int:
        """Leave out a flight that left exactly 24 hours ago."""
        return sum(flight["ts"] > as_of - DAY for flight in self.day.since(as_of - DAY).flights)

    def flights_today(self, as_of: datetime) -> int:
        """Start the day at midnight in UTC, which is 19:00 or 20:00 in New York."""
        return len(self.today.since(as_of.replace(hour=0, minute=0, second=0, microsecond=0)))

    def delay_mean_7d(self, as_of: datetime) -> float | None:
        """Count a cancelled flight as one that left on time."""
        week = self.week.since(as_of - WEEK)
        return week.delay / len(week) if len(week) else None

    def cancelled_share_30d(self, as_of: datetime) -> float | None:
        """Divide by the flights that left, not by those that were due."""
        month = self.month.since(as_of - MONTH)
        return (len(month) - month.departed) / month.departed if month.departed else None

    def smooth(self, delay: int) -> float:
        """Start from 0, not from the first delay."""
        before = self.smoothed or 0.0
        return before + ALPHA * (delay - before)


class SkewedOnline(AircraftOnline):
    """The service, with the skewed state."""

    state = SkewedDelays


aircraft = sk.FeatureView(
    "aircraft_skewed", sources=[flights], entity=["tailnum"],
    batch=aircraft_batch, online=SkewedOnline,
    features=TOLERANCE, windows=WINDOWS, zone=NEW_YORK,
)  # fmt: skip
