"""The names of the package: all resolve, and importing them loads nothing that is not used."""

import importlib
import subprocess
import sys

import pytest

import skewtest as sk

NAMES = [
    *("Counterexample", "DeclarationError", "Delivery", "Environment", "FeatureView", "Finding"),
    *(
        "LogWarning",
        "Result",
        "SkewError",
        "SkewtestError",
        "Source",
        "Transform",
        "bools",
        "categories",
    ),
    *("check", "close", "compare_environments", "dates", "decimals"),
    *("exact", "floats", "fold", "ids", "ints", "key", "lists", "micro_batch"),
    *("per_as_of", "per_entity", "per_event"),
    *(
        "replay",
        "replayed",
        "scored",
        "sketch",
        "sql",
        "stale",
        "strings",
        "structs",
        "timestamps",
        "vector",
        "vectors",
    ),
]
HEAVY = ("polars", "numpy", "hypothesis", "narwhals", "pandas", "jinja2", "rich", "typer")


def loaded_after(code):
    """Return which heavy packages a fresh interpreter has loaded after some code."""
    told = f"import sys\n{code}\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_the_public_names_are_these():
    assert sorted(sk.__all__) == sorted(NAMES)
    assert list(sk.__all__) == sorted(sk.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_resolves_to_what_its_home_defines(name):
    value = getattr(sk, name)
    assert value.__name__ == name
    assert getattr(importlib.import_module(value.__module__), name) is value


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented(name):
    assert getattr(sk, name).__doc__


def test_dir_lists_the_public_names_and_the_version():
    assert dir(sk) == sorted([*NAMES, "__version__"])


def test_an_unknown_name_is_an_attribute_error_that_tells_it():
    with pytest.raises(AttributeError) as caught:
        sk.chekc  # noqa: B018 - the access is what is tested
    assert str(caught.value) == "module 'skewtest' has no attribute 'chekc'"


def test_a_star_import_brings_the_public_names():
    namespace = {}
    exec("from skewtest import *", namespace)  # noqa: S102 - nothing else has star imports
    assert set(NAMES) <= set(namespace)


@pytest.mark.parametrize("module", ["skewtest", "skewtest.plugin", "skewtest.errors"])
def test_importing_it_loads_nothing_heavy(module):
    assert loaded_after(f"import {module}") == []


def test_declaring_a_view_does_not_load_hypothesis():
    code = (
        "import skewtest as sk\n"
        "s = sk.Source('orders', time='ts', columns={'user_id': sk.key()})\n"
        "sk.FeatureView('v', sources=[s], entity=['user_id'], batch=None, online=None, "
        "features={'n': sk.exact()})"
    )
    assert "hypothesis" not in loaded_after(code)


CHECK = """
import skewtest as sk
s = sk.Source('orders', time='ts', columns={'user_id': sk.key()})
v = sk.FeatureView('v', sources=[s], entity=['user_id'], features={'n': sk.exact()},
    batch=lambda spine: [{**row, 'n': 0} for row in spine.to_dicts()],
    online=sk.fold(dict, lambda state, event: state, lambda state, request: {'n': 0}))
assert sk.check(v, histories=64, seed=1, scenarios=['in_order']).ok
"""


def modules_after(code):
    """Return the names of the packages that a fresh interpreter has loaded after some code."""
    told = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


def test_a_first_check_loads_no_report_formats_and_no_pytest():
    loaded = modules_after(CHECK)
    formats = {"jinja2", "rich", "pygments", "IPython", "typer"}
    assert loaded & {*formats, "pytest", "_pytest"} == set()
    # Only columns with a strategy, frames of other libraries and coroutines need these.
    assert loaded & {"hypothesis", "narwhals", "asyncio"} == set()
    assert {"polars", "skewtest"} <= loaded


def test_a_clock_without_pytest_leaves_pytest_as_it_was():
    code = "import skewtest.drive.clock; assert 'pytest' not in sys.modules; import pytest"
    assert "_pytest" in modules_after(code)


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["check", "--help"], ["report", "--help"]]
)
def test_help_and_version_load_typer_alone(words):
    code = (
        "from skewtest.cli.main import app\n"
        f"try: app({words!r})\n"
        "except SystemExit as end: assert not end.code, end.code"
    )
    loaded = modules_after(code)
    # numpy and pandas might come by typer's own pydantic; what is ours is told by these.
    assert loaded & {"polars", "numpy", "hypothesis", "narwhals", "jinja2", "rich"} == set()
    assert "typer" in loaded


def test_completion_loads_typer_alone(monkeypatch):
    monkeypatch.setenv("_SKEWTEST_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "skewtest che")
    monkeypatch.setenv("COMP_CWORD", "1")
    code = (
        "from skewtest.cli.main import app\n"
        "try: app(prog_name='skewtest')\n"
        "except SystemExit as end: assert not end.code, end.code"
    )
    loaded = modules_after(code)
    assert loaded & {"polars", "numpy", "hypothesis", "jinja2", "rich"} == set()
