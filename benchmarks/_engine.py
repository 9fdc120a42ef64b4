"""The few inner parts of skewtest that benchmarks measure one by one: none of them is public."""

from skewtest.checks.cell import Placed, prepare_cell, run_cell
from skewtest.checks.parity import search
from skewtest.declare.view import FeatureView
from skewtest.environments.build import build_environment
from skewtest.environments.cells import Cell
from skewtest.generate.blocks import Blocks
from skewtest.generate.hints import hints_of
from skewtest.generate.history import Pack
from skewtest.generate.instants import Clock
from skewtest.run.budget import Budget
from skewtest.run.experiment import run_trial
from skewtest.sides.process import end_workers

__all__ = ["Cell", "Placed", "build_environment", "end_workers", "prepare_cell"]

LANES = 1_024
"""The usual pack of a default check."""
FIRST = 1_024
"""Where packs of that size begin in a run."""


def generate_pack(view: FeatureView, seed: int, lanes: int = LANES) -> Pack:
    """Return a pack of histories, with the incidents in it counted as a check counts them."""
    hints = hints_of(view)
    blocks = Blocks(view, Clock.of(view, hints), hints, seed)
    pack = blocks.pack(FIRST, lanes)
    blocks.incidents(FIRST, lanes)
    return pack


def try_pack(view: FeatureView, pack: Pack) -> None:
    """Deliver a pack, drive both sides through it, and compare them; raise if they differ."""
    trial = run_trial(view, pack)
    assert not trial.divergences, f"{view.name}: the sides differ"


def check_here(view: FeatureView, histories: int) -> None:
    """Check a view in this process, in order."""
    search(view, ["in_order"], Budget(histories, 1))


def check_there(view: FeatureView, placed: Placed, histories: int) -> None:
    """Check a view in a cell of the version matrix, in order."""
    run_cell(view, placed, Budget(histories, 1))
