"""What is generated: within what is declared, deterministic, in lanes, with the incidents told."""

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import strategies as st

import skewtest as sk
from skewtest.generate.hints import Hints
from skewtest.generate.history import LANE, SEQUENCE
from skewtest.generate.incidents import incidents_of
from skewtest.generate.instants import Clock
from skewtest.generate.lanes import COUNTS
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan, find_strategies
from skewtest.run.draft import Ask, Draft, Event, pack_drafts
from skewtest.run.names import Slot
from skewtest.times import instant, instants_of

DAY = timedelta(days=1)
SEEDS = range(6)


def view(columns=None, request=None, sources=None, **changed):
    columns = {"user_id": sk.key(), **(columns or {})}
    given = {
        "sources": sources or [sk.Source("orders", time="ts", columns=columns)],
        "entity": ["user_id"],
        "batch": None,
        "online": None,
        "features": {"n": sk.exact()},
        "request": request or {},
    }
    return sk.FeatureView("spend", **{**given, **changed})


def pack(spend, seed=1, lanes=128, long=(), events=None, odd=0.5, pools=None, hints=None):
    plan = Plan(seed=seed, odd=odd, crowd=0.4, pools=pools or {})
    hints = hints or Hints()
    return build(spend, Clock.of(spend, hints), plan, lanes, long, events, hints)


def column(kind, seed=1, hints=None, pools=None):
    spend = view({"x": kind})
    return pack(spend, seed, hints=hints, pools=pools).events["orders"]["x"]


# -- determinism ----------------------------------------------------------------------------------


def test_a_seed_always_gives_the_same_pack():
    spend = view({"x": sk.floats(nullable=True), "c": sk.categories("a", "b")}, {"y": sk.ints()})
    one, again = pack(spend, 7), pack(spend, 7)
    assert one.events["orders"].equals(again.events["orders"])
    assert one.spine.equals(again.spine)
    assert dict(one.lags) == dict(again.lags)


def test_another_seed_gives_another_pack():
    spend = view({"x": sk.floats()})
    assert not pack(spend, 7).events["orders"].equals(pack(spend, 8).events["orders"])


# -- shape ----------------------------------------------------------------------------------------


def test_tables_have_the_declared_columns_lane_and_sequence():
    spend = view({"x": sk.floats()}, {"limit": sk.ints()})
    generated = pack(spend)
    assert dict(generated.events["orders"].schema) == {
        "ts": pl.Datetime("us", "UTC"),
        "user_id": pl.String(),
        "x": pl.Float64(),
        LANE: pl.Int32(),
        SEQUENCE: pl.Int64(),
    }
    assert dict(generated.spine.schema) == {
        "user_id": pl.String(),
        "as_of": pl.Datetime("us", "UTC"),
        "limit": pl.Int64(),
        LANE: pl.Int32(),
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_events_stand_in_sequence_order(seed):
    events = pack(view(), seed).events["orders"]
    assert events.equals(events.sort("ts", SEQUENCE, maintain_order=True))
    assert events.select(LANE, SEQUENCE).is_unique().all()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_spine_asks_each_entity_once_at_each_moment(seed):
    spine = pack(view(), seed).spine
    assert spine.select("user_id", "as_of").is_unique().all()
    assert set(spine[LANE].to_list()) == set(range(128))


def test_histories_are_short_but_for_the_long_ones_which_come_last():
    generated = pack(view(), long=(130, 400))
    sizes = np.bincount(generated.events["orders"][LANE].to_numpy(), minlength=128)
    assert sizes[-2:].tolist() == [130, 400]
    assert set(sizes[:-2].tolist()) <= set(COUNTS.tolist())


def test_histories_can_all_have_the_same_number_of_events():
    events = pack(view(), lanes=10, events=20).events["orders"]
    assert events[LANE].value_counts()["count"].to_list() == [20] * 10


def test_a_single_lane_can_be_generated():
    assert pack(view(), lanes=1).spine.height >= 1


# -- lanes ----------------------------------------------------------------------------------------


def owners(generated, names):
    """Return, for each key, the lanes it is in."""
    found = {}
    for frame in (*generated.events.values(), generated.spine):
        for name in names:
            if name in frame.columns:
                for lane, key in zip(frame[LANE].to_list(), frame[name].to_list(), strict=True):
                    found.setdefault((name, key), set()).add(lane)
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["string", "int", "int32"])
def test_no_key_is_in_two_lanes(kind, seed):
    spend = view({"user_id": sk.key(kind), "device": sk.key(kind)})
    shared = {
        k: v for k, v in owners(pack(spend, seed), ["user_id", "device"]).items() if len(v) > 1
    }
    assert shared == {}


