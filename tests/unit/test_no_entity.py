"""A view without an entity: its features are of all events, and its rows are keyed by `as_of`."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import skewtest as sk
from skewtest.results.corpus import load, save

DAY = timedelta(days=1)
AT = datetime(2024, 3, 8, 12, tzinfo=UTC)


def orders(**columns):
    return sk.Source("orders", time="ts", columns={"amount": sk.ints(0, 9), **columns})


def total(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    seen = spine.join(orders, how="cross").filter(
        (pl.col("ts") < pl.col("as_of")) & (pl.col("ts") >= pl.col("as_of") - DAY)
    )
    sums = seen.group_by("as_of").agg(total=pl.col("amount").sum())
    return spine.join(sums, on="as_of", how="left").with_columns(pl.col("total").fill_null(0))


class Total:
    def __init__(self):
        self.seen = []

    def update(self, event):
        self.seen.append(event)

    def query(self, request):
        assert set(request) == {"as_of"}
        as_of = request["as_of"]
        return {"total": sum(e["amount"] for e in self.seen if as_of - DAY <= e["ts"] < as_of)}


class TotalWithFarEdge(Total):
    def query(self, request):
        as_of = request["as_of"]
        return {"total": sum(e["amount"] for e in self.seen if as_of - DAY < e["ts"] < as_of)}


def view(online=Total, batch=total, source=None, **more):
    return sk.FeatureView(
        "total",
        sources=[source or orders()],
        entity=[],
        batch=batch,
        online=online,
        features={"total": sk.exact()},
        windows=[DAY],
        **more,
    )


def finding_of(result):
    [finding] = result.findings
    return finding


@pytest.mark.parametrize("columns", [{}, {"shop": sk.key()}], ids=["no key", "a key"])
def test_sides_that_agree_on_all_events_are_at_parity(columns):
    result = sk.check(view(source=orders(**columns)), histories=60, seed=0)
    result.raise_if_skewed()
    assert result.outcomes[0].histories >= 60
    assert result.outcomes[0].tallies["total"].match > 60


def test_an_edge_is_found_and_cut_down_to_one_event():
    finding = finding_of(sk.check(view(TotalWithFarEdge), histories=200, seed=0))
    example = finding.counterexample
    assert (example.history.size, example.history.spine.height) == (1, 1)
    assert example.history.spine.columns == ["as_of"]
    assert "exactly as_of - 1 d" in str(sk.check(view(TotalWithFarEdge), histories=200, seed=0))


def test_no_law_on_other_entities_is_counted_as_held():
    checks = sk.check(view(), histories=20, seed=0, scenarios=["relations"]).outcomes[0].checks
    isolation = [check for check in checks if check.law == "entity_isolation"]
    assert {check.state for check in isolation} == {"not applicable"}
    assert {check.reason for check in isolation} == {
        "the view has no entity: its features are of all events"
    }
    leaks = view(batch=lambda orders, spine: spine.with_columns(total=orders["amount"].sum()))
    broken = sk.check(leaks, histories=60, seed=0, scenarios=["relations"])
    assert "no_future_leakage" in {finding.relation for finding in broken.findings}


class Lasting(Total):
    def snapshot(self):
        return self.seen

    def restore(self, state):
        self.seen = state


class Forgetful(Lasting):
    def snapshot(self):
        return self.seen[:1]


def test_a_state_that_is_lost_in_a_restart_is_found():
    delivery = sk.Delivery(restarts=True)
    sk.check(view(Lasting, delivery=delivery), histories=60, seed=0).raise_if_skewed()
    assert not sk.check(view(Forgetful, delivery=delivery), histories=60, seed=0).ok


def last_amount(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    seen = spine.join(orders.with_row_index("row"), how="cross")
    seen = seen.filter(pl.col("ts") < pl.col("as_of")).sort("ts", "row")
    return seen.group_by("as_of", maintain_order=True).agg(total=pl.col("amount").last())


class LastAmount:
    def __init__(self):
        self.last = None

    def update(self, event):
        self.last = event["amount"]

    def query(self, request):
        return None if self.last is None else {"total": self.last}

    def bootstrap(self, rows):
        for row in rows:
            self.last = row["total"]


class LastAmountButZero(LastAmount):
    def bootstrap(self, rows):
        for row in rows:
            self.last = row["total"] or 1


def test_an_object_that_starts_from_the_row_of_batch_is_started_from_the_only_one():
    delivery = sk.Delivery(bootstrap=True)
    right = view(LastAmount, last_amount, delivery=delivery)
    sk.check(right, histories=200, seed=0).raise_if_skewed()
    wrong = sk.check(right.replaced(online=LastAmountButZero), histories=200, seed=0)
    assert {finding.scenario for finding in wrong.findings} == {"bootstrapped"}


def test_a_function_of_one_moment_and_one_that_is_replayed_need_no_entity():
    def at(orders: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
        seen = orders.filter((pl.col("ts") < as_of) & (pl.col("ts") >= as_of - DAY))
        return pl.DataFrame({"total": [seen["amount"].sum()]})

    sk.check(view(batch=sk.per_as_of(at)), histories=40, seed=0).raise_if_skewed()
    sk.check(view(sk.replayed(total)), histories=40, seed=0).raise_if_skewed()


def test_rows_by_event_and_by_micro_batch_are_those_of_all_events():
    def by_event(orders: pl.DataFrame) -> pl.DataFrame:
        return orders.select("ts", total=pl.col("amount"))

    def newest(events: pl.DataFrame) -> pl.DataFrame:
        return events.select(total=pl.col("amount")).tail(1)

    declared = view(sk.micro_batch(newest, size=1), sk.per_event(by_event))
    sk.check(declared, histories=60, seed=0).raise_if_skewed()
    assert not sk.check(declared.replaced(online=Total), histories=60, seed=0).ok


def test_a_log_is_asked_at_each_of_its_times_and_once_after_the_last():
    log = pl.DataFrame({"ts": [AT, AT, AT + DAY], "amount": [1, 2, 3]})
    log = log.with_columns(pl.col("ts").dt.cast_time_unit("us"))
    result = sk.replay(view(), log)
    result.raise_if_skewed()
    assert result.outcomes[0].tallies["total"].match == 3
    assert result.outcomes[0].tied.requests == 2
    assert not sk.replay(view(TotalWithFarEdge), log).ok


def test_a_reference_is_given_all_events():
    def exact(events, request):
        as_of = request["as_of"]
        return {"total": sum(e["amount"] for e in events if e["ts"] >= as_of - DAY)}

    finding = finding_of(sk.check(view(TotalWithFarEdge, reference=exact), histories=200, seed=0))
    assert [side.is_off for side in finding.opinion.sides] == [False, True]


def test_a_kept_counterexample_reads_back(tmp_path):
    declared = view(TotalWithFarEdge)
    finding = finding_of(sk.check(declared, histories=200, seed=0))
    save(tmp_path, finding)
    [(_, kept)], rejected = load(tmp_path, declared)
    assert rejected == []
    assert kept.spine.equals(finding.counterexample.history.spine)


def test_rows_that_nobody_asked_for_are_told_without_an_entity():
    def with_more(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
        rows = total(orders, spine)
        return pl.concat([rows, rows.with_columns(pl.col("as_of") + timedelta(days=400))])

    result = sk.check(view(batch=with_more), histories=20, seed=0)
    assert not result.ok
    assert "for the entity" not in str(result)
    assert "batch returns" in str(result)
