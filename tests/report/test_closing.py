"""What a terminal shows at the end of a run, in full."""

from made_reports import finding, large, outcome, report

from skewtest.report import model
from skewtest.report.closing import closing_lines, closing_table, properties

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
        "slowest: v 1.2 s, w 0.6 s",
    ]


def test_a_known_divergence_is_a_line_and_no_row():
    known = outcome("v", findings=[finding("f0", known=KNOWN)], ok=True)
    found = report(known, outcome("w"))
    assert closing_table(found) == []
    assert closing_lines(found) == [
        "skewtest: known until 2030-01-31: v.f0 (value, in_order), ann: moving"
    ]


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
