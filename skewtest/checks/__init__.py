"""The questions that are asked with the engine.

What asks a reference is loaded for a view that has one: most have none.
"""

from typing import TYPE_CHECKING

from skewtest.lazy import lazy_names

if TYPE_CHECKING:
    from skewtest.checks import opinions as opinions
    from skewtest.checks import third as third
else:
    __getattr__ = lazy_names(
        __name__,
        {"opinions": "skewtest.checks.opinions", "third": "skewtest.checks.third"},
    )
