"""Run: search for divergences, confirm and minimise them.

What minimises, and what holds rows to a declared law, is loaded when there is something to
minimise or to hold: most checks find nothing.
"""

from typing import TYPE_CHECKING

from skewtest.lazy import lazy_names

if TYPE_CHECKING:
    from skewtest.run import inexact as inexact
    from skewtest.run import minimise as minimise
else:
    __getattr__ = lazy_names(
        __name__,
        {"inexact": "skewtest.run.inexact", "minimise": "skewtest.run.minimise"},
    )
