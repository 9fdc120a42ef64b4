"""Hints: the constants that the implementations themselves mention.

A branch at `amount > 9_000`, a bucket that ends at 50, a cap of 100, an undeclared window of 14
days: bugs sit beside such numbers, and no declared range tells them. They are read off the code
objects of both sides, not guessed, and join the values that generation prefers.
"""

import inspect
import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from functools import partial
from types import CodeType, FunctionType
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from skewtest.declare.view import FeatureView
from skewtest.times import DAY_US, HOUR_US, SECOND_US, micros

MOST = 48
"""Of each sort of hint, and of the parts of a list: more would leave each too seldom tried."""
LARGEST_INT = 2**64
"""No column has a larger one, and floats end at 2**1024."""
LONGEST_DAYS = 400
"""The largest number that may mean days, hours or minutes: a year and a bit. An `amount > 9_000`
is no window."""
LONGEST_TEXT = 40
"""Longer texts are messages and queries, which no column holds."""
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
        constants += _constants_of(side, seen)
    numbers = _pick_numbers(constants)
    texts = _pick_texts(constants, known=_names_in(view))
    return Hints(
        numbers=tuple(numbers[:MOST]),
        texts=tuple(texts[:MOST]),
        lengths=tuple(sorted(_pick_lengths(constants, numbers, texts))[:MOST]),
        zones=tuple(text for text in texts if "/" in text and text in available_timezones()),
    )


def _names_in(view: FeatureView) -> set[str]:
    """Return the names that a view declares: code mentions them, but not as values."""
    names = {*view.spine_schema, *view.features, *view.sources}
    for source in view.sources.values():
        names |= set(source.schema)
    return names


def _pick_numbers(constants: list[Any]) -> list[float]:
    """Return the numbers among constants, ascending: no bools, and no NaN."""
    numbers = set()
    for constant in constants:
        is_float = type(constant) is float and not math.isnan(constant)
        if is_float or (type(constant) is int and abs(constant) <= LARGEST_INT):
            numbers.add(constant)
    return sorted(numbers)


def _pick_texts(constants: list[Any], known: set[str]) -> list[str]:
    """Return the short texts among constants, without names, in the order of the code."""
    texts: dict[str, None] = {}
    for constant in constants:
        if type(constant) is str and len(constant) <= LONGEST_TEXT and constant not in known:
            texts[constant] = None
    return list(texts)


def _pick_lengths(constants: list[Any], numbers: list[float], texts: list[str]) -> set[int]:
    """Return what may be lengths of time, in microseconds."""
    lengths = set()
    for constant in constants:
        if isinstance(constant, timedelta) and constant > timedelta(0):
            lengths.add(micros(constant))
    for count, unit in DURATION.findall(" ".join(texts)):
        lengths.add(int(count) * UNITS[unit])
    for number in numbers:
        if 1 <= number <= LONGEST_DAYS and number == int(number):
            for size in (DAY_US, HOUR_US, 60 * SECOND_US):
                lengths.add(int(number) * size)
    return lengths - {0}


def _constants_of(thing: object, seen: set[int]) -> Iterator[Any]:
    """Yield the constants that a callable mentions, in its own code and that of its parts."""
    if id(thing) in seen or thing is None:
        return
    seen.add(id(thing))
    if isinstance(thing, FunctionType):
        yield from _constants_of_function(thing, seen)
    elif inspect.ismethod(thing):
        yield from _constants_of(thing.__func__, seen)
    elif isinstance(thing, partial):
        yield from (*thing.args, *thing.keywords.values())
        yield from _constants_of(thing.func, seen)
    elif inspect.isclass(thing):
        yield from _constants_of_class(thing, seen)
    elif callable(getattr(thing, "parts", None)):
        yield from _constants_of_side(thing, seen)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from _constants_of_part(getattr(thing, field.name), seen)
    elif callable(thing):
        yield from _constants_of(type(thing).__call__, seen)


def _constants_of_class(kind: type, seen: set[int]) -> Iterator[Any]:
    for base in kind.__mro__[:-1]:
        for name, part in vars(base).items():
            if callable(part) or not name.startswith("__"):
                yield from _constants_of_part(part, seen)


def _constants_of_side(side: Any, seen: set[int]) -> Iterator[Any]:
    """Yield the constants of a side's or adapter's parts, and the size of its frames."""
    for part in side.parts():
        if isinstance(part, str):
            yield from _constants_of_sql(part)
        else:
            yield from _constants_of(part, seen)
    if isinstance(getattr(side, "size", None), int):
        yield side.size


def _constants_of_part(part: object, seen: set[int]) -> Iterator[Any]:
    """Yield what an attribute, a global or a constant adds."""
    if isinstance(part, int | float | str | timedelta):
        yield part
    elif isinstance(part, ZoneInfo):
        yield part.key
    elif isinstance(part, tuple | list | frozenset | set):
        yield from _constants_of_items(part, seen)
    elif isinstance(part, CodeType):
        for inner in part.co_consts:
            yield from _constants_of_part(inner, seen)
    elif _has_code(part):
        yield from _constants_of(part, seen)


def _constants_of_items(items: Collection[Any], seen: set[int]) -> Iterator[Any]:
    if id(items) in seen:  # a list may hold itself
        return
    seen.add(id(items))
    # Texts stand in a set in another order in each process; a seed is to mean the same in all.
    in_order = sorted(items, key=repr) if isinstance(items, frozenset | set) else list(items)
    for inner in in_order[:MOST]:
        yield from _constants_of_part(inner, seen)


def _constants_of_function(function: Callable[..., Any], seen: set[int]) -> Iterator[Any]:
    code: CodeType = function.__code__
    documentation = function.__doc__
    for constant in code.co_consts:
        if constant is not documentation or documentation is None:
            yield from _constants_of_part(constant, seen)
    for default in function.__defaults__ or ():
        yield from _constants_of_part(default, seen)
    # For `codes_of`: it is no constant of any sort that hints are made of.
    yield code
    for name in _names_in_code(code):
        if name in function.__globals__:
            yield from _constants_of_part(function.__globals__[name], seen)
    for content in _closure_of(function):
        yield from _constants_of_part(content, seen)


def _closure_of(function: Callable[..., Any]) -> Iterator[Any]:
    """Yield what a function has taken along from where it was made."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a cell that is not filled yet
            continue


def codes_of(thing: object) -> Iterator[CodeType]:
    """Yield the code objects of a callable, of its parts, and of what is defined inside them."""
    for constant in _constants_of(thing, set()):
        if isinstance(constant, CodeType):
            yield from _with_inner_codes(constant)


def _with_inner_codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner_codes(constant)


def _names_in_code(code: CodeType) -> list[str]:
    """Return the names that code looks up, sorted: a set has another order in each process."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names.update(_names_in_code(constant))
    return sorted(names)


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


def _constants_of_sql(text: str) -> Iterator[Any]:
    for number in SQL_NUMBER.findall(text):
        yield float(number) if "." in number else int(number)
    yield from SQL_TEXT.findall(text)
