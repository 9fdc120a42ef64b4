"""What a run of pytest writes and says of parity: files, summaries, shards, known divergences."""

import json

import pytest

from skewtest.report import model
from skewtest.report.merging import strip_times
from skewtest.report.reading import report_from_file

DELIVERY = """    windows=[timedelta(days=7)],
    delivery=sk.Delivery(late=timedelta(hours=1), duplicates=True, restarts=True),
"""
TWO = """

visits = sk.FeatureView(
    "visits", sources=[orders], entity=["user_id"], batch=spend_batch, online=SpendOnline,
    features={"spend_7d": sk.close()}, windows=[timedelta(days=7)],
)


def test_spend(skew):
    skew.check(spend)


def test_visits(skew):
    skew.check(visits)
"""


def read(project, folder):
    return report_from_file(project.path / folder / "report.json")


@pytest.fixture
def many(project):
    """Two views; `spend` is tried under four scenarios, and counts what is delivered twice."""
    project.view(more=TWO)
    file = project.path / "test_skew.py"
    text = file.read_text().replace("    windows=[timedelta(days=7)],\n", DELIVERY, 1)
    file.write_text(text)
    return project


def test_three_files_are_written_and_a_table_closes_the_run(many):
    result = many.run("--skew-report=out")
    result.stdout.fnmatch_lines(
        [
            "*= training-serving parity =*",
            "feature *duplicated*",
            "spend.spend_7d *skew*",
            "spend.orders_7d *skew*",
            "and 1 feature without fault",
            "slowest: *",
            "skewtest: parity report in out/report.html",
        ]
    )
    names = sorted(path.name for path in (many.path / "out").iterdir())
    assert names == ["report.html", "report.json", "report.md"]


def test_where_all_is_well_only_excused_rows_are_told(project):
    project.view(more=TWO)
    result = project.run()
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*training-serving parity*")
    lines = [line for line in result.outlines if line.startswith("skewtest:")]
    assert all(" rows excused (" in line for line in lines), lines


def test_verbose_shows_all_features_and_the_slowest_views(project):
    project.view(more=TWO)
    result = project.run("-v")
    result.stdout.fnmatch_lines(
        ["*training-serving parity*", "spend.orders_7d *parity*", "slowest: * s, * s"]
    )


def test_a_report_says_where_it_comes_from(many):
    many.run("--skew-report=out")
    found = read(many, "out")
    assert found.run is not None
    assert found.run.command.startswith("pytest --skew-histories=128 --skew-seed=1")
    assert (found.run.seed, found.run.profile, found.run.git) == (1, "dev", None)
    view = next(view for view in found.views if view.name == "spend")
    lines = (many.path / "test_skew.py").read_text().splitlines()
    assert view.file == "test_skew.py"
    assert all('"spend_7d"' in lines[one.line - 1] for one in view.features)
    assert sorted(view.files) == ["features.py", "test_skew.py"]
    assert [one.file for one in view.implementations] == ["features.py", "features.py"]


def test_workers_and_shards_make_the_same_report_as_one_process(many):
    many.run("--skew-report=whole", "-p", "no:cacheprovider")
    many.run_workers("-n", "1", "--skew-report=workers", "-p", "no:cacheprovider")
    shards = ["in_order or late", "duplicated or restarted", "visits", "nothing_of_this_name"]
    for number, chosen in enumerate(shards):
        many.run(f"--skew-report=s{number}", "-k", chosen, "-p", "no:cacheprovider")
    from typer.testing import CliRunner  # noqa: PLC0415 # it is heavy

    from skewtest.cli.main import app  # noqa: PLC0415 # the same

    files = [f"s{number}/report.json" for number in range(len(shards))]
    merged = CliRunner().invoke(app, ["report", "merge", *files, "--out=merged/report.json"])
    assert merged.exit_code == 1, merged.output

    def told(folder):
        return _without_corpus(strip_times(read(many, folder)))

    assert told("workers") == told("whole")
    assert told("merged") == told("whole")


def _without_corpus(report):
    """Return what a report says but for kept files: each run finds those of the ones before it."""
    values = model.to_dict(report)
    for outcome in values["outcomes"]:
        outcome["histories"] = outcome["excused"] = None
        for finding in outcome["findings"]:
            finding["corpus"] = finding["found_at"] = finding["replayed"] = None
    return values


