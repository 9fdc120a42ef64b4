"""The corpus: found counterexamples as small readable files, to be committed and replayed first."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from skewtest.declare.delivery import SCENARIOS
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import event_dicts
from skewtest.errors import CorpusError, listed, nearest
from skewtest.files import write_whole
from skewtest.generate.history import COPIES, FAULTS, SEQUENCE, History, Restart
from skewtest.results.finding import Finding
from skewtest.times import MICROSECOND, micros

FORMAT = 1


def load(
    folder: Path, view: FeatureView
) -> tuple[list[tuple[str, History]], list[tuple[str, str]]]:
    """Return the kept counterexamples of a view by file, and the files that cannot be used.

    A file that is cut off, of another format or of columns that are gone is kept and reported
    with the reason; nothing is raised for it.
    """
    kept, rejected = [], []
    for path in sorted((folder / view.name).glob("*.json")):
        try:
            kept.append((str(path), _read(path, view)))
        except CorpusError as error:
            rejected.append((str(path), str(error)))
    return kept, rejected


def save(folder: Path, finding: Finding) -> Path:
    """Write a finding's counterexample to `folder/view/`; an equal one is written once.

    Raises:
        CorpusError: the folder cannot be written.
    """
    example = finding.counterexample
    if example is None:
        raise CorpusError("there is no counterexample to keep")
    text = json.dumps(_document(finding), indent=1, ensure_ascii=False) + "\n"
    digest = hashlib.sha256(_identity(finding).encode()).hexdigest()[:8]
    path = folder / example.view.name / f"{finding.slug}-{digest}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise CorpusError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "view": finding.counterexample.view.name if finding.counterexample else "",
        "feature": finding.feature,
        "kind": finding.kind,
        "cause": finding.cause,
        "scenario": finding.scenario,
        **_history_document(finding),
    }


def _identity(finding: Finding) -> str:
    return json.dumps([finding.feature, finding.kind, _history_document(finding)], sort_keys=True)


def _history_document(finding: Finding) -> dict[str, Any]:
    assert finding.counterexample is not None
    view, history = finding.counterexample.view, finding.counterexample.history
    return {
        "request_lag_us": history.lag,
        **_delivery_document(history),
        "events": {
            name: [
                {"#": number, **fault, **_encoded(event)}
                for number, fault, event in zip(
                    history.events[name][SEQUENCE].to_list(),
                    _faults_of(history.events[name]),
                    event_dicts(source.schema, history.events[name]),
                    strict=True,
                )
            ]
            for name, source in view.sources.items()
        },
        "spine": [_encoded(row) for row in event_dicts(view.spine_schema, history.spine)],
    }


def _delivery_document(history: History) -> dict[str, Any]:
    """Return what happens to the history as a whole, if anything does."""
    found: dict[str, Any] = {}
    if history.restarts:
        found["restarts_us"] = [list(restart) for restart in history.restarts]
    if history.boot is not None:
        found["bootstrap_us"] = history.boot
    return found


def _faults_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return, for each event, the faults that it has, by column."""
    there = [name for name in FAULTS if name in frame.columns]
    rows = frame.select(there).to_dicts() if there else [{}] * frame.height
    return [{name: value for name, value in row.items() if value} for row in rows]


def _read(path: Path, view: FeatureView) -> History:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"it cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise CorpusError(
            f"it is cut off or not JSON (line {error.lineno}: {error.msg}); "
            "restore it from version control or delete it"
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else None
        raise CorpusError(
            f"it has format {found!r}, this skewtest reads format {FORMAT}; "
            "delete it once its skew is found again"
        )
    try:
        events = {
            name: _events(document["events"][name], source.schema)
            for name, source in view.sources.items()
        }
        spine = _frame(document["spine"], view.spine_schema)
        lag = document["request_lag_us"]
        if lag is not None and (type(lag) is not int or lag < 0):
            raise TypeError(f"request_lag_us must be microseconds or null; got {lag!r}")  # noqa: TRY301
        scenario = document["scenario"]
        if scenario not in SCENARIOS:
            raise TypeError(f"there is no scenario {scenario!r}")  # noqa: TRY301
        restarts = tuple(Restart(*map(int, row)) for row in document.get("restarts_us", ()))
        boot = None if (at := document.get("bootstrap_us")) is None else int(at)
    except KeyError as error:
        raise CorpusError(
            f"it has no {error.args[0]!r}; it does not fit the view any more"
        ) from None
    except (TypeError, ValueError, AttributeError, pl.exceptions.PolarsError) as error:
        raise CorpusError(f"its values do not fit the columns any more: {error}") from error
    if spine.is_empty():
        raise CorpusError("it asks for nothing: its spine is empty")
    return History(events, spine, lag, restarts, boot, view.delivery.under(scenario))


def _events(rows: list[dict[str, Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    numbers = pl.Series(SEQUENCE, [row["#"] for row in rows], dtype=pl.Int64)
    hidden = ("#", *FAULTS)
    bare = [{name: value for name, value in row.items() if name not in hidden} for row in rows]
    faults = [
        pl.Series(name, [row.get(name, [] if name == COPIES else 0) for row in rows], dtype=dtype)
        for name, dtype in FAULTS.items()
        if any(name in row for row in rows)
    ]
    return _frame(bare, schema).with_columns(numbers, *faults)


def _frame(rows: list[dict[str, Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    for row in rows:
        gone = [name for name in row if name not in schema]
        lacking = [name for name in schema if name not in row]
        if gone or lacking:
            what = f"a column {gone[0]!r}" if gone else f"no column {lacking[0]!r}"
            raise CorpusError(
                f"it has {what}; the view has {listed(schema)}."
                + nearest((gone or lacking)[0], schema)
            )
    return pl.DataFrame(
        [
            pl.Series(name, [_decoded(row[name], dtype) for row in rows], dtype=dtype)
            for name, dtype in schema.items()
        ]
    )


def _encoded(value: Any) -> Any:
    """Return a value as JSON; its column's type tells how to read it back."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Mapping):
        return {name: _encoded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_encoded(inner) for inner in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return micros(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _decoded(value: Any, dtype: pl.DataType) -> Any:
    if value is None:
        return None
    if dtype.is_float():
        return float(value)
    if isinstance(dtype, pl.Datetime):
        return datetime.fromisoformat(value)
    if dtype == pl.Date:
        return date.fromisoformat(value)
    if dtype == pl.Time:
        return time.fromisoformat(value)
    if isinstance(dtype, pl.Duration):
        return value * MICROSECOND
    if dtype.is_decimal():
        return Decimal(value)
    if dtype == pl.Binary:
        return bytes.fromhex(value)
    if isinstance(dtype, pl.List | pl.Array):
        return [_decoded(inner, dtype.inner) for inner in value]  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        types = dict(dtype.to_schema())
        return {name: _decoded(inner, types[name]) for name, inner in value.items()}  # type: ignore[arg-type]
    return value
