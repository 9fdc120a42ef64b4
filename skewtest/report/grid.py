"""The verdicts of a report as a grid: features by scenarios and cells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from skewtest.declare.delivery import RELATIONS, SCENARIOS
from skewtest.report import model
from skewtest.results.finding import ALL_FEATURES

State = Literal[
    "fails",
    "untested",
    "stale",
    "known",
    "advice",
    "unfinished",
    "parity",
    "skipped",
    "unchecked",
]
STATES: tuple[State, ...] = get_args(State)
"""States by urgency; a folded cell shows the most urgent of its parts."""
WORDS: Mapping[State, str] = {
    "fails": "skew",
    "untested": "untested",
    "stale": "no longer occurs",
    "known": "known",
    "advice": "would break",
    "unfinished": "no fault so far",
    "skipped": "skipped",
    "unchecked": "not checked",
    "parity": "parity",
}
MARKS: Mapping[State, str] = {
    "fails": "✗",
    "untested": "∅",
    "stale": "!",
    "known": "k",
    "advice": "~",
    "unfinished": "…",
    "skipped": "-",
    "unchecked": "·",
    "parity": "✓",
}
MEANINGS: Mapping[str, str] = {
    "in_order": "each event arrives once, on time and in order",
    "ties": "events of one time change places",
    "reordered": "events arrive in any order before the next request",
    "late": "events arrive after requests that should count them",
    "duplicated": "events are delivered again",
    "restarted": "the online object is replaced by one that restores its snapshot",
    "split": "two workers share the work",
    "bootstrapped": "the online object starts from rows of batch",
    "re-encoded": "payloads pass through a message format",
    "stored": "answers pass through a store",
    "zoned": "datetimes come in another zone",
    "idle": "gaps are longer than every window",
    "relations": "each side by itself keeps the laws that the view declares",
}
"""What each scenario is, and what stands beside them."""
GATING = ("fails", "untested", "stale")


@dataclass(frozen=True, slots=True)
class Cell:
    """One feature under one scenario.

    Attributes:
        state: what it came to.
        kinds: the kinds of divergence found, in the order of the findings.
        outcomes: the places of the report's outcomes that it stands for.
        share: how many of the cells of a scenario are so, where several are folded into one.
    """

    state: State
    kinds: tuple[str, ...]
    outcomes: tuple[int, ...]
    share: str = ""

    @property
    def word(self) -> str:
        """The verdict in a word."""
        return WORDS[self.state]

    @property
    def mark(self) -> str:
        """The verdict as a sign."""
        return MARKS[self.state]


@dataclass(frozen=True, slots=True)
class Row:
    """One feature, by column what it came to; a column that was not run is absent."""

    view: str
    feature: str
    cells: Mapping[str, Cell]

    @property
    def name(self) -> str:
        """View and feature."""
        return f"{self.view}.{self.feature}"

    @property
    def state(self) -> State:
        """The verdict that needs a look first."""
        return worst(cell.state for cell in self.cells.values())


@dataclass(frozen=True, slots=True)
class Grid:
    """All features under all scenarios."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def fold(self, most: int) -> "Grid":
        """Return a grid in which the cells of a scenario share a column, if there are too many.

        Args:
            most: how many columns are not too many.
        """
        if len(self.columns) <= most:
            return self
        scenarios: dict[str, list[str]] = {}
        for name in self.columns:
            scenarios.setdefault(_scenario_of(name), []).append(name)
        rows = []
        for row in self.rows:
            cells = {}
            for scenario, columns in scenarios.items():
                # A feature need not have run in every cell of the matrix.
                ran = [row.cells[column] for column in columns if column in row.cells]
                if ran:
                    cells[scenario] = _fold_cells(ran)
            rows.append(Row(row.view, row.feature, cells))
        return Grid(tuple(scenarios), tuple(rows))

    def failing(self) -> "Grid":
        """Return the rows and columns in which something fails a run."""
        rows = []
        failing_columns: set[str] = set()
        for row in self.rows:
            if row.state not in GATING:
                continue
            rows.append(row)
            for name, cell in row.cells.items():
                if cell.state in GATING:
                    failing_columns.add(name)
        columns = [name for name in self.columns if name in failing_columns]
        return Grid(tuple(columns), tuple(rows))