@pytest.mark.fault(
    "a shard of a merge is cut off", "it is named, and the whole is incomplete", ends="gap"
)
def test_a_truncated_shard_is_named_and_the_others_are_merged(project):
    from typer.testing import CliRunner  # noqa: PLC0415 # it is heavy

    from skewtest.cli.main import app  # noqa: PLC0415 # the same

    project.run("--skew-report=a")
    project.run("--skew-report=b")
    cut = project.path / "b" / "report.json"
    cut.write_bytes(cut.read_bytes()[:1_000])
    done = CliRunner().invoke(app, ["report", "merge", "a/report.json", "b/report.json"])
    assert done.exit_code == 3
    assert "incomplete: shard b/report.json is lost: b/report.json is no whole JSON" in done.output
    found = read(project, ".")
    assert (found.verdict, [one.view for one in found.outcomes]) == ("incomplete", ["spend"] * 2)


def test_junit_xml_carries_the_verdict_the_seed_and_the_histories(skewed):
    skewed.run("--junitxml=junit.xml")
    text = (skewed.path / "junit.xml").read_text()
    assert '<property name="skewtest.spend.in_order.verdict" value="skew"' in text
    assert '<property name="skewtest.spend.in_order.seed" value="1"' in text
    assert "batch and online disagree (value)" in text


@pytest.mark.fault(
    "-x after the first failure", "the report says that the run ended early", ends="stopped"
)
def test_a_run_that_ends_early_is_incomplete(skewed):
    """What was never reached may be skewed, whatever failed before it."""
    skewed.view(relations='"default"')
    skewed.file("test_a.py", "def test_a():\n    raise ValueError\n")
    skewed.run("--skew-report=out", "-x")
    found = read(skewed, "out")
    assert found.incomplete == ["the run ended early: stopping after 1 failures"]
    skewed.run("--skew-report=out")
    assert read(skewed, "out").incomplete == []
    skewed.run("--skew-report=out", "-x", "-k", "skew")
    assert (read(skewed, "out").verdict, read(skewed, "out").incomplete) == ("skew", [])


UNCHECKED = """
import pytest
from test_skew import spend

@pytest.mark.skip(reason="no time")
def test_marked(skew):
    skew.check(spend)

def test_skips(skew):
    pytest.skip("not today")

@pytest.mark.xfail(run=False, reason="hopeless")
def test_not_run(skew):
    skew.check(spend)

def test_looks_at_nothing(skew):
    assert spend

def test_of_something_else():
    pytest.skip("no matter")
"""


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_what_is_skipped_or_looks_at_nothing_is_no_parity(project, workers):
    project.file("test_unchecked.py", UNCHECKED)
    project.file("test_gone.py", "import pytest\npytest.importorskip('skewtest_gone')\n")
    project.file("test_other.py", "import pytest\npytest.skip('x', allow_module_level=True)\n")
    result = project.run("--skew-report=out", *workers)
    assert result.ret == 0
    found = read(project, "out")
    assert found.verdict == "incomplete"
    place = "test_unchecked.py::test_"
    told = [
        "checked nothing: " + place + "looks_at_nothing[in_order]",
        "checked nothing: " + place + "not_run[in_order]",
        "skipped: test_gone.py: could not import 'skewtest_gone': No module named 'skewtest_gone'",
        "skipped: " + place + "marked[in_order]: no time",
        "skipped: " + place + "skips[all]: not today",
    ]
    assert sorted(found.incomplete) == told
    result.stdout.fnmatch_lines(["skewtest: incomplete: skipped: *marked[[]in_order]: no time"])


@pytest.mark.fault("a test module that does not import", "a gap in the report", ends="gap")
def test_a_module_that_cannot_be_collected_is_one_gap(project):
    """pytest ends the run for it, which is no interrupt."""
    project.file("test_broken.py", "import nothing_of_this_name\n")
    project.run("--skew-report=out")
    assert read(project, "out").incomplete == ["error: test_broken.py"]


@pytest.mark.fault(
    "a test calls os._exit in a worker of pytest-xdist", "a gap in the report", ends="gap"
)
def test_a_view_that_kills_its_worker_is_missing_and_the_report_says_so(project):
    project.view(more="\n\ndef test_spend(skew):\n    skew.check(spend)\n")
    project.file(
        "test_dies.py",
        """
        import os
        from test_skew import spend

        def test_dies(skew):
            assert spend is not None
            os._exit(3)
        """,
    )
    project.run_workers("-n", "1", "--skew-report=out")
    found = read(project, "out")
    assert found.verdict == "incomplete"
    assert any(
        gap.startswith("a worker crashed: test_dies.py::test_dies") for gap in found.incomplete
    )


