"""The reference names everything that is public, and nothing that is not."""

import re
from pathlib import Path

import pytest

import skewtest
from skewtest.declare.delivery import SCENARIOS
from skewtest.declare.divergence import KINDS
from skewtest.harness.options import PROFILES

DOCS = Path(__file__).parents[2] / "docs"
API = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
DEFINED = re.compile(r"^(?:### `(\w+)`$|\| `(\w+)[(`]|`(\w+)\()", re.MULTILINE)
"""A heading, the first cell of a table, or a signature at the start of a line."""
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def defined():
    """Return the names that the page gives an entry of their own."""
    return {name for names in DEFINED.findall(API) for name in names if name}


def anchors(page):
    """Return the anchors of a page's headings, as they are made of their text."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("name", skewtest.__all__)
def test_every_public_name_is_on_the_reference_page(name):
    assert name in defined()


def test_every_capitalised_entry_of_the_reference_page_is_public():
    classes = {name for name in defined() if name[0].isupper()}

    assert classes <= set(skewtest.__all__)


def test_every_kind_is_explained_in_their_order():
    page = (DOCS / "explanation" / "what-a-finding-means.md").read_text(encoding="utf-8")
    table = page.partition("## Kinds")[2].partition("\n## ")[0].partition("\n\nThe examples")[0]

    assert tuple(re.findall(r"^\| `([\w ]+)` \|", table, re.MULTILINE)) == KINDS


def test_every_scenario_is_explained_in_their_order():
    page = (DOCS / "delivery" / "index.md").read_text(encoding="utf-8")
    second_cells = [line.split("|")[2] for line in page.splitlines() if line.startswith("|")]

    assert tuple(re.findall(r"`([\w-]+)`", " ".join(second_cells))) == SCENARIOS


def test_every_option_and_ini_key_is_on_its_page():
    page = (DOCS / "reference" / "pytest-options.md").read_text(encoding="utf-8")
    home = Path(skewtest.__file__).with_name("harness") / "options.py"
    code = home.read_text(encoding="utf-8")
    options = re.findall(r'"(--skew-[\w-]+)"', code) + re.findall(r'addini\(\s*"(\w+)"', code)

    assert options
    assert [option for option in options if f"`{option}" not in page] == []
    profiles = r"\|".join(PROFILES)
    assert f"--skew-profile={profiles}" in page


@pytest.mark.parametrize(
    "page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.relative_to(DOCS).as_posix()
)
def test_every_link_between_pages_leads_somewhere(page):
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        file = (page.parent / target) if target else page
        assert file.is_file(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def test_every_page_is_linked_from_the_index():
    index = DOCS / "index.md"
    linked = {
        (DOCS / target).resolve()
        for target, _ in LINK.findall(index.read_text(encoding="utf-8"))
        if target
    }

    assert {page.resolve() for page in DOCS.rglob("*.md")} - {index.resolve()} == linked
