"""Identities: keys that are folded, cut, joined or forgotten, and rows of strangers."""

from collections import defaultdict
from datetime import datetime  # noqa: TC003 - teams import what they annotate with

import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

signups = sk.Source("signups", time="ts", columns={"user_id": sk.key(), "points": sk.ints(0, 100)})
devices = sk.Source(
    "devices", time="ts", columns={"device_id": sk.key("int"), "kwh": sk.ints(0, 9)}
)
purchases = sk.Source(
    "purchases",
    time="ts",
    columns={"user_id": sk.key(), "merchant_id": sk.key(), "amount": sk.floats(0, 300)},
)
weather = sk.Source(
    "weather",
    time="ts",
    columns={"user_id": sk.key(), "celsius": sk.floats(-30, 45, nullable=True)},
)


class PointsByFoldedName:
    def __init__(self) -> None:
        self._points: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._points[event["user_id"].strip().lower()] += event["points"]

    def query(self, request: Row) -> Row:
        return {"points": self._points[request["user_id"].strip().lower()]}


def points(signups: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(signups, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(pl.col("points").sum()), points=0)


planted(
    sk.FeatureView(
        "users_folded_to_lower_case",
        sources=[signups],
        entity=["user_id"],
        batch=points,
        online=PointsByFoldedName,
        features={"points": sk.exact()},
    ),
    cause="entity.key",
    feature="points",
    known_minimum=1,
)


def signups_by_number(signups: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    """Join on the number where the id is one, as the warehouse stores it."""
    number = pl.col("user_id").str.strip_chars().str.strip_chars_start("0")
    past = spine.with_columns(number=number).join(signups.select("ts", number=number), on="number")
    counted = past.filter(pl.col("ts") < pl.col("as_of")).group_by(KEYS).agg(signups=pl.len())
    return onto(spine, counted, signups=0)


class SignupCount:
    def __init__(self) -> None:
        self._count: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._count[event["user_id"]] += 1

    def query(self, request: Row) -> Row:
        return {"signups": self._count[request["user_id"]]}


planted(
    sk.FeatureView(
        "leading_zeros_stripped_in_the_warehouse",
        sources=[signups],
        entity=["user_id"],
        batch=signups_by_number,
        online=SignupCount,
        features={"signups": sk.exact()},
    ),
    cause="entity.key",
    feature="signups",
    known_minimum=1,
)


def energy(devices: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    keys = ["device_id", "as_of"]
    past = spine.join(devices, on="device_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(keys).agg(kwh=pl.col("kwh").sum()), keys, kwh=0)


class EnergyByNumber:
    """Gets its ids through JSON, whose numbers are floats."""

    def __init__(self) -> None:
        self._kwh: dict[float, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._kwh[float(event["device_id"])] += event["kwh"]

    def query(self, request: Row) -> Row:
        return {"kwh": self._kwh[float(request["device_id"])]}


planted(
    sk.FeatureView(
        "device_ids_become_floats",
        sources=[devices],
        entity=["device_id"],
        batch=energy,
        online=EnergyByNumber,
        features={"kwh": sk.exact()},
    ),
    cause="entity.key",
    feature="kwh",
    known_minimum=1,
)


class EnergyBySlot:
    def __init__(self) -> None:
        self._kwh: dict[int, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._kwh[event["device_id"] & 0xFFFF_FFFF] += event["kwh"]

    def query(self, request: Row) -> Row:
        return {"kwh": self._kwh[request["device_id"] & 0xFFFF_FFFF]}


planted(
    sk.FeatureView(
        "device_ids_cut_to_32_bits",
        sources=[devices],
        entity=["device_id"],
        batch=energy,
        online=EnergyBySlot,
        features={"kwh": sk.exact()},
    ),
    cause="entity.key",
    feature="kwh",
    known_minimum=1,
)

PAIR = ("user_id", "merchant_id", "as_of")


def visits_to_merchant(purchases: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(purchases, on=["user_id", "merchant_id"]).filter(
        pl.col("ts") < pl.col("as_of")
    )
    found = past.group_by(PAIR).agg(visits=pl.len(), spent=pl.col("amount").sum())
    return onto(spine, found, PAIR, visits=0, spent=0.0)


class VisitsByJoinedKey:
    def __init__(self) -> None:
        self._visits: dict[str, list[float]] = defaultdict(list)

    def _key(self, row: Row) -> str:
        return f"{row['user_id']}_{row['merchant_id']}"

    def update(self, event: Row) -> None:
        self._visits[self._key(event)].append(event["amount"])

    def query(self, request: Row) -> Row:
        amounts = self._visits[self._key(request)]
        return {"visits": len(amounts), "spent": sum(amounts)}


planted(
    sk.FeatureView(
        "key_columns_joined_by_underscore",
        sources=[purchases],
        entity=["user_id", "merchant_id"],
        batch=visits_to_merchant,
        online=VisitsByJoinedKey,
        features={"visits": sk.exact(), "spent": sk.close()},
    ),
    cause="entity.key",
    feature="visits",
    known_minimum=1,
)


class VisitsAnywhere(VisitsByJoinedKey):
    def _key(self, row: Row) -> str:
        return row["user_id"]


planted(
    sk.FeatureView(
        "merchant_left_out_of_the_key",
        sources=[purchases],
        entity=["user_id", "merchant_id"],
        batch=visits_to_merchant,
        online=VisitsAnywhere,
        features={"visits": sk.exact(), "spent": sk.close()},
    ),
    cause="entity.key",
    feature="visits",
    known_minimum=1,
)


class LastCelsius:
    def __init__(self) -> None:
        self._celsius: dict[str, float | None] = {}

    def update(self, event: Row) -> None:
        if event["celsius"] is not None:
            self._celsius[event["user_id"]] = event["celsius"]

    def query(self, request: Row) -> Row:
        return {"last_celsius": self._celsius.get(request["user_id"])}


def last_celsius(weather: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    filled = weather.sort("user_id", "ts", maintain_order=True).with_columns(
        pl.col("celsius").forward_fill()
    )
    past = spine.join(filled, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(last_celsius=pl.col("celsius").last()))


planted(
    sk.FeatureView(
        "forward_fill_across_users",
        sources=[weather],
        entity=["user_id"],
        batch=last_celsius,
        online=LastCelsius,
        features={"last_celsius": sk.close()},
    ),
    cause="entity.isolation",
    feature="last_celsius",
    kinds=("null",),
    known_minimum=2,
)


class MinutesApart:
    """Remembers the last signup, but not whose it was."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._gap: dict[str, float | None] = {}

    def update(self, event: Row) -> None:
        if event["user_id"] in self._gap and self._last is not None:
            self._gap[event["user_id"]] = (event["ts"] - self._last).total_seconds() / 60
        else:
            self._gap[event["user_id"]] = None
        self._last = event["ts"]

    def query(self, request: Row) -> Row:
        return {"gap_minutes": self._gap.get(request["user_id"])}


def minutes_apart(signups: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    gap = pl.col("ts").diff().over("user_id").dt.total_microseconds() / 6e7
    past = spine.join(
        signups.with_columns(gap_minutes=gap), on="user_id", maintain_order="left_right"
    ).filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(pl.col("gap_minutes").last()))


planted(
    sk.FeatureView(
        "gap_to_anybodys_last_signup",
        sources=[signups],
        entity=["user_id"],
        batch=minutes_apart,
        online=MinutesApart,
        features={"gap_minutes": sk.close()},
    ),
    cause="entity.isolation",
    feature="gap_minutes",
    known_minimum=3,
)
