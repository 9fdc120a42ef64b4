"""The document that a report is."""

from typing import Literal

from skewtest.report.model.origin import Run, View
from skewtest.report.model.outcome import Compared, Matrix, Outcome, Spread
from skewtest.results.values import Part

VERSION = 3

Verdict = Literal["parity", "skew", "incomplete"]


class Report(Part, frozen=True, kw_only=True):
    """A parity report.

    `verdict` is "parity" where every outcome that gates is ok and nothing is missing, "skew" where
    one is not, else "incomplete"; `ok` is true for parity alone. Where a whole shard is lost it is
    "incomplete" whatever the others found.
    """

    version: int = VERSION
    verdict: Verdict
    ok: bool
    incomplete: list[str]
    run: Run | None
    views: list[View]
    outcomes: list[Outcome]
    compared: list[Compared]
    versions: list[Spread]
    matrix: Matrix | None