def test_keys_without_variants_are_all_plain():
    spend = view({"user_id": sk.key(variants=False)})
    for seed in SEEDS:
        assert pack(spend, seed).events["orders"]["user_id"].str.contains("^[abc][0-9]*$").all()


def test_keys_with_variants_collide_when_cased_trimmed_or_cast():
    generated = [pack(view(), seed).events["orders"]["user_id"] for seed in SEEDS]
    keys = pl.concat(generated).unique()
    odd = keys.filter(~keys.str.contains("^[abc][0-9]*$"))
    assert odd.str.starts_with("A").any()
    assert odd.str.ends_with(" ").any()
    assert odd.str.starts_with("0").any()
    assert odd.str.ends_with(".0").any()


def test_int_keys_collide_in_32_bits_and_as_floats():
    spend = view({"user_id": sk.key("int")})
    keys = pl.concat(pack(spend, seed).events["orders"]["user_id"] for seed in SEEDS)
    assert ((keys > 2**32) & (keys < 2**33)).any()
    assert (keys > 2**53).any()


def test_keys_of_two_columns_collide_when_joined():
    spend = view({"shop_id": sk.key()}, entity=["user_id", "shop_id"])
    pairs = pl.concat(pack(spend, s).spine.select("user_id", "shop_id") for s in range(10)).unique()
    joined = pairs.select(pl.concat_str("user_id", "shop_id", separator="_"))
    assert joined.n_unique() < pairs.height


@pytest.mark.parametrize("first", ["user_id", "item_id"])
def test_keys_of_either_column_of_an_entity_collide_where_the_other_is_the_same(first):
    columns = {"user_id": sk.key(variants=True), "item_id": sk.key(variants=True)}
    second = ({*columns} - {first}).pop()
    asked = pack(view(columns, entity=["user_id", "item_id"])).spine.unique([LANE, *columns])
    mine = asked.group_by(LANE, second, pl.col(first).str.strip_chars().str.to_lowercase())
    assert mine.len()["len"].max() > 1


def test_requests_fall_in_the_hour_that_a_clock_change_repeats():
    berlin = view(zone="Europe/Berlin")
    moments = [pack(berlin, seed=seed).spine["as_of"].unique() for seed in range(60)]
    there = pl.concat(moments).dt.convert_time_zone("Europe/Berlin")
    before = (there - timedelta(hours=1)).dt.hour() == there.dt.hour()
    assert before.any()


def test_some_vectors_have_no_direction():
    vectors = pack(view({"embedding": sk.vectors(4)})).events["orders"]["embedding"].to_list()
    assert 0 < sum(not any(vector) for vector in vectors) < len(vectors) / 10


def test_only_nullable_keys_are_null_and_nobody_asks_for_null():
    spend = view({"user_id": sk.key(nullable=True), "device": sk.key()})
    generated = pack(spend)
    assert generated.events["orders"]["user_id"].null_count() > 0
    assert generated.events["orders"]["device"].null_count() == 0
    assert generated.spine["user_id"].null_count() == 0


def test_an_entity_that_is_no_key_is_asked_for_once_at_each_moment():
    spend = view({"route": sk.categories("x", "y", nullable=True)}, entity=["route"])
    assert not spend.laned
    generated = pack(spend, lanes=1, events=10)
    assert set(generated.spine["route"].to_list()) <= {"x", "y"}
    assert generated.spine.select("route", "as_of").is_unique().all()


