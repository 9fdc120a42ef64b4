"""The resolution of event times: declared, learned, kept by generation, broken by a log."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import skewtest as sk
from skewtest.deliver.lawful import breach_of
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan
from skewtest.run.draft import Draft, Event
from skewtest.run.names import Slot
from skewtest.times import instants_of, micros

SECOND = timedelta(seconds=1)
NOON = datetime(2024, 3, 8, 12, tzinfo=UTC)
COLUMNS = {"user": sk.key(), "n": sk.ints(0, 9)}


def latest(events: pl.DataFrame, spine: pl.DataFrame):
    past = spine.join(events, on="user").filter(pl.col("ts") < pl.col("as_of"))
    age = (pl.col("as_of") - pl.col("ts").max()).dt.total_microseconds().first() / 1_000_000
    seen = past.group_by("user", "as_of").agg(age=age)
    return spine.join(seen, on=["user", "as_of"], how="left")


class KeepsWholeSeconds:
    def __init__(self):
        self.last = {}

    def update(self, event):
        self.last[event["user"]] = int(event["ts"].timestamp())

    def query(self, request):
        last = self.last.get(request["user"])
        return {"age": None if last is None else request["as_of"].timestamp() - last}


def view(*sources, **more):
    return sk.FeatureView(
        "ages",
        sources=list(sources) or [sk.Source("events", time="ts", columns=COLUMNS, step=SECOND)],
        entity=["user"],
        batch=latest,
        online=KeepsWholeSeconds,
        features={"age": sk.close(abs=1e-5)},
        **more,
    )


def test_code_that_keeps_whole_seconds_is_right_where_times_are_whole_seconds():
    assert sk.check(view(), histories=512, seed=1).ok
    finer = view(sk.Source("events", time="ts", columns=COLUMNS))
    assert not sk.check(finer, histories=512, seed=1).ok


@pytest.mark.parametrize("step", [SECOND, timedelta(minutes=5), timedelta(days=1)])
def test_generated_times_are_whole_steps(step):
    first, end = NOON - timedelta(days=90, seconds=3), NOON
    sources = [
        sk.Source("logins", time="ts", columns=COLUMNS, step=step, start=first, end=end),
        sk.Source("others", time="at", columns={"user": sk.key()}, step=2 * step),
    ]
    ages = view(*sources)
    pack = build(ages, Clock.of(ages), Plan(seed=1, odd=0.3, crowd=0.4, pools={}), 64)
    for source in sources:
        frame = pack.events[source.name]
        times = instants_of(frame[source.time])
        assert (times % source.tick == 0).all()
        assert frame[source.time].is_sorted() or frame["#lane"].n_unique() > 1
    as_of = instants_of(pack.spine["as_of"])
    assert (as_of % micros(step) == 0).all()


def test_a_counterexample_keeps_the_step():
    class Never(KeepsWholeSeconds):
        def query(self, request):
            return {"age": -1.0}

    broken = sk.FeatureView(
        "ages",
        sources=[sk.Source("events", time="ts", columns=COLUMNS, step=timedelta(minutes=7))],
        entity=["user"],
        batch=latest,
        online=Never,
        features={"age": sk.exact()},
    )
    result = sk.check(broken, histories=64, seed=1)
    for finding in result.findings:
        times = instants_of(finding.counterexample.events["ts"])
        assert (times % micros(timedelta(minutes=7)) == 0).all()


def test_a_kept_history_between_two_steps_is_unlawful():
    event = Event("events", micros(SECOND) + 1, (Slot(0, 0), 1))
    told = breach_of(view(), Draft((event,), ()).course)
    assert told == "an event of 'events' lies between two steps of 0:00:01"


def log(*offsets):
    times = [NOON + offset for offset in offsets]
    return pl.DataFrame({"ts": times, "user": ["a"] * len(times), "n": [1] * len(times)})


@pytest.mark.parametrize(
    ("times", "step"),
    [
        ([n * SECOND for n in range(9)], SECOND),
        ([n * timedelta(milliseconds=5) for n in range(9)], timedelta(milliseconds=1)),
        ([n * timedelta(microseconds=5) for n in range(9)], None),
        ([n * timedelta(days=1) - timedelta(hours=12) for n in range(300)], timedelta(days=1)),
        ([n * timedelta(hours=1) for n in range(9)], SECOND),
    ],
)
def test_the_step_is_learned_from_a_log(times, step):
    assert sk.Source.from_polars(log(*times), "events", time="ts", keys=["user"]).step == step


def test_a_declared_step_wins_and_a_log_that_breaks_it_is_told():
    fine = log(SECOND, 2 * SECOND, timedelta(microseconds=1))
    with pytest.raises(sk.DeclarationError, match=r"'ts' of event 2 is 2024-03-08T12:00:00.000001"):
        sk.Source.from_polars(fine, "events", time="ts", keys=["user"], step=SECOND)
    with pytest.raises(sk.DeclarationError, match="between two steps of 0:00:01"):
        sk.replay(view(), fine)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"step": 1}, "step must be a timedelta above 0"),
        ({"step": timedelta(0)}, "step must be a timedelta above 0"),
        ({"step": timedelta(microseconds=5), "unit": "ms"}, "a whole number of ms"),
    ],
)
def test_a_wrong_step_is_told(arguments, told):
    with pytest.raises(sk.DeclarationError, match=told):
        sk.Source("events", time="ts", columns=COLUMNS, **arguments)
