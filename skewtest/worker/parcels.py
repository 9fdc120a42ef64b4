"""Parcels: the operations of lanes, and what they were answered, as messages have them.

The payloads of a source go as columns, which costs a fraction of one dict at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .answered import Answered
from .codec import decode, decode_column, encode, encode_column
from .operations import SNAPSHOT, Lane
from .telling import tell_error
from .values import NULL_OR_NAN, Odd, OddValueError, all_plain, plain

STATE = "#state"
"""The table of what is no event and no request: snapshots, restores and bootstraps."""


def pack_lanes(lanes: Iterable[Any]) -> dict[str, Any]:
    """Return lanes (of the shape of `Lane`) as a part of a message."""
    payloads: dict[str, list[dict[str, Any]]] = {}
    numbers, ends, workers = [], [], []
    rows: list[int] = []
    sources: list[str] = []
    instants: list[int] = []
    for lane in lanes:
        numbers.append(lane.lane)
        rows += lane.rows
        instants += lane.instants
        ends.append(len(rows))
        workers.append(lane.workers)
        for row, source, payload in zip(lane.rows, lane.sources, lane.payloads):
            table = source if row > SNAPSHOT else STATE
            sources.append(table)
            payloads.setdefault(table, []).append(payload)
    names = list(payloads)
    place = {name: number for number, name in enumerate(names)}
    return {
        "numbers": numbers,
        "ends": ends,
        "rows": rows,
        "instants": instants,
        "workers": workers,
        "names": names,
        "sources": [place[name] for name in sources],
        "tables": [_pack_table(name, payloads[name]) for name in names],
    }


def _pack_table(name: str, payloads: list[dict[str, Any]]) -> dict[str, Any]:
    """Return payloads as columns where all have the same names, else one by one."""
    names = list(payloads[0])
    if name != STATE and all(list(payload) == names for payload in payloads):
        columns = [encode_column([payload[name] for payload in payloads]) for name in names]
        return {"names": names, "columns": columns}
    return {"each": [encode(payload) for payload in payloads]}


def _unpack_table(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "each" in table:
        return (decode(payload) for payload in table["each"])
    names = table["names"]
    columns = [decode_column(column) for column in table["columns"]]
    return (dict(zip(names, values)) for values in zip(*columns))


def unpack_lanes(message: dict[str, Any]) -> Iterator[Lane]:
    """Yield the lanes of a message; payloads are made lane by lane."""
    tables = [_unpack_table(table) for table in message["tables"]]
    names = ["" if name == STATE else name for name in message["names"]]
    begin = 0
    for number, end, workers in zip(message["numbers"], message["ends"], message["workers"]):
        places = message["sources"][begin:end]
        yield Lane(
            number,
            message["rows"][begin:end],
            [names[place] for place in places],
            [next(tables[place]) for place in places],
            message["instants"][begin:end],
            workers,
        )
        begin = end


def pack_answered(answered: Answered) -> dict[str, Any]:
    """Return what was answered as a message; values become plain where they can."""
    failures = [
        [rows, code, encode(facts), None if error is None else tell_error(error)]
        for rows, code, facts, error in answered.failures
    ]
    return {
        "rows": answered.rows,
        "columns": [pack_column(column) for column in answered.columns()],
        "failures": failures,
        "mutated": list(answered.mutated),
        "skipped": answered.skipped,
    }


def pack_column(column: list[Any]) -> Any:
    """Return a column of user code's values as JSON values."""
    if not all_plain(column) or NULL_OR_NAN in column:
        column = [plain_or_odd(value) for value in column]
    return encode_column(column)


def plain_or_odd(value: Any) -> Any:
    """Return a value as a plain one; what cannot be one is told by its type."""
    try:
        return plain(value)
    except OddValueError as error:
        return Odd(str(error))
