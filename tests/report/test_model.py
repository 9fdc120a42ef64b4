"""The report document: its schema, its files, and what is wrong with a file that is none."""

import json
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from made_reports import outcome, report

import skewtest as sk
from skewtest.errors import ReportError
from skewtest.report import model
from skewtest.report.reading import report_from_file, report_from_values

SOURCE = sk.Source("events", time="ts", columns={"user_id": sk.key(), "x": sk.floats(0, 9)})


def checked(online, batch=None, **settings):
    view = sk.FeatureView(
        "v",
        sources=[SOURCE],
        entity=["user_id"],
        batch=batch or (lambda spine: [{**row, "n": 0} for row in spine.to_dicts()]),
        online=sk.fold(dict, lambda state, event: state, online),
        features={"n": sk.close()},
        **settings,
    )
    return sk.check(view, histories=100, seed=1)


def valid(document):
    jsonschema.Draft202012Validator.check_schema(model.schema())
    jsonschema.validate(document, model.schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "answer",
    [
        lambda state, request: {"n": 0},
        lambda state, request: {"n": 1},
        lambda state, request: {"n": float("nan")},
        lambda state, request: {"n": 1 // 0},
        lambda state, request: None,
        lambda state, request: {"n": "half \ud83d of a pair"},
    ],
    ids=["parity", "skew", "nan", "error", "no row", "surrogate"],
)
def test_what_a_check_finds_fits_the_published_schema(answer):
    document = checked(answer).to_dict()
    valid(document)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert model.to_dict(report_from_values(document)) == document
    assert json.loads(model.to_json(report_from_values(document))) == document


def test_an_online_side_that_trusts_the_order_of_delivery_has_no_mismatches_in_the_report():
    """It also gets events of the instant of `as_of` before the request, which is no skew."""

    def count(events: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
        seen = spine.join(events, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
        counts = seen.group_by("user_id", "as_of").agg(n=pl.len())
        return spine.join(counts, on=["user_id", "as_of"], how="left").with_columns(
            pl.col("n").fill_null(0)
        )

    view = sk.FeatureView(
        "v",
        sources=[SOURCE],
        entity=["user_id"],
        batch=count,
        online=sk.fold(
            dict,
            lambda state, event: {**state, event["user_id"]: state.get(event["user_id"], 0) + 1},
            lambda state, request: {"n": state.get(request["user_id"], 0)},
        ),
        features={"n": sk.exact()},
    )
    (outcome, *_) = sk.check(view, histories=600, seed=1).document().outcomes
    tally = outcome.features["n"]
    assert outcome.ok
    assert [rows.by for rows in outcome.excused] == [("late request",)]
    assert (tally.mismatch, tally.errors.ulps.max) == (0, 0.0)
    assert tally.match > 1_000


def test_the_schema_refuses_what_is_no_report():
    document = checked(lambda state, request: {"n": 0}).to_dict()
    del document["outcomes"][0]["seed"]
    with pytest.raises(jsonschema.ValidationError, match="'seed' is a required property"):
        valid(document)


def test_a_report_says_where_it_comes_from():
    found = checked(lambda state, request: {"n": 1}).document()
    assert found.run is not None
    assert found.run.seed == 1
    assert found.run.packages["polars"] == pl.__version__
    assert found.run.time.endswith("+00:00")
    (view,) = found.views
    assert view.file is not None
    assert view.file.endswith("tests/report/test_model.py")
    lines = Path(__file__).read_text().splitlines()
    assert lines[view.features[0].line - 1].strip() == 'features={"n": sk.close()},'
    assert [one.side for one in view.implementations] == ["batch", "online"]
    assert all(one.digest for one in view.implementations)


def test_a_file_comes_back_as_it_was(tmp_path):
    found = report(outcome("spend"))
    (tmp_path / "report.json").write_bytes(model.to_json(found))
    assert report_from_file(tmp_path / "report.json") == found


def refused(path):
    with pytest.raises(ReportError) as caught:
        report_from_file(path)
    return str(caught.value)


def test_a_file_that_is_cut_off_is_named(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(model.to_json(report())[:900])
    told = refused(path)
    assert told.startswith(f"{path} is no whole JSON document")
    assert told.endswith("Was the run that wrote it stopped?")


@pytest.mark.fault(
    "a report.json of another version", "an error says how to make a new one", ends="refused"
)
def test_a_file_of_another_version_says_how_to_make_a_new_one(tmp_path):
    path = tmp_path / "report.json"
    path.write_text('{"version": 1, "ok": true, "runs": []}')
    assert refused(path) == (
        f"{path} is no parity report of version 3: its version is 1. "
        "Make it anew with this version of skewtest: pytest --skew-report=DIR."
    )


@pytest.mark.parametrize("text", ["[]", "null", "3", "{}"])
def test_json_that_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    assert "is no parity report of version 3" in refused(tmp_path / "report.json")


def test_a_value_of_a_wrong_type_is_named_with_its_place(tmp_path):
    document = model.to_dict(report())
    document["outcomes"][0]["seed"] = "one"
    (tmp_path / "report.json").write_text(json.dumps(document))
    told = refused(tmp_path / "report.json")
    assert told.endswith("Expected `int`, got `str` - at `$.outcomes[0].seed`.")


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert refused(tmp_path / "none.json").endswith("none.json: No such file or directory.")
