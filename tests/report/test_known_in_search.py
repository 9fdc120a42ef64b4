"""Known divergences hide nothing else: what is news, untested or unlawful beside them is told."""

import re
from datetime import date

import polars as pl
import pytest

import skewtest as sk
from skewtest import session
from skewtest.declare.known import Known
from skewtest.errors import DeclarationError
from skewtest.run.budget import budget_of

SOURCE = sk.Source("events", time="ts", columns={"user_id": sk.key(), "x": sk.ints(0, 9)})
TODAY = date(2026, 1, 1)


def known(feature, **given):
    usual = {"view": "v", "owner": "ann", "reason": "later", "expires": date(2099, 1, 1)}
    return Known(feature=feature, **usual | given)


def view_of(features, *, batch=None, online=None, **given):
    """A view whose sides answer what two functions make of each feature's name."""
    batch, online = batch or (lambda name: 0), online or (lambda name: 1)

    def answers(spine: pl.DataFrame) -> list:
        return [{**row, **{name: batch(name) for name in features}} for row in spine.to_dicts()]

    class Online:
        def update(self, event):
            pass

        def query(self, request):
            return {name: online(name) for name in features}

    return sk.FeatureView(
        "v",
        sources=[SOURCE],
        entity=["user_id"],
        batch=answers,
        online=given.pop("made", Online),
        features=dict.fromkeys(features, sk.close()),
        **given,
    )


def checked(view, *entries, histories=None):
    budget = budget_of(view, histories=histories, seed=1, known=entries)
    scenarios = session.scenarios_of(view)
    return session.check_view(view, scenarios, budget, lambda _seed: "again", today=TODAY)


NINE = [f"f{number}" for number in range(9)]


def test_every_feature_that_differs_is_found_however_many_do():
    result = checked(view_of([f"f{number}" for number in range(40)]))
    assert [finding.feature for finding in result.findings] == [f"f{n}" for n in range(40)]
    sizes = [finding.counterexample.events.height for finding in result.findings]
    assert sizes == [0] * 40


def test_the_terminal_shows_the_first_counterexamples_and_names_the_others():
    """Feature f1 differs where there is one event, f2 where there are two, and so on."""
    names = [f"f{number}" for number in range(1, 15)]

    class Counts:
        def __init__(self):
            self.events = 0

        def update(self, event):
            self.events += 1

        def query(self, request):
            return {name: int(name == f"f{self.events}") for name in names}

    result = checked(view_of(names, made=Counts))
    text = result.report()
    shown = len(re.findall("batch and online disagree", text))
    assert (len(result.findings), shown) == (14, 8)
    assert "v: 6 further: f" in text
    assert text.endswith("; --skew-report=DIR writes all of them")
    assert all(name in text for name in names)


def test_a_finding_of_a_wide_view_shows_its_own_feature_and_counts_the_others():
    names = [f"f{number}" for number in range(40)]
    result = checked(view_of(names, online=lambda name: int(name in ("f7", "f39"))))
    _, last = result.document().outcomes[0].findings
    assert [*last.values] == [*(f"f{number}" for number in range(11)), "f39"]
    assert last.unshown == 28
    assert "and 28 more" in result.report()
    everything = checked(view_of(names)).report().splitlines()
    assert "  also   and 31 more" in everything
    assert len(everything) < 50


def test_what_is_news_is_found_beside_any_number_of_known_ones():
    result = checked(view_of(NINE), *map(known, NINE[:8]), histories=600)
    assert not result.ok
    assert [finding.feature for finding in result.findings if finding.is_news] == ["f8"]
    assert len(result.findings) == 9


class Breaks:
    """An online side that differs, and breaks from the second request on."""

    asked = 0

    def update(self, event):
        self.asked += 1

    def query(self, request):
        if self.asked > 1:
            raise RuntimeError
        return {"a": 1}


@pytest.mark.parametrize(("kind", "news"), [("", ["error"]), ("error", ["value"])])
def test_code_that_breaks_is_known_only_by_name(kind, news):
    """That values may differ is no excuse for it."""
    result = checked(view_of(["a"], made=Breaks), known("a", kind=kind))
    assert not result.ok
    assert {one.kind for one in result.findings} == {"value", "error"}
    assert [one.kind for one in result.findings if one.known is None] == news


def test_a_feature_that_is_never_tested_is_told_beside_a_known_divergence():
    nothing = view_of(["f0", "f1"], batch=lambda name: None if name == "f1" else 0)
    never = view_of(
        ["f0", "f1"],
        batch=lambda name: None if name == "f1" else 0,
        online=lambda name: None if name == "f1" else 1,
    )
    assert checked(never, known("f0"), histories=600).untested == ("f1",)
    assert checked(nothing, known("f0"), histories=600).untested == ()


class Forgets:
    """Loses what it has counted when it is restored."""

    def __init__(self):
        self.count = {}

    def update(self, event):
        self.count[event["user_id"]] = self.count.get(event["user_id"], 0) + 1

    def query(self, request):
        return {"f0": 1, "f1": self.count.get(request["user_id"], 0)}

    def snapshot(self):
        return b"nothing"

    def restore(self, state):
        self.count = {}


def counts(events: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    seen = spine.join(events, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = seen.group_by("user_id", "as_of").agg(f1=pl.len())
    rows = spine.join(found, on=["user_id", "as_of"], how="left")
    return rows.with_columns(pl.lit(0).alias("f0"), pl.col("f1").fill_null(0))


def forgetful():
    return sk.FeatureView(
        "v",
        sources=[SOURCE],
        entity=["user_id"],
        batch=counts,
        online=Forgets,
        features={"f0": sk.exact(), "f1": sk.exact()},
    )


def test_a_law_that_is_broken_is_told_beside_a_known_divergence():
    result = checked(forgetful(), known("f0"))
    broken = [finding.relation for finding in result.findings if finding.is_news]
    assert set(broken) == {"restart_invariance"}


def test_a_broken_law_can_be_known_too():
    entries = [known("f0"), known("f1", scenario="relations")]
    result = checked(forgetful(), *entries)
    assert result.ok
    assert {finding.relation for finding in result.findings} == {None, "restart_invariance"}


def test_none_is_said_to_be_gone_where_news_ended_the_search():
    """What differs only now and then may not have been met by then."""
    result = checked(view_of(["f0", "f1"], online=lambda name: int(name == "f0")), known("f1"))
    assert [finding.feature for finding in result.findings] == ["f0"]
    assert [outcome.stale for outcome in result.outcomes] == [(), ()]
    result = checked(view_of(["f0", "f1"], online=lambda name: 0), known("f1"))
    assert [one.feature for one in result.outcomes[0].stale] == ["f1"]


def test_a_known_divergence_under_a_scenario_that_is_not_declared_is_refused():
    with pytest.raises(DeclarationError, match="'v' does not declare the scenario 'late'"):
        checked(view_of(["f0"]), known("f0", scenario="late"))
