"""Declared, inexactness is held to its law; undeclared, it is skew."""

import hashlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import skewtest as sk
from skewtest.checks.sketches import chance_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ORDERS = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(1, 9)})


def exact_batch(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    recent = spine.join(orders, on="user_id").filter(
        pl.col("ts") < pl.col("as_of"), pl.col("ts") >= pl.col("as_of") - DAY
    )
    sums = recent.group_by("user_id", "as_of").agg(pl.col("n").sum())
    return spine.join(sums, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("n").fill_null(0)
    )


class Buckets:
    """Sums of whole hours: the first one counts in full, or not at all."""

    oldest = 0

    def __init__(self):
        self.sums = defaultdict(int)

    def update(self, event):
        self.sums[event["user_id"], (event["ts"] - EPOCH) // HOUR] += event["n"]

    def query(self, request):
        first = (request["as_of"] - DAY - EPOCH) // HOUR + self.oldest
        sums = self.sums.items()
        return {
            "n": sum(n for (user, hour), n in sums if user == request["user_id"] and hour >= first)
        }


class LaterBuckets(Buckets):
    oldest = 1


class LosesOne(Buckets):
    """Loses every seventh event."""

    def __init__(self):
        super().__init__()
        self.seen = 0

    def update(self, event):
        self.seen += 1
        if self.seen % 7 != 0:
            super().update(event)


class LosesNines(Buckets):
    """Loses the events of one kind, wherever they are."""

    def update(self, event):
        if event["n"] != 9:
            super().update(event)


class SixHours(Buckets):
    """Its buckets are of six hours."""

    def query(self, request):
        first = (request["as_of"] - DAY - EPOCH) // (6 * HOUR) * 6
        sums = self.sums.items()
        return {
            "n": sum(n for (user, hour), n in sums if user == request["user_id"] and hour >= first)
        }


class TwoHours(Buckets):
    """Its buckets are of two hours: at even hours they are exact."""

    def query(self, request):
        first = (request["as_of"] - DAY - EPOCH) // (2 * HOUR) * 2
        sums = self.sums.items()
        return {
            "n": sum(n for (user, hour), n in sums if user == request["user_id"] and hour >= first)
        }


class Exactly:
    """The exact window, `delay` ago."""

    delay = timedelta(0)

    def __init__(self):
        self.events = []

    def update(self, event):
        self.events.append(event)

    def query(self, request):
        return {"n": self.sum_at(request, request["as_of"] - self.delay)}

    def sum_at(self, request, moment):
        mine = [e for e in self.events if e["user_id"] == request["user_id"]]
        return sum(e["n"] for e in mine if moment - DAY <= e["ts"] < moment)


class Hop(Exactly):
    """The window as it was at the last full hour."""

    def query(self, request):
        return {"n": self.sum_at(request, EPOCH + (request["as_of"] - EPOCH) // HOUR * HOUR)}


class Cached(Exactly):
    """What was computed at the last multiple of five minutes."""

    step = timedelta(minutes=5)

    def query(self, request):
        return {
            "n": self.sum_at(request, EPOCH + (request["as_of"] - EPOCH) // self.step * self.step)
        }


class CachedForAnHour(Cached):
    step = HOUR


class HopOfTwoHours(Cached):
    step = 2 * HOUR


class CachedForTenMinutes(Cached):
    step = timedelta(minutes=10)


class CachedAndWrong(Cached):
    def query(self, request):
        return {"n": super().query(request)["n"] * 2}


def check(online, tolerance, batch=exact_batch, seed=1, **arguments):
    settings = {"windows": [DAY], "relations": None, **arguments}
    view = sk.FeatureView(
        "v", sources=[ORDERS], entity=["user_id"], batch=batch, online=online,
        features={"n": tolerance}, **settings,
    )  # fmt: skip
    return sk.check(view, histories=256, seed=seed)


@pytest.mark.parametrize("online", [Buckets, LaterBuckets, Hop])
def test_buckets_and_hops_agree_where_their_resolution_is_declared(online):
    result = check(online, sk.close(resolution=HOUR))
    assert result.ok, str(result)


@pytest.mark.parametrize("online", [Buckets, LaterBuckets, Hop])
def test_undeclared_a_coarse_edge_is_skew(online):
    assert not check(online, sk.close()).ok


@pytest.mark.parametrize("online", [LosesOne, LosesNines, SixHours])
def test_a_declared_resolution_hides_nothing_beside_it(online):
    result = check(online, sk.close(resolution=HOUR))
    assert [finding.kind for finding in result.findings] == ["value"]


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize(
    ("online", "tolerance"),
    [
        (TwoHours, sk.close(resolution=HOUR)),
        (HopOfTwoHours, sk.close(resolution=HOUR)),
        (CachedForTenMinutes, sk.stale(timedelta(minutes=5))),
    ],
)
def test_twice_as_coarse_as_declared_is_found_from_any_seed(online, tolerance, seed):
    assert not check(online, tolerance, seed=seed).ok


def test_it_may_be_batch_that_is_coarse():
    def coarse(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
        hop = spine.with_columns(pl.col("as_of").dt.truncate("1h"), at=pl.col("as_of"))
        answers = exact_batch(orders, hop.unique(["user_id", "as_of"]))
        joined = hop.join(answers, on=["user_id", "as_of"], how="left")
        return joined.select("user_id", pl.col("at").alias("as_of"), pl.col("n"))

    assert check(Exactly, sk.close(resolution=HOUR), coarse).ok
    assert not check(Exactly, sk.close(), coarse).ok


def test_a_cache_within_its_budget_agrees():
    result = check(Cached, sk.stale(timedelta(minutes=5)))
    assert result.ok, str(result)
    assert not check(Cached, sk.close()).ok


@pytest.mark.parametrize("online", [CachedForAnHour, CachedAndWrong])
def test_a_cache_beyond_its_budget_or_wrong_is_found(online):
    assert not check(online, sk.stale(timedelta(minutes=5))).ok


def test_texts_may_be_stale_too():
    tolerance = sk.stale(timedelta(minutes=5), within=sk.exact())
    assert check(Cached, tolerance).ok
    assert not check(CachedForAnHour, tolerance).ok


def test_a_fault_of_the_delivery_is_found_beside_a_declared_resolution():
    result = check(Buckets, sk.close(resolution=HOUR), delivery=sk.Delivery(duplicates=True))
    assert [finding.scenario for finding in result.findings] == ["duplicated"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: sk.close(resolution=0),
            "close(resolution=...) must be a timedelta above 0",
        ),
        (lambda: sk.stale(5), "stale(budget) must be a timedelta above 0; got 5"),
        (lambda: sk.stale(HOUR, within=sk.vector(cosine=0.1)), "stale(within=...) must be close("),
        (lambda: sk.stale(HOUR, within=sk.stale(HOUR)), "without a law of its own"),
        (lambda: sk.sketch(rel=0), "sketch(rel=...) must be a number above 0; got 0"),
        (lambda: sk.sketch(rel=0.1, probability=1), "No sketch keeps its bound for certain"),
    ],
)
def test_a_law_that_nothing_can_keep_is_refused(make, message):
    with pytest.raises(sk.DeclarationError) as caught:
        make()
    assert message in str(caught.value)


def hashed(*parts):
    return int(hashlib.sha256(repr(parts).encode()).hexdigest(), 16)


class Sketch(Exactly):
    """Off by up to 5%, and by 20% for one entity in so many, by the hash of what it has seen."""

    one_in = 40

    def query(self, request):
        total = sum(e["n"] for e in self.events if e["user_id"] == request["user_id"])
        seen = hashed(sorted(e["ts"] for e in self.events if e["user_id"] == request["user_id"]))
        is_unlucky = seen % self.one_in == 0
        return {"n": total * (1.2 if is_unlucky else 1 + (seen % 100 - 50) / 1_000)}


class WorseSketch(Sketch):
    one_in = 4


class LosingSketch(Sketch):
    """Loses the events of one kind."""

    def update(self, event):
        if event["n"] < 8:
            super().update(event)


def lifetime_batch(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    before = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    sums = before.group_by("user_id", "as_of").agg(pl.col("n").sum())
    return spine.join(sums, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("n").fill_null(0)
    )


def test_a_sketch_that_keeps_its_law_agrees():
    result = check(Sketch, sk.sketch(rel=0.05, probability=0.95), lifetime_batch)
    assert result.ok, str(result)
    assert not check(Sketch, sk.close(rel=0.05), lifetime_batch).ok


@pytest.mark.parametrize("online", [WorseSketch, LosingSketch])
def test_a_sketch_that_breaks_its_law_is_found(online):
    result = check(online, sk.sketch(rel=0.05, probability=0.95), lifetime_batch)
    assert [finding.kind for finding in result.findings] == ["value"]


@pytest.mark.parametrize(
    ("least", "trials", "chance"), [(0, 10, 1.0), (1, 1, 0.25), (2, 2, 0.0625), (1, 2, 0.4375)]
)
def test_the_chance_is_the_tail_of_the_binomial(least, trials, chance):
    assert chance_of(least, trials, 0.25) == pytest.approx(chance)
