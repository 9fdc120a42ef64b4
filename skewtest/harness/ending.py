"""The end of a pytest run: what was found is put together, told and written. Light until then."""

import importlib
import os
import shlex
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from skewtest.files import remove_report
from skewtest.harness.items import CELLS, KNOWN, profile_of

ENDING = "skewtest-ending"
PHASES = ("setup", "call", "teardown")
"""Of a test; a report of another one is xdist's, of a worker that is gone."""


class Ending:
    """Gathers what all items found, from workers too."""

    def __init__(self) -> None:
        self.began = time.time()
        self.parts: list[dict[str, Any]] = []
        self.cells: list[tuple[str, str]] = []
        self.interrupted = False
        self.reached = 0
        self.baseline: Any = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Read the baseline, and remove the report that the run is to replace."""
        config = session.config
        if hasattr(config, "workerinput") or config.option.collectonly:
            return
        if baseline := config.getoption("skew_baseline"):
            outputs = importlib.import_module("skewtest.report.outputs")
            self.baseline = outputs.Baseline.of(Path(baseline))
        if folder := config.getoption("skew_report"):
            remove_report(Path(folder))

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember Ctrl-C: the exit code does not tell of it where another plugin fails on it.

        pytest also comes here where it ends a run itself, for errors in the collection.
        """
        self.interrupted = type(excinfo.value).__name__ != "Interrupted"
        _drop_entries_without_lines(excinfo.tb)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what one item found, and what became of its cell."""
        self.reached += report.when == "setup"
        self.parts.extend(getattr(report, "skewtest_parts", ()))
        if hasattr(report, "skewtest_cell"):
            name, became = report.skewtest_cell
            self.cells.append((name, became))

    @pytest.hookimpl
    def pytest_terminal_summary(
        self,
        terminalreporter: pytest.TerminalReporter,
        config: pytest.Config,
    ) -> None:
        """Tell what was found; write the parity report where `--skew-report` says."""
        if hasattr(config, "workerinput") or config.option.collectonly:
            return
        for line in self._matrix_lines(config):
            terminalreporter.write_line(f"skewtest: {line}")
        asked = ("skew_report", "skew_history", "skew_baseline")
        if not self.parts and not any(map(config.getoption, asked)):
            return
        errors = importlib.import_module("skewtest.errors")
        try:
            report = self._report(config, terminalreporter)
            _tell(terminalreporter, config, report)
            for line in self._unmet(terminalreporter, config, report):
                terminalreporter.write_line(line)
            self._write(terminalreporter, config, report)
        except errors.ReportError as error:
            _fail(terminalreporter, str(error))

    def _report(self, config: pytest.Config, terminalreporter: pytest.TerminalReporter) -> Any:
        session = importlib.import_module("skewtest.harness.session")
        outputs = importlib.import_module("skewtest.report.outputs")
        model = importlib.import_module("skewtest.report.model")
        return outputs.report_of(
            [model.from_dict(part) for part in self.parts],
            command=f"pytest {shlex.join(config.invocation_params.args)}".strip(),
            profile=profile_of(config, session),
            began=self.began,
            root=config.rootpath,
            incomplete=self._gaps(terminalreporter),
            matrix=self._matrix(config, model),
        )

    def _gaps(self, terminalreporter: pytest.TerminalReporter) -> list[str]:
        """Return why the report lacks something: what was broken, and what was never reached."""
        stats = terminalreporter.stats
        gaps = [f"error: {report.nodeid}" for report in stats.get("error", ())]
        gaps += [
            f"failed without a result: {report.nodeid}"
            for report in stats.get("failed", ())
            if _lacks_result(report)
        ]
        gaps += _unchecked(terminalreporter)
        gaps += [
            f"a worker crashed: {report.nodeid}"
            for report in stats.get("failed", ())
            if report.when not in PHASES
        ]
        session = terminalreporter._session
        stopped = session is not None and (session.shouldfail or session.shouldstop)
        if self.interrupted:
            gaps.append("the run was interrupted")
        elif stopped and self.reached < session.testscollected:  # type: ignore[union-attr] # it stopped
            gaps.append(f"the run ended early: {stopped}")
        return gaps

    def _unmet(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config, report: Any
    ) -> list[str]:
        """Return the known divergences that no check of a whole run has met."""
        known = config.stash.get(KNOWN, ())
        named = config.args_source is pytest.Config.ArgsSource.ARGS
        chosen = named or terminalreporter.stats.get("deselected")
        if not known or chosen or self._gaps(terminalreporter):
            return []
        closing = importlib.import_module("skewtest.report.closing")
        lines: list[str] = closing.unmet_lines(report, known)
        return lines

    def _write(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config, report: Any
    ) -> None:
        """Write the files that the options name, and the summary of a GitHub job."""
        files = importlib.import_module("skewtest.report.outputs").Files(report)
        if self.baseline is not None:
            files.compare(self.baseline)
        if folder := config.getoption("skew_report"):
            files.write(Path(folder), "--skew-report")
        if history := config.getoption("skew_history"):
            files.record(Path(history))
        if report.outcomes:
            files.summarise()
        for line in files.told:
            terminalreporter.write_line(f"skewtest: {line}")
        for line in files.errors:
            _fail(terminalreporter, line)

    def _became(self) -> dict[str, str]:
        """Return what became of each cell: one that ran for some view ran."""
        return dict(sorted(self.cells, key=lambda one: one[1] == "ran"))

    def _matrix_lines(self, config: pytest.Config) -> list[str]:
        """Return what became of the cells of the matrix: requested, ran, excluded, and why not."""
        cells = config.stash.get(CELLS, None)
        if cells is None or not self.cells:
            return []
        became = self._became()
        failed = Counter(kind for kind in became.values() if kind != "ran")
        ran = sum(kind == "ran" for kind in became.values())
        told = [f"{len(cells.cells)} requested", f"{ran} ran", f"{cells.excluded} excluded"]
        told += [f"{count} {kind}" for kind, count in failed.items()]
        lines = [f"matrix: {', '.join(told)}"]
        if cells.pairs:
            covered = f"{len(cells.pairs)} of {cells.valid_pairs}"
            lines.append(f"matrix: {covered} pairs of versions covered")
        return lines

    def _matrix(self, config: pytest.Config, model: Any) -> Any:
        """Return the cells of the matrix, and what became of them, for the report."""
        cells = config.stash.get(CELLS, None)
        if cells is None or not cells.cells:
            return None
        became = self._became()
        return model.Matrix(
            requested=sorted(cell.name for cell in cells.cells),
            ran=sorted(name for name, kind in became.items() if kind == "ran"),
            failed={name: kind for name, kind in became.items() if kind != "ran"},
            excluded=cells.excluded,
            pairs=sorted(cells.pairs),
            valid_pairs=cells.valid_pairs,
        )


def _lacks_result(report: Any) -> bool:
    """Return whether a test was to check a view, and did not."""
    return hasattr(report, "skewtest_asked") and not hasattr(report, "skewtest_parts")


def _unchecked(terminalreporter: pytest.TerminalReporter) -> list[str]:
    """Return what failed nothing because it was skipped, or looked at no view."""
    stats = terminalreporter.stats
    gaps = [
        f"skipped: {report.nodeid}: {_reason(report)}"
        for report in stats.get("skipped", ())
        # The matrix itself tells which of its cells could not be had.
        if (_lacks_result(report) and not hasattr(report, "skewtest_cell"))
        or _may_hold_views(report, terminalreporter.config.rootpath)
    ]
    gaps += [
        f"checked nothing: {report.nodeid}"
        for became in ("passed", "xfailed", "xpassed")
        for report in stats.get(became, ())
        if _lacks_result(report)
    ]
    return list(dict.fromkeys(gaps))  # each worker of xdist tells of the same module


def _reason(report: Any) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    return str(told).removeprefix("Skipped: ")


def _may_hold_views(report: Any, root: Path) -> bool:
    """Return whether a report is of a module, skipped as a whole, that speaks of skewtest."""
    if not isinstance(report, pytest.CollectReport):
        return False
    try:
        return b"skewtest" in (root / report.nodeid).read_bytes()
    except OSError:
        return False


def _drop_entries_without_lines(place: TracebackType | None) -> None:
    """Leave out of a traceback what has no line: pytest cannot show it, and dies of it.

    A signal may come at an instruction that the compiler has put in, which belongs to none.
    """
    while place is not None:
        below = place.tb_next
        while below is not None and below.tb_lineno is None:
            below = below.tb_next
        if below is not place.tb_next:
            place.tb_next = below
        place = below


def _tell(terminalreporter: pytest.TerminalReporter, config: pytest.Config, report: Any) -> None:
    """Write the table of what fails, and what else is to be known; nothing if all is well."""
    closing = importlib.import_module("skewtest.report.closing")
    colour = config.get_terminal_writer().hasmarkup
    verbose = config.get_verbosity() > 0
    table = closing.closing_table(report, verbose=verbose, colour=colour)
    if table:
        terminalreporter.section("training-serving parity")
    for line in (*table, *closing.closing_lines(report)):
        terminalreporter.write_line(line)
    if os.environ.get("GITHUB_ACTIONS") == "true" and report.outcomes:
        github = importlib.import_module("skewtest.report.formats.github")
        for line in github.annotations(report):
            terminalreporter.write_line(line)


def _fail(terminalreporter: pytest.TerminalReporter, error: str) -> None:
    """Tell what the user has to mend, and let the run fail for it."""
    terminalreporter.write_line(f"skewtest: {error}", red=True)
    terminalreporter._session.exitstatus = pytest.ExitCode.USAGE_ERROR  # type: ignore[union-attr] # there is one by now
