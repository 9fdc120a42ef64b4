"""Strangers: other entities, whose events may change no answer."""

from collections import Counter

import polars as pl
import pytest

import skewtest as sk

KEY = ("user", "merchant", "card")


def counting(entity, batch_key, online_key):
    """A view that counts events of an entity; each side groups by columns of its own."""
    source = sk.Source("buys", time="ts", columns={**dict.fromkeys(KEY, sk.key())})

    def batch(buys: pl.DataFrame, spine: pl.DataFrame):
        pairs = spine.join(buys, on=list(batch_key), suffix="_of_event")
        past = pairs.filter(pl.col("ts") < pl.col("as_of"))
        counts = past.group_by(*entity, "as_of").agg(n=pl.len())
        answers = spine.join(counts, on=[*entity, "as_of"], how="left")
        return answers.with_columns(pl.col("n").fill_null(0))

    class Online:
        def __init__(self):
            self.counts = Counter()

        def update(self, event):
            self.counts[tuple(event[name] for name in online_key)] += 1

        def query(self, request):
            return {"n": self.counts[tuple(request[name] for name in online_key)]}

    return sk.FeatureView(
        "buys",
        sources=[source],
        entity=list(entity),
        batch=batch,
        online=Online,
        features={"n": sk.exact()},
        relations=["entity_isolation"],
    )


def broken(view):
    result = sk.check(view, histories=128, seed=1, scenarios=["relations"])
    return {check.side for check in result.checks if check.state == "broken"}


@pytest.mark.parametrize("size", [2, 3])
def test_a_column_that_both_sides_leave_out_of_the_key_is_found(size):
    entity = KEY[:size]
    for left_out in entity:
        rest = [name for name in entity if name != left_out]
        assert broken(counting(entity, rest, rest)) == {"batch", "online"}, left_out


@pytest.mark.parametrize("left_out", KEY)
def test_a_column_that_the_online_side_leaves_out_is_found(left_out):
    rest = [name for name in KEY if name != left_out]
    assert broken(counting(KEY, KEY, rest)) == {"online"}
    assert not sk.check(counting(KEY, KEY, rest), histories=256, seed=1).ok


@pytest.mark.parametrize("size", [1, 2, 3])
def test_sides_that_keep_the_whole_key_are_isolated(size):
    view = counting(KEY[:size], KEY[:size], KEY[:size])
    assert broken(view) == set()
