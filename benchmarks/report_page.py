"""The HTML report: how large it is, how long it takes to make, and to open in a real browser.

    python benchmarks/report_page.py            # 50 views; 200 features x 12 scenarios x 6 cells
    python benchmarks/report_page.py --tiny     # a smoke run

The floor beside each opening is an empty page in the same browser. Needs playwright and Debian's
chromium (`apt-get install chromium`).
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "report"))

from made_reports import large
from playwright.sync_api import Browser, sync_playwright

from skewtest.report.formats.html import html_page

TURNS = 5
LOADED = """() => {
  const timing = performance.getEntriesByType("navigation")[0];
  return timing.loadEventEnd - timing.startTime;
}"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def opening(browser: Browser, file: Path, turns: int) -> tuple[float, float]:
    """Return medians in ms: until the page has loaded, and until its first content is painted."""
    loaded, painted = [], []
    for _ in range(turns):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(file.as_uri())
        page.wait_for_function(
            "() => performance.getEntriesByType('navigation')[0].loadEventEnd > 0"
        )
        loaded.append(page.evaluate(LOADED))
        painted.append(page.evaluate(PAINTED))
        page.close()
    return statistics.median(loaded), statistics.median(painted)


def main() -> None:
    """Print sizes, times and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true")
    tiny = parser.parse_args().tiny
    cases = {
        "50 views of 4 features, 3 scenarios": {"views": 50, "features": 4, "scenarios": 3},
        "50 views of 4 features, 12 scenarios": {
            "views": 50, "features": 4, "scenarios": 12, "failing": 40,
        },
        "200 features x 12 scenarios x 6 cells": {
            "views": 40, "features": 5, "scenarios": 12, "cells": 6, "failing": 20,
        },
    }  # fmt: skip
    if tiny:
        cases = {"2 views": {"views": 2, "features": 2, "scenarios": 2}}
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("there is no chromium; apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        empty = Path(folder) / "empty.html"
        empty.write_text("<!doctype html><title>empty</title><p>nothing</p>")
        turns = 1 if tiny else TURNS
        floor, _ = opening(browser, empty, turns)
        print(f"an empty page: loaded in {floor:.0f} ms")
        for name, given in cases.items():
            report = large(**given)
            began = time.perf_counter()
            text = html_page(report)
            made = time.perf_counter() - began
            file = Path(folder) / "report.html"
            file.write_text(text, encoding="utf-8")
            loaded, painted = opening(browser, file, turns)
            print(
                f"{name}: {len(text.encode()) / 1e3:,.0f} kB, made in {made:.2f} s, painted in "
                f"{painted:.0f} ms, loaded in {loaded:.0f} ms, "
                f"{loaded / floor:.0f} times an empty page"
            )
        browser.close()


if __name__ == "__main__":
    main()
