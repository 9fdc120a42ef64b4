"""References equal independent implementations on generated histories.

What counts is told here again, from the frames and by datetimes, and computed by other libraries:
`math.fsum` and `statistics` (exact), mpmath (50 digits), numpy and pandas (to rounding).
"""

import math
import statistics
from collections import Counter
from datetime import timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import mpmath
import numpy as np
import pandas as pd
import polars as pl
import pytest

import skewtest as sk
from skewtest import reference as ref
from skewtest.generate.blocks import Blocks
from skewtest.generate.hints import Hints
from skewtest.generate.history import LANE, SEQUENCE
from skewtest.generate.instants import Clock
from skewtest.sides import Conditions

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
HISTORIES = 128
ZONE = ZoneInfo("America/New_York")
mpmath.mp.dps = 50

SOURCE = sk.Source(
    "events",
    time="ts",
    columns={
        "user_id": sk.key(),
        "x": sk.floats(-1_000, 1_000, nullable=True),
        "y": sk.floats(0, 1),
        "n": sk.ints(-3, 3, nullable=True),
        "kind": sk.categories("a", "b", "c"),
    },
)


def xs_of(rows):
    return [row["x"] for row in rows if row["x"] is not None]


def within_week(rows, as_of):
    return [row for row in rows if row["ts"] >= as_of - WEEK]


def of_values(formula, least=1, empty=None):
    """Return an oracle of the values of x in a week: `empty` where there are too few."""

    def oracle(rows, as_of):
        values = xs_of(within_week(rows, as_of))
        return formula(values) if len(values) >= least else empty

    return oracle


def numpy_quantile(share, method):
    return of_values(lambda values: float(np.quantile(values, share, method=method)))


def longdouble_variance(values):
    return float(np.var(np.array(values, dtype=np.longdouble), ddof=1))


def longdouble_correlation(rows, as_of):
    pairs = [(row["x"], row["y"]) for row in within_week(rows, as_of) if row["x"] is not None]
    if len(pairs) < 2:
        return None
    x, y = (np.array(column, dtype=np.longdouble) for column in zip(*pairs, strict=True))
    if len(set(x)) == 1 or len(set(y)) == 1:
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))


def mpmath_entropy(rows, _as_of):
    if not rows:
        return None
    shares = [mpmath.mpf(count) / len(rows) for count in Counter(r["kind"] for r in rows).values()]
    return float(mpmath.fsum(-share * mpmath.log(share, 2) for share in shares))


