"""Shards put together: the same report as that of a run that was never split."""

from datetime import timedelta

import msgspec
import polars as pl
import pytest
from made_reports import GIT, environment, finding, outcome, report, run, view

import skewtest as sk
from skewtest.report import model
from skewtest.report.merging import merge_reports, strip_times
from skewtest.report.shards import merge_shards

SOURCE = sk.Source("events", time="ts", columns={"user_id": sk.key(), "x": sk.ints(0, 9)})
DELIVERY = sk.Delivery(late=timedelta(hours=1), duplicates=True)


def total(events: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    seen = spine.join(events, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    sums = seen.group_by("user_id", "as_of").agg(total=pl.col("x").sum())
    return spine.join(sums, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("total").fill_null(0)
    )


def running(state, event):
    return {**state, event["user_id"]: state.get(event["user_id"], 0) + event["x"]}


def views():
    for name, more in (("right", 0), ("skewed", 1)):
        yield sk.FeatureView(
            name,
            sources=[SOURCE],
            entity=["user_id"],
            batch=total,
            online=sk.fold(
                dict,
                running,
                lambda state, request, more=more: {
                    "total": (found := state.get(request["user_id"], 0)) + more * (found > 20)
                },
            ),
            features={"total": sk.close()},
            delivery=DELIVERY,
        )


def test_eight_shards_make_the_report_of_the_whole_run():
    def part(one, scenarios=None):
        return sk.check(one, histories=600, seed=5, scenarios=scenarios).document()

    whole = merge_reports([part(one) for one in views()])
    names = (("in_order", "relations"), ("late",), ("duplicated",))
    shards = [part(one, list(mine)) for one in views() for mine in names]
    assert len(whole.outcomes) == 8  # that the laws were not tried where sides differ is told
    shards += shards[:2]  # run twice, by mistake
    shards = shards[3:] + shards[:3]
    assert len(shards) == 8
    found = merge_shards([(str(n), one) for n, one in enumerate(shards)])
    assert strip_times(found) == strip_times(whole)
    assert found.verdict == "skew"


def test_the_order_of_shards_changes_nothing():
    shards = [("a", report(outcome("a"))), ("b", report(outcome("b"))), ("c", report(outcome("c")))]
    found = {
        msgspec.json.encode(strip_times(merge_shards(shards[k:] + shards[:k]))) for k in range(3)
    }
    assert len(found) == 1


def test_a_lost_shard_is_named_and_the_others_are_merged():
    found = merge_shards([("a.json", report(outcome("a")))], ["shard b.json is lost"])
    assert (found.verdict, found.ok) == ("incomplete", False)
    assert found.incomplete == ["shard b.json is lost"]
    assert [one.view for one in found.outcomes] == ["a"]


def test_shards_of_different_revisions_are_no_whole():
    other = msgspec.structs.replace(GIT, revision="b" * 40)
    shards = [("a", report(outcome("a"))), ("b", report(outcome("b"), run=run(git=other)))]
    found = merge_shards(shards)
    assert found.incomplete == [f"the shards are of different revisions: {'a' * 40}, {'b' * 40}"]


def test_what_failed_in_one_shard_fails_the_whole():
    bad = report(outcome("b", findings=[finding()]))
    assert merge_shards([("a", report(outcome("a"))), ("b", bad)]).verdict == "skew"


def test_a_gap_of_one_shard_is_a_gap_of_the_whole():
    broken = report(outcome("b"), incomplete=["error: test_b.py"])
    found = merge_shards([("a", report(outcome("a"))), ("b", broken)])
    assert found.incomplete == ["error: test_b.py"]


def test_skew_is_told_whatever_else_a_run_has_not_checked():
    found = merge_reports(
        [report(outcome("v", findings=[finding()]))], incomplete=["skipped: test_b"]
    )
    assert (found.verdict, found.ok, found.incomplete) == ("skew", False, ["skipped: test_b"])
    assert (
        merge_reports([report(outcome())], incomplete=["skipped: test_b"]).verdict == "incomplete"
    )
    whole = merge_shards([("a", found), ("b", report(outcome("w")))])
    assert (whole.verdict, whole.incomplete) == ("skew", ["skipped: test_b"])


def test_what_is_lost_stays_lost_however_often_shards_are_merged():
    some = merge_shards(
        [("a", report(outcome("v", findings=[finding()])))], lost=["shard b is lost"]
    )
    assert some.verdict == "incomplete"
    whole = merge_shards([("some", some), ("c", report(outcome("w")))])
    assert (whole.verdict, whole.incomplete) == ("incomplete", ["shard b is lost"])


def test_an_outcome_of_two_shards_that_say_otherwise_is_kept_twice():
    good, bad = outcome("a"), outcome("a", findings=[finding()])
    found = merge_shards([("1", report(good)), ("2", report(bad))])
    assert len(found.outcomes) == 2
    assert found.verdict == "skew"


def test_a_shard_that_checked_nothing_is_no_gap_beside_others():
    nothing = merge_shards([("n", merge_reports([], run=run()))])
    assert nothing.incomplete == ["no feature view was checked"]
    found = merge_shards([("a", report(outcome("a"))), ("n", nothing)])
    assert found.verdict == "parity"


def test_nothing_that_could_fail_is_incomplete():
    advice = report(outcome("a", "late", gates=False))
    found = merge_shards([("a", advice)])
    assert (found.verdict, found.incomplete) == ("incomplete", ["no feature view was checked"])
    beside = merge_shards([("a", found), ("b", report(outcome("b")))])
    assert (beside.verdict, beside.incomplete) == ("parity", [])


def test_a_declared_scenario_that_was_skipped_is_a_gap_and_no_skew():
    skipped = outcome("v", "restarted", skipped="needs snapshot()", ok=False)
    found = report(outcome("v"), skipped)
    assert (found.verdict, found.incomplete) == (
        "incomplete",
        ["v was not checked under restarted: needs snapshot()"],
    )
    again = merge_shards([("a", found), ("b", found)])
    assert again.incomplete == found.incomplete
    bad = report(outcome("v", findings=[finding()]), skipped)
    assert (bad.verdict, bad.incomplete) == ("skew", found.incomplete)


def test_a_cell_that_could_not_be_run_is_a_gap_until_a_shard_has_run_it():
    matrix = model.Matrix(
        requested=["a~b"], ran=[], failed={"a~b": "unsolvable"}, excluded=0, pairs=[], valid_pairs=0
    )
    lacking = report(outcome("v"), matrix=matrix)
    assert lacking.incomplete == ["cell a~b could not be run: unsolvable"]
    ran = report(outcome("v"), matrix=msgspec.structs.replace(matrix, ran=["a~b"], failed={}))
    whole = merge_shards([("a", lacking), ("b", ran)])
    assert (whole.verdict, whole.incomplete) == ("parity", [])


@pytest.mark.parametrize(
    "changed",
    [
        {"files": {"features/code.py": "0" * 64}},
        {"declaration": "0" * 64},
        {"implementations": []},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_shards_of_different_code_are_no_whole(changed):
    other = report(outcome("v", "late"), views=[view("v", **changed)])
    found = merge_shards([("a", report(outcome("v"))), ("b", other)])
    assert (found.verdict, found.incomplete) == (
        "incomplete",
        ["view v is not the same code in all shards"],
    )


def test_the_whole_is_dirty_if_a_shard_is_and_has_no_revision_if_one_does_not_say():
    def whole(*gits):
        parts = [report(outcome(f"v{n}"), run=run(git=git)) for n, git in enumerate(gits)]
        return merge_shards([(str(n), part) for n, part in enumerate(parts)]).run.git

    dirty = msgspec.structs.replace(GIT, dirty=True)
    assert whole(GIT, GIT) == GIT
    assert whole(GIT, dirty) == dirty
    assert whole(GIT, None) is None


def test_nothing_at_all_is_incomplete():
    assert merge_shards([]).verdict == "incomplete"


def test_cells_of_the_matrix_come_together():
    def shard(name, ran, failed):
        cell = [environment("train"), environment(name)]
        matrix = model.Matrix(
            requested=["train~a", "train~b"],
            ran=ran,
            failed=failed,
            excluded=1,
            pairs=[],
            valid_pairs=0,
        )
        return report(outcome("v", cell=cell), matrix=matrix)

    first = shard("a", ["train~a"], {"train~b": "timeout"})
    found = merge_shards([("1", first), ("2", shard("b", ["train~b"], {}))])
    assert found.matrix is not None
    assert (found.matrix.ran, found.matrix.failed) == (["train~a", "train~b"], {})
    assert [one.column for one in found.outcomes] == ["in_order-train~a", "in_order-train~b"]


def test_the_whole_says_which_shards_it_is_of():
    late = report(outcome("b"), run=run(time="2026-01-02T04:00:00+00:00", seconds=3.0))
    found = merge_shards([("b", late), ("a", report(outcome("a")))])
    assert found.run is not None
    assert (found.run.time, found.run.seconds) == ("2026-01-02T03:04:05+00:00", 15.5)
    assert sorted(found.run.shards) == ["a", "b"]


@pytest.mark.parametrize("field", ["line", "file"])
def test_views_of_one_name_are_told_apart_by_their_place(field):
    other = view("v0", **{field: 99 if field == "line" else "z.py"})
    found = merge_reports([report(), report(outcome(seed=3), views=[other])])
    assert len(found.views) == 2
