"""The corpus: found counterexamples as small readable files, to be committed and replayed first."""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import event_dicts
from skewtest.documents import DocumentError, load_content
from skewtest.errors import CorpusError
from skewtest.files import write_whole
from skewtest.generate.history import FAULTS, SEQUENCE, History
from skewtest.results.encoding import encode
from skewtest.results.finding import Finding
from skewtest.results.kept import FORMAT, NUMBER, Document, Kept, fit_document, load_document

NoteChanges: TypeAlias = Callable[[str, Sequence[str]], None]

# A counterexample of 1,400 events that could not be made smaller has 300 KB.
MOST_BYTES = 16 * 2**20
SUFFIX = ".json"

# Enough to tell apart the counterexamples of one view, feature and cause, and short in a file name.
_DIGEST_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of the corpus.

    Attributes:
        path: where it lies.
        view: the name that its view has now.
        fields: what it says, as far as it can be read.
        counterexample: its history; None: it is set aside.
        reason: why it is set aside, and what to do; "": it is not.
        same_as: the file that has the same history and is run in its place.
    """

    path: Path
    view: str
    fields: Mapping[str, Any]
    counterexample: Kept | None = None
    reason: str = ""
    same_as: Path | None = None

    @property
    def changes(self) -> tuple[str, ...]:
        """How it was made to fit its view, a clause each."""
        return () if self.counterexample is None else self.counterexample.changes

    @property
    def is_outdated(self) -> bool:
        """Whether it is run, and would be written otherwise today."""
        is_renamed = self.fields.get("view") != self.view or self.path.parent.name != self.view
        return self.counterexample is not None and (is_renamed or bool(self.changes))


def load(
    folder: Path,
    view: FeatureView,
    old_names: Sequence[str] = (),
    note_changes: NoteChanges = lambda _file, _changes: None,
) -> tuple[list[tuple[str, History]], list[tuple[str, str]]]:
    """Return the kept counterexamples of a view by file, and the files that cannot be used.

    A file that is cut off, of another format or of another view is kept and reported with the
    reason; nothing is raised for it.

    Args:
        folder: the corpus; it need not be there.
        view: whose counterexamples are read.
        old_names: what the view was called when some of them were kept.
        note_changes: is told of each file that was made to fit, and how.
    """
    histories: list[tuple[str, History]] = []
    rejected: list[tuple[str, str]] = []
    for file in read_files(folder, view, old_names):
        if file.counterexample is None:
            rejected.append((str(file.path), file.reason))
        elif file.same_as is None:
            histories.append((str(file.path), file.counterexample.history))
            if file.changes:
                note_changes(str(file.path), file.changes)
    return histories, rejected


def read_files(folder: Path, view: FeatureView, old_names: Sequence[str] = ()) -> list[KeptFile]:
    """Return the kept files of a view, those that cannot be used with the reason.

    Args:
        folder: the corpus; it need not be there.
        view: whose counterexamples are read.
        old_names: what the view was called when some of them were kept.
    """
    names = (view.name, *old_names)
    files: list[KeptFile] = []
    paths: dict[str, Path] = {}
    for name in names:
        for path in list_files(folder / name):
            fields: Document = {}
            try:
                fields = load_document(load_kept(path, folder, name))
                counterexample = fit_document(fields, view, names)
            except CorpusError as error:
                files.append(KeptFile(path, view.name, fields, reason=str(error)))
                continue
            identity = _identify(view, fields, counterexample.history)
            same_as = paths.get(identity)
            files.append(KeptFile(path, view.name, fields, counterexample, same_as=same_as))
            paths.setdefault(identity, path)
    return files


def _identify(view: FeatureView, fields: Document, history: History) -> str:
    """Return what two files have alike that find the same: all but names and spacing."""
    facts = [fields.get(name) for name in ("feature", "kind", "scenario")]
    return json.dumps([facts, _describe_history(view, history)], sort_keys=True)


def migrate_file(folder: Path, file: KeptFile, view: FeatureView) -> Path:
    """Write a kept file as it fits its view now, whole or not at all; it keeps its name.

    Args:
        folder: the corpus.
        file: one that is run.
        view: that it is of.

    Returns:
        The file that was written, in the folder of the view; one in another folder is deleted.

    Raises:
        CorpusError: it is set aside, another file has its name, or it cannot be written.
    """
    if file.counterexample is None:
        raise CorpusError(f"{file.path} is set aside: {file.reason}")
    target = folder / view.name / file.path.name
    if target != file.path and os.path.lexists(target) and file.same_as is None:
        raise CorpusError(f"cannot write {target}: there is such a file; rename {file.path}")
    facts = {name: file.fields.get(name) for name in ("feature", "kind", "cause", "scenario")}
    history = _describe_history(view, file.counterexample.history)
    document = {"format": FORMAT, "view": view.name, **facts, **history}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # What is there already under another name is not written twice.
        if target == file.path or file.same_as is None:
            write_whole(target, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        if target != file.path:
            file.path.unlink()
    except OSError as error:
        raise CorpusError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def list_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are to be counterexamples, in the order of their names.

    Hidden ones are drafts of a run that was killed. Folders below are looked into, because a file
    that was moved there by mistake is a guard that is gone; links to folders are not followed.
    """
    files = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(where, name) for name in names if _may_be_kept(name)]
        # A link to a folder is named: what lies behind it is not looked at.
        files += [Path(where, name) for name in folders if Path(where, name).is_symlink()]
    return sorted(files)


def _may_be_kept(name: str) -> bool:
    return name.lower().endswith(SUFFIX) and not name.startswith(".")


def load_kept(path: Path, folder: Path, name: str) -> bytes:
    """Return what a kept file holds.

    Args:
        path: the file.
        folder: the corpus.
        name: of the view's folder in it.

    Raises:
        CorpusError: it is no ordinary file of the folder, cannot be read, or is too large.
    """
    try:
        target = path.resolve(strict=True)
        if not target.is_relative_to(folder.resolve()):
            raise CorpusError("it is a link to a file outside of the corpus; put a copy there")
        if not target.is_file():
            raise CorpusError("it is no ordinary file; delete it")
        if path.parent != folder / name:
            raise CorpusError(f"it lies in a wrong folder; move it to {folder.name}/{name}")
        return load_content(target, MOST_BYTES)
    except DocumentError as error:
        raise CorpusError(f"{error}; delete it") from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorpusError(f"it cannot be read: {reason}") from error


def list_strays(folder: Path, names: Collection[str]) -> list[tuple[str, str]]:
    """Return the files of a corpus that belong to no view of some names, with the reason.

    Args:
        folder: the corpus; it need not be there.
        names: of the folders that were read.
    """
    strays = []
    for path in list_files(folder):
        inner = path.relative_to(folder).parts
        if len(inner) == 1:
            strays.append(
                (str(path), "it lies in no folder of a view; move it to one or delete it")
            )
        elif inner[0] not in names:
            reason = (
                f"no view named {inner[0]!r} was checked; delete it, or name the view that it is "
                f"of now in pyproject.toml: [tool.skewtest] renamed = {{{inner[0]!r} = ...}}"
            )
            strays.append((str(path), reason))
    return strays


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
        row: Document = {NUMBER: number}
        for name, value in event_faults.items():
            if value:
                row[name] = value
        row.update(encode(event))
        rows.append(row)
    return rows
