"""Files and names that somebody has made to do harm do none."""

import json

import pytest
from spend_view import view
from typer.testing import CliRunner

import skewtest as sk
from skewtest.cli.certifying import _digest_within
from skewtest.cli.main import app
from skewtest.environments.cache import CACHE, FACTS, list_cached, prune
from skewtest.environments.locks import _load_kept_lock
from skewtest.errors import DeclarationError
from skewtest.harness.project import read_project


@pytest.mark.fault(
    "names of views that leave their folder, or are none on some system",
    "an error names what a name is made of",
    ends="refused",
)
@pytest.mark.parametrize(
    "name", ["../x", "/etc", "a/b", "..", "", "a\0", "a" * 300, "CON", "nul.x", "com1", "é", "a\\b"]
)
def test_the_name_of_a_view_is_that_of_a_folder(name):
    features = {"n": sk.exact()}
    sources = [*view().sources.values()]
    with pytest.raises(DeclarationError, match="FeatureView name must be"):
        sk.FeatureView(
            name, sources=sources, entity=["user_id"], batch=print, online=print, features=features
        )


@pytest.mark.fault(
    "a certificate that names files outside the working tree, devices and NUL",
    "none is read: each counts as gone",
    ends="told",
)
@pytest.mark.parametrize(
    "name", ["../secret", "/dev/zero", "/etc/passwd", "a\0b", "x" * 5_000, "link", "."]
)
def test_a_certificate_reads_nothing_outside_its_tree(name, tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (tmp_path / "secret").write_text("x")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "own").write_text("x")
    assert _digest_within(root, name) is None
    assert _digest_within(root, "own") is not None
    (tmp_path / "shared.py").write_text("x")
    assert _digest_within(root, "../shared.py") is not None


@pytest.mark.fault(
    "a kept lock that names an index, a file or an address",
    "it is not used, and is resolved again",
    ends="harmless",
)
@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.invalid",
        "-r other.txt",
        "evil @ https://example.invalid/e.whl",
        "./evil.whl",
        "numpy==1.26.4 @ file:///x",
        "numpy==1 --hash=x",
    ],
)
def test_a_lock_that_holds_more_than_pins_is_not_used(line, tmp_path):
    file = tmp_path / "lock.txt"
    file.write_text("pandas==2.2.2 ; python_version < '3.13'\n" + line)
    assert _load_kept_lock(file, ()) == ""
    file.write_text("pandas==2.2.2 ; python_version < '3.13'\n# a remark\n")
    assert _load_kept_lock(file, ()) == file.read_text()


@pytest.mark.fault(
    "a record of a built environment that is cut off or forged",
    "the environment counts as not built, and prune removes it",
    ends="harmless",
)
@pytest.mark.parametrize("text", ["{", "[]", '{"name": 3}', "[" * 10_000, ""])
def test_a_damaged_record_of_an_environment_is_none(text, tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE, str(tmp_path))
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / FACTS).write_text(text)
    assert list_cached() == []
    assert CliRunner().invoke(app, ["env", "list"]).exit_code == 0
    prune(days=30)
    assert not (tmp_path / "key").exists()


@pytest.mark.fault(
    "a pyproject.toml whose `tool` is no table, or is nested a thousand levels deep",
    "an error names the file",
    ends="refused",
)
@pytest.mark.parametrize(
    "text", ["tool = 3", "[tool]\nskewtest = 3", "x = " + "[" * 2_000, "x = " + "9" * 5_000]
)
def test_a_pyproject_that_is_no_table_is_refused(text, tmp_path):
    file = tmp_path / "pyproject.toml"
    file.write_text(text)
    with pytest.raises(pytest.UsageError, match=r"pyproject\.toml"):
        read_project(file)


@pytest.mark.fault(
    "environment variables, the host, the user and home, looked for in a report",
    "none is in it",
    ends="harmless",
)
def test_a_report_names_nobody(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2-hunter2")
    monkeypatch.setenv("USER", "somebody-of-us")
    text = json.dumps(sk.check(view(), histories=4, seed=1).to_dict())
    for word in ("SECRET_TOKEN", "hunter2", "somebody-of-us"):
        assert word not in text
