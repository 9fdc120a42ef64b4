"""Where results come from: files, lines, hashes, revisions, on real files and a real git."""

import hashlib
import importlib
import math
import subprocess
import sys
from datetime import timedelta

import polars as pl
import pytest

import skewtest as sk
from skewtest.report.provenance import git_of, packages, view_info
from skewtest.results.code import file_digest, path_at, path_from
from skewtest.results.tables import tables_digest

FEATURES = """\
from functools import partial

import polars as pl
import skewtest as sk
from .rules import LIMIT


def batch(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    return spine.with_columns(n=LIMIT)


class Online:
    def update(self, event): ...

    def query(self, request):
        return {"n": LIMIT}


orders = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})
"""
VIEW = """\
import skewtest as sk
from .features import Online, batch, orders

view = sk.FeatureView(
    "limits",
    sources=[orders],
    entity=["user_id"],
    batch=batch,
    online=Online,
    features={
        "n": sk.exact(),
        "m": sk.close(),
    },
)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of a declaration, features and the rules that they import."""
    folder = tmp_path / "repo_of_limits"
    folder.mkdir()
    for name, text in {"__init__": "", "rules": "LIMIT = 3\n", "features": FEATURES}.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "declared.py").write_text(VIEW)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield folder
    for name in [name for name in sys.modules if name.startswith("repo_of_limits")]:
        del sys.modules[name]


def told(package):
    declared = importlib.import_module("repo_of_limits.declared")
    return view_info(declared.view, package.parent)


def test_a_view_is_placed_with_a_line_for_each_feature(package):
    found = told(package)
    assert (found.file, found.line) == ("repo_of_limits/declared.py", 4)
    assert [(one.name, one.line) for one in found.features] == [("n", 11), ("m", 12)]


def test_implementations_are_placed_and_hashed_by_their_own_source(package):
    batch, online = told(package).implementations
    assert (batch.side, batch.name) == ("batch", "repo_of_limits.features.batch")
    assert (batch.file, batch.line) == ("repo_of_limits/features.py", 8)
    assert (online.name, online.line) == ("repo_of_limits.features.Online", 12)
    source = FEATURES[FEATURES.index("def batch") : FEATURES.index("\n\n\nclass")] + "\n"
    assert batch.digest == hashlib.sha256(source.encode()).hexdigest()


def test_files_are_those_of_the_declaration_the_code_and_what_it_imports(package):
    found = told(package).files
    assert sorted(found) == [
        "repo_of_limits/__init__.py",
        "repo_of_limits/declared.py",
        "repo_of_limits/features.py",
        "repo_of_limits/rules.py",
    ]
    assert found["repo_of_limits/rules.py"] == hashlib.sha256(b"LIMIT = 3\n").hexdigest()


@pytest.mark.parametrize(
    "line",
    [
        "from repo_of_limits.rules import LIMIT",
        "from repo_of_limits import rules; LIMIT = rules.LIMIT",
        "import repo_of_limits.rules as rules; LIMIT = rules.LIMIT",
        "from . import rules; LIMIT = rules.LIMIT",
    ],
)
def test_every_way_to_import_is_followed(package, line):
    (package / "features.py").write_text(FEATURES.replace("from .rules import LIMIT", line))
    assert told(package).files["repo_of_limits/rules.py"] == file_digest(package / "rules.py")


def test_files_of_other_projects_are_left_out(package):
    (package / "rules.py").write_text("import json, polars\nLIMIT = 3\n")
    assert len(told(package).files) == 4


@pytest.mark.parametrize("way", ["", "project/.."])
def test_a_neighbour_of_the_project_is_followed_too(package, monkeypatch, way):
    """In a repository of several projects, a library beside them is nobody's package."""
    root = package.parent / "project"
    root.mkdir()
    monkeypatch.syspath_prepend(str(package.parent / way))
    (package.parent / ".git").mkdir()
    declared = importlib.import_module("repo_of_limits.declared")
    assert sorted(view_info(declared.view, root).files) == [
        f"../repo_of_limits/{name}.py" for name in ("__init__", "declared", "features", "rules")
    ]


def test_files_outside_of_the_repository_have_their_whole_path(package, tmp_path_factory):
    declared = importlib.import_module("repo_of_limits.declared")
    found = view_info(declared.view, tmp_path_factory.mktemp("elsewhere")).files
    assert (package / "rules.py").as_posix() in found


QUERY = "select user_id, as_of, 1 as n from spine -- a query that lies in no module\n"


def queried(text, root):
    return view_info(view(sk.sql(text), None), root)


def test_a_query_that_is_read_from_a_file_is_placed_and_hashed(tmp_path):
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "sql").mkdir()
    for name in ("node_modules/n.sql", "sql/n.sql"):
        (tmp_path / name).write_text(QUERY)
    found = queried(QUERY + " ", tmp_path)
    assert (found.implementations[0].file, found.implementations[0].line) == ("sql/n.sql", 1)
    assert found.files["sql/n.sql"] == file_digest(tmp_path / "sql/n.sql")
    assert found.uncovered == []


def test_a_query_that_stands_in_a_module_is_covered_by_it(tmp_path):
    assert queried('select 1 as n, "a" from spine', tmp_path).uncovered == []


def test_a_query_that_is_made_is_told(tmp_path):
    made = " ".join(["select", str(len(str(tmp_path))), "as n from spine"])
    assert queried(made, tmp_path).uncovered == ["batch"]
    assert view_info(view(sk.per_event(one), None), tmp_path).uncovered == []


