"""Markdown, JUnit, SARIF, GitLab and GitHub: each says the same, and takes any text."""

import json
import re
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from hostile_texts import HOSTILE
from junitparser import JUnitXml
from made_reports import (
    answer,
    environment,
    errors,
    example,
    finding,
    hostile,
    large,
    outcome,
    report,
    run,
    tally,
    view,
)
from markdown_it import MarkdownIt

from skewtest.report import model
from skewtest.report.changes import compare_reports
from skewtest.report.formats.github import annotations
from skewtest.report.formats.gitlab import code_quality
from skewtest.report.formats.html import html_page
from skewtest.report.formats.junit import junit
from skewtest.report.formats.markdown import MARKER, markdown
from skewtest.report.formats.sarif import sarif
from skewtest.report.merging import merge_reports
from skewtest.report.reading import report_from_values
from skewtest.results.pair import Pair

GITHUB = MarkdownIt("commonmark", {"html": True}).enable("table")
KNOWN = model.Known(owner="ann", reason="later", expires="2099-12-31", expired=False)


def failing(**given):
    return report(outcome("spend", features=("a", "b"), findings=[finding("a", **given)]))


# -- Markdown --------------------------------------------------------------------------------------


def test_markdown_begins_with_a_stable_marker():
    assert MARKER == "<!-- skewtest parity report -->"
    assert markdown(report()).startswith(f"{MARKER}\n")


def test_markdown_of_parity_is_three_blocks():
    assert markdown(report()) == (
        f"{MARKER}\n\n## ✅ Training-serving parity: parity\n\n"
        "1 feature view, 1 feature, 6,400 histories; 0 of 1 checks fail, revision aaaaaaaaaa, "
        "seed 0.\n"
    )


def test_markdown_shows_what_fails_with_its_history_and_values():
    text = markdown(failing(corpus="tests/skew-corpus/spend/a.json"))
    assert "| spend.a | **skew** |" in text
    assert "spend.b" not in text
    assert "| 1 | 2024-03-01 00:00:00 | a | a | a |" in text
    assert "| a | 0.0 | 1.0 | 1 |" in text
    assert "kept in `tests/skew-corpus/spend/a.json`" in text
    assert len(text.splitlines()) <= 30


def test_markdown_tells_known_divergences_apart():
    text = markdown(failing(known=KNOWN))
    assert "**skew**" not in text
    assert "<summary>1 known divergence</summary>" in text
    assert "until 2099-12-31, ann: later" in text


def test_markdown_tells_what_has_changed():
    text = markdown(
        failing(), compare_reports(report(outcome("spend", features=("a", "b"))), failing())
    )
    assert "**Since the baseline:** 1 new." in text
    assert "- new: spend.a, in_order (value)" in text


@pytest.mark.parametrize("most", [65_000, 4_000, 700])
def test_markdown_never_exceeds_its_limit_and_counts_what_it_leaves_out(most):
    text = markdown(large(50, 10, failing=1), most=most)
    assert len(text) <= most
    if most > 1_000:
        assert re.search(r"\*\d+ further findings in the HTML report\.\*", text)


def test_markdown_of_huge_texts_stays_under_githubs_limit():
    long = hostile(HOSTILE["long word"])
    assert len(markdown(long, compare_reports(report(), long))) < 65_536


@pytest.mark.fault("hostile texts in Markdown", "they are shown as text", ends="harmless")
@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_shows_hostile_texts_as_text(name):
    html = GITHUB.render(markdown(hostile(HOSTILE[name])))
    tags = set(re.findall(r"<([a-zA-Z0-9]+)", html))
    assert tags <= {
        *("h2", "p", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "b"),
        *("strong", "em", "blockquote", "pre", "code", "ul", "li"),
    }
    assert html.count("<details>") == html.count("</details>")


def test_markdown_makes_no_mention_reference_emoji_or_link_of_a_text():
    rows = [["1", "@octocat", "#12", ":tada:", "https://example.invalid", "www.example.invalid"]]
    shown = example()
    shown.timeline.rows[:] = rows
    text = markdown(failing(counterexample=shown, headline="for @octocat in #12"))
    html = unescape(GITHUB.render(text))
    assert "octocat" in html
    assert not re.search(r"@\w|#\d|:tada:|https://example|www\.example", html)
    assert "at 12:00:00" in markdown(failing(headline="at 12:00:00"))


