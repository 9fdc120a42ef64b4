"""The trend page: each feature over time."""

from collections.abc import Sequence

from skewtest.report.formats.html import page
from skewtest.report.trend import Point, heights, streaks


def trend_page(points: Sequence[Point], broken: Sequence[str] = ()) -> str:
    """Return the runs of a history file as a page that needs no network.

    Args:
        points: the runs, from first to last; at least one.
        broken: what of the file could not be read.
    """
    return page(
        "trend.html.j2",
        {"points": points, "streaks": streaks(points), "broken": broken, "heights": heights},
    )
