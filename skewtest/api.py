"""The public verbs: check a view on generated histories, replay it on a given log."""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl
from hypothesis import settings

from skewtest.checks.parity import search
from skewtest.checks.replay import replay_outcome
from skewtest.declare.delivery import RELATIONS, SCENARIOS
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.errors import DeclarationError, listed, nearest
from skewtest.generate.history import history_of
from skewtest.report.result import Result
from skewtest.results.tables import tables_digest
from skewtest.run.budget import Budget
from skewtest.sides.functions import call_by_name, named_frames

HISTORIES_AN_EXAMPLE = 64
ALONE_SHARE = 32
"""Views whose histories cannot share a batch call run this many times fewer of them."""


def check(
    view: FeatureView,
    *,
    histories: int | None = None,
    seed: int | None = None,
    scenarios: Sequence[str] | None = None,
) -> Result:
    """Run both implementations of a view on generated histories. Never raises for skew.

    Args:
        view: the view to check.
        histories: how many to generate. By default 64 for each of Hypothesis's `max_examples`
            (6,400), fewer where histories cannot share a batch call.
        seed: reproduces a run. By default 0 in CI and under Hypothesis's `derandomize`, else
            drawn anew and reported.
        scenarios: which scenarios to run, by default those that the view's delivery declares, and
            "relations".
            Others are run as advice: what they find does not make the result fail.

    Raises:
        DeclarationError: an argument is wrong.
    """
    if not isinstance(view, FeatureView):
        raise DeclarationError(f"check takes a FeatureView; got {view!r}")
    wanted = checked_scenarios(view, scenarios)
    if seed is None:
        seed = default_seed(fixed=bool(os.environ.get("CI")))
    elif isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise DeclarationError(f"check(seed=...) must be an int of at least 0; got {seed!r}")
    budget = Budget(_checked_histories(view, histories), seed)
    outcomes = search(view, wanted, budget)
    given = "" if histories is None else f", histories={histories}"
    return Result(view, outcomes, f"skewtest.check({view.name}, seed={seed}{given})")


def replay(
    view: FeatureView,
    events: pl.DataFrame | Mapping[str, pl.DataFrame],
    spine: pl.DataFrame | None = None,
) -> Result:
    """Run both implementations of a view on a given log. Never raises for skew.

    Args:
        view: the view to replay.
        events: the log; for views with several sources a dict of source name to frame. Rows of
            equal event time count as having arrived in the order they have here.
        spine: what to ask: entity columns, `as_of` and request columns. By default each entity
            at each of its event times and once after the last event.

    Raises:
        DeclarationError: a source or column is missing, or has a type that cannot be cast.
    """
    tables = _checked_tables(view, events)
    asked = _default_spine(view, tables) if spine is None else spine
    lacking = [name for name in view.spine_schema if name not in asked.columns]
    if lacking:
        raise DeclarationError(
            f"replay({view.name!r}): the spine has no column {listed(lacking)}; "
            f"it has {listed(asked.columns)}." + nearest(lacking[0], asked.columns)
        )
    _check_times(view, "spine", asked[AS_OF])
    try:
        history = history_of(view, tables, asked)
    except pl.exceptions.PolarsError as error:
        raise DeclarationError(f"replay({view.name!r}): {error}") from error
    if view.fitted is not None:
        view = view.with_fitted(call_by_name(view.fitted, named_frames(history.pack())))
    given = {name: tables[name].select(*source.schema) for name, source in view.sources.items()}
    data = tables_digest({**given, "spine": asked.select(*view.spine_schema)})
    outcome = replace(replay_outcome(view, history), data=data)
    return Result(view, (outcome,), f"skewtest.replay({view.name}, events)")


def default_seed(*, fixed: bool) -> int:
    """Return the seed of a run that was given none: 0 where it is to be fixed, else a fresh one.

    In CI Hypothesis derandomizes by itself; there it is `fixed` alone that decides.
    """
    if fixed or (settings().derandomize and not os.environ.get("CI")):
        return 0
    return secrets.randbelow(1_000_000)


