"""The corpus: where the modules of `planted` and `equivalents` enter their views."""

from collections.abc import Sequence
from dataclasses import dataclass

import skewtest as sk

CAUSES = (
    *("window.edge", "window.length", "as_of.edge", "leakage.future", "tie.order", "ttl"),
    *("state.init", "state.capacity", "state.mutation", "state.stale", "null", "nan", "empty"),
    *("default", "aggregation", "numeric.precision", "numeric.stability", "overflow", "dtype"),
    *("entity.key", "entity.isolation", "time.zone", "time.unit", "time.clock", "category"),
    *("expression.order", "value.branch", "join", "missing", "error"),
)
"""The causes that events delivered in order can expose."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A view with one skew.

    Attributes:
        view: the view.
        cause: its code in the closed list of causes.
        feature: the feature that differs.
        kinds: the kinds of divergence that it shows as.
        known_minimum: the smallest number of events on which it shows.
    """

    view: sk.FeatureView
    cause: str
    feature: str
    kinds: tuple[str, ...]
    known_minimum: int


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A view whose sides agree, though they are written differently."""

    view: sk.FeatureView


PLANTED: list[Planted] = []
EQUIVALENTS: list[Equivalent] = []


def planted(
    view: sk.FeatureView,
    *,
    cause: str,
    feature: str,
    known_minimum: int,
    kinds: Sequence[str] = ("value",),
) -> None:
    """Enter a view with a planted skew."""
    PLANTED.append(Planted(view, cause, feature, tuple(kinds), known_minimum))


def equivalent(view: sk.FeatureView) -> None:
    """Enter a view whose sides agree."""
    EQUIVALENTS.append(Equivalent(view))