def test_several_sources_share_keys_and_sequence_numbers():
    sources = [
        sk.Source("orders", time="ts", columns={"user_id": sk.key(), "x": sk.ints()}),
        sk.Source("visits", time="at", columns={"user_id": sk.key(), "page": sk.strings()}),
    ]
    generated = pack(view(sources=sources))
    orders, visits = generated.events["orders"], generated.events["visits"]
    assert orders.height > 100
    assert visits.height > 100
    numbers = pl.concat([orders.select(LANE, SEQUENCE), visits.select(LANE, SEQUENCE)])
    assert numbers.is_unique().all()
    assert set(orders["user_id"]) & set(visits["user_id"])
    assert all(len(lanes) == 1 for lanes in owners(generated, ["user_id"]).values())


# -- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 10_000), (-1, 1), (0, 1), (5, 5), (-1e6, 1e6), (1e-9, 2e-9), (-1e300, 1e300), (99.5, 100)],
)
def test_floats_stay_in_their_range(low, high, seed):
    values = column(sk.floats(low, high), seed)
    assert values.is_finite().all()
    assert (values >= low).all()
    assert (values <= high).all()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("high", "step"), [(100, 0.01), (100, 0.5), (90, 3), (1e6, 1), (1, 0.001)])
def test_floats_are_multiples_of_their_step(high, step, seed):
    values = column(sk.floats(0, high, step=step), seed).to_numpy()
    assert np.abs(values / step - np.round(values / step)).max() < 1e-6


def test_most_floats_lie_on_a_grid_on_which_sums_are_exact():
    values = pl.concat(
        pack(view({"x": sk.floats(0, 10_000)}), seed, odd=0.1).events["orders"]["x"]
        for seed in SEEDS
    )
    on_grid = values * 256 == (values * 256).round()
    assert on_grid.mean() > 0.95
    assert not on_grid.all()


def test_floats_meet_both_ends_of_their_range():
    values = pl.concat(column(sk.floats(-3, 10_000), seed) for seed in SEEDS)
    assert values.min() == -3
    assert values.max() == 10_000


def test_oddities_of_floats_occur_only_where_declared():
    plain = column(sk.floats(-1, 1))
    assert plain.is_finite().all()
    assert plain.null_count() == 0
    odd = column(sk.floats(-1, 1, nan=True, inf=True, negative_zero=True, nullable=True))
    assert odd.is_nan().any()
    assert (odd == math.inf).any()
    assert (odd == -math.inf).any()
    assert ((odd == 0) & (1 / odd == -math.inf)).any()
    assert odd.null_count() > 0


@pytest.mark.parametrize("step", [None, 0.5])
def test_negative_zero_occurs_only_where_declared(step):
    values = pl.concat(column(sk.floats(-100, 100, step=step), seed) for seed in SEEDS)
    assert (values == 0).any()
    assert not ((values == 0) & (1 / values == -math.inf)).any()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0, 100),
        (-5, -3),
        (7, 7),
        (2**53, 2**63 - 1),
        (-(2**63), 2**63 - 1),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
    ],
)
def test_ints_stay_in_their_range(low, high, seed):
    values = column(sk.ints(low, high), seed)
    assert values.dtype == pl.Int64
    assert (values >= low).all()
    assert (values <= high).all()


@pytest.mark.parametrize("low", [2**53 + 1, 2**62 + 1])
def test_ints_stay_in_their_range_beside_constants_of_the_code(low):
    hints = Hints(numbers=(2**63 - 1,))
    for seed in SEEDS:
        assert (column(sk.ints(low, 2**63 - 1), seed, hints) >= low).all()


def test_ints_meet_the_edges_of_their_types():
    values = set(pl.concat(column(sk.ints(-(2**63), 2**63 - 1), seed) for seed in SEEDS))
    assert {-(2**63), 2**63 - 1, 2**31 - 1, 2**31, 2**53 + 1, 0, 1, -1} <= values


