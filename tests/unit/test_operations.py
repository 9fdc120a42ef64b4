"""The order in which a history reaches the online side."""
# ruff: noqa: DTZ001 - naive times are among what is tested

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import skewtest as sk
from skewtest.deliver.operations import deliver, event_dicts, python_values
from skewtest.deliver.reception import receive_cells
from skewtest.deliver.wire import wire_reader
from skewtest.generate.history import Pack
from skewtest.run.draft import Ask, Draft, Event, pack_drafts
from skewtest.run.names import Slot
from skewtest.times import instant

NOON = datetime(2024, 3, 8, 12, tzinfo=UTC)
AT = instant(NOON)
HOUR = 3_600_000_000
COLUMNS = {"user_id": sk.key(), "amount": sk.ints(0, 100)}


def view(as_of="exclusive", sources=("orders",), unit="us", request=None):
    return sk.FeatureView(
        "spend",
        sources=[sk.Source(name, time="ts", columns=COLUMNS, unit=unit) for name in sources],
        entity=["user_id"],
        batch=None,
        online=None,
        features={"n": sk.exact()},
        as_of=as_of,
        request=request or {},
    )


def event(offset, amount, source="orders"):
    return Event(source, AT + offset, (Slot(0, 0), amount))


def ask(offset=0, values=()):
    return Ask(AT + offset, (Slot(0, 0),), values)


def order(spend, *drafts):
    """Return, for each lane, amounts and "?" in the order in which they are delivered."""
    packed = pack_drafts(spend, drafts)
    return [
        [
            payload.get("amount", "?") if row < 0 else "?"
            for row, payload in zip(d.rows, d.payloads, strict=True)
        ]
        for d in deliver(spend, packed)
    ]


def draft(*rows, lag=None):
    return Draft(
        tuple(r for r in rows if isinstance(r, Event)),
        tuple(r for r in rows if isinstance(r, Ask)),
        lag,
    )


def test_events_come_in_order_of_event_time():
    late_first = draft(event(-1 * HOUR, 3), event(-3 * HOUR, 1), event(-2 * HOUR, 2), ask())
    assert order(view(), late_first) == [[1, 2, 3, "?"]]


def test_ties_come_in_the_order_of_their_sequence():
    tied = draft(event(-HOUR, 3), event(-HOUR, 1), event(-HOUR, 2), ask())
    assert order(view(), tied) == [[3, 1, 2, "?"]]


def test_ties_across_sources_come_in_the_order_of_their_sequence():
    spend = view(sources=("orders", "visits"))
    tied = draft(
        event(-HOUR, 1, "visits"),
        event(-HOUR, 2),
        event(-HOUR, 3, "visits"),
        event(-HOUR, 4),
        ask(),
    )
    assert order(spend, tied) == [[1, 2, 3, 4, "?"]]


def test_an_exclusive_request_comes_before_the_events_of_its_instant():
    at_as_of = draft(event(-1, 1), event(0, 2), ask())
    assert order(view("exclusive"), at_as_of) == [[1, "?", 2]]


def test_an_inclusive_request_comes_after_the_events_of_its_instant():
    at_as_of = draft(event(-1, 1), event(0, 2), event(1, 3), ask())
    assert order(view("inclusive"), at_as_of) == [[1, 2, "?"]]


def test_a_request_with_a_lag_of_zero_comes_after_the_events_of_its_instant():
    at_as_of = draft(event(-1, 1), event(0, 2), event(1, 3), ask(), lag=0)
    assert order(view("exclusive"), at_as_of) == [[1, 2, "?"]]


def test_a_request_with_a_lag_comes_after_the_events_up_to_it():
    after = draft(event(0, 1), event(5, 2), event(6, 3), ask(), lag=5)
    assert order(view("exclusive"), after) == [[1, 2, "?"]]


def test_events_after_the_last_request_are_left_out():
    assert order(view(), draft(event(-1, 1), event(HOUR, 2), ask())) == [[1, "?"]]


def test_events_between_two_requests_come_between_them():
    twice = draft(event(-HOUR, 1), event(HOUR, 2), ask(), ask(2 * HOUR))
    assert order(view(), twice) == [[1, "?", 2, "?"]]


def test_a_history_without_events_still_has_its_requests():
    assert order(view(), draft(ask())) == [["?"]]


