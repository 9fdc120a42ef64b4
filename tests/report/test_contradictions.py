"""A report that was changed after it was written is refused by name, by every command."""

import copy
import json
from pathlib import Path

import msgspec
import pytest
from made_reports import check, finding, outcome, report, tally, view
from typer.testing import CliRunner

from skewtest.cli.main import app
from skewtest.compare.distances import Distances
from skewtest.compare.tables import Tally as Counts
from skewtest.errors import ReportError
from skewtest.report import model
from skewtest.report.document import tally_of
from skewtest.report.grid import grid_of
from skewtest.report.reading import MOST_BYTES, report_from_file, report_from_values

PARITY = model.to_dict(
    report(
        outcome("v", features=("f", "g")),
        outcome("v", "late", features=("f", "g")),
        outcome("v", "relations", features=(), checks=[check()]),
        views=[view("v", ("f", "g"), scenarios=["in_order", "late"])],
    )
)
SKEW = model.to_dict(report(outcome("v", features=("f",), findings=[finding("f")])))
GAP = model.to_dict(report(outcome("v", features=("f",)), incomplete=["a test was skipped"]))
UNTESTED = model.to_dict(report(outcome("v", features=("f",), untested=["f"], ok=False)))


def change(values, path, value):
    """Return JSON values with one of them replaced; a path ends in what is replaced."""
    changed = copy.deepcopy(values)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    if value is DROPPED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return changed


DROPPED = object()
F = ("outcomes", 0, "features", "f")
EDITS = {
    "the verdict says parity": (SKEW, ("verdict",), "parity", "verdict is 'parity'"),
    "the verdict says skew": (PARITY, ("verdict",), "skew", "come to 'parity'"),
    "a gap is called parity": (GAP, ("verdict",), "parity", "come to 'incomplete'"),
    "a gap is filled in": (PARITY, ("incomplete",), ["lost"], "come to 'incomplete'"),
    "ok says otherwise": (PARITY, ("ok",), False, "ok is false"),
    "no outcomes": (PARITY, ("outcomes",), [], "views has 'v', and no outcome"),
    "no views": (PARITY, ("views",), [], "views has not"),
    "no features": (PARITY, ("outcomes", 0, "features"), {}, "no counters of the feature 'f'"),
    "a feature is gone": (PARITY, F, DROPPED, "no counters of the feature 'f'"),
    "no histories": (PARITY, ("outcomes", 0, "histories"), 0, "tried on 0 histories"),
    "fewer than none": (PARITY, ("outcomes", 0, "histories"), -5, "is -5"),
    "more than can be": (PARITY, ("outcomes", 0, "planned"), 10**30, "is beyond counting"),
    "a counter below zero": (PARITY, (*F, "mismatch"), -1, "mismatch"),
    "nothing compared": (PARITY, (*F, "match"), 0, "no value of the feature 'f'"),
    "vacuity is made up": (PARITY, (*F, "vacuity"), 0.5, "vacuity is 0.5"),
    "more equal than compared": (PARITY, (*F, "errors", "equal"), 10_001, "10001 of 10000"),
    "a histogram of others": (PARITY, (*F, "errors", "histogram"), [1], "histogram has 1"),
    "an outcome calls itself ok": (SKEW, ("outcomes", 0, "ok"), True, "ok is true"),
    "an outcome denies its findings": (SKEW, ("outcomes", 0, "findings"), [], "ok is false"),
    "untested is forgotten": (UNTESTED, ("outcomes", 0, "untested"), [], "ok is false"),
    "held on nothing": (
        PARITY,
        ("outcomes", 2, "checks", 0, "histories"),
        0,
        "determinism of batch is held on 0",
    ),
    "broken without a finding": (
        PARITY,
        ("outcomes", 2, "checks", 0, "state"),
        "broken",
        "no finding shows it",
    ),
    "another view": (PARITY, ("outcomes", 0, "view"), "w", "outcomes has the view 'w'"),
    "another feature": (SKEW, ("outcomes", 0, "findings", 0, "feature"), "z", "'z'"),
    "a row without cells": (
        SKEW,
        ("outcomes", 0, "findings", 0, "counterexample", "timeline", "rows", 0),
        [],
        "has 0 of 5 cells",
    ),
    "a skipped check is no gap": (
        PARITY,
        ("outcomes", 1, "skipped"),
        "needs snapshot()",
        "was not checked under late",
    ),
}


