"""A learned source written down as code declares the same source."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import strategies as st

import skewtest as sk

NOON = datetime(2024, 3, 8, 12, tzinfo=UTC)


def declared_by(code):
    namespace = {}
    exec(code, namespace)  # noqa: S102 - this is what the code is for
    return namespace["orders"]


def log(zone):
    return pl.DataFrame(
        {
            "ts": [NOON + timedelta(minutes=n) for n in range(40)],
            "user": ["a", "b"] * 20,
            "card": [1, 2] * 20,
            "x": [0.5, None] * 20,
            "n": [1, 2] * 20,
            "b": [True, False] * 20,
            "c": ["new", "it's"] * 20,
            "s": [f"text {n}" for n in range(40)],
            "t": [NOON, NOON + timedelta(1)] * 20,
            "v": [[1.0], [2.0]] * 20,
            "r": [{"x": 1}, {"x": 2}] * 20,
            "d": [date(2024, 1, 1)] * 40,
            "m": [Decimal("1.50"), Decimal("2.25")] * 20,
            "l": [["x"], ["x", "y"]] * 20,
            "id": ["e1", "e2"] * 20,
        },
        schema_overrides={"n": pl.Int8},
    ).with_columns(pl.col("ts").dt.convert_time_zone(zone))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_learned_source_written_down_is_the_same(zone):
    learned = sk.Source.from_polars(
        log(zone), "orders", time="ts", keys=["user", "card"], ids=["id"]
    )
    assert declared_by(learned.to_code()) == learned


def test_a_source_of_naive_times_written_down_is_the_same():
    naive = log("UTC").with_columns(pl.col("ts").dt.replace_time_zone(None))
    learned = sk.Source.from_polars(naive, "orders", time="ts")
    assert declared_by(learned.to_code()) == learned


def test_a_strategy_cannot_be_written_down():
    source = sk.Source("orders", time="ts", columns={"user": sk.key(), "x": st.integers(0, 3)})
    with pytest.raises(sk.DeclarationError, match="column 'x' is a Hypothesis strategy"):
        source.to_code()


@pytest.mark.parametrize("rhythm", [3, {"gap": []}, {"gaps": [1]}])
def test_a_wrong_rhythm_is_told(rhythm):
    with pytest.raises(sk.DeclarationError, match="rhythm must be a dict of 'gaps'"):
        sk.Source("orders", time="ts", columns={"user": sk.key()}, rhythm=rhythm)


SOURCE = sk.Source("orders", time="ts", columns={"user": sk.key(), "n": sk.ints(0, 9)})


def mean_of(orders: pl.DataFrame):
    return round(orders["n"].mean() or 0)


def shifted(orders, spine, fitted=3):
    return spine.with_columns(n=pl.lit(fitted))


def plain(orders, spine):
    return spine.with_columns(n=pl.lit(3))


class Shifted:
    def __init__(self, fitted=3):
        self.fitted = fitted

    def update(self, event):
        pass

    def query(self, request):
        return {"n": self.fitted}


class Plain(Shifted):
    def __init__(self):
        self.fitted = 3


@pytest.mark.parametrize(
    ("batch", "online", "ok"),
    [(shifted, Shifted, True), (shifted, Plain, False), (plain, Shifted, False)],
)
def test_what_was_fitted_goes_to_the_sides_that_take_it(batch, online, ok):
    view = sk.FeatureView(
        "v",
        sources=[SOURCE],
        entity=["user"],
        batch=batch,
        online=online,
        features={"n": sk.exact()},
        fitted=lambda orders: 7,
    )
    assert sk.check(view, histories=64, seed=1).ok is ok


def test_that_neither_side_takes_what_was_fitted_is_told():
    view = sk.FeatureView(
        "v",
        sources=[SOURCE],
        entity=["user"],
        batch=plain,
        online=Plain,
        features={"n": sk.exact()},
        fitted=mean_of,
    )
    with pytest.raises(sk.DeclarationError, match="batch takes no parameter 'fitted'"):
        view.with_fitted(3)


@pytest.mark.parametrize("histories", [4, 200])
def test_the_size_of_the_training_history_can_be_set(histories):
    sizes = []
    view = sk.FeatureView(
        "v",
        sources=[SOURCE],
        entity=["user"],
        batch=shifted,
        online=Shifted,
        features={"n": sk.exact()},
        fitted=lambda spine: sizes.append(spine.height) or 3,
        fitted_histories=histories,
    )
    assert sk.check(view, histories=8, seed=1).ok
    assert histories <= sizes[0] < 13 * histories


@pytest.mark.parametrize("histories", [0, 1.5, True])
def test_a_wrong_size_of_the_training_history_is_told(histories):
    with pytest.raises(sk.DeclarationError, match="fitted_histories must be an int above 0"):
        sk.FeatureView(
            "v",
            sources=[SOURCE],
            entity=["user"],
            batch=shifted,
            online=Shifted,
            features={"n": sk.exact()},
            fitted_histories=histories,
        )
