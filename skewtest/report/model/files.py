"""Reports as bytes, as JSON values, and their schema; `skewtest.report.reading` reads them."""

from typing import Any, TypeVar

import msgspec

from skewtest.report.model.document import VERSION, Report
from skewtest.results.values import Part

P = TypeVar("P", bound=Part)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a report."""
    fields = msgspec.json.schema(Report)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**head, "title": f"skewtest parity report, version {VERSION}", **fields}


def to_json(report: Report) -> bytes:
    """Return a report as the bytes of its file: UTF-8, one space of indent, ends in a newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"


def to_dict(report: Part) -> dict[str, Any]:
    """Return a report, or a part of one, as JSON values."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(report))
    return values


def encodable(part: P) -> P:
    """Return a part whose texts a file can hold: half of a surrogate pair is spelled."""
    try:
        msgspec.json.encode(part)
    except UnicodeEncodeError:
        return msgspec.convert(_spell_surrogates(msgspec.to_builtins(part)), type(part))
    return part


def _spell_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_spell_surrogates(name): _spell_surrogates(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_spell_surrogates(inner) for inner in value]
    return value
