"""Reports of version 2 are still read. The kept one was written at commit a0b083e."""

import json
from pathlib import Path

import pytest

from skewtest.errors import ReportError
from skewtest.report import model
from skewtest.report.certificate import certificate_of
from skewtest.report.changes import compare_reports
from skewtest.report.closing import closing_lines, closing_table
from skewtest.report.formats.html import html_page
from skewtest.report.formats.markdown import markdown
from skewtest.report.reading import report_from_file, report_from_values
from skewtest.report.shards import merge_shards
from skewtest.report.trend import point_of

KEPT = Path(__file__).parent / "kept" / "version2.json"


def values():
    return json.loads(KEPT.read_text())


def lifted():
    return report_from_file(KEPT)


def outcome_of(report, view, scenario):
    (found,) = [one for one in report.outcomes if (one.view, one.scenario) == (view, scenario)]
    return found


def test_its_ends_are_called_left_and_right():
    report = lifted()
    assert report.version == 3
    outcome = outcome_of(report, "spend", "in_order")
    first, second = outcome.findings
    assert (first.pair, second.pair) == (("batch", "online"), ("batch", "online"))
    (before, after) = (values()["outcomes"][0]["findings"][0]["values"], first.values)
    assert after["total"].left == before["total"]["batch"]
    assert after["total"].right_text == before["total"]["online_text"]
    assert outcome.features["total"].left_only == 0
    assert str(second.known.expires) == "2099-01-31"


def test_a_relation_that_it_counted_as_tried_is_not_called_held():
    outcome = outcome_of(lifted(), "counts", "relations")
    # The online object of that project has no snapshot(): the law could not be applied.
    assert [(check.law, check.side, check.state) for check in outcome.checks] == [
        ("restart_invariance", "online", "incomplete"),
        ("spine_independence", "batch", "incomplete"),
    ]
    assert outcome.checks[0].reason == (
        "told by version 2, which did not know whether it was applied"
    )
    assert outcome.incidents == {}


def test_a_relation_that_it_found_broken_was_applied():
    document = values()
    outcome = next(one for one in document["outcomes"] if one["scenario"] == "relations")
    finding = dict(document["outcomes"][0]["findings"][0])
    finding |= {"relation": "spine_independence", "side": "batch", "change": "asked alone"}
    outcome |= {"findings": [{**finding, "feature": "*"}], "ok": False}
    found = outcome_of(report_from_values(document), "counts", "relations")
    assert [check.state for check in found.checks] == ["incomplete", "broken"]
    assert found.findings[0].pair == ("as it is", "asked alone")


def test_what_ended_a_run_early_leaves_the_other_features_unfinished():
    document = values()
    assert not outcome_of(report_from_values(document), "spend", "in_order").cut_short
    document["outcomes"][0]["histories"] = 64
    assert outcome_of(report_from_values(document), "spend", "in_order").cut_short


def test_it_is_compared_with_itself_without_a_change():
    changes = compare_reports(lifted(), lifted())
    assert changes.ok
    assert [one.change for one in changes.divergences] == ["unchanged", "unchanged"]


def test_it_is_merged_and_is_a_point_of_a_trend():
    whole = merge_shards([("old", lifted()), ("again", lifted())])
    assert (whole.verdict, len(whole.outcomes)) == ("skew", 4)
    point = point_of(lifted())
    assert (point.verdict, point.features["spend.total"].state) == ("skew", "fails")


def test_it_is_shown_in_every_format_that_shows_findings():
    report = lifted()
    assert "told by version 2" in html_page(report)
    assert "told by version 2" in markdown(report)
    assert closing_table(report, verbose=True)
    assert any("not all relations were tried" in line for line in closing_lines(report))


def test_it_comes_back_as_version_3():
    report = lifted()
    assert report_from_values(model.to_dict(report)) == report


def test_it_cannot_be_certified():
    with pytest.raises(ReportError, match="a report of version 2 cannot be certified"):
        certificate_of(lifted(), KEPT.read_bytes())


@pytest.mark.parametrize("field", ["outcomes", "compared"])
def test_one_that_lacks_a_part_is_no_report(field):
    document = values()
    del document[field]
    with pytest.raises(ReportError, match="is no parity report of version 2"):
        report_from_values(document)