def test_lanes_are_delivered_apart():
    one, other = draft(event(-1, 1), ask()), draft(event(-2, 2), event(-3, 3), ask())
    assert order(view(), one, other) == [[1, "?"], [3, 2, "?"]]


def test_rows_tell_which_spine_row_each_request_answers():
    spend = view()
    packed = pack_drafts(spend, [draft(ask(), ask(HOUR)), draft(ask(2 * HOUR))])
    assert [d.rows for d in deliver(spend, packed)] == [[0, 1], [2]]


def test_payloads_hold_what_is_declared_and_nothing_else():
    spend = view(request={"limit": sk.ints()})
    packed = pack_drafts(spend, [draft(event(-HOUR, 7), ask(values=(50,)))])
    (delivered,) = deliver(spend, packed)
    assert delivered.sources == ["orders", ""]
    assert delivered.payloads == [
        {"ts": NOON - timedelta(hours=1), "user_id": "a", "amount": 7},
        {"user_id": "a", "as_of": NOON, "limit": 50},
    ]


def test_payloads_of_equal_events_are_dicts_of_their_own():
    spend = view()
    packed = pack_drafts(spend, [draft(event(-1, 1), event(-1, 1), ask())])
    (delivered,) = deliver(spend, packed)
    delivered.payloads[0]["amount"] = 99
    assert delivered.payloads[1]["amount"] == 1


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_the_order_is_the_same_in_every_unit(unit):
    rows = draft(event(-2_000, 1), event(-1_000, 2), event(0, 3), ask())
    assert order(view(unit=unit), rows) == [[1, 2, "?", 3]]


def test_a_lane_of_nothing_is_left_out():
    spend = view()
    packed = pack_drafts(spend, [draft(ask())])
    assert len(deliver(spend, Pack(packed.events, packed.spine, lanes=3))) == 1


def test_times_become_datetimes_of_the_declared_zone():
    column = pl.Series([NOON, None], dtype=pl.Datetime("ns", "America/New_York"))
    noon, nothing = python_values(column)
    assert noon.isoformat() == "2024-03-08T07:00:00-05:00"
    assert nothing is None


def test_the_repeated_hour_keeps_its_fold():
    instants = pl.Series([datetime(2024, 11, 3, 5, 30), datetime(2024, 11, 3, 6, 30)])
    local = instants.dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York")
    assert [moment.isoformat() for moment in python_values(local)] == [
        "2024-11-03T01:30:00-04:00",
        "2024-11-03T01:30:00-05:00",
    ]


def test_rows_become_dicts_of_the_declared_columns():
    frame = pl.DataFrame({"n": [1, None], "hidden": [0, 0], "x": ["a", "b"]})
    assert event_dicts({"x": pl.String(), "n": pl.Int64()}, frame) == [
        {"x": "a", "n": 1},
        {"x": "b", "n": None},
    ]


def test_payloads_arrive_as_they_are_after_the_wire():
    spend = view(request={"limit": sk.floats(nullable=True)})
    packed = pack_drafts(spend, [draft(event(-HOUR, 7), ask(values=(math.inf,)))])
    under_json = replace(packed, scenario=sk.Delivery(wire="json").under("re-encoded"))
    (delivered,) = deliver(spend, under_json)
    assert delivered.payloads[0] == {"ts": NOON - timedelta(hours=1), "user_id": "a", "amount": 7}
    assert delivered.payloads[1]["limit"] is None


def test_payloads_arrive_in_the_zone_of_the_online_side():
    spend = view()
    packed = pack_drafts(spend, [draft(event(-HOUR, 7), ask())])
    zoned = replace(packed, scenario=sk.Delivery(zone="Asia/Kolkata").under("zoned"))
    (delivered,) = deliver(spend, zoned)
    assert [str(payload.get("ts", payload.get("as_of"))) for payload in delivered.payloads] == [
        "2024-03-08 16:30:00+05:30",
        "2024-03-08 17:30:00+05:30",
    ]


def test_a_value_that_no_wire_can_carry_is_told_apart_from_the_others():
    wide = pl.Series([2**63, 1, 2**63], dtype=pl.UInt64)
    values, errors = receive_cells(wire_reader("avro", wide.dtype), wide)
    assert values == [2**63, 1, 2**63]
    assert list(errors) == [0, 2]
    assert {type(error) for error in errors.values()} == {ValueError}
