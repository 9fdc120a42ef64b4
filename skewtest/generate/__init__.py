"""Generate: Hypothesis draws small plans, numpy fills histories, many histories share a pack.

Hypothesis takes a fifth of what the first check imports, and only columns that are declared by a
strategy need it: so `pools` is loaded when there is one.
"""

from typing import TYPE_CHECKING

from skewtest.lazy import lazy_names

if TYPE_CHECKING:
    from skewtest.generate import pools as pools
else:
    __getattr__ = lazy_names(__name__, {"pools": "skewtest.generate.pools"})
