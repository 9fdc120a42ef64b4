"""The end of a pytest run: what was found is put together, told and written."""

import contextlib
import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from skewtest.declare.known import Known
from skewtest.environments.cells import Cells
from skewtest.errors import ReportError
from skewtest.files import remove_report
from skewtest.harness.again import profile_of
from skewtest.harness.gathering import CTRL_C, Gathering
from skewtest.harness.guards import corpus_of, is_whole, name_checked, word_strays
from skewtest.harness.signals import SignalsHeld
from skewtest.report import model
from skewtest.report.closing import closing_lines, closing_table, unmet_lines
from skewtest.report.formats.github import annotations
from skewtest.report.outputs import Baseline, Files, report_of, write_report
from skewtest.report.reading import part_from_values
from skewtest.results.corpus import list_strays

HARMLESS = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
PHASES = ("setup", "call", "teardown")
"""Of a test; a report of another one is xdist's, of a worker that is gone."""


class Ending:
    """Tells what a run has found, and writes its files."""

    def __init__(
        self,
        config: pytest.Config,
        gathering: Gathering,
        known: Sequence[Known],
        cells: Cells | None,
        renamed: Mapping[str, str],
    ) -> None:
        self._config = config
        self._gathering = gathering
        self._known = known
        self._cells = cells
        self._renamed = renamed
        self._baseline: Baseline | None = None
        gathering.save = self.save_interrupted

    def prepare(self) -> None:
        """Read the baseline, and remove the report that the run is to replace."""
        if baseline := self._config.getoption("skew_baseline"):
            self._baseline = Baseline.of(Path(baseline))
        if folder := self._config.getoption("skew_report"):
            remove_report(Path(folder))

    def save_interrupted(self) -> None:
        """Write the report of a run that is being ended, before pytest tears it down."""
        folder = self._config.getoption("skew_report")
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if not folder or reporter is None or hasattr(self._config, "workerinput"):
            return
        # What cannot be written now is told when all is written at the end.
        with SignalsHeld(), contextlib.suppress(ReportError):
            write_report(Path(folder), self._report(self._gaps(reporter)), "--skew-report")

    def tell(self, reporter: pytest.TerminalReporter) -> None:
        """Tell what was found; write the parity report where `--skew-report` says."""
        with SignalsHeld() as signals:
            self._tell(reporter)
        if signals.received:
            assert reporter._session is not None
            reporter._session.exitstatus = pytest.ExitCode.INTERRUPTED

    def _tell(self, reporter: pytest.TerminalReporter) -> None:
        for line in matrix_lines(self._cells, self._gathering.cells):
            reporter.write_line(f"skewtest: {line}")
        # A run that checked no view is told of only where it was to leave something behind:
        # then an empty report says that nothing was checked.
        options = ("skew_report", "skew_history", "skew_baseline")
        ended_early = _gaps_of_the_run(reporter, self._gathering)
        guards = self._list_guards_gone(reporter, ended_early)
        is_wanted = self._gathering.parts or guards or any(map(self._config.getoption, options))
        if not is_wanted:
            return
        gaps = [*self._gaps(reporter), *guards]
        try:
            report = self._report(gaps)
            self._tell_parity(reporter, report)
            for line in self._unmet_lines(reporter, report, gaps):
                reporter.write_line(line)
            self._write_files(reporter, report)
        except ReportError as error:
            _fail(reporter, str(error))

    def _gaps(self, reporter: pytest.TerminalReporter) -> list[str]:
        return [*_gaps_of_tests(reporter), *_gaps_of_the_run(reporter, self._gathering)]

    def _list_guards_gone(
        self, reporter: pytest.TerminalReporter, ended_early: Sequence[str]
    ) -> list[str]:
        """Return the kept counterexamples that no check of a whole run has looked at.

        What the command line leaves out was not asked for. The run fails for the others.
        """
        if ended_early or not is_whole(self._config, reporter.stats.get("deselected")):
            return []
        names = name_checked(self._gathering, self._renamed)
        strays = list_strays(corpus_of(self._config), names)
        session = reporter._session
        if strays and session is not None and session.exitstatus in HARMLESS:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return word_strays(strays, self._config.rootpath)

    def _report(self, gaps: Sequence[str]) -> model.Report:
        config = self._config
        return report_of(
            [part_from_values(part) for part in self._gathering.parts],
            command=f"pytest {shlex.join(config.invocation_params.args)}".strip(),
            profile=profile_of(config),
            began=self._gathering.began,
            root=config.rootpath,
            incomplete=gaps,
            matrix=matrix_of(self._cells, self._gathering.cells),
        )

    def _tell_parity(self, reporter: pytest.TerminalReporter, report: model.Report) -> None:
        """Write the table of what fails, and what else is to be known; nothing if all is well."""
        colour = self._config.get_terminal_writer().hasmarkup
        verbose = self._config.get_verbosity() > 0
        table = closing_table(report, verbose=verbose, colour=colour)
        if table:
            reporter.section("training-serving parity")
        for line in (*table, *closing_lines(report)):
            reporter.write_line(line)
        if os.environ.get("GITHUB_ACTIONS") == "true" and report.outcomes:
            for line in annotations(report):
                reporter.write_line(line)

    def _unmet_lines(
        self, reporter: pytest.TerminalReporter, report: model.Report, gaps: Sequence[str]
    ) -> list[str]:
        """Return the known divergences that no check of a whole run has met."""
        # A run of some tests alone, or one that did not get to all, cannot meet all divergences.
        is_named = self._config.args_source is pytest.Config.ArgsSource.ARGS
        is_part = is_named or reporter.stats.get("deselected")
        if not self._known or is_part or gaps:
            return []
        return unmet_lines(report, self._known)

    def _write_files(self, reporter: pytest.TerminalReporter, report: model.Report) -> None:
        """Write the files that the options name, and the summary of a GitHub job."""
        files = Files(report)
        if self._baseline is not None:
            files.compare(self._baseline)
        if folder := self._config.getoption("skew_report"):
            files.write(Path(folder), "--skew-report")
        if history := self._config.getoption("skew_history"):
            files.record(Path(history))
        if report.outcomes:
            files.summarise()
        for line in files.told:
            reporter.write_line(f"skewtest: {line}")
        for line in files.errors:
            _fail(reporter, line)


