"""The conformance test: our own sides pass it, and each planted fault is told by its promise."""

import numpy as np
import polars as pl
import pytest

import skewtest as sk
from skewtest.errors import DeclarationError
from skewtest.sides import Answers, bind
from skewtest.testing import check_side

ORDERS = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})


def batch(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    seen = orders.join(spine, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    sums = seen.group_by("user_id", "as_of").agg(pl.col("n").sum())
    joined = spine.join(sums, on=["user_id", "as_of"], how="left")
    return joined.with_columns(pl.col("n").fill_null(0))


class Online:
    snapshot = "pickle"

    def __init__(self):
        self.sums = {}

    def update(self, event):
        self.sums[event["user_id"]] = self.sums.get(event["user_id"], 0) + event["n"]

    def query(self, request):
        return {"n": self.sums.get(request["user_id"], 0)}


class Merging(Online):
    def snapshot(self):
        return repr(self.sums).encode()

    def restore(self, state):
        self.sums = eval(state)  # noqa: S307 - its own

    def merge(self, state):
        for user, n in eval(state).items():  # noqa: S307 - its own
            self.sums[user] = self.sums.get(user, 0) + n


def add(state, event):
    return {**state, event["user_id"]: state.get(event["user_id"], 0) + event["n"]}


def value(state, request):
    return {"n": state.get(request["user_id"], 0)}


@sk.per_as_of
def per_as_of(orders: pl.DataFrame, as_of) -> pl.DataFrame:
    seen = orders.filter(pl.col("ts") < as_of)
    return seen.group_by("user_id").agg(pl.col("n").sum())


QUERY = """
select s.user_id, s.as_of, coalesce(sum(o.n), 0)::bigint as n
from spine s left join orders o on o.user_id = s.user_id and o.ts < s.as_of
group by all
"""
FOLD = sk.fold(dict, add, value)
VIEW = sk.FeatureView(
    "v",
    sources=[ORDERS],
    entity=["user_id"],
    batch=batch,
    online=Online,
    features={"n": sk.exact()},
)


@pytest.mark.parametrize(
    "side", [batch, per_as_of, sk.sql(QUERY)], ids=["function", "as_of", "sql"]
)
def test_our_batch_sides_pass(side):
    check_side(side, view=VIEW, role="batch")


@pytest.mark.parametrize("side", [Online, Merging, FOLD], ids=["class", "merging", "fold"])
def test_our_online_sides_pass(side):
    check_side(side, view=VIEW)


class Right:
    """A right side, of which each planted one breaks a promise."""

    name = "planted"
    capabilities = frozenset({"lanes", "events"})

    def answer(self, pack, conditions):
        return bind(Online, "online").answer(pack, conditions)

    def parts(self):
        yield Online


class Shorter(Right):
    def answer(self, pack, conditions):
        whole = super().answer(pack, conditions)
        rows = np.arange(min(3, pack.spine.height))
        return Answers({name: column.take(rows) for name, column in whole.values.items()}, {})


class Raising(Right):
    def answer(self, pack, conditions):
        raise LookupError("no store")


class Unsteady(Right):
    calls = 0

    def answer(self, pack, conditions):
        type(self).calls += 1
        return Answers.of({"n": [self.calls] * pack.spine.height})


class ByPosition(Right):
    def answer(self, pack, conditions):
        return Answers.of({"n": list(range(pack.spine.height))})


class Mixing(Right):
    def answer(self, pack, conditions):
        return Answers.of({"n": [pack.spine.height] * pack.spine.height})


class WithoutParts(Right):
    def parts(self):
        return iter(())


class ClaimsElsewhere(Right):
    capabilities = Right.capabilities | {"elsewhere"}


class ClaimsSnapshots(Right):
    capabilities = Right.capabilities | {"snapshot"}

    def answer(self, pack, conditions):
        return bind(Plain, "online").answer(pack, conditions)


class Plain(Online):
    snapshot = None


class ClaimsTheMoon(Right):
    capabilities = frozenset({"moon"})


@pytest.mark.parametrize(
    ("side", "promise"),
    [
        (Shorter, "answers every row"),
        (Raising, "answers every row"),
        (Unsteady, "deterministic"),
        (ByPosition, "by key"),
        (Mixing, "lanes"),
        (WithoutParts, "parts"),
        (ClaimsElsewhere, "elsewhere"),
        (ClaimsSnapshots, "snapshot"),
        (ClaimsTheMoon, "capabilities"),
    ],
)
def test_a_broken_promise_is_told_by_its_name(side, promise):
    with pytest.raises(AssertionError, match=f"^{promise}: "):
        check_side(side(), view=VIEW)


def test_a_right_side_of_somebody_else_passes_and_is_checked():
    check_side(Right(), view=VIEW)
    assert sk.check(VIEW.replaced(online=Right()), histories=64, seed=1).ok


def test_unknown_capabilities_are_an_error_of_the_declaration():
    with pytest.raises(DeclarationError, match="claims the capability 'moon'; there are 'lanes'"):
        VIEW.replaced(online=ClaimsTheMoon())


def test_a_side_without_answer_is_an_error_of_the_declaration():
    without = type("Without", (), {"capabilities": frozenset()})()
    with pytest.raises(DeclarationError, match="must be a side with answer"):
        VIEW.replaced(batch=without)


def test_rows_that_a_side_leaves_out_are_missing_and_no_crash():
    result = sk.check(VIEW.replaced(online=Shorter()), histories=64, seed=1)
    assert {finding.kind for finding in result.findings} == {"missing row"}


def test_a_side_that_raises_is_a_finding():
    result = sk.check(VIEW.replaced(online=Raising()), histories=64, seed=1)
    (finding,) = result.findings
    assert (finding.kind, finding.side) == ("error", "online")