def view(batch, online, **given):
    usual = {
        "sources": [
            sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})
        ],
        "entity": ["user_id"],
        "features": {"n": sk.exact()},
    }
    return sk.FeatureView("v", batch=batch, online=online, **usual | given)


def one(event):
    return {"n": 1}


def other(event):
    return {"n": 2}


def test_adapters_are_hashed_by_the_functions_in_them(tmp_path):
    def digest(given):
        return view_info(view(given, None), tmp_path).implementations[0]

    assert digest(sk.per_event(one)).name.endswith("test_provenance.one")
    assert digest(sk.per_event(one)).digest == digest(sk.per_event(one)).digest
    assert digest(sk.per_event(one)).digest != digest(sk.per_event(other)).digest
    query = sk.sql("select 1 as n")
    assert digest(query).name == "sql"
    assert digest(query).digest == hashlib.sha256(b"select 1 as n").hexdigest()


def test_what_has_no_source_is_hashed_by_its_name(tmp_path):
    found = view_info(view(None, dict), tmp_path).implementations[0]
    assert (found.name, found.file, found.line) == ("builtins.dict", None, None)
    assert found.digest == hashlib.sha256(b"builtins.dict").hexdigest()


def test_a_declaration_has_the_same_hash_in_every_process_and_another_when_it_changes(tmp_path):
    script = (
        "import sys; sys.path.insert(0, 'tests/unit')\n"
        "from pathlib import Path\n"
        "from test_provenance import one, view\n"
        "from skewtest.report.provenance import view_info\n"
        "print(view_info(view(one, one), Path()).declaration)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    here = view_info(view(one, one), tmp_path).declaration
    assert done.stdout.strip() == here
    looser = view_info(view(one, one, features={"n": sk.close()}), tmp_path).declaration
    longer = view_info(view(one, one, windows=[timedelta(days=1)]), tmp_path).declaration
    assert len({here, looser, longer}) == 3


def test_the_hash_of_a_table_is_of_its_rows_in_their_order():
    frame = pl.DataFrame({"a": [1, 2]})
    expected = hashlib.sha256(b'{"a":1}\n{"a":2}\n').hexdigest()
    assert tables_digest({"t": frame}) == {"t": expected}
    assert tables_digest({"t": frame.reverse()})["t"] != expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1.0, math.nan], [1.0, None]),
        ([0.0], [-0.0]),
        ([[1.0, math.nan]], [[1.0, None]]),
        ([{"x": [math.nan]}], [{"x": [None]}]),
        ([b"a\xff"], [b"a\xfe"]),
        ([b""], [None]),
    ],
)
def test_tables_that_differ_have_different_hashes(one, other):
    kind = pl.Series(one).dtype
    first, second = (pl.DataFrame({"a": pl.Series(v, dtype=kind)}) for v in (one, other))
    assert tables_digest({"t": first}) != tables_digest({"t": second})
    assert tables_digest({"t": first}) == tables_digest({"t": first.clone()})


def test_packages_are_named_as_an_index_does():
    found = packages()
    assert found["pytest-xdist"]
    assert all(name == name.lower().replace("_", "-") for name in found)


# -- git -------------------------------------------------------------------------------------------


def git(folder, *words):
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid", *words],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def repo(tmp_path):
    git(tmp_path, "init", "--initial-branch=main")
    (tmp_path / "a.py").write_text("")
    git(tmp_path, "add", "a.py")
    git(tmp_path, "commit", "-m", "a")
    return tmp_path


def test_the_revision_and_branch_of_a_clean_tree(repo):
    found = git_of(repo)
    assert (len(found.revision), found.dirty, found.branch) == (40, False, "main")


def test_a_changed_file_makes_it_dirty_and_a_new_one_only_if_it_is_code_of_a_view(repo):
    (repo / "b.py").write_text("")
    assert not git_of(repo).dirty
    assert not git_of(repo, ["a.py", "/elsewhere/c.py"]).dirty
    assert git_of(repo, ["a.py", "b.py"]).dirty
    (repo / "a.py").write_text("x = 1")
    assert git_of(repo).dirty


def test_the_folder_of_a_project_in_a_repository_is_told(repo):
    (repo / "ml" / "ü b").mkdir(parents=True)
    assert git_of(repo).folder == ""
    assert git_of(repo / "ml").folder == "ml/"
    assert git_of(repo / "ml" / "ü b").folder == "ml/ü b/"
    (repo / "ml" / "ü b" / "ä.py").write_text("")
    git(repo, "add", ".")
    git(repo, "commit", "-m", "b")
    assert not git_of(repo / "ml" / "ü b", ["ä.py"]).dirty


def test_a_folder_without_git_or_a_machine_without_it_has_no_revision(tmp_path, repo, monkeypatch):
    bare = tmp_path / "elsewhere"
    bare.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert git_of(bare) is None
    monkeypatch.setenv("PATH", "")
    assert git_of(repo) is None


def test_files_elsewhere_in_a_home_do_not_name_it(tmp_path, monkeypatch):
    home, root = tmp_path / "home" / "ada", tmp_path / "project"
    monkeypatch.setenv("HOME", str(home))
    name = path_from(str(home / "libs" / "shared.py"), root)
    assert name == "~/libs/shared.py"
    assert path_at(name, root) == home / "libs" / "shared.py"
    assert path_at("features.py", root) == root / "features.py"
