"""Batch implementations that misbehave are findings with exact words, and harm nothing else."""

import sys
import time

import pandas as pd
import polars as pl
import pytest
from spend_view import RightOnline, checked, claim, is_within, judged, only, right_batch, size, told

import skewtest as sk

MOST_WAITS = 24
"""Each wait takes its limit: so many of them are seconds on any machine, however busy."""

NO_FRAME = (
    "batch returned {}; expected a frame (polars, pandas, pyarrow) or a list of dicts, "
    "with the entity, as_of and the features as columns."
)


def a_broken_batch(result, *, kind="error"):
    finding = only(result)
    assert not result.ok
    assert result.broken
    assert (finding.feature, finding.kind, finding.side) == ("*", kind, "batch")
    assert is_within(finding, 1, 1)
    return finding


@pytest.mark.fault(
    "batch returns None, a generator, tuples, a number",
    "an error names what it returned and what was expected",
    ends="finding",
)
@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (lambda rows: None, "NoneType"),
        (lambda rows: (row for row in rows.to_dicts()), "generator"),
        (lambda rows: rows.rows(), "list"),
        (lambda rows: 7, "int"),
    ],
    ids=["None", "generator", "list of tuples", "number"],
)
def test_batch_that_returns_no_frame_is_told_what_it_returned(answer, named):
    finding = a_broken_batch(checked(lambda orders, spine: answer(right_batch(orders, spine))))
    assert claim(finding) == "spend: batch returns no frame"
    assert told(finding) == NO_FRAME.format(named)


@pytest.mark.parametrize(
    "answer",
    [
        lambda rows: rows.to_dicts(),
        lambda rows: rows.lazy(),
        lambda rows: rows.to_pandas(),
        lambda rows: rows.to_arrow(),
        lambda rows: rows.sample(fraction=1, shuffle=True, seed=3),
        lambda rows: rows.with_columns(more=1).select("n", "more", "as_of", "total", "user_id"),
    ],
    ids=["dicts", "lazy", "pandas", "arrow", "shuffled", "more columns in another order"],
)
def test_rows_are_accepted_in_every_shape_and_order(answer):
    assert checked(lambda orders, spine: answer(right_batch(orders, spine))).ok


@pytest.mark.fault(
    "batch misspells a feature's column", "an error names the nearest column", ends="finding"
)
def test_a_misspelt_feature_column_is_told_with_the_nearest_spelling():
    result = checked(lambda orders, spine: right_batch(orders, spine).rename({"total": "totl"}))
    finding = a_broken_batch(result)
    assert claim(finding) == "spend: batch lacks columns"
    assert told(finding) == (
        "batch returned no column 'total'; it returned 'user_id', 'as_of', 'totl', 'n'. "
        "Did you mean 'totl'?"
    )


@pytest.mark.fault("batch leaves out a key column", "an error names it", ends="finding")
def test_a_lacking_key_column_is_told():
    finding = a_broken_batch(
        checked(lambda orders, spine: right_batch(orders, spine).drop("as_of"))
    )
    assert told(finding) == (
        "batch returned no column 'as_of'; it returned 'user_id', 'total', 'n'."
    )


@pytest.mark.fault(
    "a parameter of batch names no frame", "an error names the nearest frame", ends="finding"
)
def test_a_parameter_that_names_no_frame_is_told_with_the_nearest_spelling():
    def misnamed(order, spine):
        return right_batch(order, spine)

    finding = a_broken_batch(checked(misnamed))
    assert claim(finding) == "spend: batch asks for unknown frames"
    assert told(finding) == (
        "The function has the parameter 'order'; frames are passed by name, and there are "
        "'orders', 'events', 'spine'. Did you mean 'orders'?"
    )


@pytest.mark.fault(
    "batch answers as_of as text", "an error names the type and the one expected", ends="finding"
)
def test_an_as_of_of_strings_is_told():
    def batch(orders, spine):
        return right_batch(orders, spine).with_columns(pl.col("as_of").cast(pl.String))

    finding = a_broken_batch(checked(batch))
    assert claim(finding) == "spend: batch returns keys of a wrong type"
    assert told(finding) == "The key columns of batch hold str; as_of must be a datetime."


@pytest.mark.fault(
    "batch answers objects of a class of its own", "an error names the type", ends="finding"
)
def test_a_value_of_no_known_type_is_told():
    def batch(orders, spine):
        return [{**row, "n": object()} for row in right_batch(orders, spine).to_dicts()]

    finding = a_broken_batch(checked(batch))
    assert claim(finding) == "spend: batch returns a value of an unknown type"
    assert told(finding) == (
        "batch returned an object as 'n'; expected numbers, strings, booleans, times, lists, "
        "dicts or None."
    )


