"""One kept file becomes a history: nothing in it is believed, and nothing of it is guessed.

What does not fit the view is named. Only columns that came or went since it was kept are put right,
and that is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import polars as pl

from skewtest.declare.delivery import SCENARIOS
from skewtest.declare.kinds import Column
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.lawful import breach_of, course_of
from skewtest.documents import DocumentError, parse_document
from skewtest.errors import CorpusError, listed, nearest
from skewtest.generate.history import COPIES, FAULTS, SEQUENCE, History, Restart
from skewtest.results.encoding import decode
from skewtest.results.plainest import plainest
from skewtest.times import instant, instants_of

Document: TypeAlias = dict[str, Any]

# Of files: a change that older ones cannot be read by raises it.
FORMAT = 1
# The field that holds an event's number; a column may not begin with "#".
NUMBER = "#"
HIDDEN = (NUMBER, *FAULTS)
FIELDS = (
    "format",
    "view",
    "feature",
    "kind",
    "cause",
    "scenario",
    "request_lag_us",
    "restarts_us",
    "bootstrap_us",
    "events",
    "spine",
)
# A minimised history has 2 rows, one that cannot be made smaller some thousands. Each row costs
# user code milliseconds: more of them would hang a run.
MOST_ROWS = 100_000
MOST_COPIES = 1_000
MOST_RESTARTS = 1_000
# An hour is a late event, a decade is a typing error, and what is beyond datetimes never arrives.
LONGEST = 10 * 366 * 86_400 * 1_000_000
FIRST, LAST = instant(datetime(1, 1, 2)), instant(datetime(9999, 12, 30))  # noqa: DTZ001 - naive
# Where a restart stands among what has its instant, as in `Restart`.
RANKS = (-1, 1, 3)


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept file that fits its view.

    Attributes:
        history: the counterexample.
        changes: how it was made to fit, a clause each; none where it did.
    """

    history: History
    changes: tuple[str, ...] = ()


def fit_document(document: Document, view: FeatureView, names: Sequence[str]) -> Kept:
    """Return the history of a kept file.

    Args:
        document: the file's, of `load_document`.
        view: that it is to fit.
        names: what the view is called, and was called before.

    Raises:
        CorpusError: why it cannot be run, and what to do.
    """
    _check_fields(document, view, names)
    changes: dict[str, None] = {}
    try:
        history = _history_of(document, view, changes)
        reason = breach_of(view, course_of(view, history))
    except KeyError as error:
        raise CorpusError(
            f"it has no {error.args[0]!r}; it does not fit the view any more"
        ) from None
    except (
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        pl.exceptions.PolarsError,
    ) as error:
        raise CorpusError(f"its values do not fit the columns any more: {error}") from error
    if reason:
        raise CorpusError(
            f"the view's delivery does not allow it any more: {reason}; "
            "declare it again, or delete the file"
        )
    return Kept(history, tuple(changes))


def load_document(content: bytes) -> Document:
    """Return the JSON object of a kept file.

    Raises:
        CorpusError: it is none of this format.
    """
    try:
        document = parse_document(content)
    except DocumentError as error:
        raise CorpusError(f"{error}; restore it from version control or delete it") from error
    version = document.get("format") if isinstance(document, dict) else None
    if version != FORMAT or isinstance(version, bool):
        raise CorpusError(
            f"it has format {version!r}, this skewtest reads format {FORMAT}; "
            "delete it once its skew is found again"
        )
    return document  # type: ignore[no-any-return] # a dict, as it has a format


def _check_fields(document: Document, view: FeatureView, names: Sequence[str]) -> None:
    """Raise CorpusError for what a file says that none of ours says, or says of another view."""
    for field in document:
        if field not in FIELDS:
            raise CorpusError(
                f"it has a field {field[:80]!r}; expected {listed(FIELDS)}."
                + nearest(field, FIELDS)
                + " Spell it right or delete the file"
            )
    if document.get("view") not in names:
        raise CorpusError(
            f"it is of the view {document.get('view')!r}, and lies in the folder of {view.name!r}: "
            "move it to the folder of its view, or delete it"
        )
    scenario = document.get("scenario")
    if scenario not in SCENARIOS:
        raise CorpusError(f"there is no scenario {scenario!r}; expected one of {listed(SCENARIOS)}")
    if scenario not in view.delivery.scenarios:
        raise CorpusError(
            f"the view does not declare its scenario {scenario!r} any more; it declares "
            f"{listed(view.delivery.scenarios)}. Declare it again, or delete the file"
        )


