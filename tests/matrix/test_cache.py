"""The cache of environments, and the command line that shows and clears it."""

import json
import os
import time

import pytest
from typer.testing import CliRunner

from skewtest.cli.main import app
from skewtest.environments.cache import USED, cache_folder, list_cached, prune

DAY = 24 * 60 * 60
ENDS = ("--package", "x", "--in", "a", "--from", "1", "--to", "2")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SKEWTEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))  # the path is put back as it was
    (tmp_path / "pyproject.toml").write_text("")


def keep(key, days):
    folder = cache_folder() / key
    folder.mkdir(parents=True)
    facts = {"name": key, "python": "3.11.7", "packages": {"numpy": "1.26.4"}, "asked": []}
    (folder / "environment.json").write_text(json.dumps(facts))
    (folder / USED).touch()
    then = time.time() - days * DAY
    os.utime(folder / USED, (then, then))
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["env", *arguments])


def test_what_was_used_last_is_listed_first():
    keep("py311-old", 40)
    keep("py311-new", 1)
    assert [one.key for one in list_cached()] == ["py311-new", "py311-old"]
    told = run("list").stdout
    assert told.index("py311-new") < told.index("py311-old")
    assert "Python 3.11.7, numpy 1.26.4" in told


def test_what_was_not_used_for_long_is_removed_and_what_builds_left():
    old, new = keep("py311-old", 40), keep("py311-new", 1)
    left = cache_folder() / "py311-x.building-1"
    left.mkdir()
    assert run("prune").stdout.startswith("removed py311-old: Python 3.11.7, numpy 1.26.4")
    assert (old.exists(), new.exists(), left.exists()) == (False, True, False)
    assert [one.key for one in prune(0)] == ["py311-new"]


def test_what_is_declared_stays_unless_all_is_to_go():
    spared = keep("py311-old", 40)
    assert prune(1, ["py311-old"]) == []
    assert "1 removed" in run("prune", "--all").stdout
    assert not spared.exists()


def test_an_empty_cache_is_told_as_such():
    result = run("list")
    assert result.exit_code == 0
    assert str(cache_folder()) in result.stdout.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["build"], 2, "declares no environment"),
        (["build", "train"], 2, "declares no environment 'train'"),
        (["compare", "x:y", "--input", "none.json", "--a", "here"], 2, "none.json"),
        (["compare", "nonsense", "--input", "rows.json", "--a", "here"], 2, "module:function"),
        (
            ["compare", "os:getcwdx", "--input", "rows.json", "--a", "here"],
            2,
            "Did you mean 'getcwd",
        ),
        (
            ["bisect", "os", "--package", "x", "--in", "a", "--from", "1", "--to", "2"],
            2,
            "module:view",
        ),
        (["bisect", "os:sep", "--package", "x", "--in", "a", "--from", "1", "--to", "2"], 2, "str"),
    ],
)
def test_wrong_usage_is_told(tmp_path, arguments, code, told):
    (tmp_path / "rows.json").write_text("[]")
    result = run(*arguments)
    assert result.exit_code == code
    assert told in result.stderr


def test_rows_that_are_no_list_of_objects_are_told(tmp_path):
    (tmp_path / "rows.json").write_text('{"x": 1}')
    result = run("compare", "os:getcwd", "--input", "rows.json", "--a", "here")
    assert result.exit_code == 2
    assert "expected a list of objects" in result.stderr


def test_an_environment_that_cannot_be_had_fails_and_the_others_are_built(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.skewtest.environments.gone]\ninterpreter = "/no/python"\n'
        '[tool.skewtest.environments.good]\ninterpreter = "python"\n'
    )
    result = run("build")
    assert result.exit_code == 3
    assert "gone: interpreter missing" in result.stderr
    assert "good: Python 3." in result.stdout
