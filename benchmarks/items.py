"""Claim: five scenario items of one view cost at most 1.1 times one call that shares them.

    python benchmarks/items.py            9 runs of each, in turn
    python benchmarks/items.py --tiny     1 run on few histories, nothing is claimed

A view is in order, ties, reordered, re-encoded and zoned, in a project of its own. pytest runs it
as five items, and as one test that calls `skewtest.check` for the five together; CPU seconds of
the whole run, less those of the same run on hardly any histories: so that neither pytest's start
nor the imports hide the difference. `-n 2` is printed beside them and claims nothing.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from _claims import Claims, cpu_of_children, smoke_parser

LIMIT = 1.1
HISTORIES = 3_200
FEW = 64
RUNS = 9

VIEW = """
from datetime import timedelta
import pandas as pd
import polars as pl
import skewtest as sk

orders = sk.Source(
    "orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)}
)


def spend_polars(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    age = pl.col("as_of") - pl.col("ts")
    found = (
        spine.join(orders, on="user_id")
        .filter((age > pl.duration()) & (age <= pl.duration(days=7)))
        .group_by("user_id", "as_of")
        .agg(spend=pl.col("amount").sum())
    )
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("spend").fill_null(0)
    )


def spend_pandas(events: pd.DataFrame, as_of) -> pd.DataFrame:
    age = as_of - events["ts"]
    recent = events[(age > timedelta(0)) & (age <= timedelta(days=7))]
    return recent.groupby("user_id", as_index=False).agg(spend=("amount", "sum"))


class Spend:
    def __init__(self):
        self.orders = {}

    def update(self, event):
        self.orders.setdefault(event["user_id"], []).append((event["ts"], event["amount"]))

    def query(self, request):
        start = request["as_of"] - timedelta(days=7)
        mine = self.orders.get(request["user_id"], [])
        found = [amount for ts, amount in mine if start <= ts < request["as_of"]]
        if not found and "LIBRARY" == "pandas":
            return None
        return {"spend": sum(found)}


view = sk.FeatureView(
    "spend", sources=[orders], entity=["user_id"], relations=[],
    batch={"polars": spend_polars, "pandas": sk.per_as_of(spend_pandas)}["LIBRARY"],
    online=Spend, features={"spend": sk.close()}, windows=[timedelta(days=7)],
    delivery=sk.Delivery(order="any", wire="json", zone="Asia/Kolkata"),
)
"""
ITEMS = "from features import view\n\n\ndef test_items(skew):\n    skew.check(view)\n"
SHARED = """
import os

import features
import skewtest as sk


def test_shared():
    assert sk.check(features.view, histories=int(os.environ["N"]), seed=1).ok
"""


def run_pytest(folder: Path, name: str, histories: int, *options: str) -> float:
    """Return the CPU seconds of a run of pytest, its workers included."""
    began = cpu_of_children()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name, *options]
    command += [f"--skew-histories={histories}", "--skew-seed=1"]
    environment = dict(os.environ, N=str(histories))
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return cpu_of_children() - began


def write_project(folder: Path, library: str) -> None:
    """Write the view with both tests of it."""
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (folder / "features.py").write_text(VIEW.replace("LIBRARY", library))
    (folder / "test_items.py").write_text(ITEMS)
    (folder / "test_shared.py").write_text(SHARED)


def measure(folder: Path, histories: int, runs: int) -> dict[str, float]:
    """Return the medians of what each way costs over one shared call, start-up taken off."""
    ways: dict[str, tuple[str, ...]] = {
        "shared": ("test_shared.py",),
        "items": ("test_items.py",),
        "items, -n 2": ("test_items.py", "-n", "2"),
    }
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        seconds = {}
        for name, (file, *options) in ways.items():
            whole = run_pytest(folder, file, histories, *options)
            seconds[name] = whole - run_pytest(folder, file, FEW, *options)
        for name in ways:
            ratios[name].append(seconds[name] / seconds["shared"])
    return {name: statistics.median(values) for name, values in ratios.items()}


def main() -> None:
    """Measure; exit with 1 if the claim does not hold."""
    parser = smoke_parser(__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N", help="runs of each")
    options = parser.parse_args()
    histories = 10 * FEW if options.tiny else HISTORIES
    claims = Claims(options.tiny)
    for library in ("polars", "pandas"):
        with tempfile.TemporaryDirectory() as name:
            write_project(Path(name), library)
            ratios = measure(Path(name), histories, 1 if options.tiny else options.runs)
        for way, ratio in ratios.items():
            print(f"{library:<8}{way:<14}{ratio:6.2f}x")
        claims.at_most(f"{library}: five items over one shared call", ratios["items"], LIMIT)
    claims.settle()


if __name__ == "__main__":
    main()
