"""Payloads through message formats, answers through stores, times in other zones."""

from datetime import UTC, datetime

import numpy as np
import polars as pl

import skewtest as sk
from quality.faulty.disorder import LastToArrive
from quality.faulty.lateness import TOTAL, Total
from quality.streams import LAST, PerUser, batch_of, faulty

USER = {"user_id": sk.key(variants=False)}


class NullsLeftOut(PerUser):
    """Null amounts are left out, as batch leaves them out; NaN is not null."""

    def start(self):
        return 0.0

    def take(self, state, event):
        return state if event["amount"] is None else state + event["amount"]

    def answer(self, state, request):
        return state


class HourAsItComes(PerUser):
    def start(self):
        return None

    def take(self, state, event):
        return event["ts"].hour

    def answer(self, state, request):
        return state


class DaysAsTheyCome(PerUser):
    """Distinct days with an order."""

    nothing = 0

    def start(self):
        return []

    def take(self, state, event):
        day = event["ts"].date().isoformat()
        return state if day in state else [*state, day]

    def answer(self, state, request):
        return len(state)


class WeekendRequests(PerUser):
    """Orders, if it is asked on a weekend."""

    nothing = 0

    def start(self):
        return 0

    def take(self, state, event):
        return state + 1

    def answer(self, state, request):
        return state if request["as_of"].weekday() >= 5 else 0


def weekend_orders(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    found = batch_of(pl.len(), fill=0)(orders, spine)
    weekend = pl.col("as_of").dt.weekday() >= 6
    return found.with_columns(value=pl.when(weekend).then(pl.col("value")).otherwise(0))


class SinceTheLast(PerUser):
    def start(self):
        return None

    def take(self, state, event):
        return event["ts"]

    def answer(self, state, request):
        return (request["as_of"] - state).total_seconds()


class LastStatus(PerUser):
    def start(self):
        return None

    def take(self, state, event):
        return event["status"]

    def answer(self, state, request):
        return state


class ShareOfPaid(PerUser):
    """Paid of not refunded; nothing of nothing is NaN on both sides."""

    def start(self):
        return [0, 0]

    def take(self, state, event):
        return [state[0] + (event["status"] == "paid"), state[1] + (event["status"] != "refunded")]

    def answer(self, state, request):
        return state[0] / state[1] if state[1] else float("nan")


PAID = (pl.col("status") == "paid").sum() / (pl.col("status") != "refunded").sum()


def through_milliseconds(payload):
    """Times as epoch milliseconds, which most brokers stamp."""
    return {
        name: datetime.fromtimestamp(int(value.timestamp() * 1000) / 1000, value.tzinfo)
        if isinstance(value, datetime)
        else value
        for name, value in payload.items()
    }


def through_utc(payload):
    """Times as instants, which carry no zone."""
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in payload.items()
    }


def through_javascript(payload):
    """Numbers as doubles, which is all that JavaScript has."""
    return {
        name: int(float(value)) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in payload.items()
    }


def through_a_normaliser(payload):
    """A gateway that puts enumerations in upper case."""
    status = payload.get("status")
    return payload if status is None else {**payload, "status": status.upper()}


def without_nulls(payload):
    """Absent fields come back with the default of their type."""
    return {name: 0 if value is None else value for name, value in payload.items()}


def as_int16(value):
    return int(np.int64(value).astype(np.int16)) if isinstance(value, int) else value


def or_zero(value):
    return value or 0


WITH_NAN = sk.Source("orders", time="ts", columns={**USER, "amount": sk.floats(0, 9, nan=True)})
WITH_NULL = sk.Source("orders", time="ts", columns={**USER, "amount": sk.ints(0, 9, nullable=True)})
LARGE = sk.Source("orders", time="ts", columns={**USER, "amount": sk.ints(0, 2**20)})
HUGE = sk.Source("orders", time="ts", columns={**USER, "amount": sk.ints(0, 2**60)})
FLOATS = sk.Source("orders", time="ts", columns={**USER, "amount": sk.floats(0, 1e6)})
LOCAL = sk.Source("orders", time="ts", columns={**USER}, zone="America/New_York")
HOUR = pl.col("ts").last().dt.hour()
SINCE = (pl.col("as_of").first() - pl.col("ts").max()).dt.total_microseconds() / 1e6

faulty(
    "nan_becomes_null",
    batch_of(TOTAL),
    NullsLeftOut,
    "re-encoded",
    "wire",
    1,
    delivery=sk.Delivery(wire="json"),
    sources=(WITH_NAN,),
)
faulty(
    "hour_of_utc",
    batch_of(HOUR),
    HourAsItComes,
    "re-encoded",
    "time.zone",
    1,
    delivery=sk.Delivery(wire=through_utc),
    sources=(LOCAL,),
)
faulty(
    "milliseconds",
    batch_of(SINCE),
    SinceTheLast,
    "re-encoded",
    "time.unit",
    1,
    delivery=sk.Delivery(wire=through_milliseconds),
)
faulty(
    "javascript_numbers",
    batch_of(LAST),
    LastToArrive,
    "re-encoded",
    "wire",
    1,
    delivery=sk.Delivery(wire=through_javascript),
    sources=(HUGE,),
    tolerance=sk.exact(),
)
faulty(
    "statuses_in_upper_case",
    batch_of(pl.col("status").last()),
    LastStatus,
    "re-encoded",
    "category",
    1,
    delivery=sk.Delivery(wire=through_a_normaliser),
    tolerance=sk.exact(),
)
faulty(
    "null_becomes_zero",
    batch_of(LAST),
    LastToArrive,
    "re-encoded",
    "default",
    1,
    delivery=sk.Delivery(wire=without_nulls),
    sources=(WITH_NULL,),
)
faulty(
    "single_precision_store",
    batch_of(TOTAL),
    NullsLeftOut,
    "stored",
    "numeric.precision",
    1,
    delivery=sk.Delivery(store="float32"),
    sources=(FLOATS,),
)
faulty(
    "nan_in_a_json_store",
    batch_of(PAID),
    ShareOfPaid,
    "stored",
    "nan",
    1,
    delivery=sk.Delivery(store="json"),
)
faulty(
    "int16_store",
    batch_of(TOTAL),
    Total,
    "stored",
    "overflow",
    1,
    delivery=sk.Delivery(store=as_int16),
    sources=(LARGE,),
)
faulty(
    "null_in_a_store_is_zero",
    batch_of(LAST),
    LastToArrive,
    "stored",
    "default",
    0,
    delivery=sk.Delivery(store=or_zero),
)
faulty(
    "hour_of_another_zone",
    batch_of(HOUR),
    HourAsItComes,
    "zoned",
    "time.zone",
    1,
    delivery=sk.Delivery(zone="Asia/Kolkata"),
)
faulty(
    "days_of_another_zone",
    batch_of(pl.col("ts").dt.date().n_unique(), fill=0),
    DaysAsTheyCome,
    "zoned",
    "time.zone",
    2,
    delivery=sk.Delivery(zone="America/New_York"),
)
faulty(
    "weekend_of_another_zone",
    weekend_orders,
    WeekendRequests,
    "zoned",
    "time.zone",
    1,
    delivery=sk.Delivery(zone="Pacific/Auckland"),
)