def _scenario_of(column: str) -> str:
    """Return the scenario of a column; a cell may follow it, as in `late-train~serve`."""
    for scenario in (*SCENARIOS, RELATIONS):
        if column == scenario or column.startswith(f"{scenario}-"):
            return scenario
    return column.partition("-")[0]


def worst(states: Iterable[State]) -> State:
    """Return the state that needs a look first; "unchecked" of none."""
    return min(states, key=STATES.index, default="unchecked")


def grid_of(report: model.Report) -> Grid:
    """Return the grid of a report: features in the order of their views."""
    order: dict[str, tuple[int, str]] = {}
    cells: dict[tuple[str, str], dict[str, Cell]] = {}
    declared: dict[str, list[str]] = {}
    for view in report.views:
        declared[view.name] = [feature.name for feature in view.features]
        # A feature that no outcome looked at has a row as well: its cells stay empty.
        for name in declared[view.name]:
            cells[view.name, name] = {}
    for number, outcome in enumerate(report.outcomes):
        column = outcome.column
        order[column] = scenario_order(outcome.scenario), column
        # What was skipped, or failed before it began, has compared nothing.
        for name in list(outcome.features) or declared.get(outcome.view, []):
            cell = _cell(outcome, name, number)
            row = cells.setdefault((outcome.view, name), {})
            # Merged shards that say otherwise of one outcome have it twice.
            if column in row:
                cell = _fold_cells([row[column], cell])
            row[column] = cell
    rows = []
    for (view_name, feature), row in cells.items():
        rows.append(Row(view_name, feature, row))
    return Grid(tuple(sorted(order, key=order.__getitem__)), tuple(rows))


def scenario_order(scenario: str) -> int:
    """Return the place of a scenario among all; that of one of another name is the last."""
    names = (*SCENARIOS, RELATIONS)
    # A report may come from a later version, with scenarios that this one does not know.
    return names.index(scenario) if scenario in names else len(names)


def concerns(finding: model.Finding, feature: str) -> bool:
    """Return whether a finding is one of a feature: its own, or of whole rows."""
    return finding.feature in (feature, ALL_FEATURES)


def _cell(outcome: model.Outcome, feature: str, number: int) -> Cell:
    findings = [finding for finding in outcome.findings if concerns(finding, feature)]
    kinds = dict.fromkeys(finding.kind for finding in findings)
    return Cell(_state(outcome, feature, findings), tuple(kinds), (number,))


def _state(outcome: model.Outcome, feature: str, findings: Sequence[model.Finding]) -> State:
    """Return what a feature came to: what was found before what was not looked at."""
    stale = {each.feature for each in outcome.stale}
    if any(finding.is_news for finding in findings):
        # What `--skew-explore` tries was not declared: it fails nothing.
        return "fails" if outcome.gates else "advice"
    if feature in outcome.untested:
        return "untested"
    if feature in stale or ALL_FEATURES in stale:
        return "stale"
    if findings:
        return "known"
    return _state_without_findings(outcome, feature)


def _state_without_findings(outcome: model.Outcome, feature: str) -> State:
    if outcome.skipped is not None:
        return "skipped"
    # A kept counterexample that was not run may be of any feature.
    if outcome.cut_short or outcome.rejected:
        return "unfinished"
    # Nothing differs where nothing ran, or where no row was left to compare: that is no parity.
    if outcome.histories and _has_rows(outcome, feature):
        return "parity"
    return "unchecked"


def _has_rows(outcome: model.Outcome, feature: str) -> bool:
    """Return whether rows of a feature were compared; relations count none."""
    tally = outcome.features.get(feature)
    if outcome.scenario == RELATIONS or tally is None:
        return True
    return tally.compared + tally.both_null > 0


def _fold_cells(cells: Sequence[Cell]) -> Cell:
    """Return several cells as one: in the state that needs a look first, and how many are so."""
    states = [cell.state for cell in cells]
    state = worst(states)
    kinds: dict[str, None] = {}
    outcomes: list[int] = []
    for cell in cells:
        kinds.update(dict.fromkeys(cell.kinds))
        outcomes += cell.outcomes
    share = ""
    if states.count(state) < len(cells):
        share = f"{states.count(state)}/{len(cells)}"
    return Cell(state, tuple(kinds), tuple(outcomes), share)
