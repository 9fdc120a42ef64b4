"""Rows as dicts: whatever their columns are called, keys are keys."""

import numpy as np
import polars as pl
import pytest

from skewtest.deliver.payloads import build_dicts, event_dicts

ODD_NAMES = (
    "a b",
    "it's",
    '"',
    "'''",
    "\\",
    "\\'",
    "{x}",
    "{{",
    "%s",
    "cell0",
    "columns",
    "zip",
    "None",
    "class",
    "__import__('os').abort()",
    "': 0, **{}} for []",
    "\n",
    "\x00",
    "\ud800",
    "\u2028",
    "\U0001f600",
    "",
)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_a_key(name):
    assert build_dicts([name, "other"], [[1, 2], ["x", "y"]]) == [
        {name: 1, "other": "x"},
        {name: 2, "other": "y"},
    ]


def test_all_odd_names_are_keys_side_by_side():
    assert build_dicts(ODD_NAMES, [[name] for name in ODD_NAMES]) == [{n: n for n in ODD_NAMES}]


def test_a_name_that_is_a_numpy_text_is_a_key():
    assert build_dicts([np.str_("amount")], [[1]]) == [{"amount": 1}]


def test_a_thousand_columns_are_not_too_many():
    names = [f"c{number}" for number in range(1_000)]
    assert build_dicts(names, [[number] for number in range(1_000)]) == [
        dict(zip(names, range(1_000), strict=True))
    ]


def test_rows_are_dicts_of_their_own_in_the_order_of_the_schema():
    frame = pl.DataFrame({"a": [1, 1], "b": [2, 2]})
    first, second = event_dicts({"b": pl.Int64(), "a": pl.Int64()}, frame)
    assert list(first) == ["b", "a"]
    assert first == second
    assert first is not second


def test_no_rows_are_no_dicts():
    assert event_dicts({"a": pl.Int64()}, pl.DataFrame({"a": []}, schema={"a": pl.Int64()})) == []
