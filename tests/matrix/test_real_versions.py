"""Really old and really new libraries, each in an interpreter of its own."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import matrix_views as mv
import pytest

import skewtest as sk
from skewtest.checks.cell import prepare_cell, run_cell
from skewtest.checks.spread import check_spread
from skewtest.environments.axes import Axes, choose_versions
from skewtest.environments.build import build_environment
from skewtest.environments.cells import Cell
from skewtest.environments.failures import EnvironmentFailedError
from skewtest.environments.settings import here
from skewtest.run.budget import Budget
from skewtest.sides.process import end_workers

pytestmark = pytest.mark.matrix

PANDAS = {
    "pandas1.3.0": ("3.9", ["pandas==1.3.0", "numpy<1.22", "polars==0.20.31"]),
    "pandas1.5.3": ("3.11", ["pandas==1.5.3", "numpy==1.26.4", "polars==1.9.0"]),
    "pandas2.0.3": ("3.11", ["pandas==2.0.3", "numpy==1.24.4", "polars==1.35.2"]),
    "pandas2.3.3": ("3.12", ["pandas==2.3.3", "numpy==2.0.2", "polars==1.35.2"]),
    "pandas3.0.0": ("3.13", ["pandas==3.0.0", "numpy==2.4.0", "polars==2.0.0"]),
}


def environment(name):
    python, requirements = PANDAS[name]
    return sk.Environment(name, python=python, requirements=[*requirements, "pyarrow"])


@pytest.fixture(scope="module", autouse=True)
def workers():
    yield
    end_workers()


@pytest.mark.parametrize("name", PANDAS)
@pytest.mark.parametrize("batch", [mv.pandas_batch, mv.polars_batch, mv.rows_batch])
def test_right_code_agrees_under_every_version(name, batch):
    view = mv.view(batch)
    (found,) = run_cell(view, prepare_cell(view, Cell(environment(name), here())), Budget(500, 3))
    assert found.ok, found.findings
    assert found.cell[0].packages["pandas"] == name.removeprefix("pandas")


@pytest.mark.slow
def test_a_wide_matrix_runs_and_is_parted_by_the_version_that_matters():
    axes = Axes(
        {
            "python": ("3.9", "3.11", "3.12"),
            "pandas": ("1.5.3", "2.0.3", "2.2.3"),
            "numpy": ("1.24.4", "1.26.4", "2.0.2"),
            "polars": ("0.20.31", "1.9.0"),
        },
        here(),
        exclude=(
            {"python": "3.12", "pandas": "1.5.3"},
            {"python": "3.12", "pandas": "2.0.3"},
            {"python": "3.12", "numpy": "1.24.4"},
            {"pandas": "1.5.3", "numpy": "2.0.2"},
            {"pandas": "2.0.3", "numpy": "2.0.2"},
        ),
    )
    picked = choose_versions(axes, "pairwise")
    assert len(picked.pairs) == picked.valid_pairs
    cells = [Cell(axes.environment(choice), here()) for choice in picked.choices]
    found = check_spread(mv.view(mv.pandas_batch), cells, 3)
    assert found.spread.failed == {}
    assert len(found.spread.environments) == len(picked.choices) + 1
    assert found.spread.partings == ()
    (parting,) = check_spread(mv.view(mv.promoted_batch), cells, 3).spread.partings
    assert "numpy <= 1.26.4 | >= 2.0.2" in parting.thresholds


def scalar_times_float(rows):
    import numpy as np  # noqa: PLC0415 - as users write them

    return float(np.float32(rows[0]["x"]) * 1.1)


def epoch_seconds(rows):
    import pandas as pd  # noqa: PLC0415

    moments = pd.to_datetime(pd.Series([row["day"] for row in rows]))
    return (moments.astype("int64") // 10**9).tolist()


def appended(rows):
    import pandas as pd  # noqa: PLC0415

    return len(pd.DataFrame(rows).append(pd.DataFrame(rows)))


def total(rows):
    import pandas as pd  # noqa: PLC0415

    return float(pd.DataFrame(rows)["x"].sum())


@pytest.mark.parametrize(
    ("function", "kind"),
    [(scalar_times_float, "value"), (epoch_seconds, "value"), (appended, "error"), (total, None)],
)
def test_what_is_known_to_have_changed_is_found(function, kind):
    rows = [{"x": number + 0.1, "day": f"2024-01-0{number + 1}"} for number in range(5)]
    result = sk.compare_environments(
        function, rows, a=environment("pandas1.3.0"), b=environment("pandas3.0.0")
    )
    assert [finding.kind for finding in result.findings] == ([kind] if kind else [])


def test_the_package_to_blame_is_found_by_flipping_one_at_a_time():
    a = sk.Environment("a", python="3.11", requirements=["pandas==2.2.2", "numpy==1.26.4"])
    b = sk.Environment("b", python="3.11", requirements=["pandas==2.3.3", "numpy==2.0.2"])
    result = sk.compare_environments(scalar_times_float, [{"x": 1.1}], a=a, b=b, explain=True)
    assert result.outcomes[0].culprits.packages == ("numpy 1.26.4 -> 2.0.2",)
    assert "numpy 1.26.4 -> 2.0.2 alone reproduces it" in result.report()


@pytest.mark.parametrize(
    ("declared", "kind", "told"),
    [
        ({"python": "3.11", "requirements": ["pandas==99.0"]}, "unsolvable", "pandas==99.0"),
        ({"python": "3.13", "requirements": ["pandas==1.3.0"]}, "no wheel", "pandas==1.3.0"),
        (
            {"python": "3.99", "requirements": ["pandas"]},
            "interpreter missing",
            "uv python install",
        ),
        ({"lock": "none.txt"}, "lock missing", "none.txt"),
    ],
)
def test_each_way_to_fail_has_a_name_and_a_message(declared, kind, told):
    with pytest.raises(EnvironmentFailedError) as caught:
        build_environment(sk.Environment("x", **declared))
    assert caught.value.kind == kind
    assert told in caught.value.message


def test_what_installs_and_does_not_import_is_no_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SKEWTEST_CACHE", str(tmp_path))
    monkeypatch.setattr("skewtest.environments.locks.FIRST_WITH_NUMPY_2", {})
    with pytest.raises(EnvironmentFailedError) as caught:
        build_environment(
            sk.Environment("x", python="3.11", requirements=["pandas==1.5.3", "numpy>=2"])
        )
    assert caught.value.kind == "does not import"
    assert "numpy" in caught.value.message
    assert not list(tmp_path.glob("py*/environment.json"))


SMALL = ["six==1.16.0"]


def build_apart(cache, *, code="", **variables):
    """Build a small environment in a process of its own."""
    told = dedent(f"""
        import skewtest as sk
        from skewtest.environments.build import build_environment
        {code}
        print(build_environment(sk.Environment("small", requirements={SMALL})).key)
    """)
    return subprocess.Popen(
        [sys.executable, "-c", told],
        env={**os.environ, "SKEWTEST_CACHE": str(cache), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.fault(
    "two runs build one environment at once", "one is built, both use it", ends="harmless"
)
def test_two_builds_at_once_come_to_the_same_one(tmp_path):
    runs = [build_apart(tmp_path) for _ in range(2)]
    keys = [run.communicate(timeout=120)[0].strip() for run in runs]
    assert keys[0] == keys[1] != ""
    assert [f.parent.name for f in tmp_path.glob("*/environment.json")] == [keys[0]]


@pytest.mark.fault("a build of an environment was killed", "it is built again", ends="harmless")
def test_a_build_that_was_killed_is_built_again(tmp_path):
    killed = build_apart(
        tmp_path,
        code="import os, skewtest.environments.build as b; "
        "b.import_packages = lambda *a: os.kill(os.getpid(), 9)",
    )
    killed.communicate(timeout=120)
    assert killed.returncode == -9
    assert list(tmp_path.glob("*.building-*"))
    assert not list(tmp_path.glob("*/environment.json"))
    again = build_apart(tmp_path)
    assert again.communicate(timeout=120)[0].strip()
    assert not list(tmp_path.glob("*.building-*"))


def test_a_warm_cache_needs_no_network(tmp_path):
    nowhere = {"UV_OFFLINE": "1", "UV_INDEX_URL": "http://127.0.0.1:9/simple"}
    warm = build_apart(tmp_path)
    key = warm.communicate(timeout=120)[0].strip()
    offline = build_apart(tmp_path, **nowhere)
    assert offline.communicate(timeout=120)[0].strip() == key
    cold = build_apart(tmp_path / "other", UV_CACHE_DIR=str(tmp_path / "uv"), **nowhere)
    _, told = cold.communicate(timeout=120)
    assert "index unreachable" in told


@pytest.mark.fault(
    "the cache of environments cannot be written", "an error names the folder", ends="refused"
)
def test_a_cache_that_cannot_be_written_is_told(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    _, told = build_apart(blocked / "cache").communicate(timeout=120)
    assert "cache not writable" in told
    assert "SKEWTEST_CACHE" in told


def test_without_uv_environments_are_built_by_pip_and_told_so(tmp_path):
    slow = build_apart(
        tmp_path,
        code="from skewtest.environments import build, locks; "
        "build.uv_path = locks.uv_path = lambda: None",
    )
    key, told = slow.communicate(timeout=300)
    assert key.strip(), told
    assert "uv is not installed" in told


def test_every_file_of_the_worker_is_read_by_python_3_8():
    files = sorted((Path(mv.__file__).parents[2] / "skewtest" / "worker").glob("*.py"))
    assert len(files) > 10
    old = sk.Environment("old", python="3.8", requirements=SMALL)
    check = "import ast, sys; [ast.parse(open(name).read()) for name in sys.argv[1:]]"
    subprocess.run([build_environment(old).python, "-c", check, *map(str, files)], check=True)
    assert sk.compare_environments(len, [{}], a=old, b="here").ok