@pytest.mark.fault("batch answers a request twice", "extra rows", ends="finding")
def test_duplicated_keys_are_extra_rows():
    result = checked(lambda orders, spine: pl.concat([right_batch(orders, spine)] * 2))
    finding = only(result)
    assert (finding.feature, finding.kind) == ("*", "extra row")
    assert claim(finding) == "spend: batch returns a row more than once"
    assert finding.side == "batch"
    assert "batch returns 2 rows for the entity a at one as_of; expected one." in str(result)
    assert size(finding) == (0, 1)
    assert judged(result, "total") > 0


@pytest.mark.fault("batch answers at moments nobody asked for", "extra rows", ends="finding")
def test_rows_at_moments_nobody_asked_for_are_extra_rows():
    def batch(orders, spine):
        rows = right_batch(orders, spine)
        return pl.concat([rows, rows.with_columns(pl.col("as_of") + pl.duration(days=1000))])

    result = checked(batch)
    finding = only(result)
    assert (finding.feature, finding.kind) == ("*", "extra row")
    assert claim(finding) == "spend: batch returns rows that were not asked for"
    assert finding.side == "batch"
    told_text = " ".join(str(result).split())
    assert "a row for the entity a at an as_of that the spine does not ask for." in told_text
    assert size(finding) == (0, 1)


def test_rows_that_nobody_asked_for_are_kept_apart_from_doubled_ones():
    def batch(orders, spine):
        rows = right_batch(orders, spine)
        unasked = rows.with_columns(pl.col("as_of") + pl.duration(days=1000))
        return pl.concat([rows, rows, unasked, unasked])

    result = checked(batch)
    assert sorted(claim(finding) for finding in result.findings) == [
        "spend: batch returns a row more than once",
        "spend: batch returns rows that were not asked for",
    ]
    assert "2 rows for the entity a at an as_of that the spine" in " ".join(str(result).split())


@pytest.mark.fault("batch answers for an entity nobody asked for", "extra rows", ends="finding")
def test_rows_of_an_entity_nobody_has_are_extra_rows():
    def batch(orders, spine):
        rows = right_batch(orders, spine)
        return pl.concat([rows, rows.head(1).with_columns(user_id=pl.lit("nobody"))])

    result = checked(batch)
    finding = only(result)
    assert (finding.feature, finding.kind) == ("*", "extra row")
    assert "batch returns a row for the entity nobody" in str(result)
    assert size(finding) == (0, 1)


@pytest.mark.fault("batch answers keys of another type", "missing and extra rows", ends="finding")
def test_keys_of_another_type_are_missing_and_extra_rows():
    result = checked(lambda orders, spine: right_batch(orders, spine).with_columns(user_id=1))
    assert {finding.kind for finding in result.findings} == {"missing row", "extra row"}
    assert all(size(finding) == (0, 1) for finding in result.findings)


@pytest.mark.fault(
    "batch leaves out rows", "one finding of missing rows for all features", ends="finding"
)
def test_missing_rows_are_one_finding_for_all_features():
    result = checked(lambda orders, spine: right_batch(orders, spine).filter(pl.col("n") > 0))
    finding = only(result)
    assert (finding.feature, finding.kind) == ("*", "missing row")
    assert claim(finding) == "spend: batch has no row"
    assert size(finding) == (0, 1)
    assert judged(result, "total") > 0


@pytest.mark.fault(
    "batch answers counts as bools", "a finding where a count is more than one", ends="finding"
)
def test_a_bool_is_compared_as_the_number_that_it_is():
    def batch(orders, spine):
        return right_batch(orders, spine).with_columns((pl.col("n") > 0).alias("n"))

    finding = only(checked(batch, histories=300))
    assert (finding.feature, finding.kind, size(finding)) == ("n", "value", (2, 1))


@pytest.mark.fault(
    "batch answers counts as text", "a finding of that feature alone", ends="finding"
)
@pytest.mark.parametrize(
    ("feature", "wrong"),
    [("n", pl.col("n").cast(pl.String)), ("total", pl.col("total").cast(pl.String))],
    ids=["count as string", "sum as string"],
)
def test_a_wrong_dtype_is_a_finding_of_its_feature_alone(feature, wrong):
    def batch(orders, spine):
        return right_batch(orders, spine).with_columns(wrong)

    result = checked(batch, histories=300)
    finding = only(result)
    assert (finding.feature, finding.kind) == (feature, "dtype")
    assert claim(finding) == f"spend.{feature}: batch and online have different types"
    assert size(finding) == (0, 1)
    assert judged(result, {"n": "total", "total": "n"}[feature]) > 500


