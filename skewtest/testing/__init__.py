"""Testing: what authors of sides and plugins hold their work to."""

from skewtest.testing.conformance import check_side

__all__ = ["check_side"]
