"""What a run leaves behind: the report's files, a line in a history, the summary of a CI job."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

import msgspec

from skewtest.errors import ReportError
from skewtest.files import REPORT_HTML, REPORT_JSON, REPORT_MD, write_whole
from skewtest.report import model
from skewtest.report.changes import Comparison, compare_reports
from skewtest.report.formats.html import html_page
from skewtest.report.formats.markdown import markdown
from skewtest.report.merging import merge_reports, whole_or_nothing
from skewtest.report.model import encodable
from skewtest.report.provenance import run_info
from skewtest.report.reading import report_from_file
from skewtest.report.summary import changes_text
from skewtest.report.trend import line_of, point_of

try:
    import fcntl
except ImportError:  # Windows, which has no locks that end with their process
    fcntl = None  # type: ignore[assignment] # a module, where there is one


def report_of(
    parts: Iterable[model.Report],
    *,
    command: str,
    profile: str,
    began: float,
    root: Path,
    incomplete: Sequence[str] = (),
    matrix: model.Matrix | None = None,
) -> model.Report:
    """Return the report of a run.

    Args:
        parts: what was found, view by view.
        command: what was called.
        profile: how much was run.
        began: when it began, in seconds of the epoch.
        root: the folder of the project.
        incomplete: why something is missing.
        matrix: the cells of the version matrix, and what became of them.
    """
    report = merge_reports(list(parts), incomplete=incomplete, matrix=matrix)
    run = run_info(report, command=command, profile=profile, began=began, root=root)
    return encodable(whole_or_nothing(msgspec.structs.replace(report, run=run)))


def write_report(
    folder: Path, report: model.Report, option: str, changes: Comparison | None = None
) -> Path:
    """Write `report.json`, `report.html` and `report.md`; return the HTML file.

    Args:
        folder: where to; it is made if it is not there.
        report: the report.
        option: the option that names the folder, for the error.
        changes: what has changed since a baseline.

    Raises:
        ReportError: the folder cannot be written.
    """
    page = folder / REPORT_HTML
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # First the JSON: all other files can be made of it again.
        write_whole(folder / REPORT_JSON, model.to_json(report))
        write_whole(page, html_page(report, changes))
        write_whole(folder / REPORT_MD, markdown(report, changes))
    except OSError as error:
        raise ReportError(
            f"cannot write the report to {folder}: {error.strerror or error}. "
            f"Name a folder that can be written, with {option}=DIR."
        ) from error
    return page


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier report, as it was before a run that may write over it.

    Attributes:
        report: the report; None where it cannot be read.
        error: why it cannot.
    """

    report: model.Report | None
    error: str = ""

    @classmethod
    def of(cls, path: Path) -> "Baseline":
        """Return the baseline that a file holds."""
        try:
            return cls(report_from_file(path))
        except ReportError as error:
            return cls(None, str(error))


def write_step_summary(report: model.Report, changes: Comparison | None = None) -> None:
    """Append the Markdown to the summary of a GitHub job, where there is one.

    Raises:
        ReportError: it cannot be written.
    """
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    text = markdown(report, changes)
    try:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(text)
    except OSError as error:
        raise ReportError(f"cannot write {file}: {error.strerror or error}.") from error


@dataclass(slots=True)
class Files:
    """Writes what a run leaves behind: each file by itself, whatever becomes of the others.

    Attributes:
        report: what was found.
        told: what was written, a line each.
        errors: what could not be read or written, and why.
        changes: what has changed since the baseline, once that is read.
    """

    report: model.Report
    told: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    changes: Comparison | None = None

    def compare(self, baseline: Baseline) -> None:
        """Compare the report with an earlier one."""
        if baseline.report is None:
            self.errors.append(baseline.error)
            return
        self.changes = compare_reports(baseline.report, self.report)
        self.told.append(f"since the baseline: {changes_text(self.changes)}")

    def write(self, folder: Path, option: str) -> None:
        """Write the report files to a folder that an option names."""
        with self._note_errors():
            page = write_report(folder, self.report, option, self.changes)
            self.told.append(f"parity report in {page}")

    def record(self, history: Path) -> None:
        """Append the run to a history file."""
        with self._note_errors():
            record(history, self.report)
            self.told.append(f"recorded in {history}")

    def summarise(self) -> None:
        """Append to the summary of a GitHub job, where there is one."""
        with self._note_errors():
            write_step_summary(self.report, self.changes)

    @contextlib.contextmanager
    def _note_errors(self) -> Iterator[None]:
        try:
            yield
        except ReportError as error:
            self.errors.append(str(error))


def record(history: Path, report: model.Report) -> None:
    """Append a run to a history file.

    Runs side by side on one machine do not mix their lines; half a line, of a run that was
    killed, stays on a line of its own.

    Raises:
        ReportError: the file cannot be written.
    """
    line = line_of(point_of(report))
    try:
        history.parent.mkdir(parents=True, exist_ok=True)
        # Without a buffer, which would be written again when the file is closed on a full disk.
        with history.open("a+b", buffering=0) as file, _lock_file(file):
            _append_line(file, line)
    except OSError as error:
        raise ReportError(f"cannot write {history}: {error.strerror or error}.") from error


def _append_line(file: FileIO, line: bytes) -> None:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 1))
    if file.read(1) not in (b"", b"\n"):
        line = b"\n" + line
    try:
        while line:
            line = line[file.write(line) :]
        os.fsync(file.fileno())
    except OSError:
        # A full disk takes a part of a line.
        with contextlib.suppress(OSError):
            file.truncate(end)
        raise


@contextlib.contextmanager
def _lock_file(file: FileIO) -> Iterator[None]:
    """Hold a file: by itself, so that no lock of ours lies about where others may write."""
    if fcntl is None:
        yield
        return
    fcntl.flock(file.fileno(), fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)
