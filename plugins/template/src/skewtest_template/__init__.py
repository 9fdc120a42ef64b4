"""The shape of a skewtest plugin: one side. Copy it to begin one."""

from skewtest_template.side import StoreSide

__version__ = "0.1.0"

__all__ = ["StoreSide"]
