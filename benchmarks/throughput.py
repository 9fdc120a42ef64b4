"""Claim: skewtest itself is cheap beside the implementations that it runs.

Prints, for twenty-event histories:
- how many a CPU-second carries through generate, deliver, drive and compare, with a trivial batch
  function and a trivial online class;
- with real polars batch functions and Python classes: the share of the CPU time that is ours,
  against a floor that runs the same user code on the same data in a bare loop;
- the CPU time of a default check of one view.

    python benchmarks/throughput.py [--tiny]
"""

import argparse
import functools
import importlib
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl

import skewtest as sk
from skewtest.deliver.operations import Delivered, deliver
from skewtest.demo.skewed import SpendOnline, orders
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan
from skewtest.run.trial import run_trial
from skewtest.sides.functions import call_by_name, named_frames

WEEK = timedelta(days=7)
EVENTS = 20
LANES = 256


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


def view_of(batch: Callable[..., object], online: Callable[[], object]) -> sk.FeatureView:
    """Return the view with one pair of implementations."""
    return sk.FeatureView(
        "spend",
        sources=[orders],
        entity=["user_id"],
        batch=batch,
        online=online,
        features={"spend_7d": sk.close(), "orders_7d": sk.exact()},
        windows=[WEEK],
    )


def cpu_of(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def whole(view: sk.FeatureView, packs: int) -> None:
    """Take packs through the whole of a trial."""
    clock = Clock.of(view)
    for seed in range(packs):
        run_trial(view, build(view, clock, Plan(seed, 0.3, 0.4, {}), LANES, events=EVENTS))


def floor(view: sk.FeatureView, packs: int) -> float:
    """Return the CPU seconds of the user code alone, on the same packs."""
    clock = Clock.of(view)
    spent = 0.0
    for seed in range(packs):
        pack = build(view, clock, Plan(seed, 0.3, 0.4, {}), LANES, events=EVENTS)
        frames, lanes = named_frames(pack), deliver(view, pack)
        spent += cpu_of(functools.partial(bare_batch, view, frames))
        spent += cpu_of(functools.partial(bare_online, view, lanes))
    return spent


def bare_batch(view: sk.FeatureView, frames: dict[str, pl.DataFrame]) -> None:
    """Call the batch function, and do nothing else."""
    result = call_by_name(view.batch, frames)
    if isinstance(result, pl.LazyFrame):
        result.collect()


def bare_online(view: sk.FeatureView, lanes: list[Delivered]) -> None:
    """Feed operations to the online class, and do nothing else."""
    for lane in lanes:
        online = view.online()
        for row, payload in zip(lane.rows, lane.payloads, strict=True):
            if row < 0:
                online.update(payload)
            else:
                online.query(payload)


def share_of(view: sk.FeatureView, packs: int) -> float:
    """Return the share of the CPU time that is not the user's code."""
    total = cpu_of(functools.partial(whole, view, packs))
    return 1 - floor(view, packs) / total


def flights() -> sk.FeatureView | None:
    """Return the view of examples/flights, eight features in polars and a class."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "flights"))
    try:
        return importlib.import_module("features.views").aircraft
    except ModuleNotFoundError:
        return None


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a smoke test: sizes prove nothing")
    tiny = parser.parse_args().tiny
    packs, repeats = (1, 1) if tiny else (12, 5)
    trivial, real = view_of(zeros, Zero), view_of(spend, SpendOnline)
    whole(trivial, 1)
    whole(real, 1)
    rates = [packs * LANES / cpu_of(lambda: whole(trivial, packs)) for _ in range(repeats)]
    print(f"histories of {EVENTS} events a CPU-second: median {statistics.median(rates):,.0f}")
    views = {"two features (the demo's)": real, "eight features (examples/flights)": flights()}
    for name, view in views.items():
        if view is None:
            print(f"our share, {name}: skipped, needs: pip install --group examples")
            continue
        whole(view, 1)
        shares = [share_of(view, packs) for _ in range(repeats)]
        print(f"our share, {name}: median {statistics.median(shares):.0%}")
    histories = 128 if tiny else None
    checks = [
        cpu_of(functools.partial(sk.check, real, seed=seed, histories=histories))
        for seed in range(repeats)
    ]
    print(f"CPU seconds of a default check of one view: median {statistics.median(checks):.2f}")


if __name__ == "__main__":
    main()