def test_names_of_features_are_readable_in_the_source():
    assert "spend_7d" in markdown(failing(headline="spend.spend_7d: batch and online disagree"))


# -- HTML (more in test_page_in_browser.py) --------------------------------------------------------

EXCUSED = "Excused rows differ and did not stand a closer look"


@pytest.mark.parametrize(("excused", "told"), [(0, False), (3, True)])
def test_rows_that_are_excused_are_counted_and_explained(excused, told):
    one = outcome("spend", features=("a",))
    one.features["a"] = tally(excused=excused)
    text = html_page(report(one))
    assert (EXCUSED in text) is told
    assert f"<td>0<td>{excused}<td>" in text


def test_counters_of_many_columns_are_put_together_and_relations_have_none():
    names = ("in_order", "late", "reordered", "duplicated", "restarted", "split", "zoned")
    text = html_page(report(*(outcome("v", name) for name in (*names, "relations"))))
    counts = text[text.index('<table class="counts">') :]
    assert "<td>2 others together<td>20,000<td>0" in counts
    assert "<td>relations" not in counts[: counts.index("</table>")]


def test_a_scatter_says_how_many_pairs_it_draws():
    one = outcome("v", findings=[finding("f0")])
    one.features["f0"] = tally(errors=errors(largest=1e16))
    text = html_page(report(one))
    assert "60 of 10,000 pairs" in text
    (differ,) = re.findall(r'class="dot off" d="([^"]*)"', text)
    assert differ.count("M") == 9 - 1  # of 0 to 59 by sevens, but for 0, which is on the diagonal


# -- GitHub annotations ----------------------------------------------------------------------------


def test_an_annotation_stands_on_the_line_of_the_feature():
    (line,) = annotations(failing(headline="spend.a: differs"))
    assert line == (
        "::error file=features/declared.py,line=11,title=spend.a%3A differs (in_order)::"
        "a: batch 0.0, online 1.0%0Acause: unknown (value)"
    )


def test_known_divergences_are_notices():
    (line,) = annotations(failing(known=KNOWN))
    assert line.startswith("::notice ")
    assert KNOWN.reason in line


def test_what_was_only_explored_is_a_notice_that_says_so():
    (line,) = annotations(report(outcome("spend", gates=False, findings=[finding("f0")])))[:1]
    assert line.startswith("::notice file=features/declared.py,line=11,title=explored%3A ")


def test_what_is_cut_is_no_error_where_nothing_of_it_fails():
    known = [finding(f"f{n}", known=KNOWN) for n in range(12)]
    names = tuple(f"f{n}" for n in range(12))
    lines = annotations(report(outcome("spend", features=names, findings=known, ok=True)))
    assert lines[-1] == "::notice title=skewtest::3 further problems; see the parity report"


@pytest.mark.parametrize("shown", [annotations, code_quality])
def test_a_report_that_is_incomplete_is_no_list_of_nothing(shown):
    text = "".join(shown(report(incomplete=["a shard is lost"])))
    assert "the parity report is incomplete" in text
    assert text.startswith("::warning ") or '"severity": "major"' in text
    assert "a shard is lost" in text


def test_an_exception_of_several_lines_is_told_by_its_first_one():
    traceback = (
        'at operation 1 of 2\n  File "a.py", line 3, in query\n    check(x)\n    ~~~~~^^^\n'
        "ValidationError: 1 validation error for Row\nx\n  Input should be a number\n"
        "    For further information visit https://errors.example.invalid/number"
    )
    (line,) = annotations(failing(kind="error", failures=[traceback]))
    assert "::ValidationError: 1 validation error for Row%0Acause" in line
    (plain,) = annotations(failing(kind="error", failures=["int has no update(); it has"]))
    assert "::int has no update(); it has%0Acause" in plain


def test_no_more_annotations_than_github_shows():
    lines = annotations(large(20, 1, failing=1))
    assert len(lines) == 10
    assert lines[-1].endswith("231 further problems; see the parity report")


@pytest.mark.fault("hostile texts in annotations", "one line, one annotation", ends="harmless")
@pytest.mark.parametrize("name", ["workflow command", "newlines", "escape codes"])
def test_an_annotation_is_one_line_whatever_it_holds(name):
    for line in annotations(hostile(HOSTILE[name])):
        assert re.match(r"::(error|warning|notice) [^:]*::", line)
        assert "\n" not in line
        assert "\r" not in line


