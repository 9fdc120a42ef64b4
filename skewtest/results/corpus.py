"""The corpus: found counterexamples as small readable files, to be committed and replayed first."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from skewtest.declare.delivery import SCENARIOS
from skewtest.declare.view import FeatureView
from skewtest.deliver.lawful import breach_of, course_of
from skewtest.deliver.operations import event_dicts
from skewtest.errors import CorpusError, listed, nearest
from skewtest.files import write_whole
from skewtest.generate.history import COPIES, FAULTS, SEQUENCE, History, Restart
from skewtest.results.encoding import decode, encode
from skewtest.results.finding import Finding

Document: TypeAlias = dict[str, Any]

# Of files: a change that older ones cannot be read by raises it.
FORMAT = 1

# The field that holds an event's number; a column may not begin with "#".
_NUMBER = "#"

# Enough to tell apart the counterexamples of one view, feature and cause, and short in a file name.
_DIGEST_CHARACTERS = 8


def load(
    folder: Path, view: FeatureView
) -> tuple[list[tuple[str, History]], list[tuple[str, str]]]:
    """Return the kept counterexamples of a view by file, and the files that cannot be used.

    A file that is cut off, of another format or of columns that are gone is kept and reported
    with the reason; nothing is raised for it.

    Args:
        folder: the corpus; it need not be there.
        view: whose counterexamples are read.
    """
    histories, rejected = [], []
    # In the order of their names, so that two runs replay them alike.
    for path in sorted((folder / view.name).glob("*.json")):
        try:
            histories.append((str(path), _parse(path, view)))
        except CorpusError as error:
            rejected.append((str(path), str(error)))
    return histories, rejected


def save(folder: Path, finding: Finding) -> Path:
    """Write a finding's counterexample to `folder/view/`; an equal one is written once.

    Args:
        folder: the corpus; it is made where it is not there.
        finding: one with a counterexample.

    Returns:
        The file.

    Raises:
        CorpusError: there is no counterexample, or the folder cannot be written.
    """
    example = finding.counterexample
    if example is None:
        raise CorpusError("there is no counterexample to keep")
    history = _describe_history(example.view, example.history)
    document = {
        "format": FORMAT,
        "view": example.view.name,
        "feature": finding.feature,
        "kind": finding.kind,
        "cause": finding.cause,
        "scenario": finding.scenario,
        **history,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    # The cause is left out: a wiser version names another one, and the history is the same.
    identity = json.dumps([finding.feature, finding.kind, history], sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    path = folder / example.view.name / f"{finding.slug}-{digest}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise CorpusError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _describe_history(view: FeatureView, history: History) -> Document:
    document: Document = {"request_lag_us": history.lag}
    # What does not happen to the history is left out: files are meant to be read.
    if history.restarts:
        document["restarts_us"] = [list(restart) for restart in history.restarts]
    if history.boot is not None:
        document["bootstrap_us"] = history.boot
    events = {}
    for name, source in view.sources.items():
        events[name] = _describe_events(source.schema, history.events[name])
    document["events"] = events
    document["spine"] = [encode(row) for row in event_dicts(view.spine_schema, history.spine)]
    return document


def _describe_events(schema: Mapping[str, pl.DataType], frame: pl.DataFrame) -> list[Document]:
    numbers = frame[SEQUENCE].to_list()
    fault_columns = [name for name in FAULTS if name in frame.columns]
    faults: list[Document] = [{}] * frame.height
    if fault_columns:
        faults = frame.select(fault_columns).to_dicts()
    events = event_dicts(schema, frame)
    rows = []
    for number, event_faults, event in zip(numbers, faults, events, strict=True):
        row: Document = {_NUMBER: number}
        for name, value in event_faults.items():
            if value:
                row[name] = value
        row.update(encode(event))
        rows.append(row)
    return rows


def _parse(path: Path, view: FeatureView) -> History:
    document = _load_document(path)
    try:
        history = _history_of(document, view)
    except KeyError as error:
        raise CorpusError(
            f"it has no {error.args[0]!r}; it does not fit the view any more"
        ) from None
    except (TypeError, ValueError, AttributeError, pl.exceptions.PolarsError) as error:
        raise CorpusError(f"its values do not fit the columns any more: {error}") from error
    if history.spine.is_empty():
        raise CorpusError("it asks for nothing: its spine is empty")
    reason = breach_of(view, course_of(view, history))
    if reason:
        raise CorpusError(
            f"the view's delivery does not allow it any more: {reason}; "
            "declare it again, or delete the file"
        )
    return history


def _load_document(path: Path) -> Document:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"it cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise CorpusError(
            f"it is cut off or not JSON (line {error.lineno}: {error.msg}); "
            "restore it from version control or delete it"
        ) from error
    version = document.get("format") if isinstance(document, dict) else None
    if version != FORMAT:
        raise CorpusError(
            f"it has format {version!r}, this skewtest reads format {FORMAT}; "
            "delete it once its skew is found again"
        )
    return document  # type: ignore[no-any-return] # a dict, as it has a format


def _history_of(document: Document, view: FeatureView) -> History:
    events = {}
    for name, source in view.sources.items():
        events[name] = _events_of(document["events"][name], source.schema)
    spine = _frame_of(document["spine"], view.spine_schema)
    lag = document["request_lag_us"]
    if lag is not None and (type(lag) is not int or lag < 0):
        raise TypeError(f"request_lag_us must be microseconds or null; got {lag!r}")
    scenario = document["scenario"]
    if scenario not in SCENARIOS:
        raise TypeError(f"there is no scenario {scenario!r}")
    restarts = tuple(Restart(*map(int, row)) for row in document.get("restarts_us", ()))
    boot = document.get("bootstrap_us")
    if boot is not None:
        boot = int(boot)
    return History(events, spine, lag, restarts, boot, view.delivery.under(scenario))


def _events_of(rows: list[Document], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    hidden = (_NUMBER, *FAULTS)
    numbers = [row[_NUMBER] for row in rows]
    hidden_columns = [pl.Series(SEQUENCE, numbers, dtype=pl.Int64)]
    for name, dtype in FAULTS.items():
        if any(name in row for row in rows):
            # A list of delays is empty where an event has no copies; a delay is 0.
            none: object = [] if name == COPIES else 0
            values = [row.get(name, none) for row in rows]
            hidden_columns.append(pl.Series(name, values, dtype=dtype))
    events = []
    for row in rows:
        event = dict(row)
        for name in hidden:
            event.pop(name, None)
        events.append(event)
    return _frame_of(events, schema).with_columns(hidden_columns)


def _frame_of(rows: list[Document], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    for row in rows:
        _check_columns(row, schema)
    columns = []
    for name, dtype in schema.items():
        values = [decode(row[name], dtype) for row in rows]
        columns.append(pl.Series(name, values, dtype=dtype))
    return pl.DataFrame(columns)


def _check_columns(row: Document, schema: Mapping[str, pl.DataType]) -> None:
    """Raise CorpusError unless a row has the columns that the view has today."""
    for name in row:
        if name not in schema:
            raise CorpusError(
                f"it has a column {name!r}; the view has {listed(schema)}." + nearest(name, schema)
            )
    for name in schema:
        if name not in row:
            raise CorpusError(
                f"it has no column {name!r}; the view has {listed(schema)}." + nearest(name, schema)
            )
