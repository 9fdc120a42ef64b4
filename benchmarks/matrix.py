"""Claims about the version matrix, each with what it is measured against, in CPU seconds.

A warm cell costs at most 1.5 times the same check in process, plus 2 s of worker start: of the
cell's two sides each runs under the versions that run here, so that nothing but the other process
differs. A cold build of a pandas and numpy environment, with a warm download cache, takes under
10 s. A hundred comparisons of warm environments take under 3 minutes.

    python benchmarks/matrix.py [--tiny]
"""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import pandas as pd
from _claims import Claims, cpu_of, cpu_of_children, smoke_parser
from _engine import Cell, build_environment, check_here, check_there, end_workers, prepare_cell

import skewtest as sk

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


def cpu_with_children(act: Callable[[], object]) -> float:
    """Return the CPU seconds of an act, here and in all processes that it starts.

    Workers are ended before and after: a process's time is known once it has ended.
    """
    end_workers()
    began = time.process_time() + cpu_of_children()
    act()
    end_workers()
    return time.process_time() + cpu_of_children() - began


def build_cold(environment: sk.Environment) -> None:
    """Build an environment into an empty cache."""
    before = os.environ.get("SKEWTEST_CACHE")
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SKEWTEST_CACHE"] = cache
        try:
            build_environment(environment)
        finally:
            os.environ.pop("SKEWTEST_CACHE")
            if before is not None:
                os.environ["SKEWTEST_CACHE"] = before


def environments() -> tuple[sk.Environment, sk.Environment]:
    """Return an old environment, and one with the Python and the libraries that run here."""
    python = ".".join(platform.python_version_tuple()[:2])
    here = [f"{name}=={version(name)}" for name in ("pandas", "numpy")]
    return (
        sk.Environment("old", python="3.11", requirements=OLD),
        sk.Environment("same", python=python, requirements=here),
    )


def main() -> None:
    """Print the figures; exit with 1 where a claim does not hold."""
    claims = Claims(smoke_parser(__doc__).parse_args().tiny)
    histories, times, comparisons = (256, 1, 3) if claims.tiny else (6_400, 5, 100)
    old, same = environments()
    for environment in (old, same):
        build_environment(environment)
    cold = cpu_with_children(lambda: build_cold(old))
    cell = Cell(same, same)
    start = cpu_with_children(lambda: prepare_cell(view, cell))
    check_here(view, histories)
    here = statistics.median(cpu_of(lambda: check_here(view, histories)) for _ in range(times))

    def run_cells() -> None:
        placed = prepare_cell(view, cell)
        for _ in range(times):
            check_there(view, placed, histories)

    there = (cpu_with_children(run_cells) - start) / times
    rows = [{"x": float(number)} for number in range(20)]

    def compare_all() -> None:
        for _ in range(comparisons):
            sk.compare_environments(total, rows, a=old, b=same)

    compared = cpu_with_children(compare_all) * 100 / comparisons
    print(f"a check in process {here:.2f} CPU-s, in a warm cell {there:.2f} CPU-s")
    claims.at_most("cold build, warm downloads", cold, BUILD, "CPU-s")
    claims.at_most("a warm cell over the same check in process", there / here, RATIO)
    claims.at_most("start of the workers", start, START, "CPU-s")
    claims.at_most("100 comparisons of warm environments", compared, COMPARISONS, "CPU-s")
    claims.settle()


if __name__ == "__main__":
    main()
