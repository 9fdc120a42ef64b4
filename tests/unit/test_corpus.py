"""Kept counterexamples: what is written reads back, and what cannot be read is told and kept."""
# ruff: noqa: DTZ001 - naive times are among what is tested

import json
import math
import os
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import strategies as st

import skewtest as sk
from skewtest.compare.tables import Divergence
from skewtest.deliver.scenarios import spread
from skewtest.errors import CorpusError
from skewtest.generate.hints import Hints
from skewtest.generate.history import SEQUENCE, History, history_of
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan
from skewtest.results.corpus import load, save
from skewtest.results.finding import Counterexample, Finding
from skewtest.run.draft import draft_of

AT = datetime(2024, 3, 8, 12, tzinfo=UTC)


def view(columns=None, name="spend", request=None, zone="UTC", unit="us"):
    columns = {"user_id": sk.key(), **(columns or {})}
    return sk.FeatureView(
        name,
        sources=[sk.Source("orders", time="ts", columns=columns, zone=zone, unit=unit)],
        entity=["user_id"],
        batch=None,
        online=None,
        features={"n": sk.exact()},
        request=request or {},
    )


def history(spend, *rows, lag=None, asks=({},)):
    """Return a history of one entity: a row of values for each event, an hour apart."""
    source = spend.sources["orders"]
    zone = source.type.tzinfo()
    first = AT if zone else AT.replace(tzinfo=None)
    events = pl.DataFrame(
        [{"ts": first + timedelta(hours=n), "user_id": "a", **row} for n, row in enumerate(rows)],
        schema=source.schema,
    )
    spine = pl.DataFrame(
        [
            {"user_id": "a", "as_of": first + timedelta(hours=n), **row}
            for n, row in enumerate(asks)
        ],
        schema=spend.spine_schema,
    )
    made = history_of(spend, {"orders": events}, spine)
    return History(made.events, made.spine, lag)


def finding(spend, kept, feature="n", kind="value"):
    return Finding(
        feature=feature,
        scenario="in_order",
        kind=kind,
        counterexample=Counterexample(spend, kept),
        divergence=Divergence(0, feature, kind, 1, 2),
    )


def same(left, right):
    assert dict(left.schema) == dict(right.schema)
    assert repr(left.to_dicts()) == repr(right.select(left.columns).to_dicts())


def there_and_back(folder, spend, kept):
    save(folder, finding(spend, kept))
    (((_, again),), rejected) = load(folder, spend)
    assert rejected == []
    same(again.events["orders"], kept.events["orders"])
    same(again.spine, kept.spine)
    assert again.lag == kept.lag
    return again


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (sk.floats(nan=True, inf=True), [0.1, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1e308]),
        (sk.ints(-(2**63), 2**63 - 1), [0, 2**53 + 1, 2**63 - 1, -(2**63), None]),
        (sk.bools(), [True, False, None]),
        (sk.categories("new", "paid"), ["new", "NEW", "", None]),
        (sk.strings(), ["", " a ", "\u00e9", "e\u0301", "\U0001f600", 'a"b\\c', "a\nb", "a\x00b"]),
        (sk.key("int"), [1, 2**53 + 9, None]),
        (sk.timestamps(), [AT, AT + timedelta(microseconds=1), None]),
        (sk.timestamps(zone=None, unit="ms"), [datetime(1969, 12, 31, 23, 59, 59), None]),
        (sk.timestamps(zone="Asia/Kolkata", unit="ns"), [AT, None]),
        (sk.vectors(3), [[0.5, -0.0, math.nan], None]),
        (sk.structs({"x": sk.floats(), "c": sk.categories("a")}), [{"x": math.inf, "c": None}]),
        (sk.structs({"r": sk.structs({"t": sk.timestamps()})}), [{"r": {"t": AT}}]),
        (st.dates(), [date(2024, 2, 29), None]),
        (st.times(), [time(23, 59, 59, 999_999), None]),
        (st.timedeltas(timedelta(-9), timedelta(9)), [timedelta(days=-1, microseconds=1), None]),
        (st.binary(max_size=9), [b"", b"\x00\xff", None]),
        (st.decimals(0, 9, places=2), [Decimal("1.10"), Decimal("0.01"), None]),
        (st.lists(st.dates(), min_size=1), [[date(2024, 2, 29)], [], None]),
        (st.lists(st.booleans(), min_size=1), [[True, None], []]),
    ],
    ids=[
        *("floats", "ints", "bools", "categories", "strings", "int-keys", "timestamps"),
        *("naive-ms-timestamps", "zoned-ns-timestamps", "vectors", "structs", "nested-structs"),
        *("dates", "times", "timedeltas", "binary", "decimals", "lists-of-dates", "lists-of-bools"),
    ],
)
def test_values_read_back_as_they_were(tmp_path, kind, values):
    spend = view({"x": kind})
    there_and_back(tmp_path, spend, history(spend, *({"x": value} for value in values)))


