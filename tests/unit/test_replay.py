"""Replaying a given log: its arrivals are given to batch as they are, and odd ones are counted."""

import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import skewtest as sk

AT = datetime(2024, 3, 8, 12, tzinfo=UTC)
ORDERS = sk.Source(
    "orders",
    time="ts",
    columns={"user_id": sk.key(), "arrived": sk.timestamps(nullable=True)},
    arrival="arrived",
)


def lags_of(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    """Sum the seconds that a user's orders took to arrive."""
    seen = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    lag = (pl.col("arrived") - pl.col("ts")).dt.total_seconds()
    found = seen.group_by("user_id", "as_of").agg(lag=lag.sum())
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("lag").fill_null(0)
    )


class Lags:
    def __init__(self):
        self.lags = {}

    def update(self, event):
        if event["arrived"] is not None:
            lag = (event["arrived"] - event["ts"]).total_seconds()
            self.lags[event["user_id"]] = self.lags.get(event["user_id"], 0) + lag

    def query(self, request):
        return {"lag": int(self.lags.get(request["user_id"], 0))}


class LagsButNotOfLateOnes(Lags):
    def update(self, event):
        if event["arrived"] is None or event["arrived"] < event["ts"] + timedelta(hours=1):
            super().update(event)


def view(online):
    return sk.FeatureView(
        "lags",
        sources=[ORDERS],
        entity=["user_id"],
        batch=lags_of,
        online=online,
        features={"lag": sk.exact()},
    )


LATER = pl.DataFrame({"user_id": ["u-17"], "as_of": [AT + timedelta(days=30)]})
"""A request by when everything has arrived."""


def log(*lags):
    times = [AT + timedelta(minutes=n) for n in range(len(lags))]
    arrived = [
        None if lag is None else at + timedelta(seconds=lag)
        for at, lag in zip(times, lags, strict=True)
    ]
    return pl.DataFrame(
        {"user_id": ["u-17"] * len(lags), "ts": times, "arrived": arrived},
        schema={"user_id": pl.String, **dict.fromkeys(("ts", "arrived"), pl.Datetime("us", "UTC"))},
    )


def test_batch_and_online_get_the_arrivals_of_the_log():
    result = sk.replay(view(Lags), log(5, 90, None, 3600), LATER)
    result.raise_if_skewed()
    assert result.report() == ""


def test_a_counterexample_keeps_how_late_its_events_were():
    [finding] = sk.replay(view(LagsButNotOfLateOnes), log(5, 90, 7200), LATER).findings
    events = finding.counterexample.events
    assert (events["arrived"] - events["ts"]).to_list() == [timedelta(hours=2)]


@pytest.mark.parametrize(("lags", "early"), [((5, -1, None, -90), 2), ((0, 1), 0)])
def test_arrivals_before_the_event_are_counted_and_taken_as_they_are(lags, early):
    result = sk.replay(view(Lags), log(*lags), LATER)
    result.raise_if_skewed()
    told = (
        f"warning: lags: {early} events of 'orders' have 'arrived' before 'ts'; "
        "they were taken as they are. Check which clocks wrote them."
    )
    assert " ".join(result.report().split()) == (told if early else "")
    [run] = result.to_dict()["outcomes"]
    columns = {"source": "orders", "arrival": "arrived", "time": "ts"}
    assert run["early"] == ([columns | {"events": early}] if early else [])


def test_batch_has_as_much_time_for_a_long_log_as_for_the_histories_it_is_worth():
    """It takes longer than `timeout`, which is meant for one history, and far less a row."""

    def slow(orders, spine):
        end = time.process_time() + 0.6
        while time.process_time() < end:
            pass
        return lags_of(orders, spine)

    slow_view = sk.FeatureView(
        "lags",
        sources=[ORDERS],
        entity=["user_id"],
        batch=slow,
        online=Lags,
        features={"lag": sk.exact()},
        timeout=0.3,
    )
    spine = pl.DataFrame({"user_id": ["u-17"], "as_of": [AT + timedelta(days=30)]})
    assert sk.replay(slow_view, log(*[0.0] * 20_000), spine).ok
    (finding,) = sk.replay(slow_view, log(0.0), spine).findings
    assert finding.kind == "timeout"


NUMBERS = sk.Source(
    "numbers",
    time="ts",
    columns={"user_id": sk.key(), "n": sk.ints(), "arrived": sk.timestamps(nullable=True)},
    arrival="arrived",
)


