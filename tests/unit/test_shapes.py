"""Code of other shapes: transforms, services that score and learn, a batch function alone."""

from datetime import timedelta

import pandas as pd
import polars as pl
import pytest

import skewtest as sk

ROW = {"x": sk.floats(0, 100, nullable=True), "colour": sk.categories("red", "green", unseen=True)}
BOTH = {"scaled": sk.close(), "is_red": sk.exact()}


def prepare(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(scaled=(pl.col("x") - 10) / 4, is_red=pl.col("colour") == "red")


def serve(row):
    scaled = None if row["x"] is None else (row["x"] - 10) / 4
    return {"scaled": scaled, "is_red": row["colour"] == "red"}


def serve_folded(row):
    return {**serve(row), "is_red": row["colour"].strip().lower() == "red"}


def prepare_pandas(frame: pd.DataFrame):
    return pd.DataFrame({"scaled": (frame["x"] - 10) / 4, "is_red": frame["colour"] == "red"})


def transform(left=prepare, right=serve, features=BOTH, **more):
    return sk.Transform("rows", request=ROW, left=left, right=right, features=features, **more)


@pytest.mark.parametrize("left", [prepare, serve])
@pytest.mark.parametrize("right", [prepare, serve])
def test_transforms_that_agree_are_silent(left, right):
    result = sk.check(transform(left, right), histories=128, seed=1)
    assert result.ok, str(result)
    assert result.outcomes[0].tallies["scaled"].compared > 99


def test_a_transform_of_pandas_is_one_of_rows():
    pandas = transform(prepare_pandas, serve, equal=["null", "nan"])
    assert sk.check(pandas, histories=128, seed=1).ok


def test_a_transform_that_differs_is_found_on_one_row():
    [finding] = sk.check(transform(right=serve_folded), histories=256, seed=1).findings
    assert finding.feature == "is_red"
    spine = finding.counterexample.spine
    assert spine.height == 1
    assert spine["colour"][0].strip().lower() == "red"
    assert finding.counterexample.events.is_empty()


def test_a_transform_that_looks_at_the_other_rows_breaks_a_law():
    def fit(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(scaled=pl.col("x") - pl.col("x").mean())

    fitted = transform(fit, fit, {"scaled": sk.close()})
    assert not sk.check(fitted, histories=128, seed=1).ok


def test_one_feature_may_be_the_value_itself():
    def text(row):
        return row["colour"].upper()

    upper = transform(text, text, {"upper": sk.exact()})
    assert sk.check(upper, histories=64, seed=1).ok


def wider(rows: pl.DataFrame) -> pl.DataFrame:
    return prepare(rows).with_columns(more=1)


def shorter(rows: pl.DataFrame) -> pl.DataFrame:
    return prepare(rows).head(0)


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (wider, "wider returned the columns ['scaled', 'is_red', 'more']; expected"),
        (shorter, "shorter returned 0 rows for"),
        (lambda row: 3, "returned int; expected a dict of ['scaled', 'is_red']"),
    ],
)
def test_an_answer_of_another_form_is_told(left, told):
    result = sk.check(transform(left), histories=64, seed=1)
    assert not result.ok
    assert told in " ".join(str(result).split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"request": {}}, "request must be a dict of columns"),
        ({"request": {"row": sk.ints()}}, "cannot have the columns 'row' and 'as_of'"),
        ({"left": 3}, "left must be a function of a row or a frame; got 3"),
        ({"right": None}, "right must be a function of a row or a frame; got None"),
    ],
)
def test_what_is_declared_wrongly_is_told(arguments, told):
    whole = {"request": ROW, "left": prepare, "right": serve, "features": BOTH, **arguments}
    with pytest.raises(sk.DeclarationError) as caught:
        sk.Transform("rows", **whole)
    assert told in str(caught.value)


# -- a service whose request is the event ----------------------------------------------------------

payments = sk.Source(
    "payments", time="ts", columns={"card": sk.key(), "amount": sk.ints(0, 9), "shop": sk.key()}
)


def spent_before(payments: pl.DataFrame, spine: pl.DataFrame):
    past = spine.join(payments, on="card", suffix="_before").filter(
        pl.col("ts") < pl.col("as_of"), pl.col("ts") >= pl.col("as_of") - timedelta(days=30)
    )
    sums = past.group_by("card", "as_of").agg(before=pl.col("amount_before").sum())
    return spine.join(sums, on=["card", "as_of"], how="left").with_columns(
        total=pl.col("before").fill_null(0) + pl.col("amount")
    )


class Scorer:
    length = timedelta(days=30)

    def __init__(self):
        self.payments = {}

    def score(self, event):
        seen = self.payments.setdefault(event["card"], [])
        near = [n for at, n in seen if at >= event["ts"] - self.length and at < event["ts"]]
        seen.append((event["ts"], event["amount"]))
        return {"total": sum(near) + event["amount"]}


class LongScorer(Scorer):
    length = timedelta(days=31)


def scoring(online, **more):
    return sk.FeatureView(
        "scoring",
        sources=[payments],
        entity=["card"],
        batch=spent_before,
        online=online,
        features={"total": sk.exact()},
        windows=[timedelta(days=30)],
        **more,
    )


def test_a_service_that_scores_and_then_learns_is_checked():
    view = scoring(sk.scored(Scorer))
    assert list(view.request) == ["amount", "shop"]
    result = sk.check(view, histories=256, seed=1)
    assert result.ok, str(result)
    states = {(c.law, c.change): c.state for c in result.checks if c.side == "online"}
    assert states["pure_reads", "asked twice"] == "held"


def test_a_service_with_another_window_is_found():
    assert not sk.check(scoring(sk.scored(LongScorer)), histories=256, seed=1).ok


def test_a_service_may_be_a_function_of_an_event():
    assert sk.check(scoring(sk.scored(lambda: Scorer().score)), histories=128, seed=1).ok


def test_a_service_without_score_is_told():
    result = sk.check(scoring(sk.scored(dict)), histories=8, seed=1)
    assert "has no method score(event)" in " ".join(str(result).split())


def test_a_scorer_of_two_sources_is_told():
    other = sk.Source("logins", time="at", columns={"card": sk.key()})
    with pytest.raises(sk.DeclarationError, match="takes views with one source"):
        scoring(sk.scored(Scorer)).replaced(sources=[payments, other], request=None)


@pytest.mark.parametrize("adapter", [sk.scored, sk.replayed])
def test_what_is_no_function_is_told(adapter):
    with pytest.raises(sk.DeclarationError, match="got 3"):
        adapter(3)


# -- a batch function alone ------------------------------------------------------------------------


def count(payments: pl.LazyFrame, spine: pl.LazyFrame):
    past = spine.join(payments, on="card").filter(pl.col("ts") < pl.col("as_of"))
    counts = past.group_by("card", "as_of").agg(total=pl.len())
    return spine.join(counts, on=["card", "as_of"], how="left").with_columns(
        pl.col("total").fill_null(0)
    )


def count_ever(payments: pl.LazyFrame, spine: pl.LazyFrame):
    counts = payments.group_by("card").agg(total=pl.len())
    return spine.join(counts, on="card", how="left").with_columns(pl.col("total").fill_null(0))


def alone(function):
    return scoring(sk.replayed(function)).replaced(batch=function)


def test_a_batch_function_alone_agrees_with_itself():
    result = sk.check(alone(count), histories=64, seed=1)
    assert result.ok, str(result)


def test_a_batch_function_that_sees_the_future_does_not():
    assert not sk.check(alone(count_ever), histories=64, seed=1).ok
