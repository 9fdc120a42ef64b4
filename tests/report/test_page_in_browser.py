"""The HTML report in a real browser: Debian's chromium, driven by playwright."""

import os
import shutil

import pytest
from hostile_texts import HOSTILE
from made_reports import (
    environment,
    example,
    finding,
    hostile,
    large,
    outcome,
    report,
    run,
    step,
    tally,
    view,
)

from skewtest.report.changes import compare_reports
from skewtest.report.formats.html import html_page
from skewtest.report.formats.trend import trend_page
from skewtest.report.merging import merge_reports
from skewtest.report.trend import point_of

pytestmark = pytest.mark.browser

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 400, "height": 800}
NEEDED = "python -m pip install --group browser; apt-get install chromium"


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 # it may be missing
    except ImportError:
        chromium = None
    if chromium is None:
        told = f"a browser is needed: {NEEDED}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(told)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


class Opened:
    """A page from disk, and everything that it said or asked for."""

    def __init__(self, browser, file, **context):
        self.page = browser.new_context(**{"viewport": WIDE, **context}).new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())

    def shown_rows(self):
        return self.page.locator("#grid tbody tr:visible th").all_inner_texts()


@pytest.fixture
def opened(browser, tmp_path):
    pages = []

    def open_(text, anchor="", **context):
        file = tmp_path / "report.html"
        file.write_text(text, encoding="utf-8")
        pages.append(Opened(browser, file, **context))
        if anchor:
            pages[-1].page.goto(file.as_uri() + anchor)
        return pages[-1]

    yield open_
    for one in pages:
        one.page.context.close()


def small():
    """A report of two views: one fails, one has a feature that was never tested."""
    bad = tally(mismatch=40)
    first = outcome("spend", features=("a", "b"), findings=[finding("a")])
    first.features["a"] = bad
    late = outcome("spend", "late", features=("a", "b"))
    other = outcome("visits", features=("n",), ok=False, untested=["n"])
    return report(first, late, other)


def test_it_opens_from_disk_without_a_word_or_a_request(opened):
    page = opened(html_page(small()))
    assert page.said == []
    assert [url for url in page.asked if not url.startswith("data:")] == [page.page.url]
    assert page.page.title() == "Parity report: skew"


def test_the_grid_shows_a_row_a_feature_and_a_column_a_scenario(opened):
    page = opened(html_page(small())).page
    assert page.locator("#grid thead th").all_inner_texts() == ["feature", "in_order", "late"]
    cells = [
        [" ".join(cell.split()) for cell in row.locator("th, td").all_inner_texts()]
        for row in page.locator("#grid tbody tr").all()
    ]
    assert cells == [
        ["spend.a", "✗ skew: a, in_order", "✓"],
        ["spend.b", "✓", "✓"],
        ["visits.n", "∅ untested: n, in_order", ""],
    ]


def test_the_filter_hides_rows_and_their_features(opened):
    page = opened(html_page(small()))
    page.page.fill("#filter", "SPEND.b")
    assert page.shown_rows() == ["spend.b"]
    assert page.page.locator("details.feature:visible").count() == 1
    assert page.page.locator("#shown").inner_text() == "1 of 3 features"
    page.page.fill("#filter", "")
    page.page.select_option("#state", "look")
    assert page.shown_rows() == ["spend.a", "visits.n"]


def test_a_click_on_a_heading_sorts_and_another_one_turns(opened):
    page = opened(html_page(small()))
    page.page.click("#grid thead th:nth-child(2) button")
    assert page.shown_rows() == ["spend.a", "visits.n", "spend.b"]
    assert page.page.get_attribute("#grid thead th:nth-child(2)", "aria-sort") == "ascending"
    page.page.click("#grid thead th:nth-child(2) button")
    assert page.shown_rows() == ["spend.b", "visits.n", "spend.a"]
    page.page.click("#grid thead th:nth-child(1) button")
    assert page.shown_rows() == ["spend.a", "spend.b", "visits.n"]


def wait_for_open(details):
    """Wait until an element is open: the page hears of a new address some time after the click."""
    details.and_(details.page.locator("[open]")).wait_for()


def test_a_deep_link_opens_its_feature(opened):
    page = opened(html_page(small()), "#spend.b").page
    wait_for_open(page.locator("details[id='spend.b']"))
    assert page.evaluate("document.activeElement.parentElement.id") == "spend.b"


def test_a_deep_link_to_a_strange_name_opens_it_too(opened):
    name = "100% <b> of ä/ö#?"
    text = html_page(report(outcome("v", features=(name,))))
    page = opened(text).page
    page.click("#grid tbody a")
    wait_for_open(page.locator("details.feature"))
    assert page.locator("details.feature summary b").inner_text() == name


