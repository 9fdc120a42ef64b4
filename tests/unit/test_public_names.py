"""The names of the package: all resolve, and importing them loads nothing that is not used."""

import importlib
import subprocess
import sys

import pytest

import skewtest as sk

NAMES = [
    *("Counterexample", "DeclarationError", "Delivery", "Environment", "FeatureView", "Finding"),
    *("LogWarning", "Result", "SkewError", "SkewtestError", "Source", "bools", "categories"),
    *("check", "close", "compare_environments"),
    *("exact", "floats", "fold", "ids", "ints", "key", "micro_batch", "per_as_of", "per_event"),
    *("replay", "sql", "strings", "structs", "timestamps", "vector", "vectors"),
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
