"""What is collected, under which ids, and how pytest's own options pick it."""

import xml.etree.ElementTree as ET

import pytest


def collected(result):
    return [line for line in result.outlines if "::" in line and " " not in line]


def test_the_ten_line_example_passes(project):
    result = project.run()
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.OK


def test_the_ten_line_example_fails_where_there_is_skew(skewed):
    result = skewed.run()
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["spend.spend_7d: batch and online disagree*"])


def test_a_check_is_one_item_a_scenario(project):
    assert collected(project.run("--collect-only", "-q")) == ["test_skew.py::test_spend[in_order]"]


def test_a_view_of_a_module_is_collected_without_a_test_function(project):
    project.view(more="")
    assert collected(project.run("--collect-only", "-q")) == ["test_skew.py::spend[in_order]"]


def test_a_view_that_another_test_function_names_is_collected_besides(project):
    project.view(more="\ndef test_other():\n    assert spend.name == 'spend'\n")
    assert collected(project.run("--collect-only", "-q")) == [
        "test_skew.py::spend[in_order]",
        "test_skew.py::test_other",
    ]


def test_a_view_named_in_a_method_is_not_collected_twice(project):
    project.view(
        more="\nclass TestSpend:\n    def test_it(self, skew):\n        skew.check(spend)\n"
    )
    assert collected(project.run("--collect-only", "-q")) == [
        "test_skew.py::TestSpend::test_it[in_order]"
    ]


def test_a_collected_view_fails_where_there_is_skew(skewed):
    skewed.view(more="")
    result = skewed.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAILED test_skew.py::spend*"])


@pytest.mark.parametrize("chosen", ["spend", "in_order", "spend and in_order", "test_spend"])
def test_k_picks_by_view_and_scenario(project, chosen):
    project.view(
        more="\ndef test_other():\n    pass\n\ndef test_spend(skew):\n    skew.check(spend)\n"
    )
    project.run("-k", chosen).assert_outcomes(passed=1, deselected=1)


def test_m_skew_picks_the_checks(project):
    project.view(more="\ndef test_other():\n    pass\n")
    project.run("-m", "skew").assert_outcomes(passed=1, deselected=1)
    project.run("-m", "not skew").assert_outcomes(passed=1, deselected=1)


def test_strict_markers_know_ours(project):
    project.run("--strict-markers").assert_outcomes(passed=1)


def test_lf_runs_the_failed_check_alone(skewed):
    skewed.file("test_other.py", "def test_other():\n    pass\n")
    skewed.run().assert_outcomes(failed=1, passed=1)
    again = skewed.run("--lf")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*rerun previous 1 failure*"])


def test_lf_runs_a_failed_collected_view_alone(skewed):
    skewed.view(more="\ndef test_other():\n    pass\n")
    skewed.run().assert_outcomes(failed=1, passed=1)
    skewed.run("--lf").assert_outcomes(failed=1)


def test_a_collected_view_runs_by_its_id(project):
    project.view(more="\ndef test_other():\n    pass\n")
    project.run("test_skew.py::spend[in_order]").assert_outcomes(passed=1)


def test_lf_runs_a_failed_view_of_a_registered_module_alone(skewed):
    skewed.view("views.py", more="")
    skewed.file("pyproject.toml", '[tool.pytest.ini_options]\n[tool.skewtest]\nviews = ["views"]\n')
    (skewed.path / "tox.ini").unlink()
    (skewed.path / "test_skew.py").write_text("def test_other():\n    pass\n")
    skewed.run().assert_outcomes(failed=1, passed=1)
    skewed.run("--lf").assert_outcomes(failed=1)


def test_x_stops_at_the_first_check_that_fails(skewed):
    skewed.view(more="\ndef test_spend(skew):\n    skew.check(spend)\n\ndef test_z():\n    pass\n")
    skewed.run("-x").assert_outcomes(failed=1)


def test_q_keeps_the_report(skewed):
    result = skewed.run("-q")
    result.stdout.fnmatch_lines(["spend.spend_7d: batch and online disagree*", "1 failed in*"])


def test_xdist_runs_the_checks_and_gathers_their_results(skewed):
    skewed.file("test_other.py", "def test_other():\n    pass\n")
    result = skewed.run_workers("-n", "2", "--skew-report=out")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["spend.spend_7d: batch and online disagree*", "*report.html"])
    assert '"view": "spend"' in (skewed.path / "out" / "report.json").read_text()


def test_junit_holds_the_report(skewed):
    skewed.run("--junitxml=out.xml")
    (case,) = ET.parse(skewed.path / "out.xml").iter("testcase")  # noqa: S314 - written above
    assert (case.get("classname"), case.get("name")) == ("test_skew", "test_spend[in_order]")
    failure = case.find("failure")
    assert failure.get("message") == "spend.spend_7d: batch and online disagree"
    assert "exactly as_of - 7 d" in failure.text
    assert "\x1b" not in failure.text


def test_a_collected_view_has_the_line_of_its_declaration(project):
    project.view(more="")
    project.run("--junitxml=out.xml", "-o", "junit_family=xunit1")
    (case,) = ET.parse(project.path / "out.xml").iter("testcase")  # noqa: S314 - written above
    lines = (project.path / "test_skew.py").read_text().splitlines()
    assert lines[int(case.get("line"))].startswith("spend = sk.FeatureView(")


def test_it_works_without_pytest_s_cache(skewed):
    skewed.run("-p", "no:cacheprovider").assert_outcomes(failed=1)
    assert not (skewed.path / ".pytest_cache").exists()


def test_skew_run_returns_what_it_found_and_raises_nothing(skewed):
    skewed.view(
        more="""
        def test_spend(skew):
            result = skew.run(spend)
            assert not result.ok
            assert [f.feature for f in result.findings] == ["spend_7d", "orders_7d"]
        """
    )
    skewed.run().assert_outcomes(passed=1)


def test_skew_check_returns_the_result(project):
    project.view(
        more="""
        def test_spend(skew):
            assert skew.check(spend).histories == 128
        """
    )
    project.run().assert_outcomes(passed=1)


def test_what_is_no_view_is_refused(project):
    project.view(more="\ndef test_spend(skew):\n    skew.check('spend')\n\nspend = None\n")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*skew.check takes a FeatureView; got 'spend'*"])


def test_a_feature_that_was_never_tested_fails(project):
    project.view(
        more="""
        class Nothing:
            def update(self, event):
                pass

            def query(self, request):
                return {"x": None}

        blank = sk.FeatureView(
            "blank", sources=[orders], entity=["user_id"], features={"x": sk.close()},
            batch=lambda spine: spine.with_columns(x=None), online=Nothing,
        )

        def test_blank(skew):
            skew.check(blank)

        del spend
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["blank.x: never tested"])
