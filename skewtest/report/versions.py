"""What is said of environments: what they hold, why one cannot run, and what changes in between."""

from collections.abc import Sequence
from typing import Any

from skewtest.compare.tags import ADDRESS
from skewtest.errors import SkewtestError
from skewtest.report import model
from skewtest.report.claims import culprits_text
from skewtest.report.words import shorten, value_text
from skewtest.sides.answers import ProcessDiedError
from skewtest.sides.elsewhere import CannotLoadError
from skewtest.worker.values import spell

# What fits into three lines of a terminal; the report has all of them.
SHOWN_PACKAGES = 6
SHOWN_THRESHOLDS = 3
PACKAGES = (
    *("python", "numpy", "pandas", "polars", "pyarrow", "scipy", "scikit-learn", "duckdb"),
    *("numba", "numexpr", "bottleneck", "statsmodels"),
)
"""The packages that numbers depend on, which reports name first."""


def versions_text(versions: model.Versions, other: model.Versions) -> str:
    """Return what one environment has that another has otherwise, what matters most first."""
    less_likely = sorted(set(versions.packages) - set(PACKAGES))
    differing = []
    for name in (*PACKAGES, *less_likely):
        version = versions.packages.get(name)
        if version is not None and version != other.packages.get(name):
            differing.append(f"{name} {version}")
    if not differing:
        return "the same packages"
    text = ", ".join(differing[:SHOWN_PACKAGES])
    if len(differing) > SHOWN_PACKAGES:
        text += f" and {len(differing) - SHOWN_PACKAGES} more"
    return text


def cause_text(culprits: Sequence[str], tried: int) -> str:
    """Return what makes the difference, after some packages were flipped one at a time."""
    return f"library.version: {culprits_text(culprits, tried)}"


def cell_error_text(error: SkewtestError) -> str:
    """Return why a cell of the matrix cannot run, in the words of whoever refused."""
    if not isinstance(error, CannotLoadError):
        return str(error)
    reason = getattr(error.error, "remote_traceback", "") or str(error.error)
    if isinstance(error.error, ProcessDiedError):
        reason = f"its process ended: {error.error.how}\n{error.error.last}"
    return f"the code does not import in {error.runtime.name!r}\n\n{reason.rstrip()}"


def spread_lines(spread: model.Spread) -> list[str]:
    """Return what changes from version to version, a line for each feature and side."""
    lines = []
    for parting in spread.partings:
        explained = "; ".join(parting.thresholds[:SHOWN_THRESHOLDS])
        if not parting.thresholds:
            # Where no package's order of versions explains it, the environments alone are named.
            explained = " | ".join(", ".join(group) for group in parting.groups)
        unshown = len(parting.thresholds) - SHOWN_THRESHOLDS
        if unshown > 0:
            explained += f"; and {unshown} more packages"
        feature = f"{spread.view}.{parting.feature}"
        lines.append(f"{feature}: {parting.side} changes between versions: {explained}")
    return lines


def place_text(value: Any) -> str:
    """Return what an environment has in one place, as text."""
    # Objects show their address, which differs from process to process and is no difference.
    if isinstance(value, list | dict):
        return shorten(ADDRESS.sub("0x", spell(value)))
    return value_text(value)
