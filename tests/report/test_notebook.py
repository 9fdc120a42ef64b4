"""A Result in a notebook: a piece of HTML, and plots by real libraries."""

import importlib.util
from datetime import timedelta
from html.parser import HTMLParser

import altair as alt
import polars as pl
import pytest
from hostile_texts import HOSTILE
from made_reports import errors, hostile, large
from matplotlib.figure import Figure

import skewtest as sk
from skewtest.errors import DeclarationError, ReportError
from skewtest.report.formats.notebook import fragment, plot

ORDERS = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)})


def spend(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    age = pl.col("as_of") - pl.col("ts")
    inside = (age > timedelta()) & (age <= timedelta(days=7))
    found = spine.join(orders, on="user_id").filter(inside)
    found = found.group_by("user_id", "as_of").agg(spend_7d=pl.col("amount").sum())
    return spine.join(found, on=["user_id", "as_of"], how="left").fill_null(0)


class Spend:
    def __init__(self):
        self.orders = []

    def update(self, event):
        self.orders.append(event)

    def query(self, request):
        start = request["as_of"] - timedelta(days=7)
        return {"spend_7d": sum(o["amount"] for o in self.orders if o["ts"] > start)}


@pytest.fixture(scope="module")
def result():
    view = sk.FeatureView(
        "spend", sources=[ORDERS], entity=["user_id"], batch=spend, online=Spend,
        features={"spend_7d": sk.close()}, windows=[timedelta(days=7)],
    )  # fmt: skip
    return sk.check(view, histories=300, seed=1)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.attributes, self.text = [], set(), set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_result_shows_its_verdict_grid_and_counterexample(result):
    tags = Tags(result._repr_html_())
    assert tags.open == []
    assert "skew" in tags.text
    assert "spend.spend_7d" in tags.text
    assert "#tsuser_idamount" in tags.text


@pytest.mark.fault("hostile texts in a notebook", "they are shown as text", ends="harmless")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_text(name):
    tags = Tags(fragment(hostile(HOSTILE[name])))
    assert tags.open == []
    assert tags.seen <= {
        "div",
        "p",
        "b",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "span",
        "pre",
    }
    assert tags.attributes <= {"style"}


def test_a_large_report_is_cut_and_counted():
    text = fragment(large(100, 2, 1))
    assert "and 150 more features" in text
    assert len(text) < 100_000


def test_matplotlib_draws_a_figure_without_a_window(result):
    figure = result.plot("spend_7d")
    assert isinstance(figure, Figure)
    left, right = figure.axes
    assert (left.get_xlabel(), right.get_xlabel(), right.get_ylabel()) == (
        "ulps apart",
        "batch",
        "online",
    )
    counts = [bar.get_height() for bar in left.patches]
    held = result.document().outcomes[0].features["spend_7d"].errors
    assert sum(counts) == sum(held.histogram)
    bottom, top = left.get_ylim()
    assert (bottom, left.get_yscale()) == (0, "symlog")
    assert top > max(counts)
    assert right.get_title() == f"{len(held.points)} of {held.compared} pairs"
    figure.canvas.draw()


def test_altair_draws_the_same(result):
    chart = result.plot("spend_7d", library="altair")
    assert isinstance(chart, alt.HConcatChart)
    values = chart.to_dict()
    left, right = values["hconcat"]
    held = result.document().outcomes[0].features["spend_7d"].errors
    assert sum(row["pairs"] for row in left["data"]["values"]) == held.compared
    assert len(right["data"]["values"]) == len(held.points)


def test_a_feature_without_numbers_is_named_with_the_nearest(result):
    with pytest.raises(DeclarationError, match="Did you mean 'spend_7d'"):
        result.plot("spend_7")
    with pytest.raises(DeclarationError, match="no numbers of 'spend_7d' under 'late'"):
        result.plot("spend_7d", "late")


def test_an_unknown_library_is_refused():
    with pytest.raises(ReportError, match="must be 'matplotlib' or 'altair'; got 'plotly'"):
        plot(errors(), "t", "plotly")


def test_a_library_that_is_not_installed_is_told_with_the_command(monkeypatch):
    found = importlib.util.find_spec
    missing = {"matplotlib", "altair"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else found(name)
    )
    with pytest.raises(ReportError, match="a plot needs matplotlib; install it with: pip install"):
        plot(errors(), "t")
    with pytest.raises(ReportError, match="a plot needs altair"):
        plot(errors(), "t", "altair")
    missing.discard("altair")
    assert isinstance(plot(errors(), "t"), alt.HConcatChart)
