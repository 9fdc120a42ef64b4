"""A time to live that training honours and serving does not.

https://github.com/feast-dev/feast/issues/6821: the point-in-time join drops rows older than `ttl`;
the online read returns what is stored, however old.
"""

from datetime import timedelta

import polars as pl

import skewtest as sk

TTL = timedelta(days=1)

stats = sk.Source(
    "driver_stats", time="ts", columns={"driver_id": sk.key("int"), "conv_rate": sk.floats(0, 1)}
)


def point_in_time(driver_stats: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    rows = driver_stats.sort("ts", maintain_order=True).join(spine, on="driver_id")
    fresh = rows.filter(
        pl.col("ts") < pl.col("as_of"), pl.col("ts") >= pl.col("as_of") - pl.lit(TTL)
    )
    found = fresh.group_by("driver_id", "as_of", maintain_order=True).agg(
        pl.col("conv_rate").last()
    )
    return spine.join(found, on=["driver_id", "as_of"], how="left")


class OnlineStore:
    def __init__(self):
        self.rows = {}

    def update(self, event):
        self.rows[event["driver_id"]] = event["conv_rate"]

    def query(self, request):
        return {"conv_rate": self.rows.get(request["driver_id"])}


view = sk.FeatureView(
    "feast_6821",
    sources=[stats],
    entity=["driver_id"],
    batch=point_in_time,
    online=OnlineStore,
    features={"conv_rate": sk.close()},
)
