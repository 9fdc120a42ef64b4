"""Values by what they mean, each as several libraries spell it, and a slow comparer of meanings.

A meaning is a tuple whose first item says what it is: ("number", Fraction), ("time", kind, aware,
nanoseconds), ("text", ...), ("list", [...]), ("record", {key: meaning}), ("nothing", name).
"""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl

from skewtest.sides.answers import MISSING
from skewtest.worker.values import plain

NOTHINGS = {"null": None, "nan": math.nan, "missing": MISSING}
INFINITY = {1: math.inf, -1: -math.inf}
SIZES = [0, 1, 3, 1000, 2**53, 2**53 + 1, 2**63, 10**40, 10**320]
PARTS = [Fraction(0), Fraction(1, 2), Fraction(1, 3), Fraction(1, 10), Fraction(1, 2**60)]
TEXTS = ["", "a", "A", "a ", "1", "None", "\u00e9", "e\u0301"]
COUNTS = [0, 1, 2, 999, 1000, 1001, 10**9, 86_400 * 10**9 - 1]


# -- what two meanings come to -------------------------------------------------------------------


def kind_of(left, right, bound=None):
    """Return the kind of divergence of two meanings; "tolerance" where theirs does not suit them.

    `bound` is (abs, rel) of a tolerance for numbers, None for exact().
    """
    if "nothing" in (left[0], right[0]):
        if left == right:
            return None
        return "missing row" if ("nothing", "missing") in (left, right) else "null"
    if left[0] != right[0]:
        return "dtype"
    if left[0] == "list":
        return _kind_of_pairs(left[1], right[1], bound)
    if left[0] == "record":
        return _kind_of_records(left[1], right[1], bound)
    if left[0] == "time" and left[:3] != right[:3]:
        return "dtype"
    if left == right:
        return None
    if bound and left[0] != "number":
        return "tolerance"
    if bound and _are_close(left[1], right[1], bound):
        return None
    return "value"


def _kind_of_records(left, right, bound):
    if left.keys() != right.keys():
        return "dtype"
    return _kind_of_pairs([*left.values()], [right[key] for key in left], bound)


def _kind_of_pairs(left, right, bound):
    if len(left) != len(right):
        return "value"
    kinds = [kind_of(*pair, bound) for pair in zip(left, right, strict=True)]
    return next(filter(None, kinds), None)


def _are_close(left, right, bound):
    if isinstance(left, float) or isinstance(right, float):  # an infinity
        return False
    return abs(left - right) <= Fraction(bound[0]) + Fraction(bound[1]) * max(abs(left), abs(right))


# -- meanings, and values that mean them -----------------------------------------------------------


def draw_meaning(random, depth=0):
    """Return a meaning; few of each sort, so that two are often equal or next to each other."""
    sort = random.choice(["number"] * 4 + ["time"] * 3 + ["text", "nothing", "list", "record"])
    if sort in ("list", "record") and depth > 1:
        sort = "number"
    if sort == "number":
        return sort, _draw_number(random)
    if sort == "time":
        kind = random.choice(["datetime", "duration"])
        return sort, kind, kind == "datetime" and random.random() < 0.5, random.choice(COUNTS)
    if sort == "text":
        return random.choice(["text", "bytes"]), random.choice(TEXTS)
    if sort == "nothing":
        return sort, random.choice(["null", "nan"] if depth else [*NOTHINGS])
    inner = [draw_meaning(random, depth + 1) for _ in range(random.randrange(4))]
    if sort == "list":
        return sort, inner
    keys = random.sample(["x", "1", 1, 2, None, "None"], len(inner))
    return sort, dict(zip(keys, inner, strict=True))


def draw_neighbour(random, meaning):
    """Return a meaning that a tolerance just lets pass, or just does not; for a number alone."""
    if meaning[0] != "number" or isinstance(meaning[1], float):
        return meaning
    number = meaning[1]
    gap = random.choice([Fraction(3, 4), number, -number / 2, Fraction(1, 2**60)])
    return "number", number + gap


def _draw_number(random):
    if random.random() < 0.05:
        return INFINITY[random.choice([1, -1])]
    return random.choice([1, -1]) * (random.choice(SIZES) + random.choice(PARTS))


def spell_meaning(random, meaning):
    """Return a value of a library of chance that means it."""
    sort = meaning[0]
    if sort == "nothing":
        others = {
            "null": [None, pd.NA, pd.NaT],
            "nan": [math.nan, np.float32("nan"), Decimal("NaN")],
        }
        return random.choice(others.get(meaning[1], [NOTHINGS[meaning[1]]]))
    if sort == "number":
        return random.choice(_spellings_of_number(meaning[1]))
    if sort == "time":
        return random.choice(_spellings_of_time(*meaning[1:]))
    if sort == "text":
        return random.choice([meaning[1], np.str_(meaning[1])])
    if sort == "bytes":
        return meaning[1].encode()
    if sort == "list":
        cells = [spell_meaning(random, inner) for inner in meaning[1]]
        return random.choice([cells, tuple(cells)])
    return {key: spell_meaning(random, inner) for key, inner in meaning[1].items()}


def _spellings_of_number(number):
    if isinstance(number, float):
        return [number, np.float64(number), Decimal(number), np.longdouble(number)]
    values = [number]
    if number.denominator == 1:
        values += [int(number), Decimal(int(number))]
    for kind in (float, np.float64, np.float32, np.longdouble):
        with np.errstate(over="ignore"):
            value = _rounded(kind, number)
        if (
            value is not None
            and np.isfinite(value)
            and Fraction(*value.as_integer_ratio()) == number
        ):
            values.append(value)
    return values


def _rounded(kind, number):
    try:
        # By an int where it is one: long doubles hold whole numbers that no float does.
        return kind(int(number)) if number.denominator == 1 else kind(float(number))
    except OverflowError:
        return None


def _spellings_of_time(kind, aware, count):
    if kind == "duration":
        numbers = pl.Series([count]).cast(pl.Duration("ns"))
        values = [np.timedelta64(count, "ns"), pd.Timedelta(count), *plain(numbers)]
        if count % 1000 == 0:
            values.append(timedelta(microseconds=count // 1000))
        return values
    if aware:
        values = [pd.Timestamp(count, tz="UTC"), pd.Timestamp(count, tz="Asia/Tokyo")]
        zoned = pl.Series([count]).cast(pl.Datetime("ns", "Europe/Berlin"))
        values += plain(zoned)
    else:
        values = [pd.Timestamp(count), np.datetime64(count, "ns")]
        values += plain(pl.Series([count]).cast(pl.Datetime("ns")))
    if count % 1000 == 0:
        epoch = datetime(1970, 1, 1, tzinfo=UTC if aware else None)
        values.append(epoch + timedelta(microseconds=count // 1000))
    return values
