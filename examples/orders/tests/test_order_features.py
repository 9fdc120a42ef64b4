"""Sharing the function between training and serving does not make them equal."""

from order_features import OrderService, order_features

import skewtest as sk

FEATURES = {
    "total_orders": sk.exact(),
    "lifetime_value": sk.close(),
    "avg_order_value": sk.close(),
    "days_since_last_order": sk.exact(),
    "purchase_frequency": sk.close(),
}
ORDERS = sk.Source(
    "orders",
    time="ts",
    columns={"user_id": sk.key(), "amount": sk.floats(0, 10_000, step=0.01)},
)


def served_by(online: object) -> sk.FeatureView:
    return sk.FeatureView(
        "orders",
        sources=[ORDERS],
        entity=["user_id"],
        batch=sk.per_as_of(order_features),
        online=online,
        features=FEATURES,
        as_of="inclusive",
    )


def test_the_same_function_on_small_frames_is_skewed_in_every_feature():
    result = sk.check(served_by(sk.micro_batch(order_features, size=10)))
    assert {finding.feature for finding in result.findings} == set(FEATURES)


def test_a_service_that_keeps_its_state_agrees():
    sk.check(served_by(OrderService)).raise_if_skewed()
