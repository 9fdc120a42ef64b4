"""The feature views: one for each feature."""

from functools import partial

import features

import skewtest as sk

orders = sk.Source(
    "orders",
    time="ts",
    columns={
        "user_id": sk.key(),
        "amount": sk.floats(0, 1_000),
        "status": sk.categories("completed", "refunded", "cancelled"),
        "items": sk.ints(0, 250),
    },
)


def view_of(feature: str) -> sk.FeatureView:
    return sk.FeatureView(
        feature,
        sources=[orders],
        entity=["user_id"],
        batch=partial(features.batch, feature=feature),
        online=partial(features.Online, feature=feature),
        features={"value": sk.exact() if feature == "label_of_counts" else sk.close()},
        relations=None,
    )
