"""Plans: the few things Hypothesis draws for a pack. Everything else follows from its seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from skewtest.declare.kinds import Column, Drawn, Structs
from skewtest.declare.view import FeatureView

POOL = 24


@dataclass(frozen=True, slots=True)
class Plan:
    """What numpy needs to fill a pack.

    Attributes:
        seed: of the numpy generator.
        odd: share of lanes with odd values: range ends, wild magnitudes, all null.
        crowd: share of lanes with several entities.
        pools: values drawn from the owner's strategies, by column path.
    """

    seed: int
    odd: float
    crowd: float
    pools: Mapping[str, tuple[Any, ...]]

    def rng(self) -> np.random.Generator:
        """Return the generator that fills this plan's pack, the same each time."""
        return np.random.default_rng(self.seed)


def plans(view: FeatureView) -> st.SearchStrategy[Plan]:
    """Return the strategy of plans for a view."""
    pools = {
        path: st.lists(column.strategy, min_size=1, max_size=POOL).map(tuple)
        for path, column in drawn_columns(view).items()
    }
    return st.builds(
        Plan,
        seed=st.integers(0, 2**63 - 1),
        odd=st.sampled_from([0.1, 0.3, 0.5]),
        crowd=st.sampled_from([0.4, 0.6, 0.2]),
        pools=st.fixed_dictionaries(pools),
    )


def drawn_columns(view: FeatureView) -> dict[str, Drawn]:
    """Return the columns that come from Hypothesis strategies, by path."""
    tables = {name: source.columns for name, source in view.sources.items()}
    found: dict[str, Drawn] = {}
    for table, columns in {**tables, "spine": view.request}.items():
        for name, column in columns.items():
            found |= _drawn(f"{table}.{name}", column)
    return found


def _drawn(path: str, column: Column) -> dict[str, Drawn]:
    if isinstance(column, Drawn):
        return {path: column}
    if isinstance(column, Structs):
        fields = (_drawn(f"{path}.{name}", inner) for name, inner in column.fields.items())
        return {key: value for field in fields for key, value in field.items()}
    return {}
