"""Order that matters and is kept: last values, sessions, streaks, running features."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import polars as pl

import skewtest as sk
from quality.registry import equivalent
from quality.tables import KEYS, Row, onto

PAUSE = timedelta(minutes=30)

clicks = sk.Source(
    "clicks",
    time="ts",
    columns={
        "user_id": sk.key(),
        "page": sk.categories("home", "search", "cart", unseen=True),
        "seconds": sk.ints(0, 300, nullable=True),
    },
)
matches = sk.Source(
    "matches",
    time="ts",
    zone=None,
    unit="ms",
    columns={"user_id": sk.key("int32"), "won": sk.bools()},
)
places = sk.Source(
    "places",
    time="ts",
    columns={
        "user_id": sk.key(nullable=True),
        "spot": sk.structs({"lat": sk.floats(-90, 90), "lon": sk.floats(-180, 180)}),
    },
)


class LastPage:
    def __init__(self) -> None:
        self._last: dict[str, Row] = {}

    def update(self, event: Row) -> None:
        self._last[event["user_id"]] = event

    def query(self, request: Row) -> Row:
        last = self._last.get(request["user_id"])
        if last is None:
            return {"last_page": None, "last_seconds": None, "last_at": None}
        return {"last_page": last["page"], "last_seconds": last["seconds"], "last_at": last["ts"]}


def last_page(clicks: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(clicks, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    found = past.group_by(KEYS, maintain_order=True).agg(
        last_page=pl.col("page").last(),
        last_seconds=pl.col("seconds").last(),
        last_at=pl.col("ts").last(),
    )
    return onto(spine, found)


equivalent(
    sk.FeatureView(
        "last_of_ties_in_arrival_order",
        sources=[clicks],
        entity=["user_id"],
        batch=last_page,
        online=LastPage,
        features={"last_page": sk.exact(), "last_seconds": sk.exact(), "last_at": sk.exact()},
    )
)


class Sessions:
    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}
        self._sessions: dict[str, int] = defaultdict(int)
        self._length: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        user, last = event["user_id"], self._last.get(event["user_id"])
        if last is None or event["ts"] - last > PAUSE:
            self._sessions[user] += 1
            self._length[user] = 0
        self._length[user] += 1
        self._last[user] = event["ts"]

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        return {"sessions": self._sessions[user], "clicks_in_last": self._length[user]}


def sessions(clicks: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    is_new = (pl.col("ts").diff() > PAUSE).fill_null(value=True).over("user_id")
    numbered = clicks.with_columns(session=is_new.cum_sum().over("user_id"))
    past = spine.join(numbered, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    session = pl.col("session")
    found = past.group_by(KEYS).agg(
        sessions=session.max(), clicks_in_last=(session == session.max()).sum()
    )
    return onto(spine, found, sessions=0, clicks_in_last=0)


equivalent(
    sk.FeatureView(
        "sessions_numbered_or_counted",
        sources=[clicks],
        entity=["user_id"],
        batch=sessions,
        online=Sessions,
        features={"sessions": sk.exact(), "clicks_in_last": sk.exact()},
        windows=[PAUSE],
    )
)


class Streak:
    async def update(self, event: Row) -> None:
        user = event["user_id"]
        self._streak[user] = self._streak[user] + 1 if event["won"] else 0
        self._best[user] = max(self._best[user], self._streak[user])

    async def query(self, request: Row) -> Row:
        user = request["user_id"]
        return {"streak": self._streak[user], "best_streak": self._best[user]}

    def __init__(self) -> None:
        self._streak: dict[int, int] = defaultdict(int)
        self._best: dict[int, int] = defaultdict(int)


def streaks(matches: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    lost = (~matches["won"].astype(bool)).groupby(matches["user_id"]).cumsum()
    run = matches["won"].astype(int).groupby([matches["user_id"], lost]).cumsum()
    running = matches.assign(streak=run, best_streak=run.groupby(matches["user_id"]).cummax())
    pairs = spine.merge(running, on="user_id")
    past = pairs[pairs["ts"] < pairs["as_of"]]
    found = past.groupby(["user_id", "as_of"])[["streak", "best_streak"]].last().reset_index()
    return spine.merge(found, how="left").fillna({"streak": 0, "best_streak": 0})


equivalent(
    sk.FeatureView(
        "streaks_in_pandas_and_asyncio",
        sources=[matches],
        entity=["user_id"],
        batch=streaks,
        online=Streak,
        features={"streak": sk.exact(), "best_streak": sk.exact()},
    )
)


def running(events: pl.DataFrame) -> pl.DataFrame:
    seconds = pl.col("seconds").fill_null(0).cum_sum().over("user_id")
    gap = pl.col("ts").diff().over("user_id").dt.total_milliseconds()
    return events.with_columns(clicks=pl.cum_count("ts").over("user_id"), total=seconds, gap=gap)


def run(state: dict[str, Any], event: Row) -> dict[str, Any]:
    clicks, total, last, _ = state.get(event["user_id"], (0, 0, None, None))
    gap = None if last is None else (event["ts"] - last) // timedelta(milliseconds=1)
    total += event["seconds"] or 0
    return {**state, event["user_id"]: (clicks + 1, total, event["ts"], gap)}


def ran(state: dict[str, Any], request: Row) -> Row | None:
    if request["user_id"] not in state:
        return None
    clicks, total, _, gap = state[request["user_id"]]
    return {"clicks": clicks, "total": total, "gap": gap}


equivalent(
    sk.FeatureView(
        "running_features_per_event",
        sources=[clicks],
        entity=["user_id"],
        batch=sk.per_event(running),
        online=sk.fold(dict, run, ran),
        features={"clicks": sk.exact(), "total": sk.exact(), "gap": sk.exact()},
    )
)


def latest(events: pl.DataFrame) -> pl.DataFrame:
    return events.group_by("user_id", maintain_order=True).agg(pl.col("page").last())


def latest_as_of(clicks: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    past = spine.join(clicks, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return past.group_by(KEYS, maintain_order=True).agg(pl.col("page").last())


equivalent(
    sk.FeatureView(
        "newest_row_in_micro_batches",
        sources=[clicks],
        entity=["user_id"],
        batch=latest_as_of,
        online=sk.micro_batch(latest, size=8),
        features={"page": sk.exact()},
    )
)


class FavouritePage:
    """The most frequent page, the first in the alphabet among equals."""

    def __init__(self) -> None:
        self._pages: dict[str, Counter[str]] = defaultdict(Counter)

    def update(self, event: Row) -> None:
        self._pages[event["user_id"]][event["page"].strip().lower()] += 1

    def query(self, request: Row) -> Row:
        pages = self._pages[request["user_id"]]
        favourite = min(pages, key=lambda page: (-pages[page], page), default=None)
        return {"favourite": favourite, "searches": pages["search"]}


def favourite_page(clicks: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    folded = clicks.with_columns(page=pl.col("page").str.strip_chars().str.to_lowercase())
    past = spine.join(folded, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    counts = (
        past.group_by(*KEYS, "page").agg(n=pl.len()).sort("n", "page", descending=[True, False])
    )
    found = counts.group_by(KEYS, maintain_order=True).agg(
        favourite=pl.col("page").first(),
        searches=pl.col("n").filter(pl.col("page") == "search").sum(),
    )
    return onto(spine, found, searches=0)


equivalent(
    sk.FeatureView(
        "favourite_with_a_rule_for_ties",
        sources=[clicks],
        entity=["user_id"],
        batch=favourite_page,
        online=FavouritePage,
        features={"favourite": sk.exact(), "searches": sk.exact()},
    )
)


class LastSpot:
    def __init__(self) -> None:
        self._spot: dict[str, Row] = {}
        self._spots: dict[str, set[tuple[float, float]]] = defaultdict(set)

    def update(self, event: Row) -> None:
        if event["user_id"] is None:
            return
        spot = event["spot"]
        self._spot[event["user_id"]] = spot
        self._spots[event["user_id"]].add((spot["lat"], spot["lon"]))

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        return {"last_spot": self._spot.get(user), "spots": len(self._spots[user])}


def last_spot(places: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(places, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    spot = pl.col("spot")
    found = past.group_by(KEYS).agg(last_spot=spot.last(), spots=spot.n_unique())
    return onto(spine, found, spots=0)


equivalent(
    sk.FeatureView(
        "last_struct_and_events_without_a_key",
        sources=[places],
        entity=["user_id"],
        batch=last_spot,
        online=LastSpot,
        features={"last_spot": sk.exact(), "spots": sk.exact()},
    )
)