def test_the_reports_are_whole_before_they_are_changed():
    for values in (PARITY, SKEW, GAP, UNTESTED):
        assert model.to_dict(report_from_values(values)) == values


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_refused_by_name(name):
    values, path, value, told = EDITS[name]
    with pytest.raises(ReportError, match="contradicts itself") as raised:
        report_from_values(change(values, path, value))
    assert told in str(raised.value)


@pytest.fixture
def edited(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("right.json").write_text(json.dumps(PARITY))
    Path("edited.json").write_text(json.dumps(change(SKEW, ("verdict",), "parity")))
    return Path("edited.json")


@pytest.mark.parametrize(
    "words",
    [
        ("certify", "edited.json"),
        ("certify", "edited.json", "--any-verdict"),
        ("compare", "right.json", "edited.json"),
        ("compare", "edited.json", "right.json"),
        ("record", "edited.json", "--history", "history.jsonl"),
        ("edited.json",),
        ("edited.json", "--html"),
        ("edited.json", "--junit"),
        ("edited.json", "--sarif"),
        ("edited.json", "--gitlab"),
        ("edited.json", "--md"),
        ("right.json", "--baseline", "edited.json"),
    ],
    ids=" ".join,
)
def test_no_command_believes_it(edited, words):
    done = CliRunner().invoke(app, ["report", *words])
    assert done.exit_code == 2, done.output
    assert f"{edited} contradicts itself" in done.output
    assert sorted(path.name for path in Path().iterdir()) == ["edited.json", "right.json"]


def test_a_shard_that_contradicts_itself_is_lost(edited):
    words = ["report", "merge", "right.json", str(edited), "--out", "whole.json"]
    done = CliRunner().invoke(app, words)
    whole = report_from_file(Path("whole.json"))
    assert done.exit_code not in (0, None)
    assert whole.verdict == "incomplete"
    assert "edited.json contradicts itself" in whole.incomplete[0]


def test_a_certificate_speaks_for_all_that_is_declared(edited, tmp_path):
    without_late = change(PARITY, ("outcomes", 1), DROPPED)
    Path("part.json").write_text(json.dumps(without_late))
    done = CliRunner().invoke(app, ["report", "certify", "part.json", "--out", "c.json"])
    assert (done.exit_code, Path("c.json").exists()) == (1, False)
    assert "v declares 'late', which was not checked" in done.output
    done = CliRunner().invoke(app, ["report", "certify", "right.json", "--out", "c.json"])
    assert (done.exit_code, Path("c.json").exists()) == (0, True)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "report.json"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ReportError, match="more than 268,435,456 bytes"):
        report_from_file(path)


@pytest.mark.parametrize(
    "text",
    ["", "nul", "[" * 100_000, '{"version": 3, "ok": ' + "9" * 5_000 + "}", "\ufeff{}", "[]", "3"],
    ids=["empty", "cut", "deep", "digits", "mark", "list", "number"],
)
def test_what_is_no_report_is_refused(tmp_path, text):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(ReportError, match=r"report\.json"):
        report_from_file(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    with pytest.raises(ReportError, match="it is no file"):
        report_from_file(tmp_path)


def test_an_honest_report_of_a_view_that_is_always_off_is_read():
    always_off = tally(compared=0, errors=None)
    values = model.to_dict(
        report(
            outcome("v", features=("f",), findings=[finding("f")]),
            msgspec.structs.replace(outcome("v", "late"), features={"f": always_off}),
        )
    )
    shown = report_from_values(values)
    (row,) = grid_of(shown).rows
    assert (row.cells["in_order"].word, row.cells["late"].word) == ("skew", "not checked")


def test_what_is_excused_is_counted_in_the_report_that_is_read():
    counts = Counts(match=7, excused=2, both_null=1)
    written = tally_of(counts, Distances())
    assert (written.excused, written.compared, written.vacuity) == (2, 9, 0.1)
    made = report(outcome("v", features=()), views=[view("v", ("f",))])
    outcomes = [msgspec.structs.replace(made.outcomes[0], features={"f": written})]
    values = model.to_dict(msgspec.structs.replace(made, outcomes=outcomes))
    assert model.to_dict(report_from_values(values)) == values
