"""Batch: running totals by aircraft or carrier, read off at both ends of each window."""

from datetime import timedelta

import polars as pl

from features.log import NEW_YORK

ALPHA = 0.2
AS_OF = pl.col("as_of")
MIDNIGHT = AS_OF.dt.convert_time_zone(NEW_YORK).dt.truncate("1d").dt.convert_time_zone("UTC")
EDGES = {
    "now": AS_OF,
    "today": MIDNIGHT,
    "24h": AS_OF - timedelta(hours=24),
    "7d": AS_OF - timedelta(days=7),
    "30d": AS_OF - timedelta(days=30),
}


def aircraft_batch(flights: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    """Return the delay features of aircraft; flights without a tail number are nobody's."""
    return _delays("tailnum", flights, spine)


def carrier_batch(flights: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    """Return the delay features of carriers."""
    return _delays("carrier", flights, spine)


def _delays(key: str, flights: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    flights = flights.drop_nulls(key).sort("ts", maintain_order=True)
    asked = spine.join(_destinations(key, flights, spine), on=[key, "as_of"], how="left")
    totals = _totals(key, flights)
    for name, edge in EDGES.items():
        asked = _before(asked.with_columns(edge=edge), "edge", totals.rename({"so_far": name}), key)
    departed, due = _within("departed", "30d"), _within("flights", "30d")
    return asked.select(
        key,
        "as_of",
        flights_24h=_within("flights", "24h"),
        flights_today=_within("flights", "today"),
        delay_mean_7d=_ratio(_within("delay", "7d"), _within("departed", "7d")),
        cancelled_share_30d=_ratio(due - departed, due),
        destinations_30d=pl.col("destinations_30d").fill_null(0),
        last_delay=_now("last_delay"),
        hours_since_departure=(AS_OF - _now("last_departure")) / timedelta(hours=1),
        delay_ewma=_now("delay_ewma"),
    )


def _totals(key: str, flights: pl.LazyFrame) -> pl.LazyFrame:
    """Return, for each flight, what its aircraft or carrier has come to with it."""
    delay = pl.col("dep_delay")
    smoothed = delay.ewm_mean(alpha=ALPHA, adjust=False, ignore_nulls=True)
    so_far = {
        "flights": pl.col("ts").cum_count(),
        "departed": delay.cum_count(),
        "delay": delay.fill_null(0).cum_sum(),
        "last_delay": delay.forward_fill(),
        "last_departure": pl.when(delay.is_not_null()).then("ts").forward_fill(),
        "delay_ewma": smoothed.forward_fill(),
    }
    by_key = (total.over(key).alias(name) for name, total in so_far.items())
    return flights.select(key, "ts", so_far=pl.struct(by_key))


def _destinations(key: str, flights: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    """Count the destinations whose latest flight lies in the window."""
    routes = flights.select(key, "dest").unique()
    latest = flights.select(key, "dest", "ts", latest="ts")
    return (
        _before(spine.join(routes, on=key), "as_of", latest, key, "dest")
        .filter(pl.col("latest") >= EDGES["30d"])
        .group_by(key, "as_of")
        .agg(destinations_30d=pl.len())
    )


def _before(asked: pl.LazyFrame, moment: str, known: pl.LazyFrame, *by: str) -> pl.LazyFrame:
    """Join the latest of what was known before a moment."""
    return (
        asked.sort(moment)
        .join_asof(
            known,
            left_on=moment,
            right_on="ts",
            by=by,
            allow_exact_matches=False,
            check_sortedness=False,  # polars cannot check it by group, and warns
        )
        .drop("ts")
    )


def _now(total: str) -> pl.Expr:
    return pl.col("now").struct.field(total)


def _within(total: str, window: str) -> pl.Expr:
    at_edge = pl.col(window).struct.field(total)
    return _now(total).fill_null(0) - at_edge.fill_null(0)


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole)
