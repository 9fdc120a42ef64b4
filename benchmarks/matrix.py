"""Claims about the version matrix, each with what it is measured against.

A warm cell costs at most 1.5 times the same check in process, plus 2 s of worker start. A cold
build of a pandas and numpy environment, with a warm download cache, takes under 10 s. A hundred
comparisons of warm environments take under 3 minutes.

    python benchmarks/matrix.py [--tiny]
"""

import argparse
import os
import statistics
import tempfile
import time
from datetime import timedelta
from typing import Any

import pandas as pd

import skewtest as sk
from skewtest.checks.cell import prepared, run_cell
from skewtest.checks.parity import search
from skewtest.environments.build import build_environment
from skewtest.environments.cells import Cell
from skewtest.run.budget import Budget
from skewtest.sides.process import end_workers

RATIO, START, BUILD, COMPARISONS = 1.5, 2.0, 10.0, 180.0
OLD = ["pandas==1.5.3", "numpy==1.26.4"]

orders = sk.Source(
    "orders", time="ts", columns={"user_id": sk.key(), "amount": sk.floats(0, 1_000)}
)


def spend(orders: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    """Sum the orders of the last 7 days."""
    seen = spine.merge(orders, on="user_id", how="left")
    is_new = (seen["ts"] < seen["as_of"]) & (seen["ts"] >= seen["as_of"] - pd.Timedelta(days=7))
    seen["amount"] = seen["amount"].where(is_new)
    return seen.groupby(["user_id", "as_of"], as_index=False).agg(spend=("amount", "sum"))


class Spend:
    """The same, event by event."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, Any]]] = {}

    def update(self, event: dict[str, Any]) -> None:
        """Keep an event."""
        self.events.setdefault(event["user_id"], []).append(event)

    def query(self, request: dict[str, Any]) -> dict[str, float]:
        """Sum what is not too old."""
        oldest = request["as_of"] - timedelta(days=7)
        events = self.events.get(request["user_id"], ())
        return {"spend": sum((e["amount"] for e in events if e["ts"] >= oldest), 0.0)}


view = sk.FeatureView(
    "spend",
    sources=[orders],
    entity=["user_id"],
    batch=spend,
    online=Spend,
    features={"spend": sk.close()},
    windows=[timedelta(days=7)],
)


def total(rows: list[dict[str, float]]) -> float:
    """Sum a column of a frame."""
    return float(pd.DataFrame(rows)["x"].sum())


def seconds(act: Any) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true")
    tiny = parser.parse_args().tiny
    histories, times, comparisons = (256, 1, 3) if tiny else (6_400, 5, 100)
    old = sk.Environment("old", python="3.11", requirements=OLD)
    new = sk.Environment("new", python="3.11", requirements=["pandas==2.3.3", "numpy==2.2.6"])
    for environment in (old, new):
        build_environment(environment)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SKEWTEST_CACHE"], before = cache, os.environ.get("SKEWTEST_CACHE")
        cold = seconds(lambda: build_environment(old))
        os.environ.pop("SKEWTEST_CACHE")
        if before is not None:
            os.environ["SKEWTEST_CACHE"] = before
    print(f"cold build, warm downloads: {cold:.1f} s (budget {BUILD:.0f})")

    end_workers()
    start = seconds(lambda: prepared(view, Cell(old, old)))
    placed = prepared(view, Cell(old, old))
    budget = Budget(histories, 1)
    here, there = [], []
    for _ in range(times):
        here.append(seconds(lambda: search(view, ["in_order"], budget)))
        there.append(seconds(lambda: run_cell(view, placed, budget)))
    ratio = statistics.median(there) / statistics.median(here)
    print(
        f"in process {statistics.median(here):.2f} s, warm cell {statistics.median(there):.2f} s: "
        f"{ratio:.2f} times (budget {RATIO}); worker start {start:.2f} s (budget {START:.0f})"
    )

    rows = [{"x": float(number)} for number in range(20)]
    taken = seconds(
        lambda: [sk.compare_environments(total, rows, a=old, b=new) for _ in range(comparisons)]
    )
    print(f"{comparisons} comparisons: {taken:.1f} s (budget {COMPARISONS:.0f} for 100)")
    if not tiny:
        assert cold < BUILD
        assert ratio <= RATIO
        assert start <= START
        assert taken < COMPARISONS


if __name__ == "__main__":
    main()
