"""Histories and packs: the frozen values that generation hands on.

A pack holds many histories side by side, each in its own lane. Its tables carry the declared
columns and, under names no user column can have, the lane and the sequence number of each row;
where the delivery has faults, also what happens to each event on its way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from skewtest.declare.delivery import IN_ORDER, Scenario
from skewtest.declare.view import AS_OF, FeatureView

LANE = "#lane"
SEQUENCE = "#sequence"
DELAY = "#delay"
"""How many microseconds after its time an event arrives."""
TURN = "#turn"
"""Whose turn it is among the events that arrive at one instant; before the sequence."""
COPIES = "#copies"
"""How many microseconds after its time each further copy of an event arrives: a list."""
WORKER = "#worker"
"""Which of two workers gets an event: 0 or 1."""
FAULTS: Mapping[str, pl.DataType] = {
    DELAY: pl.Int64(),
    TURN: pl.Int64(),
    COPIES: pl.List(pl.Int64()),
    WORKER: pl.Int64(),
}
"""The columns of faults, which are there only where a delivery has some."""
HIDDEN = (LANE, SEQUENCE, *FAULTS)

BEFORE, BETWEEN, AFTER = -1, 1, 3
"""Where a restart stands among what has its instant: before all, between requests and events
(whichever come first), after all."""


class Restart(NamedTuple):
    """A snapshot, and the fresh object that restores it.

    Attributes:
        at: the instant of the snapshot, in microseconds.
        rank: BEFORE, BETWEEN or AFTER what else has this instant.
        crash: how many microseconds later the old object is lost. The events that it got since
            the snapshot are delivered again.
        again: how many events before the snapshot are delivered again too.
    """

    at: int
    rank: int = BEFORE
    crash: int = 0
    again: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Histories that share one batch call.

    Attributes:
        events: by source name: its columns, LANE, SEQUENCE and perhaps FAULTS, in sequence order
            (event time, ties by SEQUENCE). SEQUENCE is unique within a lane across sources.
        spine: entity columns, `as_of`, request columns and LANE; unique in entity and `as_of`.
        lanes: how many histories there are, those without events included.
        lags: by lane, for requests that do not come before the events of their own instant: how
            many microseconds after `as_of` they come; events up to then precede them.
        restarts: by lane, in order of time.
        boots: by lane, the `as_of` whose batch rows the online side starts from.
        scenario: the kind of delivery.
    """

    events: Mapping[str, pl.DataFrame]
    spine: pl.DataFrame
    lanes: int
    lags: Mapping[int, int] = field(default_factory=dict)
    restarts: Mapping[int, tuple[Restart, ...]] = field(default_factory=dict)
    boots: Mapping[int, int] = field(default_factory=dict)
    scenario: Scenario = Scenario()  # noqa: RUF009 - frozen

    def history(self, lane: int) -> "History":
        """Return one lane as a history of its own."""
        return History(
            events={name: _take_lane(frame, lane) for name, frame in self.events.items()},
            spine=_take_lane(self.spine, lane),
            lag=self.lags.get(lane),
            restarts=self.restarts.get(lane, ()),
            boot=self.boots.get(lane),
            scenario=self.scenario,
        )

    def together(self) -> "History":
        """Return all lanes as one history: what they are if the implementation mixes them up."""
        offsets = pl.col(LANE).cast(pl.Int64) * (2**32)
        return History(
            events={
                name: frame.with_columns(pl.col(SEQUENCE) + offsets).drop(LANE)
                for name, frame in self.events.items()
            },
            spine=self.spine.drop(LANE),
            scenario=self.scenario,
        )


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """One history: events by source (with SEQUENCE) in sequence order, the spine, the delivery.

    `lag`, `restarts`, `boot` and `scenario` are those of its lane, as in Pack.
    """

    events: Mapping[str, pl.DataFrame]
    spine: pl.DataFrame
    lag: int | None = None
    restarts: tuple[Restart, ...] = ()
    boot: int | None = None
    scenario: Scenario = Scenario()  # noqa: RUF009 - frozen

    @property
    def size(self) -> int:
        """The number of events."""
        return sum(frame.height for frame in self.events.values())

    def pack(self) -> Pack:
        """Return the history as the only lane of a pack."""
        lane = pl.lit(0, dtype=pl.Int32).alias(LANE)
        return Pack(
            events={name: frame.with_columns(lane) for name, frame in self.events.items()},
            spine=self.spine.with_columns(lane),
            lanes=1,
            lags={} if self.lag is None else {0: self.lag},
            restarts={0: self.restarts} if self.restarts else {},
            boots={} if self.boot is None else {0: self.boot},
            scenario=self.scenario,
        )


def _take_lane(frame: pl.DataFrame, lane: int) -> pl.DataFrame:
    # By place: a filter runs a query, which takes four times as long for so few rows.
    rows = np.flatnonzero(frame[LANE].to_numpy() == lane)
    return frame[[name for name in frame.columns if name != LANE]][rows]


def entity_keys(view: FeatureView, frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the entity of each row of a frame; `()` for each where the view has none.

    Args:
        view: whose entity columns the frame holds.
        frame: events or a spine.
    """
    if not view.entity:
        return [()] * frame.height
    return list(zip(*(frame[name].to_list() for name in view.entity), strict=True))


def ordered(view: FeatureView, name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the events of a source in sequence order."""
    return frame.sort(view.sources[name].time, SEQUENCE, maintain_order=True)


def history_of(
    view: FeatureView,
    events: Mapping[str, pl.DataFrame],
    spine: pl.DataFrame,
) -> History:
    """Return given frames as a history: declared columns, arrival order kept among ties."""
    prepared: dict[str, pl.DataFrame] = {}
    arrived = 0
    for name, source in view.sources.items():
        frame = events[name].select(
            pl.col(column).cast(dtype) for column, dtype in source.schema.items()
        )
        frame = frame.with_row_index(SEQUENCE, offset=arrived).cast({SEQUENCE: pl.Int64})
        arrived += frame.height
        prepared[name] = ordered(view, name, frame)
    asked = spine.select(pl.col(name).cast(dtype) for name, dtype in view.spine_schema.items())
    return History(
        events=prepared,
        spine=asked.unique([*view.entity, AS_OF], keep="first", maintain_order=True),
        scenario=view.delivery.under(IN_ORDER),
    )
