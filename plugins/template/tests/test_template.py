import importlib.metadata

import polars as pl

import skewtest as sk
import skewtest_template
from skewtest.testing import check_side
from skewtest_template import StoreSide


def count(store, event):
    store[event["user_id"]] = store.get(event["user_id"], 0) + 1


def read(store, request):
    return {"orders": store.get(request["user_id"], 0)}


def batch(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    seen = orders.join(spine, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    counts = seen.group_by("user_id", "as_of").len("orders")
    joined = spine.join(counts, on=["user_id", "as_of"], how="left")
    return joined.with_columns(pl.col("orders").fill_null(0))


orders = sk.Source("orders", time="ts", columns={"user_id": sk.key()})
view = sk.FeatureView(
    "orders",
    sources=[orders],
    entity=["user_id"],
    batch=batch,
    online=StoreSide(count, read),
    features={"orders": sk.exact()},
    relations=None,
)


def test_the_side_keeps_what_it_promises():
    check_side(view.online, view=view)


def test_a_view_is_checked_with_it():
    sk.check(view, histories=64, seed=1).raise_if_skewed()


def test_a_store_that_counts_wrongly_is_found():
    def count_twice(store, event):
        store[event["user_id"]] = store.get(event["user_id"], 0) + 2

    wrong = view.replaced(online=StoreSide(count_twice, read))
    assert not sk.check(wrong, histories=64, seed=1).ok


def test_the_template_is_installed_beside_the_skewtest_it_is_written_for():
    assert importlib.metadata.requires("skewtest-template") == ["skewtest>=0.1"]
    assert sk.__version__.startswith("0.")


def test_every_public_name_exists():
    for name in skewtest_template.__all__:
        assert hasattr(skewtest_template, name)
