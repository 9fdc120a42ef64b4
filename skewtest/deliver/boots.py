"""Boots: lanes whose online side can start from rows that batch answered."""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import LANE, Pack, entity_keys
from skewtest.times import instants_of

Entity = tuple[object, ...]
"""The values of a view's entity columns."""


def find_boots(view: FeatureView, pack: Pack) -> dict[int, int]:
    """Return, by lane, the `as_of` that its online side can start from, in microseconds.

    It is the first of two or more, if it asks for every entity that had an event by then.
    """
    lane = pack.spine[LANE].to_numpy()
    as_of = instants_of(pack.spine[AS_OF]).to_numpy()
    first = np.full(pack.lanes, np.iinfo(np.int64).max)
    np.minimum.at(first, lane, as_of)
    asks_later = np.zeros(pack.lanes, dtype=bool)
    asks_later[lane[as_of > first[lane]]] = True
    is_boot = asks_later[lane] & (as_of == first[lane])
    entities: dict[int, set[Entity]] = {}
    for number, entity in _entities(view, pack.spine, is_boot):
        entities.setdefault(number, set()).add(entity)
    boots = dict(zip(entities, first[list(entities)].tolist(), strict=True))
    seen = seen_before(view, pack, boots)
    # Where nothing was seen, rows of batch tell nothing; an entity without a row would be lost.
    return {n: at for n, at in boots.items() if seen[n] and seen[n] <= entities[n]}


def seen_before(view: FeatureView, pack: Pack, boots: Mapping[int, int]) -> dict[int, set[Entity]]:
    """Return, for each lane, the entities that have an event counted at its boot."""
    seen: dict[int, set[Entity]] = {number: set() for number in boots}
    boot = np.full(pack.lanes, np.iinfo(np.int64).min)
    boot[list(boots)] = list(boots.values())
    for name, source in view.sources.items():
        if not all(column in source.columns for column in view.entity):
            continue  # its events belong to no entity, and no row can lack them
        frame = pack.events[name]
        at = instants_of(frame[source.time]).to_numpy()
        limit = boot[frame[LANE].to_numpy()]
        is_counted = at < limit
        if view.as_of == "inclusive":
            is_counted = at <= limit
        for number, entity in _entities(view, frame, is_counted):
            seen[number].add(entity)
    return seen


def _entities(
    view: FeatureView, frame: pl.DataFrame, wanted: np.typing.NDArray[np.bool_]
) -> Iterator[tuple[int, Entity]]:
    """Return the lane and the entity of each row that is wanted."""
    rows = frame.filter(pl.Series(wanted, dtype=pl.Boolean))
    return zip(rows[LANE].to_list(), entity_keys(view, rows), strict=True)
