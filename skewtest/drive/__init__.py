"""Drive: run the batch implementation once a pack, the online one event by event.

What few checks need is loaded when one does: `foreign`, with narwhals, for frames of other
libraries than polars and pandas; `awaiting`, with asyncio, for coroutines.
"""

from typing import TYPE_CHECKING

from skewtest.lazy import lazy_names

if TYPE_CHECKING:
    from skewtest.drive import awaiting as awaiting
    from skewtest.drive import foreign as foreign
else:
    __getattr__ = lazy_names(
        __name__,
        {"awaiting": "skewtest.drive.awaiting", "foreign": "skewtest.drive.foreign"},
    )
