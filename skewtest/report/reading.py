"""Reports that are read from files: of this version or of the one before, and never believed.

What a file says is checked against itself: a report whose verdict, counters or outcomes do not
follow from each other was changed after it was written, and is refused by name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from skewtest.errors import ReportError
from skewtest.report import model
from skewtest.report.consistency import list_contradictions
from skewtest.report.version2 import VERSION_2, lift

# The largest reports seen have 200 features, 12 scenarios and 6 cells, in 20 MB. What is ten times
# as large is no report, and would fill the memory of a CI machine.
MOST_BYTES = 256 * 2**20
# Further ones follow from the first.
MOST_CONTRADICTIONS = 3


def report_from_values(values: Mapping[str, Any]) -> model.Report:
    """Return the report of JSON values, of this version or of the one before.

    Raises:
        ReportError: they are no report of either version, or contradict themselves.
    """
    return _convert(dict(values), "the report")


def part_from_values(values: Mapping[str, Any]) -> model.Report:
    """Return a part of a report that is being made: it comes from a worker of this very run.

    The gaps of a part are told of the whole, so that a part alone need not hold together.

    Raises:
        ReportError: the values are no report.
    """
    return _parse(dict(values), "a part of the report")


def report_from_file(path: Path) -> model.Report:
    """Return the report of a file, of this version or of the one before.

    Raises:
        ReportError: it cannot be read, is too large or cut off, is no report of either version, or
            contradicts itself.
    """
    content = bytes_from_file(path)
    try:
        values = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(
            f"{path} is no whole JSON document ({error}). Was the run that wrote it stopped?"
        ) from error
    return _convert(values, str(path))


def bytes_from_file(path: Path) -> bytes:
    """Return the bytes of a report's file.

    Raises:
        ReportError: it cannot be read, is no regular file, or is too large.
    """
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device may never end.
            raise ReportError(f"cannot read {path}: it is no file. Name a report.json.")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror or error}.") from error
    if len(content) > MOST_BYTES:
        raise ReportError(
            f"{path} has more than {MOST_BYTES:,} bytes; a parity report has fewer. "
            "Name a report.json that pytest --skew-report=DIR has written."
        )
    return content


def _convert(values: Any, place: str) -> model.Report:
    report = _parse(values, place)
    _refuse_contradictions(report, place)
    return report


def _parse(values: Any, place: str) -> model.Report:
    version = values.get("version") if isinstance(values, dict) else None
    if version == VERSION_2:
        values = _lift(values, place)
    elif version != model.VERSION:
        raise ReportError(
            f"{place} is no parity report of version {model.VERSION}: its version is {version!r}. "
            "Make it anew with this version of skewtest: pytest --skew-report=DIR."
        )
    try:
        return msgspec.convert(values, model.Report)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ReportError(f"{place} is no parity report: {error}.") from error


def _lift(values: dict[str, Any], place: str) -> dict[str, Any]:
    try:
        return lift(values)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ReportError(
            f"{place} is no parity report of version {VERSION_2}: {error}."
        ) from error


def _refuse_contradictions(report: model.Report, place: str) -> None:
    contradictions = list_contradictions(report)
    if not contradictions:
        return
    clauses = contradictions[:MOST_CONTRADICTIONS]
    left_out = len(contradictions) - len(clauses)
    if left_out:
        clauses.append(f"and {left_out} more")
    raise ReportError(
        f"{place} contradicts itself: {'; '.join(clauses)}. It was changed after it was written: "
        "make it anew with pytest --skew-report=DIR."
    )
