"""Blame: the reference names the side that is off, always, and finds what both get wrong alike."""

from datetime import timedelta

import polars as pl
import pytest

import skewtest as sk
from skewtest import reference as ref

WEEK = timedelta(days=7)
ORDERS = sk.Source(
    "orders",
    time="ts",
    columns={"user_id": sk.key(), "x": sk.floats(0, 1_000, step=0.01), "n": sk.ints(0, 9)},
)


class Online:
    """Keeps everything and computes on request, with the mistake that it is made with."""

    def __init__(self, late=timedelta(0), value=None):
        self.events, self.late, self.value = [], late, value

    def update(self, event):
        self.events.append(event)

    def query(self, request):
        start = request["as_of"] - WEEK + self.late
        mine = [e for e in self.events if e["user_id"] == request["user_id"] and e["ts"] >= start]
        mine = [e for e in mine if e["ts"] < request["as_of"]]
        if self.value is not None:
            return {"f": self.value(mine)}
        return {"f": sum(e["x"] for e in mine)}


class DropsLate(Online):
    """Leaves out what comes after something newer."""

    def update(self, event):
        if not self.events or event["ts"] >= self.events[-1]["ts"]:
            super().update(event)


def batch_of(statistic, length=WEEK):
    def batch(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
        joined = spine.join(orders, on="user_id")
        near = joined.filter(
            pl.col("ts") < pl.col("as_of"), pl.col("ts") >= pl.col("as_of") - length
        )
        values = near.group_by("user_id", "as_of").agg(f=statistic)
        return spine.join(values, on=["user_id", "as_of"], how="left")

    return batch


SUM = pl.col("x").sum()
RIGHT_BATCH, RIGHT_ONLINE = batch_of(SUM), Online
SHORT = timedelta(days=6)


def zero_filled(batch):
    def filled(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
        return batch(orders, spine).with_columns(pl.col("f").fill_null(0.0))

    return filled


def check(batch, online, reference, tolerance=None, **arguments):
    view = sk.FeatureView(
        "v", sources=[ORDERS], entity=["user_id"], batch=zero_filled(batch), online=online,
        windows=[WEEK], features={"f": tolerance or sk.close()}, reference=reference, **arguments,
    )  # fmt: skip
    return sk.check(view, histories=512, seed=1)


def blamed(result):
    return {finding.side for finding in result.findings}


FAULTS = {
    "short": lambda: Online(late=timedelta(days=1)),
    "scaled": lambda: Online(value=lambda events: 1.001 * sum(e["x"] for e in events)),
    "rounded": lambda: Online(value=lambda events: round(sum(e["x"] for e in events))),
    "null": lambda: Online(value=lambda events: sum(e["x"] for e in events) or None),
    "one": lambda: Online(value=lambda events: sum(e["x"] for e in events) + 1e-5),
}
BATCH_FAULTS = {
    "short": batch_of(SUM, SHORT),
    "scaled": batch_of(1.001 * SUM),
    "rounded": batch_of(SUM.round(0)),
    "first": batch_of(pl.col("x").first()),
    "one": batch_of(SUM + 1e-5),
}


@pytest.mark.parametrize("name", FAULTS)
def test_an_online_side_that_is_off_is_blamed(name):
    result = check(RIGHT_BATCH, FAULTS[name], ref.sum("x", over=WEEK))
    assert blamed(result) == {"online"}


@pytest.mark.parametrize("name", BATCH_FAULTS)
def test_a_batch_side_that_is_off_is_blamed(name):
    result = check(BATCH_FAULTS[name], RIGHT_ONLINE, ref.sum("x", over=WEEK))
    assert blamed(result) == {"batch"}


def test_where_both_are_off_neither_is_blamed_alone():
    result = check(batch_of(SUM + 3), FAULTS["scaled"], ref.sum("x", over=WEEK))
    (finding,) = result.findings
    assert finding.side is None
    assert [side.is_off for side in finding.opinion.sides] == [True, True]
    assert "both are off" in str(result)


def test_the_report_says_who_is_off_by_how_much():
    result = check(batch_of(SUM + 3), RIGHT_ONLINE, ref.sum("x", over=WEEK))
    assert "reference  1.0; batch is off by 3, online agrees" in str(result)
    (finding,) = result.to_dict()["outcomes"][0]["findings"]
    assert finding["side"] == "batch"
    assert finding["opinion"]["text"] == "1.0; batch is off by 3, online agrees"


def test_what_both_sides_get_wrong_alike_is_found():
    result = check(batch_of(SUM, SHORT), FAULTS["short"], ref.sum("x", over=WEEK))
    assert not result.ok
    (finding,) = result.findings
    assert (finding.relation, finding.side, finding.pair) == (
        "reference",
        None,
        ("batch", "reference"),
    )
    assert finding.counterexample.events.height == 1
    assert "v.f: batch and online agree, and the reference does not" in str(result)
    assert "both are wrong alike: each is off by" in str(result)


def test_right_sides_agree_with_their_reference():
    result = check(RIGHT_BATCH, RIGHT_ONLINE, ref.sum("x", over=WEEK))
    assert result.ok, str(result)
    (check_of_reference,) = result.outcomes[0].checks
    assert (check_of_reference.law, check_of_reference.state) == ("reference", "held")
    assert check_of_reference.histories == 256


@pytest.mark.parametrize(
    "reference",
    [
        {"f": ref.sum("x", over=WEEK)},
        {"f": lambda events, request: sum(e["x"] for e in events)},
        lambda events, request: {"f": sum(e["x"] for e in events)},
        ref.by_feature({"f": ref.sum("x", over=WEEK)}),
    ],
)
def test_a_reference_may_have_any_of_its_shapes(reference):
    result = check(batch_of(SUM + 3), RIGHT_ONLINE, reference)
    assert result.findings[0].opinion.sides[0].is_off


def test_a_reference_that_raises_is_a_gap():
    def broken(events, request):
        raise ValueError("no such table")

    result = check(RIGHT_BATCH, RIGHT_ONLINE, broken)
    assert not result.ok
    (told,) = result.outcomes[0].checks
    assert (told.state, told.is_gap) == ("incomplete", True)
    assert told.reason == "the reference raised ValueError: no such table"


def test_a_reference_that_never_returns_is_a_gap():
    def slow(events, request):
        while True:
            pass

    result = check(RIGHT_BATCH, RIGHT_ONLINE, slow, timeout=0.2)
    assert not result.ok
    (told,) = result.outcomes[0].checks
    assert told.reason == "the reference did not return within 0.2 s"


def test_a_reference_of_one_feature_leaves_the_others_alone():
    view = sk.FeatureView(
        "v", sources=[ORDERS], entity=["user_id"], windows=[WEEK],
        batch=lambda spine: [{**row, "f": 0, "g": 1} for row in spine.to_dicts()],
        online=sk.fold(dict, lambda state, event: state, lambda state, request: {"f": 0, "g": 1}),
        features={"f": sk.exact(), "g": sk.exact()}, reference={"g": ref.count()},
    )  # fmt: skip
    result = sk.check(view, histories=256, seed=1)
    assert [finding.feature for finding in result.findings] == ["g"]


def test_under_a_fault_the_side_that_does_not_bear_it_is_blamed():
    result = check(
        RIGHT_BATCH, DropsLate, ref.sum("x", over=WEEK),
        delivery=sk.Delivery(late=timedelta(days=1)),
    )  # fmt: skip
    (finding,) = result.findings
    assert (finding.scenario, finding.side) == ("late", "online")
