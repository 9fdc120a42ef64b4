"""Claims: skewtest itself is cheap beside the implementations that it runs.

- a whole default check, with incidents, distances, relations and all that stands around the
  packs, costs at most 3.5 times the user's own code alone on the same histories for the demo's
  view, and 1.5 times for the eight features of examples/flights;
- deliver, drive and compare cost at most 1.8 times the user's own code for 200 numeric features;
- 170,000 events a CPU-second go through generate, deliver, drive and compare between sides that
  do nothing; as machines differ, that an event costs at most 7.5 times as much as one
  `dict(zip(names, row))` of four columns in the same run is claimed beside it (it was 15 times
  before answers were columns).

    python benchmarks/throughput.py [--tiny]
"""

import functools
import importlib
import statistics
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from _claims import Claims, cpu_of, smoke_parser
from _engine import LANES, generate_pack, try_pack
from _own_code import cost_alone, record

import skewtest as sk
from skewtest.demo.skewed import SpendOnline, orders

WEEK = timedelta(days=7)
OVER_DEMO, OVER_FLIGHTS, OVER_WIDE = 3.5, 1.5, 1.8
EVENTS, YARDSTICKS = 170_000, 7.5
CAPS = {f"at_most_{cap}": float(cap) for cap in range(200)}


def zeros(spine: pl.DataFrame) -> pl.DataFrame:
    """Answer 0 to every request."""
    return spine.with_columns(spend_7d=pl.lit(0.0), orders_7d=pl.lit(0))


class Zero:
    """Answer 0 to every request."""

    def update(self, event: dict[str, object]) -> None:
        """Take nothing in."""

    def query(self, _request: dict[str, object]) -> dict[str, float]:
        """Answer 0."""
        return {"spend_7d": 0.0, "orders_7d": 0}


def spend(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    """Sum completed orders of the 7 days before `as_of`, both ends as the online side has them."""
    age = pl.col("as_of") - pl.col("ts")
    found = (
        spine.join(orders.filter(pl.col("status") == "completed"), on="user_id")
        .filter((age > pl.duration()) & (age <= WEEK))
        .group_by("user_id", "as_of")
        .agg(spend_7d=pl.col("amount").sum(), orders_7d=pl.len())
    )
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("spend_7d", "orders_7d").fill_null(0)
    )


def count_at_200_caps(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    """Return the number of orders before `as_of`, capped at 200 levels."""
    seen = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    counts = seen.group_by("user_id", "as_of").agg(n=pl.len().cast(pl.Float64))
    n = pl.col("n").fill_null(0.0)
    return (
        spine.join(counts, on=["user_id", "as_of"], how="left")
        .with_columns(n.clip(upper_bound=cap).alias(name) for name, cap in CAPS.items())
        .drop("n")
    )


class CountAt200Caps:
    """Keep when each user ordered."""

    def __init__(self) -> None:
        self.times: dict[str, list[datetime]] = {}

    def update(self, event: dict[str, Any]) -> None:
        """Take one order."""
        self.times.setdefault(event["user_id"], []).append(event["ts"])

    def query(self, request: dict[str, Any]) -> dict[str, float]:
        """Return how many a user has, capped at 200 levels."""
        as_of = request["as_of"]
        n = float(sum(ts < as_of for ts in self.times.get(request["user_id"], ())))
        return {name: min(n, cap) for name, cap in CAPS.items()}


def view_of(
    batch: Callable[..., object],
    online: Callable[[], object],
    features: dict[str, Any] | None = None,
) -> sk.FeatureView:
    """Return a view of the demo's orders with one pair of implementations."""
    return sk.FeatureView(
        "spend",
        sources=[orders],
        entity=["user_id"],
        batch=batch,
        online=online,
        features=features or {"spend_7d": sk.close(), "orders_7d": sk.exact()},
        windows=[WEEK],
    )


def flights() -> sk.FeatureView | None:
    """Return the view of examples/flights, eight features in polars and a class."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "flights"))
    try:
        view: sk.FeatureView = importlib.import_module("features.views").aircraft
    except ModuleNotFoundError:
        return None
    return view


def ratio_of_check(view: sk.FeatureView, histories: int | None, seed: int) -> float:
    """Return what a whole check costs over the user's own code on the histories it runs in order.

    What relations call besides is no history of its own: it counts as ours.
    """
    whole = cpu_of(functools.partial(sk.check, view, seed=seed, histories=histories))
    recording, calls = record(view)
    result = sk.check(recording, seed=seed, histories=histories, scenarios=["in_order"])
    result.raise_if_skewed()
    return whole / cost_alone(view, calls)


def ratio_of_pack(view: sk.FeatureView, lanes: int, seed: int) -> float:
    """Return what deliver, drive and compare cost over the user's own code on one pack."""
    pack = generate_pack(view, seed, lanes)
    whole = cpu_of(functools.partial(try_pack, view, pack))
    recording, calls = record(view)
    try_pack(recording, pack)
    return whole / cost_alone(view, calls)


def events_a_second(view: sk.FeatureView, lanes: int, packs: int) -> float:
    """Return how many events a CPU-second carries through generate, deliver, drive and compare."""
    recording, calls = record(view)
    for seed in range(packs):
        try_pack(recording, generate_pack(view, seed, lanes))

    def run_all() -> None:
        for seed in range(packs):
            try_pack(view, generate_pack(view, seed, lanes))

    return calls.events / cpu_of(run_all)


def yardstick() -> float:
    """Return the CPU seconds of making one dict of four columns the plain way, at the median."""
    count = 20_000
    names = ("ts", "user_id", "amount", "status")
    columns = (range(count), map(str, range(count)), [1.5] * count, ["completed"] * count)
    rows = list(zip(*columns, strict=True))
    spent = [cpu_of(lambda: [dict(zip(names, row, strict=True)) for row in rows]) for _ in range(9)]
    return statistics.median(spent) / count


def main() -> None:
    """Print the figures; exit with 1 where a claim does not hold."""
    claims = Claims(smoke_parser(__doc__).parse_args().tiny)
    histories, lanes, packs, repeats = (128, 64, 1, 1) if claims.tiny else (None, LANES, 6, 5)

    def median(ratio: Callable[[int], float]) -> float:
        ratio(repeats)  # what is loaded and compiled once is nobody's cost
        return statistics.median(ratio(seed) for seed in range(repeats))

    whole = "whole default check over the user's own code"
    demo, wide = (
        view_of(spend, SpendOnline),
        view_of(count_at_200_caps, CountAt200Caps, dict.fromkeys(CAPS, sk.close())),
    )
    over = median(lambda seed: ratio_of_check(demo, histories, seed))
    claims.at_most(f"{whole}, demo", over, OVER_DEMO)
    aircraft = flights()
    if aircraft is None:
        print(f"{whole}, examples/flights: skipped, needs: pip install --group examples")
    else:
        over = median(lambda seed: ratio_of_check(aircraft, histories, seed))
        claims.at_most(f"{whole}, examples/flights", over, OVER_FLIGHTS)
    over = median(lambda seed: ratio_of_pack(wide, lanes, seed))
    claims.at_most("deliver + drive + compare, 200 features", over, OVER_WIDE)
    trivial = view_of(zeros, Zero)
    rate = median(lambda _: events_a_second(trivial, lanes, packs))
    claims.at_most(
        "an event through all stages over a dict(zip())", 1 / rate / yardstick(), YARDSTICKS
    )
    claims.at_least("events through all stages, trivial sides", rate, EVENTS, "a CPU-second")
    claims.settle()


if __name__ == "__main__":
    main()
