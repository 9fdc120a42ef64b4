"""The history file: a line a run, whatever happens to the writers; and what a trend shows of it."""

import json
import multiprocessing

import pytest
from made_reports import errors, finding, outcome, report, run, tally, view

from skewtest.errors import ReportError
from skewtest.report.formats.trend import trend_page
from skewtest.report.outputs import record
from skewtest.report.trend import heights, line_of, point_of, read_history, streaks


def day(number, **given):
    return report(outcome("v", **given), run=run(time=f"2026-01-0{number}T00:00:00+00:00"))


def test_a_point_holds_verdict_revision_and_the_worst_of_each_feature():
    one = outcome("v", features=("a", "b"), findings=[finding("a")])
    late = outcome("v", "late", features=("a", "b"))
    late.features["b"] = tally(errors=errors(largest=9.0))
    point = point_of(report(one, late))
    assert (point.verdict, point.revision, point.histories) == ("skew", "a" * 40, 6_400)
    assert {name: (one.state, one.max_ulps) for name, one in point.features.items()} == {
        "v.a": ("fails", 7.0),
        "v.b": ("parity", 9.0),
    }


def test_runs_are_appended_and_read_in_order_of_time(tmp_path):
    file = tmp_path / "new" / "history.jsonl"
    record(file, day(2))
    record(file, day(1))
    found = read_history(file)
    assert [point.time[:10] for point in found.points] == ["2026-01-01", "2026-01-02"]
    assert found.broken == ()
    assert [path.name for path in file.parent.iterdir()] == ["history.jsonl"]


@pytest.mark.fault(
    "a writer of the history file was killed in its line",
    "the half is named; the next run stands on a line of its own",
    ends="told",
)
def test_half_a_line_is_named_and_the_next_run_stands_on_its_own(tmp_path):
    file = tmp_path / "history.jsonl"
    file.write_bytes(line_of(point_of(day(1)))[:50])
    record(file, day(2))
    found = read_history(file)
    assert [point.time[:10] for point in found.points] == ["2026-01-02"]
    (told,) = found.broken
    assert told.startswith(f"line 1 of {file} is no run: ")


@pytest.mark.parametrize("line", ["[]", "{}", '{"line": 1, "time": 3}', "\x00", "\xff"])
def test_a_strange_line_is_named_and_left_out(tmp_path, line):
    file = tmp_path / "history.jsonl"
    record(file, day(1))
    with file.open("ab") as held:
        held.write(line.encode("latin-1") + b"\n\n")
    found = read_history(file)
    assert (len(found.points), len(found.broken)) == (1, 1)


def appending(file):
    for _ in range(20):
        record(file, day(1))


@pytest.mark.fault(
    "eight runs at once on one history file", "whole lines, none lost", ends="harmless"
)
def test_runs_side_by_side_do_not_mix_their_lines(tmp_path):
    file = tmp_path / "history.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=appending, args=(file,)) for _ in range(3)]
    for one in writers:
        one.start()
    for one in writers:
        one.join(60)
    assert [one.exitcode for one in writers] == [0, 0, 0]
    lines = file.read_text().splitlines()
    assert len(lines) == 60
    assert all(json.loads(line)["verdict"] == "parity" for line in lines)


def test_a_history_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="cannot write"):
        record(tmp_path / "file" / "history.jsonl", day(1))


def test_a_streak_says_since_when_a_feature_is_what_it_is():
    points = [
        point_of(day(1)),
        point_of(day(2, findings=[finding()])),
        point_of(day(3, findings=[finding()])),
    ]
    (streak,) = streaks(points)
    assert streak.states == ("parity", "fails", "fails")
    assert (streak.since[:10], streak.fails) == ("2026-01-02", True)


def test_a_feature_that_was_not_checked_has_a_gap():
    points = [point_of(day(1)), point_of(report(outcome("other"), run=run())), point_of(day(3))]
    found = {streak.name: streak.states for streak in streaks(points)}
    assert found == {"other.f0": (None, "parity", None), "v.f0": ("parity", None, "parity")}


def test_what_fails_comes_first():
    bad = report(outcome("z", findings=[finding()]), outcome("a"), run=run())
    assert [streak.name for streak in streaks([point_of(bad)])] == ["z.f0", "a.f0"]


def test_the_page_has_a_row_a_feature_and_a_row_a_run():
    page = trend_page([point_of(day(1)), point_of(day(2))], ["line 3 is no run"])
    assert page.count("<tr data-name=") == 1
    assert page.count('class="t-parity"') == 2
    assert "line 3 is no run" in page


def test_heights_tell_rounding_from_another_number():
    assert heights([None, 0.0, 1.0, 255.0, 256.0, 2.0**63]) == [None, 0, 1, 1, 2, 8]


@pytest.mark.parametrize(
    ("was", "now"),
    [(b'"line":1', b'"line":7'), (b'"state":"parity"', b'"state":"flaky"'), (b"{", b"[" * 10**5)],
    ids=["another version", "an unknown state", "too deep"],
)
def test_a_line_that_is_nearly_a_run_is_named_and_left_out(tmp_path, was, now):
    good = line_of(point_of(report(outcome("v"))))
    file = tmp_path / "h.jsonl"
    assert was in good
    file.write_bytes(good + good.replace(was, now, 1))
    found = read_history(file)
    assert len(found.points) == 1
    assert [line.split(" is no run")[0] for line in found.broken] == [f"line 2 of {file}"]


def test_of_two_features_that_are_called_alike_the_one_that_fails_is_told():
    both = report(
        outcome("a", features=("b.c",), findings=[finding("b.c")]),
        outcome("a.b", features=("c",)),
    )
    assert point_of(both).features["a.b.c"].state == "fails"


def test_what_was_not_checked_is_not_in_a_point():
    found = point_of(report(outcome("v"), views=[view("v", ("f0",)), view("w", ("n",))]))
    assert [*found.features] == ["v.f0"]


def test_a_line_that_says_parity_beside_a_feature_that_fails_is_left_out(tmp_path):
    file = tmp_path / "history.jsonl"
    skewed = line_of(point_of(report(outcome("v", findings=[finding("f0")]))))
    file.write_bytes(skewed.replace(b'"verdict":"skew"', b'"verdict":"parity"') + skewed)
    runs = read_history(file)
    assert [point.verdict for point in runs.points] == ["skew"]
    assert runs.broken == (
        f"line 1 of {file} contradicts itself: its verdict is parity, and v.f0 fails",
    )
