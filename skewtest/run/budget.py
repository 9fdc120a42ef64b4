"""How much is run, and from which seed."""

import math
import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from skewtest.declare.delivery import RELATIONS
from skewtest.declare.known import Known
from skewtest.declare.view import FeatureView
from skewtest.errors import DeclarationError, listed, nearest
from skewtest.results.finding import ALL_FEATURES

# Hypothesis counts examples; one of ours is a block of histories that share a batch call.
HISTORIES_AN_EXAMPLE = 64
# Hypothesis's own `max_examples`, where nobody has loaded Hypothesis to say another.
EXAMPLES = 100
# Views whose histories cannot share a batch call run this many times fewer of them: each costs what
# a block does, and a developer waits for the whole.
ALONE_SHARE = 32
DEV, CI, NIGHTLY = "dev", "ci", "nightly"
# How many times the default number of histories each profile runs.
PROFILES = {DEV: 1, CI: 2, NIGHTLY: 20}
# How many seconds a view may cost under each profile, where nobody says a number: 6,400 histories
# of usual code take one or two; only code that costs a millisecond a row meets this end.
SECONDS = {DEV: 60.0, CI: 120.0, NIGHTLY: 1_800.0}


@dataclass(frozen=True, slots=True)
class Budget:
    """How much to run, and from which seed.

    Attributes:
        histories: how many to generate.
        seed: of what is generated.
        known: divergences that are known, which end no search.
        seconds: how many seconds may be spent, by `run.cost.seconds_spent`; None: any number.
    """

    histories: int
    seed: int
    known: tuple[Known, ...] = ()
    seconds: float | None = None


def default_profile() -> str:
    """Return "ci" on continuous integration, else "dev"."""
    return CI if os.environ.get("CI") else DEV


def default_seed(*, fixed: bool) -> int:
    """Return the seed of a run that was given none: 0 where it is to be fixed, else a fresh one.

    In CI Hypothesis derandomizes by itself; there it is `fixed` alone that decides.
    """
    if fixed or (_hypothesis_derandomizes() and not os.environ.get("CI")):
        return 0
    return secrets.randbelow(1_000_000)


def default_histories(view: FeatureView) -> int:
    """Return how many histories a run generates that was not told a number."""
    histories = HISTORIES_AN_EXAMPLE * _hypothesis_examples()
    if view.laned:
        return histories
    return max(1, histories // ALONE_SHARE)


def budget_of(
    view: FeatureView,
    *,
    histories: int | None = None,
    seed: int | None = None,
    seconds: float | None = None,
    profile: str = DEV,
    known: Sequence[Known] = (),
    cell: str = "",
) -> Budget:
    """Return how much of a view is run.

    Args:
        view: the view.
        histories: how many to generate; None: as many as the profile says.
        seed: of the histories; None: 0 under the profile "ci", else a fresh one.
        seconds: the most seconds to spend; None: as many as the profile says.
        profile: "dev", "ci" or "nightly".
        known: known divergences, of any view and cell.
        cell: the name of the cell of the version matrix; "" outside of it.

    Raises:
        DeclarationError: a profile or a number of seconds is none, or a known divergence names a
            feature or scenario that the view does not have.
    """
    if profile not in PROFILES:
        raise DeclarationError(f"the profile must be one of {listed(PROFILES)}; got {profile!r}")
    if histories is None:
        histories = default_histories(view) * PROFILES[profile]
    if seed is None:
        seed = default_seed(fixed=profile == CI)
    # One entry is of one cell: what is known under some versions is news under others.
    entries = [entry for entry in known if (entry.view, entry.cell) == (view.name, cell)]
    for entry in entries:
        _refuse_unknown_names(view, entry)
    if seconds is None:
        seconds = SECONDS[profile]
    return Budget(histories, seed, tuple(entries), _check_seconds(seconds))


def _check_seconds(seconds: float) -> float:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds < math.inf:
        raise DeclarationError(f"seconds must be a number above 0; got {seconds!r}")
    return float(seconds)


def _refuse_unknown_names(view: FeatureView, entry: Known) -> None:
    if entry.feature not in (*view.features, ALL_FEATURES):
        raise DeclarationError(
            f"[[tool.skewtest.known]]: {view.name!r} has no feature {entry.feature!r}; it has "
            f"{listed(view.features)}." + nearest(entry.feature, view.features)
        )
    scenarios = (*view.delivery.scenarios, RELATIONS)
    if entry.scenario not in scenarios:
        raise DeclarationError(
            f"[[tool.skewtest.known]]: {view.name!r} does not declare the scenario "
            f"{entry.scenario!r}, which fails nothing then; it is tried under "
            f"{listed(scenarios)}."
        )


def _hypothesis_examples() -> int:
    """Return Hypothesis's `max_examples`, which its profile may say."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is None:
        return EXAMPLES
    return int(hypothesis.settings().max_examples)


def _hypothesis_derandomizes() -> bool:
    """Return whether Hypothesis's profile asks for the same examples on every run.

    Who has loaded no Hypothesis has chosen no profile; to ask it then would cost a fifth of what
    the first check imports.
    """
    hypothesis = sys.modules.get("hypothesis")
    return hypothesis is not None and bool(hypothesis.settings().derandomize)
