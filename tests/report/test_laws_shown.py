"""What became of the laws of each side is in every report that people read."""

from made_reports import check, outcome, report

from skewtest.report import model
from skewtest.report.closing import closing_table
from skewtest.report.formats.html import html_page
from skewtest.report.formats.markdown import markdown
from skewtest.report.laws import count_laws, laws_of

CHECKS = [
    check("determinism", state="held"),
    check("no_future_leakage", change="the future removed", state="broken"),
    check("restart_invariance", "online", state="not applicable", reason="needs snapshot()"),
    check("entity_isolation", state="incomplete", reason="the sides differ in order"),
]


def of_laws(*checks):
    return report(outcome(), outcome("v0", "relations", checks=list(checks)))


def test_what_is_broken_comes_first():
    assert [law.check.state for law in laws_of(of_laws(*CHECKS))] == [
        "broken",
        "held",
        "not applicable",
        "incomplete",
    ]


def test_the_verbose_terminal_tells_of_each_law():
    lines = closing_table(of_laws(*CHECKS), verbose=True)
    start = lines.index("laws: 1 held, 1 broken, 1 not applicable, 1 not tried to the end")
    told = " ".join(" ".join(lines[start + 1 :]).split())
    for law in ("broken 256 histories", "held 256 histories", "needs snapshot()"):
        assert law in told


def test_the_short_terminal_does_not():
    assert closing_table(of_laws(*CHECKS)) == []


def test_the_page_and_the_markdown_have_a_section():
    shown = of_laws(*CHECKS)
    page, text = html_page(shown), markdown(shown)
    assert '<h2 id="laws">Laws</h2>' in page
    assert "<summary>Laws: 1 held, 1 broken, 1 not applicable, 1 not tried to the end" in text
    for each in (page, text):
        assert "needs snapshot()" in each
        assert "the sides differ in order" in each


def test_a_law_that_was_asked_for_and_not_applied_says_so():
    asked = check("restart_invariance", "online", state="not applicable", reason="r", asked=True)
    (law,) = laws_of(of_laws(asked))
    assert law.extent == "r, and it was asked for"


def test_a_report_without_laws_has_no_section():
    assert '<h2 id="laws">' not in html_page(report())
    assert "Laws:" not in markdown(report())
    assert count_laws([]) == ""


def test_what_a_budget_left_out_is_told():
    reach = model.Reach(
        seconds=30.0,
        budget=30.0,
        histories=640,
        planned=6_400,
        left_out=2,
        batch_us=2_000.0,
        online_us=3.0,
    )
    shown = report(outcome(histories=640, reach=reach))
    text = "640 of 6,400 histories in 30 s: batch costs 2 ms a row; 2 of the longest were left out"
    assert text in html_page(shown)
    assert text in markdown(shown)
