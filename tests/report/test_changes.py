"""Two reports compared: what is new, fixed, worse, better, unchanged, or not checked any more."""

import msgspec
from made_reports import environment, finding, outcome, report, run, tally, view

from skewtest.report import model
from skewtest.report.changes import compare_reports
from skewtest.report.merging import merge_reports
from skewtest.results.pair import Pair


def differing(mismatch, *, compared=10_000, kind="value", scenario="in_order", known=None):
    one = outcome("v", scenario, findings=[finding("f0", scenario, kind, known=known)])
    one.features["f0"] = tally(mismatch=mismatch, compared=compared)
    return one


def changed(before, after):
    found = compare_reports(report(before), report(after))
    return [(one.change, one.feature, one.column, one.kind) for one in found.divergences], found.ok


def test_a_divergence_that_was_not_there_is_new():
    told, ok = changed(outcome("v"), differing(40))
    assert (told, ok) == ([("new", "f0", "in_order", "value")], False)


def test_one_that_is_gone_is_fixed():
    told, ok = changed(differing(40), outcome("v"))
    assert (told, ok) == ([("fixed", "f0", "in_order", "value")], True)


def test_one_is_not_fixed_before_as_many_histories_were_run_as_had_met_it():
    """The findings of these reports were met in history 7."""
    assert changed(differing(40), outcome("v", histories=6)) == (
        [("not checked", "f0", "in_order", "value")],
        False,
    )
    assert changed(differing(40), outcome("v", histories=7))[0][0][0] == "fixed"


def test_one_whose_check_did_not_run_is_not_fixed():
    told, ok = changed(differing(40, scenario="late"), outcome("v"))
    assert (told, ok) == ([("not checked", "f0", "late", "value")], False)


def test_a_check_that_was_fine_and_is_no_more_is_told():
    before = report(outcome("v"), outcome("v", "late"))
    found = compare_reports(before, report(outcome("v")))
    assert [(one.change, one.column) for one in found.divergences] == [("not checked", "late")]


def test_relations_that_are_not_judged_beside_a_divergence_are_not_missed():
    before = report(outcome("v"), outcome("v", "relations"))
    found = compare_reports(before, report(differing(40)))
    assert [(one.change, one.column) for one in found.divergences] == [("new", "in_order")]
    elsewhere = report(outcome("v"), differing(40, scenario="late"))
    found = compare_reports(before, elsewhere)
    told = [(one.change, one.column) for one in found.divergences]
    assert told == [("new", "late"), ("not checked", "relations")]


def test_a_check_that_is_skipped_now_did_not_run():
    told, ok = changed(differing(40), outcome("v", skipped="needs snapshot()"))
    assert (told, ok) == ([("not checked", "f0", "in_order", "value")], False)


def test_another_kind_is_another_divergence():
    told, ok = changed(differing(40), differing(40, kind="null"))
    assert [one[0] for one in told] == ["new", "fixed"]
    assert not ok


def test_many_more_answers_that_differ_are_worse_and_many_less_better():
    assert changed(differing(100), differing(400)) == (
        [("worse", "f0", "in_order", "value")],
        False,
    )
    assert changed(differing(400), differing(100)) == (
        [("better", "f0", "in_order", "value")],
        True,
    )


def test_what_chance_explains_or_is_less_than_twice_is_unchanged():
    for old, new, size in ((3, 7, 1_000), (4_000, 6_000, 10_000), (40, 40, 1_000)):
        told, ok = changed(differing(old, compared=size), differing(new, compared=size))
        assert (told, ok) == ([("unchanged", "f0", "in_order", "value")], True)


def test_a_known_divergence_counts_as_any_other():
    known = model.Known(owner="ann", reason="later", expires="2099-12-31", expired=False)
    told, ok = changed(outcome("v"), differing(40, known=known))
    assert (told, ok) == ([("new", "f0", "in_order", "value")], False)
    told, ok = changed(differing(40, known=known), outcome("v"))
    assert (told, ok) == ([("fixed", "f0", "in_order", "value")], True)


def test_advice_is_not_compared():
    advice = outcome("v", gates=False, findings=[finding()])
    assert changed(advice, outcome("v", gates=False)) == ([], True)


def test_a_scenario_that_has_become_advice_is_no_longer_checked():
    advice = outcome("v", gates=False, findings=[finding()])
    assert changed(differing(40), advice) == ([("not checked", "f0", "in_order", "value")], False)
    assert changed(outcome("v"), advice) == ([("not checked", "*", "in_order", "")], False)


def test_a_feature_that_is_gone_is_neither_fixed_nor_fine():
    """Whatever it was, it is no longer checked."""
    both = outcome("v", features=("a", "b"), findings=[finding("a")])
    without_a, without_b = outcome("v", features=("b",)), outcome("v", features=("a",))
    assert changed(both, without_a) == ([("not checked", "a", "in_order", "value")], False)
    told, ok = changed(outcome("v", features=("a", "b")), without_b)
    assert (told, ok) == ([("not checked", "b", "in_order", "")], False)


def test_environments_that_were_compared_count_too():
    def compared(*kinds):
        found = [
            model.VersionFinding(
                kind=kind,
                pair=Pair("a", "b"),
                cause="",
                side=None,
                headline="",
                failures=[],
                rows=[],
                places=[],
            )
            for kind in kinds
        ]
        one = model.Compared(
            function="f", ok=not kinds, inconclusive=False, rows=3, culprits=[], seconds=1.0,
            environments=[environment("a"), environment("b")], findings=found,
        )  # fmt: skip
        return merge_reports([], compared=[one])

    def told(before, after):
        found = compare_reports(before, after)
        return [(one.change, one.view, one.column) for one in found.divergences], found.ok

    assert told(compared(), compared("value")) == ([("new", "f", "a~b")], False)
    assert told(compared("value"), compared()) == ([("fixed", "f", "a~b")], True)
    assert told(compared(), report()) == ([("not checked", "f", "a~b")], False)


def test_whole_rows_are_worse_too():
    def missing(rows):
        one = outcome("v", findings=[finding("*", kind="missing row")])
        one.features["f0"] = tally(compared=10_000 - rows, left_only=rows)
        return one

    assert changed(missing(40), missing(400))[0] == [("worse", "*", "in_order", "missing row")]


def test_a_feature_never_tested_is_a_divergence():
    told, ok = changed(outcome("v"), outcome("v", ok=False, untested=["f0"]))
    assert (told, ok) == ([("new", "f0", "in_order", "untested")], False)


def test_an_incomplete_report_is_never_fine():
    found = compare_reports(report(outcome("v")), report(outcome("v"), incomplete=["lost"]))
    assert not found.ok


def test_code_declarations_views_and_packages_that_moved_are_told():
    old = view("v")
    code = msgspec.structs.replace(old.implementations[0], digest="0" * 64)
    new = msgspec.structs.replace(
        old,
        implementations=[code, old.implementations[1]],
        declaration="1" * 64,
        files={**old.files, "helper.py": "2" * 64},
    )
    before = report(outcome("v"), outcome("gone"), views=[old, view("gone", line=30)])
    after = report(
        outcome("v"), views=[new], run=run(packages={"numpy": "3.0.0", "polars": "2.1.0"})
    )
    told = [
        (one.what, one.name, one.before, one.after) for one in compare_reports(before, after).moved
    ]
    assert told == [
        ("view", "gone", "", "gone"),
        ("declaration", "v", "f" * 8, "1" * 8),
        ("code", "v batch", "d" * 8, "0" * 8),
        ("file", "helper.py", "none", "2" * 8),
        ("package", "numpy", "2.4.0", "3.0.0"),
    ]
