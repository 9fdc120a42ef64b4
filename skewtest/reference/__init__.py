"""References: a third opinion, in exact arithmetic, each short enough to believe.

    from skewtest import reference

    FeatureView(..., reference={
        "spend_7d": reference.sum("amount", over=timedelta(days=7)),
        "orders": reference.count(),
    })

A reference is a side: it can also stand as `batch` or `online` of a view.
"""

from skewtest.reference.catalogue import (
    correlation,
    count,
    distinct,
    entropy,
    first,
    last,
    max,
    mean,
    median,
    min,
    mode,
    quantile,
    ratio,
    std,
    sum,
    top_k,
    var,
)
from skewtest.reference.scopes import calendar, last_events, window
from skewtest.reference.sequences import decay, ewma, gaps, sessions, since, streak
from skewtest.reference.side import by_feature

__all__ = [
    "by_feature",
    "calendar",
    "correlation",
    "count",
    "decay",
    "distinct",
    "entropy",
    "ewma",
    "first",
    "gaps",
    "last",
    "last_events",
    "max",
    "mean",
    "median",
    "min",
    "mode",
    "quantile",
    "ratio",
    "sessions",
    "since",
    "std",
    "streak",
    "sum",
    "top_k",
    "var",
    "window",
]
