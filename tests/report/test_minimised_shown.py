"""A history that is large because minimising was cut short is said to be so in every report."""

import pytest

import skewtest as sk
from skewtest.checks import under_scenario
from skewtest.report.formats.html import html_page
from skewtest.report.formats.markdown import markdown
from skewtest.report.reading import report_from_values
from skewtest.run.effort import DECLARED, Allowance

CAP = 22
TOLD = "its history was not minimised to its end"
orders = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})


def count(orders, spine):
    rows = []
    for user, as_of in spine.select("user_id", "as_of").iter_rows():
        seen = orders.filter((orders["user_id"] == user) & (orders["ts"] < as_of))
        rows.append({"user_id": user, "as_of": as_of, "n": seen.height})
    return rows


class Capped:
    def __init__(self):
        self.seen = {}

    def update(self, event):
        self.seen[event["user_id"]] = self.seen.get(event["user_id"], 0) + 1

    def query(self, request):
        return {"n": min(self.seen.get(request["user_id"], 0), CAP)}


@pytest.mark.parametrize("allowance", [Allowance(rows=40, cpu=60.0), DECLARED])
def test_every_report_tells_whether_minimising_came_to_its_end(monkeypatch, allowance):
    monkeypatch.setattr(under_scenario, "DECLARED", allowance)
    view = sk.FeatureView(
        "v",
        sources=[orders],
        entity=["user_id"],
        batch=count,
        online=Capped,
        features={"n": sk.exact()},
    )
    result = sk.check(view, histories=400, seed=1)
    is_cut_short = allowance is not DECLARED
    report = report_from_values(result.to_dict())
    for text in (str(result), markdown(report), html_page(report)):
        assert (TOLD in text) == is_cut_short
    (finding,) = report.outcomes[0].findings
    assert finding.is_minimal != is_cut_short
    # A cap of 22 takes 23 events to show, however long it is minimised.
    assert result.findings[0].counterexample.events.height > CAP
