"""Several sources: a slowly changing dimension, an event-to-event join, a fitted encoding."""

from datetime import timedelta

import polars as pl

import skewtest as sk
from quality.faulty.disorder import TIERS, golden_orders
from quality.faulty.lateness import CLICKS, purchases_of_clicks
from quality.streams import ORDERS, PerUser, batch_of, faultless

ANY = sk.Delivery(order="any", duplicates=True, restarts=True, wire="json")


class GoldenOrders:
    """Orders and changes of tier are kept, and joined when it is asked."""

    snapshot = "pickle"

    def __init__(self):
        self.orders, self.tiers = {}, {}

    def update(self, event):
        user = event["user_id"]
        if "tier" in event:
            self.tiers.setdefault(user, []).append((event["changed"], event["tier"]))
        else:
            self.orders.setdefault(user, {})[event["order_id"]] = event["ts"]

    def query(self, request):
        user = request["user_id"]
        return {"value": sum(self.golden(user, ts) for ts in self.orders.get(user, {}).values())}

    def golden(self, user, ts):
        known = [change for change in self.tiers.get(user, ()) if change[0] < ts]
        known.sort(key=lambda change: change[0])
        return bool(known) and known[-1][1] == "gold"


class GoldenEver(GoldenOrders):
    """Of changes of one moment, gold wins: no order of arrival matters."""

    def golden(self, user, ts):
        known = [change for change in self.tiers.get(user, ()) if change[0] < ts]
        latest = max((at for at, _ in known), default=None)
        return any(at == latest and tier == "gold" for at, tier in known)


def golden_ever(orders: pl.DataFrame, tiers: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    gold_last = tiers.sort("changed", pl.col("tier") == "gold", maintain_order=True)
    return pl.DataFrame(
        golden_orders(orders, gold_last, spine), schema={**spine.schema, "value": pl.Int64}
    )


class PurchasesOfClicks:
    """Clicks and purchases are kept, and joined when it is asked."""

    snapshot = "pickle"

    def __init__(self):
        self.clicks, self.bought = {}, {}

    def update(self, event):
        user = event["user_id"]
        if "order_id" in event:
            self.bought.setdefault(user, {})[event["order_id"]] = event["ts"]
        else:
            self.clicks.setdefault(user, set()).add(event["at"])

    def query(self, request):
        clicks = self.clicks.get(request["user_id"], ())
        bought = self.bought.get(request["user_id"], {}).values()
        near = timedelta(minutes=30)
        return {"value": sum(any(ts - near <= at < ts for at in clicks) for ts in bought)}


class EncodedStatus(PerUser):
    """The mean amount of a status, as it was fitted, for the status of the largest order."""

    def __init__(self, fitted):
        super().__init__()
        self.fitted = fitted

    def start(self):
        return None

    def take(self, state, event):
        found = [event["amount"], event["status"]]
        return found if state is None else max(state, found)

    def answer(self, state, request):
        return self.fitted.get(state[1], self.fitted[""])


def fit(orders: pl.DataFrame) -> dict[str, float]:
    """Return the mean amount by status, and over all for statuses that were not seen."""
    means = orders.group_by("status").agg(pl.col("amount").mean())
    overall = orders["amount"].mean()
    return {"": overall or 0.0, **dict(zip(means["status"], means["amount"], strict=True))}


def encoded_status(
    orders: pl.DataFrame, spine: pl.DataFrame, fitted: dict[str, float]
) -> pl.DataFrame:
    largest = pl.col("status").sort_by("amount", "status").last()
    found = batch_of(largest)(orders, spine)
    known = pl.col("value").replace_strict(fitted, default=fitted[""], return_dtype=pl.Float64)
    return found.with_columns(value=pl.when(pl.col("value").is_not_null()).then(known))


faultless("golden_orders", golden_ever, GoldenEver, ANY, sources=(ORDERS, TIERS))
faultless(
    "golden_orders_in_time",
    golden_orders,
    GoldenOrders,
    sk.Delivery(restarts=True, wire="avro", zone="Asia/Tokyo"),
    sources=(ORDERS, TIERS),
    relations=None,
)
faultless(
    "purchases_of_clicks",
    purchases_of_clicks,
    PurchasesOfClicks,
    sk.Delivery(order="any", late=timedelta(hours=1), duplicates=True, restarts=True),
    sources=(ORDERS, CLICKS),
)
faultless("encoded_status", encoded_status, EncodedStatus, ANY, fitted=fit)
