"""Histories as plain rows: there and back changes nothing."""
# ruff: noqa: DTZ001 - naive times are among what is tested

import math
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import strategies as st

import skewtest as sk
from skewtest.generate.history import SEQUENCE, history_of
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan
from skewtest.run.draft import Ask, Draft, Event, can_share, draft_of, history_of_draft, pack_drafts
from skewtest.run.names import Slot
from skewtest.times import instant

AT = instant(datetime(2024, 3, 8, tzinfo=UTC))
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


def view(columns=WIDE, request=None, **changed):
    given = {
        "sources": [sk.Source("orders", time="ts", columns=columns)],
        "entity": ["user_id"],
        "batch": None,
        "online": None,
        "features": {"n": sk.exact()},
        "request": request or {},
    }
    return sk.FeatureView("spend", **{**given, **changed})


def generated(spend, lanes=64, seed=1):
    pools = {"orders.d": (datetime(2024, 3, 8).date(), datetime(1999, 12, 31).date())}
    plan = Plan(seed=seed, odd=0.5, crowd=0.6, pools=pools)
    return build(spend, Clock.of(spend), plan, lanes)


@pytest.mark.parametrize("lane", range(0, 64, 7))
def test_a_draft_is_the_same_after_it_was_a_history(lane):
    spend = view(request={"limit": sk.floats(0, 1, nullable=True)})
    draft = draft_of(spend, generated(spend).history(lane))
    again = draft_of(spend, history_of_draft(spend, draft))
    assert repr(again) == repr(draft)


def test_a_history_is_the_same_after_it_was_a_draft():
    # Ids are counted anew, in order of time.
    spend = view({name: kind for name, kind in WIDE.items() if name != "o"})
    history = generated(spend).history(0)
    again = history_of_draft(spend, draft_of(spend, history))
    assert again.spine.equals(history.spine)
    assert again.lag == history.lag
    assert again.events["orders"].drop(SEQUENCE).equals(history.events["orders"].drop(SEQUENCE))
    assert again.events["orders"].schema == history.events["orders"].schema


def test_a_history_of_another_lane_gets_the_plainest_keys():
    spend = view({"user_id": sk.key(), "n": sk.ints()})
    events = pl.DataFrame({"ts": [AT, AT], "user_id": ["b7", "A7"], "n": [1, 2]}).with_columns(
        pl.col("ts").cast(pl.Datetime("us", "UTC"))
    )
    spine = pl.DataFrame({"user_id": ["b7"], "as_of": [AT]}).with_columns(
        pl.col("as_of").cast(pl.Datetime("us", "UTC"))
    )
    history = history_of(spend, {"orders": events}, spine)
    draft = draft_of(spend, history)
    assert draft == Draft(
        events=(Event("orders", AT, (Slot(0, 1), 1)), Event("orders", AT, (Slot(0, 4), 2))),
        spine=(Ask(AT, (Slot(0, 1),), ()),),
    )
    again = history_of_draft(spend, draft)
    assert again.events["orders"]["user_id"].to_list() == ["b", "A"]
    assert again.spine["user_id"].to_list() == ["b"]


@pytest.mark.parametrize("keys", [["a1", "a01"], ["a", "a0"], ["user-1", "user-01"], ["1", "01"]])
def test_two_keys_of_a_real_log_stay_two(keys):
    spend = view({"user_id": sk.key()})
    events = pl.DataFrame({"ts": [AT, AT + 1], "user_id": keys}).with_columns(
        pl.col("ts").cast(pl.Datetime("us", "UTC"))
    )
    spine = events.select("user_id", as_of="ts")
    history = history_of(spend, {"orders": events}, spine)
    again = history_of_draft(spend, draft_of(spend, history))
    assert again.events["orders"]["user_id"].n_unique() == 2
    assert again.spine["user_id"].n_unique() == 2


def test_ids_tell_the_events_of_every_history_apart():
    shop = view({"user_id": sk.key(), "order_id": sk.ids()})
    pack = generated(shop)
    assert pack.events["orders"]["order_id"].is_unique().all()
    drafts = [draft_of(shop, pack.history(lane)) for lane in range(pack.lanes)]
    cut = [replace(draft, events=draft.events[::2]) for draft in drafts for _ in range(2)]
    assert all(can_share(shop, draft) for draft in cut)
    beside = pack_drafts(shop, cut).events["orders"]
    assert beside["order_id"].is_unique().all()
    assert beside.height == sum(len(draft.events) for draft in cut)


