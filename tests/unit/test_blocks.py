"""Blocks: a history hangs on the seed and its number alone, whatever pack it comes in."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import strategies as st

import skewtest as sk
from skewtest.generate.blocks import Blocks
from skewtest.generate.hints import Hints
from skewtest.generate.history import LANE, SEQUENCE
from skewtest.generate.incidents import incidents_of
from skewtest.generate.instants import Clock

WIDE = {
    "user_id": sk.key(),
    "device": sk.key("int", nullable=True),
    "x": sk.floats(-5, 5, nullable=True, nan=True, inf=True, negative_zero=True),
    "n": sk.ints(-(2**63), 2**63 - 1, nullable=True),
    "b": sk.bools(nullable=True),
    "c": sk.categories("new", "paid", unseen=True, nullable=True),
    "s": sk.strings(nullable=True),
    "o": sk.ids(nullable=True),
    "t": sk.timestamps(nullable=True, zone="America/New_York"),
    "v": sk.vectors(3, nullable=True),
    "r": sk.structs({"x": sk.floats(0, 1, nullable=True), "c": sk.categories("a", "b")}),
    "d": st.dates(),
}
HINTS = Hints(numbers=(3, 4.5), texts=("gold",), lengths=(14 * 86_400_000_000,))
WEEK = timedelta(days=7)


def view(columns=WIDE, **changed):
    clicks = sk.Source("clicks", time="at", columns={"user_id": sk.key(), "y": sk.ints(0, 9)})
    given = {
        "sources": [sk.Source("orders", time="ts", columns=columns), clicks],
        "entity": ["user_id"],
        "batch": None,
        "online": None,
        "features": {"n": sk.exact()},
        "request": {"limit": sk.floats(0, 1, nullable=True)},
        "windows": [WEEK],
        "zone": "Europe/Berlin",
    }
    return sk.FeatureView("spend", **{**given, **changed})


def blocks(spend=None, seed=5, hints=HINTS):
    spend = spend or view()
    return Blocks(spend, Clock.of(spend, hints), hints, seed)


def rows(pack, name, first=0):
    """Return a table of a pack as a set of rows is: with numbers for lanes, in a fixed order."""
    frame = pack.spine if name == "spine" else pack.events[name]
    by = [LANE, SEQUENCE] if name != "spine" else [LANE, "user_id", "as_of"]
    return frame.with_columns(pl.col(LANE) + first).sort(by)


def assert_holds(pack, first, others):
    """A pack holds exactly the histories of other packs, which are given with their first one."""
    for name in (*pack.events, "spine"):
        expected = pl.concat(rows(other, name, start) for start, other in others)
        by = [LANE, SEQUENCE] if name != "spine" else [LANE, "user_id", "as_of"]
        assert rows(pack, name, first).equals(expected.sort(by)), name
    late = {start + lane: lag for start, other in others for lane, lag in other.lags.items()}
    assert {first + lane: lag for lane, lag in pack.lags.items()} == late


# -- a history hangs on its number ----------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, -3, 2**70])
def test_a_pack_holds_what_its_blocks_hold(seed):
    made = blocks(seed=seed)
    assert_holds(
        made.pack(0, 256), 0, [(first, made.pack(first, 64)) for first in range(0, 256, 64)]
    )


def test_a_part_of_a_block_holds_what_the_whole_one_holds():
    made = blocks()
    assert_holds(made.pack(1_000, 100), 1_000, [(n, made.pack(n, 1)) for n in range(1_000, 1_100)])


def test_packs_that_do_not_keep_to_blocks_or_plans_hold_the_same_histories():
    made = blocks()
    cuts = [(0, 7), (7, 90), (97, 3), (100, 1_000), (1_100, 23)]
    assert_holds(made.pack(0, 1_123), 0, [(first, made.pack(first, n)) for first, n in cuts])


def test_other_blocks_of_the_seed_hold_the_same_whatever_was_made_before():
    made = blocks()
    made.pack(0, 64)
    assert_holds(made.pack(512, 64), 512, [(512, blocks().pack(512, 64))])


def test_a_history_is_the_lane_of_its_pack():
    made = blocks()
    pack = made.pack(64, 64)
    assert made.history(70).spine.equals(pack.history(6).spine)
    assert made.history(70).events["orders"].equals(pack.history(6).events["orders"])


def test_seeds_differ_from_the_first_history_on():
    packs = [blocks(seed=seed).pack(0, 64) for seed in range(20)]
    assert len({tuple(pack.spine["as_of"].unique().sort()) for pack in packs}) == 20
    sizes = [tuple(np.bincount(pack.events["orders"][LANE], minlength=64)) for pack in packs]
    assert len(set(sizes)) == 20


def test_histories_of_a_run_differ():
    pack = blocks().pack(0, 1_024)
    seen = [tuple(pack.events["orders"].filter(pl.col(LANE) == n)["ts"]) for n in range(1_024)]
    several = [times for times in seen if len(times) > 3]
    assert len(several) == len(set(several)) > 300


@pytest.mark.parametrize("name", ["user_id", "device", "o"])
def test_no_identity_is_in_two_lanes(name):
    orders = blocks().pack(1_000, 300).events["orders"].drop_nulls(name)
    assert orders.group_by(name).agg(pl.col(LANE).n_unique())[LANE].max() == 1


def test_keys_of_the_first_history_read_best():
    first = blocks(view({"user_id": sk.key(variants=False)})).pack(0, 1)
    assert set(first.spine["user_id"]) <= {"a", "b", "c"}


def test_int32_keys_hold_whatever_number_a_history_has():
    spend = view({"user_id": sk.key("int32")}, sources=[_orders("int32")])
    pack = blocks(spend).pack(2**40, 64)
    assert pack.spine["user_id"].dtype == pl.Int32
    assert pack.spine.group_by("user_id").agg(pl.col(LANE).n_unique())[LANE].max() == 1


def _orders(kind):
    return sk.Source("orders", time="ts", columns={"user_id": sk.key(kind)})


# -- plans ----------------------------------------------------------------------------------------


def test_usual_packs_grow_and_share_their_moments():
    made = blocks()
    first, sizes = 0, []
    while first < 4_096:
        sizes.append(made.room(first))
        assert made.pack(first, made.room(first)).spine["as_of"].n_unique() <= 4
        first += sizes[-1]
    assert sizes == [64, 64, 128, 256, 512, 1_024, 1_024, 1_024]


def test_what_is_left_of_a_plan_is_a_usual_pack():
    assert [blocks().room(first) for first in (0, 1, 63, 64, 100, 1_000, 1_030)] == [
        *(64, 63, 1, 64, 28, 24, 1_018)
    ]


def test_long_histories_come_by_number():
    pack = blocks().pack(0, 2_048)
    sizes = sum(np.bincount(frame[LANE], minlength=2_048) for frame in pack.events.values())
    long = {int(n): int(sizes[n]) for n in np.flatnonzero(sizes > 40)}
    assert long == {
        62: 130,
        63: 400,
        127: 1_400,
        255: 60,
        511: 700,
        1_023: 130,
        1_535: 400,
        2_047: 1_400,
    }


def test_values_of_an_owners_strategy_hang_on_the_plan_alone():
    made, again = blocks(), blocks()
    again.pack(0, 64)
    dates = made.pack(64, 64).events["orders"]["d"]
    assert set(dates) == set(again.pack(64, 64).events["orders"]["d"])
    assert len(set(dates)) > 2
    assert set(dates) != set(blocks(seed=6).pack(64, 64).events["orders"]["d"])


def test_a_pack_over_two_plans_has_the_values_of_both():
    made = blocks()
    both = set(made.pack(0, 128).events["orders"]["d"])
    assert both == {
        *set(made.pack(0, 64).events["orders"]["d"]),
        *set(made.pack(64, 64).events["orders"]["d"]),
    }


@pytest.mark.parametrize(("first", "count"), [(0, 0), (-1, 4), (0, 2**16 + 1)])
def test_a_pack_of_no_or_too_many_histories_is_told(first, count):
    with pytest.raises(ValueError, match="a pack has 1 to 65,536 histories"):
        blocks().pack(first, count)


# -- views whose histories have calls of their own ------------------------------------------------


def test_a_global_view_gets_the_histories_of_its_block_one_by_one():
    made = blocks(view(scope="global"))
    assert [made.room(first) for first in (0, 64, 2_000)] == [1, 1, 1]
    assert_holds(made.pack(64, 64), 64, [(n, made.pack(n, 1)) for n in range(64, 128)])


def test_histories_of_a_global_view_have_moments_of_their_own():
    made = blocks(view(scope="global"))
    moments = {tuple(made.pack(n, 1).spine["as_of"].unique()) for n in range(64)}
    assert len(moments) > 60


def test_one_in_twenty_histories_of_a_global_view_is_long():
    made = blocks(view(scope="global"))
    sizes = [made.history(number).size for number in range(100)]
    assert [n for n, size in enumerate(sizes) if size > 40] == [19, 39, 59, 79, 99]


@pytest.mark.parametrize("scope", ["entity", "global"])
def test_incidents_are_those_of_the_pack(scope):
    spend = view(scope=scope)
    made = blocks(spend)
    for first, count in ((0, 64), (70, 1), (71, 1), (100, 100)):
        pack = made.pack(first, count)
        assert made.incidents(first, count) == incidents_of(spend, made.clock, pack)


def test_an_entity_that_is_no_key_is_asked_for_once_in_each_history():
    columns = {"shop": sk.categories("a", "b"), "x": sk.ints()}
    source = sk.Source("orders", time="ts", columns=columns)
    made = blocks(view(sources=[source], entity=["shop"]))
    for number in range(64):
        assert not made.pack(number, 1).spine.select("shop", "as_of").is_duplicated().any()
