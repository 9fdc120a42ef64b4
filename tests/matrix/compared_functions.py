"""Functions that answer by the environment they run in, as library versions make them do."""

import ctypes
import math
import os
import random
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl

import skewtest as sk


def version():
    return int(os.environ["VERSION"])


def same(rows):
    frame = pl.DataFrame(rows)
    return {
        "sum": sum(row["x"] for row in rows),
        "nothing": [None, math.nan, -0.0, math.inf],
        "when": datetime(2024, 1, 1, tzinfo=UTC),
        "exact": Decimal("1.10"),
        "frame": frame,
        "pandas": pd.DataFrame(rows).groupby("k").x.sum(),
        "array": np.arange(3, dtype=np.float32),
        "nested": [{1: (2, {3})}],
    }


def one_ulp(rows):
    total = sum((row["x"] for row in rows), 0.0)
    return {"total": total if version() == 1 else math.nextafter(total, math.inf), "n": len(rows)}


def minus_zero(rows):
    return 0.0 if version() == 1 else -0.0


def null_for_nan(rows):
    return [1.0, None if version() == 1 else math.nan]


def integer_for_float(rows):
    return 1 if version() == 1 else 1.0


def narrow(rows):
    return np.float64(0.5) if version() == 1 else np.float32(0.5)


def usual_width(rows):
    return np.float64(0.5) if version() == 1 else 0.5


def lost_key(rows):
    return {"a": 1, "b": 2} if version() == 1 else {"a": 1}


def other_order(rows):
    return {"a": 1, "b": 2} if version() == 1 else {"b": 2, "a": 1}


def text_key(rows):
    return {1: "x"} if version() == 1 else {"1": "x"}


def series_index(rows):
    return pd.Series([1, 2], index=[0, 1] if version() == 1 else [0, 2])


def frame_dtype(rows):
    return pl.DataFrame({"n": [1]}, schema={"n": pl.Int64 if version() == 1 else pl.Int32})


def only_one_row_matters(rows):
    return [row["x"] for row in rows if version() == 1 or row["x"] != 7.0]


def raises_on_one_side(rows):
    if version() == 2 and any(row["x"] == 7.0 for row in rows):
        raise KeyError("gone")
    return 1


def raises_alike(rows):
    raise ValueError("no")


def raises_otherwise(rows):
    raise (ValueError if version() == 1 else TypeError)("no")


def random_answer(rows):
    return random.random()  # noqa: S311 - any would do


def clock_answer(rows):
    return time.time_ns()


def order_of_a_set(rows):
    return list({"a", "b", "c", "d", "e", "f", "g"})


def counts_its_calls(rows, calls=[]):  # noqa: B006 - what is kept between calls is the point
    calls.append(1)
    return len(calls)


def crashes(rows):
    return ctypes.string_at(0) if version() == 2 else 1


def leaves(rows):
    if version() == 2:
        os._exit(3)
    return 1


def hangs(rows):
    while version() == 2:
        pass
    return 1


def prints_much(rows):
    for _ in range(30):
        sys.stdout.write("y" * 1_000_000)
        sys.stderr.write("z" * 1_000_000)
    return 1


def reads_input(rows):
    return sys.stdin.read()


def changes_its_rows(rows):
    rows[0]["x"] += 1
    return rows[0]["x"]


def odd_object(rows):
    return object()


def wants_pandas(rows: pd.DataFrame):
    return type(rows).__module__.split(".")[0] + str(rows.x.sum())


def wants_polars(rows: pl.DataFrame):
    return rows["x"].sum()


async def waits(rows):
    return len(rows)


@sk.per_as_of
def adapted(rows):
    return len(rows)


class Scaler:
    @staticmethod
    def scaled(rows):
        return [row["x"] * version() for row in rows]


def nothing(rows):
    return None


def texts(rows):
    assert rows == [{"x": 0.5, "k": datetime(2024, 1, 1), "v": [1, 2]}]  # noqa: DTZ001
    return repr(rows)
