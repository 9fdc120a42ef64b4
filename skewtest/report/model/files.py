"""Reports as bytes, as JSON values and as files; older versions are lifted when they are read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from skewtest.errors import ReportError
from skewtest.report.model.document import VERSION, Report
from skewtest.report.version2 import VERSION_2, lift
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


def from_dict(values: Mapping[str, Any]) -> Report:
    """Return the report of JSON values, of this version or of the one before.

    Raises:
        ReportError: they are no report of either version.
    """
    return _convert(dict(values), "the report")


def read(path: Path) -> Report:
    """Return the report of a file, of this version or of the one before.

    Raises:
        ReportError: it cannot be read, is cut off, or is no report of either version.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror or error}.") from error
    try:
        values = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(
            f"{path} is no whole JSON document ({error}). Was the run that wrote it stopped?"
        ) from error
    return _convert(values, str(path))


def _convert(values: Any, place: str) -> Report:
    version = values.get("version") if isinstance(values, dict) else None
    if version == VERSION_2:
        values = _lift(values, place)
    elif version != VERSION:
        raise ReportError(
            f"{place} is no parity report of version {VERSION}: its version is {version!r}. "
            "Make it anew with this version of skewtest: pytest --skew-report=DIR."
        )
    try:
        return msgspec.convert(values, Report)
    except msgspec.ValidationError as error:
        raise ReportError(f"{place} is no parity report: {error}.") from error


def _lift(values: dict[str, Any], place: str) -> dict[str, Any]:
    try:
        return lift(values)
    except (AttributeError, KeyError, TypeError) as error:
        raise ReportError(
            f"{place} is no parity report of version {VERSION_2}: {error}."
        ) from error