# -- GitLab ----------------------------------------------------------------------------------------


def test_gitlab_gets_a_problem_with_place_severity_and_fingerprint():
    (problem,) = json.loads(code_quality(failing()))
    assert problem["location"] == {"path": "features/declared.py", "lines": {"begin": 11}}
    assert (problem["check_name"], problem["severity"]) == ("skewtest/value", "major")
    assert re.fullmatch(r"[0-9a-f]{64}", problem["fingerprint"])


def test_a_fingerprint_survives_another_line_and_value():
    def fingerprint(one):
        return json.loads(code_quality(one))[0]["fingerprint"]

    moved = failing(values={"a": answer(3.0, 4.0)}, headline="other words")
    moved.views[0].features.clear()
    assert fingerprint(moved) == fingerprint(failing())
    twice = report(outcome("spend", findings=[finding("a", kind="error")] * 2))
    assert len({one["fingerprint"] for one in json.loads(code_quality(twice))}) == 2
    assert fingerprint(failing(kind="null")) != fingerprint(failing())


# -- SARIF -----------------------------------------------------------------------------------------


def test_sarif_has_a_rule_a_place_and_the_implementations():
    log = json.loads(sarif(failing()))
    (one,) = log["runs"]
    (result,) = one["results"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in one["tool"]["driver"]["rules"]] == ["parity-value"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("parity-value", 0, "error")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "features/declared.py"}
    assert place["region"] == {"startLine": 11}
    assert [one["message"]["text"] for one in result["relatedLocations"]] == ["batch", "online"]


def test_rules_of_sarif_have_what_github_requires():
    (rule,) = json.loads(sarif(failing()))["runs"][0]["tool"]["driver"]["rules"]
    assert rule["fullDescription"] == {"text": "Batch and online answer different values."}
    assert rule["help"]["text"].startswith("Batch and online answer different values. The parity ")


def test_files_are_named_from_the_root_of_the_repository():
    git = model.Git(revision="a" * 40, dirty=False, folder="ml/shop/")
    one = report(outcome("spend", features=("a",), findings=[finding("a")]), run=run(git=git))
    (line,) = annotations(one)
    assert line.startswith("::error file=ml/shop/features/declared.py,line=11,")
    (problem,) = json.loads(code_quality(one))
    assert problem["location"]["path"] == "ml/shop/features/declared.py"
    (result,) = json.loads(sarif(one))["runs"][0]["results"]
    related = result["relatedLocations"][0]["physicalLocation"]["artifactLocation"]
    assert related == {"uri": "ml/shop/features/code.py"}


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b/é#1.py", "a%20b/%C3%A9%231.py"),
        ("100%?x.py", "100%25%3Fx.py"),
        ("c:x.py", "c%3Ax.py"),
        ("/elsewhere/a.py", "file:///elsewhere/a.py"),
    ],
)
def test_a_file_is_a_uri_in_sarif(file, uri):
    views = [view("v0", file=file)]
    log = json.loads(sarif(report(outcome(findings=[finding("f0")]), views=views)))
    (place, *_) = log["runs"][0]["results"][0]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == uri


def compared(*findings):
    """A report of nothing but a function under two environments."""
    one = model.Compared(
        function="features.spend",
        ok=not findings,
        inconclusive=False,
        environments=[environment("train"), environment("serve")],
        rows=3,
        culprits=[],
        seconds=1.0,
        findings=list(findings),
    )
    return merge_reports([], compared=[one], run=run())


def test_what_differs_between_environments_is_in_every_format():
    place = model.Place("['n'][0]", "value", "1", "1.0")
    shown = compared(
        model.VersionFinding(
            kind="dtype",
            pair=Pair("train", "serve"),
            cause="library.version",
            side=None,
            headline="spend differs",
            failures=[],
            rows=[],
            places=[place],
        )
    )
    told = "['n'][0]: 1 -> 1.0"
    (line,) = annotations(shown)
    assert line.startswith("::error title=spend differs (train~serve)::")
    assert told in line
    (problem,) = json.loads(code_quality(shown))
    assert told in problem["description"]
    (result,) = json.loads(sarif(shown))["runs"][0]["results"]
    assert told in result["message"]["text"]
    case = ET.fromstring(junit(shown)).find("testsuite/testcase")  # noqa: S314 # our own
    assert (case.get("classname"), case.get("name")) == ("skewtest.features.spend", "train~serve")
    assert told in case.find("failure").text
    same = ET.fromstring(junit(compared())).find("testsuite/testcase")  # noqa: S314 # our own
    assert same.find("failure") is None


