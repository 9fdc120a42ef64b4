"""The commands of the corpus: what they tell, write and delete, and how they end."""

import importlib
import json
import sys

import pytest
from typer.testing import CliRunner

from skewtest.cli.main import app
from skewtest.results.corpus import load

VIEWS = """
import skewtest as sk

orders = sk.Source(
    "orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 9), MORE}
)


def online(state, request):
    return {"n": state.get(request["user_id"], 0)}


def add(state, event):
    return {**state, event["user_id"]: state.get(event["user_id"], 0) + 1}


spend = sk.FeatureView(
    "spend", sources=[orders], entity=["user_id"],
    batch=lambda orders, spine: [{**row, "n": 0} for row in spine.to_dicts()],
    online=sk.fold(dict, add, online), features={"n": sk.exact()},
)
"""


def skew(*arguments):
    result = CliRunner().invoke(app, arguments, prog_name="skewtest")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


class Repo:
    def __init__(self, path):
        self.path = path
        self.write("")
        assert skew("check", "kept_views:spend", "--histories=64", "--seed=1").exit_code == 1
        self.kept = next((path / "tests" / "skew-corpus" / "spend").glob("*.json"))

    def write(self, more, name="spend"):
        text = VIEWS.replace("MORE", more).replace('"spend", s', f'"{name}", s')
        (self.path / "kept_views.py").write_text(text)
        sys.modules.pop("kept_views", None)
        importlib.invalidate_caches()


@pytest.fixture
def repo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    # Two versions of a module within one second would share their bytecode.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Repo(tmp_path)
    sys.modules.pop("kept_views", None)


def test_list_tells_what_each_file_is_of_and_that_it_is_run(repo):
    done = skew("corpus", "list", "kept_views")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"tests/skew-corpus/spend/{repo.kept.name}: run",
        "  spend  n  value  in_order",
    ]


def test_list_exits_with_1_and_says_why_where_a_file_is_set_aside(repo):
    repo.kept.write_text(repo.kept.read_text()[:60])
    done = skew("corpus", "list", "kept_views:spend")
    assert done.exit_code == 1
    assert "set aside" in done.stdout
    assert "it is cut off or not JSON" in done.stdout


def test_list_names_files_of_other_views(repo):
    other = repo.kept.parent.parent / "clicks" / "clicks.json"
    other.parent.mkdir()
    other.write_text("{}")
    done = skew("corpus", "list", "kept_views")
    assert done.exit_code == 0
    assert "tests/skew-corpus/clicks/clicks.json: of no view that was named" in done.stdout


def test_list_shows_hostile_text_escaped(repo):
    document = json.loads(repo.kept.read_text())
    repo.kept.write_text(json.dumps({**document, "feature": "\x1b[2Jn"}))
    assert "\x1b" not in skew("corpus", "list", "kept_views").stdout


def test_migrate_writes_a_new_column_and_tells_it(repo):
    repo.write('"shop": sk.ints(0, 9)')
    assert "run, migrated" in skew("corpus", "list", "kept_views").stdout
    done = skew("corpus", "migrate", "kept_views")
    assert done.exit_code == 0
    assert "the view's new column 'shop' was filled with 1" in done.stdout
    events = json.loads(repo.kept.read_text())["events"]["orders"]
    assert events
    assert {event["shop"] for event in events} == {1}
    assert skew("corpus", "list", "kept_views").stdout.splitlines()[0].endswith(": run")
    assert skew("corpus", "migrate", "kept_views").stdout == ""


def test_migrate_moves_the_files_of_a_renamed_view(repo):
    repo.write("", name="outlay")
    (repo.path / "pyproject.toml").write_text('[tool.skewtest.renamed]\nspend = "outlay"\n')
    assert skew("corpus", "migrate", "kept_views").exit_code == 0
    moved = repo.kept.parent.parent / "outlay" / repo.kept.name
    assert json.loads(moved.read_text())["view"] == "outlay"
    assert not repo.kept.exists()


def test_migrate_overwrites_no_other_counterexample(repo):
    other = repo.kept.parent.parent / "outlay" / repo.kept.name
    other.parent.mkdir()
    other.write_text("{}")
    repo.write("", name="outlay")
    (repo.path / "pyproject.toml").write_text('[tool.skewtest.renamed]\nspend = "outlay"\n')
    done = skew("corpus", "migrate", "kept_views")
    assert done.exit_code == 2
    assert "there is such a file" in done.stderr
    assert repo.kept.exists()
    assert other.read_text() == "{}"


def test_migrate_leaves_what_is_set_aside_and_exits_with_1(repo):
    repo.kept.write_text("{}")
    assert skew("corpus", "migrate", "kept_views").exit_code == 1
    assert repo.kept.read_text() == "{}"


def test_prune_lists_first_and_deletes_with_yes_alone(repo):
    whole = repo.kept.read_text()
    broken = repo.kept.with_name("broken.json")
    broken.write_text("{}")
    done = skew("corpus", "prune", "kept_views")
    assert (done.exit_code, broken.exists()) == (1, True)
    assert "spend/broken.json: set aside" in done.stdout
    done = skew("corpus", "prune", "kept_views", "--yes")
    assert (done.exit_code, broken.exists()) == (0, False)
    assert "spend/broken.json: deleted" in done.stdout
    assert repo.kept.read_text() == whole
    assert skew("corpus", "prune", "kept_views").exit_code == 0


def test_a_file_under_two_names_is_run_once(repo):
    twin = repo.kept.with_name("twin.json")
    twin.write_text(json.dumps(json.loads(repo.kept.read_text())))
    done = skew("corpus", "list", "kept_views")
    assert done.exit_code == 0
    assert f"twin.json: the same as {repo.kept.name}, which is run" in done.stdout
    histories, rejected = load(twin.parent.parent, sys.modules["kept_views"].spend)
    assert [path for path, _ in histories] == [str(repo.kept)]
    assert rejected == []


@pytest.mark.parametrize(
    "words", [("check",), ("corpus", "list"), ("corpus", "migrate"), ("corpus", "prune")]
)
def test_a_corpus_that_is_named_and_not_there_is_wrong_usage(repo, words):
    done = skew(*words, "kept_views", "--corpus=nowhere")
    assert done.exit_code == 2
    assert "--corpus names the folder 'nowhere', which is not there" in done.stderr
    assert not (repo.path / "nowhere").exists()
