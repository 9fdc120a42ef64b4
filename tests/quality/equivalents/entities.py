"""Keys taken as they are, one or several, vectors and durations, all entities at once."""

from collections import defaultdict
from datetime import datetime, timedelta

import polars as pl

import skewtest as sk
from quality.registry import equivalent
from quality.tables import KEYS, Row, onto

PAIR = ("user_id", "merchant_id", "as_of")

purchases = sk.Source(
    "purchases",
    time="ts",
    columns={"user_id": sk.key(), "merchant_id": sk.key(), "amount": sk.floats(0, 300)},
)
orders = sk.Source(
    "orders", time="ts", columns={"user_id": sk.key(), "amount": sk.floats(0, 2_000)}
)
devices = sk.Source(
    "devices", time="ts", columns={"device_id": sk.key("int"), "kwh": sk.ints(0, 9)}
)
likes = sk.Source(
    "likes",
    time="ts",
    columns={"user_id": sk.key(), "embedding": sk.vectors(4, -1, 1, nullable=True)},
)


class MerchantVisits:
    def __init__(self) -> None:
        self._amounts: dict[tuple[str, str], list[float]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._amounts[event["user_id"], event["merchant_id"]].append(event["amount"])

    def query(self, request: Row) -> Row:
        amounts = self._amounts[request["user_id"], request["merchant_id"]]
        return {"visits": len(amounts), "spent": sum(amounts), "largest": max(amounts, default=0.0)}


def merchant_visits(purchases: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(purchases, on=["user_id", "merchant_id"]).filter(
        pl.col("ts") < pl.col("as_of")
    )
    amount = pl.col("amount")
    found = past.group_by(PAIR).agg(visits=pl.len(), spent=amount.sum(), largest=amount.max())
    return onto(spine, found, PAIR, visits=0, spent=0.0, largest=0.0)


equivalent(
    sk.FeatureView(
        "composite_keys_as_tuples",
        sources=[purchases],
        entity=["user_id", "merchant_id"],
        batch=merchant_visits,
        online=MerchantVisits,
        features={"visits": sk.exact(), "spent": sk.close(), "largest": sk.exact()},
    )
)


class Energy:
    def __init__(self) -> None:
        self._kwh: dict[int, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._kwh[event["device_id"]] += event["kwh"]

    def query(self, request: Row) -> Row:
        return {"kwh": self._kwh[request["device_id"]]}


def energy(devices: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    keys = ["device_id", "as_of"]
    past = spine.join(devices, on="device_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(keys).agg(pl.col("kwh").sum()), keys, kwh=0)


equivalent(
    sk.FeatureView(
        "integer_keys_beyond_2_to_the_53",
        sources=[devices],
        entity=["device_id"],
        batch=energy,
        online=Energy,
        features={"kwh": sk.exact()},
    )
)


class MerchantsSeen:
    def __init__(self) -> None:
        self._merchants: dict[str, set[str]] = defaultdict(set)

    def update(self, event: Row) -> None:
        self._merchants[event["user_id"]].add(event["merchant_id"])

    def query(self, request: Row) -> Row | None:
        merchants = self._merchants.get(request["user_id"])
        return {"merchants": len(merchants)} if merchants else None


def merchants_seen(purchases: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(purchases, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(merchants=pl.col("merchant_id").n_unique())
    return onto(spine, found)


equivalent(
    sk.FeatureView(
        "null_or_no_row_declared_equal",
        sources=[purchases],
        entity=["user_id"],
        batch=merchants_seen,
        online=MerchantsSeen,
        features={"merchants": sk.exact()},
        equal=("null", "missing"),
    )
)


class Taste:
    def __init__(self) -> None:
        self._sum: dict[str, list[float]] = {}
        self._count: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        user, vector = event["user_id"], event["embedding"]
        if vector is None:
            return
        total = self._sum.get(user, [0.0] * 4)
        self._sum[user] = [a + b for a, b in zip(total, vector, strict=True)]
        self._count[user] += 1

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        mean = [part / self._count[user] for part in self._sum.get(user, ())]
        return {"taste": mean or None, "likes": self._count[user]}


def taste(likes: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    given = likes.filter(pl.col("embedding").is_not_null())
    past = spine.join(given, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    parts = [pl.col("embedding").list.get(i).mean().alias(f"part_{i}") for i in range(4)]
    found = past.group_by(KEYS).agg(*parts, likes=pl.len())
    together = pl.concat_list(f"part_{i}" for i in range(4))
    return onto(spine, found.select(*KEYS, "likes", taste=together), likes=0)


equivalent(
    sk.FeatureView(
        "mean_embedding_part_by_part",
        sources=[likes],
        entity=["user_id"],
        batch=taste,
        online=Taste,
        features={"taste": sk.close(), "likes": sk.exact()},
    )
)


class ShareOfAll:
    def __init__(self) -> None:
        self._mine: dict[str, int] = defaultdict(int)
        self._all = 0

    def update(self, event: Row) -> None:
        self._mine[event["device_id"]] += event["kwh"]
        self._all += event["kwh"]

    def query(self, request: Row) -> Row:
        return {"share": self._mine[request["device_id"]] / self._all if self._all else 0.0}


def share_of_all(devices: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(devices, how="cross", suffix="_of").filter(pl.col("ts") < pl.col("as_of"))
    mine = pl.col("kwh").filter(pl.col("device_id") == pl.col("device_id_of")).sum()
    shares = past.group_by("device_id", "as_of").agg(share=mine / pl.col("kwh").sum())
    filled = shares.with_columns(pl.col("share").fill_nan(0.0))
    return onto(spine, filled, ("device_id", "as_of"), share=0.0)


equivalent(
    sk.FeatureView(
        "share_of_what_all_devices_use",
        sources=[devices],
        entity=["device_id"],
        batch=share_of_all,
        online=ShareOfAll,
        features={"share": sk.close()},
        scope="global",
    )
)


class LastSeen:
    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}
        self._gaps: dict[str, timedelta] = defaultdict(timedelta)
        self._count: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        user = event["user_id"]
        self._gaps[user] += event["ts"] - self._last.get(user, event["ts"])
        self._last[user] = event["ts"]
        self._count[user] += 1

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        if user not in self._last:
            return {"idle": None, "usual_gap": None}
        gaps = self._count[user] - 1
        usual = self._gaps[user].total_seconds() / gaps if gaps else None
        return {"idle": request["as_of"] - self._last[user], "usual_gap": usual}


def last_seen(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    gap = pl.col("ts").diff().over("user_id").dt.total_microseconds() / 1e6
    past = spine.join(orders.with_columns(gap=gap), on="user_id").filter(
        pl.col("ts") < pl.col("as_of")
    )
    found = past.group_by(KEYS).agg(
        idle=(pl.col("as_of") - pl.col("ts")).min(), usual_gap=pl.col("gap").mean()
    )
    return onto(spine, found)


equivalent(
    sk.FeatureView(
        "durations_and_mean_gaps",
        sources=[orders],
        entity=["user_id"],
        batch=last_seen,
        online=LastSeen,
        features={"idle": sk.exact(), "usual_gap": sk.close()},
    )
)
