"""Learn a declaration from a real log: the facts that generation needs, in a few aggregations."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from skewtest.declare.kinds import Ids
from skewtest.declare.log_columns import (
    LogColumn,
    has_repeats,
    learn_column,
    learn_ids,
    learn_key,
)
from skewtest.errors import DeclarationError, LogWarning, listed, nearest
from skewtest.times import micros

# The ends of the gaps, and enough between them for bursts and for long silences.
GAP_QUANTILES = (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


# A time that is cut to seconds by chance comes once in a million, one that is cut to hours once in
# sixty of those cut to minutes: the coarser steps need more events to be believed.
STEPS = (
    (timedelta(days=1), 200),
    (timedelta(hours=1), 200),
    (timedelta(minutes=1), 30),
    (timedelta(seconds=1), 2),
    (timedelta(milliseconds=1), 2),
)
"""Resolutions of event times, and how many events tell them."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What a real log taught about time: gaps between an entity's events, and ties.

    Attributes:
        gaps: typical gaps, as quantiles from the smallest to the largest.
        ties: the share of events that have the same time as the event before.
    """

    gaps: tuple[timedelta, ...] = ()
    ties: float = 0.0


def as_rhythm(place: str, rhythm: object) -> Rhythm:
    """Return a rhythm, also of a dict of its fields; none is one without gaps and ties.

    Raises:
        DeclarationError: it is neither, or a gap is no length of time.
    """
    if rhythm is None:
        return Rhythm()
    if isinstance(rhythm, Rhythm):
        return rhythm
    is_dict = isinstance(rhythm, Mapping) and set(rhythm) <= {"gaps", "ties"}
    gaps = tuple(rhythm.get("gaps", ())) if is_dict else ()  # type: ignore[attr-defined]
    if not is_dict or not all(isinstance(gap, timedelta) for gap in gaps):
        raise DeclarationError(
            f"{place} must be a dict of 'gaps', timedeltas, and 'ties', a share; got {rhythm!r}"
        )
    return Rhythm(gaps=gaps, ties=float(rhythm.get("ties", 0.0)))  # type: ignore[attr-defined]


def learn(
    frame: pl.DataFrame | pl.LazyFrame,
    place: str,
    *,
    time: str,
    keys: Sequence[str],
    arrival: str | None,
    columns: Mapping[str, object] | None,
    step: timedelta | None = None,
    ids: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the keyword arguments of the Source that fits a log.

    Args:
        frame: the log; one row an event.
        place: how errors call the source.
        time: the event-time column (Datetime).
        keys: the identity columns.
        arrival: the arrival-time column.
        columns: declarations that win over what would be learned.
        step: the resolution of event times, None where it is learned.
        ids: the columns that tell what events are about; whether one comes again is learned.

    Raises:
        DeclarationError: a named column is missing, the time column is no Datetime or holds nulls,
            or a column has a type that cannot be generated.
    """
    log = frame.lazy()
    schema = log.collect_schema()
    declared = dict(columns or {})
    _check_lists(place, keys=keys, ids=ids)
    for argument, names in (("time", [time]), ("keys", keys), ("ids", ids), ("columns", declared)):
        _check_columns(place, argument, names, schema)
    time_type = schema[time]
    if not isinstance(time_type, pl.Datetime):
        raise DeclarationError(
            f"{place}: time column {time!r} must be a Datetime; got {time_type}. "
            "Convert it first, for example with .str.to_datetime() or pl.from_epoch()."
        )
    if arrival is not None:
        _warn_of_early(log, place, time, arrival)
    rows, start, end = _find_span(log, place, time)
    log_columns = [LogColumn(log, place, *column, rows) for column in schema.items()]
    if step is not None:
        check_log_step(place, log, time, step)
    rates: dict[str, float] = {}
    rhythm = Rhythm()
    if rows:
        rates = _learn_null_rates(log, rows, time)
        rhythm = _learn_rhythm(log, time, keys)
    return {
        "time": time,
        "columns": _learn_columns(log_columns, time, keys, ids, declared),
        "arrival": arrival,
        "zone": time_type.time_zone,
        "unit": time_type.time_unit,
        "step": _learn_step(log, time, rows) if step is None else step,
        "start": start,
        "end": end,
        "rhythm": rhythm,
        "null_rates": rates,
    }


def _check_lists(place: str, **arguments: Sequence[str]) -> None:
    for argument, names in arguments.items():
        if isinstance(names, str):
            raise DeclarationError(
                f"{place}: {argument} must be a list of column names; got {names!r}"
            )


def _check_columns(
    place: str, argument: str, names: Sequence[str] | Mapping[str, object], schema: pl.Schema
) -> None:
    for name in names:
        if name not in schema:
            raise DeclarationError(
                f"{place}: {argument} names {name!r}, which is no column of the log; "
                f"it has {listed(schema)}." + nearest(name, schema)
            )