def matrix_lines(cells: Cells | None, became: dict[str, str]) -> list[str]:
    """Return what became of the cells of the matrix: requested, ran, excluded, and why not."""
    if cells is None or not became:
        return []
    kinds = Counter(became.values())
    ran = kinds.pop("ran", 0)
    counts = [f"{len(cells.cells)} requested", f"{ran} ran", f"{cells.excluded} excluded"]
    for kind, number in kinds.items():
        counts.append(f"{number} {kind}")
    lines = [f"matrix: {', '.join(counts)}"]
    if cells.pairs:
        lines.append(f"matrix: {len(cells.pairs)} of {cells.valid_pairs} pairs of versions covered")
    return lines


def matrix_of(cells: Cells | None, became: dict[str, str]) -> model.Matrix | None:
    """Return the cells of the matrix, and what became of them, for the report."""
    if cells is None or not cells.cells:
        return None
    ran, failed = [], {}
    for name, kind in became.items():
        if kind == "ran":
            ran.append(name)
        else:
            failed[name] = kind
    return model.Matrix(
        requested=sorted(cell.name for cell in cells.cells),
        ran=sorted(ran),
        failed=failed,
        excluded=cells.excluded,
        pairs=sorted(cells.pairs),
        valid_pairs=cells.valid_pairs,
    )


def _gaps_of_tests(reporter: pytest.TerminalReporter) -> list[str]:
    """Return why the report lacks something: tests that broke, were skipped, or saw no view."""
    stats = reporter.stats
    gaps, crashes = [], []
    for report in stats.get("error", ()):
        gaps.append(f"error: {report.nodeid}")
    for report in stats.get("failed", ()):
        if _lacks_result(report):
            gaps.append(f"failed without a result: {report.nodeid}")
        if report.when not in PHASES:
            crashes.append(f"a worker crashed: {report.nodeid}")
    gaps += _list_skipped(stats.get("skipped", ()), reporter.config.rootpath)
    for outcome in ("passed", "xfailed", "xpassed"):
        for report in stats.get(outcome, ()):
            # A test that takes the fixture and calls nothing of it passes, and says nothing.
            if _lacks_result(report):
                gaps.append(f"checked nothing: {report.nodeid}")
    gaps += crashes
    return list(dict.fromkeys(gaps))  # each worker of xdist tells of the same module


def _list_skipped(reports: Sequence[Any], root: Path) -> list[str]:
    """Return the tests that were skipped and may have checked views, with the reason."""
    gaps = []
    for report in reports:
        # The matrix itself tells which of its cells could not be had.
        is_silent = _lacks_result(report) and not hasattr(report, "skewtest_cell")
        if is_silent or _may_hold_views(report, root):
            gaps.append(f"skipped: {report.nodeid}: {_reason(report)}")
    return gaps


def _gaps_of_the_run(reporter: pytest.TerminalReporter, gathering: Gathering) -> list[str]:
    """Return that a run ended before all had their turn, and why."""
    session = reporter._session
    if gathering.interrupted:
        if gathering.interrupted == CTRL_C:
            return ["the run was interrupted"]
        return [f"the run was ended by {gathering.interrupted}"]
    if session is None or gathering.reached >= session.testscollected:
        return []
    reason = session.shouldfail or session.shouldstop
    return [f"the run ended early: {reason}"] if reason else []


def _lacks_result(report: Any) -> bool:
    """Return whether a test was to check a view, and did not."""
    return hasattr(report, "skewtest_asked") and not hasattr(report, "skewtest_parts")


def _reason(report: Any) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    return str(text).removeprefix("Skipped: ")


def _may_hold_views(report: Any, root: Path) -> bool:
    """Return whether a report is of a module, skipped as a whole, that speaks of skewtest."""
    if not isinstance(report, pytest.CollectReport):
        return False
    try:
        return b"skewtest" in (root / report.nodeid).read_bytes()
    except OSError:
        return False


def _fail(reporter: pytest.TerminalReporter, error: str) -> None:
    """Tell what the user has to mend, and let the run fail for it."""
    reporter.write_line(f"skewtest: {error}", red=True)
    assert reporter._session is not None
    reporter._session.exitstatus = pytest.ExitCode.USAGE_ERROR
