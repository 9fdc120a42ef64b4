"""Order features of users: one function for training, and two ways to serve what it says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd


def order_features(orders: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Return one row for each user with orders up to `as_of`."""
    users = orders[orders["ts"] <= as_of].groupby("user_id")
    features = users.agg(
        total_orders=("amount", "size"),
        lifetime_value=("amount", "sum"),
        avg_order_value=("amount", "mean"),
        first=("ts", "min"),
        last=("ts", "max"),
    )
    features["days_since_last_order"] = (as_of - features["last"]).dt.days
    features["purchase_frequency"] = features["total_orders"] / (
        (as_of - features["first"]).dt.days + 1
    )
    return features.drop(columns=["first", "last"]).reset_index()


class OrderService:
    """What serving takes: keep what an order changes, work out the rest when asked."""

    def __init__(self) -> None:
        self.users: dict[str, tuple[int, float, datetime, datetime]] = {}

    def update(self, order: Mapping[str, Any]) -> None:
        ts = order["ts"]
        total, value, first, _ = self.users.get(order["user_id"], (0, 0.0, ts, ts))
        self.users[order["user_id"]] = (total + 1, value + order["amount"], first, ts)

    def query(self, request: Mapping[str, Any]) -> dict[str, float] | None:
        if request["user_id"] not in self.users:
            return None
        total, value, first, last = self.users[request["user_id"]]
        return {
            "total_orders": total,
            "lifetime_value": value,
            "avg_order_value": value / total,
            "days_since_last_order": (request["as_of"] - last).days,
            "purchase_frequency": total / ((request["as_of"] - first).days + 1),
        }