def test_ids_of_a_real_log_that_look_generated_stay_apart():
    shop = view({"user_id": sk.key(), "order_id": sk.ids()})
    at = [datetime(2024, 3, 8, tzinfo=UTC)]
    orders = pl.DataFrame(
        {"ts": at * 4, "user_id": ["a"] * 4, "order_id": ["e5", "e4101", "e5", "A-17"]}
    )
    spine = pl.DataFrame({"user_id": ["a"], "as_of": at})
    history = history_of_draft(shop, draft_of(shop, history_of(shop, {"orders": orders}, spine)))
    assert history.events["orders"]["order_id"].to_list() == ["e1", "e2", "e1", "A-17"]


def test_drafts_stand_side_by_side_with_keys_of_their_own():
    spend = view({"user_id": sk.key()})
    draft = Draft(
        (Event("orders", AT - 1, (Slot(0, 0),)), Event("orders", AT - 1, (Slot(1, 4),))),
        (Ask(AT, (Slot(0, 0),), ()),),
    )
    pack = pack_drafts(spend, [draft, draft, draft])
    assert pack.lanes == 3
    assert pack.events["orders"]["user_id"].to_list() == ["a", "a2", "a4", "A1", "A3", "A5"]
    assert pack.spine["user_id"].to_list() == ["a", "a2", "a4"]
    assert [repr(draft_of(spend, pack.history(lane))) for lane in range(3)] == [repr(draft)] * 3


def test_sequence_numbers_are_the_places_of_events():
    spend = view({"user_id": sk.key()})
    draft = Draft(tuple(Event("orders", AT, (Slot(0, slot),)) for slot in (2, 0, 1)), ())
    events = pack_drafts(spend, [draft]).events["orders"]
    assert events["user_id"].to_list() == ["c", "a", "b"]
    assert events[SEQUENCE].to_list() == [0, 1, 2]


def test_the_lag_of_a_history_is_kept():
    spend = view({"user_id": sk.key()})
    draft = Draft((), (Ask(AT, (Slot(0, 0),), ()),), lag=0)
    pack = pack_drafts(spend, [replaced_lag(draft, None), draft])
    assert dict(pack.lags) == {1: 0}
    assert draft_of(spend, pack.history(1)).lag == 0
    assert draft_of(spend, pack.history(0)).lag is None


def replaced_lag(draft, lag):
    return Draft(draft.events, draft.spine, lag)


def test_ordering_goes_by_time_and_leaves_ties_as_they_stood():
    events = [
        Event("orders", at, (Slot(0, slot),)) for at, slot in ((2, 0), (1, 1), (2, 2), (1, 3))
    ]
    asks = [Ask(at, (Slot(0, 0),), ()) for at in (5, 3)]
    draft = Draft(tuple(events), tuple(asks)).ordered()
    assert [event.values[0].slot for event in draft.events] == [1, 3, 0, 2]
    assert [ask.at for ask in draft.spine] == [3, 5]


def test_generated_keys_share_a_call_and_a_real_log_does_not():
    spend = view({"user_id": sk.key()})
    ours = Draft((Event("orders", AT, (Slot(0, 0),)),), (Ask(AT, (Slot(0, 0),), ()),))
    theirs = Draft((Event("orders", AT, ("user-1",)),), (Ask(AT, ("user-1",), ()),))
    assert can_share(spend, ours)
    assert not can_share(spend, theirs)
    assert not can_share(view({"user_id": sk.key()}, scope="global"), ours)


def test_events_without_a_key_share_a_call():
    spend = view({"user_id": sk.key(nullable=True)})
    draft = Draft((Event("orders", AT, (None,)),), (Ask(AT, (Slot(0, 0),), ()),))
    assert can_share(spend, draft)


def test_odd_values_survive_the_way_there_and_back():
    spend = view({"user_id": sk.key(), "x": sk.floats(nan=True, inf=True, negative_zero=True)})
    odd = (math.nan, math.inf, -math.inf, -0.0)
    draft = Draft(tuple(Event("orders", AT, (Slot(0, 0), x)) for x in odd), ())
    again = draft_of(spend, history_of_draft(spend, draft))
    assert [repr(event.values[1]) for event in again.events] == ["nan", "inf", "-inf", "-0.0"]


def test_events_of_several_sources_keep_their_common_sequence():
    columns = {"user_id": sk.key()}
    sources = [sk.Source(name, time="ts", columns=columns) for name in ("orders", "visits")]
    spend = view(sources=sources)
    draft = Draft(
        tuple(Event(name, AT, (Slot(0, 0),)) for name in ("visits", "orders", "visits")), ()
    )
    again = draft_of(spend, history_of_draft(spend, draft))
    assert [event.source for event in again.events] == ["visits", "orders", "visits"]
