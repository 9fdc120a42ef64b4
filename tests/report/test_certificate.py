"""The parity certificate: what it holds, and everything that it says has moved."""

import hashlib

import msgspec
import pytest
from made_reports import GIT, finding, outcome, report, run, view

from skewtest.errors import ReportError
from skewtest.report.certificate import certificate_of, list_differences, read_certificate, to_json
from skewtest.report.model import Known

CONTENT = b'{"version": 3}'
CERTIFIED = certificate_of(
    report(outcome("v", histories=500, seed=3, data={"orders": "9" * 64})), CONTENT
)


def moved(certificate=CERTIFIED, **given):
    usual = {
        "digest": lambda _name: "e" * 64,
        "packages": {"numpy": "2.4.0", "polars": "2.1.0"},
        "python": "3.11.7",
        "revision": "a" * 40,
    }
    found = list_differences(certificate, **usual | given)
    return [(one.what, one.name, one.certified, one.found, one.views) for one in found]


def test_it_links_code_data_versions_seeds_verdict_and_report():
    held = CERTIFIED.views["v"]
    assert (CERTIFIED.verdict, CERTIFIED.revision, CERTIFIED.python) == (
        "parity",
        "a" * 40,
        "3.11.7",
    )
    assert CERTIFIED.packages == {"numpy": "2.4.0", "polars": "2.1.0"}
    assert CERTIFIED.report == hashlib.sha256(CONTENT).hexdigest()
    assert (held.batch, held.online, held.declaration) == ("d" * 64, "d" * 64, "f" * 64)
    assert (held.files, held.data) == ({"features/code.py": "e" * 64}, {"orders": "9" * 64})
    assert (held.seeds, held.histories, held.scenarios) == ([3], 500, ["in_order"])


def test_nothing_has_moved_where_nothing_has():
    assert moved() == []
    assert moved(report=CONTENT) == []


def test_a_changed_file_is_named_with_the_views_that_it_concerns():
    both = certificate_of(
        report(outcome("v"), outcome("w"), views=[view("v"), view("w", line=20)]), CONTENT
    )
    assert moved(both, digest=lambda _name: "0" * 64) == [
        ("code", "features/code.py", "e" * 12, "0" * 12, ("v", "w"))
    ]


def test_a_file_that_is_gone_is_told():
    assert moved(digest=lambda _name: None) == [("code", "features/code.py", "e" * 12, "", ("v",))]


def test_packages_python_and_revision_are_compared():
    assert moved(packages={"numpy": "3.0.0"}, python="3.12.1", revision="b" * 40) == [
        ("package", "numpy", "2.4.0", "3.0.0", ()),
        ("package", "polars", "2.1.0", "", ()),
        ("python", "python", "3.11.7", "3.12.1", ()),
        ("revision", "git", "a" * 12, "b" * 12, ()),
    ]


def test_another_report_is_told():
    (told,) = moved(report=b"another one")
    assert told[:2] == ("report", "the report")


def test_a_certificate_that_was_changed_is_told():
    (told,) = moved(msgspec.structs.replace(CERTIFIED, verdict="skew"))
    assert told[0] == "seal"


def test_a_file_of_it_comes_back_as_it_was(tmp_path):
    (tmp_path / "c.json").write_bytes(to_json(CERTIFIED))
    assert read_certificate(tmp_path / "c.json") == CERTIFIED


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"certificate": 1}', b"\xff", b'{"certificate": 2}']
)
def test_what_is_no_certificate_is_refused(tmp_path, text):
    (tmp_path / "c.json").write_bytes(text)
    with pytest.raises(ReportError, match="is no parity certificate"):
        read_certificate(tmp_path / "c.json")


def test_a_report_that_does_not_say_where_it_comes_from_gets_none():
    with pytest.raises(ReportError, match="does not say where it comes from"):
        certificate_of(report(run=None), CONTENT)


def test_views_of_one_name_get_no_certificate():
    """It could not say of which of them it tells."""
    both = report(outcome("v"), views=[view("v"), view("v", file="other.py")])
    with pytest.raises(ReportError, match="more than one view named 'v'"):
        certificate_of(both, CONTENT)


def test_known_divergences_and_uncommitted_changes_are_on_it():
    known = Known(owner="ann", reason="later", expires="2099-12-31", expired=False)
    one = report(
        outcome("v", ok=True, findings=[finding(known=known)]),
        run=run(git=msgspec.structs.replace(GIT, dirty=True)),
    )
    found = certificate_of(one, CONTENT)
    assert found.known == ["v.f0 (value, in_order) until 2099-12-31: ann"]
    assert found.dirty
