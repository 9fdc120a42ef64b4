"""What a terminal shows at the end of a run, in full."""

from datetime import date

from made_reports import environment, finding, large, outcome, report, seconds

from skewtest.declare.known import Known
from skewtest.report import model
from skewtest.report.closing import closing_lines, closing_table, properties, unmet_lines
from skewtest.report.summary import slowest

KNOWN = model.Known(owner="ann", reason="moving", expires="2030-01-31", expired=False)


def test_where_all_is_well_there_is_no_table():
    well = report(outcome("v"), outcome("w"))
    assert closing_table(well) == []
    assert closing_lines(well) == []


def test_one_check_that_fails_stands_right_above_and_needs_no_table():
    assert closing_table(report(outcome("v", findings=[finding()]))) == []


def test_what_fails_is_a_table_and_the_rest_a_count():
    found = report(
        outcome("v", findings=[finding("f0")]),
        outcome("v", "late"),
        outcome("w", features=("g", "h"), untested=["g"], ok=False),
    )
    assert closing_table(found) == [
        "feature  in_order",
        "v.f0     skew",
        "w.g      untested",
        "and 1 feature without fault",
        "never tested: w.g",
        "slowest: v 1.0 s, w 1.0 s",
    ]


def test_a_known_divergence_is_a_line_and_no_row():
    known = outcome("v", findings=[finding("f0", known=KNOWN)], ok=True)
    found = report(known, outcome("w"))
    assert closing_table(found) == []
    assert closing_lines(found) == [
        "skewtest: known until 2030-01-31: v.f0 (value, in_order), ann: moving"
    ]


def test_a_known_divergence_is_not_counted_as_without_fault():
    known = outcome("v", findings=[finding("f0", known=KNOWN)], ok=True)
    found = report(known, outcome("w", findings=[finding("f0")]), outcome("x"))
    lines = closing_table(found)
    assert "and 1 feature with known divergences" in lines
    assert "and 1 feature without fault" in lines


def test_scenarios_that_run_together_take_their_time_once():
    together = [outcome("v", name, seconds=seconds(total=4.0)) for name in ("in_order", "late")]
    cell = [environment("train"), environment("serve")]
    cells = [outcome("w", cell=cell, seconds=seconds(total=3.0), seed=n) for n in range(2)]
    assert slowest(report(*together, *cells)) == [("w", 6.0), ("v", 4.0)]


def test_known_divergences_that_no_check_has_met_are_told():
    def known(view="v", **given):
        usual = {"feature": "f0", "owner": "ann", "reason": "later", "expires": date(2030, 1, 1)}
        return Known(view=view, **usual | given)

    cell = [environment("train"), environment("serve")]
    found = report(outcome("v"), outcome("v", cell=cell))
    met = [known(), known(cell="train~serve"), known(scenario="relations")]
    assert unmet_lines(found, met) == []
    of_another_view, of_another_cell = unmet_lines(found, [known("w"), known(cell="a~b")])
    assert of_another_view == (
        "skewtest: known divergence of w.f0, in_order: nothing of that name was checked; mend it "
        "or take it out of pyproject.toml."
    )
    assert of_another_cell.startswith("skewtest: known divergence of v.f0, in_order-a~b: nothing")


def test_columns_that_do_not_fit_stand_below():
    lines = closing_table(large(2, 1, 12, failing=2), verbose=True)
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines].count("feature") == 2


def test_thousands_of_rows_are_cut_and_counted():
    lines = closing_table(large(100, 2, 1, failing=1))
    assert "and 70 more" in lines
    assert len(lines) < 40


def test_properties_say_verdict_seed_and_histories_of_each_check():
    parts = [report(outcome("v", findings=[finding("f0")], seed=3)), report(outcome("w", "late"))]
    assert properties(parts) == [
        ("skewtest.v.in_order.verdict", "skew"),
        ("skewtest.v.in_order.seed", "3"),
        ("skewtest.v.in_order.histories", "6400"),
        ("skewtest.v.in_order.finding", "v0.f0: batch and online disagree (value)"),
        ("skewtest.w.late.verdict", "parity"),
        ("skewtest.w.late.seed", "0"),
        ("skewtest.w.late.histories", "6400"),
    ]