def test_features_that_are_called_alike_have_links_of_their_own(opened):
    both = report(outcome("a", features=("b.c",)), outcome("a.b", features=("c",)))
    page = opened(html_page(both)).page
    for place in (0, 1):
        page.locator("#grid tbody th a").nth(place).click()
        wait_for_open(page.locator("details.feature").nth(place))
        assert page.locator("details.feature[open]").count() == place + 1


def test_everything_can_be_reached_by_keyboard(opened):
    page = opened(html_page(small())).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    assert page.locator(".skip").bounding_box()["width"] > 50
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.outerHTML.slice(0, 60)"))
    told = " ".join(reached)
    assert all(part in told for part in ('id="theme"', 'id="filter"', 'id="state"', "<summary>"))
    page.focus("#grid thead th:nth-child(2) button")
    page.keyboard.press("Enter")
    assert page.get_attribute("#grid thead th:nth-child(2)", "aria-sort") == "ascending"
    page.focus("details[id='spend.b'] summary")
    page.keyboard.press("Enter")
    wait_for_open(page.locator("details[id='spend.b']"))


BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_it_is_dark_where_the_reader_prefers_it_and_can_be_told_otherwise(opened):
    text = html_page(small())
    assert opened(text, color_scheme="light").page.evaluate(BACKGROUND) == "rgb(255, 255, 255)"
    page = opened(text, color_scheme="dark").page
    assert page.evaluate(BACKGROUND) == "rgb(15, 19, 23)"
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: light"
    assert page.evaluate(BACKGROUND) == "rgb(255, 255, 255)"
    for _ in range(50):  # chromium writes what a page stores a moment later
        page.reload()
        if page.evaluate(BACKGROUND) == "rgb(255, 255, 255)":
            break
        page.wait_for_timeout(100)
    assert page.inner_text("#theme") == "Theme: light"
    assert page.evaluate(BACKGROUND) == "rgb(255, 255, 255)"


def test_it_is_whole_without_scripts(opened):
    page = opened(html_page(small()), java_script_enabled=False).page
    assert page.locator("#grid tbody tr:visible").count() == 3
    assert not page.locator("#tools").is_visible()
    assert page.locator("details[id='spend.a'] .finding").is_visible()


def test_what_is_printed_is_open(opened):
    page = opened(html_page(small())).page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[id='spend.b']").get_attribute("open") is None
    page.emulate_media(media="print")
    assert not page.locator("#tools").is_visible()


LAID_OUT_LATE = """() => [...document.querySelectorAll("details.feature")].filter(
    feature => getComputedStyle(feature).contentVisibility === "auto").length"""


@pytest.mark.parametrize(("views", "late"), [(5, 0), (50, 200)])
def test_only_a_long_page_is_laid_out_late_and_never_on_paper(opened, views, late):
    page = opened(html_page(large(views, scenarios=1))).page
    assert page.evaluate(LAID_OUT_LATE) == late
    page.emulate_media(media="print")
    assert page.evaluate(LAID_OUT_LATE) == 0


def test_each_column_is_explained_and_no_other(opened):
    page = opened(html_page(report(outcome(), outcome(scenario="late")))).page
    page.get_by_text("What the columns are").click()
    names = page.locator("details.soft dt").all_inner_texts()
    assert names == ["in_order", "late"]


def test_a_feature_without_rows_has_no_empty_table(opened):
    skipped = outcome(skipped="needs snapshot()")
    skipped.features.clear()
    page = opened(html_page(report(skipped, views=[view("v0")]))).page
    assert page.locator("details.feature").count() == 1
    assert page.locator("table.counts").count() == 0


def test_a_page_that_is_dark_on_the_screen_is_light_on_paper(opened):
    page = opened(html_page(small())).page
    page.get_by_role("button", name="Theme").click()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(BACKGROUND) != "rgb(255, 255, 255)"
    page.emulate_media(media="print")
    assert page.evaluate(BACKGROUND) == "rgb(255, 255, 255)"


def test_one_of_a_thing_is_no_plural(opened):
    page = opened(html_page(report(outcome()))).page
    assert page.get_by_text("1 run: histories").count() == 1
    assert page.get_by_text("1 runs").count() == 0


def test_a_late_event_is_drawn_where_it_happens_and_where_it_arrives(opened):
    late = example()
    late.delivery[0] = step("event", "2024-03-01 00:00:00", "2024-03-09 00:00:00")
    late.delivery.append(step("request", "2024-03-10 00:00:00", "2024-03-10 00:00:00", 1))
    one = outcome(findings=[finding(counterexample=late)])
    page = opened(html_page(report(one))).page
    drawing = page.locator(".finding svg").first
    assert "event 1 happens; event 1 arrives" in drawing.get_attribute("aria-label")
    assert drawing.locator("line.late").count() == 1
    assert drawing.locator("rect.window").count() == 2
    assert drawing.locator("line.as-of").count() == 2
    texts = drawing.locator("text").all_text_contents()
    assert {"as_of", "−9 d", "−1 d", "[ window 7 d )"} <= set(texts)  # noqa: RUF001 # a minus sign


