"""A column of polars becomes the same answers as the list of its values."""

import math

import numpy as np
import polars as pl
import pytest

from skewtest.sides.columns import Column

COLUMNS = (
    pl.Series([1.5, None, math.nan, -0.0, math.inf]),
    pl.Series([0.1, None], dtype=pl.Float32),
    pl.Series([3, None, -7]),
    pl.Series([2**53, 2**53 + 1, None, -(2**63)]),
    pl.Series([2**64 - 1, 0], dtype=pl.UInt64),
    pl.Series([True, None, False]),
    pl.Series([None, None], dtype=pl.Int8),
    pl.Series([], dtype=pl.Float64),
)


@pytest.mark.parametrize("values", COLUMNS, ids=lambda values: f"{values.dtype}-{len(values)}")
def test_it_is_the_column_of_its_values(values):
    column, expected = Column.of_polars(values), Column.of(values.to_list())

    assert column.states.tolist() == expected.states.tolist()
    np.testing.assert_array_equal(column.numbers, expected.numbers)
    assert list(map(repr, column)) == list(map(repr, values.to_list()))
