"""The few inner parts of skewtest that benchmarks measure one by one: none of them is public."""

from skewtest.checks.cell import Placed, prepared, run_cell
from skewtest.checks.parity import search
from skewtest.declare.view import FeatureView
from skewtest.environments.build import built
from skewtest.environments.cells import Cell
from skewtest.generate.hints import hints_of
from skewtest.generate.history import Pack
from skewtest.generate.incidents import incidents_of
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan
from skewtest.run.budget import Budget
from skewtest.run.trial import run_trial
from skewtest.sides.process import end_workers

__all__ = ["Cell", "Placed", "built", "end_workers", "prepared"]

LANES = 1_024
"""The usual pack of a default check."""


def generate_pack(view: FeatureView, seed: int, lanes: int = LANES) -> Pack:
    """Return a pack of histories, with the incidents in it counted as a check counts them."""
    hints = hints_of(view)
    clock = Clock.of(view, hints)
    pack = build(view, clock, Plan(seed, 0.3, 0.4, {}), lanes, hints=hints)
    incidents_of(view, clock, pack)
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
