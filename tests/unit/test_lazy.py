"""Names that are imported on first use."""

import subprocess
import sys
from types import ModuleType

import pytest

from skewtest.lazy import lazy_names


@pytest.fixture
def package(monkeypatch):
    made = ModuleType("made_package")
    monkeypatch.setitem(sys.modules, "made_package", made)
    return made


def test_a_name_comes_from_its_home_and_stays(package):
    load = lazy_names("made_package", {"sqrt": "math"})
    assert load("sqrt") is package.sqrt is sys.modules["math"].sqrt


def test_a_module_is_its_own_home(package):
    load = lazy_names("made_package", {"path": "os.path"})
    assert load("path") is package.path is sys.modules["os.path"]


def test_a_name_without_a_home_is_an_attribute_error_that_tells_it():
    with pytest.raises(AttributeError) as caught:
        lazy_names("made_package", {"sqrt": "math"})("sqr")
    assert str(caught.value) == "module 'made_package' has no attribute 'sqr'"


def test_what_most_checks_do_not_need_waits_until_it_is_needed():
    late = ["reference", "checks.opinions", "checks.third", "run.inexact", "run.minimise"]
    code = (
        "import sys, skewtest; skewtest.check\n"
        f"print([name for name in {late} if f'skewtest.{{name}}' in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