def test_values_meet_the_constants_of_the_code():
    hints = Hints(numbers=(9_000,), texts=("gold",))
    spend = view({"x": sk.ints(0, 10_000), "s": sk.strings()})
    events = pl.concat(pack(spend, s, hints=hints).events["orders"] for s in SEEDS)
    assert {8_999, 9_000, 9_001} <= set(events["x"])
    assert "gold" in set(events["s"])


def test_categories_are_known_ones():
    assert set(column(sk.categories("new", "paid"))) == {"new", "paid"}


def test_unseen_categories_occur_only_where_declared():
    values = set(column(sk.categories("new", "paid", unseen=True)))
    assert values == {"new", "paid", "NEW", "New", "new ", "unseen", ""}


def test_strings_are_no_longer_than_declared():
    values = column(sk.strings(max_size=3))
    assert values.str.len_chars().max() == 3
    assert values.str.len_chars().min() == 0


def test_bools_are_both():
    assert set(column(sk.bools())) == {True, False}


@pytest.mark.parametrize(("unit", "zone"), [("ms", "UTC"), ("us", None), ("ns", "Asia/Kolkata")])
def test_timestamps_have_the_declared_unit_and_zone_and_stay_in_range(unit, zone):
    zoned = UTC if zone else None
    low, high = datetime(2024, 1, 1, tzinfo=zoned), datetime(2024, 2, 1, tzinfo=zoned)
    values = column(sk.timestamps(low, high, unit=unit, zone=zone))
    assert values.dtype == pl.Datetime(unit, zone)
    instants = instants_of(values)
    assert (instants >= instant(low)).all()
    assert (instants <= instant(high)).all()


def test_timestamps_in_milliseconds_do_not_fall_below_a_bound_between_two():
    low = datetime(2024, 1, 1, 0, 0, 0, 500, tzinfo=UTC)
    values = column(sk.timestamps(low, low + timedelta(seconds=1), unit="ms"))
    assert instants_of(values).min() >= instant(low)


def test_vectors_have_their_size_and_range():
    values = column(sk.vectors(3, -1, 1))
    assert values.dtype == pl.List(pl.Float64)
    assert set(values.list.len()) == {3}
    assert values.list.min().min() >= -1
    assert values.list.max().max() <= 1


def test_structs_have_their_fields():
    values = column(sk.structs({"x": sk.floats(0, 1, nullable=True), "c": sk.categories("a")}))
    assert values.dtype == pl.Struct({"x": pl.Float64(), "c": pl.String()})
    fields = values.struct.unnest()
    assert fields["x"].null_count() > 0
    assert set(fields["c"]) == {"a"}


def test_a_strategy_gives_what_hypothesis_drew():
    drawn = (date(2024, 2, 29), date(1999, 12, 31))
    kind = st.dates()
    spend = view({"x": kind})
    assert list(find_strategies(spend)) == ["orders.x"]
    values = column(kind, pools={"orders.x": drawn})
    assert values.dtype == pl.Date
    assert set(values) == set(drawn)


def test_a_strategy_that_draws_none_makes_a_nullable_column():
    spend = view({"x": st.none() | st.integers(0, 5)})
    assert spend.sources["orders"].columns["x"].nullable
    assert spend.sources["orders"].columns["x"].dtype == pl.Int64


def test_nulls_come_at_the_declared_rate():
    source = sk.Source(
        "orders",
        time="ts",
        columns={"user_id": sk.key(), "x": sk.ints(nullable=True)},
        null_rates={"x": 0.05},
    )
    values = pl.concat(pack(view(sources=[source]), s).events["orders"]["x"] for s in SEEDS)
    assert 0 < values.null_count() / len(values) < 0.3


# -- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_stay_between_start_and_end(unit, seed):
    start, end = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 20, tzinfo=UTC)
    source = sk.Source(
        "orders", time="ts", columns={"user_id": sk.key()}, start=start, end=end, unit=unit
    )
    generated = pack(view(sources=[source]), seed)
    for times in (generated.events["orders"]["ts"], generated.spine["as_of"]):
        assert times.dtype == pl.Datetime(unit, "UTC")
        assert times.min() >= start
        assert times.max() <= end


