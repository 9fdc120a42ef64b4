"""Rows that exist on one side only."""

from collections import defaultdict
from datetime import datetime

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row

tickets = sk.Source(
    "tickets",
    time="ts",
    columns={"user_id": sk.key(), "minutes": sk.floats(0, 600, nullable=True)},
)


class TicketCount:
    def __init__(self) -> None:
        self._count: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._count[event["user_id"]] += 1

    def query(self, request: Row) -> Row:
        return {"tickets": self._count[request["user_id"]]}


def ticket_count(tickets: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    past = spine.join(tickets, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return past.group_by(KEYS).agg(tickets=pl.len())


planted(
    sk.FeatureView(
        "inner_join_drops_the_new_user",
        sources=[tickets],
        entity=["user_id"],
        batch=ticket_count,
        online=TicketCount,
        features={"tickets": sk.exact()},
    ),
    cause="missing",
    feature="tickets",
    kinds=("missing row",),
    known_minimum=0,
)


class ReplyMinutes:
    def __init__(self) -> None:
        self._minutes: dict[str, list[float]] = defaultdict(list)

    def update(self, event: Row) -> None:
        if event["minutes"] is not None:
            self._minutes[event["user_id"]].append(event["minutes"])

    def query(self, request: Row) -> Row | None:
        if request["user_id"] not in self._minutes:
            return None
        return {"reply_minutes": sum(self._minutes[request["user_id"]])}


def reply_minutes(events: pa.Table, as_of: datetime) -> pa.Table:
    past = events.filter(pc.less(events["ts"], pa.scalar(as_of, events["ts"].type)))
    totals = past.group_by("user_id").aggregate([("minutes", "sum")])
    return totals.rename_columns({"minutes_sum": "reply_minutes"})


planted(
    sk.FeatureView(
        "row_only_after_a_first_reply",
        sources=[tickets],
        entity=["user_id"],
        batch=sk.per_as_of(reply_minutes),
        online=ReplyMinutes,
        features={"reply_minutes": sk.close()},
    ),
    cause="missing",
    feature="reply_minutes",
    kinds=("missing row",),
    known_minimum=1,
)