def test_what_has_changed_since_the_baseline_is_told_first(opened):
    before = report(outcome("spend", findings=[finding("f0", kind="null")]))
    after = report(outcome("spend", findings=[finding("f0")]), run=run(packages={"numpy": "3.0"}))
    page = opened(html_page(after, compare_reports(before, after))).page
    assert "Since the baseline: 1 new 1 fixed what has changed" in page.inner_text("header")
    section = page.locator("h2#changes ~ .scroll").first.inner_text()
    assert "new\tspend.f0\tin_order\tvalue" in section
    assert "fixed\tspend.f0\tin_order\tnull" in section
    assert "numpy 2.4.0 -> 3.0" in section


def test_nothing_is_said_of_changes_where_there_are_none(opened):
    same = small()
    unchanged = opened(html_page(same, compare_reports(same, same))).page
    assert "Since the baseline: 2 unchanged" in unchanged.inner_text("header")
    well = report(outcome("spend"))
    page = opened(html_page(well, compare_reports(well, well))).page
    assert "Since the baseline: no divergence, then or now" in page.inner_text("header")
    assert page.locator("#changes").count() == 0


def test_versions_are_told_environment_by_environment(opened):
    cell = [environment("train"), environment("serve")]
    page = opened(html_page(report(outcome("spend", cell=cell)))).page
    page.click("h2#versions + details summary")
    rows = page.locator("h2#versions + details tr").all()
    told = [[" ".join(c.split()) for c in row.locator("th, td").all_inner_texts()] for row in rows]
    assert told == [
        ["package", "here", "train", "serve"],
        ["python", "3.11.7", "none", "none"],
        ["numpy", "2.4.0", "2.0.0", "2.0.0"],
        ["polars", "2.1.0", "none", "none"],
    ]


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1440", "400"])
def test_nothing_sticks_out_of_the_page(opened, viewport):
    page = opened(html_page(large(views=3, scenarios=12)), viewport=viewport).page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(opened, scheme):
    axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason=NEEDED)
    seen = small()
    changes = compare_reports(report(outcome("spend")), seen)
    points = [point_of(seen), point_of(report(outcome("spend")))]
    for text in (html_page(seen, changes), html_page(large(2)), trend_page(points)):
        page = opened(text, color_scheme=scheme).page
        page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        found = axe_playwright.Axe().run(page).response["violations"]
        told = [
            (fault["id"], [node["html"][:120] for node in fault["nodes"]][:3])
            for fault in found
            if fault["impact"] in SERIOUS
        ]
        assert told == []


PLANTED = "() => document.body.insertAdjacentHTML('beforeend', '<p style=\"color:#999\">faint</p>')"


def test_axe_finds_a_planted_fault(opened):
    axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason=NEEDED)
    page = opened(html_page(small()), color_scheme="light").page
    page.evaluate(PLANTED)
    found = axe_playwright.Axe().run(page).response["violations"]
    assert "color-contrast" in {fault["id"] for fault in found if fault["impact"] in SERIOUS}


def together(*texts):
    """Return a report with each of some texts everywhere."""
    made = [hostile(text) for text in texts]
    return merge_reports(made, incomplete=texts, run=made[0].run)


EIGHTS = [list(HOSTILE)[first : first + 8] for first in range(0, len(HOSTILE), 8)]


@pytest.mark.parametrize("names", EIGHTS, ids=", ".join)
def test_hostile_texts_neither_run_nor_break_the_layout(opened, names):
    texts = [HOSTILE[name].encode("utf-8", "backslashreplace").decode() for name in names]
    shown = together(*texts)
    changes = compare_reports(report(outcome("spend")), shown)
    for made in (html_page(shown, changes), trend_page([point_of(shown)], texts)):
        page = opened(made, viewport=NARROW)
        page.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        page.page.wait_for_timeout(50)
        assert page.page.evaluate("window.pwned === undefined")
        assert page.said == []
        assert len([url for url in page.asked if not url.startswith("data:")]) == 1
        assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.page.locator("script").count() == 1
        assert page.page.locator("h1").count() == 1
        assert page.page.locator("main#main").count() == 1
        assert page.page.locator("img, iframe, object, embed, form, base, marquee").count() == 0
        assert page.page.locator("main h2").last.inner_text() in ("Runs", "Versions")


def test_a_planted_script_would_be_noticed(opened):
    text = html_page(small()).replace("<main ", "<img src=x onerror=window.pwned=1><main ")
    assert opened(text).said != []


def test_invisible_characters_are_spelled(opened):
    page = opened(html_page(hostile(HOSTILE["bidi override"]))).page
    assert r"user\u202egnp.exe\u202c" in page.inner_text("main")
    assert "\u202e" not in page.content()
