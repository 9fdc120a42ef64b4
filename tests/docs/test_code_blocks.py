"""Every block of README.md and docs/ does what its page says."""

from pathlib import Path

import pytest
from pages import blocks_of, run_page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.docs
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_code_block_does_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.delenv("CI", raising=False)  # pages show what a developer sees
    run_page(blocks_of(str(page), page.read_text(encoding="utf-8")), tmp_path)