def mpmath_decay(normalised):
    def oracle(rows, as_of):
        pairs = []
        for row in rows:
            if row["x"] is not None:
                age = (as_of - row["ts"]) // timedelta(microseconds=1)
                weight = mpmath.power(2, -mpmath.mpf(age) / (WEEK // timedelta(microseconds=1)))
                pairs.append((weight, mpmath.mpf(row["x"])))
        if not pairs:
            return None if normalised else 0
        weighted = mpmath.fsum(weight * value for weight, value in pairs)
        return float(weighted / mpmath.fsum(w for w, _ in pairs) if normalised else weighted)

    return oracle


def pandas_ewma(adjust):
    def oracle(rows, _as_of):
        values = xs_of(rows)
        if not values:
            return None
        return float(pd.Series(values).ewm(alpha=0.3, adjust=adjust).mean().iloc[-1])

    return oracle


def polars_modes(rows, _as_of):
    kinds = pl.Series([row["kind"] for row in rows], dtype=pl.String)
    return min(kinds.mode().to_list(), default=None)


def polars_sessions(rows, _as_of):
    gaps = pl.Series([row["ts"] for row in rows], dtype=pl.Datetime("us", "UTC")).diff()
    return int((gaps > HOUR).sum()) + 1 if rows else 0


def positive_streak(rows, _as_of):
    runs = [(flag, len(list(run))) for flag, run in groupby(r["y"] > 0.3 for r in rows)]
    return runs[-1][1] if runs and runs[-1][0] else 0


def longest_streak(rows, _as_of):
    return max((len(list(r)) for flag, r in groupby(r["y"] > 0.3 for r in rows) if flag), default=0)


def mean_gap(rows, _as_of):
    if len(rows) < 2:
        return None
    span = rows[-1]["ts"] - rows[0]["ts"]
    return span / timedelta(microseconds=1) / (len(rows) - 1) / 1e6


def local_day(rows, as_of):
    today = as_of.astimezone(ZONE).date()
    return sum(row["ts"].astimezone(ZONE).date() == today for row in rows)


def local_month(rows, as_of):
    local = as_of.astimezone(ZONE)
    months = [(row["ts"].astimezone(ZONE).year, row["ts"].astimezone(ZONE).month) for row in rows]
    return months.count((local.year, local.month))


def last_x(rows, _as_of):
    values = xs_of(rows)
    return values[-1] if values else None


def share_of_weeks(rows, as_of):
    values = xs_of(within_week(rows, as_of))
    return float(sum(map(mpmath.mpf, values)) / len(rows)) if rows else None


def ranked(rows, _as_of):
    if not rows:
        return None
    counts = Counter(row["kind"] for row in rows)
    return sorted(counts, key=lambda kind: (-counts[kind], kind))[:2]


EXACT = {
    "count": (ref.count(over=WEEK), lambda rows, as_of: len(within_week(rows, as_of))),
    "sum": (ref.sum("x", over=WEEK), of_values(math.fsum, empty=0)),
    "sum_of_ints": (ref.sum("n"), lambda rows, _: sum(r["n"] for r in rows if r["n"] is not None)),
    "mean": (ref.mean("x", over=WEEK), of_values(statistics.mean)),
    "var": (ref.var("x", over=WEEK), of_values(statistics.variance, 2)),
    "pvar": (ref.var("x", ddof=0, over=WEEK), of_values(statistics.pvariance)),
    "std": (ref.std("x", over=WEEK), of_values(statistics.stdev, 2)),
    "min": (ref.min("x", over=WEEK), of_values(lambda values: float(np.min(values)))),
    "max": (ref.max("x", over=WEEK), of_values(lambda values: float(np.max(values)))),
    "first": (ref.first("y"), lambda rows, _: rows[0]["y"] if rows else None),
    "last": (ref.last("x"), last_x),
    "distinct": (ref.distinct("n"), lambda rows, _: len({r["n"] for r in rows} - {None})),
    "median": (ref.median("x", over=WEEK), of_values(statistics.median)),
    "mode": (ref.mode("kind"), polars_modes),
    "top_k": (ref.top_k("kind", 2), ranked),
    "entropy": (ref.entropy("kind", base=2), mpmath_entropy),
    "decay": (ref.decay("x", half_life=WEEK), mpmath_decay(normalised=False)),
    "decayed_mean": (
        ref.decay("x", half_life=WEEK, normalised=True),
        mpmath_decay(normalised=True),
    ),
    "sessions": (ref.sessions(HOUR), polars_sessions),
    "streak": (ref.streak(lambda event: event["y"] > 0.3), positive_streak),
    "longest": (ref.streak(lambda event: event["y"] > 0.3, longest=True), longest_streak),
    "today": (ref.count(over=ref.calendar("day", zone="America/New_York")), local_day),
    "month": (ref.count(over=ref.calendar("month", zone="America/New_York")), local_month),
    "last_three": (
        ref.sum("y", over=ref.last_events(3)),
        lambda rows, _: math.fsum(row["y"] for row in rows[-3:]),
    ),
    "ratio": (ref.ratio(ref.sum("x", over=WEEK), ref.count()), share_of_weeks),
}
ROUNDED = {
    "linear": (ref.quantile("x", 0.9, over=WEEK), numpy_quantile(0.9, "linear")),
    "lower": (
        ref.quantile("x", 0.25, interpolation="lower", over=WEEK),
        numpy_quantile(0.25, "lower"),
    ),
    "higher": (
        ref.quantile("x", 0.75, interpolation="higher", over=WEEK),
        numpy_quantile(0.75, "higher"),
    ),
    "midpoint": (
        ref.quantile("x", 0.75, interpolation="midpoint", over=WEEK),
        numpy_quantile(0.75, "midpoint"),
    ),
    "nearest": (
        ref.quantile("x", 0.5, interpolation="nearest", over=WEEK),
        numpy_quantile(0.5, "nearest"),
    ),
    "var": (ref.var("x", over=WEEK), of_values(longdouble_variance, 2)),
    "correlation": (ref.correlation("x", "y", over=WEEK), longdouble_correlation),
    "ewma": (ref.ewma("x", alpha=0.3), pandas_ewma(adjust=True)),
    "recursive_ewma": (ref.ewma("x", alpha=0.3, adjust=False), pandas_ewma(adjust=False)),
    "mean_gap": (ref.gaps(of="mean"), mean_gap),
    "age": (
        ref.since(),
        lambda rows, as_of: (as_of - rows[-1]["ts"]).total_seconds() if rows else None,
    ),
}


def view_of(features):
    return sk.FeatureView(
        "v", sources=[SOURCE], entity=["user_id"], batch=None, online=None, windows=[WEEK],
        features=dict.fromkeys(features, sk.close()),
    )  # fmt: skip


def rows_by_request(pack):
    """Yield what counts for each request, told from the frames alone."""
    by_key = {}
    for row in pack.events["events"].sort("ts", SEQUENCE).to_dicts():
        by_key.setdefault((row[LANE], row["user_id"]), []).append(row)
    for request in pack.spine.to_dicts():
        rows = by_key.get((request[LANE], request["user_id"]), [])
        yield [row for row in rows if row["ts"] < request["as_of"]], request["as_of"]


def pairs_of(catalogue, histories):
    """Yield the name, what the reference answers and what its oracle does, for every request."""
    view = view_of(catalogue)
    side = ref.by_feature({name: reference for name, (reference, _) in catalogue.items()})
    blocks = Blocks(view, Clock.of(view), Hints(), 20_240_301)
    first = 0
    while first < histories:
        count = min(blocks.room(first), histories - first)
        pack = blocks.pack(first, count)
        answers = side.answer(pack, Conditions.of(view))
        assert not answers.failures
        for row, (rows, as_of) in enumerate(rows_by_request(pack)):
            for name, (_, oracle) in catalogue.items():
                yield name, answers.values[name][row], oracle(rows, as_of)
        first += count


def is_same(answer, expected):
    return answer == expected or (answer != answer and expected != expected)


def is_close(answer, expected, scale=1_000.0):
    if answer is None or expected is None or answer != answer:
        return is_same(answer, expected)
    return abs(answer - expected) <= 1e-12 * max(abs(answer), scale)


@pytest.mark.parametrize("histories", [HISTORIES, pytest.param(10_000, marks=pytest.mark.slow)])
def test_exact_references_equal_exact_implementations_to_the_last_bit(histories):
    seen = Counter()
    for name, answer, expected in pairs_of(EXACT, histories):
        assert is_same(answer, expected), (name, answer, expected)
        seen[name] += answer is not None
    assert min(seen[name] for name in EXACT) > histories / 2


@pytest.mark.parametrize("histories", [HISTORIES, pytest.param(10_000, marks=pytest.mark.slow)])
def test_references_equal_numpy_and_pandas_but_for_their_rounding(histories):
    seen = Counter()
    for name, answer, expected in pairs_of(ROUNDED, histories):
        assert is_close(answer, expected), (name, answer, expected)
        seen[name] += answer is not None
    assert min(seen[name] for name in ROUNDED) > histories / 2