def default_histories(view: FeatureView) -> int:
    """Return how many histories a run generates that was not told a number."""
    usual = HISTORIES_AN_EXAMPLE * settings().max_examples
    return usual if view.laned else max(1, usual // ALONE_SHARE)


def _checked_histories(view: FeatureView, histories: int | None) -> int:
    if histories is None:
        return default_histories(view)
    if isinstance(histories, bool) or not isinstance(histories, int) or histories < 1:
        raise DeclarationError(f"check(histories=...) must be an int above 0; got {histories!r}")
    return histories


def checked_scenarios(view: FeatureView, scenarios: Sequence[str] | None) -> Sequence[str]:
    """Return the scenarios to run, by default those that the view declares.

    Raises:
        DeclarationError: there is no such scenario.
    """
    if isinstance(scenarios, str):
        raise DeclarationError(
            f"check(scenarios=...) must be a list of names; got {scenarios!r}. "
            f"Write [{scenarios!r}]."
        )
    for name in scenarios or ():
        if name not in (*SCENARIOS, RELATIONS):
            raise DeclarationError(
                f"check(scenarios=...) must be among {listed((*SCENARIOS, RELATIONS))}; "
                f"got {name!r}." + nearest(name, (*SCENARIOS, RELATIONS))
            )
    held = (RELATIONS,) if view.relations else ()
    return scenarios or (*view.delivery.scenarios, *held)


def _checked_tables(
    view: FeatureView, events: pl.DataFrame | Mapping[str, pl.DataFrame]
) -> Mapping[str, pl.DataFrame]:
    if isinstance(events, pl.DataFrame):
        if len(view.sources) > 1:
            raise DeclarationError(
                f"replay({view.name!r}): events must be a dict of frames, one for each of "
                f"{listed(view.sources)}"
            )
        events = {next(iter(view.sources)): events}
    for name, source in view.sources.items():
        if name not in events:
            raise DeclarationError(f"replay({view.name!r}): events has no source {name!r}")
        lacking = [column for column in source.schema if column not in events[name].columns]
        if lacking:
            raise DeclarationError(
                f"replay({view.name!r}): the log of {name!r} has no column {listed(lacking)}; "
                f"it has {listed(events[name].columns)}."
                + nearest(lacking[0], events[name].columns)
            )
        _check_times(view, name, events[name][source.time])
    return events


def _check_times(view: FeatureView, place: str, times: pl.Series) -> None:
    """Raise DeclarationError unless a log's times are moments that the view's clock can hold."""
    place = f"replay({view.name!r}): {times.name!r} of {place!r}"
    if not isinstance(times.dtype, pl.Datetime):
        raise DeclarationError(
            f"{place} must be a Datetime column; got {times.dtype}. Cast it, for instance with "
            f"pl.from_epoch({times.name!r}) or .str.to_datetime()."
        )
    zone = times.dtype.time_zone
    if (zone is None) != (view.time.zone is None):
        got, wanted = ("no zone", "one") if zone is None else (f"the zone {zone}", "none")
        raise DeclarationError(
            f"{place} has {got}, and the source is declared with {wanted}. Use "
            f".dt.replace_time_zone(...), or declare Source(zone=...) alike."
        )
    if nulls := times.null_count():
        raise DeclarationError(
            f"{place} has {nulls:,} nulls, the first in row {times.is_null().arg_max():,}; "
            "an event must have a time. Drop those rows, or fill them."
        )


def _default_spine(view: FeatureView, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    if view.request:
        raise DeclarationError(
            f"replay({view.name!r}) needs a spine: the view has request columns "
            f"{listed(view.request)}, which no log of events holds"
        )
    entity = list(view.entity)
    seen = [
        tables[name].select(*entity, pl.col(source.time).cast(view.time.dtype).alias(AS_OF))
        for name, source in view.sources.items()
        if all(column in source.columns for column in entity)
    ]
    if not seen:
        raise DeclarationError(
            f"replay({view.name!r}) needs a spine: no source has all entity columns"
        )
    moments = pl.concat(seen).drop_nulls(entity)
    last = (
        moments.select(*entity)
        .unique(maintain_order=True)
        .with_columns(
            pl.lit(moments[AS_OF].max() if moments.height else None, dtype=view.time.dtype).alias(
                AS_OF
            )
            + pl.duration(microseconds=view.time.tick)
        )
    )
    return pl.concat([moments, last.select(moments.columns)]).unique(maintain_order=True)