def test_the_repeated_hour_reads_back_as_two(tmp_path):
    spend = view({"t": sk.timestamps(zone="America/New_York")}, zone="America/New_York")
    hours = [datetime(2024, 11, 3, hour, 30, tzinfo=UTC) for hour in (4, 5, 6, 7)]
    again = there_and_back(tmp_path, spend, history(spend, *({"t": hour} for hour in hours)))
    assert again.events["orders"]["t"].diff().to_list()[1:] == [timedelta(hours=1)] * 3


def test_ties_keep_their_order(tmp_path):
    spend = view({"x": sk.ints()})
    events = history(spend, {"x": 3}, {"x": 1}, {"x": 2}).events["orders"].with_columns(ts=AT)
    kept = History({"orders": events}, history(spend).spine)
    again = there_and_back(tmp_path, spend, kept)
    assert again.events["orders"]["x"].to_list() == [3, 1, 2]
    assert again.events["orders"][SEQUENCE].to_list() == [0, 1, 2]


def test_a_history_without_events_reads_back(tmp_path):
    spend = view({"x": sk.ints()})
    again = there_and_back(tmp_path, spend, history(spend))
    assert again.size == 0


def test_request_columns_and_the_lag_read_back(tmp_path):
    spend = view(request={"limit": sk.floats(nan=True)})
    kept = history(spend, {}, lag=0, asks=({"limit": math.nan}, {"limit": None}))
    assert there_and_back(tmp_path, spend, kept).lag == 0


def test_the_file_is_readable_and_says_what_it_is(tmp_path):
    spend = view({"x": sk.floats()})
    path = save(tmp_path, finding(spend, history(spend, {"x": math.nan})))
    assert path.parent == tmp_path / "spend"
    assert path.name.startswith("n.value-")
    assert path.suffix == ".json"
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "format": 1,
        "view": "spend",
        "feature": "n",
        "kind": "value",
        "cause": "unknown",
        "scenario": "in_order",
        "request_lag_us": None,
        "events": {
            "orders": [
                {"#": 0, "ts": "2024-03-08T12:00:00+00:00", "user_id": "a", "x": "nan"},
            ]
        },
        "spine": [{"user_id": "a", "as_of": "2024-03-08T12:00:00+00:00"}],
    }


def test_an_equal_counterexample_is_written_once(tmp_path):
    spend = view({"x": sk.ints()})
    kept = history(spend, {"x": 1})
    assert save(tmp_path, finding(spend, kept)) == save(tmp_path, finding(spend, kept))
    assert len(list((tmp_path / "spend").iterdir())) == 1


