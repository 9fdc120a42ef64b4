"""Stream: the events and requests of a pack as parallel arrays, as scenarios look at them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.sorting import IntArray, order_by
from skewtest.generate.history import LANE, SEQUENCE, Pack
from skewtest.times import instants_of

Mask = npt.NDArray[np.bool_]

FOREVER = np.iinfo(np.int64).max


class Moments(NamedTuple):
    """The instants at which something happens in the lanes of a pack, by lane and time.

    Attributes:
        lane: whose instant it is.
        at: in microseconds; one that several things share is there for each of them.
    """

    lane: IntArray
    at: IntArray

    def is_new(self) -> Mask:
        """Return, for each, whether the one before it has another lane or instant."""
        is_new = np.ones(len(self.lane), dtype=bool)
        is_new[1:] = (np.diff(self.lane) != 0) | (np.diff(self.at) != 0)
        return is_new


@dataclass(frozen=True, slots=True)
class Stream:
    """The events and requests of a pack.

    The events of all sources stand one after the other, in the order of the view's sources.

    Attributes:
        lane: of each event.
        at: the time of each event, in microseconds.
        sequence: of each event.
        request_lane: of each request.
        as_of: the `as_of` of each request, in microseconds.
        lanes: how many lanes there are.
        inclusive: whether an event at `as_of` counts.
    """

    lane: IntArray
    at: IntArray
    sequence: IntArray
    request_lane: IntArray
    as_of: IntArray
    lanes: int
    inclusive: bool

    @classmethod
    def of(cls, view: FeatureView, pack: Pack) -> "Stream":
        """Return the stream of a pack."""
        lanes, instants, sequences = [], [], []
        for name, source in view.sources.items():
            frame = pack.events[name]
            lanes.append(frame[LANE].to_numpy())
            instants.append(instants_of(frame[source.time]).to_numpy())
            sequences.append(frame[SEQUENCE].to_numpy())
        return cls(
            lane=np.concatenate(lanes),
            at=np.concatenate(instants),
            sequence=np.concatenate(sequences),
            request_lane=pack.spine[LANE].to_numpy(),
            as_of=instants_of(pack.spine[AS_OF]).to_numpy(),
            lanes=pack.lanes,
            inclusive=view.as_of == "inclusive",
        )

    def next_request(self) -> IntArray:
        """Return, for each event, the first `as_of` of its lane that counts it, or FOREVER."""
        following = np.full(len(self.lane), FOREVER)
        # Lanes share a few `as_of` values: a pass for each of them is less than one for each lane.
        for moment in np.unique(self.as_of)[::-1]:
            is_asking = np.zeros(self.lanes, dtype=bool)
            is_asking[self.request_lane[self.as_of == moment]] = True
            counts = self.at < moment
            if self.inclusive:
                counts = self.at <= moment
            # From the last moment back to the first: the earliest that counts an event stays.
            following[is_asking[self.lane] & counts] = moment
        return following

    def order(self, arrival: IntArray, turn: IntArray | None = None) -> IntArray:
        """Return the events in the order in which they arrive, lane by lane."""
        if turn is None:
            return order_by(self.lane, arrival, self.sequence)
        return order_by(self.lane, arrival, turn, self.sequence)

    def first_of_moment(self) -> IntArray:
        """Return, for each event, one event that stands for all of its lane and time."""
        order = order_by(self.lane, self.at)
        is_new = Moments(self.lane[order], self.at[order]).is_new()
        first_places = np.maximum.accumulate(np.where(is_new, np.arange(len(order)), 0))
        first = np.empty_like(order)
        first[order] = order[first_places]
        return first

    def moments(self) -> Moments:
        """Return the instants of events and requests, up to each lane's last request."""
        last = np.full(self.lanes, -FOREVER)
        np.maximum.at(last, self.request_lane, self.as_of)
        lane = np.concatenate([self.lane, self.request_lane])
        at = np.concatenate([self.at, self.as_of])
        is_heard = at <= last[lane]
        lane, at = lane[is_heard], at[is_heard]
        order = order_by(lane, at)
        return Moments(lane[order], at[order])

    def lanes_of(self, events: Mask) -> Mask:
        """Return, for each lane, whether one of its events is among some."""
        return self.mark(self.lane[events])

    def mark(self, lanes: IntArray) -> Mask:
        """Return, for each lane, whether it is among some."""
        marked = np.zeros(self.lanes, dtype=bool)
        marked[lanes] = True
        return marked
