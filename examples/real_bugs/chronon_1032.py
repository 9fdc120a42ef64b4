"""Reading changes a cached partial aggregate.

https://github.com/airbnb/chronon/issues/1032: what was aggregated by the daily batch is cached, and
a read adds today's events to the cached object itself, so that the next read counts them twice.
"""

import polars as pl

import skewtest as sk

payments = sk.Source(
    "payments", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)}
)


def total(payments: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    known = payments.join(spine, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = known.group_by("user_id", "as_of").agg(total=pl.col("amount").sum())
    joined = spine.join(found, on=["user_id", "as_of"], how="left")
    return joined.with_columns(pl.col("total").fill_null(0))


class Tiled:
    """A tile of each day that is over, cached, and the events of today."""

    def __init__(self):
        self.tiles, self.today = {}, {}

    def update(self, event):
        user, day = event["user_id"], event["ts"].date()
        events = self.today.setdefault(user, [])
        if events and events[-1]["ts"].date() < day:
            tile = self.tiles.setdefault(user, {"sum": 0})
            tile["sum"] += sum(each["amount"] for each in events)
            events.clear()
        events.append(event)

    def query(self, request):
        tile = self.tiles.setdefault(request["user_id"], {"sum": 0})
        for event in self.today.get(request["user_id"], ()):
            tile["sum"] += event["amount"]
        return {"total": tile["sum"]}


view = sk.FeatureView(
    "chronon_1032",
    sources=[payments],
    entity=["user_id"],
    batch=total,
    online=Tiled,
    features={"total": sk.exact()},
)
