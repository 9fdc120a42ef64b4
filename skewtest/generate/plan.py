"""Plans: what histories share, and what Hypothesis draws for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skewtest import generate
from skewtest.declare.kinds import Column, Drawn, Structs
from skewtest.declare.view import FeatureView


@dataclass(frozen=True, slots=True)
class Plan:
    """What histories share.

    Attributes:
        seed: of the run: any int.
        odd: share of histories with odd values (range ends, wild magnitudes, all null); None where
            each block has its own.
        crowd: share of histories with several entities; None where each block has its own.
        pools: values drawn from the owner's strategies, by column path.
        first: the number of the first history that shares them.
    """

    seed: int
    odd: float | None = None
    crowd: float | None = None
    pools: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    first: int = 0


def draw_pools(view: FeatureView, seed: int, first: int) -> dict[str, tuple[Any, ...]]:
    """Return the values that Hypothesis draws from the owner's strategies, by column path.

    They hang on the seed and the number alone, whatever else Hypothesis has drawn before.
    """
    columns = find_strategies(view)
    if not columns:
        return {}
    return generate.pools.draw_from(columns, seed, first)


def find_strategies(view: FeatureView) -> dict[str, Drawn]:
    """Return the columns that come from Hypothesis strategies, by path."""
    drawn: dict[str, Drawn] = {}
    for table, columns in _tables(view).items():
        for name, column in columns.items():
            drawn |= _find_parts(f"{table}.{name}", column)
    return drawn


def _tables(view: FeatureView) -> dict[str, Mapping[str, Column]]:
    tables = {name: source.columns for name, source in view.sources.items()}
    return {**tables, "spine": view.request}


def _find_parts(path: str, column: Column) -> dict[str, Drawn]:
    """Return a column, or the fields of a record, that come from strategies."""
    if isinstance(column, Drawn):
        return {path: column}
    drawn: dict[str, Drawn] = {}
    if isinstance(column, Structs):
        for name, inner in column.fields.items():
            drawn |= _find_parts(f"{path}.{name}", inner)
    return drawn
