"""An older row pushed after a newer one wins.

https://github.com/feast-dev/feast/pull/6656: the rows of a pushed frame are compared with what was
stored before the frame, and not with each other. Training takes the latest row by event time.
"""

import polars as pl

import skewtest as sk

purchases = sk.Source(
    "purchases", time="ts", columns={"customer_id": sk.key(), "total_purchases": sk.ints(0, 100)}
)


def latest_row(purchases: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    rows = purchases.sort("ts", maintain_order=True).join(spine, on="customer_id")
    known = rows.filter(pl.col("ts") < pl.col("as_of"))
    found = known.group_by("customer_id", "as_of", maintain_order=True).agg(
        pl.col("total_purchases").last()
    )
    return spine.join(found, on=["customer_id", "as_of"], how="left")


class PushedRows:
    """Rows wait for the next read, and are then written as one frame."""

    def __init__(self):
        self.waiting, self.stored = [], {}

    def update(self, event):
        self.waiting.append(event)

    def write_batch(self):
        before = {customer: row["ts"] for customer, row in self.stored.items()}
        for row in self.waiting:
            stored = before.get(row["customer_id"])
            if stored is None or row["ts"] > stored:
                self.stored[row["customer_id"]] = row
        self.waiting = []

    def query(self, request):
        self.write_batch()
        row = self.stored.get(request["customer_id"])
        return {"total_purchases": None if row is None else row["total_purchases"]}


view = sk.FeatureView(
    "feast_6656",
    sources=[purchases],
    entity=["customer_id"],
    batch=latest_row,
    online=PushedRows,
    features={"total_purchases": sk.exact()},
    delivery=sk.Delivery(order="any"),
)
