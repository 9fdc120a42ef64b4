"""The code reads as the house rules want it, and folders not yet rewritten get no worse."""

import prose
import pytest


@pytest.mark.parametrize("folder", [*prose.folders()])
def test_a_folder_keeps_the_rules_of_prose_or_its_allowance(folder):
    counts = prose.counts_of(folder)
    most = prose.read_allowances().get(folder) or prose.limits_of(counts)
    assert prose.excess(counts, most) == {}


@pytest.mark.parametrize("folder", prose.read_allowances())
def test_a_folder_that_keeps_the_rules_has_no_allowance(folder):
    counts = prose.counts_of(folder)
    assert folder in prose.folders(), "it is gone: run python tests/unit/prose.py"
    assert prose.excess(counts, prose.limits_of(counts)), "run python tests/unit/prose.py"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("found = 1", "vague names"),
        ("for one in range(3): pass", "vague names"),
        ("def _built(): pass", "participles"),
        ("def checked_rows(): pass", "participles"),
        ("def f(x):\n" + "    if x: pass\n" * 10, "complex functions"),
        ("rows = [x for x in (y for y in z)]", "nested comprehensions"),
        ("f(1 if x else 2)", "conditions as arguments"),
        ("f(key=1 if x else 2)", "conditions as arguments"),
    ],
)
def test_what_the_rules_are_against_is_counted(text, kind):
    assert prose.counts_of_source(text)[kind] == 1


@pytest.mark.parametrize(
    "text",
    [
        "divergences = found",
        "def seed(): pass",
        "def f(x):\n" + "    if x: pass\n" * 9,
        "def build_environment(): pass",
        "rows = [x for x in z for y in x]",
        "limit = 1 if x else 2\nf(limit)",
    ],
)
def test_what_the_rules_allow_is_not_counted(text):
    counts = prose.counts_of_source(text)
    assert not any(counts[kind] for kind in prose.LIMITS)
