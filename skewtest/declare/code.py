"""Sources as code: what was learned from a log, written down so that it can be read and changed."""

from dataclasses import MISSING, fields
from functools import singledispatch
from typing import Any

from skewtest.declare.kinds import (
    Categories,
    Column,
    Decimals,
    Drawn,
    Lists,
    Structs,
    Timestamps,
    Vectors,
)
from skewtest.errors import DeclarationError

HEAD = "import datetime\nimport zoneinfo\n\nimport skewtest as sk\n\n"
"""Written above every source: what the texts of moments and lengths of time are made with."""


def code_of_source(source: Any) -> str:
    """Return Python code that declares a source, with its imports.

    Args:
        source: a Source.

    Raises:
        DeclarationError: a column is a Hypothesis strategy, which has no code of its own.
    """
    lines = [f"{source.name} = sk.Source(", f"    {source.name!r},", f"    time={source.time!r},"]
    lines.append("    columns={")
    for name, kind in source.columns.items():
        if isinstance(kind, Drawn):
            raise DeclarationError(
                f"Source({source.name!r}).to_code(): column {name!r} is a Hypothesis strategy, "
                "which cannot be written down; declare it by a column such as sk.floats()"
            )
        lines.append(f"        {name!r}: {code_of_column(kind)},")
    lines.append("    },")
    for argument, value in _arguments_of(source):
        lines.append(f"    {argument}={value!r},")
    return HEAD + "\n".join([*lines, ")", ""])


def _arguments_of(source: Any) -> list[tuple[str, Any]]:
    """Return the arguments of a source beside its columns that are not at their defaults."""
    arguments = [
        ("arrival", source.arrival),
        ("zone", source.type.zone),
        ("unit", source.type.unit),
        ("step", source.step),
        ("start", source.start),
        ("end", source.end),
    ]
    defaults = {"zone": "UTC", "unit": "us"}
    arguments = [pair for pair in arguments if pair[1] != defaults.get(pair[0])]
    if source.rhythm.gaps or source.rhythm.ties:
        rhythm = {"gaps": source.rhythm.gaps, "ties": source.rhythm.ties}
        arguments.append(("rhythm", rhythm))
    if source.null_rates:
        arguments.append(("null_rates", dict(source.null_rates)))
    return arguments


@singledispatch
def code_of_column(kind: Column) -> str:
    """Return the call that declares a column; a kind whose fields are its arguments needs none."""
    arguments = []
    for field in fields(kind):
        value = getattr(kind, field.name)
        is_told = field.default is MISSING or value != field.default
        if is_told and field.name != "nullable":
            arguments.append(f"{field.name}={value!r}")
    return _call(kind, type(kind).__name__.lower(), *arguments)


def _call(kind: Column, function: str, *arguments: str) -> str:
    written = list(arguments)
    if kind.nullable:
        written.append("nullable=True")
    return f"sk.{function}({', '.join(written)})"


@code_of_column.register
def _(kind: Categories) -> str:
    values = [repr(value) for value in kind.values]
    if kind.unseen:
        values.append("unseen=True")
    return _call(kind, "categories", *values)


@code_of_column.register
def _(kind: Decimals) -> str:
    return _call(kind, "decimals", f"'{kind.min}'", f"'{kind.max}'", f"scale={kind.scale}")


@code_of_column.register
def _(kind: Timestamps) -> str:
    arguments = []
    for name in ("min", "max"):
        if getattr(kind, name) is not None:
            arguments.append(f"{name}={getattr(kind, name)!r}")
    arguments += [f"zone={kind.time.zone!r}", f"unit={kind.time.unit!r}"]
    return _call(kind, "timestamps", *arguments)


@code_of_column.register
def _(kind: Vectors) -> str:
    element = kind.element
    return _call(kind, "vectors", f"{kind.size}", f"{element.min!r}", f"{element.max!r}")


@code_of_column.register
def _(kind: Lists) -> str:
    return _call(kind, "lists", code_of_column(kind.element), f"max_size={kind.max_size}")


@code_of_column.register
def _(kind: Structs) -> str:
    columns = [f"{name!r}: {code_of_column(inner)}" for name, inner in kind.fields.items()]
    return _call(kind, "structs", "{" + ", ".join(columns) + "}")
