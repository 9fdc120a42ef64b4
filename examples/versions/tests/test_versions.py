"""Ten features that an upgrade changes, each put down to the package that does it."""

import pytest
from views import view_of

CHANGED = {
    "price_with_tax": "numpy 1.26.4 -> 2.2.6",
    "loyalty_points": "numpy 1.26.4 -> 2.2.6",
    "kinds_of_status": "pandas 1.5.3 -> 3.0.0",
    "last_seen_second": "pandas 1.5.3 -> 3.0.0",
    "spend_without_first": "pandas 1.5.3 -> 3.0.0",
    "text_columns": "pandas 1.5.3 -> 3.0.0",
    "change_of_amount": "pandas 1.5.3 -> 3.0.0",
    "label_of_counts": "pandas 1.5.3 -> 3.0.0",
    "mean_of_all": "pandas 1.5.3 -> 3.0.0",
    "matched_nulls": "polars 0.19.19 -> 1.35.2",
}
CONTROLS = ["spend", "orders", "largest", "median_items"]
VIEWS = [view_of(name) for name in (*CHANGED, *CONTROLS)]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_what_an_upgrade_changes(skew, view):
    result = skew.run(view)
    (outcome,) = [outcome for outcome in result.outcomes if outcome.scenario != "relations"]
    in_cell = getattr(outcome, "cell", None) is not None
    if outcome.scenario == "versions":
        assert result.outcomes[0].ok == (view.name in CONTROLS)
    elif view.name in CONTROLS or not in_cell:
        assert result.ok or view.name == "mean_of_all", result.report()
    else:
        finding = result.findings[0]
        assert finding.cause == "library.version"
        assert finding.attribution.verdict == "version skew"
        assert finding.attribution.culprits[0].startswith(CHANGED[view.name]), result.report()
