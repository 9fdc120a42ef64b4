"""What the views under delivery faults share: sources, batch sides, and a state for each user."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

import skewtest as sk
from quality.tables import KEYS, Row, onto

ORDERS = sk.Source(
    "orders",
    time="ts",
    columns={
        "order_id": sk.ids(),
        "user_id": sk.key(variants=False),
        "amount": sk.ints(0, 100),
        "status": sk.categories("new", "paid", "refunded"),
    },
)
LAST = pl.col("amount").last()


@dataclass(frozen=True, slots=True)
class Faulty:
    """A view that agrees in order and differs under one scenario.

    Attributes:
        view: the view, which declares the scenario.
        scenario: the scenario; "relations" for a broken law.
        cause: its code in the closed list of causes.
        known_minimum: the smallest number of events on which it shows.
    """

    view: sk.FeatureView
    scenario: str
    cause: str
    known_minimum: int


@dataclass(frozen=True, slots=True)
class Faultless:
    """A view that stands everything that its delivery declares."""

    view: sk.FeatureView


FAULTY: list[Faulty] = []
FAULTLESS: list[Faultless] = []


def past(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    """Return what counts for each spine row, in order of event time and sequence."""
    seen = spine.join(
        orders.sort("ts", maintain_order=True), on="user_id", maintain_order="left_right"
    )
    return seen.filter(pl.col("ts") < pl.col("as_of"))


def batch_of(
    value: pl.Expr, feature: str = "value", fill: object = None
) -> Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]:
    """Return the batch side of one feature: an expression over a user's events up to `as_of`."""

    def batch(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
        found = past(orders, spine).group_by(KEYS, maintain_order=True)
        features = onto(spine, found.agg(value.alias(feature)))
        return (
            features.with_columns(pl.col(feature).fill_null(fill)) if fill is not None else features
        )

    return batch


class PerUser:
    """A state for each user, which is what JSON can hold."""

    def __init__(self) -> None:
        self.users: dict[Any, Any] = {}

    def start(self) -> Any:
        """Return the state of a user that nothing is known of."""
        raise NotImplementedError

    def take(self, state: Any, event: Row) -> Any:
        """Return the state after an event."""
        raise NotImplementedError

    def answer(self, state: Any, request: Row) -> Any:
        """Return the feature of a user that something is known of."""
        raise NotImplementedError

    nothing: Any = None

    def update(self, event: Row) -> None:
        user = event["user_id"]
        state = self.users[user] if user in self.users else self.start()
        self.users[user] = self.take(state, event)

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        if user not in self.users:
            return {"value": self.nothing}
        return {"value": self.answer(self.users[user], request)}

    def snapshot(self) -> bytes:
        return json.dumps(self.users).encode()

    def restore(self, state: bytes) -> None:
        self.users = json.loads(state)


def view(
    name: str,
    batch: Any,
    online: Any,
    delivery: sk.Delivery,
    tolerance: Any = None,
    sources: Sequence[sk.Source] = (ORDERS,),
    **changed: Any,
) -> sk.FeatureView:
    """Return a view of one feature, `value`."""
    given: Mapping[str, Any] = {"relations": None, **changed}
    return sk.FeatureView(
        name,
        sources=list(sources),
        entity=["user_id"],
        batch=batch,
        online=online,
        features={"value": tolerance or sk.close()},
        delivery=delivery,
        **given,
    )


def faulty(
    name: str,
    batch: Any,
    online: Any,
    scenario: str,
    cause: str,
    known_minimum: int,
    *,
    delivery: sk.Delivery,
    **changed: Any,
) -> None:
    """Enter a view that breaks under a scenario."""
    entered = view(name, batch, online, delivery, **changed)
    FAULTY.append(Faulty(entered, scenario, cause, known_minimum))


def faultless(name: str, batch: Any, online: Any, delivery: sk.Delivery, **changed: Any) -> None:
    """Enter a view that stands everything that its delivery declares, and its relations."""
    entered = view(name, batch, online, delivery, **{"relations": "default", **changed})
    FAULTLESS.append(Faultless(entered))
