"""What a reference is given: the events that count for a request, in sequence order."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from skewtest.declare.source import Source
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import event_dicts
from skewtest.generate.history import LANE, SEQUENCE, Pack
from skewtest.times import instants_of


class Event(NamedTuple):
    """An event that counts.

    Attributes:
        at: its event time, in microseconds since the epoch.
        number: its place in the order of arrival, which breaks ties of time.
        source: the name of its source.
        values: its declared columns.
    """

    at: int
    number: int
    source: str
    values: dict[str, Any]


class Inputs(NamedTuple):
    """What is known when a request is answered.

    Attributes:
        events: those of its entity that count at `as_of`, by time, ties in order of arrival.
        request: the spine row.
        moment: its `as_of`, in microseconds since the epoch.
    """

    events: list[Event]
    request: dict[str, Any]
    moment: int


Key = tuple[Any, ...]


def inputs_of(view: FeatureView, pack: Pack) -> Iterator[Inputs]:
    """Yield what is known for each spine row, in spine order.

    An event counts when its time is before `as_of`; at `as_of` too where the view includes it. A
    source without some of the entity's columns, and all sources of a global view, belong to every
    entity of their history.
    """
    columns: dict[str, list[str]] = {}
    by_key: dict[str, Mapping[Key, list[Event]]] = {}
    for name, source in view.sources.items():
        columns[name] = _key_columns(view, source)
        by_key[name] = _events_by_key(name, source, columns[name], pack)
    requests = event_dicts(view.spine_schema, pack.spine)
    moments = instants_of(pack.spine[AS_OF]).to_list()
    lanes = pack.spine[LANE].to_list()
    for request, moment, lane in zip(requests, moments, lanes, strict=True):
        events: list[Event] = []
        for name, keys in columns.items():
            key = (lane, *(request[column] for column in keys))
            events += _until(by_key[name].get(key, []), _last_instant(view, moment))
        if len(columns) > 1:
            events.sort(key=_sequence)
        yield Inputs(events, request, moment)


def _key_columns(view: FeatureView, source: Source) -> list[str]:
    """Return the entity columns by which events of a source are told apart."""
    if view.scope == "global":
        return []
    return [name for name in view.entity if name in source.schema]


def _last_instant(view: FeatureView, moment: int) -> int:
    # Whole microseconds: the instant before `as_of` is the last that counts where it is excluded.
    return moment if view.as_of == "inclusive" else moment - 1


def _events_by_key(
    name: str, source: Source, keys: list[str], pack: Pack
) -> Mapping[Key, list[Event]]:
    """Return the events of a source by history and entity, in sequence order."""
    frame = pack.events[name]
    lanes = frame[LANE].to_list()
    moments = instants_of(frame[source.time]).to_list()
    numbers = frame[SEQUENCE].to_list()
    events: dict[Key, list[Event]] = {}
    rows = zip(lanes, moments, numbers, event_dicts(source.schema, frame), strict=True)
    for lane, moment, number, values in rows:
        key = (lane, *(values[column] for column in keys))
        events.setdefault(key, []).append(Event(moment, number, name, values))
    for group in events.values():
        group.sort(key=_sequence)
    return events


def _sequence(event: Event) -> tuple[int, int]:
    return event.at, event.number


def _until(events: list[Event], last: int) -> list[Event]:
    """Return the events up to an instant, that included."""
    return events[: bisect_right(events, last, key=lambda event: event.at)]