@pytest.mark.fault("batch hangs on every call", "a timeout after few waits", ends="finding")
def test_batch_that_always_hangs_is_a_timeout_and_is_not_waited_for_long():
    waits = []

    def batch(orders, spine):
        waits.append(spine.height)
        time.sleep(60)

    result = checked(batch, timeout=0.2)
    assert len(waits) <= MOST_WAITS
    finding = only(result)
    assert (finding.feature, finding.kind, finding.side) == ("*", "timeout", "batch")
    assert claim(finding) == "spend: batch hangs"
    assert told(finding) == (
        "batch did not return within 0.2 s. Give it more with FeatureView(timeout=...), or look "
        "for a loop that never ends."
    )


@pytest.mark.fault(
    "batch hangs on rare histories", "a timeout; the other histories are judged", ends="finding"
)
def test_batch_that_hangs_on_rare_lanes_is_no_parity():
    waits = []

    def batch(orders, spine):
        if (orders["amount"] == 100).any():
            waits.append(spine.height)
            time.sleep(60)
        return right_batch(orders, spine)

    result = checked(batch, timeout=0.2)
    assert len(waits) <= MOST_WAITS
    assert not result.ok
    assert [finding.kind for finding in result.findings] == ["timeout"]
    assert judged(result, "total") > 0


@pytest.mark.fault(
    "batch raises on rare histories", "an error; the other histories are judged", ends="finding"
)
def test_batch_that_raises_on_a_rare_lane_leaves_the_others_judged():
    def batch(orders, spine):
        if (orders["amount"] == 100).any():
            raise ValueError("a hundred")
        return right_batch(orders, spine)

    result = checked(batch)
    finding = a_broken_batch(result)
    assert claim(finding) == "spend: batch raises ValueError"
    assert told(finding).endswith("ValueError: a hundred")
    assert "in batch" in told(finding)
    assert "skewtest/sides" not in told(finding)
    assert finding.counterexample.events["amount"].to_list() == [100]
    assert judged(result, "total") > 100


@pytest.mark.fault(
    "batch raises on some histories and is skewed on others", "both are found", ends="finding"
)
def test_a_skew_beside_a_raise_is_found_too():
    def batch(orders, spine):
        if (orders["amount"] == 100).any():
            raise ValueError("a hundred")
        return right_batch(orders, spine).with_columns(pl.col("n") + (pl.col("total") == 7))

    result = checked(batch)
    assert {(f.feature, f.kind) for f in result.findings} == {("*", "error"), ("n", "value")}
    assert all(size(finding) == (1, 1) for finding in result.findings)
    assert judged(result, "total") > 100


class Panic(BaseException):
    """As polars raises where its Rust code panics: no Exception."""


