"""skewtest: finds training-serving skew between a batch and an online implementation.

Names are loaded when they are first used: importing skewtest imports nothing heavy.
"""

from typing import TYPE_CHECKING

from skewtest.lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from skewtest.api import check, replay
    from skewtest.declare.columns import (
        bools,
        categories,
        dates,
        ids,
        key,
        lists,
        strings,
        structs,
        timestamps,
        vectors,
    )
    from skewtest.declare.delivery import Delivery
    from skewtest.declare.environment import Environment
    from skewtest.declare.numbers import decimals, floats, ints
    from skewtest.declare.source import Source
    from skewtest.declare.tolerance import close, exact, sketch, stale, vector
    from skewtest.declare.view import FeatureView
    from skewtest.errors import DeclarationError, LogWarning, SkewError, SkewtestError
    from skewtest.report.result import Result
    from skewtest.results.finding import Counterexample, Finding
    from skewtest.sides.adapters import per_as_of, per_event, sql
    from skewtest.sides.services import replayed, scored
    from skewtest.sides.streams import fold, micro_batch, per_entity
    from skewtest.sides.transform import Transform
    from skewtest.versions import compare_environments

__all__ = [
    "Counterexample",
    "DeclarationError",
    "Delivery",
    "Environment",
    "FeatureView",
    "Finding",
    "LogWarning",
    "Result",
    "SkewError",
    "SkewtestError",
    "Source",
    "Transform",
    "bools",
    "categories",
    "check",
    "close",
    "compare_environments",
    "dates",
    "decimals",
    "exact",
    "floats",
    "fold",
    "ids",
    "ints",
    "key",
    "lists",
    "micro_batch",
    "per_as_of",
    "per_entity",
    "per_event",
    "replay",
    "replayed",
    "scored",
    "sketch",
    "sql",
    "stale",
    "strings",
    "structs",
    "timestamps",
    "vector",
    "vectors",
]

_HOMES = {
    "skewtest.api": ("check", "replay"),
    "skewtest.declare.columns": (
        *("bools", "categories", "dates", "ids", "key", "lists"),
        *("strings", "structs", "timestamps", "vectors"),
    ),
    "skewtest.declare.delivery": ("Delivery",),
    "skewtest.declare.environment": ("Environment",),
    "skewtest.declare.numbers": ("decimals", "floats", "ints"),
    "skewtest.declare.source": ("Source",),
    "skewtest.declare.tolerance": ("close", "exact", "sketch", "stale", "vector"),
    "skewtest.declare.view": ("FeatureView",),
    "skewtest.sides.adapters": ("per_as_of", "per_event", "sql"),
    "skewtest.sides.services": ("replayed", "scored"),
    "skewtest.sides.streams": ("fold", "micro_batch", "per_entity"),
    "skewtest.sides.transform": ("Transform",),
    "skewtest.errors": ("DeclarationError", "LogWarning", "SkewError", "SkewtestError"),
    "skewtest.results.finding": ("Counterexample", "Finding"),
    "skewtest.versions": ("compare_environments",),
    "skewtest.report.result": ("Result",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
