"""The public verbs: check a view on generated histories, replay it on a given log."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import polars as pl

from skewtest.checks.ties import SameInstant, replay_in_order
from skewtest.declare.learn import check_log_step
from skewtest.declare.logs import Log, load_log
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.errors import DeclarationError, listed, nearest
from skewtest.generate.history import history_of
from skewtest.report.result import Result
from skewtest.results.tables import tables_digest
from skewtest.run.budget import CI, budget_of, default_profile, default_seed
from skewtest.session import check_scenarios, check_view
from skewtest.sides.functions import call_by_name, named_frames


def check(
    view: FeatureView,
    *,
    histories: int | None = None,
    seed: int | None = None,
    scenarios: Sequence[str] | None = None,
    seconds: float | None = None,
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
        seconds: the most seconds to spend, time in which others hold the processor not counted; 60
            by default. What they do not reach is told.

    Raises:
        DeclarationError: an argument is wrong.
    """
    if not isinstance(view, FeatureView):
        raise DeclarationError(f"check takes a FeatureView; got {view!r}")
    names = check_scenarios(view, scenarios)
    if seed is None:
        seed = default_seed(fixed=default_profile() == CI)
    elif isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise DeclarationError(f"check(seed=...) must be an int of at least 0; got {seed!r}")
    budget = budget_of(view, histories=_check_histories(histories), seed=seed, seconds=seconds)
    arguments = _format_arguments(histories=histories, seconds=seconds)
    return check_view(
        view, names, budget, lambda _seed: f"skewtest.check({view.name}, seed={seed}{arguments})"
    )


def _format_arguments(**arguments: float | None) -> str:
    """Return the arguments that were given, as a call of `check` has them."""
    texts = [f", {name}={value}" for name, value in arguments.items() if value is not None]
    return "".join(texts)


def replay(
    view: FeatureView,
    events: Log | Mapping[str, Log],
    spine: Log | None = None,
    *,
    same_instant: SameInstant | None = None,
) -> Result:
    """Run both implementations of a view on a given log. Never raises for skew.

    The online side gets events in the order of their arrival where a source has an `arrival`
    column. Batch gets all of them; what had arrived by each `as_of` where the view's delivery
    declares `late=` and counts what `"as_arrived"`.

    Args:
        view: the view to replay.
        events: the log, as a polars, pandas or pyarrow table or the path of a Parquet or CSV file;
            for views with several sources a dict of source name to log. Rows of equal event time
            count as having arrived in the order they have here.
        spine: what to ask: entity columns, `as_of` and request columns, as a table or path. By
            default each entity at each of its event times and once after the last event.
        same_instant: what reaches the online side first of a request and an event that happens at
            its `as_of`: "request_first", or "event_first", as where the event causes the request
            and is learned before it. Where it is not said and the log holds such requests, both
            orders run: the verdict is that of "request_first", and the result tells how many
            requests these are and what differs in the other order. Under `as_of="inclusive"`
            events always come first.

    Raises:
        DeclarationError: a source or column is missing, has a type that cannot be cast, or an
            event lies between two declared steps.
    """
    if same_instant is not None and same_instant not in get_args(SameInstant):
        raise DeclarationError(
            f"replay(same_instant=...) must be one of {listed(get_args(SameInstant))}; "
            f"got {same_instant!r}." + nearest(str(same_instant), get_args(SameInstant))
        )
    tables = _check_tables(view, events)
    if spine is None:
        requests = _default_spine(view, tables)
    else:
        requests = load_log(f"replay({view.name!r}): spine", spine).collect()
    lacking = [name for name in view.spine_schema if name not in requests.columns]
    if lacking:
        raise DeclarationError(
            f"replay({view.name!r}): the spine has no column {listed(lacking)}; "
            f"it has {listed(requests.columns)}." + nearest(lacking[0], requests.columns)
        )
    _check_times(view, "spine", requests[AS_OF])
    try:
        history = history_of(view, tables, requests)
    except pl.exceptions.PolarsError as error:
        raise DeclarationError(f"replay({view.name!r}): {error}") from error
    if view.fitted is not None:
        view = view.with_fitted(call_by_name(view.fitted, named_frames(history.pack())))
    log = {name: tables[name].select(*source.schema) for name, source in view.sources.items()}
    data = tables_digest({**log, "spine": requests.select(*view.spine_schema)})
    outcome = replace(replay_in_order(view, history, same_instant), data=data)
    return Result(view, (outcome,), f"skewtest.replay({view.name}, events)")