def test_times_in_milliseconds_do_not_fall_before_a_start_between_two():
    start = datetime(2024, 3, 1, 0, 0, 0, 500, tzinfo=UTC)
    source = sk.Source(
        "orders", time="ts", columns={"user_id": sk.key()}, start=start, end=start + DAY, unit="ms"
    )
    for seed in SEEDS:
        assert pack(view(sources=[source]), seed).events["orders"]["ts"].min() >= start


def test_naive_sources_have_naive_times():
    source = sk.Source("orders", time="ts", columns={"user_id": sk.key()}, zone=None)
    generated = pack(view(sources=[source]))
    assert generated.events["orders"]["ts"].dtype == pl.Datetime("us")
    assert generated.spine["as_of"].dtype == pl.Datetime("us")


def test_events_lie_on_both_sides_of_each_window_edge():
    spend = view(windows=[timedelta(days=7), timedelta(hours=36)])
    found = incidents(spend)
    for window in ("7 d", "36 h"):
        assert found[f"event on the {window} edge"] > 20
        assert found[f"event one tick inside the {window} edge"] > 3
        assert found[f"event one tick outside the {window} edge"] > 3


def test_gaps_and_ties_of_a_real_log_come_back():
    rhythm = sk.Source.from_polars(
        pl.DataFrame(
            {"user_id": ["a"] * 40, "ts": [datetime(2024, 1, 1, tzinfo=UTC)] * 40},
            schema_overrides={"ts": pl.Datetime("us", "UTC")},
        ).with_columns(pl.col("ts") + pl.duration(minutes=7) * (pl.int_range(40) // 2)),
        "orders",
        time="ts",
        keys=["user_id"],
    )
    assert rhythm.rhythm.ties == pytest.approx(20 / 39)
    assert set(rhythm.rhythm.gaps) == {timedelta(0), timedelta(minutes=7)}
    assert Clock.of(view(sources=[rhythm])).gaps.tolist() == [0, 7 * 60 * 1_000_000]


def test_clock_changes_of_the_zone_are_known_to_the_second():
    source = sk.Source(
        "orders",
        time="ts",
        columns={"user_id": sk.key()},
        start=datetime(2024, 1, 1, tzinfo=UTC),
        end=datetime(2025, 1, 1, tzinfo=UTC),
    )
    clock = Clock.of(view(sources=[source], zone="America/New_York"))
    assert [datetime.fromtimestamp(at / 1e6, UTC) for at in clock.changes] == [
        datetime(2024, 3, 10, 7, tzinfo=UTC),
        datetime(2024, 11, 3, 6, tzinfo=UTC),
    ]


def test_a_zone_brings_its_midnights_and_clock_changes():
    found = incidents(view(zone="America/New_York"))
    assert found["event at midnight America/New_York"] > 50
    assert found["event on a day of clock change America/New_York"] > 50


def test_without_a_zone_no_calendar_but_utc_is_told():
    found = incidents(view())
    assert found["event at midnight UTC"] > 50
    assert [name for name in found if "America" in name] == []


# -- incidents ------------------------------------------------------------------------------------


def incidents(spend):
    clock = Clock.of(spend)
    return sum((incidents_of(spend, clock, pack(spend, s)) for s in SEEDS), start=_none())


def _none():
    return incidents_of(view(), Clock.of(view()), pack_drafts(view(), [plain()]))


AT = instant(datetime(2024, 3, 8, 5, 30, tzinfo=UTC))
WEEK = 7 * 24 * 3_600 * 1_000_000


def plain(*events, asks=(0,), slot=0):
    return Draft(
        tuple(Event("orders", AT + at, (Slot(0, 0), *values)) for at, *values in events),
        tuple(Ask(AT + at, (Slot(0, slot),), ()) for at in asks),
    )


def told(spend, *drafts):
    found = incidents_of(spend, Clock.of(spend), pack_drafts(spend, drafts))
    return {name: count for name, count in found.items() if count}


def test_incidents_that_could_be_met_and_were_not_have_none():
    spend = view({"x": sk.floats(-1, 10, nan=True)}, windows=[timedelta(days=7)])
    found = incidents_of(spend, Clock.of(spend), pack_drafts(spend, [plain((-5, 3.0))]))
    assert found["one event"] == 1
    assert {"x NaN", "tie", "event on the 7 d edge"} <= {n for n, c in found.items() if not c}
    assert "x infinite" not in found


def test_incidents_of_time_are_counted_by_history():
    spend = view(windows=[timedelta(days=7)])
    assert told(spend, plain()) == {"no events": 1, "entity never seen": 1}
    assert told(spend, plain((0,)), plain((0,))) == {"one event": 2, "event at as_of": 2}
    assert told(spend, plain((-WEEK,), (-WEEK,))) == {"event on the 7 d edge": 1, "tie": 1}
    assert told(spend, plain((1 - WEEK,), (-WEEK - 1,))) == {
        "event one tick inside the 7 d edge": 1,
        "event one tick outside the 7 d edge": 1,
    }
    assert told(spend, plain((-1,), (1,))) == {
        "event one tick before as_of": 1,
        "event one tick after as_of": 1,
        "event after as_of": 1,
    }
    assert told(spend, plain((-3 * WEEK,), (-5,))) == {"gap longer than every window": 1}
    assert told(spend, plain((-5,), asks=(0, 9))) == {"one event": 1, "several requests": 1}
    assert told(spend, plain((-5,), slot=1)) == {"one event": 1, "entity never seen": 1}
    assert told(spend, plain(*[(-5 - n,) for n in range(101)]))["burst"] == 1


def test_incidents_of_values_are_counted_by_history():
    spend = view(
        {"x": sk.floats(-1, 10, nullable=True, nan=True, inf=True, negative_zero=True)},
    )
    odd = (None, math.nan, math.inf, -0.0, 10.0, 3.0)
    found = told(spend, plain(*[(-5 - n, x) for n, x in enumerate(odd)]), plain((-5, 3.0)))
    assert {name: n for name, n in found.items() if name.startswith("x ")} == {
        "x null": 1,
        "x NaN": 1,
        "x infinite": 1,
        "x -0.0": 1,
        "x at a range end": 1,
    }


def test_incidents_of_texts_and_large_ints_are_counted():
    spend = view(
        {"c": sk.categories("a", unseen=True), "s": sk.strings(), "n": sk.ints(0, 2**60)},
    )
    found = told(spend, plain((-5, "A", "", 2**53 + 1)), plain((-5, "a", "x", 2**53)))
    assert {name: n for name, n in found.items() if name[1] == " "} == {
        "c unseen": 1,
        "s empty": 1,
        "n beyond 2**53": 1,
    }


def test_odd_keys_are_counted():
    spend = view()
    odd = Draft((Event("orders", AT - 5, (Slot(0, 4),)),), (Ask(AT, (Slot(0, 4),), ()),))
    assert told(spend, odd, plain((-5,)))["user_id odd key"] == 1


def test_a_default_run_meets_the_incidents_that_bugs_sit_on():
    found = incidents(view({"x": sk.floats(0, 10, nullable=True)}, windows=[7 * DAY]))
    for name in (
        *("no events", "one event", "tie", "event at as_of", "event after as_of"),
        *("event one tick before as_of", "event on the 7 d edge", "several requests"),
        *("gap longer than every window", "entity never seen", "x null", "x at a range end"),
    ):
        assert found[name] > 0, name


def test_late_requests_are_made_in_an_eighth_of_exclusive_lanes_only():
    lags = [pack(view(), seed).lags for seed in SEEDS]
    assert 0.05 < sum(map(len, lags)) / (128 * len(lags)) < 0.25
    assert {lag for lane in lags for lag in lane.values()} == {0}
    assert dict(pack(view(as_of="inclusive")).lags) == {}
