"""Numbers: precision, rounding, stability, types, units of money."""

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

transfers = sk.Source(
    "transfers",
    time="ts",
    columns={
        "user_id": sk.key(),
        "amount": sk.floats(0, 1_000_000, step=0.01),
        "balance": sk.ints(-5_000, 5_000),
        "transfer_id": sk.ints(0, 2**62),
        "refunded": sk.bools(),
    },
)
scales = sk.Source(
    "scales",
    time="ts",
    columns={"user_id": sk.key(), "grams": sk.floats(1e8, 1e8 + 1_000)},
)


class Float32Store:
    def __init__(self) -> None:
        self._total: dict[str, np.float32] = defaultdict(np.float32)

    def update(self, event: Row) -> None:
        self._total[event["user_id"]] += np.float32(event["amount"])

    def query(self, request: Row) -> Row:
        return {"sent_total": float(self._total[request["user_id"]])}


def sent_total(transfers: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(transfers, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(sent_total=pl.col("amount").sum()), sent_total=0.0)


planted(
    sk.FeatureView(
        "total_stored_as_float32",
        sources=[transfers],
        entity=["user_id"],
        batch=sent_total,
        online=Float32Store,
        features={"sent_total": sk.close()},
    ),
    cause="numeric.precision",
    feature="sent_total",
    known_minimum=1,
)


class CentsSent:
    def __init__(self) -> None:
        self._cents: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._cents[event["user_id"]] += int(event["amount"] * 100)

    def query(self, request: Row) -> Row:
        return {"cents_sent": self._cents[request["user_id"]]}


def cents_sent(transfers: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    past = spine.join(transfers, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    cents = (pl.col("amount") * 100).round().cast(pl.Int64)
    return onto(spine, past.group_by(KEYS).agg(cents_sent=cents.sum()), cents_sent=0)


planted(
    sk.FeatureView(
        "cents_truncated_or_rounded",
        sources=[transfers],
        entity=["user_id"],
        batch=cents_sent,
        online=CentsSent,
        features={"cents_sent": sk.exact()},
    ),
    cause="numeric.precision",
    feature="cents_sent",
    known_minimum=1,
)

HALF_UNITS = """
    select
        spine.user_id,
        spine.as_of,
        coalesce(sum(round(transfers.balance / 10)), 0) as tens
    from spine
    left join transfers
      on transfers.user_id = spine.user_id and transfers.ts < spine.as_of
    group by spine.user_id, spine.as_of
"""


def add_tens(state: dict[str, int], event: Row) -> dict[str, int]:
    state[event["user_id"]] += round(event["balance"] / 10)
    return state


planted(
    sk.FeatureView(
        "half_to_even_or_away_from_zero",
        sources=[transfers],
        entity=["user_id"],
        batch=sk.sql(HALF_UNITS),
        online=sk.fold(
            lambda: defaultdict(int),
            add_tens,
            lambda state, request: {"tens": state[request["user_id"]]},
        ),
        features={"tens": sk.exact()},
    ),
    cause="numeric.precision",
    feature="tens",
    known_minimum=1,
)


class BalanceBucket:
    def __init__(self) -> None:
        self._balance: dict[str, int] = {}

    def update(self, event: Row) -> None:
        self._balance[event["user_id"]] = event["balance"]

    def query(self, request: Row) -> Row:
        balance = self._balance.get(request["user_id"])
        return {"balance_bucket": None if balance is None else int(balance / 250)}


def balance_bucket(transfers: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(transfers, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(balance_bucket=pl.col("balance").last() // 250))


planted(
    sk.FeatureView(
        "overdraft_bucket_floored_or_cut",
        sources=[transfers],
        entity=["user_id"],
        batch=balance_bucket,
        online=BalanceBucket,
        features={"balance_bucket": sk.exact()},
    ),
    cause="numeric.precision",
    feature="balance_bucket",
    known_minimum=1,
)


class RefundShare:
    def __init__(self) -> None:
        self._all: dict[str, int] = defaultdict(int)
        self._refunded: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._all[event["user_id"]] += 1
        self._refunded[event["user_id"]] += event["refunded"]

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        return {"refund_share": self._refunded[user] / self._all[user] if self._all[user] else 0.0}


def refund_share(transfers: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(transfers, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    share = pl.col("refunded").mean().round(2)
    return onto(spine, past.group_by(KEYS).agg(refund_share=share), refund_share=0.0)


planted(
    sk.FeatureView(
        "share_rounded_for_the_export",
        sources=[transfers],
        entity=["user_id"],
        batch=refund_share,
        online=RefundShare,
        features={"refund_share": sk.close()},
    ),
    cause="numeric.precision",
    feature="refund_share",
    known_minimum=3,
)


class GramsSpread:
    """Keeps the sum and the sum of squares."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, float, float]] = {}

    def update(self, event: Row) -> None:
        grams = event["grams"]
        count, total, squares = self._sums.get(event["user_id"], (0, 0.0, 0.0))
        self._sums[event["user_id"]] = count + 1, total + grams, squares + grams * grams

    def query(self, request: Row) -> Row:
        count, total, squares = self._sums.get(request["user_id"], (0, 0.0, 0.0))
        if count < 2:
            return {"grams_var": None}
        return {"grams_var": (squares - total * total / count) / (count - 1)}


def grams_spread(scales: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(scales, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(grams_var=pl.col("grams").var()))


planted(
    sk.FeatureView(
        "variance_by_sums_of_squares",
        sources=[scales],
        entity=["user_id"],
        batch=grams_spread,
        online=GramsSpread,
        features={"grams_var": sk.close(unstable="fail")},
    ),
    cause="numeric.stability",
    feature="grams_var",
    kinds=("unstable",),
    known_minimum=2,
)


class LastTransfer:
    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def update(self, event: Row) -> None:
        self._last[event["user_id"]] = event["transfer_id"]

    def query(self, request: Row) -> Row:
        return {"last_transfer": self._last.get(request["user_id"])}


def last_transfer(transfers: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    pairs = spine.merge(transfers, on="user_id")
    past = pairs[pairs["ts"] < pairs["as_of"]]
    last = past.groupby(["user_id", "as_of"])["transfer_id"].last().astype("float64")
    return spine.merge(last.rename("last_transfer").reset_index(), how="left")


planted(
    sk.FeatureView(
        "identifier_made_a_float",
        sources=[transfers],
        entity=["user_id"],
        batch=last_transfer,
        online=LastTransfer,
        features={"last_transfer": sk.exact()},
    ),
    cause="dtype",
    feature="last_transfer",
    known_minimum=1,
)


def any_refund(transfers: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(transfers, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(any_refund=pl.col("refunded").any())
    return onto(spine, found, any_refund=False)


def flag_refund(state: dict[str, Any], event: Row) -> dict[str, Any]:
    state[event["user_id"]] |= int(event["refunded"])
    return state


planted(
    sk.FeatureView(
        "flag_as_bool_or_int",
        sources=[transfers],
        entity=["user_id"],
        batch=any_refund,
        online=sk.fold(
            lambda: defaultdict(int),
            flag_refund,
            lambda state, request: {"any_refund": state[request["user_id"]]},
        ),
        features={"any_refund": sk.exact(dtype=True)},
    ),
    cause="dtype",
    feature="any_refund",
    kinds=("dtype",),
    known_minimum=0,
)
