"""`skewtest report`: what each command writes, prints and exits with."""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest
from hostile_texts import HOSTILE
from made_reports import GIT, finding, hostile, outcome, report, run, view
from typer.testing import CliRunner

from skewtest.cli.main import app
from skewtest.report import model
from skewtest.report.provenance import packages
from skewtest.report.reading import report_from_file

SKEWED = outcome("v", findings=[finding("f0")], histories=100)
FORMATS = {
    "--html": "report.html",
    "--md": "report.md",
    "--junit": "junit.xml",
    "--sarif": "report.sarif",
    "--gitlab": "gl-code-quality-report.json",
}


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Call `skewtest report` in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)

    def call_(*words):
        done = CliRunner().invoke(app, ["report", *map(str, words)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    return call_


@pytest.fixture
def write(tmp_path):
    """Write a report of outcomes to a file."""

    def write_(name, *outcomes, **given):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(model.to_json(report(*outcomes, **given)))
        return path

    return write_


# -- other formats of one file ---------------------------------------------------------------------


@pytest.mark.parametrize("option", FORMATS)
def test_each_format_is_written_beside_the_report(call, write, option):
    write("out/report.json", SKEWED)
    done = call("out/report.json", option)
    path = f"out/{FORMATS[option]}"
    assert (done.code, done.out) == (0, f"wrote {path}\n")
    assert "f0" in Path(path).read_text()


def test_all_formats_at_once_go_where_out_says(call, write, tmp_path):
    write("report.json", SKEWED)
    assert call("report.json", *FORMATS, "--out=new/folder").code == 0
    written = (tmp_path / "new" / "folder").iterdir()
    assert sorted(path.name for path in written) == sorted(FORMATS.values())


def test_without_a_format_the_report_is_shown(call, write):
    write("report.json", SKEWED, outcome("w"))
    done = call("report.json")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("skew: 2 feature views, 2 features, 6,500 histories")
    assert "v.f0     skew" in lines
    assert "w.f0     parity" in lines


def test_the_schema_that_is_printed_holds_for_a_report(call, write):
    done = call("--schema")
    schema = json.loads(done.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    values = json.loads(write("report.json", SKEWED).read_text())
    jsonschema.validate(values, schema)
    del values["verdict"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, schema)


def test_a_baseline_is_told_in_what_is_made(call, write):
    write("before.json", outcome("v"))
    write("after.json", SKEWED)
    assert "1 new" in call("after.json", "--baseline=before.json").out
    call("after.json", "--md", "--baseline=before.json")
    assert "**Since the baseline:** 1 new." in Path("report.md").read_text()


def test_on_github_annotations_are_printed_and_the_summary_is_written(
    call, write, monkeypatch, tmp_path
):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    write("report.json", SKEWED)
    done = call("report.json", "--github")
    assert done.out.startswith("::error file=features/declared.py,line=")
    assert (tmp_path / "summary.md").read_text().startswith("<!-- skewtest parity report -->")


@pytest.mark.fault("hostile texts on a terminal", "they are shown as text", ends="harmless")
def test_hostile_texts_are_shown_on_a_terminal_as_text(tmp_path):
    path = tmp_path / "report.json"
    for name, text in HOSTILE.items():
        path.write_bytes(model.to_json(hostile(text)))
        done = CliRunner().invoke(app, ["report", str(path), f"--baseline={path}"])
        assert done.exit_code == 0, (name, done.exception)
        assert "\x1b" not in done.stdout
        assert "\u202e" not in done.stdout


@pytest.mark.fault(
    "a report.json that is missing, cut or something else",
    "an error names the file",
    ends="refused",
)
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read report.json: No such file or directory."),
        (b"", "report.json is no whole JSON"),
        (b'{"version": 2, "verd', "report.json is no whole JSON"),
        (b"[]", "report.json is no parity report"),
        (b'{"version": 1}', "report.json is no parity report of version 3: its version is 1"),
        (b'{"version": 999}', "report.json is no parity report of version 3: its version is 999"),
        (b'{"version": 3}', "missing required field"),
        (b"\xff\xfe", "report.json is no whole JSON"),
        (b"[" * 100_000, "report.json is no whole JSON"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_name(call, tmp_path, content, told):
    if content is not None:
        (tmp_path / "report.json").write_bytes(content)
    for words in (
        ("report.json", "--html"),
        ("compare", "report.json", "report.json"),
        ("certify", "report.json"),
        ("record", "report.json", "--history=h.jsonl"),
    ):
        done = call(*words)
        assert (done.code, done.out) == (2, ""), words
        assert told in done.err
        assert "Traceback" not in done.err


@pytest.mark.fault(
    "a format is to be written where nothing can be", "an error names the folder", ends="refused"
)
def test_a_folder_that_cannot_be_written_is_an_error_with_a_way_out(call, write, tmp_path):
    write("report.json", SKEWED)
    (tmp_path / "file").write_text("")
    done = call("report.json", "--html", "--out=file")
    assert done.code == 2
    assert "cannot write file/report.html: " in done.err
    assert "Name another place with --out." in done.err


def test_a_word_that_is_no_command_and_no_file_is_told(call):
    done = call("mrege", "a.json")
    assert done.code == 2


# -- merge -----------------------------------------------------------------------------------------


def test_merged_parity_exits_with_0(call, write):
    write("a.json", outcome("v"))
    write("b.json", outcome("w"))
    done = call("merge", "a.json", "b.json", "--out=whole.json")
    assert (done.code, done.err) == (0, "")
    whole = report_from_file(Path("whole.json"))
    assert [one.view for one in whole.outcomes] == ["v", "w"]
    assert whole.verdict == "parity"


def test_merged_skew_exits_with_1(call, write):
    write("a.json", SKEWED)
    write("b.json", outcome("w"))
    assert call("merge", "a.json", "b.json").code == 1


@pytest.mark.fault("a merge is to be written over one of its shards", "an error", ends="refused")
def test_no_shard_is_written_over(call, write, tmp_path):
    held = write("a.json", outcome("v")).read_bytes()
    write("b.json", outcome("w"))
    done = call("merge", "a.json", "b.json", f"--out={tmp_path / 'sub' / '..' / 'a.json'}")
    assert done.code == 2
    assert "a.json is one of the shards, and would be lost" in done.err
    assert Path("a.json").read_bytes() == held


@pytest.mark.fault(
    "shards of a merge are cut or missing",
    "they are named, and the whole is incomplete",
    ends="gap",
)
def test_a_shard_that_is_cut_or_missing_is_named_and_exits_with_3(call, write):
    write("a.json", outcome("v"))
    cut = write("b.json", outcome("w"))
    cut.write_bytes(cut.read_bytes()[:-40])
    done = call("merge", "a.json", "b.json", "c.json")
    assert done.code == 3
    assert "incomplete: shard b.json is lost: b.json is no whole JSON" in done.out
    assert "incomplete: shard c.json is lost: cannot read c.json: No such file" in done.out
    assert [one.view for one in report_from_file(Path("report.json")).outcomes] == ["v"]


@pytest.mark.fault("fewer shards than expected", "the whole is incomplete", ends="gap")
def test_less_shards_than_expected_are_incomplete(call, write):
    write("a.json", outcome("v"))
    write("b.json", outcome("w"))
    assert call("merge", "a.json", "b.json", "--expect=2").code == 0
    done = call("merge", "a.json", "b.json", "--expect=4")
    assert done.code == 3
    assert "incomplete: shards number 3 to 4 are lost: they were never written" in done.out


def test_a_shard_that_is_given_twice_is_one(call, write):
    write("a.json", outcome("v"))
    done = call("merge", "a.json", "a.json", "--expect=2")
    assert done.code == 3
    assert "incomplete: shard number 2 is lost: it was never written" in done.out


@pytest.mark.fault("no shard can be read", "the whole is incomplete", ends="gap")
def test_no_shard_that_can_be_read_is_incomplete(call):
    assert call("merge", "a.json").code == 3


# -- compare ---------------------------------------------------------------------------------------


def test_compare_exits_with_1_for_what_is_new_and_0_for_what_is_fixed(call, write):
    write("well.json", outcome("v"))
    write("skewed.json", SKEWED)
    done = call("compare", "well.json", "skewed.json")
    assert done.code == 1
    assert done.out.splitlines()[:3] == [
        "1 new",
        "change  what  scenario  kind   differed  differs",
        "new     v.f0  in_order  value            0.00%",
    ]
    done = call("compare", "skewed.json", "well.json")
    assert (done.code, done.out.splitlines()[0]) == (0, "1 fixed")
    done = call("compare", "well.json", "well.json")
    assert (done.code, done.out) == (0, "no divergence, then or now\n")


def test_compare_as_json_is_json(call, write):
    write("well.json", outcome("v"))
    write("skewed.json", SKEWED)
    done = call("compare", "well.json", "skewed.json", "--json")
    values = json.loads(done.out)
    assert (done.code, values["ok"]) == (1, False)
    assert [(one["feature"], one["change"]) for one in values["divergences"]] == [("f0", "new")]


# -- history ---------------------------------------------------------------------------------------


def test_runs_are_recorded_and_drawn(call, write):
    write("a.json", outcome("v"))
    write("b.json", SKEWED)
    for name in ("a.json", "b.json"):
        assert call("record", name, "--history=h.jsonl").out == "recorded in h.jsonl\n"
    assert call("trend", "h.jsonl").out == "wrote trend.html\n"
    page = Path("trend.html").read_text()
    assert "v.f0" in page
    assert "2 runs" in page


@pytest.mark.fault(
    "lines of a history file are broken", "they are named, and the others are drawn", ends="told"
)
def test_broken_lines_of_a_history_are_named_and_left_out(call, write, tmp_path):
    write("a.json", outcome("v"))
    call("record", "a.json", "--history=h.jsonl")
    with (tmp_path / "h.jsonl").open("a") as file:
        file.write("{half a line")
    done = call("trend", "h.jsonl")
    assert done.code == 0
    assert "line 2" in done.err
    call("record", "a.json", "--history=h.jsonl")
    lines = (tmp_path / "h.jsonl").read_text().splitlines()
    assert [line[:12] for line in lines[1:2]] == ["{half a line"]
    assert json.loads(lines[2])["verdict"] == "parity"


@pytest.mark.fault("a history file without a run", "an error", ends="refused")
def test_a_history_without_a_run_is_an_error(call, tmp_path):
    (tmp_path / "h.jsonl").write_text("")
    done = call("trend", "h.jsonl")
    assert done.code == 2
    assert "h.jsonl holds no run; record one with: skewtest report record" in done.err
    assert call("trend", "none.jsonl").code == 2


# -- certificates ----------------------------------------------------------------------------------


@pytest.fixture
def certified(call, write, tmp_path):
    """A certificate of a report that names this machine's packages, and one file of code."""
    (tmp_path / "code.py").write_text("x = 1\n")
    digest = hashlib.sha256(b"x = 1\n").hexdigest()
    host = model.Host(
        system="Linux", machine="x", cpus=1, python=".".join(map(str, sys.version_info[:3]))
    )
    write(
        "report.json",
        outcome("v"),
        views=[view("v", files={"code.py": digest})],
        run=run(packages=packages(), host=host, git=None),
    )
    done = call("certify", "report.json")
    assert done.out.splitlines() == [
        "wrote parity-certificate.json",
        "parity: 1 feature view, each on 6,400 histories or more",
    ]
    return "parity-certificate.json"


def test_a_certificate_holds_where_nothing_has_moved(call, certified):
    done = call("verify", certified, "--report=report.json")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("nothing has moved\n")


def test_what_has_moved_is_named_with_its_views(call, certified, tmp_path):
    (tmp_path / "code.py").write_text("x = 2\n")
    done = call("verify", certified)
    assert done.code == 1
    told, summary = done.out.splitlines()
    assert told.startswith("code: code.py (v): ")
    assert summary.endswith("; 1 moved")


def test_another_working_tree_is_checked_by_its_root(call, certified, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    done = call("verify", certified, "--root=elsewhere")
    assert done.code == 1
    assert "code: code.py (v): 5a" not in done.out
    assert "-> gone" in done.out


def test_a_report_that_is_not_the_certified_one_is_told(call, certified, write):
    write("report.json", SKEWED)
    done = call("verify", certified, "--report=report.json")
    assert done.code == 1
    assert "report: the report: " in done.out


@pytest.mark.fault(
    "a certificate is edited", "it does not hold, and the report says why", ends="refused"
)
def test_an_edited_certificate_is_told(call, certified, tmp_path):
    path = tmp_path / certified
    path.write_text(path.read_text().replace('"histories": 6400', '"histories": 64000'))
    done = call("verify", certified)
    assert done.code == 1
    assert "seal: the certificate: " in done.out


def test_code_that_lies_in_no_file_is_told(call, write):
    write("report.json", outcome("v"), views=[view("v", uncovered=["batch"])])
    told = "not covered: v batch: a query whose text lies in no file of the project"
    assert told in call("certify", "report.json").err
    assert told in call("verify", "parity-certificate.json").err


@pytest.mark.fault("a certificate of a run without parity", "none is made", ends="refused")
def test_without_parity_there_is_no_certificate_unless_asked_for(call, write, tmp_path):
    write("report.json", SKEWED)
    done = call("certify", "report.json")
    assert done.code == 1
    assert "has the verdict skew: no certificate was written" in done.err
    assert not (tmp_path / "parity-certificate.json").exists()
    assert call("certify", "report.json", "--any-verdict").code == 0
    assert call("verify", "parity-certificate.json").code == 1


def test_uncommitted_changes_are_told(call, write):
    git = model.Git(revision=GIT.revision, dirty=True, branch="main")
    write("report.json", outcome("v"), run=run(git=git))
    assert "changes that were not committed" in call("certify", "report.json").err


@pytest.mark.fault("a certificate cannot be read", "an error names the file", ends="refused")
def test_a_certificate_that_cannot_be_read_is_an_error(call, tmp_path):
    assert "cannot read c.json" in call("verify", "c.json").err
    for content in ("", "{}", "[]", '{"certificate": 1}'):
        (tmp_path / "c.json").write_text(content)
        done = call("verify", "c.json")
        assert (done.code, done.out) == (2, "")
        assert "c.json is no parity certificate" in done.err