def _find_span(
    log: pl.LazyFrame, place: str, time: str
) -> tuple[int, datetime | None, datetime | None]:
    """Return the number of events, and the first and last time where these differ."""
    column = pl.col(time)
    facts = log.select(
        pl.len(),
        column.null_count().alias("nulls"),
        column.min().alias("first"),
        column.max().alias("last"),
    )
    rows, nulls, first, last = facts.collect().row(0)
    if nulls:
        raise DeclarationError(
            f"{place}: time column {time!r} is null in {nulls:,} of {rows:,} events; "
            "drop or fix them first: an event without a time cannot be ordered"
        )
    # Events of one moment span nothing that histories could be generated in.
    if first is None or first == last:
        return rows, None, None
    return rows, first, last


def _learn_step(log: pl.LazyFrame, time: str, rows: int) -> timedelta | None:
    """Return the coarsest step that all event times keep, None where only their unit does."""
    at = pl.col(time).dt.cast_time_unit("us").to_physical()
    fits = [(at % micros(step) == 0).all().alias(str(step)) for step, _ in STEPS]
    facts = log.select(fits).collect().row(0)
    for (step, least), is_kept in zip(STEPS, facts, strict=True):
        if is_kept and rows >= least:
            return step
    return None


def check_log_step(place: str, log: pl.LazyFrame, time: str, step: timedelta) -> None:
    """Raise DeclarationError where an event of a log lies between two steps.

    Args:
        place: how errors call the log.
        log: one row an event.
        time: the event-time column.
        step: the declared resolution.
    """
    if not isinstance(step, timedelta) or step <= timedelta(0):
        return  # told where the source is declared
    # Nanoseconds, so that what lies between two microseconds is seen.
    ticks = pl.col(time).dt.cast_time_unit("ns").to_physical()
    stray = log.with_row_index("#row").filter(ticks % (micros(step) * 1_000) != 0)
    row = stray.select("#row", time).head(1).collect()
    if row.height:
        number, moment = row.row(0)
        raise DeclarationError(
            f"{place}: {time!r} of event {number:,} is {moment.isoformat()}, between two steps of "
            f"{step}; declare a finer step=, or round the times"
        )


def _warn_of_early(log: pl.LazyFrame, place: str, time: str, arrival: str) -> None:
    """Warn where a log says that events arrived before they happened."""
    if not isinstance(log.collect_schema().get(arrival), pl.Datetime):
        return  # declared otherwise, which is told where columns are checked
    ahead = pl.col(time) - pl.col(arrival)
    facts = log.select(
        pl.len(), (ahead > timedelta(0)).sum().alias("early"), ahead.max().alias("most")
    )
    rows, early, most = facts.collect().row(0)
    if early:
        warnings.warn(
            f"{place}: {arrival!r} is before {time!r} in {early:,} of {rows:,} events of the log, "
            f"by up to {most}. Nothing is changed; check which clocks wrote them.",
            LogWarning,
            stacklevel=4,
        )


def _learn_null_rates(log: pl.LazyFrame, rows: int, time: str) -> dict[str, float]:
    """Return the share of nulls by column, of the columns that have some."""
    counts = log.select(pl.all().null_count()).collect().row(0, named=True)
    rates = {}
    for name, count in counts.items():
        if count and name != time:
            rates[name] = count / rows
    return rates


def _learn_columns(
    log_columns: Sequence[LogColumn],
    time: str,
    keys: Sequence[str],
    ids: Sequence[str],
    declared: Mapping[str, object],
) -> dict[str, object]:
    """Return all columns but the time, in the order of the log; what is declared stays so."""
    columns: dict[str, object] = {}
    for column in log_columns:
        name = column.name
        if name == time:
            continue
        if name in declared:
            columns[name] = declared[name]
            _warn_of_repeats(column, declared[name])
        elif name in ids:
            columns[name] = learn_ids(column)
        elif name in keys:
            columns[name] = learn_key(column)
        else:
            columns[name] = learn_column(column)
    return columns


def _warn_of_repeats(column: LogColumn, declared: object) -> None:
    """Warn where ids are declared to come again and do not, or the reverse."""
    if not isinstance(declared, Ids) or not column.rows:
        return
    repeats = has_repeats(column)
    if repeats != declared.repeats:
        seen = "some come again" if repeats else "none comes again"
        warnings.warn(
            f"{column.source}: {column.name!r} is declared as ids(repeats={declared.repeats}), and "
            f"{seen} in the {column.rows:,} events of the log. Declare ids(repeats={repeats}), or "
            "check the log.",
            LogWarning,
            stacklevel=5,
        )


def _learn_rhythm(log: pl.LazyFrame, time: str, keys: Sequence[str]) -> Rhythm:
    moments = pl.col(time).cast(pl.Datetime("us"))
    ordered = log.select(*keys, moments.dt.epoch("us").alias("#time")).sort("#time")
    ties = ordered.select((pl.col("#time").diff() == 0).mean()).collect().item()
    gap = pl.col("#time").diff()
    if keys:
        gap = gap.over(list(keys))
    gaps = ordered.select(gap.alias("#gap")).drop_nulls()
    quantiles = [pl.col("#gap").quantile(share).alias(str(share)) for share in GAP_QUANTILES]
    typical = []
    for length in gaps.select(quantiles).collect().row(0):
        if length is not None:  # no entity has two events
            typical.append(timedelta(microseconds=int(length)))
    return Rhythm(gaps=tuple(typical), ties=float(ties or 0.0))
