"""What differs only because a request came after an event of its own instant is no skew."""

from datetime import UTC, datetime

import polars as pl

import skewtest as sk
from skewtest.run.draft import Ask, Draft, Event, Slot
from skewtest.run.judge import judge
from skewtest.times import instant

AT = instant(datetime(2024, 3, 8, tzinfo=UTC))
A = Slot(0, 0)


def last_batch(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    before = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    latest = before.group_by("user_id", "as_of").agg(last=pl.col("x").last())
    return spine.join(latest, on=["user_id", "as_of"], how="left")


def view():
    source = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "x": sk.ints(0, 9)})
    return sk.FeatureView(
        "last",
        sources=[source],
        entity=["user_id"],
        batch=last_batch,
        online=sk.fold(
            dict,
            lambda _, event: {"x": event["x"]},
            lambda state, _: {"last": state["x"]} if state else None,
        ),
        features={"last": sk.exact()},
    )


def late(*events):
    events = tuple(Event("orders", AT + at, (A, x)) for at, x in events)
    return Draft(events, (Ask(AT, (A,), ()),), lag=0, scenario=view().delivery.under("in_order"))


def test_a_side_that_trusts_the_order_is_excused():
    assert not judge(view(), [late((-5, 1), (0, 2))])[0].standing


def test_it_is_excused_although_an_event_one_tick_later_has_the_answer_of_batch():
    assert not judge(view(), [late((-5, 1), (0, 2), (1, 1))])[0].standing
