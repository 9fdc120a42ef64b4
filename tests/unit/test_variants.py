"""Views off their defaults, and views whose sides are given what was fitted."""

from datetime import timedelta

import polars as pl
import pytest

import skewtest as sk
from skewtest.session import part_of, scenarios_of

ORDERS = sk.Source(
    "orders",
    time="ts",
    columns={"user_id": sk.key(), "amount": sk.ints(1, 9), "city": sk.categories("Rome", "Oslo")},
)
KEYS = ["user_id", "as_of"]
DUPLICATES = sk.Delivery(duplicates=True)


def spent(orders, spine, window=timedelta(days=7)):
    age = pl.col("as_of") - pl.col("ts")
    found = spine.join(orders, on="user_id").filter((age > timedelta(0)) & (age <= window))
    total = found.group_by(KEYS).agg(spent=pl.col("amount").sum())
    return spine.join(total, on=KEYS, how="left").with_columns(pl.col("spent").fill_null(0))


class Spent:
    def __init__(self, window=timedelta(days=7)):
        self.window = window
        self.seen = []

    def update(self, event):
        self.seen.append(event)

    def query(self, request):
        start = request["as_of"] - self.window
        mine = [e for e in self.seen if e["user_id"] == request["user_id"] and e["ts"] >= start]
        return {"spent": sum(event["amount"] for event in mine)}


class SpentInAWeek(Spent):
    """Ignores its argument: the classic."""

    def __init__(self, window=timedelta(days=7)):
        super().__init__()


def view(batch=spent, online=Spent, feature="spent", **settings):
    return sk.FeatureView(
        "spend",
        sources=[ORDERS],
        entity=["user_id"],
        batch=batch,
        online=online,
        features={feature: sk.exact()},
        **settings,
    )


WINDOWS = {"window": [timedelta(days=7), timedelta(days=3)]}


def test_variants_are_views_of_their_own():
    week, three = view().variants(WINDOWS)
    assert (week.name, three.name) == ("spend-window.7_d", "spend-window.3_d")
    assert three.windows == (timedelta(days=3),)
    assert all(sk.check(v, histories=300, seed=1).ok for v in (week, three))


def test_variants_are_the_product_of_their_parameters():
    def batch(spine, window, decay):
        return spine

    class Online(Spent):
        def __init__(self, window, decay):
            super().__init__(window)

    found = view(batch, Online).variants({**WINDOWS, "decay": [0.5, 0.9]})
    assert [v.name.removeprefix("spend-window.") for v in found] == [
        *("7_d-decay.0.5", "7_d-decay.0.9", "3_d-decay.0.5", "3_d-decay.0.9"),
    ]


def test_an_ignored_argument_is_found_off_its_default():
    week, three = view(online=SpentInAWeek).variants(WINDOWS)
    assert sk.check(week, histories=300, seed=1).ok
    (finding,) = sk.check(three, histories=300, seed=1).findings
    assert finding.feature == "spent"


def test_adapters_hand_parameters_on():
    def batch(events, as_of, window=timedelta(days=7)):
        past = events.filter((pl.col("ts") < as_of) & (pl.col("ts") >= as_of - window))
        return past.group_by("user_id").agg(spent=pl.col("amount").sum())

    class Online(Spent):
        def query(self, request):
            found = super().query(request)
            return found if found["spent"] else None

    _, three = view(sk.per_as_of(batch), Online).variants(WINDOWS)
    assert sk.check(three, histories=200, seed=1).ok


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"windw": [1]},
            (
                "FeatureView('spend'): batch takes no parameter 'windw'; it takes 'orders', "
                "'spine', 'window'. Did you mean 'window'?"
            ),
        ),
        (
            {},
            (
                "FeatureView('spend').variants(...) takes a dict of parameter name to a list of "
                "values; got {}"
            ),
        ),
        (
            {"window": []},
            (
                "FeatureView('spend').variants(...): 'window' must have a list of at least one "
                "value; got []"
            ),
        ),
    ],
)
def test_wrong_variants_are_told(parameters, message):
    with pytest.raises(sk.DeclarationError) as error:
        view().variants(parameters)
    assert str(error.value) == message


def test_both_sides_are_given_what_was_fitted():
    handed = []

    def fit(orders):
        means = orders.group_by("city").agg(pl.col("amount").mean())
        return dict(means.iter_rows())

    def batch(orders, spine, fitted):
        handed.append(fitted)
        past = spine.join(orders, on="user_id", maintain_order="left_right").filter(
            pl.col("ts") < pl.col("as_of")
        )
        last = past.group_by(KEYS, maintain_order=True).agg(pl.col("city").last())
        return spine.join(last, on=KEYS, how="left").select(
            *KEYS, code=pl.col("city").replace_strict(fitted, default=None, return_dtype=pl.Float64)
        )

    class Online:
        def __init__(self, fitted):
            handed.append(fitted)
            self.fitted = fitted
            self.city = {}

        def update(self, event):
            self.city[event["user_id"]] = event["city"]

        def query(self, request):
            return {"code": self.fitted.get(self.city.get(request["user_id"]))}

    result = sk.check(view(batch, Online, "code", fitted=fit), histories=300, seed=1)
    assert result.ok, result.report()
    assert set(handed[0]) == {"Rome", "Oslo"}
    assert all(artefact is handed[0] for artefact in handed)


def test_what_cannot_be_fitted_is_a_finding():
    def fit(orders):
        raise ValueError("too few rows")

    def batch(spine, fitted):
        return spine

    class Online(Spent):
        def __init__(self, fitted):
            super().__init__()

    result = sk.check(view(batch, Online, fitted=fit), histories=100, seed=1)
    assert result.findings[0].kind == "error"
    assert "spend.spent: nothing could be fitted" in result.report()
    assert "too few rows" in result.report()


def test_no_scenario_passes_where_nothing_could_be_fitted():
    def fit(orders):
        raise ValueError("too few rows")

    class Online(Spent):
        def __init__(self, fitted):
            super().__init__()

    declared = view(lambda spine, fitted: spine, Online, fitted=fit, delivery=DUPLICATES)
    result = sk.check(declared, histories=100, seed=1)
    assert [outcome.scenario for outcome in result.outcomes] == scenarios_of(declared)
    assert not any(outcome.ok for outcome in result.outcomes)
    for name in scenarios_of(declared):
        assert not part_of(result, [name], lambda seed: "").ok
    assert not part_of(result, [], lambda seed: "").ok


def test_a_side_that_takes_nothing_fitted_is_told():
    with pytest.raises(sk.DeclarationError) as error:
        sk.check(view(fitted=lambda orders: {}), histories=100, seed=1)
    assert str(error.value) == (
        "FeatureView('spend'): batch takes no parameter 'fitted'; it takes 'orders', 'spine', "
        "'window'."
    )
