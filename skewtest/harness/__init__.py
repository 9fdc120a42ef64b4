"""The pytest run.

`skewtest.plugin` and what it imports at once (`options`, `gathering`, `families`) import pytest
alone. The rest is loaded from here: `project` where pyproject.toml speaks of skewtest, `scheduling`
under pytest-xdist, `bar` on a terminal; and `run`, with all of skewtest, at the first view.
"""

from typing import TYPE_CHECKING

from skewtest.lazy import lazy_names

if TYPE_CHECKING:
    from skewtest.harness import bar as bar
    from skewtest.harness import project as project
    from skewtest.harness import run as run
    from skewtest.harness import scheduling as scheduling
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "bar": "skewtest.harness.bar",
            "scheduling": "skewtest.harness.scheduling",
            "project": "skewtest.harness.project",
            "run": "skewtest.harness.run",
        },
    )
