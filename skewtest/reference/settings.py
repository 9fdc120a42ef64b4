"""The settings that all statistics share: over which events, and what becomes of nothing."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, TypedDict, get_args

from skewtest.declare.arguments import check_choice
from skewtest.errors import DeclarationError, listed, nearest
from skewtest.reference.exact import is_nan
from skewtest.reference.measure import EMPTY, Rule, Statistic
from skewtest.reference.rows import Event
from skewtest.reference.scopes import scope_of

Nulls = Literal["skip", "null", "zero"]
Nans = Literal["nan", "skip"]


class Settings(TypedDict, total=False):
    """What every statistic takes, as keywords.

    Attributes:
        over: None for a lifetime, a timedelta for the window `[as_of - over, as_of)`, or
            `window(...)`, `calendar(...)`, `last_events(...)`.
        where: takes an event (a dict of its columns) and tells whether it is taken.
        source: the source whose events are taken, in views with several.
        nulls: of a null "skip" leaves it out, "null" makes the whole answer null, "zero" takes 0.
        nans: "nan" makes the whole answer NaN, "skip" leaves NaN out.
        empty: the answer where no value is left.
    """

    over: Any
    where: Callable[[dict[str, Any]], Any] | None
    source: str | None
    nulls: Nulls
    nans: Nans
    empty: Any


def make_statistic(
    name: str,
    columns: Sequence[str],
    rule: Rule,
    settings: Mapping[str, Any],
    *,
    empty: Any = None,
) -> Statistic:
    """Return a statistic with checked settings.

    Args:
        name: of the function that makes it.
        columns: the columns that it reads.
        rule: makes the answer of the events that were picked.
        settings: see Settings.
        empty: what is answered where no value is left, unless the settings say otherwise.

    Raises:
        DeclarationError: there is no such setting, or it cannot have that value.
    """
    for key in settings:
        if key not in Settings.__annotations__:
            raise DeclarationError(
                f"{name}(...) takes no setting {key!r}; there are "
                f"{listed(Settings.__annotations__)}." + nearest(key, Settings.__annotations__)
            )
    for key, choices in (("nulls", get_args(Nulls)), ("nans", get_args(Nans))):
        check_choice(f"{name}(...)", key, settings.get(key, choices[0]), choices)
    for column in columns:
        if not isinstance(column, str):
            raise DeclarationError(f"{name}(...) takes names of columns; got {column!r}")
    where = settings.get("where")
    if where is not None and not callable(where):
        raise DeclarationError(f"{name}(where=...) must be a function of an event; got {where!r}")
    return Statistic(
        name,
        tuple(columns),
        rule,
        scope_of(name, settings.get("over")),
        where,
        settings.get("source"),
        settings.get("empty", empty),
    )


def read_values(events: Sequence[Event], column: str, settings: Mapping[str, Any]) -> Any:
    """Return the values of a column, or the answer where its nulls and NaN decide it."""
    nulls = settings.get("nulls", "skip")
    skips_nan = settings.get("nans", "nan") == "skip"
    values = []
    for event in events:
        value = event.values[column]
        if value is None and nulls == "null":
            return None
        if value is None and nulls == "zero":
            value = 0
        if value is not None and not (skips_nan and is_nan(value)):
            values.append(value)
    return values or EMPTY


def over_values(
    column: str, settings: Mapping[str, Any], formula: Callable[[list[Any]], Any]
) -> Rule:
    """Return the rule that applies a formula to the values of a column, NaN among them."""

    def rule(events: Sequence[Event], _moment: int) -> Any:
        values = read_values(events, column, settings)
        return formula(values) if isinstance(values, list) else values

    return rule


def over_numbers(
    column: str,
    settings: Mapping[str, Any],
    formula: Callable[[list[Fraction]], Any],
    infinite: Callable[[list[float]], float] = lambda _: math.nan,
) -> Rule:
    """Return the rule that applies an exact formula to the numbers of a column.

    Args:
        column: its name.
        settings: see Settings.
        formula: takes rationals; None stands for no value.
        infinite: takes the infinities and NaN among the numbers, where there are some.
    """

    def apply(values: list[Any]) -> Any:
        odd = [float(value) for value in values if not is_finite(value)]
        if odd:
            return infinite(odd)
        answer = formula([Fraction(value) for value in values])
        return EMPTY if answer is None else answer

    return over_values(column, settings, apply)


def is_finite(value: Any) -> bool:
    """Return whether a number is neither infinite nor NaN; whole numbers of any size are finite."""
    return isinstance(value, int | Fraction) or math.isfinite(value)
