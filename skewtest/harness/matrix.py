"""Checks of a view under other versions: in a cell of the matrix, and across its environments."""

from collections.abc import Sequence

from skewtest.checks.cell import Placed, run_cell
from skewtest.checks.spread import check_spread
from skewtest.declare.view import FeatureView
from skewtest.environments.cells import Cell
from skewtest.report.result import Result
from skewtest.run.budget import Budget
from skewtest.run.progress import Progress
from skewtest.session import Again, Corpus, command_of, mark_known


def check_in_cell(
    placed: Placed,
    view: FeatureView,
    scenarios: Sequence[str],
    budget: Budget,
    again: Again,
    *,
    corpus: Corpus,
    progress: Progress,
) -> Result:
    """Check a view in a cell of the matrix, within a budget.

    Args:
        placed: the environments of the cell, built.
        view: the view.
        scenarios: under which deliveries, or RELATIONS.
        budget: how much to run.
        again: makes the command that runs it again.
        corpus: what is replayed first, and where findings are kept.
        progress: is told how far the check is, and what is built to find the package to blame.
    """
    guards = corpus.load(view)
    outcomes = run_cell(view, placed, budget, guards.histories, progress, progress.say, scenarios)
    outcomes = guards.account(outcomes)
    marked = []
    for outcome in outcomes:
        # A finding is kept whether or not it is known: it is replayed first either way.
        marked.append(mark_known(corpus.keep(outcome), budget, None))
    return Result(view, tuple(marked), command_of(marked, again))


def compare_versions(
    view: FeatureView,
    cells: Sequence[Cell],
    budget: Budget,
    again: Again,
    *,
    progress: Progress,
) -> Result:
    """Tell which environments answer a view alike, each side by itself."""
    outcome = check_spread(view, cells, budget.seed, progress.say)
    return Result(view, (outcome,), again(budget.seed))
