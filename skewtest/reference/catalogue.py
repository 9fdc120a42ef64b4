"""The catalogue: exact references for the usual aggregates of a column.

All take the keywords of `Settings` (`over`, `where`, `source`, `nulls`, `nans`, `empty`). Numbers
are added, divided and squared as rationals and rounded to a float once, at the end.
"""

import builtins
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Unpack, get_args

from skewtest.declare.arguments import check_choice
from skewtest.errors import DeclarationError
from skewtest.reference import exact
from skewtest.reference.measure import EMPTY, Measure, Ratio, Statistic
from skewtest.reference.rows import Event
from skewtest.reference.settings import (
    Settings,
    is_finite,
    make_statistic,
    over_numbers,
    over_values,
    read_values,
)


def count(column: str | None = None, **settings: Unpack[Settings]) -> Statistic:
    """Return how many events there are, or how many values a column has; 0 where there is none."""
    if column is None:
        return make_statistic("count", (), lambda events, _: len(events), settings, empty=0)
    return make_statistic("count", [column], over_values(column, settings, len), settings, empty=0)


def sum(column: str, **settings: Unpack[Settings]) -> Statistic:
    """Return the sum of a column, x1 + ... + xn: an int where all are ints; 0 where there is none.

    Infinities of both signs make NaN.
    """

    def add(values: list[Any]) -> Any:
        if all(isinstance(value, int) for value in values):
            return builtins.sum(values)
        odd = [float(value) for value in values if not is_finite(value)]
        return builtins.sum(odd) if odd else exact.total([Fraction(value) for value in values])

    return make_statistic("sum", [column], over_values(column, settings, add), settings, empty=0)


def mean(column: str, **settings: Unpack[Settings]) -> Statistic:
    """Return the arithmetic mean of a column, (x1 + ... + xn) / n."""
    rule = over_numbers(column, settings, exact.mean, builtins.sum)
    return make_statistic("mean", [column], rule, settings)


def var(column: str, *, ddof: int = 1, **settings: Unpack[Settings]) -> Statistic:
    """Return the variance of a column, the sum of (x - mean)**2 over n - ddof.

    Args:
        column: its name.
        ddof: 1 for a sample's variance, 0 for a population's. With no more values than that there
            is none, and the answer is `empty`.
        settings: see Settings.
    """
    _check_ddof("var", ddof)
    rule = over_numbers(column, settings, lambda numbers: exact.variance(numbers, ddof))
    return make_statistic("var", [column], rule, settings)


def std(column: str, *, ddof: int = 1, **settings: Unpack[Settings]) -> Statistic:
    """Return the standard deviation of a column, the root of `var`, rounded once."""
    _check_ddof("std", ddof)

    def deviate(numbers: list[Fraction]) -> Fraction | None:
        variance = exact.variance(numbers, ddof)
        return None if variance is None else exact.root(variance)

    return make_statistic("std", [column], over_numbers(column, settings, deviate), settings)


def min(column: str, **settings: Unpack[Settings]) -> Statistic:
    """Return the smallest value of a column: a number, a text or a time."""
    rule = over_values(column, settings, lambda values: _extreme(values, builtins.min))
    return make_statistic("min", [column], rule, settings)


def max(column: str, **settings: Unpack[Settings]) -> Statistic:
    """Return the largest value of a column: a number, a text or a time."""
    rule = over_values(column, settings, lambda values: _extreme(values, builtins.max))
    return make_statistic("max", [column], rule, settings)


def _extreme(values: list[Any], choose: Any) -> Any:
    if any(map(exact.is_nan, values)):
        return math.nan
    return choose(values)


def first(column: str, *, ties: str = "arrival", **settings: Unpack[Settings]) -> Statistic:
    """Return the value of the earliest event; see `last`."""
    return _at_end("first", 0, column, ties, settings)


def last(column: str, *, ties: str = "arrival", **settings: Unpack[Settings]) -> Statistic:
    """Return the value of the latest event.

    Nulls are skipped unless `nulls="null"`, where the value of the latest event may be null.

    Args:
        column: its name.
        ties: of events of the same time, the one that arrived last (first, for `first`) with
            "arrival", or the "smallest" or "largest" value among them.
        settings: see Settings.
    """
    return _at_end("last", -1, column, ties, settings)


def _at_end(name: str, end: int, column: str, ties: str, settings: Settings) -> Statistic:
    check_choice(f"{name}(...)", "ties", ties, ("arrival", "smallest", "largest"))
    keeps_nulls = settings.get("nulls", "skip") == "null"

    def take(events: Sequence[Event], _moment: int) -> Any:
        pairs = [(event.at, event.values[column]) for event in events]
        if not keeps_nulls:
            pairs = [(moment, value) for moment, value in pairs if value is not None]
        if not pairs:
            return EMPTY
        moment, value = pairs[end]
        tied = [cell for at, cell in pairs if at == moment and cell is not None]
        if ties == "arrival" or not tied:
            return value
        return sorted(tied, key=exact.order)[0 if ties == "smallest" else -1]

    return make_statistic(name, [column], take, settings)


def distinct(column: str, *, count_null: bool = False, **settings: Unpack[Settings]) -> Statistic:
    """Return how many distinct values a column has; NaN is one value, 0.0 and -0.0 are one.

    Args:
        column: its name.
        count_null: whether null counts as a value of its own.
        settings: see Settings.
    """

    def count_values(events: Sequence[Event], _moment: int) -> int:
        values = {exact.identity(event.values[column]) for event in events}
        if not count_null:
            values.discard(exact.identity(None))
        return len(values)

    return make_statistic("distinct", [column], count_values, settings, empty=0)


