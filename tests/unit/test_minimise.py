"""From a history that diverges to the smallest and plainest one that still does."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import skewtest as sk
from skewtest.run import minimise as module
from skewtest.run.confirm import finding_of
from skewtest.run.draft import Ask, Draft, Event
from skewtest.run.edits import Edit, apply_edits
from skewtest.run.effort import NONE, Effort
from skewtest.run.judge import judge
from skewtest.run.minimise import Minimiser, minimise
from skewtest.run.names import Slot
from skewtest.run.suspects import Suspect
from skewtest.times import DAY_US, HOUR_US, instant

AT = instant(datetime(2023, 11, 17, 13, 21, 9, 345_678, tzinfo=UTC))
PLAIN_AT = instant(datetime(2024, 3, 8, tzinfo=UTC))
COLUMNS = {
    "user_id": sk.key(),
    "amount": sk.floats(0, 1000, nullable=True),
    "n": sk.ints(0, 100),
    "status": sk.categories("new", "paid", "done"),
    "note": sk.strings(),
    "gold": sk.bools(),
}


def failing(rule, feature="n", **changed):
    """Return a view whose sides differ on an entity exactly where `rule` of its events holds.

    The rule takes the entity's events before as_of, as dicts, and its as_of.
    """

    class Online:
        def __init__(self):
            self.seen = []

        def update(self, event):
            self.seen.append(event)

        def query(self, request):
            mine = [e for e in self.seen if e["user_id"] == request["user_id"]]
            return {feature: int(bool(rule(mine, request["as_of"])))}

    def batch(spine):
        return spine.with_columns(pl.lit(0).alias(feature))

    given = {
        "sources": [sk.Source("orders", time="ts", columns=COLUMNS)],
        "entity": ["user_id"],
        "batch": batch,
        "online": Online,
        "features": {feature: sk.exact()},
    }
    return sk.FeatureView("spend", **{**given, **changed})


def event(number, slot=0, amount=123.456, n=77, status="done", note="\u2003", gold=True):
    at = AT - number * 5 * HOUR_US - number * 1_234_567 - 17
    return Event("orders", at, (Slot(0, slot), amount, n, status, note, gold))


def messy(events=24, lag=None):
    """Return a history of three entities, asked for at several odd moments."""
    return Draft(
        tuple(event(number, slot=number % 3) for number in range(events)),
        tuple(
            Ask(AT + minute * 61_000_001, (Slot(0, slot),), ())
            for minute in range(2)
            for slot in range(3)
        ),
        lag,
    ).ordered()


def group_of(view, draft):
    (judgement,) = judge(view, [draft])
    (group,) = judgement.standing
    return group


def smallest(view, draft=None, rows=2_000_000, **settings):
    draft = draft or messy()
    return minimise(view, draft, group_of(view, draft), Effort(rows, 60.0), **settings)


def still_fails(view, draft):
    return bool(judge(view, [draft])[0].standing)


# -- what is left ---------------------------------------------------------------------------------


@pytest.mark.parametrize("needed", [0, 1, 2, 3, 5, 8])
def test_a_failure_of_exactly_so_many_events_keeps_exactly_those(needed):
    view = failing(lambda events, _: len(events) >= needed)
    small = smallest(view)
    assert len(small.events) == needed
    assert len(small.spine) == 1
    assert still_fails(view, small)


@pytest.mark.parametrize("needed", [2, 3, 4])
def test_a_failure_of_no_more_and_no_less_events_is_found(needed):
    view = failing(lambda events, _: len(events) == needed)
    draft = Draft(messy().events[: needed * 3], messy().spine[-3:])
    small = smallest(view, draft)
    assert len(small.events) == needed
    assert still_fails(view, small)


def test_events_that_only_count_in_pairs_are_dropped_in_pairs():
    view = failing(lambda events, _: len(events) >= 2 and len(events) % 2 == 0)
    assert len(smallest(view).events) == 2


def test_two_events_far_apart_in_a_history_are_both_kept():
    draft = Draft(
        (event(40, status="paid"), *(event(n) for n in range(39, 0, -1)), event(0, status="paid")),
        (Ask(AT, (Slot(0, 0),), ()),),
    )
    view = failing(lambda events, _: sum(e["status"] == "paid" for e in events) >= 2)
    small = smallest(view, draft)
    assert [e.values[3] for e in small.events] == ["paid", "paid"]


def test_a_long_history_shrinks_to_its_single_event():
    draft = Draft(
        tuple(event(n, n=99 if n == 311 else 5) for n in range(700, -1, -1)),
        (Ask(AT, (Slot(0, 0),), ()),),
    )
    small = smallest(failing(lambda events, _: any(e["n"] > 90 for e in events)), draft)
    assert len(small.events) == 1


def test_a_cap_keeps_as_many_events_as_it_needs():
    draft = Draft(tuple(event(n) for n in range(39, -1, -1)), (Ask(AT, (Slot(0, 0),), ()),))
    assert len(smallest(failing(lambda events, _: len(events) > 30), draft).events) == 31


def test_one_request_is_kept_of_many():
    assert len(smallest(failing(lambda events, _: bool(events))).spine) == 1


def test_requests_at_two_moments_are_kept_where_both_matter():
    class Online:
        asked = 0

        def update(self, event):
            pass

        def query(self, request):
            self.asked += 1
            return {"n": int(self.asked >= 2)}

    view = failing(lambda *_: False, online=Online)
    small = smallest(view)
    assert small.events == ()
    assert len(small.spine) == 2


def test_other_entities_are_dropped():
    small = smallest(failing(lambda events, _: len(events) >= 3))
    assert {e.values[0] for e in small.events} == {small.spine[0].entity[0]}


def test_a_lag_is_dropped_where_it_does_not_matter():
    assert smallest(failing(lambda events, _: bool(events)), messy(lag=0)).lag is None


# -- how plain it is ------------------------------------------------------------------------------


def test_what_does_not_matter_becomes_plain():
    (plain,) = smallest(failing(lambda events, _: bool(events))).events
    assert plain == Event("orders", PLAIN_AT - DAY_US, (Slot(0, 0), 1.0, 1, "new", "a", False))


def test_times_and_records_that_do_not_matter_become_plain():
    columns = {
        "user_id": sk.key(),
        "due": sk.timestamps(),
        "address": sk.structs({"city": sk.categories("Rome", "Oslo"), "n": sk.ints(0, 90)}),
    }
    source = sk.Source("orders", time="ts", columns=columns)
    view = failing(lambda events, _: events, sources=[source])
    due = datetime(2023, 11, 19, 3, 4, 5, 678, tzinfo=UTC)
    odd = Event("orders", AT - DAY_US, (Slot(0, 0), due, {"city": "Oslo", "n": 77}))
    small = smallest(view, Draft((odd,), (Ask(AT, (Slot(0, 0),), ()),)))
    _, due, address = small.events[0].values
    assert due == datetime(2024, 3, 8, tzinfo=UTC)
    assert address == {"city": "Rome", "n": 1}


def test_the_request_moves_to_a_plain_date():
    (ask,) = smallest(failing(lambda *_: True)).spine
    assert ask == Ask(PLAIN_AT, (Slot(0, 0),), ())


def test_events_stand_a_day_apart():
    small = smallest(failing(lambda events, _: len(events) >= 3))
    assert [PLAIN_AT - e.at for e in small.events] == [3 * DAY_US, 2 * DAY_US, DAY_US]


@pytest.mark.parametrize(
    ("column", "position", "holds", "plainest"),
    [
        ("amount", 1, lambda x: x is not None and x > 100, 123.0),
        ("amount", 1, lambda x: x is not None and x > 123.2, 123.456),
        ("n", 2, lambda x: x > 50, 77),
        ("n", 2, lambda x: x >= 0, 1),
        ("n", 2, lambda x: x != 1, 0),
        ("status", 3, lambda x: x == "done", "done"),
        ("status", 3, lambda x: x != "new", "paid"),
        ("note", 4, lambda x: x.strip() == "", ""),
        ("note", 4, lambda x: x == "\u2003", "\u2003"),
        ("gold", 5, lambda x: x, True),
    ],
)
def test_what_matters_stays_and_is_as_plain_as_it_can_be(column, position, holds, plainest):
    view = failing(lambda events, _: any(holds(e[column]) for e in events))
    small = smallest(view)
    assert len(small.events) == 1
    assert small.events[0].values[position] == plainest


def test_a_null_that_matters_stays():
    draft = Draft((event(1, amount=None), event(0)), (Ask(AT, (Slot(0, 0),), ()),))
    small = smallest(failing(lambda events, _: any(e["amount"] is None for e in events)), draft)
    assert [e.values[1] for e in small.events] == [None]


def test_an_odd_key_becomes_plain_where_it_does_not_matter():
    draft = Draft((event(0, slot=4),), (Ask(AT, (Slot(0, 4),), ()),))
    small = smallest(failing(lambda events, _: bool(events)), draft)
    assert small.events[0].values[0] == small.spine[0].entity[0] == Slot(0, 0)


def test_an_odd_key_stays_where_it_matters():
    draft = Draft((event(0, slot=5),), (Ask(AT, (Slot(0, 5),), ()),))
    rule = lambda events, _: any(e["user_id"].endswith(" ") for e in events)  # noqa: E731
    small = smallest(failing(rule), draft)
    assert small.events[0].values[0] == Slot(0, 5)


def test_a_window_edge_stays_where_it_matters():
    week = timedelta(days=7)
    draft = Draft(
        (event(0)._replace(at=AT - 7 * DAY_US), event(1), event(2)), (Ask(AT, (Slot(0, 0),), ()),)
    ).ordered()
    small = smallest(failing(lambda events, at: any(at - e["ts"] == week for e in events)), draft)
    assert [small.spine[0].at - e.at for e in small.events] == [7 * DAY_US]


def test_ties_stay_where_they_matter():
    def tied(events, _):
        return len({e["ts"] for e in events}) < len(events)

    draft = Draft((event(3), event(3), event(1), event(0)), (Ask(AT, (Slot(0, 0),), ()),))
    small = smallest(failing(tied), draft)
    assert len(small.events) == 2
    assert small.events[0].at == small.events[1].at


# -- that it ends ---------------------------------------------------------------------------------


def test_a_failure_that_cannot_shrink_stays_as_it_is():
    draft = smallest(failing(lambda events, _: len(events) >= 2))
    assert smallest(failing(lambda events, _: len(events) >= 2), draft) == draft


def test_minimising_twice_gives_the_same():
    view = failing(lambda events, _: len(events) >= 2)
    assert smallest(view) == smallest(view)


def test_without_time_the_history_stays_and_is_in_order():
    draft = messy()
    view = failing(lambda events, _: bool(events))
    assert minimise(view, draft, group_of(view, draft), NONE.effort()) == draft


def test_an_effort_that_is_spent_leaves_a_history_that_still_fails():
    tried = []

    def counted(events, _):
        tried.append(len(events))
        return bool(events)

    view = failing(counted)
    draft = messy(60)
    group = group_of(view, draft)
    effort = Effort(rows=300, cpu=60.0)
    small = minimise(view, draft, group, effort)
    assert effort.is_spent
    assert still_fails(view, small)


def test_rows_and_not_seconds_decide_how_far_minimising_goes():
    """The same draft comes out the same, whatever else the machine does."""
    view, draft = failing(lambda events, _: len(events) >= 7), messy(60)
    group = group_of(view, draft)
    first, second = (minimise(view, draft, group, Effort(400, 60.0)) for _ in range(2))
    assert first == second


def test_cpu_seconds_end_what_slow_code_would_draw_out():
    effort = Effort(rows=10**9, cpu=0.0)
    view, draft = failing(lambda events, _: bool(events)), messy(60)
    assert still_fails(view, minimise(view, draft, group_of(view, draft), effort))
    assert effort.is_spent


def test_a_finding_tells_where_its_large_history_was_not_minimised_to_its_end():
    view, draft = failing(lambda events, _: len(events) >= 25), messy(90)
    suspect = Suspect(group_of(view, draft), draft, 1)
    assert not finding_of(view, suspect, Effort(rows=100, cpu=60.0)).is_minimal
    # A cap needs its events: that many are no sign that the minimising was cut short.
    assert finding_of(view, suspect, Effort(rows=2_000_000, cpu=60.0)).is_minimal


def test_a_small_history_needs_no_word_of_how_far_it_was_minimised():
    view, draft = failing(lambda events, _: bool(events)), messy(8)
    suspect = Suspect(group_of(view, draft), draft, 1)
    assert finding_of(view, suspect, Effort(rows=5, cpu=60.0)).is_minimal


def test_a_failure_that_shows_only_alone_is_minimised_alone():
    view = failing(lambda events, _: len(events) >= 2)
    small = smallest(view, Draft(messy().events[-9:], messy().spine), alone=True)
    assert len(small.events) == 2


def test_another_failure_does_not_take_its_place():
    class Online:
        def __init__(self):
            self.seen = []

        def update(self, event):
            self.seen.append(event)

        def query(self, request):
            if not self.seen:
                raise KeyError(request["user_id"])
            return {"n": len(self.seen)}

    view = failing(lambda *_: False, online=Online)
    draft = Draft(messy().events, messy().spine[-1:])
    assert group_of(view, draft)[:2] == ("n", "value")
    small = smallest(view, draft)
    assert len(small.events) == 1
    assert group_of(view, small)[:2] == ("n", "value")


# -- edits ----------------------------------------------------------------------------------------


def test_edits_drop_move_and_set_by_the_numbers_of_the_draft():
    draft = Draft(
        (event(3), event(2), event(1)),
        (Ask(AT, (Slot(0, 0),), ()), Ask(AT + 5, (Slot(0, 1),), ())),
    )
    edited = apply_edits(
        draft,
        (
            Edit("event", 0),
            Edit("event.at", 2, value=AT - DAY_US),
            Edit("event.value", 1, 2, 5),
            Edit("ask", 0),
            Edit("ask.at", 1, value=AT + 9),
            Edit("ask.entity", 1, 0, Slot(0, 2)),
        ),
    )
    assert edited.events == (
        event(1)._replace(at=AT - DAY_US),
        event(2, n=5),
    )
    assert edited.spine == (Ask(AT + 9, (Slot(0, 2),), ()),)


def test_two_requests_that_become_one_are_one():
    draft = Draft((), (Ask(AT, (Slot(0, 0),), ()), Ask(AT + 5, (Slot(0, 0),), ())))
    assert len(apply_edits(draft, (Edit("ask.at", 1, value=AT),)).spine) == 1


# -- planted minimisers ---------------------------------------------------------------------------


class DropsNothing(Minimiser):
    __slots__ = ()

    def _drop(self):
        pass


class DropsOneTooMany(Minimiser):
    __slots__ = ()

    def run(self):
        small = Minimiser.run(self)
        return Draft(small.events[1:], small.spine, small.lag)


class TakesAnyFailure(Minimiser):
    __slots__ = ()

    def _try_drafts(self, drafts):
        return [bool(judgement.standing) for judgement in judge(self.view, drafts)]


class TakesEverything(Minimiser):
    __slots__ = ()

    def _try_drafts(self, drafts):
        return [True] * len(drafts)


class OnlyHalves(Minimiser):
    __slots__ = ()

    def _drop(self):
        events = self.draft.events
        halves = events[: len(events) // 2], events[len(events) // 2 :]
        self._take_first(*(Draft(half, self.draft.spine, self.draft.lag) for half in halves))


class KeepsTimes(Minimiser):
    __slots__ = ()

    def _make_times_plain(self):
        pass


class KeepsValues(Minimiser):
    __slots__ = ()

    def _make_values_plain(self):
        pass


class KeepsKeys(Minimiser):
    __slots__ = ()

    def _make_keys_plain(self):
        pass

    def _make_values_plain(self):
        pass


class IgnoresTheClock(Minimiser):
    __slots__ = ()

    def _is_late(self):
        return False


def _at_least_two():
    class Online:
        def __init__(self):
            self.count = 0

        def update(self, event):
            self.count += 1

        def query(self, request):
            if self.count < 2:
                return {"n": None}
            return {"n": 1}

    return failing(lambda *_: False, online=Online)


def _is_small_and_plain():
    view = failing(lambda events, _: len(events) >= 3)
    small = smallest(view)
    return (
        [e.values for e in small.events] == [(Slot(0, 0), 1.0, 1, "new", "a", False)] * 3
        and all((PLAIN_AT - e.at) % DAY_US == 0 for e in small.events)
        and small.spine == (Ask(PLAIN_AT, (Slot(0, 0),), ()),)
    )


def _keeps_its_own_failure():
    view = _at_least_two()
    draft = Draft(messy().events, messy().spine[-1:])
    (judgement,) = judge(view, [draft])
    group = next(g for g in judgement.standing if g[1] == "value")
    small = minimise(view, draft, group, Effort(2_000_000, 60.0))
    return group in judge(view, [small])[0].standing and len(small.events) == 2


def _spells_keys_plainly():
    draft = Draft((event(0, slot=4),), (Ask(AT, (Slot(0, 4),), ()),))
    small = smallest(failing(lambda events, _: bool(events)), draft)
    return small.spine[0].entity == (Slot(0, 0),)


def _stops_when_told():
    draft = messy()
    view = failing(lambda events, _: bool(events))
    return minimise(view, draft, group_of(view, draft), NONE.effort()) == draft


CHECKS = (_is_small_and_plain, _keeps_its_own_failure, _spells_keys_plainly, _stops_when_told)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.strip("_"))
def test_the_minimiser_passes_the_checks_of_planted_ones(check):
    assert check()


@pytest.mark.parametrize(
    "planted",
    [
        *(DropsNothing, DropsOneTooMany, TakesAnyFailure, TakesEverything, OnlyHalves),
        *(KeepsTimes, KeepsValues, KeepsKeys, IgnoresTheClock),
    ],
    ids=lambda planted: planted.__name__,
)
def test_the_checks_catch_a_wrong_minimiser(planted, monkeypatch):
    monkeypatch.setattr(module, "Minimiser", planted)
    assert [check.__name__ for check in CHECKS if not _passes(check)]


def _passes(check):
    try:
        return check()
    except (ValueError, IndexError, KeyError):
        return False
