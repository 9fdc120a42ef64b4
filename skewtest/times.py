"""The one home of time: instants as integers, declared units and zones, windows and edges.

Inside skewtest an instant is an `int` of microseconds since 1970-01-01T00:00 in the source's own
zone (UTC where the source is aware, wall time where it is naive). It becomes a `datetime` only on
its way to user code or into a report.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.errors import DeclarationError

Unit: TypeAlias = Literal["ms", "us", "ns"]
UNITS: tuple[Unit, ...] = get_args(Unit)
AsOf: TypeAlias = Literal["exclusive", "inclusive"]

MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAIVE_EPOCH = datetime(1970, 1, 1)

# Zones change their offset a few times a year, some twice within six weeks (Morocco, for Ramadan):
# two changes in thirty days, which would hide each other, are in no zone of today.
_SEARCH_STEP = 30 * DAY_US


@dataclass(frozen=True, slots=True)
class TimeType:
    """How a source writes its times: unit and zone (`None`: naive)."""

    unit: Unit = "us"
    zone: str | None = "UTC"

    @property
    def tick(self) -> int:
        """The smallest step between two times, in microseconds (1 for ns: datetimes end there)."""
        return 1_000 if self.unit == "ms" else 1

    @property
    def dtype(self) -> pl.Datetime:
        """The polars type of a column of such times."""
        return pl.Datetime(self.unit, self.zone)

    def tzinfo(self) -> tzinfo | None:
        """The zone as an object; UTC as `datetime.UTC`, which compares and prints fastest."""
        if self.zone is None:
            return None
        return UTC if self.zone == "UTC" else ZoneInfo(self.zone)

    def series(
        self, name: str, instants: npt.NDArray[np.int64] | Sequence[int | None]
    ) -> pl.Series:
        """Return instants as a column of this type.

        Args:
            name: of the column.
            instants: int64 microseconds since the epoch; `None` becomes null.
        """
        moments = pl.Series(name, instants, dtype=pl.Int64).cast(pl.Datetime("us", self.zone))
        return moments if self.unit == "us" else moments.cast(self.dtype)

    def datetimes(self, instants: pl.Series | Sequence[int | None]) -> list[datetime | None]:
        """Return instants as Python datetimes of this zone."""
        # numpy makes timedeltas six times faster than Python's own arithmetic does.
        lengths = pl.Series(instants, dtype=pl.Int64).cast(pl.Duration("us")).to_numpy().tolist()
        zone = self.tzinfo()
        epoch = NAIVE_EPOCH if zone is None else EPOCH
        # Comprehensions, because every event of every history comes by here.
        moments = [None if length is None else epoch + length for length in lengths]
        if zone is None or zone is UTC:
            return moments
        return [None if moment is None else moment.astimezone(zone) for moment in moments]


def instants_of(column: pl.Series) -> pl.Series:
    """Return a Datetime column as int64 microseconds; the inverse of `TimeType.series`.

    An aware column counts from the epoch in UTC whatever its zone, a naive one from its own.
    """
    assert isinstance(column.dtype, pl.Datetime), column.dtype
    # As `to_physical`, which goes through a query of its own: a twentieth of a whole check.
    physical = column.cast(pl.Int64)
    match column.dtype.time_unit:
        case "us":
            return physical
        case "ms":
            return physical * 1_000
        case _:  # nanoseconds; what is below a microsecond is lost, as Python's datetimes lose it
            return physical // 1_000


def instant(moment: datetime) -> int:
    """Return a datetime as microseconds since the epoch (naive: since the naive epoch)."""
    epoch = NAIVE_EPOCH if moment.tzinfo is None else EPOCH
    return (moment - epoch) // MICROSECOND


def micros(length: timedelta) -> int:
    """Return a timedelta in microseconds, exactly."""
    return length // MICROSECOND


def check_zone(argument: str, zone: str | None) -> str | None:
    """Return a zone that is an IANA name, or None.

    Args:
        argument: how errors call it.
        zone: the name; None for naive times.

    Raises:
        DeclarationError: there is no such zone on this machine.
    """
    if zone is None:
        return None
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise DeclarationError(
            f"{argument} must be an IANA time zone name such as 'America/New_York' or None; "
            f"got {zone!r}"
        ) from None
    return zone


def midnights(days: Iterable[int], zone: str) -> npt.NDArray[np.int64]:
    """Return the instants of local midnight on some days in a zone, int64 microseconds.

    Args:
        days: whole days since 1970-01-01.
        zone: IANA name.
    """
    local = ZoneInfo(zone)
    instants = []
    for day in days:
        # Wall time first, then UTC: a day has 23 or 25 hours where the clock changes.
        midnight = (NAIVE_EPOCH + timedelta(days=int(day))).replace(tzinfo=local)
        instants.append(instant(midnight.astimezone(UTC)))
    return np.array(instants, dtype=np.int64)


def shift_changes(zone: str, first: int, last: int) -> list[int]:
    """Return the instants at which a zone changes its UTC offset, by bisection.

    Args:
        zone: IANA name.
        first: instant from which on, in microseconds.
        last: instant before which.
    """
    local = ZoneInfo(zone)
    changes = []
    for start in range(first, last, _SEARCH_STEP):
        low, high = start, min(start + _SEARCH_STEP, last)
        offset = _offset(local, low)
        if offset == _offset(local, high):
            continue
        # The offset is the old one at low and another at high; changes are on whole seconds.
        while high - low > SECOND_US:
            middle = (low + high) // 2
            if _offset(local, middle) == offset:
                low = middle
            else:
                high = middle
        changes.append(high - high % SECOND_US)
    return changes


def _offset(zone: ZoneInfo, at: int) -> timedelta | None:
    return (EPOCH + at * MICROSECOND).astimezone(zone).utcoffset()


def window_text(length: timedelta) -> str:
    """Return a window as people write it: `7 d`, `12 h`, `90 s`."""
    total = micros(length)
    for size, unit in ((DAY_US, "d"), (HOUR_US, "h"), (60 * SECOND_US, "min"), (SECOND_US, "s")):
        if total % size == 0:
            return f"{total // size} {unit}"
    return f"{total} us"
