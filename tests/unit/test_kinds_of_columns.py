"""Days, decimals, lists, small ints, and ids that come again: declared, generated, checked."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

import skewtest as sk
from skewtest.generate.incidents import incidents_of
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan

NOON = datetime(2024, 3, 8, 12, tzinfo=UTC)


def view(columns, batch=None, online=None, **more):
    declared = {"user": sk.key(), **columns}
    return sk.FeatureView(
        "v",
        sources=[sk.Source("events", time="ts", columns=declared)],
        entity=["user"],
        batch=batch,
        online=online,
        features={"n": sk.exact()},
        **more,
    )


def pack_of(spend, lanes=64):
    return build(spend, Clock.of(spend), Plan(seed=1, odd=0.4, crowd=0.4, pools={}), lanes)


def events_of(columns):
    return pack_of(view(columns)).events["events"]


@pytest.mark.parametrize("name", ["int8", "int16", "int32", "uint8", "uint32", "int64"])
def test_ints_of_each_type_reach_their_ends(name):
    values = events_of({"n": sk.ints(type=name)})["n"]
    assert str(values.dtype).lower() == name
    kind = sk.ints(type=name)
    assert (values.min(), values.max()) == (kind.min, kind.max)


def test_decimals_are_exact_and_in_range():
    values = events_of({"m": sk.decimals("0.05", 100, scale=2, nullable=True)})["m"]
    assert values.dtype == pl.Decimal(38, 2)
    assert (values.min(), values.max()) == (Decimal("0.05"), Decimal(100))
    assert values.null_count() > 0


def test_days_lie_about_the_events_and_in_range():
    events = events_of({"d": sk.dates(), "e": sk.dates(date(2024, 3, 1), date(2024, 3, 2))})
    assert (events["d"] == events["ts"].dt.date()).any()
    assert set(events["e"].to_list()) == {date(2024, 3, 1), date(2024, 3, 2)}


def test_lists_have_all_sizes():
    values = events_of({"l": sk.lists(sk.categories("x", "y"), max_size=3)})["l"]
    assert set(values.list.len().to_list()) == {0, 1, 2, 3}


def test_ids_come_again_for_the_same_entity_alone():
    spend = view({"txn": sk.ids(repeats=True)})
    pack = pack_of(spend)
    events = pack.events["events"]
    groups = events.group_by("#lane", "txn").agg(pl.col("user").n_unique(), pl.len())
    assert groups["user"].max() == 1
    assert groups["len"].max() > 2
    assert events["txn"].n_unique() > events.height / 3
    assert events.group_by("txn").agg(pl.col("#lane").n_unique())["#lane"].max() == 1


def test_the_same_id_twice_is_an_incident():
    spend = view({"txn": sk.ids(repeats=True)})
    incidents = incidents_of(spend, Clock.of(spend), pack_of(spend))
    assert incidents["events.txn same id twice"] + incidents["txn same id twice"] > 9


def first_of_each(events: pl.DataFrame, spine: pl.DataFrame):
    past = spine.join(events, on="user").filter(pl.col("ts") < pl.col("as_of"))
    firsts = past.sort("ts", maintain_order=True).unique(
        ["user", "as_of", "txn"], keep="first", maintain_order=True
    )
    counts = firsts.group_by("user", "as_of").agg(n=pl.col("n").sum())
    answers = spine.join(counts, on=["user", "as_of"], how="left")
    return answers.with_columns(pl.col("n").fill_null(0))


class Keeping:
    first = True

    def __init__(self):
        self.values = {}

    def update(self, event):
        values = self.values.setdefault(event["user"], {})
        if not self.first or event["txn"] not in values:
            values[event["txn"]] = event["n"]

    def query(self, request):
        return {"n": sum(self.values.get(request["user"], {}).values())}


class KeepingTheLast(Keeping):
    first = False


def test_keep_first_against_keep_last_is_found_where_ids_come_again():
    def check(online, repeats):
        columns = {"txn": sk.ids(repeats=repeats), "n": sk.ints(0, 9)}
        return sk.check(view(columns, first_of_each, online), histories=512, seed=1)

    assert check(Keeping, repeats=True).ok
    [finding] = check(KeepingTheLast, repeats=True).findings
    events = finding.counterexample.events
    assert events["txn"].to_list() == ["e1", "e1"]
    assert check(KeepingTheLast, repeats=False).ok


def wide(events: pl.DataFrame, spine: pl.DataFrame):
    past = spine.join(events, on="user").filter(pl.col("ts") < pl.col("as_of"))
    facts = past.group_by("user", "as_of").agg(
        n=pl.col("l").list.len().cast(pl.Int64).sum() + pl.col("s").cast(pl.Int64).sum(),
        m=pl.col("m").sum(),
        d=pl.col("d").max(),
    )
    return spine.join(facts, on=["user", "as_of"], how="left").with_columns(
        pl.col("n").fill_null(0), pl.col("m").fill_null(Decimal(0))
    )


class Wide:
    def __init__(self):
        self.seen = {}

    def update(self, event):
        self.seen.setdefault(event["user"], []).append(event)

    def query(self, request):
        seen = self.seen.get(request["user"], [])
        return {
            "n": sum(len(event["l"]) + event["s"] for event in seen),
            "m": sum((event["m"] for event in seen), Decimal(0)),
            "d": max((event["d"] for event in seen), default=None),
        }


@pytest.mark.parametrize("wire", ["none", "json", "msgpack", "arrow"])
def test_both_sides_get_the_same_values(wire):
    columns = {
        "l": sk.lists(sk.ints(0, 3)),
        "m": sk.decimals(0, 100),
        "d": sk.dates(),
        "s": sk.ints(0, 9, type="int8"),
    }
    whole = view(columns, wide, Wide).replaced(
        features={"n": sk.exact(), "m": sk.exact(), "d": sk.exact()},
        delivery=sk.Delivery(wire=wire),
    )
    if wire == "json":  # which has no decimals and no dates: they arrive as texts

        class Parsing(Wide):
            def update(self, event):
                event["m"] = Decimal(event["m"])
                event["d"] = (
                    date.fromisoformat(event["d"]) if isinstance(event["d"], str) else event["d"]
                )
                super().update(event)

        whole = whole.replaced(online=Parsing)
    scenario = "in_order" if wire == "none" else "re-encoded"
    result = sk.check(whole, histories=128, seed=1, scenarios=[scenario])
    assert result.ok, str(result)
    assert result.outcomes[0].skipped is None


def test_ids_are_learned():
    log = pl.DataFrame(
        {"ts": [NOON, NOON], "user": ["a", "a"], "txn": ["x", "x"], "own": ["x", "y"]}
    )
    source = sk.Source.from_polars(log, "events", time="ts", keys=["user"], ids=["txn", "own"])
    assert (source.columns["txn"], source.columns["own"]) == (sk.ids(repeats=True), sk.ids())


@pytest.mark.parametrize(("txn", "repeats"), [(["x", "x"], False), (["x", "y"], True)])
def test_ids_declared_otherwise_than_the_log_has_them_are_told(txn, repeats):
    log = pl.DataFrame({"ts": [NOON, NOON], "user": ["a", "a"], "txn": txn})
    declared = {"txn": sk.ids(repeats=repeats)}
    with pytest.warns(sk.LogWarning, match=rf"Declare ids\(repeats={not repeats}\)"):
        sk.Source.from_polars(log, "events", time="ts", keys=["user"], columns=declared)


@pytest.mark.parametrize(
    ("declare", "told"),
    [
        (lambda: sk.ints(type="int7"), "ints(type=...) must be one of"),
        (lambda: sk.ints(0, 300, type="int8"), "ints(max=...) must be an int of 8 bits; got 300"),
        (lambda: sk.ints(-1, type="uint8"), "an int of 8 bits without a sign; got -1"),
        (lambda: sk.decimals(0.1, 2), "a finite Decimal, an int or a text of one; got 0.1"),
        (lambda: sk.decimals("x"), "got 'x'"),
        (lambda: sk.decimals("0.001", 2), "at most 2 digits behind the point"),
        (lambda: sk.decimals(scale=99), "decimals(scale=...) must be an int of 0 to 18; got 99"),
        (lambda: sk.dates(NOON), "dates(min=...) must be a datetime.date"),
        (lambda: sk.dates(date(2024, 1, 2), date(2024, 1, 1)), "min"),
        (lambda: sk.lists(3), "lists(element) must be a column"),
        (lambda: sk.lists(sk.ints(), max_size=0), "lists(max_size=...)"),
        (lambda: sk.ids(repeats=1), "ids(repeats=...) must be True or False; got 1"),
    ],
)
def test_what_is_declared_wrongly_is_told(declare, told):
    with pytest.raises(sk.DeclarationError) as caught:
        declare()
    assert told in str(caught.value)


def test_a_log_tells_lists_decimals_and_days():
    log = pl.DataFrame(
        {
            "ts": [NOON, NOON + timedelta(1)],
            "user": ["a", "b"],
            "l": [["x"], []],
            "m": [Decimal("1.5"), Decimal("2.25")],
            "d": [date(2024, 1, 1), None],
            "v": [[1.0], [1.0, 2.0]],
        }
    )
    columns = sk.Source.from_polars(log, "events", time="ts", keys=["user"]).columns
    assert columns["d"] == sk.dates(date(2024, 1, 1), date(2024, 1, 1), nullable=True)
    assert (columns["m"].min, columns["m"].max, columns["m"].scale) == (
        Decimal("1.5"),
        Decimal("2.25"),
        2,
    )
    assert columns["l"].max_size == 1
    assert type(columns["v"]).__name__ == "Lists"
