"""Which cells a pyproject.toml declares; environments as they are declared."""

import sys
from itertools import combinations

import pytest

import skewtest as sk
from skewtest.checks.thresholds import find_thresholds
from skewtest.environments.axes import Axes, choose_versions
from skewtest.environments.cells import cells_of
from skewtest.environments.locks import lock_environment
from skewtest.environments.settings import environments_of, here
from skewtest.errors import DeclarationError
from skewtest.results.outcome import Versions

ENVIRONMENTS = """
[tool.skewtest.environments.train]
python = "3.9"
requirements = ["pandas==1.3.0"]
[tool.skewtest.environments.serve]
requirements = ["pandas==2.0.0", "numpy==1.26.4"]
"""


@pytest.fixture
def project(tmp_path):
    file = tmp_path / "pyproject.toml"

    def write(text):
        file.write_text(ENVIRONMENTS + text)
        return file

    return write


def names(found):
    return [cell.name for cell in found.cells]


def test_pairs_are_every_batch_with_every_online(project):
    file = project(
        '[[tool.skewtest.matrix]]\nbatch = ["train", "here"]\nonline = ["serve", "here"]'
    )
    assert names(cells_of(file)) == ["train~serve", "train~here", "here~serve"]
    assert names(cells_of(file, "none")) == []


def test_a_star_changes_one_axis_at_a_time_and_leaves_out_what_serving_has(project):
    file = project(
        '[[tool.skewtest.matrix]]\nserving = "serve"\n'
        'axes = { pandas = ["1.5.3", "2.0.0", "3.0.*"], python = ["3.12"] }\nviews = ["spend"]'
    )
    found = cells_of(file)
    assert names(found) == ["pandas1.5.3~serve", "pandas3.0~serve", "python3.12~serve"]
    assert found.for_view("clicks") == ()
    first = found.cells[0].batch
    assert first.requirements == ("pandas==1.5.3",)
    assert first.prefer == ("numpy==1.26.4",)
    assert found.cells[2].batch.python == "3.12"
    assert found.cells[2].batch.requirements == ("pandas",)
    assert names(cells_of(file, "declared")) == []


def test_pairwise_covers_every_valid_pair_and_no_excluded_one():
    axes = Axes(
        {
            "python": ("3.9", "3.11", "3.13"),
            "pandas": ("1.5.3", "2.3.3", "3.0.0"),
            "numpy": ("1.26.4", "2.0.2", "2.4.0"),
            "polars": ("0.20.31", "1.9.0"),
        },
        here(),
        exclude=(
            {"python": "3.9", "pandas": "3.0.0"},
            {"python": "3.13", "pandas": "1.5.3"},
            {"pandas": "1.5.3", "numpy": "2.4.0"},
        ),
    )
    picked = choose_versions(axes, "pairwise")
    every = choose_versions(axes, "full").choices
    assert picked.excluded == 54 - len(every)
    pairs = {pair for choice in every for pair in combinations(choice, 2)}
    assert {pair for choice in picked.choices for pair in combinations(choice, 2)} == pairs
    assert len(picked.pairs) == picked.valid_pairs == len(pairs)
    assert "python 3.9 with pandas 1.5.3" in picked.pairs
    assert set(picked.choices) <= set(every)
    assert len(picked.choices) < len(every) / 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[tool.skewtest.matrix]]\nbatch = ["trian"]\nonline = ["serve"]', "Did you mean 'train'"),
        ('[[tool.skewtest.matrix]]\nbatch = ["train"]', "name the environments of online"),
        ('[[tool.skewtest.matrix]]\nbtach = ["train"]', "Did you mean 'batch'"),
        ("[[tool.skewtest.matrix]]\naxes = {}", "axes must be a table"),
        ('[[tool.skewtest.matrix]]\naxes = { pandas = "1" }', "must be a list of texts"),
        (
            '[[tool.skewtest.matrix]]\naxes = { pandas = ["1"] }\nexclude = [{ numpy = "2" }]',
            "which is no axis",
        ),
        ("[tool.skewtest]\nmatrix = 3", "write the matrix as"),
        ("[tool.skewtest.environments.here]\nrequirements = ['six']", "choose another name"),
        ("[tool.skewtest.environments.x]\nrequirement = ['six']", "Did you mean 'requirements'"),
    ],
)
def test_what_is_declared_wrongly_is_told(project, text, told):
    file = project(text)
    read = environments_of if "environments" in text else cells_of
    with pytest.raises(DeclarationError, match=told):
        read(file)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "holds nothing; give python="),
        ({"python": "3"}, "must be like '3.9'"),
        ({"python": "3.7", "requirements": ["six"]}, "3.8 or newer"),
        ({"requirements": ["pandas=1"]}, "takes what pip takes"),
        ({"requirements": "pandas"}, "must be a list of texts"),
        ({"interpreter": "python3", "requirements": ["six"]}, "leave out 'requirements'"),
        ({"lock": "a.txt", "requirements": ["six"]}, "leave out 'requirements'"),
        ({"requirements": ["six"], "cpu": "fast"}, "'native' or 'baseline'"),
        ({"requirements": ["six"], "variables": {"A": 1}}, "must be a dict of texts"),
        ({"name": "a-b", "requirements": ["six"]}, "letters, digits"),
    ],
)
def test_an_environment_is_checked_when_it_is_declared(settings, told):
    with pytest.raises(DeclarationError, match=told):
        sk.Environment(settings.pop("name", ""), **settings)


def test_an_environment_without_a_name_is_called_by_what_it_holds():
    assert sk.Environment(python="3.9", requirements=["pandas==1.3.0"]).name == "py3.9_pandas1.3.0"


def groups(*versions):
    return [
        [Versions(text, {"pandas": text, "numpy": "1.26.4"}) for text in group]
        for group in versions
    ]


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ((["1.3.0", "1.5.3"], ["2.0.0", "3.0.0"]), ("pandas <= 1.5.3 | >= 2.0.0",)),
        (
            (["3.0.0"], ["1.5.3"], ["2.0.0", "2.3.3"]),
            ("pandas <= 1.5.3 | 2.0.0 to 2.3.3 | >= 3.0.0",),
        ),
        ((["1.3.0", "2.0.0"], ["1.5.3"]), ()),
        ((["1.9.0"], ["1.10.0"]), ("pandas <= 1.9.0 | >= 1.10.0",)),
    ],
)
def test_a_threshold_explains_groups_that_it_does_not_tear_apart(held, told):
    assert find_thresholds(groups(*held)) == told


def test_an_environment_may_hold_a_python_alone():
    alone = sk.Environment(python="3.11")
    assert alone.name == "py3.11"
    assert lock_environment(alone, sys.executable) == ""
