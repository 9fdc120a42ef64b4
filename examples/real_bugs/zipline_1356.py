"""An event exactly at the time of the query.

https://github.com/zipline-ai/chronon/issues/1356: one path counts events up to and including the
time of the query, the other those before it.
"""

import polars as pl

import skewtest as sk

views = sk.Source("views", time="ts", columns={"user_id": sk.key()})


def views_before(views: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    known = views.join(spine, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = known.group_by("user_id", "as_of").agg(views=pl.len())
    joined = spine.join(found, on=["user_id", "as_of"], how="left")
    return joined.with_columns(pl.col("views").fill_null(0))


class ViewsUntil:
    def __init__(self):
        self.times = {}

    def update(self, event):
        self.times.setdefault(event["user_id"], []).append(event["ts"])

    def query(self, request):
        times = self.times.get(request["user_id"], ())
        return {"views": sum(ts <= request["as_of"] for ts in times)}


view = sk.FeatureView(
    "zipline_1356",
    sources=[views],
    entity=["user_id"],
    batch=views_before,
    online=ViewsUntil,
    features={"views": sk.exact()},
)
