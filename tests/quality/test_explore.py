"""Exploring lists exactly the scenarios under which a feature breaks that is right in order."""

import polars as pl
import pytest

import skewtest as sk
from quality.faulty.disorder import LastToArrive
from quality.faulty.lateness import TOTAL, Total
from quality.streams import LAST, ORDERS, PerUser, batch_of, view
from skewtest.declare.delivery import SCENARIOS


class FromRows(PerUser):
    """What a row of batch holds is all of the state."""

    def bootstrap(self, rows):
        self.users = {row["user_id"]: row["value"] for row in rows if row["value"] is not None}


class NaiveTotal(Total, FromRows):
    """Adds up whatever arrives."""


class NaiveLast(LastToArrive, FromRows):
    """Keeps whatever arrives last."""


class HourOfTheLatest(FromRows):
    """Reads the hour as it comes, off the latest order of the largest amount."""

    def start(self):
        return None

    def take(self, state, event):
        found = [event["ts"].isoformat(), event["ts"].hour]
        return found if state is None else max(state, found)

    def answer(self, state, request):
        return state[1]

    def bootstrap(self, rows):
        for row in rows:
            if row["value"] is not None:
                self.users[row["user_id"]] = ["", row["value"]]


class ById(PerUser):
    """Orders by their id, on top of what batch knew."""

    def __init__(self):
        super().__init__()
        self.known = {}

    def start(self):
        return {}

    def take(self, state, event):
        return {**state, event["order_id"]: event["amount"]}

    def query(self, request):
        user = request["user_id"]
        if user not in self.users and user not in self.known:
            return {"value": None}
        return {"value": self.known.get(user, 0) + sum(self.users.get(user, {}).values())}

    snapshot = "pickle"

    def bootstrap(self, rows):
        self.known = {row["user_id"]: row["value"] for row in rows if row["value"] is not None}


HOUR = pl.col("ts").max().dt.hour()


EXPLORED = pytest.mark.parametrize(
    ("batch", "online", "breaks"),
    [
        (batch_of(TOTAL), NaiveTotal, {"duplicated"}),
        (batch_of(LAST), NaiveLast, {"ties", "reordered", "late", "duplicated"}),
        (batch_of(HOUR), HourOfTheLatest, {"zoned"}),
        (batch_of(TOTAL), ById, set()),
    ],
    ids=["total", "last", "hour", "by id"],
)


def assert_exactly_these_break(batch, online, breaks, histories):
    explored = view(online.__name__, batch, online, sk.Delivery(), sources=(ORDERS,))
    result = sk.check(explored, seed=1, histories=histories, scenarios=SCENARIOS)
    assert {outcome.scenario for outcome in result.outcomes if outcome.findings} == breaks
    assert [outcome.scenario for outcome in result.outcomes if outcome.skipped] == []
    assert result.ok
    tried = {outcome.scenario: outcome.histories for outcome in result.outcomes}
    assert set(tried) == set(SCENARIOS)
    assert min(tried.values()) > 0


@EXPLORED
def test_exploring_lists_exactly_what_breaks(batch, online, breaks):
    assert_exactly_these_break(batch, online, breaks, histories=512)


@pytest.mark.slow
@EXPLORED
def test_exploring_more_histories_lists_the_same(batch, online, breaks):
    assert_exactly_these_break(batch, online, breaks, histories=1_500)
