"""Run: search for divergences, confirm and minimise them.

What minimises is loaded when there is something to minimise: most checks find nothing.
"""

from typing import TYPE_CHECKING

from skewtest.lazy import lazy_names

if TYPE_CHECKING:
    from skewtest.run import minimise as minimise
else:
    __getattr__ = lazy_names(__name__, {"minimise": "skewtest.run.minimise"})