def count(numbers: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    past = spine.join(numbers, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    counts = past.group_by("user_id", "as_of").agg(n=pl.len(), last=pl.col("n").last())
    return spine.join(counts, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("n").fill_null(0)
    )


class Count:
    def __init__(self):
        self.seen = {}

    def update(self, event):
        self.seen.setdefault(event["user_id"], []).append(event["n"])

    def query(self, request):
        seen = self.seen.get(request["user_id"], [])
        return {"n": len(seen), "last": seen[-1] if seen else None}


def counts(**more):
    return sk.FeatureView(
        "counts",
        sources=[NUMBERS],
        entity=["user_id"],
        batch=count,
        online=Count,
        features={"n": sk.exact(), "last": sk.exact()},
        **more,
    )


def numbers(*lags):
    return log(*lags).with_columns(n=pl.int_range(pl.len()))


def ask(*minutes):
    times = [AT + timedelta(minutes=after) for after in minutes]
    return pl.DataFrame({"user_id": ["u-17"] * len(times), "as_of": times})


def found(result):
    return sorted((finding.feature, finding.cause) for finding in result.findings)


def test_events_reach_the_online_side_when_the_log_says_they_arrived():
    late = numbers(0, 600, 0)
    assert found(sk.replay(counts(), late, ask(5))) == [("last", "late"), ("n", "late")] or found(
        sk.replay(counts(), late, ask(5))
    ) == [("n", "late")]
    assert found(sk.replay(counts(), late, ask(60))) == [("last", "late")]
    assert sk.replay(counts(), numbers(0, 30, 0), ask(5, 60)).ok


def test_batch_is_given_what_had_arrived_where_late_events_are_declared_so():
    declared = counts(delivery=sk.Delivery(late=timedelta(hours=1)))
    last_alone = sk.replay(declared, numbers(0, 600, 0), ask(5, 60))
    assert {finding.feature for finding in last_alone.findings} == {"last"}
    counted = counts(delivery=sk.Delivery(late=timedelta(hours=1), freshness="counts"))
    assert "n" in dict(found(sk.replay(counted, numbers(0, 600, 0), ask(5, 60))))


def test_a_request_can_come_after_the_event_of_its_own_instant():
    """Where the event causes the request and is learned first, this side is wrong everywhere."""
    assert sk.replay(counts(), numbers(0, 0, 0)).ok
    result = sk.replay(counts(), numbers(0, 0, 0), same_instant="event_first")
    assert {finding.feature for finding in result.findings} == {"n", "last"}
    [outcome] = result.outcomes
    assert outcome.tallies["n"].mismatch == 3

    class ByTime(Count):
        def update(self, event):
            self.seen.setdefault(event["user_id"], []).append(event)

        def query(self, request):
            seen = [e["n"] for e in self.seen.get("u-17", ()) if e["ts"] < request["as_of"]]
            return {"n": len(seen), "last": seen[-1] if seen else None}

    by_time = counts().replaced(online=ByTime)
    assert sk.replay(by_time, numbers(0, 0, 0), same_instant="event_first").ok


def test_an_unknown_order_is_told():
    with pytest.raises(sk.DeclarationError, match="Did you mean 'event_first'"):
        sk.replay(counts(), numbers(0), same_instant="events_first")


def tied(result):
    [outcome] = result.outcomes
    return outcome.tied


def test_what_differs_with_the_event_first_alone_is_told_unless_the_order_is_said():
    result = sk.replay(counts(), numbers(0, 0, 0))
    assert result.ok
    assert (tied(result).requests, tied(result).features) == (3, ("last", "n"))
    assert "3 requests at the very instant of an event of the same entity" in str(result)
    assert 'same_instant="event_first"' in str(result)
    assert result.to_dict()["outcomes"][0]["tied"] == {"requests": 3, "features": ["last", "n"]}
    said = sk.replay(counts(), numbers(0, 0, 0), same_instant="request_first")
    assert tied(said) is None
    assert "very instant" not in str(said)


def test_a_side_that_is_right_in_both_orders_is_not_warned_of():
    class OfThePast(Count):
        def update(self, event):
            self.seen.setdefault(event["user_id"], []).append(event)

        def query(self, request):
            mine = self.seen.get(request["user_id"], ())
            past = [event["n"] for event in mine if event["ts"] < request["as_of"]]
            return {"n": len(past), "last": past[-1] if past else None}

    result = sk.replay(counts().replaced(online=OfThePast), numbers(0, 0, 0))
    assert result.ok
    assert (tied(result).requests, tied(result).features) == (3, ())
    assert "very instant" not in str(result)


def test_only_events_of_the_requests_own_entity_and_instant_are_tied():
    stranger = ask(0).with_columns(user_id=pl.lit("u-18"))
    assert tied(sk.replay(counts(), numbers(0, 0, 0), stranger)) is None
    assert tied(sk.replay(counts(), numbers(0, 0, 0), ask(5))) is None
    assert tied(sk.replay(counts(), numbers(9, 0, 0), ask(0, 1))).requests == 1
    assert tied(sk.replay(counts(as_of="inclusive"), numbers(0, 0, 0))) is None
