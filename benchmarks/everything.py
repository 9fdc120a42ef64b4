"""Claim: a default check with every scenario and every relation on stays under 12 s of CPU.

The view is right under all of them, so that nothing ends the check early: a total and a count of
orders, deduplicated by id. Prints the CPU seconds beside those of the same view in order alone.

    python benchmarks/everything.py [--tiny]
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl

import skewtest as sk
from skewtest.declare.delivery import SCENARIOS
from skewtest.declare.relation import RELATION_CAUSES

BUDGET = 12.0
EVERYTHING = sk.Delivery(
    order="any",
    late=timedelta(hours=1),
    duplicates=True,
    restarts=True,
    redeliver_after_restart=True,
    split="handed_over",
    wire="json",
    store="float32",
    bootstrap=True,
    zone="Asia/Kolkata",
)

orders = sk.Source(
    "orders",
    time="ts",
    columns={"order_id": sk.ids(), "user_id": sk.key(), "amount": sk.ints(0, 100)},
)


def totals(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    """Sum and count the orders before `as_of`."""
    seen = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = seen.group_by("user_id", "as_of").agg(total=pl.col("amount").sum(), n=pl.len())
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("total", "n").fill_null(0)
    )


class Totals:
    """Orders by id, on top of what batch knew."""

    snapshot = "pickle"

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, int]] = {}
        self.known: dict[str, tuple[int, int]] = {}

    def update(self, event: Mapping[str, Any]) -> None:
        """Take one order; one that is known by its id changes nothing."""
        self.orders.setdefault(event["user_id"], {})[event["order_id"]] = event["amount"]

    def query(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Return the features of a user."""
        total, n = self.known.get(request["user_id"], (0, 0))
        mine = self.orders.get(request["user_id"], {})
        return {"total": total + sum(mine.values()), "n": n + len(mine)}

    def bootstrap(self, rows: list[dict[str, Any]]) -> None:
        """Start from rows of batch."""
        self.known = {row["user_id"]: (row["total"], row["n"]) for row in rows}


def view(delivery: sk.Delivery, relations: Any) -> sk.FeatureView:
    """Return the view under a delivery."""
    return sk.FeatureView(
        "totals",
        sources=[orders],
        entity=["user_id"],
        batch=totals,
        online=Totals,
        features={"total": sk.close(), "n": sk.exact()},
        delivery=delivery,
        relations=relations,
    )


def cpu_of_check(checked: sk.FeatureView, histories: int | None, seed: int) -> float:
    """Return the CPU seconds of a check; raise SkewError if it found anything."""
    scenarios = [*SCENARIOS, "relations"] if checked.relations else None
    began = time.process_time()
    result = sk.check(checked, seed=seed, histories=histories, scenarios=scenarios)
    spent = time.process_time() - began
    result.raise_if_skewed()
    assert not any(outcome.findings for outcome in result.outcomes), result
    return spent


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a smoke test: sizes prove nothing")
    tiny = parser.parse_args().tiny
    histories, repeats = (64, 1) if tiny else (None, 5)
    laws = [name for name in RELATION_CAUSES if name != "week_shift"]
    views = {
        "in order, no relations": view(sk.Delivery(), None),
        "every scenario, every relation": view(EVERYTHING, laws),
    }
    for name, checked in views.items():
        spent = [cpu_of_check(checked, histories, seed) for seed in range(repeats)]
        median = statistics.median(spent)
        print(f"CPU seconds of a default check, {name}: median {median:.2f}")
    assert tiny or median < BUDGET, f"over the budget of {BUDGET} s"


if __name__ == "__main__":
    main()
