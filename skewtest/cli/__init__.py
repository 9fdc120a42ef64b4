"""The command line.

`main`, `corpora`, `environments` and `reports` hold the commands: their options and help texts,
which import typer alone. What a command does is in the module of its own that is loaded from here
when the command runs.
"""

from typing import TYPE_CHECKING

from skewtest.lazy import lazy_names

if TYPE_CHECKING:
    from skewtest.cli import building as building
    from skewtest.cli import certifying as certifying
    from skewtest.cli import checking as checking
    from skewtest.cli import keeping as keeping
    from skewtest.cli import rendering as rendering
    from skewtest.cli import upgrading as upgrading
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "building": "skewtest.cli.building",
            "certifying": "skewtest.cli.certifying",
            "checking": "skewtest.cli.checking",
            "keeping": "skewtest.cli.keeping",
            "rendering": "skewtest.cli.rendering",
            "upgrading": "skewtest.cli.upgrading",
        },
    )
