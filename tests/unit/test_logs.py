"""Logs come as frames of several libraries, and as files."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import skewtest as sk

NOON = datetime(2024, 3, 8, 12, tzinfo=UTC)
LOG = pl.DataFrame(
    {
        "ts": [NOON + timedelta(hours=n) for n in range(4)],
        "user": ["a", "b", "a", "b"],
        "n": [1, 2, 3, 4],
    }
)


def total(events: pl.DataFrame, spine: pl.DataFrame):
    past = spine.join(events, on="user").filter(pl.col("ts") < pl.col("as_of"))
    totals = past.group_by("user", "as_of").agg(total=pl.col("n").sum())
    return spine.join(totals, on=["user", "as_of"], how="left").with_columns(
        pl.col("total").fill_null(0)
    )


VIEW = sk.FeatureView(
    "totals",
    sources=[sk.Source("events", time="ts", columns={"user": sk.key(), "n": sk.ints(0, 9)})],
    entity=["user"],
    batch=total,
    online=sk.per_entity(int, lambda n, event: n + event["n"], lambda n, _: {"total": n}),
    features={"total": sk.exact()},
)


def forms(folder):
    LOG.write_parquet(folder / "log.parquet")
    LOG.write_csv(folder / "log.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
    (folder / "parts").mkdir()
    LOG.write_parquet(folder / "parts" / "one.parquet")
    return {
        "eager": LOG,
        "lazy": LOG.lazy(),
        "pandas": LOG.to_pandas(),
        "pandas with an index": LOG.to_pandas().set_index("ts"),
        "pyarrow": LOG.to_arrow(),
        "parquet": folder / "log.parquet",
        "text": str(folder / "log.parquet"),
        "folder": folder / "parts",
        "csv": folder / "log.csv",
    }


FORMS = ("eager", "lazy", "pandas", "pandas with an index", "pyarrow")
FILES = ("parquet", "text", "folder", "csv")


@pytest.mark.parametrize("form", [*FORMS, *FILES])
def test_a_log_is_learned_from_in_any_form(form, tmp_path):
    source = sk.Source.from_polars(forms(tmp_path)[form], "events", time="ts", keys=["user"])
    assert (source.columns["n"].min, source.columns["n"].max) == (1, 4)
    assert source.type.zone == "UTC"


@pytest.mark.parametrize("form", [*FORMS, *FILES])
def test_a_log_is_replayed_in_any_form(form, tmp_path):
    log = forms(tmp_path)[form]
    assert sk.replay(VIEW, log).ok
    spine = LOG.select("user", as_of=pl.col("ts") + timedelta(minutes=1))
    result = sk.replay(VIEW, {"events": log}, spine.to_arrow())
    assert result.ok
    assert result.outcomes[0].tallies["total"].compared == 4


def test_pandas_and_csv_have_names_of_their_own(tmp_path):
    every = forms(tmp_path)
    for source in (
        sk.Source.from_pandas(every["pandas"], "events", time="ts", keys=["user"]),
        sk.Source.from_csv(every["csv"], "events", time="ts", keys=["user"]),
    ):
        assert source.keys == ("user",)


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (3, "or the path of a .parquet or .csv file; got int"),
        ([{"user": "a"}], "got list"),
        ("nowhere.parquet", "cannot read 'nowhere.parquet'"),
        ("log.xlsx", "a path must end in .parquet or .csv; got 'log.xlsx'"),
    ],
)
def test_what_is_no_log_is_told(log, told):
    with pytest.raises(sk.DeclarationError) as caught:
        sk.replay(VIEW, log)
    assert told in str(caught.value)
    with pytest.raises(sk.DeclarationError) as caught:
        sk.Source.from_polars(log, "events", time="ts", keys=["user"])
    assert told in str(caught.value)
