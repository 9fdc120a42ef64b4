"""Values that Hypothesis draws from the owner's strategies."""

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from skewtest.declare.kinds import Drawn

POOL = 24
"""The most values of one draw: more are seldom told apart by a history of a dozen events."""
DRAWS = 3
"""How many draws make a pool. The first is always the strategy's simplest value, which no plan is
to have alone."""


def draw_from(columns: Mapping[str, Drawn], seed: int, first: int) -> dict[str, tuple[Any, ...]]:
    """Return values of columns by their paths: they hang on the seed and the number alone."""
    pools: dict[str, list[Any]] = {path: [] for path in columns}
    values = {
        path: st.lists(column.strategy, min_size=1, max_size=POOL)
        for path, column in columns.items()
    }

    @seeded(f"{seed} {first}")
    @settings(
        max_examples=DRAWS,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.fixed_dictionaries(values))
    def draw(drawn: dict[str, list[Any]]) -> None:
        for path, some in drawn.items():
            pools[path] += some

    draw()
    return {path: tuple(pool) for path, pool in pools.items()}
