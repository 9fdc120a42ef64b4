"""What a run says: the only place that makes sentences.

The formats load rich, jinja2 and pygments, and a check that finds nothing needs none of them: so
`skewtest.report.result` takes them from here, where they are loaded when a text is asked for.
"""

from typing import TYPE_CHECKING

from skewtest.lazy import lazy_names

if TYPE_CHECKING:
    from skewtest.report import assembly as assembly
    from skewtest.report import terminal as terminal
    from skewtest.report.formats import notebook as notebook
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "assembly": "skewtest.report.assembly",
            "terminal": "skewtest.report.terminal",
            "notebook": "skewtest.report.formats.notebook",
        },
    )
