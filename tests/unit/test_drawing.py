"""Deliveries as text: what the timeline and its drawing show, pinned."""

from datetime import UTC, datetime, timedelta

import skewtest as sk
from skewtest.generate.history import BETWEEN, Restart
from skewtest.report.timeline import drawing_of, timeline_of
from skewtest.results.finding import Counterexample
from skewtest.run.draft import Ask, Draft, Event, history_of_draft
from skewtest.run.names import Slot
from skewtest.times import DAY_US, HOUR_US, instant

AT = instant(datetime(2024, 3, 8, tzinfo=UTC))
USER = (Slot(0, 0),)


def example(name, *events, restarts=(), asks=(AT,), **delivery):
    view = sk.FeatureView(
        "spend",
        sources=[sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})],
        entity=["user_id"],
        batch=None,
        online=None,
        features={"n": sk.exact()},
        delivery=sk.Delivery(**delivery),
    )
    draft = Draft(
        events,
        tuple(Ask(at, USER, ()) for at in asks),
        restarts=restarts,
        scenario=view.delivery.under(name),
    )
    return Counterexample(view, history_of_draft(view, draft))


def order(hours_before, number, **faults):
    return Event("orders", AT - hours_before * HOUR_US, (*USER, number), **faults)


def shown(found):
    return [" ".join(filter(None, row)) for row in timeline_of(found).rows]


def test_a_late_event_stands_where_it_arrives():
    found = example(
        "late",
        order(3, 1, delay=4 * HOUR_US),
        order(2, 2),
        asks=(AT, AT + DAY_US),
        late=timedelta(hours=4),
    )
    assert shown(found) == [
        "2 2024-03-07 22:00:00 a 2",
        "? 2024-03-08 00:00:00 a asked",
        "1 2024-03-07 21:00:00 a 1 arrives 4 h later",
        "? 2024-03-09 00:00:00 a asked",
    ]
    assert drawing_of(found) == (
        "happens  1  2  .  .  .",
        "arrives  .  2  ?  1  ?",
        "? asked",
    )


def test_of_several_requests_the_one_that_differs_is_told():
    found = example("in_order", order(3, 1), asks=(AT, AT + DAY_US))
    told = [row[-1] for row in timeline_of(found, 1).rows]
    assert told == ["", "asked", "asked, and here they differ"]
    alone = example("in_order", order(3, 1))
    assert [row[-1] for row in timeline_of(alone, 0).rows] == ["", "asked"]


def test_copies_are_marked():
    found = example("duplicated", order(2, 1, copies=(0, HOUR_US)), duplicates=2)
    assert shown(found) == [
        "1 2024-03-07 22:00:00 a 1",
        "1 2024-03-07 22:00:00 a 1 delivered again",
        "1 2024-03-07 22:00:00 a 1 delivered again, arrives 1 h later",
        "? 2024-03-08 00:00:00 a asked",
    ]
    assert drawing_of(found) == (
        "happens  1    .   .",
        "arrives  11'  1'  ?",
        "? asked, ' delivered again",
    )


def test_restarts_and_what_they_deliver_again_are_marked():
    found = example(
        "restarted",
        order(3, 1),
        order(2, 2),
        restarts=(Restart(AT - 3 * HOUR_US, BETWEEN, HOUR_US), Restart(AT, BETWEEN)),
    )
    assert shown(found) == [
        "S 2024-03-07 21:00:00 snapshot",
        "1 2024-03-07 21:00:00 a 1",
        "R 2024-03-07 21:00:00 a fresh object restores it",
        "1 2024-03-07 21:00:00 a 1 delivered again",
        "2 2024-03-07 22:00:00 a 2",
        "? 2024-03-08 00:00:00 a asked",
        "S 2024-03-08 00:00:00 snapshot",
        "R 2024-03-08 00:00:00 a fresh object restores it",
    ]
    assert drawing_of(found) == (
        "happens  1      2  .",
        "arrives  S1R1'  2  ?SR",
        "? asked, ' delivered again, S snapshot, R restored by a fresh object",
    )


def test_a_stream_in_order_has_no_drawing():
    assert drawing_of(example("in_order", order(3, 1))) == ()


def test_a_drawing_fits_80_columns_or_is_left_out():
    many = [order(60 - n, n % 10, delay=30 * 60_000_000) for n in range(40)]
    assert drawing_of(example("late", *many, late=timedelta(hours=1))) == ()
    few = example("late", *many[:6], late=timedelta(hours=1))
    assert max(map(len, drawing_of(few))) <= 78
