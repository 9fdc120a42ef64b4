"""What a user gives to compare a function: the rows, and the function or its name, checked."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any

import polars as pl

from skewtest.compare.tags import odd_kind
from skewtest.drive.values import OddValueError, plain
from skewtest.errors import DeclarationError, nearest
from skewtest.sides.addresses import Code, code_of
from skewtest.worker import codec
from skewtest.worker.frames import parameter_kinds

LIBRARY_TAGS = ("odd", "text", "scalar", "array", "series", "frame", "index")
"""What a worker tags that no other interpreter makes a value of."""

Row = Mapping[str, Any]


def check_rows(rows: object) -> list[Row]:
    """Return rows as dicts of what another interpreter can read: plain Python values.

    Args:
        rows: a list of dicts, one dict, or a polars frame.

    Raises:
        DeclarationError: they are no rows, or hold what cannot cross.
    """
    if isinstance(rows, pl.DataFrame):
        return list(rows.to_dicts())
    items: list[Any] = list(rows) if isinstance(rows, list | tuple) else [rows]
    if not all(isinstance(row, Mapping) for row in items):
        raise DeclarationError(
            f"compare_environments(rows) takes a list of dicts; got {type(rows).__name__}"
        )
    plain_rows: list[Row] = []
    for number, row in enumerate(items):
        plain_row = {}
        for name, value in row.items():
            plain_row[name] = _to_plain(number, name, value)
        plain_rows.append(plain_row)
    return plain_rows


def _to_plain(number: int, name: object, value: Any) -> Any:
    """Return a value of a row that crosses; what a library made becomes what it holds."""
    # What crosses as it is stays as it is: `plain` would make a list of a tuple.
    if odd_kind(codec.encode(value), LIBRARY_TAGS) is None:
        return value
    try:
        return plain(value)
    except OddValueError as error:
        raise DeclarationError(
            f"compare_environments: row {number} holds {error} as {name!r}, which another "
            "interpreter cannot read; give numbers, texts, times, lists or dicts"
        ) from error


def name_function(function: object) -> str:
    """Return what a function is called, without where it stands.

    Raises:
        DeclarationError: it is neither a function nor a text.
    """
    if isinstance(function, str):
        return function.rpartition(":")[2]
    if not callable(function):
        raise DeclarationError(
            "compare_environments(function) takes a function, or 'module:function'; "
            f"got {function!r}"
        )
    name: str = getattr(function, "__qualname__", type(function).__name__)
    return name.rpartition(".<locals>.")[2]


def locate_code(function: object) -> Code:
    """Return how another interpreter loads a function, or one that is named 'module:function'.

    Raises:
        DeclarationError: the text is no such name, or the module has no such function.
    """
    if not isinstance(function, str):
        return code_of(function, spare=True)
    module_name, _, name = function.partition(":")
    if not name or not all(part.isidentifier() for part in module_name.split(".")):
        raise DeclarationError(
            f"a function is named 'module:function', as in my_repo.features:mean; got {function!r}"
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError:
        # It may import under the other versions alone: there it is found by name.
        return Code.by_name(module_name, name)
    target: Any = module
    for part in name.split("."):
        if not hasattr(target, part):
            raise DeclarationError(
                f"the module {module_name!r} has no function {name!r}."
                + nearest(name, vars(module))
            )
        target = getattr(target, part)
    return code_of(target, spare=True)


def frame_kind(function: object) -> str:
    """Return the kind of frame that a function wants of its rows; "" for a list of dicts."""
    if isinstance(function, str):
        module_name, _, name = function.partition(":")
        function = getattr(sys.modules.get(module_name), name, None)
    if function is None:
        return ""
    return next(iter(parameter_kinds(function).values()), "")