def test_different_counterexamples_have_files_of_their_own(tmp_path):
    spend = view({"x": sk.ints()})
    one, other = history(spend, {"x": 1}), history(spend, {"x": 2})
    for found in (
        finding(spend, one),
        finding(spend, other),
        finding(spend, one, "total"),
        finding(spend, one, kind="null"),
        finding(spend, one, "*", "missing row"),
    ):
        save(tmp_path, found)
    names = sorted(path.name.split("-")[0] for path in (tmp_path / "spend").iterdir())
    assert names == ["n.null", "n.value", "n.value", "rows.missing", "total.value"]


def test_features_with_odd_names_have_plain_file_names(tmp_path):
    spend = view()
    path = save(tmp_path, finding(spend, history(spend, {}), "sum(x) / 7 d"))
    assert path.name.startswith("sum-x----7-d.value-")


def test_a_view_reads_its_own_files_alone(tmp_path):
    spend = view()
    save(tmp_path, finding(spend, history(spend, {})))
    assert load(tmp_path, view(name="clicks")) == ([], [])


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert load(tmp_path / "nowhere", view()) == ([], [])


# -- files that cannot be used --------------------------------------------------------------------


def rejected(tmp_path, spend, change):
    """Save a file, change its text, and return why it cannot be used."""
    path = save(tmp_path, finding(spend, history(spend, {"x": 1})))
    changed = change(path.read_text(encoding="utf-8"))
    path.write_text(changed, encoding="utf-8")
    kept, ((where, reason),) = load(tmp_path, spend)
    assert kept == []
    assert where == str(path)
    assert path.read_text(encoding="utf-8") == changed
    return reason


def edited(**changes):
    return lambda text: json.dumps({**json.loads(text), **changes})


def without(name):
    return lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != name})


SPINE_ROW = {"user_id": "a", "as_of": "2024-03-08T12:00:00+00:00"}
EVENT_ROW = {"#": 0, "ts": "2024-03-08T12:00:00+00:00", "user_id": "a", "x": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda text: text[: len(text) // 2],
            (
                "it is cut off or not JSON (line 12: Expecting property name enclosed in double quotes);"  # noqa: E501 - the message in full
                " restore it from version control or delete it"
            ),
        ),
        (
            lambda _: "",
            (
                "it is cut off or not JSON (line 1: Expecting value); "
                "restore it from version control or delete it"
            ),
        ),
        (
            edited(format=0),
            "it has format 0, this skewtest reads format 1; delete it once its skew is found again",
        ),
        (
            without("format"),
            (
                "it has format None, this skewtest reads format 1; "
                "delete it once its skew is found again"
            ),
        ),
        (
            lambda _: "[]",
            (
                "it has format None, this skewtest reads format 1; "
                "delete it once its skew is found again"
            ),
        ),
        (without("spine"), "it has no 'spine'; it does not fit the view any more"),
        (
            edited(events={"visits": []}),
            "it has no 'orders'; it does not fit the view any more",
        ),
        (edited(spine=[]), "it asks for nothing: its spine is empty"),
        (
            edited(events={"orders": [{k: v for k, v in EVENT_ROW.items() if k != "#"}]}),
            "it has no '#'; it does not fit the view any more",
        ),
        (
            edited(request_lag_us=-1),
            (
                "its values do not fit the columns any more: "
                "request_lag_us must be microseconds or null; got -1"
            ),
        ),
        (
            edited(spine=[{**SPINE_ROW, "as_of": "yesterday"}]),
            "its values do not fit the columns any more: Invalid isoformat string: 'yesterday'",
        ),
    ],
    ids=[
        *("cut-in-half", "empty", "older-format", "no-format", "another-document", "no-spine"),
        *("another-source", "nothing-asked", "no-sequence", "negative-lag", "no-datetime"),
    ],
)
def test_a_file_that_cannot_be_used_is_kept_and_told(tmp_path, change, reason):
    assert rejected(tmp_path, view({"x": sk.ints()}), change) == reason


