"""A right view of two features, whose sides the tests replace by misbehaving ones."""

from collections import defaultdict

import polars as pl

import skewtest as sk
from skewtest.report.claims import headline
from skewtest.report.failures import failure_text

SOURCE = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)})


def right_batch(orders, spine):
    found = (
        spine.join(orders, on="user_id")
        .filter(pl.col("ts") < pl.col("as_of"))
        .group_by("user_id", "as_of")
        .agg(total=pl.col("amount").sum(), n=pl.len())
    )
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("total", "n").fill_null(0)
    )


class RightOnline:
    def __init__(self):
        self.seen = defaultdict(list)

    def update(self, event):
        self.seen[event["user_id"]].append(event["amount"])

    def query(self, request):
        amounts = self.seen[request["user_id"]]
        return {"total": sum(amounts), "n": len(amounts)}


def view(batch=right_batch, online=RightOnline, **settings):
    given = {
        "sources": [SOURCE],
        "entity": ["user_id"],
        "features": {"total": sk.close(), "n": sk.exact()},
        **settings,
    }
    return sk.FeatureView("spend", batch=batch, online=online, **given)


def checked(batch=right_batch, online=RightOnline, histories=128, **settings):
    return sk.check(view(batch, online, **settings), histories=histories, seed=1)


def only(result):
    (finding,) = result.findings
    return finding


def told(finding):
    """What the report says of the side that failed."""
    (failure,) = finding.failures
    return failure_text(failure)


def claim(finding):
    return headline(finding, "spend")


def size(finding):
    """Events and requests of the counterexample."""
    return finding.counterexample.events.height, finding.counterexample.spine.height


def judged(result, feature):
    """On how many rows a feature was compared although something else went wrong."""
    tally = result.to_dict()["outcomes"][0]["features"][feature]
    return sum(tally[name] for name in ("match", "mismatch", "both_null"))


def is_within(finding, events, asked):
    """Whether the counterexample is no larger than so many events and requests."""
    return size(finding)[0] <= events and size(finding)[1] <= asked