def test_looking_at_what_there_is_to_run_writes_nothing(project):
    project.run("--skew-report=out", "--skew-history=h.jsonl")
    before = (project.path / "out" / "report.json").read_bytes()
    project.run("--skew-report=out", "--skew-history=h.jsonl", "--collect-only")
    assert (project.path / "out" / "report.json").read_bytes() == before
    assert len((project.path / "h.jsonl").read_text().splitlines()) == 1


def test_any_command_line_fits_into_a_report(project):
    """Also bytes that are no UTF-8, which Python hands on as halves of surrogate pairs."""
    project.run("--skew-report=out", "--ignore=gone_\udcff")
    found = read(project, "out")
    assert found.verdict == "parity"
    assert r"gone_\udcff" in found.run.command


def test_the_command_of_a_finding_runs_its_test_again(skewed):
    """Whatever the test is called."""
    file = skewed.path / "test_skew.py"
    file.write_text(file.read_text() + "\n\ndef test_alpha(skew):\n    skew.check(spend)\n")
    skewed.run("--skew-report=out")
    commands = [outcome.again for outcome in read(skewed, "out").outcomes if outcome.findings]
    assert commands == [
        'pytest "test_skew.py::test_spend[in_order]" --skew-seed=1 --skew-histories=128',
        'pytest "test_skew.py::test_alpha[in_order]"',
    ]
    assert "test_alpha[in_order]" in (skewed.path / "out" / "report.html").read_text()


# -- GitHub ----------------------------------------------------------------------------------------


def test_on_github_the_summary_is_written_and_lines_are_annotated(skewed, monkeypatch):
    summary = skewed.path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    summary.write_text("# before\n")
    result = skewed.run()
    result.stdout.fnmatch_lines(["::error file=test_skew.py,line=*,title=spend.spend_7d%3A *::*"])
    text = summary.read_text()
    assert text.startswith("# before\n<!-- skewtest parity report -->")
    assert "| spend.spend_7d | **skew** |" in text


@pytest.mark.fault("the summary on GitHub cannot be written", "a line names the file", ends="gap")
def test_a_summary_that_cannot_be_written_is_an_error_with_its_name(project, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path))
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["skewtest: cannot write *: Is a directory."])


# -- baseline and history --------------------------------------------------------------------------


def test_a_baseline_says_what_is_new(project):
    project.run("--skew-report=before")
    project.features(skewed=True)
    project.run("--skew-report=after", "--skew-baseline=before/report.json")
    page = (project.path / "after" / "report.md").read_text()
    assert "**Since the baseline:** 2 new." in page
    assert "- new: spend.spend_7d, in_order (value)" in page
    assert "- code of spend batch: " in page


@pytest.mark.fault(
    "the baseline cannot be read",
    "the report and the history are written, and a line names the file",
    ends="gap",
)
def test_a_baseline_that_cannot_be_read_is_an_error_and_the_run_is_kept(project):
    given = ("--skew-report=out", "--skew-baseline=none.json", "--skew-history=h.jsonl")
    result = project.run(*given)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["skewtest: cannot read none.json: No such file or directory."])
    assert read(project, "out").verdict == "parity"
    assert len((project.path / "h.jsonl").read_text().splitlines()) == 1


def test_a_baseline_alone_is_told_on_the_terminal(project):
    project.run("--skew-report=before")
    project.features(skewed=True)
    result = project.run("--skew-baseline=before/report.json")
    result.stdout.fnmatch_lines(["skewtest: since the baseline: 2 new"])


def test_the_baseline_may_be_the_report_that_is_written_over(project):
    project.run("--skew-report=out")
    project.features(skewed=True)
    result = project.run("--skew-report=out", "--skew-baseline=out/report.json")
    result.stdout.fnmatch_lines(["skewtest: since the baseline: 2 new"])
    assert read(project, "out").verdict == "skew"


def test_a_run_that_dies_leaves_no_report_of_another(project):
    project.run("--skew-report=out")
    project.file("test_dies.py", "import os\n\ndef test_dies():\n    os._exit(0)\n")
    project.run("--skew-report=out", "--collect-only")
    assert read(project, "out").verdict == "parity"
    project.run_apart("--skew-report=out")
    assert [*(project.path / "out").iterdir()] == []


def test_each_run_is_a_line_of_the_history(project):
    project.run("--skew-history=h.jsonl")
    project.run("--skew-history=h.jsonl")
    lines = [json.loads(line) for line in (project.path / "h.jsonl").read_text().splitlines()]
    assert [line["verdict"] for line in lines] == ["parity", "parity"]


# -- known divergences -----------------------------------------------------------------------------

KNOWN = """
[[tool.skewtest.known]]
view = "spend"
feature = "{feature}"
owner = "ann"
reason = "the window is being moved"
expires = {expires}
"""