def _check_histories(histories: int | None) -> int | None:
    if histories is None:
        return None
    if isinstance(histories, bool) or not isinstance(histories, int) or histories < 1:
        raise DeclarationError(f"check(histories=...) must be an int above 0; got {histories!r}")
    return histories


def _check_tables(view: FeatureView, logs: Log | Mapping[str, Log]) -> Mapping[str, pl.DataFrame]:
    if not isinstance(logs, Mapping):
        if len(view.sources) > 1:
            raise DeclarationError(
                f"replay({view.name!r}): events must be a dict of frames, one for each of "
                f"{listed(view.sources)}"
            )
        logs = {next(iter(view.sources)): logs}
    events = {}
    for name, source in view.sources.items():
        if name not in logs:
            raise DeclarationError(f"replay({view.name!r}): events has no source {name!r}")
        label = f"replay({view.name!r}): the log of {name!r}"
        events[name] = load_log(label, logs[name]).collect()
        lacking = [column for column in source.schema if column not in events[name].columns]
        if lacking:
            raise DeclarationError(
                f"replay({view.name!r}): the log of {name!r} has no column {listed(lacking)}; "
                f"it has {listed(events[name].columns)}."
                + nearest(lacking[0], events[name].columns)
            )
        _check_times(view, name, events[name][source.time])
        if source.step is not None:
            check_log_step(label, events[name].lazy(), source.time, source.step)
    return events


def _check_times(view: FeatureView, table: str, times: pl.Series) -> None:
    """Raise DeclarationError unless a log's times are moments that the view's clock can hold."""
    column = f"replay({view.name!r}): {times.name!r} of {table!r}"
    if not isinstance(times.dtype, pl.Datetime):
        raise DeclarationError(
            f"{column} must be a Datetime column; got {times.dtype}. Cast it, for instance with "
            f"pl.from_epoch({times.name!r}) or .str.to_datetime()."
        )
    zone = times.dtype.time_zone
    if (zone is None) != (view.time.zone is None):
        got, declared = ("no zone", "one") if zone is None else (f"the zone {zone}", "none")
        raise DeclarationError(
            f"{column} has {got}, and the source is declared with {declared}. Use "
            f".dt.replace_time_zone(...), or declare Source(zone=...) alike."
        )
    if nulls := times.null_count():
        raise DeclarationError(
            f"{column} has {nulls:,} nulls, the first in row {times.is_null().arg_max():,}; "
            "an event must have a time. Drop those rows, or fill them."
        )


def _default_spine(view: FeatureView, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    if view.request:
        raise DeclarationError(
            f"replay({view.name!r}) needs a spine: the view has request columns "
            f"{listed(view.request)}, which no log of events holds"
        )
    entity = list(view.entity)
    as_of = view.time.dtype
    seen = []
    for name, source in view.sources.items():
        # Requests come from sources that tell of whole entities.
        if source.columns.keys() >= set(entity):
            moment = pl.col(source.time).cast(as_of).alias(AS_OF)
            seen.append(tables[name].select(*entity, moment))
    if not seen:
        raise DeclarationError(
            f"replay({view.name!r}) needs a spine: no source has all entity columns"
        )
    moments = pl.concat(seen)
    after_last = pl.col(AS_OF).max() + pl.duration(microseconds=view.tick)
    if not entity:
        return pl.concat([moments, moments.select(after_last)]).unique(maintain_order=True)
    moments = moments.drop_nulls(entity)
    last = moments.with_columns(after_last).unique(maintain_order=True)
    return pl.concat([moments, last.select(moments.columns)]).unique(maintain_order=True)