def _history_of(document: Document, view: FeatureView, changes: dict[str, None]) -> History:
    tables = document["events"]
    if not isinstance(tables, dict):
        raise TypeError(f"events must be an object of sources; got {tables!r:.60}")
    _check_sources(tables, view, changes)
    _check_rows(document["spine"])
    count = sum(map(len, tables.values())) + len(document["spine"])
    if count > MOST_ROWS:
        raise CorpusError(f"it has {count:,} events and requests; expected at most {MOST_ROWS:,}")
    events = {}
    numbers: set[int] = set()
    for name, source in view.sources.items():
        rows = tables[name]
        _check_numbers(rows, numbers)
        table = _Table(source.schema, source.columns, (source.time,))
        events[name] = _events_of(rows, table, changes)
    columns = {**_columns_of_entity(view), **view.request}
    table = _Table(view.spine_schema, columns, (AS_OF,))
    spine = _frame_of(document["spine"], table, changes)
    if spine.is_empty():
        raise CorpusError("it asks for nothing: its spine is empty")
    history = History(
        events,
        spine,
        _length_of("request_lag_us", document["request_lag_us"]),
        _restarts_of(document.get("restarts_us", [])),
        _boot_of(document.get("bootstrap_us")),
        view.delivery.under(document["scenario"]),
    )
    _check_instants(view, history)
    return history


def _check_sources(tables: Mapping[str, Any], view: FeatureView, changes: dict[str, None]) -> None:
    """Raise CorpusError for events of a source that the view does not read any more."""
    for name in view.sources:
        _check_rows(tables[name])
    for name, rows in tables.items():
        if name in view.sources:
            continue
        if rows:
            raise CorpusError(
                f"it has events of a source {name!r}; the view has {listed(view.sources)}."
                + nearest(name, view.sources)
                + " Rename it in the file, or delete the file"
            )
        changes[f"the view has no source {name!r} any more, and it had no events"] = None


@dataclass(frozen=True, slots=True)
class _Table:
    """What the rows of a table are to be.

    Attributes:
        schema: types by column.
        columns: kinds by column, as far as they are declared.
        fixed: columns without which a row says nothing.
    """

    schema: Mapping[str, pl.DataType]
    columns: Mapping[str, Column]
    fixed: Sequence[str]


def _columns_of_entity(view: FeatureView) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    for source in view.sources.values():
        for name in view.entity:
            if name in source.columns:
                columns[name] = source.columns[name]
    return columns


def _check_rows(rows: object) -> None:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError(f"events and spine must be lists of objects; got {rows!r:.60}")


def _check_numbers(rows: Sequence[Document], taken: set[int]) -> None:
    """Raise TypeError unless each event has a number of its own."""
    for row in rows:
        number = row[NUMBER]
        if type(number) is not int or not 0 <= number < 2**63 or number in taken:
            raise TypeError(f"{NUMBER!r} must be a number of its own from 0; got {number!r:.60}")
        taken.add(number)


def _events_of(rows: Sequence[Document], table: _Table, changes: dict[str, None]) -> pl.DataFrame:
    hidden_columns = [pl.Series(SEQUENCE, [row[NUMBER] for row in rows], dtype=pl.Int64)]
    for name, dtype in FAULTS.items():
        if any(name in row for row in rows):
            # A list of delays is empty where an event has no copies; a delay is 0.
            none: object = [] if name == COPIES else 0
            values = [_fault_of(name, row.get(name, none)) for row in rows]
            hidden_columns.append(pl.Series(name, values, dtype=dtype))
    events = []
    for row in rows:
        event = dict(row)
        for name in HIDDEN:
            event.pop(name, None)
        events.append(event)
    return _frame_of(events, table, changes).with_columns(hidden_columns)


def _fault_of(name: str, value: Any) -> Any:
    """Return what happens to an event on its way, checked."""
    if name != COPIES:
        return _length_of(name, value, least=-LONGEST) or 0
    if not isinstance(value, list) or len(value) > MOST_COPIES:
        raise TypeError(f"{COPIES!r} must be a list of at most {MOST_COPIES:,}; got {value!r:.60}")
    return [_length_of(name, delay, least=-LONGEST) or 0 for delay in value]


