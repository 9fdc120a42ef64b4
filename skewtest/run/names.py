"""Keys and ids of a draft: numbers instead of texts, so that copies can live in other lanes.

A key or id that generation did not make stays as it is and ties its draft to one lane.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from skewtest.declare.kinds import Column, Ids, Key
from skewtest.deliver.operations import python_values
from skewtest.generate.keys import parse, parse_id, render, render_id


class Slot(NamedTuple):
    """A generated key: identity `group` of its lane, in one of its spellings."""

    group: int
    slot: int


class Own(NamedTuple):
    """A generated id of an event: numbers tell the events of a draft apart."""

    number: int


@dataclass(frozen=True, slots=True)
class Names:
    """What the identities and ids of a history are called in its draft: numbers from 0."""

    groups: dict[int, int] = field(default_factory=dict)
    ids: dict[int, int] = field(default_factory=dict)


def number_cells(kind: Column, column: pl.Series, names: Names) -> list[Any]:
    """Return the cells of a column as a draft has them: keys as slots, ids as numbers.

    Args:
        kind: the declared kind of the column.
        column: the column of a history.
        names: the numbers given so far; gets those of new names.
    """
    values = python_values(column)
    if isinstance(kind, Ids):
        return [_number_id(value, names) for value in values]
    if not isinstance(kind, Key):
        return values
    # Keys repeat a lot: each is parsed once.
    slots: dict[Any, Any] = {None: None}
    for value in dict.fromkeys(values):
        if value is not None:
            slots[value] = _number_key(kind, value, names)
    return [slots[value] for value in values]


def _number_key(kind: Key, value: Any, names: Names) -> Any:
    parsed = parse(kind, value)
    if parsed is None:
        return value
    base, slot = parsed
    return Slot(names.groups.setdefault(base, len(names.groups)), slot)


def _number_id(value: Any, names: Names) -> Any:
    number = parse_id(value)
    if number is None:
        return value
    return Own(names.ids.setdefault(number, len(names.ids)))


def render_cells(
    name: str, kind: Column, cells: list[Any], lanes: list[int], stride: int
) -> pl.Series:
    """Return cells of drafts as a column, with names that no two lanes share.

    Args:
        name: of the column.
        kind: its declared kind.
        cells: as `number_cells` makes them, of all lanes.
        lanes: whose each cell is.
        stride: how many identities each lane has.
    """
    if isinstance(kind, Key):
        cells = _render_keys(kind, cells, lanes, stride)
    elif isinstance(kind, Ids):
        cells = _render_ids(cells, lanes)
    return pl.Series(name, cells, dtype=kind.dtype)


def _render_keys(kind: Key, cells: list[Any], lanes: list[int], stride: int) -> list[Any]:
    keys = []
    for cell, lane in zip(cells, lanes, strict=True):
        if isinstance(cell, Slot):
            keys.append(render(kind, lane * stride + cell.group, cell.slot))
        else:
            keys.append(cell)
    return keys


def _render_ids(cells: list[Any], lanes: list[int]) -> list[Any]:
    # Identities are of a lane, ids of one source: how many a lane needs is seen here alone.
    ids_a_lane = 1
    for cell in cells:
        if isinstance(cell, Own):
            ids_a_lane = max(ids_a_lane, 1 + cell.number)
    ids = []
    for cell, lane in zip(cells, lanes, strict=True):
        if isinstance(cell, Own):
            ids.append(render_id(lane * ids_a_lane + cell.number))
        else:
            ids.append(cell)
    return ids
