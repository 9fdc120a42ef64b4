"""What could not be known yet: events after as_of, and statistics of the whole table."""

from collections import defaultdict
from datetime import datetime, timedelta

import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

PAUSE = timedelta(minutes=30)

payments = sk.Source(
    "payments", time="ts", columns={"user_id": sk.key(), "amount": sk.floats(1, 1_000)}
)
deposits = sk.Source(
    "deposits",
    time="ts",
    columns={"user_id": sk.key(), "amount": sk.floats(0, 500, step=0.25, nullable=True)},
)
moves = sk.Source(
    "moves",
    time="ts",
    columns={"user_id": sk.key(), "city": sk.categories("berlin", "lagos", "lima", "osaka")},
)


class LastToPeak:
    def __init__(self) -> None:
        self._state: dict[str, tuple[float, float]] = {}

    def update(self, event: Row) -> None:
        _, peak = self._state.get(event["user_id"], (0.0, 0.0))
        self._state[event["user_id"]] = event["amount"], max(peak, event["amount"])

    def query(self, request: Row) -> Row:
        if request["user_id"] not in self._state:
            return {"last_to_peak": None}
        last, peak = self._state[request["user_id"]]
        return {"last_to_peak": last / peak}


def last_to_peak(payments: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    scaled = payments.with_columns(share=pl.col("amount") / pl.col("amount").max().over("user_id"))
    past = spine.join(scaled, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(last_to_peak=pl.col("share").last()))


planted(
    sk.FeatureView(
        "scaled_by_the_peak_of_all_time",
        sources=[payments],
        entity=["user_id"],
        batch=last_to_peak,
        online=LastToPeak,
        features={"last_to_peak": sk.close()},
    ),
    cause="leakage.future",
    feature="last_to_peak",
    known_minimum=2,
)


class ImputedDeposits:
    def __init__(self) -> None:
        self._known: dict[str, list[float]] = defaultdict(list)
        self._unknown: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        if event["amount"] is None:
            self._unknown[event["user_id"]] += 1
        else:
            self._known[event["user_id"]].append(event["amount"])

    def query(self, request: Row) -> Row:
        known = self._known[request["user_id"]]
        usual = sum(known) / len(known) if known else 0.0
        return {"deposited": sum(known) + usual * self._unknown[request["user_id"]]}


def imputed_deposits(deposits: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    usual = pl.col("amount").mean().over("user_id").fill_null(0.0)
    imputed = deposits.with_columns(amount=pl.col("amount").fill_null(usual))
    past = spine.join(imputed, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(deposited=pl.col("amount").sum())
    return onto(spine, found, deposited=0.0)


planted(
    sk.FeatureView(
        "imputed_by_the_mean_of_all_time",
        sources=[deposits],
        entity=["user_id"],
        batch=imputed_deposits,
        online=ImputedDeposits,
        features={"deposited": sk.close()},
    ),
    cause="leakage.future",
    feature="deposited",
    known_minimum=2,
)


def latest_city(moves: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    profile = moves.group_by("user_id", maintain_order=True).agg(city=pl.col("city").last())
    return spine.join(profile, on="user_id", how="left")


planted(
    sk.FeatureView(
        "city_of_the_latest_profile",
        sources=[moves],
        entity=["user_id"],
        batch=latest_city,
        online=sk.fold(
            dict,
            lambda state, event: {**state, event["user_id"]: event["city"]},
            lambda state, request: {"city": state.get(request["user_id"])},
        ),
        features={"city": sk.exact()},
    ),
    cause="leakage.future",
    feature="city",
    kinds=("null", "value"),
    known_minimum=1,
)


class RunningSession:
    def __init__(self) -> None:
        self._session: dict[str, tuple[datetime, datetime]] = {}

    def update(self, event: Row) -> None:
        began, last = self._session.get(event["user_id"], (event["ts"], event["ts"]))
        fresh = event["ts"] - last > PAUSE
        self._session[event["user_id"]] = event["ts"] if fresh else began, event["ts"]

    def query(self, request: Row) -> Row:
        began, last = self._session.get(request["user_id"], (None, None))
        return {"session_seconds": last and (last - began).total_seconds()}


def session_seconds(payments: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    is_new = pl.col("ts").diff().over("user_id") > PAUSE
    numbered = payments.with_columns(
        session=is_new.fill_null(value=False).cum_sum().over("user_id")
    )
    length = (pl.col("ts").max() - pl.col("ts").min()).over("user_id", "session")
    measured = numbered.with_columns(session_seconds=length.dt.total_microseconds() / 1e6)
    past = spine.join(measured, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(pl.col("session_seconds").last()))


planted(
    sk.FeatureView(
        "session_measured_to_its_end",
        sources=[payments],
        entity=["user_id"],
        batch=session_seconds,
        online=RunningSession,
        features={"session_seconds": sk.close()},
    ),
    cause="leakage.future",
    feature="session_seconds",
    known_minimum=2,
)


class OrderRank:
    """Where the last payment ranks among those seen so far, from 0 to 1."""

    def __init__(self) -> None:
        self._amounts: dict[str, list[float]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._amounts[event["user_id"]].append(event["amount"])

    def query(self, request: Row) -> Row:
        amounts = self._amounts[request["user_id"]]
        rank = sum(amount <= amounts[-1] for amount in amounts) / len(amounts) if amounts else None
        return {"last_rank": rank}


def rank_in_table(payments: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    ranked = payments.with_columns(last_rank=pl.col("amount").rank("max") / pl.len())
    past = spine.join(ranked, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(pl.col("last_rank").last()))


planted(
    sk.FeatureView(
        "ranked_over_the_whole_table",
        sources=[payments],
        entity=["user_id"],
        batch=rank_in_table,
        online=OrderRank,
        features={"last_rank": sk.close()},
    ),
    cause="leakage.future",
    feature="last_rank",
    known_minimum=2,
)
