"""Each report is found by default settings, on a few events, and the mended side agrees."""

import chronon_1032
import feast_6656
import feast_6821
import pytest
import talib_412
import zipline_1356

import skewtest as sk


class ComparedWithEachOther(feast_6656.PushedRows):
    def write_batch(self):
        for row in self.waiting:
            stored = self.stored.get(row["customer_id"])
            if stored is None or row["ts"] >= stored["ts"]:
                self.stored[row["customer_id"]] = row
        self.waiting = []


class Expiring(feast_6821.OnlineStore):
    def update(self, event):
        self.rows[event["driver_id"]] = event

    def query(self, request):
        row = self.rows.get(request["driver_id"])
        fresh = row is not None and row["ts"] >= request["as_of"] - feast_6821.TTL
        return {"conv_rate": row["conv_rate"] if fresh else None}


class Unchanged(chronon_1032.Tiled):
    def query(self, request):
        tile = self.tiles.get(request["user_id"], {"sum": 0})
        today = self.today.get(request["user_id"], ())
        return {"total": tile["sum"] + sum(event["amount"] for event in today)}


class ViewsBefore(zipline_1356.ViewsUntil):
    def query(self, request):
        times = self.times.get(request["user_id"], ())
        return {"views": sum(ts < request["as_of"] for ts in times)}


class WholeSeries(talib_412.StreamRsi):
    def update(self, event):
        self.closes.setdefault(event["symbol"], []).append(event["close"])


REPORTS = [
    pytest.param(feast_6656, "reordered", 2, ComparedWithEachOther, id="feast#6656"),
    pytest.param(feast_6821, "in_order", 1, Expiring, id="feast#6821"),
    pytest.param(chronon_1032, "in_order", 1, Unchanged, id="chronon#1032"),
    pytest.param(zipline_1356, "in_order", 1, ViewsBefore, id="zipline-ai/chronon#1356"),
    pytest.param(talib_412, "in_order", 5, WholeSeries, id="ta-lib-python#412"),
]


@pytest.mark.parametrize(("report", "scenario", "events", "mended"), REPORTS)
def test_a_report_is_found_by_default_settings(report, scenario, events, mended):
    result = sk.check(report.view, seed=1)
    found = [finding for finding in result.findings if finding.scenario == scenario]
    assert min(finding.counterexample.events.height for finding in found) == events


@pytest.mark.parametrize(("report", "scenario", "events", "mended"), REPORTS)
def test_what_is_mended_agrees(report, scenario, events, mended):
    right = report.view.replaced(online=mended)
    sk.check(right, seed=1, scenarios=["in_order", scenario]).raise_if_skewed()
