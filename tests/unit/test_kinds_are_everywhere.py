"""A kind of column is known to every stage: this fails where one was forgotten.

A new kind is a class in `declare.kinds`, a function that declares it, and a registration in each of
the stages below.
"""

from datetime import UTC, datetime
from decimal import Decimal
from types import FunctionType

import numpy as np
import polars as pl
import pytest
from hypothesis import strategies as st

import skewtest as sk
from skewtest.declare import columns, kinds, numbers
from skewtest.declare.kinds import Column, Drawn
from skewtest.generate.incidents import value_incidents
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan, draw_pools
from skewtest.generate.values import fill_plain
from skewtest.run.plain import plain_values
from skewtest.strategies import cell_strategy

STAGES = {
    "generate.values: how it is filled": fill_plain,
    "generate.incidents: what of it is counted": value_incidents,
    "strategies: how it is drawn by @given": cell_strategy,
    "run.plain: what is plainer": plain_values,
}
NOT_LEARNED = {Drawn}
"""No log tells it: a strategy is its owner's."""
NOW = datetime(2024, 3, 8, tzinfo=UTC)


def is_kind(part):
    return isinstance(part, type) and issubclass(part, Column) and part is not Column


KINDS = [part for part in vars(kinds).values() if is_kind(part)]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_registered_with_each_stage(kind, stage):
    assert STAGES[stage].dispatch(kind) is not STAGES[stage].dispatch(object), stage


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_declared_by_a_function(kind):
    parts = [*vars(columns).values(), *vars(numbers).values()]
    makers = [part for part in parts if isinstance(part, FunctionType)]
    assert kind in [maker.__annotations__.get("return") for maker in makers]


def test_every_kind_that_a_log_can_tell_is_learned():
    log = pl.DataFrame(
        {
            "ts": [NOW, NOW],
            "user": ["a", "b"],
            "x": [1.5, 2.5],
            "n": [1, 2],
            "b": [True, False],
            "c": ["new", "new"],
            "s": ["one", "two"],
            "t": [NOW, NOW],
            "v": [[1.0], [2.0]],
            "r": [{"x": 1}, {"x": 2}],
            "d": [NOW.date(), NOW.date()],
            "m": [Decimal("1.50"), Decimal("2.25")],
            "l": [[1], [1, 2]],
            "id": ["e1", "e2"],
        },
        schema_overrides={"v": pl.List(pl.Float64)},
    )
    many = pl.concat([log.with_columns(s=pl.lit(f"text {n}")) for n in range(60)])
    learned = sk.Source.from_polars(many, "orders", time="ts", keys=["user"], ids=["id"]).columns
    assert {type(kind) for kind in learned.values()} == set(KINDS) - NOT_LEARNED


NESTED = [
    *(sk.key(), sk.ids(), sk.floats(0, 1, nan=True), sk.ints(0, 3), sk.bools(), sk.strings()),
    *(sk.dates(), sk.decimals(0, 9), sk.lists(sk.ints(0, 3))),
    *(sk.categories("a", "b"), sk.timestamps(), sk.vectors(2), sk.structs({"x": sk.ints()})),
    Drawn(strategy=st.integers(0, 5), type=pl.Int64()),
]


@pytest.mark.parametrize("kind", NESTED, ids=lambda kind: type(kind).__name__)
def test_any_kind_can_be_the_field_of_a_record(kind):
    declared = {"user_id": sk.key(), "r": sk.structs({"field": kind})}
    spend = sk.FeatureView(
        "spend",
        sources=[sk.Source("orders", time="ts", columns=declared)],
        entity=["user_id"],
        batch=None,
        online=None,
        features={"n": sk.exact()},
    )
    pack = build(spend, Clock.of(spend), Plan(1, pools=draw_pools(spend, 1, 0)), 16)
    fields = pack.events["orders"]["r"].struct.field("field")
    assert fields.dtype == kind.dtype
    assert fields.null_count() == 0
    assert len(fields) == np.sum(np.bincount(pack.events["orders"]["#lane"]))


def test_all_kinds_are_tried_in_records():
    assert {type(kind) for kind in NESTED} == set(KINDS)