@pytest.mark.fault("batch raises what is no Exception", "an error", ends="finding")
@pytest.mark.parametrize(
    "error",
    [Panic("boom"), SystemExit(3), GeneratorExit(), pl.exceptions.PanicException("boom")],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_exception_is_a_finding_all_the_same(error):
    def batch(orders, spine):
        raise error

    finding = a_broken_batch(checked(batch))
    assert claim(finding) == f"spend: batch raises {type(error).__name__}"


@pytest.mark.fault("batch calls sys.exit", "an error; the run goes on", ends="finding")
def test_sys_exit_in_batch_does_not_end_the_run():
    finding = a_broken_batch(checked(lambda orders, spine: sys.exit("bye")))
    assert told(finding).endswith("SystemExit: bye")


def test_ctrl_c_in_batch_goes_through():
    def batch(orders, spine):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checked(batch)


@pytest.mark.fault(
    "batch changes the frame it is handed",
    "a warning; both sides are judged on what was generated",
    ends="told",
)
def test_batch_that_changes_its_pandas_frame_is_warned_of_and_still_judged():
    def batch(orders: pd.DataFrame, spine):
        right = right_batch(
            pl.from_pandas(orders).with_columns(pl.col("ts").cast(spine["as_of"].dtype)), spine
        )
        orders["amount"] = 0
        return right

    result = checked(batch)
    assert result.ok
    assert result.to_dict()["outcomes"][0]["mutated"] == [{"side": "batch", "name": "orders"}]
    assert "warning: spend: batch changes its input 'orders' in place" in str(result.report())


@pytest.mark.fault(
    "batch changes its frame and then raises",
    "the error, and a warning of the change",
    ends="finding",
)
def test_a_change_of_the_input_is_reported_beside_a_raise():
    def batch(orders: pd.DataFrame, spine):
        if (orders["amount"] == 100).any():
            raise ValueError("a hundred")
        right = right_batch(
            pl.from_pandas(orders).with_columns(pl.col("ts").cast(spine["as_of"].dtype)), spine
        )
        orders["amount"] = 0
        return right

    result = checked(batch, histories=64)
    assert result.to_dict()["outcomes"][0]["mutated"] == [{"side": "batch", "name": "orders"}]


def test_online_is_not_harmed_by_what_batch_does_to_its_frames():
    def batch(orders: pd.DataFrame, spine: pd.DataFrame):
        orders["amount"] = -1
        spine["as_of"] = spine["as_of"].iloc[::-1].to_numpy()
        return spine.assign(total=0, n=0)

    result = checked(batch)
    assert not result.ok
    assert {"value"} <= {finding.kind for finding in result.findings}


@pytest.mark.fault(
    "batch answers differently from call to call", "nondeterministic", ends="finding"
)
def test_batch_that_differs_from_run_to_run_is_nondeterministic():
    calls = iter(range(1_000_000))

    def batch(orders, spine):
        return right_batch(orders, spine).with_columns(total=pl.col("total") + next(calls))

    result = checked(batch)
    finding = only(result)
    assert (finding.feature, finding.kind, finding.side) == ("total", "nondeterministic", "batch")
    assert claim(finding) == "spend.total: batch answers differently when run twice"
    assert size(finding) == (0, 1)


@pytest.mark.fault("batch mixes entities of a call", "a finding that says they mix", ends="finding")
def test_entities_that_mix_only_in_company_are_told_so():
    def batch(orders, spine):
        mixed = pl.col("n").max().over("as_of")
        return right_batch(orders, spine).with_columns(n=mixed)

    finding = only(checked(batch))
    assert (finding.feature, finding.kind) == ("n", "value")
    assert is_within(finding, 2, 3)


def test_batch_that_counts_the_company_is_told_so():
    def batch(orders, spine):
        crowd = 1 if spine["user_id"].n_unique() > 10 else 0
        return right_batch(orders, spine).with_columns(n=pl.col("n") + crowd)

    result = checked(batch, histories=300)
    finding = only(result)
    assert (finding.feature, finding.kind, finding.alone) == ("n", "value", False)
    assert finding.counterexample.spine.height <= 22
    assert "it shows only where entities share a batch call: they mix" in str(result)
    assert judged(result, "total") > 500


@pytest.mark.fault(
    "batch raises on tables of several entities only", "a finding that says so", ends="finding"
)
def test_batch_that_raises_only_in_company_is_told_so():
    def batch(orders, spine):
        if spine["user_id"].n_unique() > 10:
            raise ValueError("a crowd")
        return right_batch(orders, spine)

    result = checked(batch)
    finding = only(result)
    assert (finding.kind, finding.side, finding.alone) == ("error", "batch", False)
    assert finding.counterexample.spine.height <= 22
    assert judged(result, "total") > 100


@pytest.mark.fault("a view without a batch side", "an error names the argument", ends="refused")
def test_no_batch_at_all_is_an_error():
    result = checked(batch=None)
    finding = only(result)
    assert (finding.kind, finding.side, finding.counterexample) == ("error", "batch", None)
    assert told(finding) == (
        "The view is registered without a batch implementation. Give one with "
        "FeatureView(batch=...)."
    )


@pytest.mark.fault(
    "a tolerance that does not suit the values",
    "an error names the feature, its values and its tolerance",
    ends="finding",
)
def test_a_tolerance_that_does_not_suit_the_values_is_told():
    def batch(orders, spine):
        return right_batch(orders, spine).with_columns(n=pl.lit("x"))

    class Online(RightOnline):
        def query(self, request):
            return {**super().query(request), "n": "y"}

    finding = only(checked(batch, Online, features={"total": sk.close(), "n": sk.close()}))
    assert (finding.feature, finding.kind) == ("n", "error")
    assert told(finding) == (
        "'n' is declared close() or vector(), but its values are strings; declare it exact(), "
        "or close(abs=timedelta(...)) for times."
    )
