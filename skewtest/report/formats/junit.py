"""A report as JUnit XML: a suite for each view, a case for each feature under each scenario."""

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from skewtest.declare.delivery import RELATIONS
from skewtest.report import model
from skewtest.report.grid import Cell, Row, concerns, grid_of
from skewtest.report.plain import visible
from skewtest.report.problems import UNTESTED, message_of, message_of_versions
from skewtest.report.summary import not_checked, own_seconds

# What XML 1.0 has no way to write, escaped or not: a reader refuses the whole file.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TALLIED = ("match", "mismatch", "left_only", "right_only", "both_null")


def junit(report: model.Report) -> str:
    """Return a report as JUnit XML. A known divergence passes, and says so; a gap is an error."""
    root = ET.Element("testsuites", name="skewtest")
    by_view: dict[str, list[Row]] = {}
    for row in grid_of(report).rows:
        by_view.setdefault(row.view, []).append(row)
    for view, rows in by_view.items():
        _add_view(report, root, view, rows)
    for compared in report.compared:
        _add_compared(root, compared)
    _add_gaps(report, root)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_view(report: model.Report, root: ET.Element, view: str, rows: Iterable[Row]) -> None:
    suite = ET.SubElement(root, "testsuite", name=_xml(view))
    if report.run is not None:
        suite.set("timestamp", report.run.time)
    for row in rows:
        for column, cell in row.cells.items():
            _add_case(report, suite, row.feature, column, cell)
    seconds = 0.0
    for outcome in report.outcomes:
        if outcome.view == view:
            seconds += own_seconds(outcome)
    _count(suite, seconds)


def _add_gaps(report: model.Report, root: ET.Element) -> None:
    """Add what is missing as errors; what was skipped is a case already."""
    skipped = set(map(not_checked, report.outcomes))
    gaps = [gap for gap in report.incomplete if gap not in skipped]
    if not gaps:
        return
    suite = ET.SubElement(root, "testsuite", name="incomplete")
    for gap in gaps:
        case = ET.SubElement(suite, "testcase", classname="skewtest", name=_xml(gap))
        ET.SubElement(case, "error", message=_xml(gap))
    _count(suite, 0.0)


def _add_compared(root: ET.Element, compared: model.Compared) -> None:
    suite = ET.SubElement(root, "testsuite", name=_xml(compared.function))
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_xml(f"skewtest.{compared.function}"),
        name=_xml(compared.column),
        time=f"{compared.seconds:.3f}",
    )
    for finding in compared.findings:
        failure = ET.SubElement(
            case, "failure", type=_xml(finding.kind), message=_xml(finding.headline)
        )
        failure.text = _xml("\n".join([message_of_versions(finding), *finding.failures]))
    _count(suite, compared.seconds)


def _add_case(
    report: model.Report, suite: ET.Element, feature: str, column: str, cell: Cell
) -> None:
    outcomes = [report.outcomes[number] for number in cell.outcomes]
    outcome = outcomes[0]
    case = ET.SubElement(
        suite, "testcase", classname=_xml(f"skewtest.{outcome.view}.{feature}"), name=_xml(column)
    )
    # All features of an outcome were run at once: its seconds are split, and not told twice.
    share = len(outcome.features) or 1
    case.set("time", f"{sum(map(own_seconds, outcomes)) / share:.3f}")
    _add_properties(case, outcome, feature, cell)
    if cell.state == "skipped":
        ET.SubElement(case, "skipped", message=_xml(outcome.skipped or ""))
    if cell.state == "untested":
        ET.SubElement(case, "failure", type="untested", message="never tested").text = UNTESTED
    if cell.state == "stale":
        ET.SubElement(case, "failure", type="stale", message="known divergence no longer occurs")
    if cell.state == "fails":
        for each in outcomes:
            _add_failures(case, each, feature)


def _add_failures(case: ET.Element, outcome: model.Outcome, feature: str) -> None:
    for finding in outcome.findings:
        if concerns(finding, feature):
            failure = ET.SubElement(
                case, "failure", type=_xml(finding.kind), message=_xml(finding.headline)
            )
            failure.text = _xml("\n".join([message_of(finding), *finding.failures]))


def _add_properties(case: ET.Element, outcome: model.Outcome, feature: str, cell: Cell) -> None:
    properties = ET.SubElement(case, "properties")
    facts = {
        "skewtest.verdict": cell.word,
        "skewtest.seed": outcome.seed,
        "skewtest.histories": outcome.histories,
    }
    tally = outcome.features.get(feature)
    if tally is not None and outcome.scenario != RELATIONS:  # they compare a side with itself
        for name in TALLIED:
            facts[f"skewtest.{name}"] = getattr(tally, name)
        if tally.errors is not None:
            facts["skewtest.max_ulps"] = tally.errors.ulps.max
            facts["skewtest.smape"] = tally.errors.smape
    for name, value in facts.items():
        ET.SubElement(properties, "property", name=name, value=_xml(str(value)))


def _count(suite: ET.Element, seconds: float) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", f"{seconds:.3f}")


def _xml(text: str) -> str:
    """Return a text without characters that XML 1.0 cannot hold."""
    return NOT_XML.sub("?", visible(text))