def quantile(
    column: str,
    share: float | Fraction,
    *,
    interpolation: exact.Interpolation = "linear",
    **settings: Unpack[Settings],
) -> Statistic:
    """Return a quantile of a column: the value at position `share * (n - 1)` of the sorted values.

    That is definition 7 of Hyndman and Fan, Sample Quantiles in Statistical Packages (1996), which
    numpy, pandas and polars have by default.

    Args:
        column: its name.
        share: from 0 to 1. A float means the decimal number that it is written as: 0.9 is 9/10.
        interpolation: between two values "linear", "lower", "higher", "midpoint" or "nearest"; of
            two that are equally near, the one at the even position, as in numpy.
        settings: see Settings.
    """
    check_choice("quantile(...)", "interpolation", interpolation, get_args(exact.Interpolation))
    is_number = isinstance(share, int | float | Fraction) and not isinstance(share, bool)
    if not is_number or not 0 <= share <= 1:
        raise DeclarationError(f"quantile(share) must be a number from 0 to 1; got {share!r}")
    position = Fraction(str(share))
    rule = over_numbers(
        column, settings, lambda numbers: exact.quantile(numbers, position, interpolation)
    )
    return make_statistic("quantile", [column], rule, settings)


def median(column: str, **settings: Unpack[Settings]) -> Statistic:
    """Return the median of a column: the middle value, or the mean of the two in the middle."""
    return quantile(column, Fraction(1, 2), **settings)


def mode(
    column: str, *, ties: exact.ModeTies = "smallest", **settings: Unpack[Settings]
) -> Statistic:
    """Return the most frequent value of a column.

    Args:
        column: its name.
        ties: of equally frequent values the "smallest", the "largest", the one seen "first", or
            the one seen "last".
        settings: see Settings.
    """
    check_choice("mode(...)", "ties", ties, get_args(exact.ModeTies))
    rule = over_values(column, settings, lambda values: exact.rank(values, ties)[0])
    return make_statistic("mode", [column], rule, settings)


def top_k(
    column: str, k: int, *, ties: exact.ModeTies = "smallest", **settings: Unpack[Settings]
) -> Statistic:
    """Return the k most frequent values of a column, as a list; ties as in `mode`."""
    check_choice("top_k(...)", "ties", ties, get_args(exact.ModeTies))
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise DeclarationError(f"top_k(k) must be an int above 0; got {k!r}")
    rule = over_values(column, settings, lambda values: exact.rank(values, ties)[:k])
    return make_statistic("top_k", [column], rule, settings)


def entropy(column: str, *, base: float | None = None, **settings: Unpack[Settings]) -> Statistic:
    """Return Shannon's entropy of a column's values, the sum of -p log(p) over their frequencies.

    Args:
        column: its name.
        base: of the logarithm: 2 for bits; None for the natural one.
        settings: see Settings.
    """
    if base is not None and (isinstance(base, bool) or not base > 1):
        raise DeclarationError(f"entropy(base=...) must be a number above 1 or None; got {base!r}")
    rule = over_values(column, settings, lambda values: exact.entropy(values, base))
    return make_statistic("entropy", [column], rule, settings)


def correlation(x: str, y: str, *, flat: Any = math.nan, **settings: Unpack[Settings]) -> Statistic:
    """Return Pearson's correlation of two columns over the events that have both.

    r = sum((x - mx) (y - my)) / sqrt(sum((x - mx)**2) sum((y - my)**2)).

    Args:
        x: one column.
        y: the other one.
        flat: what is answered where a column never changes; NaN, as in pandas and polars.
        settings: see Settings.
    """

    def relate(events: Sequence[Event], _moment: int) -> Any:
        pairs = []
        for event in events:
            pair = read_values([event], x, settings), read_values([event], y, settings)
            if None in pair:
                return None
            if EMPTY not in pair:
                pairs.append((pair[0][0], pair[1][0]))
        if len(pairs) < 2:  # noqa: PLR2004 - one point has no line
            return EMPTY
        if not all(is_finite(a) and is_finite(b) for a, b in pairs):
            return math.nan
        r = exact.correlation([(Fraction(a), Fraction(b)) for a, b in pairs])
        return flat if r is None else r

    return make_statistic("correlation", [x, y], relate, settings)


def ratio(numerator: Measure, denominator: Measure, *, zero: Any = None) -> Ratio:
    """Return one reference over another, rounded once; None where one of them has no value.

    Args:
        numerator: what is divided, such as `sum("amount")`.
        denominator: what it is divided by.
        zero: the answer where that is 0.

    Raises:
        DeclarationError: one of the two is no reference of this package.
    """
    for name, measure in (("numerator", numerator), ("denominator", denominator)):
        if not isinstance(measure, Measure):
            raise DeclarationError(
                f"ratio({name}) must be a reference such as reference.count(); got {measure!r}"
            )
    return Ratio(numerator, denominator, zero)


def _check_ddof(name: str, ddof: object) -> None:
    if isinstance(ddof, bool) or not isinstance(ddof, int) or ddof < 0:
        raise DeclarationError(f"{name}(ddof=...) must be an int of at least 0; got {ddof!r}")