@pytest.mark.parametrize(
    "change",
    [
        edited(events={"orders": [{**EVENT_ROW, "x": "one"}]}),
        edited(events={"orders": [{**EVENT_ROW, "x": 2**70}]}),
        edited(events={"orders": [EVENT_ROW["user_id"]]}),
        edited(events=[]),
        edited(spine={}),
        edited(spine=[None]),
        edited(spine=None),
    ],
    ids=[
        *("text-for-int", "beyond-64-bits", "text-for-an-event", "a-list-of-sources"),
        *("spine-as-object", "null-row", "null-spine"),
    ],
)
def test_a_file_of_another_shape_never_stops_a_run(tmp_path, change):
    assert rejected(tmp_path, view({"x": sk.ints()}), change).startswith("it")


def test_a_file_that_is_no_text_is_told(tmp_path):
    spend = view({"x": sk.ints()})
    path = save(tmp_path, finding(spend, history(spend, {"x": 1})))
    path.write_bytes(b"\xff\xfe\x00")
    _, ((_, reason),) = load(tmp_path, spend)
    assert reason.startswith("it cannot be read: 'utf-8' codec can't decode byte 0xff")


def test_a_broken_file_does_not_hide_the_others(tmp_path):
    spend = view({"x": sk.ints()})
    for x in (1, 2):
        save(tmp_path, finding(spend, history(spend, {"x": x})))
    first, second = sorted((tmp_path / "spend").iterdir())
    first.write_text("{", encoding="utf-8")
    kept, told = load(tmp_path, spend)
    assert [path for path, _ in kept] == [str(second)]
    assert [path for path, _ in told] == [str(first)]


# -- folders that cannot be written ---------------------------------------------------------------


def test_a_folder_that_is_a_file_is_told(tmp_path):
    spend = view()
    (tmp_path / "corpus").write_text("", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        save(tmp_path / "corpus", finding(spend, history(spend, {})))
    assert str(caught.value).startswith(
        f"cannot write {tmp_path / 'corpus' / 'spend' / 'n.value-'}"
    )
    assert str(caught.value).endswith(".json: Not a directory")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path):
    spend = view()
    tmp_path.chmod(0o500)
    with pytest.raises(CorpusError, match=r"Permission denied$"):
        save(tmp_path, finding(spend, history(spend, {})))


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    spend = view()
    with pytest.raises(CorpusError, match=r"No space left on device$"):
        save(tmp_path, finding(spend, history(spend, {})))
    assert list((tmp_path / "spend").iterdir()) == []


def test_a_finding_without_a_counterexample_cannot_be_kept(tmp_path):
    bare = Finding("n", "in_order", "error", None, Divergence(-1, "", "error", None, None))
    with pytest.raises(CorpusError) as caught:
        save(tmp_path, bare)
    assert str(caught.value) == "there is no counterexample to keep"


@pytest.mark.parametrize("name", ["reordered", "late", "duplicated", "restarted", "split"])
def test_a_delivery_reads_back_as_it_was_kept(name, tmp_path):
    spend = view({"n": sk.ints(0, 9)}).replaced(
        delivery=sk.Delivery(
            order="any", late=timedelta(hours=1), duplicates=3, restarts=True, split="merged"
        )
    )
    plan = Plan(seed=3, odd=0.3, crowd=0.4, pools={})
    pack = replace(build(spend, Clock.of(spend), plan, 64), lags={})
    rng = np.random.default_rng(1)
    faulty = spread(spend, pack, spend.delivery.under(name), Hints(), rng)
    histories = [faulty.history(lane) for lane in range(faulty.lanes)]
    kept = [one for one in histories if one.spine.height]  # those that the scenario concerns
    for number, one in enumerate(kept):
        save(tmp_path / str(number), replace(finding(spend, one), scenario=name))
        [(_, read)], rejected = load(tmp_path / str(number), spend)
        assert rejected == []
        assert draft_of(spend, read) == draft_of(spend, one)
        assert read.scenario.name == name
    assert len(kept) > 5
