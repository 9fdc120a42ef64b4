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

from _claims import Claims, cpu_of, smoke_parser
from _totals import alone, everything, in_order

import skewtest as sk
from skewtest.declare.delivery import SCENARIOS

BUDGET, OVER_IN_ORDER, OVER_LANED = 12.0, 5.0, 20.0


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