def know(project, *features, expires="2099-12-31", more=""):
    text = "".join(KNOWN.format(feature=name, expires=expires) + more for name in features)
    project.file("pyproject.toml", text)


def test_a_known_divergence_passes_and_is_told(skewed):
    know(skewed, "spend_7d", "orders_7d")
    result = skewed.run("--skew-report=out")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "skewtest: known until 2099-12-31: spend.spend_7d (value, in_order), ann: the window *",
            "skewtest: known until 2099-12-31: spend.orders_7d *",
        ]
    )
    found = read(skewed, "out")
    assert (found.verdict, len(found.outcomes[0].findings)) == ("parity", 2)
    assert found.outcomes[0].findings[0].known.owner == "ann"
    assert "known divergences" in (skewed.path / "out" / "report.md").read_text()


def test_another_divergence_beside_it_still_fails(skewed):
    know(skewed, "spend_7d")
    result = skewed.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["spend.orders_7d: batch and online disagree*"])


def test_a_known_divergence_does_not_end_the_search(skewed):
    know(skewed, "spend_7d", "orders_7d")
    skewed.run("--skew-report=out", "--skew-histories=1000")
    outcome = read(skewed, "out").outcomes[0]
    assert outcome.histories >= outcome.planned == 1_000


@pytest.mark.fault("a known divergence has expired", "it fails and says so", ends="finding")
def test_one_that_has_expired_fails_and_says_so(skewed):
    know(skewed, "spend_7d", "orders_7d", expires="2020-01-31")
    result = skewed.run("--skew-report=out")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*known*expired on 2020-01-31*ann*"])
    assert read(skewed, "out").verdict == "skew"


@pytest.mark.fault("a known divergence no longer occurs", "it fails and says so", ends="finding")
def test_one_that_no_longer_occurs_fails_and_says_so(project):
    know(project, "spend_7d")
    result = project.run("--skew-histories=6400")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "spend.spend_7d: the known divergence no longer occurs*",
            "*take it out of pyproject.toml*",
        ]
    )


def test_a_short_run_does_not_say_that_it_no_longer_occurs(project):
    know(project, "spend_7d")
    project.run().assert_outcomes(passed=1)


def test_one_of_another_kind_is_no_excuse(skewed):
    know(skewed, "spend_7d", "orders_7d", more='kind = "null"\n')
    skewed.run().assert_outcomes(failed=1)


def test_one_that_no_check_has_met_is_told(project):
    know(project, "spend_7d", more='cell = "no~such"\n')
    told = "skewtest: known divergence of spend.spend_7d, in_order-no~such: nothing of that name *"
    project.run().stdout.fnmatch_lines([told])
    project.run("-k", "spend").stdout.fnmatch_lines([told])
    project.run("test_skew.py").stdout.no_fnmatch_line("*nothing of that name*")


def test_one_of_an_unknown_feature_is_refused_with_the_nearest(skewed):
    know(skewed, "spend_7")
    result = skewed.run()
    result.stdout.no_fnmatch_line("*session.py*")
    result.stdout.fnmatch_lines(["*'spend' has no feature 'spend_7'*Did you mean 'spend_7d'?*"])


@pytest.mark.fault(
    "a known divergence is declared wrongly",
    "an error names the entry, before anything runs",
    ends="refused",
)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("known = 3", "write each one as a table [[tool.skewtest.known]]"),
        ("known = [3]", "number 1 must be a table; got 3"),
        ('[[tool.skewtest.known]]\nview = "v"', "lacks 'feature', 'owner', 'reason', 'expires'"),
        (KNOWN.format(feature="f", expires='"soon"'), "expires must be a date, as in expires ="),
        (KNOWN.format(feature="f", expires="2026-01-01T00:00:00"), "expires must be a date"),
        (KNOWN.format(feature="", expires="2026-01-01"), "feature must be a text; got ''"),
        (KNOWN.format(feature="f", expires="2026-01-01") + 'sceario = "late"', "'scenario'?"),
        (KNOWN.format(feature="f", expires="2026-01-01") + 'scenario = "lat"', "'late'?"),
        (KNOWN.format(feature="f", expires="2026-01-01") + 'kind = "values"', "'value'?"),
        (KNOWN.format(feature="f", expires="2026-01-01") * 2, "is the same divergence as one"),
    ],
)
def test_a_wrong_entry_is_refused_before_anything_runs(project, text, told):
    head = "" if text.startswith(("[", "\n[")) else "[tool.skewtest]\n"
    project.file("pyproject.toml", head + text)
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in result.stderr.str()
    assert "[[tool.skewtest.known]]" in result.stderr.str()
