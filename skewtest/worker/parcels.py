"""Parcels: the operations of lanes, and what they were answered, as messages have them.

The payloads of a source go as columns, which costs a fraction of one dict at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
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
    numbers, ends, workers = [], [], []
    rows: list[int] = []
    instants: list[int] = []
    # The table of each operation by its number, in the order in which tables are met.
    table_numbers: dict[str, int] = {}
    sources: list[int] = []
    payloads: list[list[dict[str, Any]]] = []
    for lane in lanes:
        numbers.append(lane.lane)
        rows += lane.rows
        instants += lane.instants
        ends.append(len(rows))
        workers.append(lane.workers)
        for row, source, payload in zip(lane.rows, lane.sources, lane.payloads):
            table = source if row > SNAPSHOT else STATE
            number = table_numbers.setdefault(table, len(payloads))
            if number == len(payloads):
                payloads.append([])
            sources.append(number)
            payloads[number].append(payload)
    return {
        "numbers": numbers,
        "ends": ends,
        "rows": rows,
        "instants": instants,
        "workers": workers,
        "names": list(table_numbers),
        "sources": sources,
        "tables": list(map(_pack_table, table_numbers, payloads)),
    }


def _pack_table(name: str, payloads: list[dict[str, Any]]) -> dict[str, Any]:
    """Return payloads as columns where all have the same names, else one by one."""
    names = list(payloads[0])
    # Names in another order are other payloads: code may unpack them by position.
    if name != STATE and all(list(payload) == names for payload in payloads):
        columns = [encode_column(list(map(itemgetter(name), payloads))) for name in names]
        return {"names": names, "columns": columns}
    return {"each": list(map(encode, payloads))}


def _unpack_table(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "each" in table:
        return map(decode, table["each"])
    names = table["names"]
    columns = map(decode_column, table["columns"])
    # Dicts are made one at a time, when their lane is fed: user code may keep or change each.
    return (dict(zip(names, values)) for values in zip(*columns))


def unpack_lanes(message: dict[str, Any]) -> Iterator[Lane]:
    """Yield the lanes of a message; payloads are made lane by lane."""
    tables = list(map(_unpack_table, message["tables"]))
    # What is no event comes from no source.
    names = ["" if name == STATE else name for name in message["names"]]
    begin = 0
    for number, end, workers in zip(message["numbers"], message["ends"], message["workers"]):
        sources = message["sources"][begin:end]
        yield Lane(
            number,
            message["rows"][begin:end],
            [names[source] for source in sources],
            [next(tables[source]) for source in sources],
            message["instants"][begin:end],
            workers,
        )
        begin = end


def pack_answered(answered: Answered) -> dict[str, Any]:
    """Return what was answered as a message; values become plain where they can."""
    failures = []
    for rows, code, facts, error in answered.failures:
        description = None if error is None else tell_error(error)
        failures.append([rows, code, encode(facts), description])
    return {
        "rows": answered.rows,
        "columns": list(map(pack_column, answered.columns())),
        "failures": failures,
        "mutated": list(answered.mutated),
        "skipped": answered.skipped,
    }


def pack_column(column: list[Any]) -> Any:
    """Return a column of user code's values as JSON values."""
    # Most columns are plain already, and to look at their types is quicker than to convert them.
    if not all_plain(column) or NULL_OR_NAN in column:
        column = list(map(plain_or_odd, column))
    return encode_column(column)


def plain_or_odd(value: Any) -> Any:
    """Return a value as a plain one; what cannot be one is told by its type."""
    try:
        return plain(value)
    except OddValueError as error:
        return Odd(str(error))