def test_sarif_says_that_a_run_was_incomplete():
    (one,) = json.loads(sarif(report(incomplete=["a shard is lost"])))["runs"]
    (invocation,) = one["invocations"]
    assert invocation["executionSuccessful"] is False
    told = invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert told == "a shard is lost"


# -- JUnit -----------------------------------------------------------------------------------------


def test_junit_has_a_case_for_each_feature_and_scenario(tmp_path):
    one = outcome("spend", features=("a", "b"), findings=[finding("a")])
    skipped = outcome("spend", "restarted", features=("a", "b"), skipped="needs snapshot()")
    untested = outcome("visits", features=("n",), ok=False, untested=["n"])
    (tmp_path / "junit.xml").write_text(junit(report(one, skipped, untested)), encoding="utf-8")
    read = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    told = {
        (suite.name, case.classname, case.name): [type(found).__name__ for found in case.result]
        for suite in read
        for case in suite
    }
    assert told == {
        ("spend", "skewtest.spend.a", "in_order"): ["Failure"],
        ("spend", "skewtest.spend.a", "restarted"): ["Skipped"],
        ("spend", "skewtest.spend.b", "in_order"): [],
        ("spend", "skewtest.spend.b", "restarted"): ["Skipped"],
        ("visits", "skewtest.visits.n", "in_order"): ["Failure"],
    }
    assert '<property name="skewtest.verdict" value="skew" />' in junit(report(one))
    assert (next(iter(read)).tests, next(iter(read)).failures, next(iter(read)).skipped) == (
        4,
        1,
        2,
    )


def test_junit_counts_no_second_twice():
    """What scenarios that run together took in all is in the total of each."""
    told = junit(report(outcome("v", features=("a", "b")), outcome("v", "late", ("a", "b"))))
    suite = ET.fromstring(told).find("testsuite")  # noqa: S314 # our own
    assert suite is not None
    assert suite.get("time") == "1.200"
    assert [case.get("time") for case in suite.findall("testcase")] == ["0.300"] * 4


def test_junit_counts_no_rows_of_relations():
    text = junit(report(outcome("v"), outcome("v", "relations")))
    cases = ET.fromstring(text).findall("testsuite/testcase")  # noqa: S314 # our own
    told = {case.get("name"): 'skewtest.match"' in ET.tostring(case, "unicode") for case in cases}
    assert told == {"in_order": True, "relations": False}


def test_the_lead_counts_features_that_were_declared_and_never_compared():
    one = outcome("v", findings=[finding("*", kind="error")])
    one.features.clear()
    found = report(one, views=[view("v", ("a", "b"))])
    assert "1 feature view, 2 features, 6,400 histories; 1 of 1 checks fail" in markdown(found)


def test_a_gap_is_an_error_in_junit():
    root = ET.fromstring(junit(report(incomplete=["a shard is lost"])))  # noqa: S314 # our own
    assert root.find("testsuite[@name='incomplete']/testcase/error").get("message") == (
        "a shard is lost"
    )


@pytest.mark.fault(
    "hostile texts in JUnit, SARIF, GitLab and HTML", "each file is valid", ends="harmless"
)
@pytest.mark.parametrize("name", HOSTILE)
def test_any_text_fits_into_every_format(name):
    shown = hostile(HOSTILE[name])
    ET.fromstring(junit(shown))  # noqa: S314 # our own
    json.loads(sarif(shown))
    json.loads(code_quality(shown))
    markdown(shown).encode()
    assert report_from_values(model.to_dict(shown)) == shown


def test_a_report_without_provenance_can_be_shown():
    bare = report(run=None)
    assert "revision" not in markdown(bare)
    assert "timestamp" not in junit(bare)
    assert json.loads(sarif(bare))["runs"][0]["results"] == []
    assert run().command == "pytest"
