"""Hints: the constants that the implementations themselves mention.

A branch at `amount > 9_000`, a bucket that ends at 50, a cap of 100, an undeclared window of 14
days: bugs sit beside such numbers, and no declared range tells them. They are read off the code
objects of both sides, not guessed, and join the values that generation prefers.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from functools import partial
from types import CodeType, FunctionType
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from skewtest.declare.view import FeatureView
from skewtest.times import DAY_US, HOUR_US, SECOND_US, micros

MOST = 48
LONGEST_DAYS = 400
LONGEST_TEXT = 40
DURATION = re.compile(r"(\d+)(d|h|m|s|w)")
UNITS = {"w": 7 * DAY_US, "d": DAY_US, "h": HOUR_US, "m": 60 * SECOND_US, "s": SECOND_US}
SQL_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")
SQL_TEXT = re.compile(r"'([^']*)'")


@dataclass(frozen=True, slots=True)
class Hints:
    """Constants of the implementations.

    Attributes:
        numbers: ints and floats, ascending.
        texts: short strings.
        lengths: lengths of time in microseconds: timedeltas, "7d", and whole numbers as days,
            hours and minutes.
        zones: IANA time zones.
    """

    numbers: tuple[float, ...] = ()
    texts: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    zones: tuple[str, ...] = ()


def hints_of(view: FeatureView) -> Hints:
    """Return the constants that the two implementations of a view mention."""
    constants: list[Any] = []
    seen: set[int] = set()
    for side in (view.batch, view.online):
        constants += _constants(side, seen)
    numbers = sorted({c for c in constants if type(c) in (int, float) and c == c})
    columns = {name for source in view.sources.values() for name in source.schema}
    known = columns | set(view.spine_schema) | set(view.features) | set(view.sources)
    texts = list(
        dict.fromkeys(
            c for c in constants if type(c) is str and len(c) <= LONGEST_TEXT and c not in known
        )
    )
    lengths = {micros(c) for c in constants if isinstance(c, timedelta) and c > timedelta(0)}
    lengths |= {
        int(count) * UNITS[unit] for text in texts for count, unit in DURATION.findall(text)
    }
    for number in numbers:
        if 1 <= number <= LONGEST_DAYS and number == int(number):
            lengths |= {int(number) * unit for unit in (DAY_US, HOUR_US, 60 * SECOND_US)}
    return Hints(
        numbers=tuple(numbers[:MOST]),
        texts=tuple(texts[:MOST]),
        lengths=tuple(sorted(lengths - {0})[:MOST]),
        zones=tuple(text for text in texts if "/" in text and text in available_timezones()),
    )


def _constants(thing: object, seen: set[int]) -> Iterator[Any]:
    """Yield the constants that a callable mentions, in its own code and that of its parts."""
    if id(thing) in seen or thing is None:
        return
    seen.add(id(thing))
    if isinstance(thing, FunctionType):
        yield from _of_function(thing, seen)
    elif inspect.ismethod(thing):
        yield from _constants(thing.__func__, seen)
    elif isinstance(thing, partial):
        yield from (*thing.args, *thing.keywords.values())
        yield from _constants(thing.func, seen)
    elif inspect.isclass(thing):
        yield from _of_class(thing, seen)
    elif callable(getattr(thing, "parts", None)):
        yield from _of_side(thing, seen)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from _part(getattr(thing, field.name), seen)
    elif callable(thing):
        yield from _constants(type(thing).__call__, seen)


def _of_class(kind: type, seen: set[int]) -> Iterator[Any]:
    for base in kind.__mro__[:-1]:
        for name, part in vars(base).items():
            if callable(part) or not name.startswith("__"):
                yield from _part(part, seen)


def _of_side(side: Any, seen: set[int]) -> Iterator[Any]:
    """Yield the constants of a side's or adapter's parts, and the size of its frames."""
    for part in side.parts():
        if isinstance(part, str):
            yield from _of_sql(part)
        else:
            yield from _constants(part, seen)
    if isinstance(getattr(side, "size", None), int):
        yield side.size


def _part(part: object, seen: set[int]) -> Iterator[Any]:
    """Yield what an attribute, a global or a constant adds."""
    if isinstance(part, int | float | str | timedelta):
        yield part
    elif isinstance(part, ZoneInfo):
        yield part.key
    elif isinstance(part, tuple | frozenset | list | set):
        for inner in list(part)[:MOST]:
            yield from _part(inner, seen)
    elif isinstance(part, CodeType):
        for inner in part.co_consts:
            yield from _part(inner, seen)
    elif _has_code(part):
        yield from _constants(part, seen)


def _of_function(function: Callable[..., Any], seen: set[int]) -> Iterator[Any]:
    code: CodeType = function.__code__
    documentation = function.__doc__
    for constant in code.co_consts:
        if constant is not documentation or documentation is None:
            yield from _part(constant, seen)
    for default in function.__defaults__ or ():
        yield from _part(default, seen)
    for name in _names(code):
        yield Name(name)
        if name in function.__globals__:
            yield from _part(function.__globals__[name], seen)
    for cell in function.__closure__ or ():
        try:
            yield from _part(cell.cell_contents, seen)
        except ValueError:  # a cell that is not filled yet
            continue


def names_of(thing: object) -> set["Name"]:
    """Return the names that a callable's own code, and that of its parts, looks up."""
    return {name for name in _constants(thing, set()) if isinstance(name, Name)}


class Name(str):
    """A name that code looks up, told apart from a text that it holds."""

    __slots__ = ()


def _names(code: CodeType) -> set[str]:
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _has_code(part: object) -> bool:
    """Return whether a part is code of the owner's, not of an installed package."""
    if not (
        isinstance(part, FunctionType | partial) or inspect.isclass(part) or is_dataclass(part)
    ):
        return False
    home = getattr(part, "__module__", None) or type(part).__module__
    return home.split(".")[0] not in _LIBRARIES


_LIBRARIES = frozenset(
    ["builtins", "collections", "datetime", "functools", "numpy", "pandas", "polars", "pyarrow"]
)


def _of_sql(text: str) -> Iterator[Any]:
    for number in SQL_NUMBER.findall(text):
        yield float(number) if "." in number else int(number)
    yield from SQL_TEXT.findall(text)
