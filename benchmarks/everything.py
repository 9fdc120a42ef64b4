"""Claims on what a check costs that has more to do than histories in order, many in a call.

- With every scenario and every relation on, a default check stays under 12 s of CPU and under 5
  times the same view in order alone.
- A history of a view with scope="global", which has a batch call for itself, costs at most 20
  times one that shares its call.

The view is right under all of them, so that nothing ends a check early: a total and a count of
orders, deduplicated by id.

    python benchmarks/everything.py [--tiny]
"""

import statistics
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl
from _claims import Claims, cpu_of, smoke_parser

import skewtest as sk
from skewtest.declare.delivery import SCENARIOS
from skewtest.declare.relation import RELATION_CAUSES

BUDGET, OVER_IN_ORDER, OVER_LANED = 12.0, 5.0, 20.0
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


def view(delivery: sk.Delivery, relations: Any, scope: str = "entity") -> sk.FeatureView:
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
        scope=scope,
    )


def cost_of_check(
    checked: sk.FeatureView, histories: int | None, seed: int
) -> tuple[float, sk.Result]:
    """Return the CPU seconds of a check and its result; raise SkewError if it found anything."""
    scenarios = [*SCENARIOS, "relations"] if checked.relations else None
    results: list[sk.Result] = []
    spent = cpu_of(
        lambda: results.append(
            sk.check(checked, seed=seed, histories=histories, scenarios=scenarios)
        )
    )
    (result,) = results
    result.raise_if_skewed()
    assert not result.findings, result
    return spent, result


def main() -> None:
    """Print the figures; exit with 1 where a claim does not hold."""
    claims = Claims(smoke_parser(__doc__).parse_args().tiny)
    histories, repeats = (64, 1) if claims.tiny else (None, 5)
    laws = [name for name in RELATION_CAUSES if name != "week_shift"]
    in_order = view(sk.Delivery(), None)
    everything = view(EVERYTHING, laws)
    alone = view(sk.Delivery(), None, scope="global")
    cost_of_check(in_order, 64, 0)  # what is loaded once is nobody's cost
    costs, over_in_order, over_laned = [], [], []
    for seed in range(repeats):
        base, laned = cost_of_check(in_order, histories, seed)
        whole, _ = cost_of_check(everything, histories, seed)
        spent, unlaned = cost_of_check(alone, histories, seed)
        costs.append(whole)
        over_in_order.append(whole / base)
        over_laned.append(spent / unlaned.histories / (base / laned.histories))
    median = statistics.median
    claims.at_most("everything on", median(costs), BUDGET, "CPU-s")
    claims.at_most("everything on over in order alone", median(over_in_order), OVER_IN_ORDER)
    claims.at_most('one history, scope="global" over laned', median(over_laned), OVER_LANED)
    claims.settle()


if __name__ == "__main__":
    main()
