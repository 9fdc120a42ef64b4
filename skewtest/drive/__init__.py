"""Drive: run the batch implementation once a pack, the online one event by event.

narwhals reads the frames of other libraries than polars and pandas: `foreign` is loaded when there
is one.
"""

from typing import TYPE_CHECKING

from skewtest.lazy import lazy_names

if TYPE_CHECKING:
    from skewtest.drive import foreign as foreign
else:
    __getattr__ = lazy_names(__name__, {"foreign": "skewtest.drive.foreign"})