def _frame_of(rows: Sequence[Document], table: _Table, changes: dict[str, None]) -> pl.DataFrame:
    """Return rows as a frame of the columns that the view has today; what is put right is told."""
    names = _names_of(rows, table)
    gone = [name for name in names if name not in table.schema]
    new = [name for name in table.schema if names and name not in names]
    for name in gone:
        _refuse_renamed(name, [row[name] for row in rows], new, table)
    for name in gone:
        changes[f"its column {name!r} is gone from the view, and was dropped"] = None
    columns = []
    for name, dtype in table.schema.items():
        if name in names or not rows:
            values = [decode(row[name], dtype) for row in rows]
        else:
            values = _fill(name, table, len(rows), changes)
        columns.append(pl.Series(name, values, dtype=dtype))
    return pl.DataFrame(columns)


def _refuse_renamed(name: str, values: list[Any], new: Sequence[str], table: _Table) -> None:
    """Raise CorpusError where a new column could be one that is gone, under another name.

    A renamed column that got plain values would be a guard that sees nothing.
    """
    for column in new:
        try:
            for value in values:
                decode(value, table.schema[column])
        except (TypeError, ValueError, AttributeError, KeyError, ArithmeticError):
            continue
        raise CorpusError(
            f"it has a column {name!r}; the view has {listed(table.schema)}. Was it renamed to "
            f"{column!r}? Rename it in the file, or delete the column there"
        )


def _names_of(rows: Sequence[Document], table: _Table) -> list[str]:
    """Return the columns that all rows have.

    Raises:
        CorpusError: some lack one that others have, or all lack one that cannot be made up.
    """
    if not rows:
        return []
    names = list(rows[0])
    lacking = [name for name in table.fixed if name not in names]
    for name in names if lacking else ():
        if name not in table.schema:
            raise CorpusError(
                f"it has a column {name!r}; the view has {listed(table.schema)}."
                + nearest(name, table.schema)
            )
    for name in lacking:
        raise CorpusError(
            f"it has no column {name!r}; the view has {listed(table.schema)}."
            + nearest(name, names)
        )
    for number, row in enumerate(rows):
        for name in set(names).symmetric_difference(row):
            raise CorpusError(
                f"some of its rows have a column {name!r} and some have not (row {number}); "
                "restore it from version control or delete it"
            )
    return names


def _fill(name: str, table: _Table, count: int, changes: dict[str, None]) -> list[Any]:
    """Return the plainest values of a column that the view did not have when a file was kept."""
    kind = table.columns.get(name)
    if kind is None:
        raise KeyError(name)
    try:
        values = [plainest(kind, number) for number in range(count)]
    except ValueError as error:
        raise CorpusError(f"the view has a new column {name!r}, and {error}") from error
    changes[f"the view's new column {name!r} was filled with {values[0]!r}"] = None
    return values


def _length_of(field: str, value: Any, least: int = 0) -> int | None:
    """Return a number of microseconds; None for null."""
    if value is None:
        return None
    if type(value) is not int or value < least:
        raise TypeError(f"{field} must be microseconds or null; got {value!r:.60}")
    if value > LONGEST:
        raise TypeError(f"{field} must be at most {LONGEST:,} microseconds; got {value:,}")
    return value


def _restarts_of(rows: Any) -> tuple[Restart, ...]:
    if not isinstance(rows, list) or len(rows) > MOST_RESTARTS:
        raise TypeError(
            f"restarts_us must be a list of at most {MOST_RESTARTS:,}; got {rows!r:.60}"
        )
    restarts = []
    for row in rows:
        if not isinstance(row, list) or not all(type(part) is int for part in row):
            raise TypeError(f"restarts_us must hold lists of integers; got {row!r:.60}")
        restart = Restart(*row)
        _boot_of(restart.at)
        _length_of("restarts_us", restart.crash)
        if restart.rank not in RANKS or not 0 <= restart.again <= MOST_ROWS:
            raise TypeError(f"restarts_us has the restart {row!r:.60}, which none of ours has")
        restarts.append(restart)
    return tuple(restarts)


def _boot_of(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not FIRST <= value <= LAST:
        raise TypeError(f"an instant must be microseconds of a datetime; got {value!r:.60}")
    return value


def _check_instants(view: FeatureView, history: History) -> None:
    """Raise TypeError where something would happen before or after all datetimes."""
    columns = [instants_of(history.spine[AS_OF])]
    for name, source in view.sources.items():
        columns.append(instants_of(history.events[name][source.time]))
    for column in columns:
        if column.null_count():
            raise TypeError("a time is null")
        if len(column) and not (
            int(column.min()) >= FIRST + LONGEST and int(column.max()) <= LAST - LONGEST  # type: ignore[arg-type] # integers
        ):
            raise TypeError("a time is within ten years of the first or the last datetime")
